/*
 * netlogon_internal.h - seen by the netlogon_*.c files only: the secure channel behind a call, and
 * the methods.
 */
#ifndef NT_SERVICE_NETLOGON_INTERNAL_H
#define NT_SERVICE_NETLOGON_INTERNAL_H

#include "idl/netlogon.h"
#include "service/chains.h"
#include "service/service_internal.h"
#include "service/wire.h"

/* Negotiation flags that we offer, [MS-NRPC] 3.1.4.2; the names are the specification's words. */
enum nl_flags {
    NL_ACCOUNT_LOCKOUT = 0x00000001,
    NL_RC4 = 0x00000004,
    NL_MULTIPLE_SIDS = 0x00000040,
    NL_REFUSE_PASSWORD_CHANGE = 0x00000100,
    NL_STRONG_KEYS = 0x00004000,
    NL_PASSWORD_SET2 = 0x00020000,
    NL_GET_DOMAIN_INFO = 0x00040000,
    NL_AES = 0x01000000,
    NL_AUTHENTICATED_RPC_LSASS = 0x20000000,
    NL_AUTHENTICATED_RPC = 0x40000000
};

/*
 * The secure channel that a call came over, by the name the caller gives itself. SUCCESS, with a
 * copy of the chain that the caller wipes; else ACCESS_DENIED: not over a sealed secure channel,
 * not this computer's, or its account is gone, disabled, burned or of another kind by now.
 */
ntstatus nl_channel(struct nt_call *call, const char *computer, struct nt_chain_entry *entry);

/* The same for the calls that carry an authenticator, which is checked and answered: `out` is
 * zeroed first. After ACCESS_DENIED for a wrong one, the chain is as it was. */
ntstatus nl_verify(struct nt_call *call, const char *computer, const NETLOGON_AUTHENTICATOR *in,
                   NETLOGON_AUTHENTICATOR *out, struct nt_chain_entry *entry);

/* True when the account is of the kind that a secure channel of this type needs, and usable. */
bool nl_account_fits(const struct nt_account *account, uint16_t channel_type);

#define NL_SCOPED_ENTRY __attribute__((cleanup(nl_entry_wipe))) struct nt_chain_entry
void nl_entry_wipe(struct nt_chain_entry *entry);

/* The Win32 code that stands for a status. */
uint32_t nl_werr_of(ntstatus status);

/* A failed set-up is worth one durable event a minute and account; all are logged. */
bool nl_worth_an_event(struct nt_service *s, uint32_t rid, nt_time now);

/* True when the time that this trust's partner was last heard of is worth storing again: often
 * enough for `ntrust check` to tell silence, which it counts in check intervals. */
bool nl_worth_noting(const struct nt_account *account, const struct nt_policy *policy, nt_time now);

/* Fails the call for lack of memory: a fault. */
ntstatus nl_nomem(struct nt_call *call);

/* netlogon_setup.c */
nt_method nl_req_challenge, nl_authenticate, nl_authenticate2, nl_authenticate3;
/* netlogon_password.c */
nt_method nl_password_set, nl_password_set2, nl_password_get, nl_trust_passwords_get,
    nl_get_trust_info;
/* netlogon_logon.c */
nt_method nl_sam_logon, nl_sam_logon_ex, nl_sam_logon_with_flags, nl_sam_logoff;
/* netlogon_control.c */
nt_method nl_control, nl_control2, nl_control2_ex;
/* netlogon_locate.c */
nt_method nl_get_dc_name, nl_get_any_dc_name, nl_dsr_get_dc_name, nl_dsr_get_dc_name_ex,
    nl_dsr_get_dc_name_ex2, nl_dsr_get_site_name;
/* netlogon_domain.c */
nt_method nl_get_capabilities, nl_get_domain_info, nl_get_trust_rid, nl_enumerate_trusted_domains,
    nl_enumerate_trusted_domains_ex, nl_dsr_enumerate_domain_trusts;

#endif
