#include "domain/logon.h"

#include <string.h>

#include "base/utf16.h"

bool nt_account_locked(const struct nt_account *account, const struct nt_policy *policy,
                       nt_time now)
{
    if (account->locked_at == 0)
        return false;
    if (policy->lockout_duration_s == 0)
        return true;
    /* A clock that went backwards must not unlock anybody. */
    return now < account->locked_at ||
           now - account->locked_at < policy->lockout_duration_s * NT_TIME_SECOND;
}

bool nt_account_is_machine(const struct nt_account *account)
{
    return (account->acb & ((uint32_t)NT_ACB_WORKSTATION | (uint32_t)NT_ACB_SERVER |
                            (uint32_t)NT_ACB_INTERDOMAIN)) != 0;
}

uint32_t nt_account_acb(const struct nt_account *account, const struct nt_policy *policy,
                        nt_time now)
{
    uint32_t acb = account->acb & ~(uint32_t)NT_ACB_AUTOLOCK;
    return nt_account_locked(account, policy, now) ? acb | NT_ACB_AUTOLOCK : acb;
}

nt_time nt_account_must_change(const struct nt_account *account, const struct nt_policy *policy)
{
    if (nt_account_is_machine(account) || (account->acb & NT_ACB_PWNOEXP) != 0)
        return NT_TIME_NEVER;
    if (account->password_set == 0)
        return 0;
    if (policy->max_password_age_s == 0 ||
        policy->max_password_age_s > (NT_TIME_NEVER - account->password_set) / NT_TIME_SECOND)
        return NT_TIME_NEVER;
    return account->password_set + policy->max_password_age_s * NT_TIME_SECOND;
}

nt_time nt_account_can_change(const struct nt_account *account, const struct nt_policy *policy)
{
    if (account->password_set == 0 ||
        policy->min_password_age_s > (NT_TIME_NEVER - account->password_set) / NT_TIME_SECOND)
        return account->password_set;
    return account->password_set + policy->min_password_age_s * NT_TIME_SECOND;
}

ntstatus nt_logon_check_before(const struct nt_account *account, const struct nt_policy *policy,
                               nt_time now)
{
    return nt_account_locked(account, policy, now) ? NT_STATUS(ACCOUNT_LOCKED_OUT)
                                                   : NT_STATUS(SUCCESS);
}

/* Logon hours are bits of the week in UTC, hour 0 of Sunday first. [MS-SAMR] 2.2.6.5 */
static bool hour_allowed(const struct nt_account *a, nt_time now)
{
    if (a->logon_hours_len == 0)
        return true;
    /* 1601-01-01 was a Monday. */
    uint64_t hours = now / NT_TIME_HOUR + 24;
    size_t hour = (size_t)(hours % (7u * 24u));
    return hour / 8 < a->logon_hours_len && (a->logon_hours[hour / 8] >> (hour % 8) & 1) != 0;
}

/* The list is of names separated by commas; an empty one allows every computer. */
static bool workstation_allowed(const char *list, const char *workstation)
{
    if (*list == '\0')
        return true;
    while (*workstation == '\\')
        workstation++;
    for (const char *p = list; *p != '\0';) {
        char name[64];
        size_t len = strcspn(p, ", ");
        if (len > 0 && len < sizeof name) {
            memcpy(name, p, len);
            name[len] = '\0';
            if (nt_name_equal(name, workstation))
                return true;
        }
        p += len;
        p += strspn(p, ", ");
    }
    return false;
}

ntstatus nt_logon_check_account(const struct nt_account *account, const struct nt_policy *policy,
                                const struct nt_logon_facts *facts)
{
    if ((account->acb & NT_ACB_DISABLED) != 0)
        return NT_STATUS(ACCOUNT_DISABLED);
    if (account->expires != 0 && account->expires < NT_TIME_NEVER && facts->now >= account->expires)
        return NT_STATUS(ACCOUNT_EXPIRED);
    if (!hour_allowed(account, facts->now))
        return NT_STATUS(INVALID_LOGON_HOURS);
    if (!workstation_allowed(account->workstations, facts->workstation))
        return NT_STATUS(INVALID_WORKSTATION);
    nt_time must = nt_account_must_change(account, policy);
    if (must == 0)
        return NT_STATUS(PASSWORD_MUST_CHANGE);
    if (facts->now >= must && must < NT_TIME_NEVER)
        return NT_STATUS(PASSWORD_EXPIRED);
    if ((account->acb & NT_ACB_INTERDOMAIN) != 0)
        return NT_STATUS(NOLOGON_INTERDOMAIN_TRUST_ACCOUNT);
    if ((account->acb & NT_ACB_WORKSTATION) != 0 && !facts->allow_machines)
        return NT_STATUS(NOLOGON_WORKSTATION_TRUST_ACCOUNT);
    if ((account->acb & NT_ACB_SERVER) != 0 && !facts->allow_machines)
        return NT_STATUS(NOLOGON_SERVER_TRUST_ACCOUNT);
    return NT_STATUS(SUCCESS);
}
