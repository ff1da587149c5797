/*
 * credits.h - which message ids a client may use: the server's command sequence window. An id is
 * granted once, used once, in any order. Pure; one struct a connection.
 * Source: [MS-SMB2] 3.3.1.1, 3.3.1.2, 3.3.5.2.3.
 */
#ifndef NT_SMB_CREDITS_H
#define NT_SMB_CREDITS_H

#include <stdbool.h>
#include <stdint.h>

#define NT_SMB_WINDOW 1024u /* ids from the lowest unused one on that can be told apart */

struct nt_smb_credits {
    uint64_t low;  /* all ids below were used */
    uint64_t high; /* the first id that was not granted yet; high - low <= NT_SMB_WINDOW */
    uint32_t held; /* granted and not used: what the client may still send */
    uint64_t used[NT_SMB_WINDOW / 64]; /* a bit for each id of the window, at id % NT_SMB_WINDOW */
};

/* The window is { 0 }. */
void nt_smb_credits_init(struct nt_smb_credits *c);
/* Takes `count` ids from `id` on out of the window; false, and nothing changed, when count is 0 or
 * one of them was not granted or is used already. */
bool nt_smb_credits_take(struct nt_smb_credits *c, uint64_t id, uint32_t count);
/* Grants at least one, as far as the client may hold `max` and the window reaches; returns how
 * many. A client that holds none always gets one. */
uint16_t nt_smb_credits_grant(struct nt_smb_credits *c, uint16_t wanted, uint16_t max);

#endif
