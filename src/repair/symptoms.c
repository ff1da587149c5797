#include "repair/symptoms.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"

#define CHECK    "ntrust check A B"
#define RESET    "ntrust check A B, then ntrust reset A B"
#define COMPUTER "ntrust computer check, on the member, then ntrust computer reset"

#define CODE(status, code, name, means, end, next)                                                 \
    {                                                                                              \
        NT_SYMPTOM_CODE, status, code, code, name, means, end, next                                \
    }
#define EVENTS(first, last, log, means, end, next)                                                 \
    {                                                                                              \
        NT_SYMPTOM_EVENT, 0, first, last, log, means, end, next                                    \
    }
#define EVENT(number, log, means, end, next) EVENTS(number, number, log, means, end, next)
#define KERBEROS(number, name, means, end, next)                                                   \
    {                                                                                              \
        NT_SYMPTOM_KERBEROS, 0, number, number, name, means, end, next                             \
    }

static const struct nt_symptom symptoms[] = {
    /* --- codes --- */
    CODE(0xC000018A, 1786, "NO_TRUST_LSA_SECRET",
         "the trusting domain has no secret for this trust: its half was removed, never stored, or "
         "came back without it",
         "the trusting domain", RESET),
    CODE(0xC000018B, 1787, "NO_TRUST_SAM_ACCOUNT",
         "the trusted domain has no account for the other one that serves: it is missing, disabled "
         "or of another kind",
         "the trusted domain", RESET),
    CODE(0xC000018C, 1788, "TRUSTED_DOMAIN_FAILURE",
         "the link between the two domains failed; the first error beneath it is the real one",
         "open", CHECK),
    CODE(0xC000018D, 1789, "TRUSTED_RELATIONSHIP_FAILURE",
         "a member and its domain hold different secrets; from Samba also that the previous secret "
         "of a trust works alone",
         "the member", COMPUTER),
    CODE(0xC0000190, 1790, "TRUST_FAILURE",
         "no controller could be reached that decides about the logon", "the network", CHECK),
    CODE(0xC0000022, 5, "ACCESS_DENIED",
         "when a secure channel is opened: the two ends hold different secrets; of any other call: "
         "rights are missing",
         "by the call", RESET),
    CODE(0xC000006A, 86, "WRONG_PASSWORD",
         "the two ends hold different secrets; or the trusted domain refuses a change of the "
         "trust's password",
         "open, or the trusted domain's policy", RESET),
    CODE(0xC000006D, 1326, "LOGON_FAILURE",
         "the administrator's name or password is not right, or not of that domain", "the caller",
         "the same command with -U 'DOMAIN\\Administrator'"),
    CODE(0xC0000072, 1331, "ACCOUNT_DISABLED",
         "the account is disabled; from Samba's controllers also that it is missing, or that the "
         "two "
         "ends hold different secrets",
         "the trusted domain", RESET),
    CODE(0xC000005E, 1311, "NO_LOGON_SERVERS",
         "no controller of the other domain was found, or each that was found refused",
         "the network, then the trusted domain", CHECK),
    CODE(0xC00000DF, 1355, "NO_SUCH_DOMAIN",
         "the other domain's name is not found by DNS or NetBIOS", "name resolution", CHECK),
    CODE(0xC0000233, 1908, "DOMAIN_CONTROLLER_NOT_FOUND",
         "no controller of the domain is found by DNS or NetBIOS", "name resolution", CHECK),
    CODE(0xC0020017, 1722, "RPC_SERVER_UNAVAILABLE",
         "the controller is found, but a port is closed on the way, or the service is down",
         "the network", CHECK),
    CODE(0, 1753, "EPT_S_NOT_REGISTERED",
         "the controller answers, but does not offer the service: it starts, or is told not to by "
         "RPC",
         "that controller", CHECK),
    CODE(0xC0020057, 1825, "RPC_SEC_PKG_ERROR",
         "the secure channel's key does not fit, or the protection was not agreed upon",
         "between the two ends", CHECK),
    CODE(0xC0000192, 1792, "NETLOGON_NOT_STARTED",
         "the controller's Netlogon service is down, or paused", "that controller", CHECK),
    CODE(0xC0000388, 1265, "DOWNGRADE_DETECTED",
         "one end demands AES, sealing or strong keys that the other does not offer",
         "the older of the two", CHECK),
    CODE(0xC0000133, 1398, "TIME_DIFFERENCE_AT_DC", "the clocks are too far apart",
         "the one whose clock is off", CHECK),
    CODE(0xC000019B, 1810, "DOMAIN_TRUST_INCONSISTENT",
         "name and SID of the other domain disagree: it was built anew under its old name",
         "the trusting domain", "ntrust check A B, then ntrust reset --recreate A B"),
    CODE(0xC0000413, 1935, "AUTHENTICATION_FIREWALL_FAILED",
         "selective authentication: the user was not allowed to authenticate at that computer",
         "the trusting domain's policy", CHECK),
    CODE(0xC0000418, 1937, "NTLM_BLOCKED", "NTLM is forbidden by a policy", "policy",
         "the same command with -k, after kinit"),
    CODE(0xC0000198, 1807, "NOLOGON_INTERDOMAIN_TRUST_ACCOUNT",
         "when a trust is made: the account is there and the password right; no failure", "none",
         CHECK),

    /* --- events of Netlogon --- */
    EVENT(3210, "a member", "the controller does not accept this computer's password", "the member",
          COMPUTER),
    EVENT(3224, "a member", "the computer's own password could not be changed", "the member",
          COMPUTER),
    EVENT(5513, "a controller",
          "the other domain's SID is not the one that is known: it was rebuilt",
          "the trusting domain", "ntrust check A B, then ntrust reset --recreate A B"),
    EVENT(5719, "either end",
          "no controller was reached for a secure channel; the code in it tells why, and one alone "
          "at start is harmless",
          "by its code", CHECK),
    EVENT(5721, "a member", "the domain has no account for this computer", "the domain", COMPUTER),
    EVENT(5722, "a controller", "a computer or domain has an account, but another secret",
          "by the account's name", CHECK " for NAME$ of a domain, else " COMPUTER),
    EVENT(5723, "a controller", "a computer or domain came that has no account here",
          "the trusted domain", CHECK " for NAME$ of a domain, else " COMPUTER),
    EVENT(5770, "a controller", "two computers of both domains have one name", "both domains",
          CHECK),
    EVENT(5783, "a member", "the controller fell silent in the middle of a call", "the network",
          CHECK),
    EVENT(5805, "a controller", "a computer could not authenticate: its secret is another one",
          "the member", COMPUTER),
    EVENTS(5816, 5819, "either end",
           "more logons at a time than the channel takes, or a controller "
           "that answers slowly",
           "load, or the network", CHECK),
    EVENT(5823, "a member", "the computer changed its own password; no failure", "none", COMPUTER),
    EVENTS(5827, 5831, "a controller",
           "a secure channel that is not sealed was refused (5827, 5828) or still let in (5829 to "
           "5831)",
           "the older of the two", CHECK),
    EVENTS(5838, 5841, "a controller",
           "a client or trust signs without sealing (5838, 5839), or has a channel of RC4 (5840, "
           "5841)",
           "the older of the two", CHECK),

    /* --- Kerberos --- */
    KERBEROS(7, "KDC_ERR_S_PRINCIPAL_UNKNOWN",
             "the name is not known there, or a name suffix is not routed to that forest",
             "name suffixes", CHECK),
    KERBEROS(12, "KDC_ERR_POLICY", "a policy refuses the ticket", "policy", CHECK),
    KERBEROS(14, "KDC_ERR_ETYPE_NOTSUPP",
             "the two halves allow no encryption type in common: one of them lists RC4 alone",
             "the half without AES", RESET),
    KERBEROS(37, "KRB_AP_ERR_SKEW", "the clocks are more than five minutes apart",
             "the one whose clock is off", CHECK),
    KERBEROS(41, "KRB_AP_ERR_MODIFIED",
             "the ticket was made with another key: the two ends hold different secrets", "open",
             RESET),
};

const struct nt_symptom *nt_symptoms(size_t *count)
{
    *count = sizeof symptoms / sizeof symptoms[0];
    return symptoms;
}

/* What may stand before a name or number: of a kind, or of none. */
static const struct {
    const char *text;
    int kind; /* -1: any */
} prefixes[] = {
    { "event ", NT_SYMPTOM_EVENT },    { "eventid ", NT_SYMPTOM_EVENT },
    { "kdc ", NT_SYMPTOM_KERBEROS },   { "krb ", NT_SYMPTOM_KERBEROS },
    { "ap ", NT_SYMPTOM_KERBEROS },    { "kerberos ", NT_SYMPTOM_KERBEROS },
    { "NT_STATUS_", NT_SYMPTOM_CODE }, { "STATUS_", NT_SYMPTOM_CODE },
    { "WERR_", NT_SYMPTOM_CODE },      { "ERROR_", NT_SYMPTOM_CODE },
    { "error ", NT_SYMPTOM_CODE },     { "RPC_NT_", NT_SYMPTOM_CODE },
};

static const char *strip(const char *typed, int *kind)
{
    *kind = -1;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i].text);
        if (strncasecmp(typed, prefixes[i].text, len) == 0) {
            *kind = prefixes[i].kind;
            return typed + len;
        }
    }
    return typed;
}

/* Eight hexadecimal digits are an NTSTATUS also without "0x"; fewer are decimal without. */
static bool number_of(const char *text, uint32_t *out)
{
    size_t len = strlen(text);
    bool hex = strncasecmp(text, "0x", 2) == 0 || len == 8;
    char *end;
    if (len == 0 || !isxdigit((unsigned char)text[0]))
        return false;
    unsigned long long v = strtoull(text, &end, hex ? 16 : 10);
    *out = (uint32_t)v;
    return *end == '\0' && v <= UINT32_MAX;
}

const struct nt_symptom *nt_symptom_find(const char *typed)
{
    int kind;
    uint32_t number = 0;
    const char *text = strip(typed, &kind);
    if (*text == '\0')
        return NULL;
    bool numeric = number_of(text, &number) && number != 0;
    for (size_t i = 0; i < sizeof symptoms / sizeof symptoms[0]; i++) {
        const struct nt_symptom *s = &symptoms[i];
        if (kind >= 0 && (int)s->kind != kind)
            continue;
        bool named =
            s->kind != NT_SYMPTOM_EVENT &&
            (strcasecmp(text, s->name) == 0 ||
             (s->kind == NT_SYMPTOM_CODE && strcasecmp(text, nt_werror_name(s->number)) == 0));
        bool numbered = numeric && ((number >= s->number && number <= s->last) ||
                                    (s->status != 0 && number == s->status));
        if (named || numbered)
            return s;
    }
    return NULL;
}
