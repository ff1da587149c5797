/*
 * ntrust.h - a trust between two domains (Active Directory's or NT's, of Samba, Windows or
 * ntrustd), checked and mended from both of its ends: what ntrust(1) does for a person, for
 * programs.
 *
 * A struct ntrust is one trust: its two ends, who administers them, and what was seen of it.
 *
 *   struct ntrust *t = ntrust_new();
 *   struct ntrust_verdict v;
 *   if (ntrust_set_end(t, 0, "WEST@dc1.west.example") == NTRUST_OK &&
 *       ntrust_set_end(t, 1, "east.example") == NTRUST_OK &&
 *       ntrust_set_password(t, 0, "WEST\\Administrator", password) == NTRUST_OK &&
 *       ntrust_set_kerberos(t, 1) == NTRUST_OK &&
 *       ntrust_check(t) == NTRUST_OK && ntrust_get_verdict(t, &v, sizeof v) == NTRUST_OK)
 *       puts(v.verdict);
 *   else
 *       puts(ntrust_error(t));
 *   ntrust_free(t);
 *
 * Rules for all of it:
 *
 * Nothing is printed, logged or asked for; no signal handler is set, SIGPIPE cannot come out of a
 * call, and no call ends the process. There is no state outside of the handles: any number may be
 * used at the same time, each by one thread at a time. A call on a handle that is in use, by
 * another thread or from its own callback, is refused with NTRUST_E_BUSY and does nothing; those
 * that only read (ntrust_get_*, ntrust_error) are not for that moment at all, except in a callback.
 *
 * Texts are UTF-8, in English, and the handle's: they stay until the next call that takes it as
 * `struct ntrust *` (not const). What is passed in is copied. Passwords are kept as their hash
 * only; hashes, and the secrets of trusts, are wiped before their memory is let go.
 *
 * A function that fails changes nothing but the text of ntrust_error, unless it says otherwise.
 *
 * The structs may get more members at their end in a later version: each ntrust_get_* takes the
 * size that the caller knows, and fills that much of it.
 */
#ifndef NTRUST_NTRUST_H
#define NTRUST_NTRUST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ntrust;

enum ntrust_result {
    NTRUST_OK = 0,
    NTRUST_E_ARGUMENT,  /* an argument breaks its form, or something before it is missing */
    NTRUST_E_MEMORY,    /* out of memory */
    NTRUST_E_FILE,      /* a file cannot be read, breaks its form, or is open to others */
    NTRUST_E_BUSY,      /* the handle is in use */
    NTRUST_E_REFUSED,   /* it cannot or must not be done; both ends are as they were */
    NTRUST_E_HALF,      /* a call failed after a change had begun: do it again */
    NTRUST_E_NOT_PROVEN /* both ends are changed, but not every controller proves it yet */
};

/* --- the handle --- */

/* NULL: no memory, or the system gives no randomness. */
struct ntrust *ntrust_new(void);
void ntrust_free(struct ntrust *t); /* closes, wipes; NULL is fine */

/* Why the last call on the handle failed: a sentence, or "". */
const char *ntrust_error(const struct ntrust *t);
const char *ntrust_version(void); /* of the library: "0.1.0" */

/* --- the two ends: numbers 0 and 1 --- */

/*
 * Names that ntrust_set_end will know, from a file in the form of ntrust-check(1); NULL:
 * ~/.config/ntrust/ends.ini, which may be missing. Without this call no file is read.
 * NTRUST_E_FILE: ntrust_error has the line.
 */
enum ntrust_result ntrust_load_ends(struct ntrust *t, const char *path);

/*
 * The domain at an end, as the command line names it: DOMAIN (its NetBIOS or DNS name),
 * DOMAIN@SERVER,SERVER..., or a name of the ends file. Forgets what was set for that end before.
 */
enum ntrust_result ntrust_set_end(struct ntrust *t, unsigned end, const char *name);

/* Its controllers, instead of those that are named already or would be looked for: "HOST",
 * "HOST:PORT", "smb:HOST:PORT", with spaces between them; the first one is used for changes. */
enum ntrust_result ntrust_set_servers(struct ntrust *t, unsigned end, const char *servers);

/*
 * Who its administrator is; the last of these calls counts. Without any it is whom the ends file
 * names; else nobody, and of the end is seen what it tells to all, and what the other one sees.
 *
 * user: "NAME" or "DOMAIN\\NAME"; NULL: the user that the ends file names.
 */
enum ntrust_result ntrust_set_password(struct ntrust *t, unsigned end, const char *user,
                                       const char *password);
/* The file, of mode 0600, is read when it is needed: "username = ", "password = ", "domain = ". */
enum ntrust_result ntrust_set_credentials_file(struct ntrust *t, unsigned end, const char *path);
/* The ticket cache of this process (KRB5CCNAME). The servers have to be host names then. */
enum ntrust_result ntrust_set_kerberos(struct ntrust *t, unsigned end);
/* Where the ends file names nobody: NTRUST_USER_END and NTRUST_PASSWORD_END of the environment, as
 * ntrust-check(1) has them; nobody where they are not set. Without this call they are not read. */
enum ntrust_result ntrust_set_environment(struct ntrust *t, unsigned end);

/* --- how --- */

/* Told before each step: the controller, and what is asked of it, for a person who waits. Called
 * one at a time, by the call's thread or by others that the call has started. NULL: nobody. */
typedef void ntrust_progress_fn(void *ctx, const char *host, const char *step);
enum ntrust_result ntrust_on_progress(struct ntrust *t, ntrust_progress_fn *progress, void *ctx);

/* Milliseconds for all that one controller is asked; 0: the usual 30 s, or 120 s of a change. */
enum ntrust_result ntrust_set_timeout(struct ntrust *t, uint32_t timeout_ms);
/* Milliseconds that a change waits at its end for every controller to prove the trust; at first
 * 30,000. */
enum ntrust_result ntrust_set_patience(struct ntrust *t, uint32_t patience_ms);

/* --- check --- */

enum ntrust_grade { NTRUST_GOOD, NTRUST_WARNING, NTRUST_CRITICAL, NTRUST_UNKNOWN };

/*
 * Looks at the trust from both ends: every controller that is known is asked. Blocks. Changes
 * nothing but the controllers' memory of their partners (they set their secure channels up anew).
 * NTRUST_OK also for a trust that is broken, or could not be seen: that is the verdict's to say.
 * NTRUST_E_ARGUMENT, NTRUST_E_FILE: an end or its administrator is not told well enough to begin.
 */
enum ntrust_result ntrust_check(struct ntrust *t);

/* What follows from what was seen last, by a check or a change. Texts are "" where there is
 * nothing to say. */
struct ntrust_verdict {
    enum ntrust_grade grade; /* of the whole trust; the exit codes of monitoring plug-ins */
    const char *reason;      /* one word for programs: "removed-at-trusted-end"; "" when good */
    const char *verdict;     /* a sentence */
    const char *fault;       /* the domain at fault, "the network", "" */
    const char *cause;
    const char *remedy; /* a command line where there is one */
    size_t findings;    /* ntrust_get_finding takes 0 to findings - 1 */
};
/* NTRUST_E_ARGUMENT, as for the others: nothing was looked at yet. */
enum ntrust_result ntrust_get_verdict(const struct ntrust *t, struct ntrust_verdict *out,
                                      size_t size);

/* The groups that a verdict is made of, in the order in which they are judged: network, clock,
 * crypto, halves, passwords, policy. What follows a critical one is not judged. */
struct ntrust_finding {
    const char *group;
    int judged; /* 0: not, and grade says nothing */
    enum ntrust_grade grade;
    const char *text;
};
enum ntrust_result ntrust_get_finding(const struct ntrust *t, size_t index,
                                      struct ntrust_finding *out, size_t size);

/* --- facts --- */

/* Whether something was asked for, and answered. */
enum ntrust_seen { NTRUST_NOT_ASKED, NTRUST_SEEN, NTRUST_NOT_SEEN };

struct ntrust_end {
    const char *named;      /* as ntrust_set_end has it, without servers */
    int seen;               /* 1: a controller told who it is, so the following are its words */
    const char *name, *dns; /* NetBIOS and DNS name; dns "" for an NT-style domain */
    const char *sid;        /* "S-1-5-21-..." */
    size_t controllers;     /* ntrust_get_controller takes 0 to controllers - 1 */
    size_t main;            /* the one whose view counts; controllers: none was seen */
    const char *lost;       /* without controllers: why none is known */
};
enum ntrust_result ntrust_get_end(const struct ntrust *t, unsigned end, struct ntrust_end *out,
                                  size_t size);

/* One controller of an end, and what it has of the trust. An *_error is a sentence where the
 * controller did not answer, else "". */
struct ntrust_controller {
    const char *host;
    enum ntrust_seen reached;
    const char *reached_error;
    int anonymous; /* 1: without an administrator of its domain: what it tells to all */
    int primary;   /* 1: the domain's primary controller */
    int protection_known, is_signed, is_encrypted; /* of the session with it */
    int clock_known;
    int64_t clock_ahead_ms; /* of this computer's clock */

    /* the trusted domain object for the other end; [MS-LSAD] 2.2.7.9 */
    enum ntrust_seen object;
    const char *object_error;
    int object_exists; /* the following are 0 and "" without */
    const char *object_name, *object_dns, *object_sid;
    uint32_t direction;  /* 1: the other end trusts this one, 2: this one trusts it, 3: both */
    uint32_t type;       /* 1: NT-style, 2: Active Directory */
    uint32_t attributes; /* [MS-ADTS] 6.1.6.7.9 */
    int encryption_known;
    uint32_t encryption_types; /* [MS-KILE] 2.2.7 */

    /* the other end's interdomain trust account */
    enum ntrust_seen account;
    const char *account_error;
    int account_exists, account_disabled;
    const char *account_type;     /* "interdomain trust", or what else it is */
    int64_t account_password_set; /* seconds since 1970-01-01 UTC; 0: never */

    /* its secure channel to the other end, where it trusts that; proven now */
    enum ntrust_seen channel;
    const char *channel_error;
    uint32_t channel_code; /* Win32 code; 0: good */
    const char *channel_code_name;
    const char *channel_controller; /* the other end's, "" for none */

    /* after a change: whether, and after how long, it showed here */
    int shown;
    uint64_t shown_ms;
};
enum ntrust_result ntrust_get_controller(const struct ntrust *t, unsigned end, size_t index,
                                         struct ntrust_controller *out, size_t size);

/* --- changes --- */

enum ntrust_goal {
    NTRUST_RESET,     /* good again, with as little change as that takes */
    NTRUST_RECREATE,  /* both halves deleted and made anew, as end 0 has the trust */
    NTRUST_PASSWORD,  /* new secrets alone: nothing is made, deleted or set besides */
    NTRUST_ROTATE,    /* the systems of a trust that works change its secrets themselves */
    NTRUST_ESTABLISH, /* a new trust: ntrust_set_kind first */
    NTRUST_REMOVE     /* both halves deleted; what is not there is no failure */
};

/*
 * A directory, which exists, for notes of what a reset finds before it changes it (kind, direction
 * and attributes, no secrets): a file for each pair of domains, gone when the change is done. With
 * it a run that was killed between deleting an object and making it anew is finished in full by the
 * next within a day; ntrust(1) has them in ~/.local/state/ntrust. NULL, as at first: none, and the
 * two ends are changed one after the other.
 */
enum ntrust_result ntrust_set_notes(struct ntrust *t, const char *directory);

/* What NTRUST_ESTABLISH makes. trusts: 1: end 0 trusts end 1, whose users it may then let in; 2:
 * end 1 trusts end 0; 3: both. forest: 1 for a forest trust; 0 for an external one, NT-style where
 * either domain is. */
enum ntrust_result ntrust_set_kind(struct ntrust *t, unsigned trusts, int forest);

/*
 * Looks, works out what a change would do at either end, and tries the rights at both: a dry run.
 * NTRUST_E_REFUSED: it cannot or must not be done; ntrust_error says why.
 */
enum ntrust_result ntrust_plan(struct ntrust *t, enum ntrust_goal goal);

/*
 * Looks, plans, tries the rights at both ends, and only then changes them; at last has every
 * controller show it: prove the trust, or for NTRUST_REMOVE that nothing of it is left. Blocks.
 * Ended at any point, it is finished by another call; a new trust whose second half fails is taken
 * back. NTRUST_E_REFUSED, NTRUST_E_HALF, NTRUST_E_NOT_PROVEN: ntrust_error and ntrust_get_outcome
 * say more. After NTRUST_OK and NTRUST_E_NOT_PROVEN verdict and facts are from after the change.
 */
enum ntrust_result ntrust_change(struct ntrust *t, enum ntrust_goal goal);

/* What the last plan, or change, does at that end: a sentence, "" for nothing. */
const char *ntrust_get_plan(const struct ntrust *t, unsigned end);

/* Of the last change. */
struct ntrust_outcome {
    int changed;             /* 1: something was changed, or may have been */
    int undone;              /* 1: and was taken back */
    int failed_end;          /* 0 or 1, whose controller refused or did not answer; -1: neither's */
    const char *failed_kind; /* "network", "credentials", "rights", "missing", ...; "" */
    const char *failed_status; /* "ACCESS_DENIED"; "" */
    int proven;                /* 1: every controller that was reached shows it */
    uint64_t proven_ms;        /* from the change until then, or until patience ended */
};
/* NTRUST_E_ARGUMENT: the last ntrust_change came to no change. */
enum ntrust_result ntrust_get_outcome(const struct ntrust *t, struct ntrust_outcome *out,
                                      size_t size);

#ifdef __cplusplus
}
#endif

#endif
