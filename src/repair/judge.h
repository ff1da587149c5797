/*
 * judge.h - how a verdict is written, for those who judge group after group: compare*.c and
 * computer*.c. Pure.
 */
#ifndef NT_REPAIR_JUDGE_H
#define NT_REPAIR_JUDGE_H

#include "repair/diagnose.h"

#define JUDGE_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* A finding of the group; a worse one takes the place of one that is there. */
void JUDGE_PRINTF(4, 5) nt_judge_find(struct nt_diagnosis *d, enum nt_group_of group,
                                      enum nt_grade grade, const char *fmt, ...);
/* Names the fault, unless one was named before: then false, and its texts are to be left alone. */
bool nt_judge_blame(struct nt_diagnosis *d, const char *reason, const char *end);
void JUDGE_PRINTF(3, 4) nt_judge_put(char *to, size_t size, const char *fmt, ...);

/* "3 days", in the unit that suits. */
const char *nt_judge_span(nt_time length, char out[32]);

/* Of a judge with the member `d`. */
#define VERDICT(j, ...) nt_judge_put((j)->d->verdict, sizeof(j)->d->verdict, __VA_ARGS__)
#define CAUSE(j, ...)   nt_judge_put((j)->d->cause, sizeof(j)->d->cause, __VA_ARGS__)
#define REMEDY(j, ...)  nt_judge_put((j)->d->remedy, sizeof(j)->d->remedy, __VA_ARGS__)

/* After a group was judged: its grade counts for the whole. False: it is critical, so the groups
 * behind it are not to be judged, and say so. */
bool nt_judge_goes_on(struct nt_diagnosis *d, enum nt_group_of judged);

#endif
