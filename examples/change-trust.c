/*
 * change-trust.c - shows what would reset, rotate, establish or remove a trust, and with --yes does
 * it, at both ends.
 *
 *   cc change-trust.c $(pkg-config --cflags --libs libntrust) -o change-trust
 *   export NTRUST_USER=Administrator NTRUST_PASSWORD
 *   ./change-trust reset WEST@dc1.west.example east.example
 */
#include <ntrust/ntrust.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum ntrust_goal goal;
} goals[] = {
    { "reset", NTRUST_RESET },   { "recreate", NTRUST_RECREATE },   { "password", NTRUST_PASSWORD },
    { "rotate", NTRUST_ROTATE }, { "establish", NTRUST_ESTABLISH }, { "remove", NTRUST_REMOVE },
};

static int find_goal(const char *name, enum ntrust_goal *goal)
{
    for (size_t i = 0; i < sizeof goals / sizeof goals[0]; i++)
        if (strcmp(goals[i].name, name) == 0) {
            *goal = goals[i].goal;
            return 1;
        }
    return 0;
}

static void show(void *ctx, const char *host, const char *step)
{
    (void)ctx;
    fprintf(stderr, "%s: %s\n", host, step);
}

static enum ntrust_result prepare(struct ntrust *t, const char *const name[2])
{
    enum ntrust_result r = ntrust_load_ends(t, NULL);
    for (unsigned i = 0; i < 2 && r == NTRUST_OK; i++) {
        r = ntrust_set_end(t, i, name[i]);
        if (r == NTRUST_OK)
            r = ntrust_set_environment(t, i);
    }
    if (r == NTRUST_OK)
        r = ntrust_set_kind(t, 3, 0); /* a new one: external, both ways */
    return r == NTRUST_OK ? ntrust_on_progress(t, show, NULL) : r;
}

static int change(struct ntrust *t, enum ntrust_goal goal, const char *const name[2], int yes)
{
    struct ntrust_outcome o;
    enum ntrust_result r = prepare(t, name);
    if (r == NTRUST_OK)
        r = ntrust_plan(t, goal);
    for (unsigned i = 0; i < 2 && r == NTRUST_OK; i++)
        if (*ntrust_get_plan(t, i) != '\0')
            printf("at %s\n", ntrust_get_plan(t, i));
    if (r == NTRUST_OK && yes)
        r = ntrust_change(t, goal);
    if (r == NTRUST_OK && yes && ntrust_get_outcome(t, &o, sizeof o) == NTRUST_OK)
        printf(o.changed ? "done, and shown by every controller after %lu ms\n"
                         : "there was nothing to do\n",
               (unsigned long)o.proven_ms);
    if (r != NTRUST_OK)
        fprintf(stderr, "change-trust: %s\n", ntrust_error(t));
    if (r == NTRUST_E_HALF)
        fprintf(stderr, "change-trust: it is half done: run it again\n");
    return r == NTRUST_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    enum ntrust_goal goal;
    int yes = argc == 5 && strcmp(argv[4], "--yes") == 0;
    if (argc != 4 + yes || !find_goal(argv[1], &goal)) {
        fprintf(stderr, "usage: change-trust "
                        "reset|recreate|password|rotate|establish|remove END OTHER [--yes]\n");
        return 2;
    }
    const char *const name[2] = { argv[2], argv[3] };
    struct ntrust *t = ntrust_new();
    int code = change(t, goal, name, yes);
    ntrust_free(t);
    return code;
}
