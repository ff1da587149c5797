/*
 * computer_reset.h - makes the secure channel of a member computer good: a new random secret for
 * its account in the domain, and the same one for the member. At the edge; blocks.
 *
 * The order, and what an interruption leaves:
 *   1. all that can be known before is tried: the rights at the controller, and at the member
 *   2. where the secret goes into a file, that file is written and synced first; a second run that
 *      finds it takes the secret that is in it
 *   3. the account gets the secret. From here on the channel does not work
 *   4. the member gets it, through Samba's own command, which keeps the one of before
 *   5. both sides prove it; a keytab gets keys of it
 * Interrupted after 3, a second run begins anew, with another secret, and ends as well.
 */
#ifndef NT_REPAIR_COMPUTER_RESET_H
#define NT_REPAIR_COMPUTER_RESET_H

#include "repair/computer_look.h"

enum nt_computer_stage {
    NT_STAGE_BEFORE,  /* nothing was changed: why */
    NT_STAGE_ACCOUNT, /* the account may have the new secret, the member has not */
    NT_STAGE_SET,     /* both have it (or the file has), not proven */
    NT_STAGE_PROVEN
};

struct nt_computer_result {
    enum nt_computer_stage stage;
    char why[NT_ADMIN_WHY];
    bool samba_proves; /* net rpc testjoin agrees; else samba_says */
    char samba_says[NT_MEMBER_WHY];
    bool keytab_renewed; /* where there is one that has keys of the secret; else keytab_why */
    char keytab_why[NT_MEMBER_WHY];
    uint64_t proven_ms; /* from the change until every controller proved it */
};

/* file: for the secret where the plan does not hand it; NULL otherwise. *f is looked at again. */
void nt_computer_reset(struct nt_computer_look *l, const struct nt_computer_plan *plan,
                       const char *file, uint32_t patience_ms, struct nt_computer_facts *f,
                       struct nt_computer_result *out);

#endif
