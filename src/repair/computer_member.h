/*
 * computer_member.h - this computer as a Samba member of a domain: what its configuration says, the
 * secret that it keeps, and how it is given another one. All of it through Samba's own commands
 * (testparm, net, wbinfo) and, to read the secret, tdbdump of the tdb-tools. At the edge: runs
 * programs and waits for them. The readers of what they say are pure.
 */
#ifndef NT_REPAIR_COMPUTER_MEMBER_H
#define NT_REPAIR_COMPUTER_MEMBER_H

#include "base/nttime.h"
#include "base/secret.h"
#include "base/sid.h"
#include "base/status.h"

#define NT_MEMBER_NAME  64  /* bytes of a NetBIOS name with its NUL */
#define NT_MEMBER_REALM 256 /* of a DNS name */
#define NT_MEMBER_PATH  512
#define NT_MEMBER_WHY   400

/* --- the configuration: testparm(1) --- */

struct nt_member {
    char config[NT_MEMBER_PATH]; /* the file; "": Samba's usual one */
    char computer[NT_MEMBER_NAME], domain[NT_MEMBER_NAME];
    char realm[NT_MEMBER_REALM]; /* "" for an NT-style domain */
    char private_dir[NT_MEMBER_PATH];
    bool is_member;      /* security = domain or ads */
    bool ads;            /* security = ads */
    bool keytab;         /* kerberos method: a keytab holds keys made of the secret */
    uint32_t interval_s; /* machine password timeout; 0: never */
};

/* config NULL: Samba's usual file. False: there is no Samba, or its configuration cannot be read;
 * why[] says which. */
bool nt_member_read(const char *config, struct nt_member *out, char *why, size_t why_size);
/* The same from what `testparm -s -v` says. False: it names no computer. */
bool nt_member_parse(const char *text, struct nt_member *out);

/* --- the secret that is kept --- */

enum nt_member_found {
    NT_MEMBER_UNSEEN, /* it cannot be read: why[] */
    NT_MEMBER_DENIED, /* the same, since this user may not: neither may Samba's commands */
    NT_MEMBER_NONE,   /* there is none: the computer has not joined */
    NT_MEMBER_SECRET
};

struct nt_member_secret {
    enum nt_member_found found;
    struct nt_secret current, previous; /* NT hashes; len 0: none */
    nt_time changed;                    /* 0: not known */
    char why[NT_MEMBER_WHY];
};

/* Out of secrets.tdb by tdbdump(8); nothing is written. The caller wipes *out. */
void nt_member_secret(const struct nt_member *m, struct nt_member_secret *out);
void nt_member_secret_wipe(struct nt_member_secret *s);
/* Out of a file with the secret in its only line, which nobody but its owner may read: as its hash,
 * or as the text itself (the caller wipes it). */
bool nt_member_secret_file(const char *path, struct nt_member_secret *out);
bool nt_member_secret_text(const char *path, char *text, size_t size, char *why, size_t why_size);
/* What `tdbdump -k` says of one record: "\\EE\\AEabc\\00". False: no such text, or it is too long.
 */
bool nt_member_record(const char *text, uint8_t *out, size_t size, size_t *len);

/* The SID that the member has for its domain, by `net getdomainsid`. False: none. */
bool nt_member_domain_sid(const struct nt_member *m, struct nt_sid *out);
bool nt_member_sid_parse(const char *text, struct nt_sid *out);

/* Controllers of its domain as Samba finds them (broadcast, WINS, `password server`), the PDC
 * first, separated by spaces as in channel/servers.h; by `net lookup`. False: none. */
bool nt_member_controllers(const struct nt_member *m, char *out, size_t size);

/* --- what Samba itself makes of it --- */

/* Joined and proven at that controller, by `net rpc testjoin -S`, with the secret that is kept,
 * whether we can read it or not. *status: what the controller answered, as far as it is one of
 * those that matter here, else UNSUCCESSFUL. False: it could not be run. */
bool nt_member_testjoin(const struct nt_member *m, const char *host, ntstatus *status, char *why,
                        size_t why_size);
ntstatus nt_member_testjoin_parse(int code, const char *text);

enum nt_member_winbind { NT_WINBIND_UNSEEN, NT_WINBIND_DOWN, NT_WINBIND_GOOD, NT_WINBIND_BAD };
/* winbindd's own channel, proven now, by `wbinfo -t`. why: what it said when BAD. UNSEEN: there is
 * none of this configuration, or this user may not ask. */
enum nt_member_winbind nt_member_winbind(const struct nt_member *m, char *why, size_t why_size);

enum nt_member_keytab { NT_KEYTAB_UNSEEN, NT_KEYTAB_GOOD, NT_KEYTAB_BAD };
/* Whether the domain takes the keys of the keytab, by `kinit -k`; no ticket is kept. UNSEEN: there
 * is none, or it could not be told. */
enum nt_member_keytab nt_member_keytab(const struct nt_member *m);

/* --- a new one --- */

/* Whether this user may store one: nothing is changed. */
bool nt_member_may_store(const struct nt_member *m, char *why, size_t why_size);
/* By `net changesecretpw`, on its standard input; what was the secret is kept there as the previous
 * one. False: why[]; it may have been stored all the same. */
bool nt_member_store(const struct nt_member *m, const char *secret, char *why, size_t why_size);
/* Makes the keys of the keytab anew from the secret that is stored now, as the computer itself, by
 * `net ads keytab create -P`. */
bool nt_member_renew_keytab(const struct nt_member *m, char *why, size_t why_size);

#endif
