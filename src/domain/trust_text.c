/*
 * trust_text.c - the trusting end's states and troubles in words: what it means, which end has to
 * act, and what is to be done.
 */
#include <stdio.h>

#include "domain/model.h"
#include "domain/trust_internal.h"

/* clang-format off: tables */
static const struct {
    const char *name, *end, *text;
} reasons[] = {
    [NT_BROKEN_NONE] = { "", "", "" },
    [NT_BROKEN_REMOVED] = { "removed-at-trusted-end", "trusted",
                            "the trusted domain has no account for us: it does not permit this "
                            "trust, or removed it" },
    [NT_BROKEN_MISMATCH] = { "password-mismatch", "both",
                             "the trusted domain accepts none of the passwords that this end "
                             "knows" },
    [NT_BROKEN_BURNED] = { "initial-password-burned", "trusting",
                           "a password other than the initial one was offered to the trusted "
                           "domain, which has burned the permission: not even the right one opens "
                           "it any more" },
    [NT_BROKEN_DISABLED] = { "account-disabled", "trusted",
                             "our account in the trusted domain is disabled" },
    [NT_BROKEN_ACCOUNT_TYPE] = { "wrong-account-type", "trusted",
                                 "our account in the trusted domain is not an interdomain trust "
                                 "account" },
    [NT_BROKEN_UNREACHABLE] = { "peer-unreachable", "network",
                                "no controller of the trusted domain can be reached" },
    [NT_BROKEN_NAME] = { "name-unresolvable", "network",
                         "no controller of the trusted domain can be found by name" },
    [NT_BROKEN_DOMAIN] = { "domain-changed", "trusted",
                           "the trusted domain has another SID than when the trust was made: it "
                           "was built anew" },
    [NT_BROKEN_CRYPTO] = { "crypto-refused", "both",
                           "one end demands stronger cryptography than the other offers" },
    [NT_BROKEN_TIME] = { "time-skew", "both", "the clocks of the two domains differ too much" },
    [NT_BROKEN_DENIED] = { "denied", "trusted", "the trusted domain's controller refuses us" },
};

static const struct {
    uint32_t code;
    enum nt_broken reason;
} by_status[] = {
    { (uint32_t)NT_STATUS_CODE_NO_TRUST_SAM_ACCOUNT, NT_BROKEN_REMOVED },
    { (uint32_t)NT_STATUS_CODE_NO_SUCH_USER, NT_BROKEN_REMOVED },
    { (uint32_t)NT_STATUS_CODE_ACCESS_DENIED, NT_BROKEN_MISMATCH },
    { (uint32_t)NT_STATUS_CODE_WRONG_PASSWORD, NT_BROKEN_MISMATCH },
    { (uint32_t)NT_STATUS_CODE_LOGON_FAILURE, NT_BROKEN_MISMATCH },
    { (uint32_t)NT_STATUS_CODE_TRUSTED_RELATIONSHIP_FAILURE, NT_BROKEN_MISMATCH },
    /* ntrustd's answer for a burned permission. */
    { (uint32_t)NT_STATUS_CODE_ACCOUNT_LOCKED_OUT, NT_BROKEN_BURNED },
    { (uint32_t)NT_STATUS_CODE_ACCOUNT_EXPIRED, NT_BROKEN_BURNED }, /* a reset code */
    { (uint32_t)NT_STATUS_CODE_ACCOUNT_DISABLED, NT_BROKEN_DISABLED },
    { (uint32_t)NT_STATUS_CODE_NOLOGON_WORKSTATION_TRUST_ACCOUNT, NT_BROKEN_ACCOUNT_TYPE },
    { (uint32_t)NT_STATUS_CODE_NOLOGON_SERVER_TRUST_ACCOUNT, NT_BROKEN_ACCOUNT_TYPE },
    { (uint32_t)NT_STATUS_CODE_DOWNGRADE_DETECTED, NT_BROKEN_CRYPTO },
    { (uint32_t)NT_STATUS_CODE_RPC_SEC_PKG_ERROR, NT_BROKEN_CRYPTO },
    { (uint32_t)NT_STATUS_CODE_TIME_DIFFERENCE_AT_DC, NT_BROKEN_TIME },
    { (uint32_t)NT_STATUS_CODE_DOMAIN_TRUST_INCONSISTENT, NT_BROKEN_DOMAIN },
    { (uint32_t)NT_STATUS_CODE_NO_SUCH_DOMAIN, NT_BROKEN_NAME },
    { (uint32_t)NT_STATUS_CODE_DOMAIN_CONTROLLER_NOT_FOUND, NT_BROKEN_NAME },
    { (uint32_t)NT_STATUS_CODE_NO_LOGON_SERVERS, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_NETLOGON_NOT_STARTED, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_HOST_UNREACHABLE, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_NETWORK_UNREACHABLE, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_PORT_CONNECTION_REFUSED, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_CONNECTION_REFUSED, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_CONNECTION_ABORTED, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_IO_TIMEOUT, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_RPC_SERVER_UNAVAILABLE, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_RPC_CALL_FAILED, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_RPC_PROTOCOL_ERROR, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_RPC_UNKNOWN_IF, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_INVALID_NETWORK_RESPONSE, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_NO_MEMORY, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_INSUFFICIENT_RESOURCES, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_INTERNAL_ERROR, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_DISK_FULL, NT_BROKEN_UNREACHABLE },
    { (uint32_t)NT_STATUS_CODE_MEDIA_WRITE_PROTECTED, NT_BROKEN_UNREACHABLE },
};
/* clang-format on */

enum nt_broken nt_broken_of(ntstatus status)
{
    for (size_t i = 0; i < NT_COUNT(by_status); i++)
        if (by_status[i].code == status.code)
            return by_status[i].reason;
    return NT_BROKEN_DENIED;
}

static size_t row(enum nt_broken reason)
{
    return (unsigned)reason < NT_COUNT(reasons) ? (size_t)reason : 0;
}

const char *nt_broken_name(enum nt_broken reason)
{
    return reasons[row(reason)].name;
}

const char *nt_broken_end(enum nt_broken reason)
{
    return reasons[row(reason)].end;
}

const char *nt_broken_text(enum nt_broken reason)
{
    return reasons[row(reason)].text;
}

const char *nt_out_reason_text(const struct nt_trust_out *out, enum nt_broken reason)
{
    if (reason == NT_BROKEN_MISMATCH && nt_out_untried(out))
        return "the trusted domain does not accept the initial password: another one was typed "
               "there than here";
    if (reason == NT_BROKEN_BURNED && !nt_out_untried(out))
        return "the trusted domain has removed our account and permitted this trust anew, which "
               "does not repair it: our secret, of the trust before, has burned that permission";
    return nt_broken_text(reason);
}

/* Nothing is lost yet at an end that allows several attempts, and at one that is not ntrust's. */
static const char *initial_remedy(const char *trusted, const char *own, char *text, size_t size)
{
    snprintf(text, size,
             "Here: ntrust trust remove %s, then ntrust trust add %s with the right password. Each "
             "try costs an attempt at %s (there: ntrust permit show %s tells how many are left).",
             trusted, trusted, trusted, own);
    return text;
}

const char *nt_broken_remedy(enum nt_broken reason, const char *trusted, const char *own,
                             char *text, size_t size)
{
    switch (reason) {
    case NT_BROKEN_REMOVED:
    case NT_BROKEN_MISMATCH:
        snprintf(text, size,
                 "Both ends have to be made anew, one alone repairs nothing: ntrust reset %s (with "
                 "an administrator of %s); or by hand, in %s: ntrust permit remove %s; ntrust "
                 "permit add %s; then here: ntrust trust remove %s; ntrust trust add %s.",
                 trusted, trusted, trusted, own, own, trusted, trusted);
        break;
    case NT_BROKEN_BURNED:
        snprintf(text, size,
                 "In %s: ntrust permit remove %s, then ntrust permit add %s with a new initial "
                 "password. Then here: ntrust trust remove %s, and ntrust trust add %s with that "
                 "password.",
                 trusted, own, own, trusted, trusted);
        break;
    case NT_BROKEN_DISABLED:
        snprintf(text, size,
                 "In %s: enable the account %s$ (ntrust permit enable %s). Then here: ntrust trust "
                 "verify %s.",
                 trusted, own, own, trusted);
        break;
    case NT_BROKEN_ACCOUNT_TYPE:
        snprintf(text, size,
                 "In %s: remove the account %s$, whatever it is, and permit the trust (ntrust "
                 "permit add %s). Then here: ntrust trust remove %s; ntrust trust add %s.",
                 trusted, own, own, trusted, trusted);
        break;
    case NT_BROKEN_UNREACHABLE:
        snprintf(text, size,
                 "Nothing is lost, and it is tried again by itself. Check that a controller of %s "
                 "runs, and that its endpoint mapper (port 135) and RPC ports can be reached.",
                 trusted);
        break;
    case NT_BROKEN_NAME:
        snprintf(text, size,
                 "Check how %s is found (DNS, the servers named for the trust): ntrust trust show "
                 "%s; ntrust trust servers %s --server HOST.",
                 trusted, trusted, trusted);
        break;
    case NT_BROKEN_DOMAIN:
        snprintf(text, size,
                 "If %s was built anew on purpose: ntrust trust remove %s, then permit there and "
                 "ntrust trust add %s. If not, somebody else answers in its name.",
                 trusted, trusted, trusted);
        break;
    case NT_BROKEN_CRYPTO:
        snprintf(text, size,
                 "Compare the settings of both ends. Better: let the weaker end offer AES and "
                 "sealing. Weak cryptography can be allowed for this trust alone, and is shown as "
                 "a weakness then.");
        break;
    case NT_BROKEN_TIME:
        snprintf(text, size,
                 "Set the clocks of both domains right (NTP); then here: ntrust trust "
                 "verify %s.",
                 trusted);
        break;
    case NT_BROKEN_DENIED:
        snprintf(text, size,
                 "Look at the log of %s's controller for the reason; then here: ntrust trust "
                 "verify %s.",
                 trusted, trusted);
        break;
    case NT_BROKEN_NONE:
    case NT_BROKEN_COUNT:
        if (size > 0)
            text[0] = '\0';
        break;
    }
    return text;
}

const char *nt_out_state_name(enum nt_out_state state)
{
    static const char *const names[] = {
        [NT_OUT_PENDING] = "pending", [NT_OUT_ESTABLISHING] = "establishing",
        [NT_OUT_ACTIVE] = "active",   [NT_OUT_CHANGING] = "changing",
        [NT_OUT_BROKEN] = "broken",
    };
    return (unsigned)state < NT_COUNT(names) ? names[state] : "unknown";
}

const char *nt_out_verdict_name(enum nt_out_verdict verdict)
{
    static const char *const names[] = {
        [NT_VERDICT_NONE] = "",
        [NT_VERDICT_HEALTHY] = "healthy",
        [NT_VERDICT_RESEND] = "resend",
        [NT_VERDICT_ADOPT] = "adopt",
        [NT_VERDICT_BOTH_MOVED] = "both-moved",
        [NT_VERDICT_RESET] = "reset",
    };
    return (unsigned)verdict < NT_COUNT(names) ? names[verdict] : "";
}

bool nt_out_may_forward(const struct nt_trust_out *out)
{
    return out->current.set && out->current.proven != 0 && out->state != NT_OUT_BROKEN;
}

const char *nt_out_describe(const struct nt_trust_out *out, const char *trusted, const char *own,
                            char *text, size_t size)
{
    char when[NT_TIME_TEXT], status[64];
    if (out->state != NT_OUT_BROKEN && out->degraded) {
        snprintf(text, size,
                 "%s cannot be reached at present (%s). The trust itself is not broken.", trusted,
                 out->last_text);
        return text;
    }
    switch (out->state) {
    case NT_OUT_PENDING:
        if (out->initial_until != 0)
            snprintf(text, size, "The reset code that was made here is to be typed at %s by %s.",
                     trusted, nt_time_format(out->initial_until, when));
        else
            snprintf(text, size,
                     "%s has not been asked yet whether it accepts the initial password.", trusted);
        break;
    case NT_OUT_ESTABLISHING:
        snprintf(text, size,
                 "The initial password opened the secure channel to %s; its replacement is not "
                 "proven yet%s.",
                 trusted,
                 out->next.refused != 0 ? ", because the trusted end refuses changes" : "");
        break;
    case NT_OUT_ACTIVE:
        snprintf(text, size, "%s trusts %s; the password was changed last at %s.%s", own, trusted,
                 nt_time_format(out->last_change, when),
                 out->next.refused != 0 ? " The trusted end refuses further changes." : "");
        break;
    case NT_OUT_CHANGING:
        snprintf(text, size, "%s trusts %s; a change of the password is under way.", own, trusted);
        break;
    case NT_OUT_BROKEN:
        snprintf(text, size, "Broken since %s: %s (%s).", nt_time_format(out->broken_at, when),
                 nt_out_reason_text(out, out->broken), nt_status_format(out->last_status, status));
        break;
    }
    return text;
}

const char *nt_out_next(const struct nt_trust_out *out, const char *trusted, const char *own,
                        char *text, size_t size)
{
    enum nt_broken reason = out->state == NT_OUT_BROKEN ? out->broken : out->trouble;
    if (reason == NT_BROKEN_MISMATCH && nt_out_untried(out))
        return initial_remedy(trusted, own, text, size);
    if (reason == NT_BROKEN_BURNED && !nt_out_untried(out))
        reason = NT_BROKEN_MISMATCH; /* both ends, made anew */
    return nt_broken_remedy(reason, trusted, own, text, size);
}

nt_time nt_out_restored_to(const struct nt_trust_out *out, const struct nt_domain *domain)
{
    bool explains = domain != NULL && domain->restored_at != 0 && out->established &&
                    out->last_ok < domain->restored_at;
    return explains ? domain->restored_to : 0;
}
