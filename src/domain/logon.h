/*
 * logon.h - may this account log on now, password apart? Pure. [MS-SAMR] 3.1.1.8, [MS-APDS] 3.1.5
 */
#ifndef NT_DOMAIN_LOGON_H
#define NT_DOMAIN_LOGON_H

#include "base/status.h"
#include "domain/model.h"

struct nt_logon_facts {
    nt_time now;
    const char
        *workstation;    /* the client's name, with or without leading backslashes; "" unknown */
    bool allow_machines; /* parameter control: trust accounts may log on, [MS-NRPC] 2.2.1.4.15 */
};

/* Before the password is looked at: ACCOUNT_LOCKED_OUT. SUCCESS otherwise. */
ntstatus nt_logon_check_before(const struct nt_account *account, const struct nt_policy *policy,
                               nt_time now);
/*
 * After the right password: ACCOUNT_DISABLED, ACCOUNT_EXPIRED, INVALID_LOGON_HOURS,
 * INVALID_WORKSTATION, PASSWORD_MUST_CHANGE, PASSWORD_EXPIRED, then the kind of account:
 * NOLOGON_INTERDOMAIN_TRUST_ACCOUNT (always), _WORKSTATION_ and _SERVER_ (unless allowed).
 * The first that holds.
 */
ntstatus nt_logon_check_account(const struct nt_account *account, const struct nt_policy *policy,
                                const struct nt_logon_facts *facts);

/* Locked at this moment? A lockout ends by itself after policy->lockout_duration_s. */
bool nt_account_locked(const struct nt_account *account, const struct nt_policy *policy,
                       nt_time now);
/* When the password must be changed; NT_TIME_NEVER. Machine and trust passwords never expire. */
nt_time nt_account_must_change(const struct nt_account *account, const struct nt_policy *policy);
nt_time nt_account_can_change(const struct nt_account *account, const struct nt_policy *policy);
/* Account control bits as they are shown: AUTOLOCK derived. */
uint32_t nt_account_acb(const struct nt_account *account, const struct nt_policy *policy,
                        nt_time now);
bool nt_account_is_machine(const struct nt_account *account); /* any kind of trust account */

#endif
