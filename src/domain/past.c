#include "domain/past.h"

static void drop(struct nt_past *past, uint32_t at)
{
    for (uint32_t i = at; i + 1 < past->count; i++) {
        past->hash[i] = past->hash[i + 1];
        past->replaced[i] = past->replaced[i + 1];
    }
    past->count--;
    nt_secret_wipe(&past->hash[past->count]);
    past->replaced[past->count] = 0;
}

void nt_past_push(struct nt_past *past, const struct nt_secret *old, const struct nt_secret *fresh,
                  nt_time now)
{
    for (uint32_t i = past->count; i-- > 0;)
        if (nt_secret_equal(&past->hash[i], fresh) || nt_secret_equal(&past->hash[i], old))
            drop(past, i);
    if (old->len == 0 || nt_secret_equal(old, fresh))
        return;
    if (past->count == NT_PAST_MAX)
        drop(past, NT_PAST_MAX - 1);
    for (uint32_t i = past->count; i > 0; i--) {
        past->hash[i] = past->hash[i - 1];
        past->replaced[i] = past->replaced[i - 1];
    }
    past->hash[0] = *old;
    past->replaced[0] = now;
    past->count++;
}

void nt_past_behind(struct nt_past *past, uint32_t behind, nt_time now)
{
    past->behind = behind;
    past->behind_at = now;
    past->behind_to = behind > 0 && behind <= past->count ? past->replaced[behind - 1] : 0;
    past->ahead_at = 0;
}

bool nt_past_right(struct nt_past *past)
{
    bool noted = past->behind != 0 || past->ahead_at != 0;
    past->behind = 0;
    past->ahead_at = 0;
    return noted;
}
