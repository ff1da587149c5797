#include "domain/trust_seen.h"

#include <stdio.h>
#include <string.h>

#include "base/secret.h"

void nt_seen_behind(struct nt_trust_seen *seen, uint32_t behind, nt_time until, nt_time now)
{
    seen->behind = behind;
    seen->behind_at = now;
    seen->behind_to = until;
}

uint32_t nt_seen_healed(struct nt_trust_seen *seen)
{
    uint32_t behind = seen->behind;
    seen->behind = 0;
    return behind;
}

static bool within(nt_time then, nt_time now, uint64_t window_s)
{
    nt_time apart = now > then ? now - then : then - now;
    return apart <= window_s * NT_TIME_SECOND;
}

void nt_seen_foreign(struct nt_trust_seen *seen, nt_time now, uint64_t window_s)
{
    if (seen->foreign == 0 || !within(seen->foreign_last, now, window_s)) {
        seen->foreign = 0;
        seen->foreign_first = now;
    }
    seen->foreign++;
    seen->foreign_last = now;
}

void nt_seen_own(struct nt_trust_seen *seen, nt_time now, uint64_t window_s)
{
    if (!within(seen->foreign_last, now, window_s))
        seen->foreign = 0;
}

void nt_seen_restored(struct nt_trust_seen *seen)
{
    seen->foreign = 0;
}

bool nt_seen_cloned(const struct nt_trust_seen *seen)
{
    return seen->foreign >= NT_SEEN_CLONE;
}

static struct nt_laggard *laggard(struct nt_trust_seen *seen, const char *dc)
{
    for (uint32_t i = 0; i < seen->laggard_count; i++)
        if (strcmp(seen->laggards[i].dc, dc) == 0)
            return &seen->laggards[i];
    return NULL;
}

static void drop(struct nt_trust_seen *seen, struct nt_laggard *which)
{
    struct nt_laggard *end = seen->laggards + seen->laggard_count;
    memmove(which, which + 1, (size_t)(end - (which + 1)) * sizeof *which);
    seen->laggard_count--;
    nt_wipe(&seen->laggards[seen->laggard_count], sizeof *which);
}

bool nt_seen_lags(struct nt_trust_seen *seen, const char *dc, uint32_t behind, nt_time now)
{
    struct nt_laggard *l = laggard(seen, dc);
    bool news = l == NULL;
    if (news) {
        if (seen->laggard_count == NT_SEEN_LAGGARDS)
            drop(seen, &seen->laggards[0]);
        l = &seen->laggards[seen->laggard_count++];
        snprintf(l->dc, sizeof l->dc, "%s", dc);
        l->first = now;
    }
    l->last = now;
    l->behind = behind;
    return news;
}

void nt_seen_leads(struct nt_trust_seen *seen, const char *dc)
{
    struct nt_laggard *l = laggard(seen, dc);
    if (l != NULL)
        drop(seen, l);
}

bool nt_seen_lagging(const struct nt_trust_seen *seen, nt_time now, uint64_t window_s)
{
    for (uint32_t i = 0; i < seen->laggard_count; i++)
        if (within(seen->laggards[i].last, now, window_s))
            return true;
    return false;
}

const char *nt_seen_laggards(const struct nt_trust_seen *seen, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < seen->laggard_count && at < size; i++) {
        const struct nt_laggard *l = &seen->laggards[i];
        const char *comma = i > 0 ? ", " : "";
        int n = l->behind > 0 ? snprintf(text + at, size - at, "%s%s (%u change%s behind)", comma,
                                         l->dc, l->behind, l->behind == 1 ? "" : "s")
                              : snprintf(text + at, size - at,
                                         "%s%s (accepts none of our passwords)", comma, l->dc);
        at += n > 0 ? (size_t)n : 0;
    }
    return text;
}
