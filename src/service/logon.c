/*
 * logon.c - one logon: whose it is, the check against this domain's accounts, or the passing
 * through to a trusted domain's controller and the filtering of what comes back.
 * Source: [MS-NRPC] 3.5.4.5.1, [MS-APDS] 3.1.5, [MS-NLMP] 3.3.2; design section 1.
 */
#include "service/logon.h"

#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/utf16.h"
#include "crypto/ntlmv2.h"
#include "domain/logon.h"
#include "domain/ops.h"
#include "service/lockouts.h"
#include "service/wire.h"

/* ParameterControl, [MS-APDS] 2.2.2.1 (MSV1_0 flags) */
enum parameter_control { ALLOW_SERVER_ACCOUNT = 0x20, ALLOW_WORKSTATION_ACCOUNT = 0x800 };

/* UserFlags, [MS-PAC] 2.5 */
enum user_flags { USER_EXTRA_SIDS = 0x20, USER_NTLMV2 = 0x100 };

enum { GROUP_ATTRIBUTES = 7, GROUPS_FEW = 32, GROUPS_MAX = 1024, DIRECTION_OUTBOUND = 2 };

#define LOGON_OF_WISH(w) ((struct nt_logon *)(void *)((char *)(w)-offsetof(struct nt_logon, wish)))

static bool end(struct nt_logon *l, ntstatus status, bool authoritative)
{
    l->status = status;
    l->authoritative = authoritative;
    if (!nt_status_ok(status)) {
        l->info = NULL;
        nt_secret_wipe(&l->session_key);
        nt_log(NT_LOG_INFO, "logon refused user=%s\\%s workstation=%s peer=%s status=%s", l->domain,
               l->user, l->workstation, l->peer, nt_status_name(status));
    }
    nt_secret_wipe(&l->nt_hash);
    return true;
}

/* --- a durable trace before the answer: a lockout, a burned initial password, a bad answer --- */

static void wish_done(struct nt_wish *wish)
{
    struct nt_logon *l = LOGON_OF_WISH(wish);
    if (!nt_status_ok(wish->status))
        nt_log(NT_LOG_ERROR, "logon's trace not stored user=%s\\%s status=%s", l->domain, l->user,
               nt_status_name(wish->status));
    l->done(l);
}

/* The answer stands already; it goes out when `decide` is durable. */
static bool after(struct nt_logon *l, ntstatus (*decide)(struct nt_wish *, struct nt_txn *))
{
    l->wish = (struct nt_wish){ .decide = decide, .done = wish_done };
    nt_engine_wish(l->service->engine, &l->wish);
    return false;
}

static ntstatus decide_lock(struct nt_wish *wish, struct nt_txn *txn)
{
    struct nt_logon *l = LOGON_OF_WISH(wish);
    return nt_op_account_lock(txn, l->rid, l->peer);
}

static ntstatus decide_refused(struct nt_wish *wish, struct nt_txn *txn)
{
    struct nt_logon *l = LOGON_OF_WISH(wish);
    bool burned = false;
    (void)nt_op_channel_refused(txn, l->rid, l->peer, &burned); /* ACCESS_DENIED, as it must */
    return NT_STATUS(SUCCESS);
}

static ntstatus decide_inconsistent(struct nt_wish *wish, struct nt_txn *txn)
{
    struct nt_logon *l = LOGON_OF_WISH(wish);
    nt_txn_event(txn, NT_EVENT_ERROR, "logon-inconsistent", l->fwd.domain,
                 l->fwd.dc_name[0] != '\0' ? l->fwd.dc_name : l->peer,
                 "The controller of %s vouched for %s with the SID of another domain; refused. "
                 "Next step: compare the SIDs with `ntrust check %s`.",
                 l->fwd.domain, l->user, l->fwd.domain);
    return NT_STATUS(SUCCESS);
}

/* --- the password --- */

static bool verifies(struct nt_logon *l, const struct nt_secret *hash, const char *domain)
{
    return nt_ntlmv2_verify(hash, l->user, domain, l->challenge, l->nt, l->nt_len,
                            &l->session_key) == NT_OK;
}

/* The domain is part of the proof as the client spelled it; clients differ in case, and some leave
 * it out, [MS-NLMP] 3.3.2. */
static bool proves_network(struct nt_logon *l, const struct nt_secret *hash)
{
    if (verifies(l, hash, l->domain))
        return true;
    if (l->domain[0] == '\0')
        return false;
    const char *upper = nt_name_fold(l->arena, l->domain);
    return (upper != NULL && strcmp(upper, l->domain) != 0 && verifies(l, hash, upper)) ||
           verifies(l, hash, "");
}

static bool proves(struct nt_logon *l, const struct nt_secret *hash)
{
    if (hash->len != 16)
        return false;
    if (l->interactive)
        return nt_secret_equal(hash, &l->nt_hash);
    return proves_network(l, hash);
}

/* True when the response was made for the computer that brings it here: otherwise somebody passes
 * on what was meant for another server. CVE-2015-0005 */
static bool for_this_computer(struct nt_logon *l)
{
    size_t len;
    char *name = NULL;
    if (l->interactive || l->channel_computer == NULL)
        return true;
    const uint8_t *value = nt_ntlmv2_av_find(l->nt, l->nt_len, NT_AV_NB_COMPUTER, &len);
    return value != NULL && nt_utf8_from_utf16le(l->arena, value, len, &name) == NT_OK &&
           nt_name_equal(name, l->channel_computer);
}

/* --- validation information, [MS-NRPC] 2.2.1.4.13 --- */

static bool put_texts(struct nt_logon *l, const struct nt_account *account,
                      const struct nt_domain *domain, NETLOGON_VALIDATION_SAM_INFO4 *info)
{
    struct nt_arena *a = l->arena;
    return nt_unicode_put(a, account->name, &info->EffectiveName) &&
           nt_unicode_put(a, account->full_name, &info->FullName) &&
           nt_unicode_put(a, account->script, &info->LogonScript) &&
           nt_unicode_put(a, account->profile, &info->ProfilePath) &&
           nt_unicode_put(a, account->home_dir, &info->HomeDirectory) &&
           nt_unicode_put(a, account->home_drive, &info->HomeDirectoryDrive) &&
           nt_unicode_put(a, nt_service_computer(l->service, l->dir), &info->LogonServer) &&
           nt_unicode_put(a, domain->name, &info->LogonDomainName) &&
           nt_unicode_put(a, domain->dns_name, &info->DnsLogonDomainName);
}

static bool put_groups(struct nt_logon *l, const struct nt_account *account,
                       NETLOGON_VALIDATION_SAM_INFO4 *info)
{
    uint32_t few[GROUPS_FEW], *rids = few;
    size_t count = nt_dir_groups_of(l->dir, account, few, GROUPS_FEW);
    if (count > GROUPS_FEW) {
        count = count < GROUPS_MAX ? count : GROUPS_MAX;
        rids = nt_arena_array(l->arena, count, sizeof *rids);
        if (rids == NULL)
            return false;
        nt_dir_groups_of(l->dir, account, rids, count);
    }
    info->GroupIds = nt_arena_array(l->arena, count, sizeof *info->GroupIds);
    if (info->GroupIds == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        info->GroupIds[i].RelativeId = rids[i];
        info->GroupIds[i].Attributes = GROUP_ATTRIBUTES;
    }
    info->GroupCount = (uint32_t)count;
    return true;
}

/* False: no memory. */
static bool put_info(struct nt_logon *l, const struct nt_account *account)
{
    const struct nt_domain *domain = nt_dir_domain(l->dir);
    const struct nt_policy *policy = nt_dir_policy(l->dir);
    NETLOGON_VALIDATION_SAM_INFO4 *info = nt_arena_alloc(l->arena, sizeof *info);
    nt_time now = nt_now(l->service->env);
    if (info == NULL || !put_texts(l, account, domain, info) || !put_groups(l, account, info))
        return false;
    info->LogonDomainId = nt_rpc_sid_put(l->arena, &domain->sid);
    if (info->LogonDomainId == NULL)
        return false;

    info->LogonTime = nt_old_time(now);
    info->LogoffTime = nt_old_time(NT_TIME_NEVER);
    info->KickOffTime = nt_old_time(account->expires != 0 ? account->expires : NT_TIME_NEVER);
    info->PasswordLastSet = nt_old_time(account->password_set);
    info->PasswordCanChange = nt_old_time(nt_account_can_change(account, policy));
    info->PasswordMustChange = nt_old_time(nt_account_must_change(account, policy));
    info->UserId = account->rid;
    info->PrimaryGroupId = account->primary_rid;
    info->UserFlags = l->interactive ? 0 : USER_NTLMV2;
    info->UserAccountControl = nt_account_acb(account, policy, now);
    memcpy(info->UserSessionKey.data, l->session_key.b, l->session_key.len);
    l->info = info;
    return true;
}

/* --- accounts of this domain --- */

/* An interdomain trust account never logs on; that its password is right is told all the same
 * (creating a trust is tried so), and a wrong initial one costs as much as over Netlogon. */
static bool local_trust(struct nt_logon *l, const struct nt_account *account,
                        const struct nt_logon_facts *facts)
{
    const struct nt_secret *list[NT_IN_CANDIDATES_MAX];
    const struct nt_policy *policy = nt_dir_policy(l->dir);
    size_t count = account->in != NULL ? nt_in_candidates(account->in, policy, list) : 0;
    for (size_t i = 0; i < count; i++)
        if (proves(l, list[i]))
            return end(l, nt_logon_check_account(account, policy, facts), true);

    end(l, NT_STATUS(WRONG_PASSWORD), true);
    if (account->in == NULL || !nt_in_refused_changes(account->in))
        return true;
    l->rid = account->rid;
    return after(l, decide_refused);
}

/* Counts people's bad passwords; machines' cannot be locked out, or anybody could do it. */
static bool right_password(struct nt_logon *l, const struct nt_account *account, nt_time now,
                           bool *locked, bool *reached)
{
    const struct nt_policy *policy = nt_dir_policy(l->dir);
    struct nt_lockouts *lockouts = l->service->lockouts;
    *locked = *reached = false;
    if (nt_account_is_machine(account))
        return proves(l, &account->nt_hash);

    nt_time last_bad;
    if (account->locked_at != 0 && /* a lockout that has ended takes its count along */
        nt_lockouts_count(lockouts, account->rid, &last_bad) > 0 && last_bad <= account->locked_at)
        nt_lockouts_clear(lockouts, account->rid);
    if (!nt_lockouts_try(lockouts, policy, account->rid, now)) {
        *locked = true;
        return false;
    }
    bool right = proves(l, &account->nt_hash);
    *reached = nt_lockouts_result(lockouts, policy, account->rid, right, now);
    return right;
}

static bool local(struct nt_logon *l)
{
    const struct nt_policy *policy = nt_dir_policy(l->dir);
    const struct nt_account *account = nt_dir_account(l->dir, l->user);
    nt_time now = nt_now(l->service->env);
    struct nt_logon_facts facts = { .now = now, .workstation = l->workstation };
    bool locked, reached;

    if (account == NULL)
        return end(l, NT_STATUS(NO_SUCH_USER), l->domain[0] != '\0');
    uint32_t allow =
        (account->acb & NT_ACB_SERVER) != 0 ? ALLOW_SERVER_ACCOUNT : ALLOW_WORKSTATION_ACCOUNT;
    facts.allow_machines = (l->parameter_control & allow) != 0;
    if (!l->interactive && l->nt_len < NT_NTLMV2_MIN) /* LM, NTLM version 1, or nothing at all */
        return end(l, NT_STATUS(WRONG_PASSWORD), true);
    if ((account->acb & NT_ACB_INTERDOMAIN) != 0)
        return local_trust(l, account, &facts);

    ntstatus status = nt_logon_check_before(account, policy, now);
    if (!nt_status_ok(status))
        return end(l, status, true);
    if (!right_password(l, account, now, &locked, &reached)) {
        end(l, locked ? NT_STATUS(ACCOUNT_LOCKED_OUT) : NT_STATUS(WRONG_PASSWORD), true);
        if (!reached)
            return true;
        l->rid = account->rid;
        return after(l, decide_lock);
    }
    if (!for_this_computer(l))
        return end(l, NT_STATUS(LOGON_FAILURE), true);
    status = nt_logon_check_account(account, policy, &facts);
    if (!nt_status_ok(status))
        return end(l, status, true);
    if (!put_info(l, account))
        return end(l, NT_STATUS(NO_MEMORY), true);
    l->rid = account->rid;
    return end(l, NT_STATUS(SUCCESS), true);
}

/* --- users of a trusted domain --- */

/* What a trusted domain may say: its own SID, its own RIDs, and SIDs of its own. CVE-2020-0665,
 * CVE-2022-21857. False: it said something else about who the user is. */
static bool filter(struct nt_logon *l, NETLOGON_VALIDATION_SAM_INFO4 *info)
{
    const struct nt_tdo *tdo = nt_dir_tdo(l->dir, l->fwd.domain);
    struct nt_sid sid;
    if (tdo == NULL || nt_sid_is_null(&tdo->sid) || !nt_rpc_sid_get(info->LogonDomainId, &sid) ||
        !nt_sid_equal(&sid, &tdo->sid))
        return false;
    if (info->SidCount > 0 && info->ExtraSids == NULL)
        return false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < info->SidCount; i++)
        if (nt_rpc_sid_get(info->ExtraSids[i].Sid, &sid) && nt_sid_passes(&sid, &tdo->sid))
            info->ExtraSids[kept++] = info->ExtraSids[i];
    if (kept < info->SidCount)
        nt_log(NT_LOG_WARN, "sids filtered domain=%s user=%s dropped=%u", tdo->name, l->user,
               info->SidCount - kept);
    info->SidCount = kept;
    if (kept == 0) {
        info->ExtraSids = NULL;
        info->UserFlags &= ~(uint32_t)USER_EXTRA_SIDS;
    }
    return info->GroupCount == 0 || info->GroupIds != NULL;
}

/* In any thread. */
static void forwarded(struct nt_forward *fwd)
{
    struct nt_logon *l = fwd->owner;
    NETLOGON_VALIDATION_SAM_INFO4 *info = fwd->info;
    nt_wipe(&l->level_hashes, sizeof l->level_hashes);
    if (!nt_status_ok(fwd->status)) {
        end(l, fwd->status, fwd->authoritative);
        l->done(l);
        return;
    }
    if (info == NULL || !filter(l, info)) {
        end(l, NT_STATUS(DOMAIN_TRUST_INCONSISTENT), true);
        after(l, decide_inconsistent);
        return;
    }
    /* The name that we trust it by, whatever it calls itself. */
    if (!nt_unicode_put(l->arena, fwd->domain, &info->LogonDomainName)) {
        end(l, NT_STATUS(NO_MEMORY), true);
        l->done(l);
        return;
    }
    l->info = info;
    nt_secret_set(&l->session_key, info->UserSessionKey.data, sizeof info->UserSessionKey.data);
    end(l, NT_STATUS(SUCCESS), true);
    l->done(l);
}

static bool put_identity(struct nt_logon *l, NETLOGON_LOGON_IDENTITY_INFO *id)
{
    id->ParameterControl = l->parameter_control;
    return nt_unicode_put(l->arena, l->domain, &id->LogonDomainName) &&
           nt_unicode_put(l->arena, l->user, &id->UserName) &&
           nt_unicode_put(l->arena, l->workstation, &id->Workstation);
}

/* The logon as it goes to the trusted domain's controller. False: no memory. */
static bool put_level(struct nt_logon *l, NETLOGON_LEVEL *level)
{
    if (l->interactive) {
        level->LogonInteractive = &l->level_hashes;
        memcpy(l->level_hashes.NtOwfPassword.data, l->nt_hash.b, 16);
        return put_identity(l, &l->level_hashes.Identity);
    }
    NETLOGON_NETWORK_INFO *network = nt_arena_alloc(l->arena, sizeof *network);
    if (network == NULL || !put_identity(l, &network->Identity))
        return false;
    level->LogonNetwork = network;
    memcpy(network->LmChallenge.data, l->challenge, sizeof l->challenge);
    /* Lengths were 16 bits when they came. LM responses stay here: they prove nothing. */
    network->NtChallengeResponse.Length = (uint16_t)l->nt_len;
    network->NtChallengeResponse.MaximumLength = (uint16_t)l->nt_len;
    network->NtChallengeResponse.Buffer = nt_arena_dup(l->arena, l->nt, l->nt_len);
    return network->NtChallengeResponse.Buffer != NULL;
}

static bool pass_through(struct nt_logon *l, const struct nt_tdo *tdo)
{
    NETLOGON_LEVEL *level = nt_arena_alloc(l->arena, sizeof *level);
    const char *name = nt_arena_strdup(l->arena, tdo->name);
    if (l->service->forward == NULL)
        return end(l, NT_STATUS(NO_LOGON_SERVERS), true);
    if (!l->interactive && (l->nt_len < NT_NTLMV2_MIN || l->nt_len > UINT16_MAX))
        return end(l, NT_STATUS(WRONG_PASSWORD), true);
    if (!for_this_computer(l))
        return end(l, NT_STATUS(LOGON_FAILURE), true);
    if (level == NULL || name == NULL || !put_level(l, level))
        return end(l, NT_STATUS(NO_MEMORY), true);

    l->fwd = (struct nt_forward){
        .kind = NT_FORWARD_LOGON,
        .domain = name,
        .logon_level = l->interactive ? NetlogonInteractiveInformation : NetlogonNetworkInformation,
        .level = level,
        .arena = l->arena,
        .done = forwarded,
        .owner = l,
        .status = NT_STATUS(NO_LOGON_SERVERS),
        .authoritative = true,
    };
    l->service->forward(l->service->forward_ctx, &l->fwd);
    return false;
}

bool nt_logon_start(struct nt_logon *l)
{
    const struct nt_domain *domain = nt_dir_domain(l->dir);
    l->status = NT_STATUS(NO_SUCH_DOMAIN);
    l->info = NULL;
    l->rid = 0;
    l->session_key = (struct nt_secret){ 0 };
    l->fwd = (struct nt_forward){ 0 };
    while (l->workstation[0] == '\\')
        l->workstation++;
    if (domain == NULL)
        return end(l, NT_STATUS(NO_SUCH_DOMAIN), false);

    if (l->domain[0] == '\0' || nt_name_equal(l->domain, domain->name) ||
        nt_name_equal(l->domain, nt_service_computer(l->service, l->dir)) ||
        (domain->dns_name[0] != '\0' && nt_name_equal(l->domain, domain->dns_name)))
        return local(l);

    const struct nt_tdo *tdo = nt_dir_tdo(l->dir, l->domain);
    if (tdo != NULL && (tdo->direction & DIRECTION_OUTBOUND) != 0)
        return l->pass_through ? pass_through(l, tdo)
                               : end(l, NT_STATUS(NO_SUCH_USER), false); /* not transitive */
    /* A domain that nobody knows: the computer that was connected to looks among its own accounts
     * (NT's rule for its own sessions, not for what comes over a secure channel). */
    if (l->unknown_is_local)
        return local(l);
    return end(l, NT_STATUS(NO_SUCH_USER), false);
}
