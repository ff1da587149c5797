#include "repair/computer_reset.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/owf.h"

#define SECRET_CHARS 120 /* UTF-16 units, as the systems' own: field guide 1.4 */
#define PAUSE_MS     250 /* between two looks */
#define HAND_TRIES   2   /* it may be disturbed (a lock, a full disk), and does no harm twice */

static bool say(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Always false. */
static bool say(char *why, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, size, fmt, ap);
    va_end(ap);
    return false;
}

/* --- the secret --- */

struct secret {
    char text[SECRET_CHARS + 1];
    struct nt_password password;
    struct nt_secret hash;
};

static void wipe(struct secret *s)
{
    nt_wipe(s->text, sizeof s->text);
    nt_password_wipe(&s->password);
    nt_secret_wipe(&s->hash);
}

static bool finish(struct secret *s)
{
    return nt_password_from_utf8(&s->password, s->text) && nt_owf_text(s->text, &s->hash) == NT_OK;
}

/* Letters and digits, 6 bits each: 720 in all, of every kind that a policy may ask for, and the
 * same bytes in every character set, whatever Samba's `unix charset` is. */
static bool make(const struct nt_env *env, struct secret *s)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t b[SECRET_CHARS];
    nt_random(env, b, sizeof b);
    for (size_t i = 0; i < SECRET_CHARS; i++)
        s->text[i] = letters[b[i] & 63];
    s->text[SECRET_CHARS] = '\0';
    nt_wipe(b, sizeof b);
    return finish(s);
}

/* --- the secret in a file --- */

static bool write_file(const char *path, const struct secret *s, char *why, size_t size)
{
    char line[SECRET_CHARS + 2], dir[NT_MEMBER_PATH];
    snprintf(line, sizeof line, "%s\n", s->text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        nt_wipe(line, sizeof line);
        return say(why, size, "%s: %s", path, strerror(errno));
    }
    bool ok = write(fd, line, strlen(line)) == (ssize_t)strlen(line) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    nt_wipe(line, sizeof line);
    if (!ok) {
        say(why, size, "%s: %s", path, strerror(errno));
        unlink(path);
        return false;
    }
    snprintf(dir, sizeof dir, "%s", path);
    fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); /* the name, too */
        close(fd);
    }
    return true;
}

/* What an earlier run has left. */
static bool read_file(const char *path, struct secret *s, char *why, size_t size)
{
    char text[SECRET_CHARS + 3]; /* room to see that it is a longer one */
    if (!nt_member_secret_text(path, text, sizeof text, why, size))
        return false;
    bool ours = strlen(text) == SECRET_CHARS;
    if (ours)
        memcpy(s->text, text, sizeof s->text);
    nt_wipe(text, sizeof text);
    return (ours && finish(s)) ||
           say(why, size,
               "%s has a secret that is not this command's: name a file that is not there yet",
               path);
}

static bool prepare(const struct nt_env *env, const char *file, struct secret *s, char *why,
                    size_t size)
{
    if (file != NULL && access(file, F_OK) == 0)
        return read_file(file, s, why, size);
    if (!make(env, s))
        return say(why, size, "no secret could be made");
    return file == NULL || write_file(file, s, why, size);
}

/* --- the change --- */

/* Nobody is to interrupt us between the two sides; Ctrl-C waits that long. */
static void hold_signals(sigset_t *before)
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigprocmask(SIG_BLOCK, &held, before);
}

static bool set_account(struct nt_computer_look *l, const struct nt_computer_plan *plan,
                        const struct nt_computer_facts *f, const struct secret *s)
{
    struct nt_admin *a = l->admin[f->main];
    return plan->create ? nt_admin_machine_create(a, f->computer, &s->password)
                        : nt_admin_machine_set(a, f->computer, &s->password);
}

/* What the member has stored is what we have given it, as far as we can see. */
static bool is_stored(const struct nt_member *m, const struct secret *s)
{
    struct nt_member_secret now;
    nt_member_secret(m, &now);
    bool other = now.found == NT_MEMBER_SECRET && !nt_secret_equal(&now.current, &s->hash);
    nt_member_secret_wipe(&now);
    return !other;
}

static bool hand(const struct nt_member *m, const struct secret *s, char *why, size_t size)
{
    bool stored = false;
    for (int i = 0; i < HAND_TRIES && !stored; i++)
        stored = nt_member_store(m, s->text, why, size);
    if (!stored)
        return false;
    return is_stored(m, s) ||
           say(why, size,
               "net changesecretpw says that it has stored the secret, but %s has "
               "another one",
               m->private_dir);
}

static void change(struct nt_computer_look *l, const struct nt_computer_plan *plan,
                   const struct nt_computer_facts *f, const struct secret *s,
                   struct nt_computer_result *out)
{
    const struct nt_admin *a = l->admin[f->main];
    if (!set_account(l, plan, f, s)) {
        const struct nt_admin_error *e = nt_admin_error(a);
        /* An answer says that it was not done; without one, or between its two steps, it may have
         * been. */
        bool unclear = (e->kind == NT_ADMIN_NETWORK && e->step[0] != '\0') || plan->enable;
        out->stage = unclear ? NT_STAGE_ACCOUNT : NT_STAGE_BEFORE;
        snprintf(out->why, sizeof out->why, "%s", e->text);
        return;
    }
    out->stage = NT_STAGE_ACCOUNT;
    if (!plan->hand || hand(l->member, s, out->why, sizeof out->why))
        out->stage = NT_STAGE_SET;
}

/* --- the proof --- */

static uint64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool all_accept(const struct nt_computer_facts *f)
{
    size_t count = 0;
    for (size_t k = 0; k < f->count; k++) {
        const struct nt_trial *t = &f->dc[k].trial;
        if (t->end == NT_TRIAL_CURRENT)
            count++;
        else if (t->end != NT_TRIAL_FAILED)
            return false;
    }
    return count > 0;
}

static void prove(struct nt_computer_look *l, const struct nt_computer_plan *plan,
                  const struct secret *s, uint32_t patience_ms, struct nt_computer_facts *f,
                  struct nt_computer_result *out)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
    struct nt_member_secret now = { .found = NT_MEMBER_SECRET, .current = s->hash };
    const struct nt_member_secret *before = l->secret;
    uint64_t began = now_ms();
    bool from_file = l->from_file;
    now.changed = nt_now(l->env);
    l->secret = &now;
    l->from_file = !plan->hand;
    for (;;) {
        nt_computer_look_again(l, f);
        if (all_accept(f) || now_ms() - began >= patience_ms)
            break;
        nanosleep(&pause, NULL);
    }
    out->proven_ms = now_ms() - began;
    if (all_accept(f))
        out->stage = NT_STAGE_PROVEN;
    else
        snprintf(out->why, sizeof out->why, "not every controller of %s accepts it yet",
                 nt_computer_domain(f));
    l->secret = before;
    l->from_file = from_file;
    nt_member_secret_wipe(&now);
    ntstatus status;
    if (plan->hand)
        out->samba_proves = nt_member_testjoin(l->member, f->dc[f->main].host, &status,
                                               out->samba_says, sizeof out->samba_says) &&
                            nt_status_ok(status);
    if (plan->hand && l->member->keytab)
        out->keytab_renewed =
            nt_member_renew_keytab(l->member, out->keytab_why, sizeof out->keytab_why);
    nt_computer_look_winbind(l, f);
}

void nt_computer_reset(struct nt_computer_look *l, const struct nt_computer_plan *plan,
                       const char *file, uint32_t patience_ms, struct nt_computer_facts *f,
                       struct nt_computer_result *out)
{
    struct secret s = { .text = "" };
    sigset_t before;
    *out = (struct nt_computer_result){ .stage = NT_STAGE_BEFORE };
    if (!nt_admin_machine_may_set(l->admin[f->main], f->computer)) {
        snprintf(out->why, sizeof out->why, "%s", nt_admin_error(l->admin[f->main])->text);
        return;
    }
    if (plan->hand && !nt_member_may_store(l->member, out->why, sizeof out->why))
        return;
    if (prepare(l->env, file, &s, out->why, sizeof out->why)) {
        hold_signals(&before);
        change(l, plan, f, &s, out);
        sigprocmask(SIG_SETMASK, &before, NULL);
        if (out->stage == NT_STAGE_SET)
            prove(l, plan, &s, patience_ms, f, out);
    }
    wipe(&s);
}
