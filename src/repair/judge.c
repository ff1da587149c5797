#include "repair/judge.h"

#include <stdarg.h>
#include <stdio.h>

void nt_judge_find(struct nt_diagnosis *d, enum nt_group_of group, enum nt_grade grade,
                   const char *fmt, ...)
{
    struct nt_finding *f = &d->group[group];
    va_list ap;
    if (f->looked && nt_grade_worse(f->grade, grade) == f->grade)
        return;
    f->looked = true;
    f->grade = grade;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof f->text, fmt, ap);
    va_end(ap);
}

void nt_judge_put(char *to, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(to, size, fmt, ap);
    va_end(ap);
}

bool nt_judge_blame(struct nt_diagnosis *d, const char *reason, const char *end)
{
    if (d->reason[0] != '\0')
        return false;
    nt_judge_put(d->reason, sizeof d->reason, "%s", reason);
    nt_judge_put(d->end, sizeof d->end, "%s", end);
    return true;
}

bool nt_judge_goes_on(struct nt_diagnosis *d, enum nt_group_of judged)
{
    d->grade = nt_grade_worse(d->grade, d->group[judged].grade);
    if (d->group[judged].grade != NT_GRADE_CRITICAL)
        return true;
    for (enum nt_group_of g = judged + 1; g < NT_GROUP_COUNT; g++)
        nt_judge_put(d->group[g].text, sizeof d->group[g].text, "not judged until \"%s\" is good",
                     nt_group_name(judged));
    return false;
}

const char *nt_judge_span(nt_time length, char out[32])
{
    unsigned long long s = length / NT_TIME_SECOND;
    if (s >= 2 * 86400)
        snprintf(out, 32, "%llu days", s / 86400);
    else if (s >= 2 * 3600)
        snprintf(out, 32, "%llu hours", s / 3600);
    else if (s >= 120)
        snprintf(out, 32, "%llu minutes", s / 60);
    else
        snprintf(out, 32, "%llu seconds", s);
    return out;
}
