/* change.c - making, mending and removing a trust. */
#include <string.h>

#include "lib/lib_internal.h"

#define SESSION_MS 120000 /* for all that one controller is asked */

static bool goal_of(enum ntrust_goal goal, enum nt_renew_goal *out)
{
    static const enum nt_renew_goal goals[] = {
        [NTRUST_RESET] = NT_RENEW_RESET,         [NTRUST_RECREATE] = NT_RENEW_RECREATE,
        [NTRUST_PASSWORD] = NT_RENEW_PASSWORD,   [NTRUST_ROTATE] = NT_RENEW_ROTATE,
        [NTRUST_ESTABLISH] = NT_RENEW_ESTABLISH, [NTRUST_REMOVE] = NT_RENEW_REMOVE,
    };
    if ((unsigned)goal >= sizeof goals / sizeof goals[0])
        return false;
    *out = goals[goal];
    return true;
}

static enum ntrust_result make_plan(struct ntrust *t, enum ntrust_goal goal,
                                    struct nt_renew_plan *plan)
{
    char why[1200];
    struct nt_admin_error error;
    struct nt_renew_wish wish = t->wish;
    size_t end;
    if (!goal_of(goal, &wish.goal))
        return lib_fail(t, NTRUST_E_ARGUMENT, "there is no goal %u", (unsigned)goal);
    if (wish.goal == NT_RENEW_ESTABLISH && !wish.trusts[0] && !wish.trusts[1])
        return lib_fail(t, NTRUST_E_ARGUMENT, "it is not said which end is to trust the other");
    enum ntrust_result r = lib_look(t, SESSION_MS);
    if (r != NTRUST_OK)
        return r;
    lib_judge(t);
    bool noted = t->notes_directory[0] != '\0' &&
                 nt_renew_notes_path(t->notes_directory, &t->facts, t->notes, sizeof t->notes);
    if (noted)
        (void)nt_renew_recall(t->notes, &t->facts, wish.before);
    if (!nt_renew_plan(&t->facts, &wish, plan, why, sizeof why))
        return lib_fail(t, NTRUST_E_REFUSED, "%s", why);
    plan->notes = noted ? t->notes : NULL;
    if (!nt_renew_ready(t->look, &t->facts, plan, &end, &error))
        return lib_fail(t, NTRUST_E_REFUSED, "%s", error.text);
    for (size_t i = 0; i < 2; i++)
        nt_renew_text(&t->facts, plan, i, t->end[i].plan, sizeof t->end[i].plan);
    return NTRUST_OK;
}

static enum ntrust_result carry_out(struct ntrust *t, const struct nt_renew_plan *plan)
{
    struct nt_renew_result *r = &t->result;
    t->changed = true;
    if (!nt_renew_does(plan, 0) && !nt_renew_does(plan, 1)) {
        *r = (struct nt_renew_result){ .failed = 2, .proven = true };
        return NTRUST_OK;
    }
    nt_renew_run(&t->config, t->look, plan, t->patience_ms, &t->facts, r);
    if (r->failed < 2)
        return lib_fail(t, r->touched && !r->undone ? NTRUST_E_HALF : NTRUST_E_REFUSED, "%s: %s",
                        nt_end_name(&t->facts.end[r->failed]), r->error.text);
    lib_judge(t);
    if (r->proven)
        return NTRUST_OK;
    return lib_fail(t, NTRUST_E_NOT_PROVEN,
                    "both ends are changed, but it does not show at every controller yet: %s",
                    t->diagnosis.verdict);
}

static enum ntrust_result change(struct ntrust *t, enum ntrust_goal goal, bool carried_out)
{
    struct lib_pipe_guard guard;
    struct nt_renew_plan plan;
    enum ntrust_result r = lib_enter(t);
    if (r != NTRUST_OK)
        return r;
    lib_forget_change(t);
    lib_hold_pipe(&guard);
    r = make_plan(t, goal, &plan);
    if (r == NTRUST_OK && carried_out)
        r = carry_out(t, &plan);
    lib_close(t);
    lib_release_pipe(&guard);
    return lib_leave(t, r);
}

enum ntrust_result ntrust_plan(struct ntrust *t, enum ntrust_goal goal)
{
    return change(t, goal, false);
}

enum ntrust_result ntrust_change(struct ntrust *t, enum ntrust_goal goal)
{
    return change(t, goal, true);
}
