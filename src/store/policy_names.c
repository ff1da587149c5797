/*
 * policy_names.c - see policy_names.h. A name, once stored, keeps its meaning.
 */
#include <string.h>

#include "store/policy_names.h"

#define FIELD(f)                                                                                   \
    {                                                                                              \
#f, offsetof(struct nt_policy, f), sizeof(((struct nt_policy *)0)->f)                      \
    }

const struct nt_policy_name nt_policy_names[] = {
    FIELD(min_password_length),   FIELD(password_history),       FIELD(max_password_age_s),
    FIELD(min_password_age_s),    FIELD(lockout_threshold),      FIELD(lockout_duration_s),
    FIELD(lockout_window_s),      FIELD(trust_attempts),         FIELD(change_interval_s),
    FIELD(change_jitter_percent), FIELD(check_interval_s),       FIELD(retry_first_s),
    FIELD(retry_most_s),          FIELD(previous_accepted),      FIELD(history_kept),
    FIELD(reset_code_lifetime_s), FIELD(refuse_password_change), FIELD(disable_password_change),
};
const size_t nt_policy_names_count = NT_COUNT(nt_policy_names);

uint64_t nt_policy_value(const struct nt_policy *p, size_t index)
{
    const struct nt_policy_name *f = &nt_policy_names[index];
    const uint8_t *at = (const uint8_t *)p + f->offset;
    uint64_t wide;
    uint32_t narrow;
    bool flag;
    switch (f->size) {
    case sizeof wide:
        memcpy(&wide, at, sizeof wide);
        return wide;
    case sizeof narrow:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    default:
        memcpy(&flag, at, sizeof flag);
        return flag;
    }
}

bool nt_policy_value_set(struct nt_policy *p, size_t index, uint64_t value)
{
    const struct nt_policy_name *f = &nt_policy_names[index];
    uint8_t *at = (uint8_t *)p + f->offset;
    uint32_t narrow = (uint32_t)value;
    bool flag = value != 0;
    switch (f->size) {
    case sizeof value:
        memcpy(at, &value, sizeof value);
        return true;
    case sizeof narrow:
        memcpy(at, &narrow, sizeof narrow);
        return narrow == value;
    default:
        memcpy(at, &flag, sizeof flag);
        return value <= 1;
    }
}
