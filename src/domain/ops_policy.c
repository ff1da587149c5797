#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/ops_internal.h"
#include "domain/reset_code.h"

#define YEAR (UINT64_C(366) * 24 * 3600)

/* Where each setting stands in struct nt_policy, and how wide it is there. */
static const struct place {
    size_t at, size;
} places[] = {
#define AT(field)                                                                                  \
    {                                                                                              \
        offsetof(struct nt_policy, field), sizeof(((struct nt_policy *)0)->field)                  \
    }
    AT(min_password_length),   AT(password_history),       AT(max_password_age_s),
    AT(min_password_age_s),    AT(lockout_threshold),      AT(lockout_duration_s),
    AT(lockout_window_s),      AT(trust_attempts),         AT(change_interval_s),
    AT(change_jitter_percent), AT(check_interval_s),       AT(retry_first_s),
    AT(retry_most_s),          AT(previous_accepted),      AT(history_kept),
    AT(reset_code_lifetime_s), AT(refuse_password_change), AT(disable_password_change),
#undef AT
};

static const struct nt_policy_setting settings[] = {
    { "min_password_length", NT_UNIT_COUNT, 0, 128, "Shortest password of a user, in characters." },
    { "password_history", NT_UNIT_COUNT, 0, 24, "Told to clients; old passwords are not kept." },
    { "max_password_age_s", NT_UNIT_SECONDS, 0, 100 * YEAR,
      "After that a user's password has expired; 0: never." },
    { "min_password_age_s", NT_UNIT_SECONDS, 0, YEAR,
      "A user cannot change the password again before." },
    { "lockout_threshold", NT_UNIT_COUNT, 0, 999,
      "Wrong passwords until a user is locked out; 0: "
      "never." },
    { "lockout_duration_s", NT_UNIT_SECONDS, 0, YEAR,
      "How long; 0: until an administrator unlocks." },
    { "lockout_window_s", NT_UNIT_SECONDS, 1, YEAR, "Wrong passwords are counted over this time." },
    { "trust_attempts", NT_UNIT_COUNT, 1, 100,
      "Wrong initial passwords of a trust until its permission is burned." },
    { "change_interval_s", NT_UNIT_SECONDS, 60, YEAR, "Between changes of a trust's password." },
    { "change_jitter_percent", NT_UNIT_PERCENT, 0, 50,
      "Of the interval, so that many trusts do not change together." },
    { "check_interval_s", NT_UNIT_SECONDS, 5, 30 * 24 * 3600, "Between checks of a trust." },
    { "retry_first_s", NT_UNIT_SECONDS, 1, 3600, "Wait after the first failed attempt." },
    { "retry_most_s", NT_UNIT_SECONDS, 1, 7 * 24 * 3600,
      "Longest wait; each failure doubles it up to this." },
    { "previous_accepted", NT_UNIT_COUNT, 0, NT_IN_PREVIOUS_MAX - 1,
      "Previous passwords that the trusted end still accepts." },
    { "history_kept", NT_UNIT_COUNT, 0, NT_OUT_HISTORY_MAX,
      "Previous passwords that the trusting end keeps." },
    { "reset_code_lifetime_s", NT_UNIT_SECONDS, NT_RESET_CODE_LIFE_LEAST, NT_RESET_CODE_LIFE_MOST,
      "How long a code of 'ntrust reset --here' can be typed at the other end." },
    { "refuse_password_change", NT_UNIT_BOOL, 0, 1,
      "Trusted end: refuse changes by partners (RefusePasswordChange)." },
    { "disable_password_change", NT_UNIT_BOOL, 0, 1,
      "Trusting end: never start a change (DisablePasswordChange)." },
};

_Static_assert(NT_COUNT(places) == NT_COUNT(settings), "a place for each setting");

size_t nt_policy_settings(const struct nt_policy_setting **out)
{
    *out = settings;
    return NT_COUNT(settings);
}

static size_t index_of(const char *name)
{
    size_t i = 0;
    while (i < NT_COUNT(settings) && strcmp(settings[i].name, name) != 0)
        i++;
    return i;
}

static uint64_t value_at(const struct nt_policy *policy, size_t i)
{
    const char *from = (const char *)policy + places[i].at;
    if (places[i].size == sizeof(uint64_t)) {
        uint64_t v;
        memcpy(&v, from, sizeof v);
        return v;
    }
    if (places[i].size == sizeof(uint32_t)) {
        uint32_t v;
        memcpy(&v, from, sizeof v);
        return v;
    }
    bool v;
    memcpy(&v, from, sizeof v);
    return v;
}

static void put_value(struct nt_policy *policy, size_t i, uint64_t value)
{
    char *to = (char *)policy + places[i].at;
    uint32_t number = (uint32_t)value;
    bool flag = value != 0;
    if (places[i].size == sizeof value)
        memcpy(to, &value, sizeof value);
    else if (places[i].size == sizeof number)
        memcpy(to, &number, sizeof number);
    else
        memcpy(to, &flag, sizeof flag);
}

bool nt_policy_get(const struct nt_policy *policy, const char *name, uint64_t *value)
{
    size_t i = index_of(name);
    if (i == NT_COUNT(settings))
        return false;
    *value = value_at(policy, i);
    return true;
}

ntstatus nt_op_policy_set(struct nt_txn *txn, const char *name, uint64_t value, const char *who,
                          const char *peer, struct nt_why *why)
{
    char by[80];
    size_t i = index_of(name);
    if (i == NT_COUNT(settings))
        return nt_op_because(NT_STATUS(INVALID_PARAMETER), why,
                             "there is no setting '%.60s'; 'ntrust policy show' lists them", name);
    if (value < settings[i].least || value > settings[i].most)
        return nt_op_because(NT_STATUS(INVALID_PARAMETER), why, "%s must be from %llu to %llu",
                             name, (unsigned long long)settings[i].least,
                             (unsigned long long)settings[i].most);
    const struct nt_policy *now = nt_dir_policy(nt_txn_dir(txn));
    uint64_t was = value_at(now, i);
    if (was == value)
        return NT_STATUS(SUCCESS);
    struct nt_policy *next = nt_record_clone(now);
    if (next == NULL)
        return NT_STATUS(NO_MEMORY);
    put_value(next, i, value);
    ntstatus status = nt_op_put(txn, next, NT_STATUS(INTERNAL_ERROR));
    if (nt_status_ok(status))
        nt_txn_event(txn, NT_EVENT_INFO, "policy-changed", name, peer,
                     "%s was changed from %llu to %llu%s", name, (unsigned long long)was,
                     (unsigned long long)value, nt_op_by(who, by));
    return status;
}

/* "7d", "15m", a number; false: none of these. */
static bool parse_value(const char *text, enum nt_policy_unit unit, uint64_t *value)
{
    if (unit == NT_UNIT_BOOL) {
        *value = strcmp(text, "yes") == 0;
        return *value != 0 || strcmp(text, "no") == 0;
    }
    char *end;
    if (*text < '0' || *text > '9' || strlen(text) > 15)
        return false;
    *value = strtoull(text, &end, 10);
    if (*end == '\0')
        return true;
    if (end[1] != '\0')
        return false;
    if (unit == NT_UNIT_PERCENT)
        return *end == '%';
    if (unit != NT_UNIT_SECONDS)
        return false;
    switch (*end) {
    case 's':
        return true;
    case 'm':
        *value *= 60;
        return true;
    case 'h':
        *value *= 3600;
        return true;
    case 'd':
        *value *= UINT64_C(24) * 3600;
        return true;
    default:
        return false;
    }
}

ntstatus nt_op_policy_set_text(struct nt_txn *txn, const char *name, const char *value,
                               const char *who, const char *peer, struct nt_why *why)
{
    static const char *const forms[] = {
        [NT_UNIT_COUNT] = "a number",
        [NT_UNIT_SECONDS] = "a time as 30s, 15m, 12h, 7d",
        [NT_UNIT_PERCENT] = "a number of percent",
        [NT_UNIT_BOOL] = "yes or no",
    };
    size_t i = index_of(name);
    uint64_t number = 0;
    if (i < NT_COUNT(settings) && !parse_value(value, settings[i].unit, &number))
        return nt_op_because(NT_STATUS(INVALID_PARAMETER), why, "%s must be %s, not '%.60s'", name,
                             forms[settings[i].unit], value);
    return nt_op_policy_set(txn, name, number, who, peer, why);
}
