/*
 * reset-trust.c - shows what would make a trust good again, and with --yes does it, at both ends.
 *
 *   cc reset-trust.c $(pkg-config --cflags --libs libntrust) -o reset-trust
 *   NTRUST_USER=Administrator NTRUST_PASSWORD=... ./reset-trust WEST@dc1.west.example east.example
 */
#include <ntrust/ntrust.h>
#include <stdio.h>
#include <string.h>

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
    return r == NTRUST_OK ? ntrust_on_progress(t, show, NULL) : r;
}

static int reset(struct ntrust *t, const char *const name[2], int yes)
{
    struct ntrust_outcome o;
    enum ntrust_result r = prepare(t, name);
    if (r == NTRUST_OK)
        r = ntrust_plan(t, NTRUST_RESET);
    for (unsigned i = 0; i < 2 && r == NTRUST_OK; i++)
        printf("at %s\n", ntrust_get_plan(t, i));
    if (r == NTRUST_OK && yes)
        r = ntrust_change(t, NTRUST_RESET);
    if (r == NTRUST_OK && yes && ntrust_get_outcome(t, &o, sizeof o) == NTRUST_OK)
        printf("good again after %lu ms\n", (unsigned long)o.proven_ms);
    if (r != NTRUST_OK)
        fprintf(stderr, "reset-trust: %s\n", ntrust_error(t));
    if (r == NTRUST_E_HALF)
        fprintf(stderr, "reset-trust: the trust is half changed: run it again\n");
    return r == NTRUST_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    int yes = argc == 4 && strcmp(argv[3], "--yes") == 0;
    if (argc != 3 + yes) {
        fprintf(stderr, "usage: reset-trust END OTHER [--yes]\n");
        return 2;
    }
    const char *const name[2] = { argv[1], argv[2] };
    struct ntrust *t = ntrust_new();
    int code = reset(t, name, yes);
    ntrust_free(t);
    return code;
}
