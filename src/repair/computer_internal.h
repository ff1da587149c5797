/*
 * computer_internal.h - how the verdict about a member computer is written; seen by computer*.c
 * only.
 */
#ifndef NT_REPAIR_COMPUTER_INTERNAL_H
#define NT_REPAIR_COMPUTER_INTERNAL_H

#include "repair/computer.h"
#include "repair/judge.h"

struct nt_judge {
    const struct nt_computer_facts *f;
    struct nt_diagnosis *d;
    enum nt_group_of group; /* that is judged now */
};

#define judge_find(j, ...)          nt_judge_find((j)->d, (j)->group, __VA_ARGS__)
#define judge_blame(j, reason, end) nt_judge_blame((j)->d, reason, end)
/* The command that makes both sides good; more: what has to be behind it. */
void judge_remedy_reset(struct nt_judge *j, const char *more);
void judge_remedy_join(struct nt_judge *j);

/* "3 days" between the two. */
const char *judge_span(nt_time a, nt_time b, char out[32]);
bool judge_is_away(const struct nt_asked *a);            /* it was not reached */
bool judge_saw_account(const struct nt_computer_dc *dc); /* dc may be NULL */
/* It is of a type that the computer can use. A controller's is not, where this is a member; from
 * elsewhere it may be one. */
bool judge_fits(const struct nt_computer_facts *f, const struct nt_admin_account *a);
bool judge_is_elsewhere(const struct nt_computer_facts *f); /* it says another domain */
bool judge_is_ad(const struct nt_computer_facts *f);

void judge_halves(struct nt_judge *j);
void judge_passwords(struct nt_judge *j);

#endif
