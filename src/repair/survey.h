/*
 * survey.h - looks at many trusts between many domains, many at once. Each end is found and logged
 * on to once; its sessions serve one trust after the other. At the edge: the calls block.
 *
 * The order: ends are added, opened, asked for their trusts, paired, and the pairs are looked at.
 * Not for use from two threads; `done` comes from others.
 */
#ifndef NT_REPAIR_SURVEY_H
#define NT_REPAIR_SURVEY_H

#include "repair/look.h"

#define NT_SURVEY_ENDS     8192
#define NT_SURVEY_TRUSTS   16384
#define NT_SURVEY_SESSIONS 8 /* with one controller at once */

struct nt_survey;

struct nt_survey_config {
    struct nt_look_config look;
    size_t at_once; /* trusts; at most NT_CREW_MAX */
    /* A trust was looked at; one call at a time, in no order. *f lives until it returns. */
    void (*done)(void *ctx, size_t trust, const struct nt_ends_facts *f,
                 const struct nt_diagnosis *d);
    void *ctx;
};

/* NULL: no memory. */
struct nt_survey *nt_survey_new(const struct nt_survey_config *config);
void nt_survey_free(struct nt_survey *s); /* ends the sessions, wipes */

/* Copies both. False: no memory, or too many. */
bool nt_survey_add(struct nt_survey *s, const struct nt_end *end, const struct nt_credentials *c,
                   size_t *index);
/* Finds the controllers of every end that was added since, and logs on to them. */
void nt_survey_open(struct nt_survey *s);

size_t nt_survey_ends(const struct nt_survey *s);
/* As it was added, and once it is open, as it says itself: names.name "" where it let nobody see.
 */
const struct nt_end *nt_survey_end(const struct nt_survey *s, size_t end,
                                   const struct nt_admin_names **names);
/* The trusts that an open end has. False: why[] has one sentence, and *out is empty. */
bool nt_survey_trusts_of(struct nt_survey *s, size_t end, struct nt_admin_trusts *out, char *why,
                         size_t why_size);
/* The end that a trust of another one is with, by its names; false: none that was added. */
bool nt_survey_find(const struct nt_survey *s, const struct nt_admin_tdo_full *trust, size_t *end);

/* A trust to be looked at; one that is there already, from either end, is not added again. False:
 * no memory, or too many. */
bool nt_survey_pair(struct nt_survey *s, size_t a, size_t b);
size_t nt_survey_count(const struct nt_survey *s); /* of trusts */
void nt_survey_run(struct nt_survey *s);

#endif
