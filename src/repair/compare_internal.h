/*
 * compare_internal.h - how a verdict is written; seen by compare*.c only.
 */
#ifndef NT_REPAIR_COMPARE_INTERNAL_H
#define NT_REPAIR_COMPARE_INTERNAL_H

#include "repair/compare.h"
#include "repair/judge.h"

/* Win32 codes of [MS-ERREF] 2.2 that a controller gives for its secure channel. */
enum {
    COMPARE_WRONG_PASSWORD = 86,
    COMPARE_DOWNGRADE = 1265,
    COMPARE_ACCOUNT_DISABLED = 1331,
    COMPARE_TRUST_FAILURE = 1790,
    COMPARE_INCONSISTENT = 1810,
    COMPARE_DC_NOT_FOUND = 1908,
    COMPARE_TIME_SKEW = 1398,
    COMPARE_NTLM_BLOCKED = 1937,
    COMPARE_RPC_UNAVAILABLE = 1722,
    COMPARE_NO_ENDPOINT = 1753
};

struct compare {
    const struct nt_ends_facts *f;
    struct nt_diagnosis *d;
    enum nt_group_of group; /* that is judged now */
};

#define compare_find(j, ...)          nt_judge_find((j)->d, (j)->group, __VA_ARGS__)
#define compare_blame(j, reason, end) nt_judge_blame((j)->d, reason, end)
void compare_remedy_reset(struct compare *j);

bool compare_saw_tdo(const struct nt_controller_facts *dc); /* dc may be NULL */
bool compare_saw_account(const struct nt_controller_facts *dc);
/* It was asked, and is not to be found or not to be reached. */
bool compare_is_away(const struct nt_controller_facts *dc);
/* The object is there and names that direction. */
bool compare_has(const struct nt_controller_facts *dc, uint32_t direction);

void compare_network(struct compare *j);
void compare_halves(struct compare *j);
void compare_passwords(struct compare *j);
void compare_policy(struct compare *j);

#endif
