/*
 * ask.c - answers what a security context of a bind asks: an NTLM user's proof by a logon, a
 * Netlogon secure channel's key by the table of chains. The answer carries the caller's token.
 * Source: [MS-NRPC] 3.3.4.2 (which key), [MS-NLMP] 3.2.5.1.2.
 */
#include <string.h>

#include "base/log.h"
#include "base/utf16.h"
#include "service/chains.h"
#include "service/logon.h"
#include "service/service_internal.h"
#include "service/wire.h"

#define ARENA_MAX (1u << 20) /* texts and responses, and another controller's answer */

/* [MS-APDS] 2.2.2.1: machines may have sessions of their own */
enum { ALLOW_MACHINES = 0x20 | 0x800 };

void nt_ask_init(struct nt_ask *ask, struct nt_service *s, const char *peer)
{
    *ask = (struct nt_ask){ .service = s, .peer = peer };
    nt_arena_init(&ask->arena, ARENA_MAX);
}

void nt_ask_free(struct nt_ask *ask)
{
    nt_token_unref(ask->answer.caller);
    ask->answer.caller = NULL;
    nt_secret_wipe(&ask->answer.key);
    nt_secret_wipe(&ask->logon.session_key);
    nt_secret_wipe(&ask->logon.nt_hash);
    if (ask->dir != NULL)
        nt_dir_unref(ask->dir);
    ask->dir = NULL;
    nt_arena_free(&ask->arena);
}

static bool answered(struct nt_ask *ask, ntstatus status)
{
    ask->answer.status = status;
    if (!nt_status_ok(status)) {
        nt_token_unref(ask->answer.caller);
        ask->answer.caller = NULL;
        nt_secret_wipe(&ask->answer.key);
    }
    return true;
}

/* A token, or the reason why there is none. */
static bool with_token(struct nt_ask *ask, struct nt_token *token)
{
    ask->answer.caller = token;
    return answered(ask, token != NULL ? NT_STATUS(SUCCESS) : NT_STATUS(NO_MEMORY));
}

/* --- NTLM --- */

static struct nt_token *foreign_token(struct nt_ask *ask)
{
    const struct nt_logon *l = &ask->logon;
    const NETLOGON_VALIDATION_SAM_INFO4 *info = l->info;
    const struct nt_tdo *tdo = nt_dir_tdo(ask->dir, l->fwd.domain);
    size_t filtered = 0, n = 0;
    bool refused = false;
    uint32_t *groups = nt_arena_array(&ask->arena, info->GroupCount + 1u, sizeof *groups);
    struct nt_sid *extra = nt_arena_array(&ask->arena, info->SidCount + 1u, sizeof *extra);
    struct nt_foreign_user user = {
        .domain = l->fwd.domain,
        .name = nt_unicode_get(&ask->arena, &info->EffectiveName),
        .user_rid = info->UserId,
        .primary_rid = info->PrimaryGroupId,
    };
    if (tdo == NULL || groups == NULL || extra == NULL ||
        !nt_rpc_sid_get(info->LogonDomainId, &user.domain_sid))
        return NULL;
    if (user.name == NULL || user.name[0] == '\0')
        user.name = l->user;
    for (uint32_t i = 0; i < info->GroupCount; i++)
        groups[i] = info->GroupIds[i].RelativeId;
    for (uint32_t i = 0; i < info->SidCount; i++)
        if (nt_rpc_sid_get(info->ExtraSids[i].Sid, &extra[n]))
            n++;
    user.group_rids = groups;
    user.group_count = info->GroupCount;
    user.extra_sids = extra;
    user.extra_count = n;
    return nt_token_foreign(ask->dir, &tdo->sid, &user, &filtered, &refused);
}

static bool ntlm_answered(struct nt_ask *ask)
{
    const struct nt_logon *l = &ask->logon;
    if (nt_status_is(l->status, NT_STATUS(NO_SUCH_USER)) ||
        nt_status_is(l->status, NT_STATUS(WRONG_PASSWORD)))
        return answered(ask, NT_STATUS(LOGON_FAILURE)); /* which of the two is not for strangers */
    if (!nt_status_ok(l->status))
        return answered(ask, l->status);

    ask->answer.key = l->session_key;
    if (l->rid == 0)
        return with_token(ask, foreign_token(ask));
    const struct nt_account *account = nt_dir_account_rid(ask->dir, l->rid);
    return with_token(ask, account != NULL ? nt_token_account(ask->dir, account) : NULL);
}

/* In any thread. */
static void logon_done(struct nt_logon *logon)
{
    struct nt_ask *ask = logon->owner;
    ntlm_answered(ask);
    ask->done(ask);
}

static bool ask_ntlm(struct nt_ask *ask, const struct nt_sec_question *q)
{
    struct nt_logon *l = &ask->logon;
    if (q->anonymous) {
        ask->answer.key.len = 16; /* zeros, [MS-NLMP] 3.3.2 */
        return with_token(ask, nt_token_anonymous());
    }
    *l = (struct nt_logon){
        .service = ask->service,
        .dir = ask->dir,
        .arena = &ask->arena,
        .domain = nt_arena_strdup(&ask->arena, q->domain),
        .user = nt_arena_strdup(&ask->arena, q->user),
        .workstation = nt_arena_strdup(&ask->arena, q->computer),
        .peer = ask->peer,
        .nt = nt_arena_dup(&ask->arena, q->nt, q->nt_len),
        .lm = nt_arena_dup(&ask->arena, q->lm, q->lm_len),
        .nt_len = q->nt_len,
        .lm_len = q->lm_len,
        .parameter_control = ALLOW_MACHINES,
        .pass_through = true,
        .unknown_is_local = true,
        .done = logon_done,
        .owner = ask,
    };
    memcpy(l->challenge, q->challenge, sizeof l->challenge);
    if (l->domain == NULL || l->user == NULL || l->workstation == NULL || l->nt == NULL ||
        l->lm == NULL)
        return answered(ask, NT_STATUS(NO_MEMORY));
    return nt_logon_start(l) && ntlm_answered(ask);
}

/* --- the Netlogon secure channel --- */

static bool ask_schannel(struct nt_ask *ask, const struct nt_sec_question *q)
{
    struct nt_chain_entry entry;
    const struct nt_domain *domain = nt_dir_domain(ask->dir);
    bool ours =
        domain != NULL &&
        (q->domain == NULL || q->domain[0] == '\0' || nt_name_equal(q->domain, domain->name) ||
         (domain->dns_name[0] != '\0' && nt_name_equal(q->domain, domain->dns_name)));
    if (!ours || nt_chains_get(ask->service->chains, q->computer, &entry) != NT_OK) {
        nt_log(NT_LOG_INFO, "secure channel bind refused computer=%s peer=%s reason=\"%s\"",
               q->computer, ask->peer, ours ? "no channel was set up" : "another domain");
        return answered(ask, NT_STATUS(ACCESS_DENIED));
    }
    const struct nt_account *account = nt_dir_account_rid(ask->dir, entry.rid);
    if (account == NULL || (account->acb & NT_ACB_DISABLED) != 0) {
        nt_chains_drop_account(ask->service->chains, entry.rid);
        nt_wipe(&entry, sizeof entry);
        return answered(ask, NT_STATUS(ACCESS_DENIED));
    }
    ask->answer.key = entry.chain.key;
    ask->answer.crypto = entry.chain.crypto;
    nt_wipe(&entry, sizeof entry);
    return with_token(ask, nt_token_account(ask->dir, account));
}

bool nt_ask_start(struct nt_ask *ask, const struct nt_sec_question *q)
{
    if (ask->dir != NULL)
        nt_dir_unref(ask->dir);
    ask->dir = nt_engine_dir_now(ask->service->engine);
    ask->answer = (struct nt_sec_answer){ 0 };
    return q->type == NT_AUTH_SCHANNEL ? ask_schannel(ask, q) : ask_ntlm(ask, q);
}
