/*
 * netlogon_setup.c - how a secure channel is set up: challenges, credentials, and what an attempt
 * does to a trust that waits for its first proof.
 * Source: [MS-NRPC] 3.1.4.1-4, 3.5.4.4.1-3; design section 5.
 */
#include <string.h>

#include "base/log.h"
#include "base/utf16.h"
#include "domain/ops.h"
#include "service/netlogon_internal.h"
#include "service/refusals.h"

#define OFFERED                                                                                    \
    (NL_ACCOUNT_LOCKOUT | NL_RC4 | NL_MULTIPLE_SIDS | NL_REFUSE_PASSWORD_CHANGE | NL_STRONG_KEYS | \
     NL_PASSWORD_SET2 | NL_GET_DOMAIN_INFO | NL_AES | NL_AUTHENTICATED_RPC_LSASS |                 \
     NL_AUTHENTICATED_RPC)

/* One Authenticate call, whichever of the three it is. In the arena; while the call waits, the
 * writer's thread works on it. */
struct setup {
    const char *account;
    const char *computer;
    uint16_t channel_type;
    uint32_t asked, flags;
    enum nt_nl_crypto crypto;
    uint8_t client_challenge[8], server_challenge[8], client_credential[8];
    uint8_t server_credential[8];
    uint32_t rid;
    ntstatus outcome;
    bool note_only;       /* stored for people: the outcome does not hang on it */
    bool refusal_only;    /* the same, of an outcome that is a refusal */
    const char *reason;   /* why it was refused */
    enum nt_broken cause; /* the same for the trust, where the status does not say it */
    struct nt_chain chain;
    /* where the answer goes; rid may be NULL */
    NETLOGON_CREDENTIAL *out_credential;
    ULONG *out_rid;
};

/* --- challenges --- */

ntstatus nl_req_challenge(struct nt_call *call, void *args)
{
    struct NetrServerReqChallenge *a = args;
    struct nt_conn *conn = call->conn;
    const char *computer = nt_call_text(call, a->ComputerName);
    if (computer == NULL)
        return nl_nomem(call);
    if (computer[0] == '\0' || strlen(computer) >= sizeof conn->challenges[0].computer)
        return NT_STATUS(INVALID_PARAMETER);

    struct nt_challenge *slot = &conn->challenges[0];
    for (size_t i = 0; i < NT_CHALLENGES_MAX; i++) {
        struct nt_challenge *c = &conn->challenges[i];
        if (c->used && nt_name_equal(c->computer, computer)) {
            slot = c;
            break;
        }
        if (slot->used && (!c->used || c->order < slot->order))
            slot = c;
    }
    *slot = (struct nt_challenge){ .used = true, .order = ++conn->challenge_order };
    memcpy(slot->computer, computer, strlen(computer));
    memcpy(slot->client, a->ClientChallenge.data, sizeof slot->client);
    nt_nl_challenge(call->service->env, slot->server);
    memcpy(a->ServerChallenge.data, slot->server, sizeof slot->server);
    return NT_STATUS(SUCCESS);
}

/* Takes the challenges of that computer: they serve once, whatever comes of it. */
static bool take_challenge(struct nt_conn *conn, struct setup *s)
{
    for (size_t i = 0; i < NT_CHALLENGES_MAX; i++) {
        struct nt_challenge *c = &conn->challenges[i];
        if (!c->used || !nt_name_equal(c->computer, s->computer))
            continue;
        memcpy(s->client_challenge, c->client, sizeof s->client_challenge);
        memcpy(s->server_challenge, c->server, sizeof s->server_challenge);
        nt_wipe(c, sizeof *c);
        return true;
    }
    return false;
}

/* --- credentials --- */

static bool opens(struct setup *s, const struct nt_secret *hash)
{
    return nt_chain_init(&s->chain, s->crypto, hash, s->client_challenge, s->server_challenge,
                         s->client_credential, s->server_credential) == NT_OK;
}

/* The hash that made the client's credential; NULL: none that the account accepts. */
static const struct nt_secret *match(struct setup *s, const struct nt_dir *dir,
                                     const struct nt_account *account)
{
    if (account->in == NULL)
        return opens(s, &account->nt_hash) ? &account->nt_hash : NULL;

    const struct nt_secret *list[NT_IN_CANDIDATES_MAX];
    size_t count = nt_in_candidates(account->in, nt_dir_policy(dir), list);
    for (size_t i = 0; i < count; i++)
        if (opens(s, list[i]))
            return list[i];
    return NULL;
}

/* Deviation: [MS-NRPC] 3.5.4.4.2 knows ACCESS_DENIED only. A burned permission says so, or the
 * other end could not tell it from a password that was merely mistyped. */
static ntstatus refusal_of(const struct nt_account *account, const char **reason)
{
    bool burned = account->in != NULL && account->in->state == NT_IN_BURNED;
    *reason = burned ? "the initial password was burned before" : "wrong password";
    return burned ? NT_STATUS(ACCOUNT_LOCKED_OUT) : NT_STATUS(ACCESS_DENIED);
}

/* By how many changes the client's password is older than what the account accepts; 0: it is none
 * of those that are remembered. It opens nothing: the keys that it makes are wiped. */
static uint32_t behind(const struct setup *s, const struct nt_account *account)
{
    uint32_t found = 0;
    struct nt_chain scratch;
    uint8_t credential[8];
    bool waits = account->in != NULL && nt_in_refused_changes(account->in);
    for (uint32_t i = 0; !waits && account->past != NULL && i < account->past->count; i++) {
        if (found == 0 &&
            nt_chain_init(&scratch, s->crypto, &account->past->hash[i], s->client_challenge,
                          s->server_challenge, s->client_credential, credential) == NT_OK)
            found = i + 1;
        nt_chain_wipe(&scratch);
    }
    nt_wipe(credential, sizeof credential);
    return found;
}

/* What is told once, however many refusals there were lately: `changes` behind, or ahead of a store
 * that has gone back. A trusting end offers all that it has, newest first: that one counts. */
static bool is_news(const struct nt_dir *dir, const struct nt_account *account, uint32_t changes)
{
    const struct nt_past *past = account->past;
    if (changes != 0)
        return past->behind == 0 || changes < past->behind;
    return nt_op_may_be_ahead(dir, account) && (past == NULL || past->ahead_at == 0);
}

/* Why the trust does not work, of which this is the trusted end. */
static enum nt_broken cause_of(const struct setup *s, ntstatus status)
{
    return s->cause != NT_BROKEN_NONE ? s->cause : nt_broken_of(status);
}

static void note_refused(struct nt_call *call, const struct setup *s, struct nt_txn *txn)
{
    bool trust = s->channel_type == TrustedDomainSecureChannel;
    nt_txn_event(txn, NT_EVENT_WARNING, "channel-refused", s->account, nt_conn_peer(call->conn),
                 "%s%s%s was refused from computer %s: %s.",
                 trust ? nt_broken_name(cause_of(s, s->outcome)) : "", trust ? ": " : "",
                 s->account, s->computer, s->reason);
}

/* What must be durable before the peer is answered: in the writer, against the newest state, the
 * same decision once more. */
static ntstatus decide(struct nt_call *call, void *args, struct nt_txn *txn)
{
    struct setup *s = call->state;
    const struct nt_dir *dir = nt_txn_dir(txn);
    const char *peer = nt_conn_peer(call->conn);
    bool burned = false;
    (void)args;

    const struct nt_account *account = nt_dir_account_rid(dir, s->rid);
    if (account == NULL || !nl_account_fits(account, s->channel_type)) {
        s->reason = "no such account any more";
        return NT_STATUS(NO_TRUST_SAM_ACCOUNT);
    }
    const struct nt_secret *hash = match(s, dir, account);
    if (hash != NULL) {
        NT_SCOPED_SECRET copy = *hash; /* the record may go while it is replaced */
        s->outcome = NT_STATUS(SUCCESS);
        s->refusal_only = false;
        if (account->in != NULL && nt_in_expired(account->in, nt_txn_now(txn)))
            s->reason = "the reset code has expired";
        return nt_op_channel_opened(txn, s->rid, &copy, peer);
    }
    s->outcome = refusal_of(account, &s->reason); /* whatever becomes of the record */
    uint32_t changes = behind(s, account);
    if (changes != 0)
        s->reason = "a password of before: it was restored from an older copy";
    if (is_news(dir, account, changes))
        return changes != 0 ? nt_op_channel_behind(txn, s->rid, changes, peer)
                            : nt_op_channel_ahead(txn, s->rid, peer);
    if (account->in == NULL || !nt_in_refused_changes(account->in))
        note_refused(call, s, txn);
    else
        s->refusal_only = false; /* the attempt counts: not before it is counted */
    ntstatus status = nt_op_channel_refused(txn, s->rid, peer, &burned);
    if (burned) {
        s->outcome = NT_STATUS(ACCOUNT_LOCKED_OUT);
        s->reason = "wrong initial password, now burned";
    }
    /* That it was refused is what is to be kept. */
    return nt_status_is(status, s->outcome) ? NT_STATUS(SUCCESS) : status;
}

/* Refused before a key was compared; worth an event when a trust's account is concerned. */
static ntstatus decide_unfit(struct nt_call *call, void *args, struct nt_txn *txn)
{
    (void)args;
    note_refused(call, call->state, txn);
    return NT_STATUS(SUCCESS);
}

/* --- the call --- */

static ntstatus refuse(struct nt_call *call, const struct setup *s, ntstatus status)
{
    nt_log(NT_LOG_WARN,
           "channel refused account=%s computer=%s type=%u peer=%s status=%s "
           "reason=\"%s\"",
           s->account, s->computer, s->channel_type, nt_conn_peer(call->conn),
           nt_status_name(status), s->reason != NULL ? s->reason : "");
    if (s->channel_type == TrustedDomainSecureChannel && s->reason != NULL) {
        struct nt_refusal r = { .known = s->rid != 0,
                                .reason = cause_of(s, status),
                                .last = nt_now(call->service->env) };
        strncpy(r.account, s->account, sizeof r.account - 1);
        strncpy(r.computer, s->computer, sizeof r.computer - 1);
        strncpy(r.peer, nt_conn_peer(call->conn), sizeof r.peer - 1);
        nt_refusals_note(call->service->refusals, &r);
    }
    return status;
}

static ntstatus finish(struct nt_call *call, struct setup *s)
{
    if (!nt_status_ok(s->outcome)) {
        nt_chain_wipe(&s->chain);
        return refuse(call, s, s->outcome);
    }
    NL_SCOPED_ENTRY entry = {
        .rid = s->rid,
        .channel_type = s->channel_type,
        .flags = s->flags,
        .requested = s->asked,
        .opened = nt_now(call->service->env),
        .chain = s->chain,
    };
    strncpy(entry.computer, s->computer, sizeof entry.computer - 1);
    strncpy(entry.account, s->account, sizeof entry.account - 1);
    nt_chain_wipe(&s->chain);
    enum nt_err err = nt_chains_put(call->service->chains, &entry);
    if (err != NT_OK)
        return nt_status_of(err);

    nt_refusals_forget(call->service->refusals, s->account);
    memcpy(s->out_credential->data, s->server_credential, sizeof s->server_credential);
    if (s->out_rid != NULL)
        *s->out_rid = s->rid;
    nt_log(NT_LOG_DEBUG, "channel opened account=%s computer=%s peer=%s flags=0x%08x", s->account,
           s->computer, nt_conn_peer(call->conn), s->flags);
    return NT_STATUS(SUCCESS);
}

static ntstatus decided(struct nt_call *call, void *args, ntstatus status)
{
    struct setup *s = call->state;
    (void)args;
    bool refused = nt_status_is(status, NT_STATUS(ACCESS_DENIED)) ||
                   nt_status_is(status, NT_STATUS(NO_TRUST_SAM_ACCOUNT));
    /* A full disk shuts out nobody whose key is right; and one whose key is not goes on to another
     * that it has, when it is told just that. */
    if (!nt_status_ok(status) && s->note_only && !refused) {
        s->outcome = NT_STATUS(SUCCESS);
    } else if (!nt_status_ok(status) && (refused || !s->refusal_only)) {
        s->outcome = status; /* not durable: as if it had not happened */
        s->reason = s->reason != NULL ? s->reason : "could not be stored";
    }
    return finish(call, s);
}

static ntstatus unfit(struct nt_call *call, struct setup *s, ntstatus status, const char *reason)
{
    uint32_t key = s->rid;
    s->outcome = status;
    s->reason = reason;
    s->refusal_only = true;
    for (const char *p = s->account; s->rid == 0 && *p != '\0'; p++)
        key = key * 31 + (unsigned char)*p;
    if (s->channel_type == TrustedDomainSecureChannel &&
        nl_worth_an_event(call->service, key, nt_now(call->service->env)))
        return nt_call_change(call, decide_unfit, decided);
    return refuse(call, s, status);
}

static bool plausible_type(uint16_t type)
{
    return type == WorkstationSecureChannel || type == TrustedDnsDomainSecureChannel ||
           type == TrustedDomainSecureChannel || type == ServerSecureChannel;
}

/* A member's or BDC's channel bears its own name, or one machine could take another's place. */
static bool name_fits(const struct setup *s)
{
    size_t len = strlen(s->account);
    if (s->channel_type == TrustedDomainSecureChannel)
        return true;
    char name[64];
    if (len == 0 || len > sizeof name || s->account[len - 1] != '$')
        return false;
    memcpy(name, s->account, len - 1);
    name[len - 1] = '\0';
    return nt_name_equal(name, s->computer);
}

/* Deviation: [MS-NRPC] 3.5.4.4.2 answers NO_TRUST_SAM_ACCOUNT for a disabled account, as for one
 * that was removed. A trusting domain that knows the secret is told which of the two it is: the one
 * needs a word with an administrator, the other a new trust. Never while the initial password waits
 * for its one chance, which would become many. */
static bool told_disabled(struct setup *s, const struct nt_dir *dir,
                          const struct nt_account *account)
{
    const struct nt_trust_in *in = account->in;
    return in != NULL && (account->acb & NT_ACB_DISABLED) != 0 &&
           s->channel_type == TrustedDomainSecureChannel && s->crypto == NT_NL_AES &&
           nt_nl_challenge_ok(s->client_challenge) &&
           (in->state == NT_IN_ACTIVE || in->state == NT_IN_PROVEN) &&
           match(s, dir, account) != NULL;
}

static ntstatus authenticate(struct nt_call *call, struct setup *s)
{
    static const uint8_t zero[8];
    call->state = s;
    bool challenged = take_challenge(call->conn, s);
    if (!plausible_type(s->channel_type) || s->computer[0] == '\0')
        return refuse(call, s, NT_STATUS(INVALID_PARAMETER));

    const struct nt_account *account = nt_dir_account(call->dir, s->account);
    if (account == NULL)
        return unfit(call, s, NT_STATUS(NO_TRUST_SAM_ACCOUNT), "no such account");
    s->rid = account->rid;
    s->account = nt_arena_strdup(&call->arena, account->name);
    if (s->account == NULL || strlen(s->account) >= sizeof((struct nt_chain_entry *)0)->account)
        return nl_nomem(call);
    s->crypto = nt_nl_crypto_of_flags(s->flags);
    if (!nl_account_fits(account, s->channel_type)) {
        s->cause = (account->acb & NT_ACB_DISABLED) != 0 && account->in != NULL
                       ? NT_BROKEN_DISABLED
                       : NT_BROKEN_ACCOUNT_TYPE;
        return unfit(call, s,
                     challenged && told_disabled(s, call->dir, account)
                         ? NT_STATUS(ACCOUNT_DISABLED)
                         : NT_STATUS(NO_TRUST_SAM_ACCOUNT),
                     (account->acb & NT_ACB_DISABLED) != 0 ? "the account is disabled"
                     : account->in != NULL ? "an interdomain trust account opens no other channel"
                                           : "the account is not of this channel's kind");
    }
    if (account->in != NULL && account->in->state == NT_IN_NONE)
        return unfit(call, s, NT_STATUS(NO_TRUST_SAM_ACCOUNT), "its password was never set");
    if (s->crypto != NT_NL_AES && !account->allow_weak_crypto)
        return unfit(call, s, NT_STATUS(DOWNGRADE_DETECTED), "AES was not offered");
    s->cause = NT_BROKEN_DENIED;
    if (!challenged)
        return unfit(call, s, NT_STATUS(ACCESS_DENIED), "no challenge before");
    /* No password stands behind these, so they cost no attempt. [MS-NRPC] 3.1.4.1, CVE-2020-1472 */
    if (!nt_nl_challenge_ok(s->client_challenge) ||
        memcmp(s->client_credential, zero, sizeof zero) == 0)
        return unfit(call, s, NT_STATUS(ACCESS_DENIED), "a challenge that proves nothing");
    if (!name_fits(s))
        return unfit(call, s, NT_STATUS(ACCESS_DENIED), "the computer has another name");

    s->cause = NT_BROKEN_NONE;
    const struct nt_secret *hash = match(s, call->dir, account);
    nt_time now = nt_now(call->service->env);
    bool durable;
    s->outcome = NT_STATUS(SUCCESS);
    if (hash != NULL) {
        /* One that comes with an older password is told of now and then. */
        durable = account->in != NULL && (nt_in_opened_changes(account->in, hash) ||
                                          (!nt_secret_equal(hash, &account->in->current) &&
                                           nl_worth_an_event(call->service, s->rid, now)));
        bool noted =
            account->past != NULL && (account->past->behind != 0 || account->past->ahead_at != 0);
        s->note_only =
            !durable && (noted || nl_worth_noting(account, nt_dir_policy(call->dir), now));
        durable = durable || s->note_only;
    } else {
        s->outcome = refusal_of(account, &s->reason);
        s->refusal_only = account->in == NULL || !nt_in_refused_changes(account->in);
        durable = !s->refusal_only || is_news(call->dir, account, behind(s, account)) ||
                  nl_worth_an_event(call->service, s->rid, now);
    }
    return durable ? nt_call_change(call, decide, decided) : finish(call, s);
}

/* What the three calls have in common. NULL: no memory. */
static struct setup *begin(struct nt_call *call, const uint16_t *account, uint16_t type,
                           const uint16_t *computer, const NETLOGON_CREDENTIAL *credential,
                           NETLOGON_CREDENTIAL *out)
{
    struct setup *s = nt_arena_alloc(&call->arena, sizeof *s);
    if (s == NULL)
        return NULL;
    s->account = nt_call_text(call, account);
    s->computer = nt_call_text(call, computer);
    s->channel_type = type;
    memcpy(s->client_credential, credential->data, sizeof s->client_credential);
    *out = (NETLOGON_CREDENTIAL){ 0 };
    s->out_credential = out;
    return s->account != NULL && s->computer != NULL ? s : NULL;
}

ntstatus nl_authenticate(struct nt_call *call, void *args)
{
    struct NetrServerAuthenticate *a = args;
    struct setup *s = begin(call, a->AccountName, a->SecureChannelType, a->ComputerName,
                            &a->ClientCredential, &a->ServerCredential);
    return s != NULL ? authenticate(call, s) : nl_nomem(call);
}

/* The flags go into the answer whatever comes of it: clients try again with what they read. */
static void negotiate(struct setup *s, ULONG *flags)
{
    s->asked = *flags;
    s->flags = *flags & OFFERED;
    *flags = s->flags;
}

ntstatus nl_authenticate2(struct nt_call *call, void *args)
{
    struct NetrServerAuthenticate2 *a = args;
    struct setup *s = begin(call, a->AccountName, a->SecureChannelType, a->ComputerName,
                            &a->ClientCredential, &a->ServerCredential);
    if (s == NULL)
        return nl_nomem(call);
    negotiate(s, &a->NegotiateFlags);
    return authenticate(call, s);
}

ntstatus nl_authenticate3(struct nt_call *call, void *args)
{
    struct NetrServerAuthenticate3 *a = args;
    struct setup *s = begin(call, a->AccountName, a->SecureChannelType, a->ComputerName,
                            &a->ClientCredential, &a->ServerCredential);
    if (s == NULL)
        return nl_nomem(call);
    negotiate(s, &a->NegotiateFlags);
    a->AccountRid = 0;
    s->out_rid = &a->AccountRid;
    return authenticate(call, s);
}
