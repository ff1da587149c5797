/*
 * api_reset.c - reset codes: one end of a trust makes one, the other takes it. What was typed is
 * judged whole before anything is changed or told to anybody: a typing error costs nothing.
 */
#include "daemon/api_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "domain/reset_code.h"
#include "service/chains.h"
#include "service/logon.h"

struct reset {
    struct nt_request *rq;
    struct nt_dir *dir; /* as it was when the request came */
    char name[NT_API_NAME];
    const char *own;
    char servers[2048];
    bool has_servers, dry_run;
    nt_time now;
    struct nt_reset_code code;
    struct nt_reset_new change;
};

static ntstatus do_reset(struct nt_txn *txn, void *ctx, struct nt_why *why)
{
    struct reset *r = ctx;
    return nt_op_reset(txn, &r->change, r->rq->who, "", why);
}

/* Fails with the kind of mistake beside the text, for programs that ask again. */
static void __attribute__((format(printf, 4, 5)))
mistaken(struct reset *r, const char *kind, const char *next, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    nt_api_fail(r->rq, NT_STATUS(INVALID_PARAMETER), text, next);
    json_object_set_new(json_object_get(r->rq->answer, "error"), "mistake", json_string(kind));
}

/* --- which halves --- */

static const struct nt_tdo *outbound(const struct nt_dir *dir, const char *name)
{
    const struct nt_tdo *t = nt_dir_tdo(dir, name);
    return t != NULL && (t->direction & 2) != 0 ? t : NULL;
}

static enum nt_reset_ends ends_here(const struct reset *r)
{
    return (outbound(r->dir, r->name) != NULL ? NT_RESET_TRUSTING : 0) |
           (nt_dir_permit(r->dir, r->name) != NULL ? NT_RESET_TRUSTED : 0);
}

static json_t *ends_json(enum nt_reset_ends ends)
{
    json_t *list = json_array();
    if ((ends & NT_RESET_TRUSTING) != 0)
        json_array_append_new(list, json_string("trusting"));
    if ((ends & NT_RESET_TRUSTED) != 0)
        json_array_append_new(list, json_string("trusted"));
    return list;
}

/* "end" of the body, else what is here; 0 and failed when there is neither. */
static enum nt_reset_ends wanted_ends(struct reset *r)
{
    const char *end = nt_api_text(r->rq, "end", false);
    char next[200];
    enum nt_reset_ends ends = 0;
    if (nt_api_failed(r->rq))
        return 0;
    if (end == NULL)
        ends = ends_here(r);
    else if (strcmp(end, "trusting") == 0)
        ends = NT_RESET_TRUSTING;
    else if (strcmp(end, "trusted") == 0)
        ends = NT_RESET_TRUSTED;
    else if (strcmp(end, "both") == 0)
        ends = NT_RESET_BOTH;
    if (ends == 0 && end != NULL) {
        nt_api_fail(r->rq, NT_STATUS(INVALID_PARAMETER),
                    "'end' must be \"trusting\", \"trusted\" or \"both\"", "");
    } else if (ends == 0) {
        snprintf(next, sizeof next,
                 "ntrust reset --here %.60s --as trusted, if this end has the users; else --as "
                 "trusting, or --as both",
                 r->name);
        nt_api_fail(r->rq, NT_STATUS(OBJECT_NAME_NOT_FOUND),
                    "this domain has no half of a trust with that one: say which end this is",
                    next);
    }
    return ends;
}

/* --- what both requests share --- */

static bool begin(struct reset *r, struct nt_request *rq)
{
    struct nt_arena arena;
    *r = (struct reset){ .rq = rq, .now = nt_now(rq->service->env), .dir = nt_api_dir(rq) };
    nt_arena_init(&arena, 1024);
    const char *upper = nt_name_fold(&arena, rq->name);
    snprintf(r->name, sizeof r->name, "%s", upper != NULL ? upper : rq->name);
    nt_arena_free(&arena);
    r->own = nt_dir_domain(r->dir)->name;
    nt_api_bool(rq, "dry_run", &r->dry_run);
    if (nt_api_failed(rq) || !nt_api_servers(rq, r->servers, sizeof r->servers, &r->has_servers))
        return false;
    if (!nt_netbios_name_ok(r->name) || nt_name_equal(r->name, r->own)) {
        nt_api_fail(rq, NT_STATUS(OBJECT_NAME_INVALID),
                    nt_netbios_name_ok(r->name) ? "that is this domain itself"
                                                : "that is no NetBIOS domain name",
                    "");
        return false;
    }
    r->change = (struct nt_reset_new){ .name = r->name, .code = &r->code, .servers = r->servers };
    return true;
}

static void end(struct reset *r)
{
    nt_reset_code_wipe(&r->code);
    nt_dir_unref(r->dir);
}

/* Channels that were opened with the old password end. */
static void drop_channels(struct reset *r)
{
    const struct nt_account *a = nt_dir_permit(r->dir, r->name);
    if ((r->change.ends & NT_RESET_TRUSTED) != 0 && a != NULL)
        nt_chains_drop_account(r->rq->service->chains, a->rid);
}

/* The halves as they are now. */
static json_t *answer(struct reset *r)
{
    struct nt_dir *dir = nt_api_dir(r->rq);
    const struct nt_tdo *t = outbound(dir, r->name);
    const struct nt_account *a = nt_dir_permit(dir, r->name);
    json_t *out = json_pack("{s:s,s:s,s:o,s:o,s:b}", "name", r->name, "own", r->own, "ends",
                            ends_json(r->change.ends), "expires", nt_api_time(r->change.until),
                            "dry_run", r->dry_run);
    json_object_set_new(out, "trust", t != NULL ? nt_api_trust_json(r->rq, dir, t) : json_null());
    json_object_set_new(out, "permit", a != NULL ? nt_api_permit_json(r->rq, dir, a) : json_null());
    nt_dir_unref(dir);
    return out;
}

/* --- making one --- */

static void make(struct reset *r)
{
    char text[NT_RESET_CODE_TEXT];
    r->change.ends = wanted_ends(r);
    if (r->change.ends == 0)
        return;
    const struct nt_reset_pair pair = { .maker = r->own, .taker = r->name };
    nt_reset_code_make(r->rq->service->env, &pair, r->change.ends,
                       nt_dir_policy(r->dir)->reset_code_lifetime_s, &r->code);
    r->change.until = nt_reset_code_until(&r->code, r->now);
    r->change.made_here = true;
    if (!r->dry_run && !nt_api_change(r->rq, do_reset, r))
        return;
    json_t *out = answer(r);
    if (!r->dry_run) {
        drop_channels(r);
        nt_reset_code_text(&r->code, text);
        json_object_set_new(out, "code", json_string(text));
        nt_wipe(text, sizeof text);
    }
    nt_api_ok(r->rq, out);
}

void nt_api_reset_here(struct nt_request *rq)
{
    static const char *const keys[] = { "end", "servers", "dry_run", NULL };
    struct reset r;
    if (!nt_api_only(rq, keys))
        return;
    if (begin(&r, rq))
        make(&r);
    end(&r);
}

/* --- taking one --- */

static bool read_code(struct reset *r, const char *text)
{
    size_t at;
    switch (nt_reset_code_read(text, &r->code, &at)) {
    case NT_RESET_READ:
        return true;
    case NT_RESET_CHARACTER:
        mistaken(r, "typing", "Type it again: nothing was sent, and nothing is lost.",
                 "after %zu characters there is one that no code has: codes are of digits and of "
                 "letters without I, L, O and U",
                 at);
        return false;
    case NT_RESET_LENGTH:
        break;
    }
    mistaken(r, "typing", "Type it again: nothing was sent, and nothing is lost.",
             "a code has %d characters, not %zu", NT_RESET_CODE_SYMBOLS, at);
    return false;
}

/* The partner whose code it is instead; "" for none of ours. */
static void other_maker(const struct reset *r, char name[64])
{
    struct nt_reset_pair pair = { .taker = r->own };
    name[0] = '\0';
    for (const struct nt_tdo *t = nt_dir_tdo_after(r->dir, ""); t != NULL;
         t = nt_dir_tdo_after(r->dir, t->name)) {
        pair.maker = t->name;
        if (nt_reset_code_fits(&r->code, &pair))
            snprintf(name, 64, "%s", t->name);
    }
    for (const struct nt_account *a = nt_dir_account_after(r->dir, 0); a != NULL;
         a = nt_dir_account_after(r->dir, a->rid)) {
        char partner[64];
        if ((a->acb & NT_ACB_INTERDOMAIN) == 0)
            continue;
        snprintf(partner, sizeof partner, "%.*s", (int)(strlen(a->name) - 1), a->name);
        pair.maker = partner;
        if (nt_reset_code_fits(&r->code, &pair))
            snprintf(name, 64, "%s", partner);
    }
}

/* Its check digits are not those of these two domains: whose they are, or what may be mistyped. */
static void explain_misfit(struct reset *r, const struct nt_reset_pair *pair)
{
    const struct nt_reset_pair reverse = { .maker = r->own, .taker = r->name };
    static const char *const places[] = { "first", "second", "third", "fourth", "fifth" };
    char other[64], next[200];
    unsigned group = nt_reset_code_suspect(&r->code, pair);
    other_maker(r, other);
    if (nt_reset_code_fits(&r->code, &reverse)) {
        snprintf(next, sizeof next, "at %s: ntrust reset --code %s", r->name, r->own);
        mistaken(r, "made-here", next, "this code was made here; it is to be typed at %s", r->name);
    } else if (other[0] != '\0') {
        snprintf(next, sizeof next, "ntrust reset --code %s", other);
        mistaken(r, "other-trust", next, "this is a code of %s, not of %s", other, r->name);
    } else if (group != 0) {
        mistaken(r, "typing", "Type it again: nothing was sent, and nothing is lost.",
                 "the code is mistyped: look at its %s group", places[group - 1]);
    } else {
        snprintf(next, sizeof next,
                 "Compare it with what %s's administrator has; nothing was sent, and nothing is "
                 "lost.",
                 r->name);
        mistaken(r, "typing", next,
                 "the code is mistyped, or is not one that %s has made for this domain", r->name);
    }
}

static bool is_mark(const uint8_t a[NT_CODE_MARK], const uint8_t b[NT_CODE_MARK])
{
    return nt_ct_equal(a, b, NT_CODE_MARK);
}

/* How many of the halves began with this code, and of how many that are concerned. */
static unsigned typed_before(const struct reset *r, unsigned *concerned)
{
    uint8_t mark[NT_CODE_MARK];
    const struct nt_tdo *t = outbound(r->dir, r->name);
    const struct nt_account *a = nt_dir_permit(r->dir, r->name);
    unsigned count = 0;
    *concerned = 0;
    nt_reset_code_mark(&r->code, mark);
    if ((r->change.ends & NT_RESET_TRUSTING) != 0) {
        ++*concerned;
        count += t != NULL && is_mark(t->out.code_mark, mark);
    }
    if ((r->change.ends & NT_RESET_TRUSTED) != 0) {
        ++*concerned;
        count += a != NULL && a->in != NULL && is_mark(a->in->code_mark, mark);
    }
    return count;
}

/* From the maker's halves to ours: who trusts there is trusted here. */
static enum nt_reset_ends other_side(enum nt_reset_ends ends)
{
    return ((ends & NT_RESET_TRUSTING) != 0 ? NT_RESET_TRUSTED : 0) |
           ((ends & NT_RESET_TRUSTED) != 0 ? NT_RESET_TRUSTING : 0);
}

/* All that can be said of the code before anything is done. *again: it was typed before. */
static bool judge(struct reset *r, const char *text, bool *again)
{
    const struct nt_reset_pair pair = { .maker = r->name, .taker = r->own };
    char when[NT_TIME_TEXT], next[200];
    unsigned concerned;
    *again = false;
    if (!read_code(r, text))
        return false;
    if (!nt_reset_code_fits(&r->code, &pair) || nt_reset_code_ends(&r->code) == 0) {
        explain_misfit(r, &pair);
        return false;
    }
    r->change.ends = other_side(nt_reset_code_ends(&r->code));
    r->change.until = nt_reset_code_until(&r->code, r->now);
    snprintf(next, sizeof next, "at %s: ntrust reset --here %s, which makes a new one", r->name,
             r->own);
    unsigned before = typed_before(r, &concerned);
    if (before == concerned) {
        *again = true;
    } else if (before > 0) {
        mistaken(r, "used", next,
                 "this code was typed here before, and half of the trust was changed since; a code "
                 "serves once");
    } else if (nt_reset_code_expired(&r->code, r->now)) {
        mistaken(r, "expired", next, "this code expired at %s",
                 nt_time_format(r->change.until, when));
    }
    return !nt_api_failed(r->rq);
}

static void take(struct reset *r)
{
    bool again;
    const char *text = nt_api_text(r->rq, "code", true);
    if (text == NULL || !judge(r, text, &again))
        return;
    if (!r->dry_run && !again) {
        if (!nt_api_change(r->rq, do_reset, r))
            return;
        drop_channels(r);
    }
    if (!r->dry_run && (r->change.ends & NT_RESET_TRUSTING) != 0) {
        struct nt_forward fwd = { .kind = NT_FORWARD_VERIFY, .domain = r->name };
        nt_api_forward(r->rq, &fwd);
    }
    json_t *out = answer(r);
    json_object_set_new(out, "again", json_boolean(again));
    nt_api_ok(r->rq, out);
}

void nt_api_reset_code(struct nt_request *rq)
{
    static const char *const keys[] = { "code", "servers", "dry_run", NULL };
    struct reset r;
    if (!nt_api_only(rq, keys))
        return;
    if (begin(&r, rq))
        take(&r);
    end(&r);
}
