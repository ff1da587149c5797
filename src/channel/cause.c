#include "channel/cause.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"
#include "domain/model.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "service/wire.h"

#define ARENA          (64u * 1024)
#define LOGONS_MAX     3           /* sessions that are tried with the newest secrets */
#define POLICY_VIEW    0x00000001u /* [MS-LSAD] 2.2.1.1.2 */
#define SERVER_LOOK_UP 0x00000020u /* [MS-SAMR] 2.2.1.3 */
#define DOMAIN_LOOK_UP 0x00000200u /* [MS-SAMR] 2.2.1.4 */
#define USER_READ      0x00000010u /* [MS-SAMR] 2.2.1.7: the account's control bits */
#define NETLOGON_FLAGS 0x610FFFFFu /* as setup.c */
#define WORKSTATION    2           /* [MS-NRPC] 2.2.1.3.13 */
#define SERVER         6

/* In the order of the work; a step that fails leads to the next one that may still tell. */
enum step {
    KIND_CHALLENGE, /* NetrServerReqChallenge, for a channel of another kind */
    KIND_AUTHENTICATE,
    LSA_LINK,
    LSA_POLICY,
    LSA_SID,
    SAM_LINK,
    SAM_SERVER,
    SAM_DOMAIN,
    SAM_NAME,
    SAM_USER,
    SAM_CONTROL,
    LOGON,
    DONE
};

struct nt_cause {
    enum step step;
    char *domain, *computer, *account, *host;
    enum nt_road road;
    uint16_t smb_port;
    struct nt_sid sid, seen; /* the domain's: known here; its LSA's word */
    const struct nt_env *env;
    struct nt_secret candidates[LOGONS_MAX];
    size_t candidate_count, candidate;
    struct nt_link *link;
    struct nt_arena arena; /* of the call in progress */
    uint32_t call_id;
    uint16_t kind; /* of the channel that is tried */
    SAMPR_HANDLE server, sam_domain;
    bool no_other_kind; /* Netlogon knows the account as no machine's */
    bool fit;           /* SAMR: there, enabled, an interdomain trust account */
    bool smb_answers;   /* a session was set up or refused */
    ntstatus refused, status;
    char why[NT_CAUSE_TEXT];
    char no_smb[160]; /* why nothing could be seen over SMB */
};

static void found(struct nt_cause *c, ntstatus status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void found(struct nt_cause *c, ntstatus status, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->why, sizeof c->why, fmt, ap);
    va_end(ap);
    c->status = status;
    c->step = DONE;
}

static bool missing_or_unfit(const struct nt_cause *c)
{
    return nt_status_is(c->refused, NT_STATUS(NO_TRUST_SAM_ACCOUNT));
}

/* All was asked: what remains is said, not guessed. */
static void conclude(struct nt_cause *c)
{
    const char *a = c->account, *h = c->host;
    if (c->fit && c->candidate_count > 0)
        found(c, c->refused,
              "%s is at %s, enabled and an interdomain trust account: it has another secret than "
              "those that this end knows",
              a, h);
    else if (missing_or_unfit(c) && c->no_other_kind && c->smb_answers)
        found(c, c->refused,
              "%s has no account %s (or, less likely, a disabled one with another secret)", h, a);
    else if (missing_or_unfit(c) && c->no_other_kind)
        found(c, c->refused, "%s has no account %s, or has disabled it%s%s", h, a,
              c->no_smb[0] != '\0' ? "; which of the two cannot be seen without SMB: " : "",
              c->no_smb);
    else if (missing_or_unfit(c))
        found(c, c->refused, "%s has no account %s, or one that is not fit for a trust", h, a);
    else if (c->smb_answers)
        found(c, c->refused,
              "%s accepts none of the secrets that this end knows for %s, neither for the secure "
              "channel nor for a logon over SMB",
              h, a);
    else
        found(c, c->refused, "%s accepts none of the secrets that this end knows for %s", h, a);
}

/* --- links and calls --- */

static void out_of_memory(struct nt_cause *c)
{
    found(c, c->refused, "out of memory while the cause of the refusal was looked for");
}

/* hash NULL: an anonymous session. */
static bool dial(struct nt_cause *c, const struct nt_ndr_interface *iface,
                 const struct nt_secret *hash, enum step step, uint64_t now_ms)
{
    struct nt_sec *sec = NULL;
    if (hash != NULL) {
        const struct nt_ntlm_client_config as = { .domain = c->domain,
                                                  .user = c->account,
                                                  .computer = c->computer,
                                                  .nt_hash = hash,
                                                  .env = c->env };
        struct nt_sec *inner = nt_sec_ntlm_client(&as);
        sec = inner != NULL ? nt_sec_spnego_client(inner) : NULL;
    }
    nt_link_free(c->link);
    c->link = hash == NULL || sec != NULL
                  ? nt_link_new(&(struct nt_link_config){ .host = c->host,
                                                          .road = NT_ROAD_SMB,
                                                          .smb_port = c->smb_port,
                                                          .smb_sec = sec,
                                                          .env = c->env,
                                                          .iface = iface },
                                now_ms)
                  : NULL;
    c->step = step;
    if (c->link == NULL)
        out_of_memory(c);
    return c->link != NULL;
}

static void try_logon(struct nt_cause *c, uint64_t now_ms)
{
    if (c->candidate >= c->candidate_count)
        conclude(c);
    else
        dial(c, &ndr_lsarpc, &c->candidates[c->candidate], LOGON, now_ms);
}

static void ask_over_smb(struct nt_cause *c, uint64_t now_ms)
{
    if (c->road == NT_ROAD_TCP) {
        snprintf(c->no_smb, sizeof c->no_smb, "the trust's servers are named with tcp:");
        conclude(c);
    } else {
        dial(c, &ndr_lsarpc, NULL, LSA_LINK, now_ms);
    }
}

static void send(struct nt_cause *c, const struct nt_ndr_op *op, const void *args, enum step step,
                 uint64_t now_ms)
{
    c->step = step;
    if (nt_link_call(c->link, op, args, now_ms, &c->call_id) != NT_OK)
        out_of_memory(c);
}

static uint16_t *wide(struct nt_cause *c, const char *text)
{
    uint16_t *out = NULL;
    return nt_utf16_from_utf8(&c->arena, text, &out, NULL) == NT_OK ? out : NULL;
}

/* --- does the account open a channel of another kind? --- */

static void send_kind_challenge(struct nt_cause *c, uint64_t now_ms)
{
    nt_arena_reset(&c->arena);
    struct NetrServerReqChallenge args = { .PrimaryName = wide(c, c->host),
                                           .ComputerName = wide(c, c->computer) };
    nt_nl_challenge(c->env, args.ClientChallenge.data);
    if (args.PrimaryName == NULL || args.ComputerName == NULL)
        out_of_memory(c);
    else
        send(c, &ndr_NetrServerReqChallenge, &args, KIND_CHALLENGE, now_ms);
}

/* With a credential of random bytes: only whether the account is looked at is of interest. */
static void send_kind_authenticate(struct nt_cause *c, uint64_t now_ms)
{
    nt_arena_reset(&c->arena);
    struct NetrServerAuthenticate3 args = { .PrimaryName = wide(c, c->host),
                                            .AccountName = wide(c, c->account),
                                            .SecureChannelType = c->kind,
                                            .ComputerName = wide(c, c->computer),
                                            .NegotiateFlags = NETLOGON_FLAGS };
    nt_random(c->env, args.ClientCredential.data, sizeof args.ClientCredential.data);
    if (args.PrimaryName == NULL || args.AccountName == NULL || args.ComputerName == NULL)
        out_of_memory(c);
    else
        send(c, &ndr_NetrServerAuthenticate3, &args, KIND_AUTHENTICATE, now_ms);
}

static void on_kind(struct nt_cause *c, const struct NetrServerAuthenticate3 *a, uint64_t now_ms)
{
    bool server = c->kind == SERVER;
    if (nt_status_is(a->result, NT_STATUS(ACCESS_DENIED)) || nt_status_ok(a->result)) {
        found(c,
              server ? NT_STATUS(NOLOGON_SERVER_TRUST_ACCOUNT)
                     : NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT),
              "%s at %s is a %s account: its Netlogon knows it as one", c->account, c->host,
              server ? "server (controller)" : "workstation");
    } else if (!nt_status_is(a->result, NT_STATUS(NO_TRUST_SAM_ACCOUNT))) {
        ask_over_smb(c, now_ms);
    } else if (!server) {
        c->kind = SERVER;
        send_kind_challenge(c, now_ms);
    } else {
        c->no_other_kind = true;
        ask_over_smb(c, now_ms);
    }
}

/* --- is it still the same domain? --- */

static void send_policy(struct nt_cause *c, uint64_t now_ms)
{
    uint16_t nothing[] = { 0 };
    const struct LsarOpenPolicy2 args = { .SystemName = nothing, .DesiredAccess = POLICY_VIEW };
    send(c, &ndr_LsarOpenPolicy2, &args, LSA_POLICY, now_ms);
}

static void on_policy(struct nt_cause *c, const struct LsarOpenPolicy2 *a, uint64_t now_ms)
{
    const struct LsarQueryInformationPolicy args = { .PolicyHandle = a->PolicyHandle,
                                                     .InformationClass =
                                                         PolicyAccountDomainInformation };
    if (nt_status_ok(a->result))
        send(c, &ndr_LsarQueryInformationPolicy, &args, LSA_SID, now_ms);
    else
        try_logon(c, now_ms);
}

static void on_sid(struct nt_cause *c, const struct LsarQueryInformationPolicy *a, uint64_t now_ms)
{
    char was[NT_SID_TEXT], is[NT_SID_TEXT];
    const LSAPR_POLICY_INFORMATION *info = a->PolicyInformation;
    if (!nt_status_ok(a->result) || info == NULL ||
        !nt_rpc_sid_get(info->PolicyAccountDomainInfo.DomainSid, &c->seen)) {
        try_logon(c, now_ms);
    } else if (!nt_sid_is_null(&c->sid) && !nt_sid_equal(&c->sid, &c->seen)) {
        found(c, NT_STATUS(DOMAIN_TRUST_INCONSISTENT),
              "the domain at %s has the SID %s, and the one that is trusted has %s", c->host,
              nt_sid_format(&c->seen, is), nt_sid_format(&c->sid, was));
    } else {
        dial(c, &ndr_samr, NULL, SAM_LINK, now_ms);
    }
}

/* --- the account, where SAMR shows it to strangers (Samba does) --- */

static void send_connect(struct nt_cause *c, uint64_t now_ms)
{
    uint16_t nothing[] = { 0 };
    struct SamrConnect5 args = { .ServerName = nothing,
                                 .DesiredAccess = SERVER_LOOK_UP,
                                 .InVersion = 1 };
    args.InRevisionInfo.V1.Revision = 3;
    send(c, &ndr_SamrConnect5, &args, SAM_SERVER, now_ms);
}

static void send_open_domain(struct nt_cause *c, uint64_t now_ms)
{
    nt_arena_reset(&c->arena);
    struct SamrOpenDomain args = { .ServerHandle = c->server, .DesiredAccess = DOMAIN_LOOK_UP };
    args.DomainId = nt_rpc_sid_put(&c->arena, &c->seen);
    if (args.DomainId == NULL)
        out_of_memory(c);
    else
        send(c, &ndr_SamrOpenDomain, &args, SAM_DOMAIN, now_ms);
}

static void send_name(struct nt_cause *c, uint64_t now_ms)
{
    RPC_UNICODE_STRING name;
    nt_arena_reset(&c->arena);
    const struct SamrLookupNamesInDomain args = { .DomainHandle = c->sam_domain,
                                                  .Count = 1,
                                                  .Names = &name };
    if (!nt_unicode_put(&c->arena, c->account, &name))
        out_of_memory(c);
    else
        send(c, &ndr_SamrLookupNamesInDomain, &args, SAM_NAME, now_ms);
}

static void on_name(struct nt_cause *c, const struct SamrLookupNamesInDomain *a, uint64_t now_ms)
{
    const struct SamrOpenUser args = {
        .DomainHandle = c->sam_domain,
        .DesiredAccess = USER_READ,
        .UserId = a->RelativeIds.Count > 0 && a->RelativeIds.Element != NULL
                      ? a->RelativeIds.Element[0]
                      : 0,
    };
    if (nt_status_is(a->result, NT_STATUS(NONE_MAPPED)))
        found(c, NT_STATUS(NO_TRUST_SAM_ACCOUNT), "%s has no account %s: its SAMR says so", c->host,
              c->account);
    else if (nt_status_ok(a->result) && args.UserId != 0)
        send(c, &ndr_SamrOpenUser, &args, SAM_USER, now_ms);
    else
        try_logon(c, now_ms);
}

static void send_control(struct nt_cause *c, const struct SamrOpenUser *a, uint64_t now_ms)
{
    const struct SamrQueryInformationUser args = { .UserHandle = a->UserHandle,
                                                   .UserInformationClass = UserControlInformation };
    send(c, &ndr_SamrQueryInformationUser, &args, SAM_CONTROL, now_ms);
}

static void on_control(struct nt_cause *c, const struct SamrQueryInformationUser *a,
                       uint64_t now_ms)
{
    if (!nt_status_ok(a->result) || a->Buffer == NULL) {
        try_logon(c, now_ms);
        return;
    }
    uint32_t acb = a->Buffer->Control.UserAccountControl;
    bool server = (acb & NT_ACB_SERVER) != 0;
    if ((acb & NT_ACB_INTERDOMAIN) == 0) {
        found(c,
              server ? NT_STATUS(NOLOGON_SERVER_TRUST_ACCOUNT)
                     : NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT),
              "%s at %s is a %s account: its SAMR says so", c->account, c->host,
              server                            ? "server (controller)"
              : (acb & NT_ACB_WORKSTATION) != 0 ? "workstation"
                                                : "user");
    } else if ((acb & NT_ACB_DISABLED) != 0) {
        found(c, NT_STATUS(ACCOUNT_DISABLED), "%s at %s is disabled: its SAMR says so", c->account,
              c->host);
    } else {
        c->fit = true;
        try_logon(c, now_ms);
    }
}

/* --- a logon with the trust's own secret --- */

static bool is_of(ntstatus status, ntstatus a, ntstatus b)
{
    return nt_status_is(status, a) || nt_status_is(status, b);
}

static void on_logon_refused(struct nt_cause *c, ntstatus status, uint64_t now_ms)
{
    char code[64];
    nt_status_format(status, code);
    if (nt_status_is(status, NT_STATUS(ACCOUNT_DISABLED)))
        found(c, status, "%s at %s is disabled: a logon over SMB with the right secret says so",
              c->account, c->host);
    else if (is_of(status, NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT),
                   NT_STATUS(NOLOGON_SERVER_TRUST_ACCOUNT)))
        found(c, status, "%s at %s is a computer's account: a logon over SMB is answered %s",
              c->account, c->host, code);
    else if (nt_status_is(status, NT_STATUS(NOLOGON_INTERDOMAIN_TRUST_ACCOUNT)))
        found(c, status,
              "%s refuses the secure channel although the secret is right (a logon over SMB is "
              "answered %s)",
              c->host, code);
    else if (is_of(status, NT_STATUS(LOGON_FAILURE), NT_STATUS(WRONG_PASSWORD))) {
        c->candidate++;
        try_logon(c, now_ms);
    } else {
        snprintf(c->no_smb, sizeof c->no_smb, "a logon is answered %s", code);
        c->smb_answers = false;
        conclude(c);
    }
}

/* --- answers --- */

static void *decode(struct nt_cause *c, const struct nt_ndr_op *op, const struct nt_link_event *e)
{
    nt_arena_reset(&c->arena);
    void *args = nt_arena_alloc(&c->arena, op->args_size);
    if (args == NULL || e->kind != NT_LINK_RESPONSE)
        return NULL;
    if (op == &ndr_LsarQueryInformationPolicy)
        ((struct LsarQueryInformationPolicy *)args)->InformationClass =
            PolicyAccountDomainInformation;
    else if (op == &ndr_SamrQueryInformationUser)
        ((struct SamrQueryInformationUser *)args)->UserInformationClass = UserControlInformation;
    return nt_ndr_decode(op, NT_NDR_RESPONSE, e->big_endian, e->stub, e->len, &c->arena, &args,
                         NULL, NULL) == NT_OK
               ? args
               : NULL;
}

static void on_kind_answer(struct nt_cause *c, const struct nt_link_event *e, uint64_t now_ms)
{
    bool challenge = c->step == KIND_CHALLENGE;
    void *args =
        decode(c, challenge ? &ndr_NetrServerReqChallenge : &ndr_NetrServerAuthenticate3, e);
    if (args != NULL && !challenge)
        on_kind(c, args, now_ms);
    else if (args != NULL && nt_status_ok(((const struct NetrServerReqChallenge *)args)->result))
        send_kind_authenticate(c, now_ms);
    else
        ask_over_smb(c, now_ms);
}

static void on_lsa_answer(struct nt_cause *c, const struct nt_link_event *e, uint64_t now_ms)
{
    bool policy = c->step == LSA_POLICY;
    void *args = decode(c, policy ? &ndr_LsarOpenPolicy2 : &ndr_LsarQueryInformationPolicy, e);
    if (args == NULL)
        try_logon(c, now_ms);
    else if (policy)
        on_policy(c, args, now_ms);
    else
        on_sid(c, args, now_ms);
}

static const struct nt_ndr_op *sam_op(enum step step)
{
    return step == SAM_SERVER   ? &ndr_SamrConnect5
           : step == SAM_DOMAIN ? &ndr_SamrOpenDomain
           : step == SAM_NAME   ? &ndr_SamrLookupNamesInDomain
           : step == SAM_USER   ? &ndr_SamrOpenUser
                                : &ndr_SamrQueryInformationUser;
}

static void on_sam_answer(struct nt_cause *c, const struct nt_link_event *e, uint64_t now_ms)
{
    void *args = decode(c, sam_op(c->step), e);
    if (args != NULL && c->step == SAM_SERVER &&
        nt_status_ok(((const struct SamrConnect5 *)args)->result)) {
        c->server = ((const struct SamrConnect5 *)args)->ServerHandle;
        send_open_domain(c, now_ms);
    } else if (args != NULL && c->step == SAM_DOMAIN &&
               nt_status_ok(((const struct SamrOpenDomain *)args)->result)) {
        c->sam_domain = ((const struct SamrOpenDomain *)args)->DomainHandle;
        send_name(c, now_ms);
    } else if (args != NULL && c->step == SAM_NAME) {
        on_name(c, args, now_ms);
    } else if (args != NULL && c->step == SAM_USER &&
               nt_status_ok(((const struct SamrOpenUser *)args)->result)) {
        send_control(c, args, now_ms);
    } else if (args != NULL && c->step == SAM_CONTROL) {
        on_control(c, args, now_ms);
    } else {
        try_logon(c, now_ms); /* not for strangers */
    }
}

static void on_failed(struct nt_cause *c, const struct nt_link_event *e, uint64_t now_ms)
{
    enum nt_smb_step at = nt_link_step(c->link);
    if (c->step <= KIND_AUTHENTICATE) {
        ask_over_smb(c, now_ms);
    } else if (c->step == LOGON && at == NT_SMB_STEP_CREDENTIALS) {
        c->smb_answers = true;
        on_logon_refused(c, e->status, now_ms);
    } else if (c->step == LOGON || (c->step == LSA_LINK && at == NT_SMB_STEP_NETWORK)) {
        snprintf(c->no_smb, sizeof c->no_smb, "%.150s", e->why);
        conclude(c);
    } else {
        try_logon(c, now_ms); /* strangers are not let in */
    }
}

static void on_ready(struct nt_cause *c, uint64_t now_ms)
{
    if (c->step == LSA_LINK)
        send_policy(c, now_ms);
    else if (c->step == SAM_LINK)
        send_connect(c, now_ms);
    else if (c->step == LOGON)
        found(
            c, NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT),
            "%s at %s logs on over SMB, which no interdomain trust account does: it is a user's or "
            "a computer's",
            c->account, c->host);
}

bool nt_cause_next(struct nt_cause *c, uint64_t now_ms)
{
    struct nt_link_event e;
    while (c->step != DONE && nt_link_next(c->link, &e, now_ms)) {
        if (e.kind == NT_LINK_FAILED)
            on_failed(c, &e, now_ms);
        else if (e.kind == NT_LINK_READY)
            on_ready(c, now_ms);
        else if (e.call_id != c->call_id)
            continue;
        else if (c->step <= KIND_AUTHENTICATE)
            on_kind_answer(c, &e, now_ms);
        else if (c->step <= LSA_SID)
            on_lsa_answer(c, &e, now_ms);
        else
            on_sam_answer(c, &e, now_ms);
    }
    return c->step == DONE;
}

/* --- life --- */

struct nt_cause *nt_cause_new(const struct nt_cause_config *config, struct nt_link *netlogon,
                              uint64_t now_ms)
{
    struct nt_cause *c = calloc(1, sizeof *c);
    if (c == NULL) {
        nt_link_free(netlogon);
        return NULL;
    }
    nt_arena_init(&c->arena, ARENA);
    c->link = netlogon;
    c->domain = strdup(config->domain);
    c->computer = strdup(config->computer);
    c->account = strdup(config->account);
    c->host = strdup(config->host);
    if (c->domain == NULL || c->computer == NULL || c->account == NULL || c->host == NULL) {
        nt_cause_free(c);
        return NULL;
    }
    c->road = config->road;
    c->smb_port = config->smb_port;
    c->sid = config->sid;
    c->env = config->env;
    c->refused = c->status = config->refused;
    c->kind = WORKSTATION;
    /* Where the key was compared, one logon tells all that logons can. */
    size_t most = missing_or_unfit(c) ? LOGONS_MAX : 1;
    c->candidate_count = config->candidate_count < most ? config->candidate_count : most;
    for (size_t i = 0; i < c->candidate_count; i++)
        c->candidates[i] = config->candidates[i];
    if (missing_or_unfit(c))
        send_kind_challenge(c, now_ms);
    else
        ask_over_smb(c, now_ms);
    return c;
}

void nt_cause_free(struct nt_cause *c)
{
    if (c == NULL)
        return;
    nt_link_free(c->link);
    nt_arena_free(&c->arena);
    free(c->domain);
    free(c->computer);
    free(c->account);
    free(c->host);
    nt_wipe(c, sizeof *c);
    free(c);
}

struct nt_link *nt_cause_link(struct nt_cause *c)
{
    return c->step != DONE ? c->link : NULL;
}

ntstatus nt_cause_status(const struct nt_cause *c)
{
    return c->status;
}

const char *nt_cause_why(const struct nt_cause *c)
{
    return c->why;
}
