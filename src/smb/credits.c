#include "smb/credits.h"

#include <string.h>

void nt_smb_credits_init(struct nt_smb_credits *c)
{
    memset(c, 0, sizeof *c);
    c->high = 1;
    c->held = 1;
}

static uint64_t *word(struct nt_smb_credits *c, uint64_t id)
{
    return &c->used[id % NT_SMB_WINDOW / 64];
}

static uint64_t bit(uint64_t id)
{
    return UINT64_C(1) << id % 64;
}

bool nt_smb_credits_take(struct nt_smb_credits *c, uint64_t id, uint32_t count)
{
    if (count == 0 || id < c->low || id >= c->high || c->high - id < count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if ((*word(c, id + i) & bit(id + i)) != 0)
            return false;
    for (uint32_t i = 0; i < count; i++)
        *word(c, id + i) |= bit(id + i);
    c->held -= count;
    while (c->low < c->high && (*word(c, c->low) & bit(c->low)) != 0) {
        *word(c, c->low) &= ~bit(c->low);
        c->low++;
    }
    return true;
}

uint16_t nt_smb_credits_grant(struct nt_smb_credits *c, uint16_t wanted, uint16_t max)
{
    uint64_t room = NT_SMB_WINDOW - (c->high - c->low);
    uint64_t n = wanted > 0 ? wanted : 1;

    if (max == 0)
        max = 1;
    if (c->held >= max)
        return 0;
    if (n > max - c->held)
        n = max - c->held;
    if (n > room) /* where a hole holds the window, its id is a credit that the client has */
        n = room;
    c->high += n;
    c->held += (uint32_t)n;
    return (uint16_t)n;
}
