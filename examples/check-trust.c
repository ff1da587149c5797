/*
 * check-trust.c - prints the verdict on a trust, and what every controller of both ends says of it.
 *
 *   cc check-trust.c $(pkg-config --cflags --libs libntrust) -o check-trust
 *   NTRUST_USER=Administrator NTRUST_PASSWORD=... ./check-trust WEST@dc1.west.example east.example
 *
 * With -k the administrator is whoever kinit(1) got a ticket for.
 */
#include <ntrust/ntrust.h>
#include <stdio.h>
#include <string.h>

static const char *const grades[] = { "good", "warning", "critical", "unknown" };

static void print_findings(const struct ntrust *t, size_t count)
{
    struct ntrust_finding f;
    for (size_t i = 0; i < count; i++)
        if (ntrust_get_finding(t, i, &f, sizeof f) == NTRUST_OK)
            printf("  %-10s %-9s %s\n", f.group, f.judged ? grades[f.grade] : "-", f.text);
}

static void print_controllers(const struct ntrust *t, unsigned end)
{
    struct ntrust_end e;
    struct ntrust_controller c;
    if (ntrust_get_end(t, end, &e, sizeof e) != NTRUST_OK)
        return;
    printf("%s (%s)\n", e.seen ? e.name : e.named, e.seen ? e.sid : "not seen");
    for (size_t i = 0; i < e.controllers; i++) {
        if (ntrust_get_controller(t, end, i, &c, sizeof c) != NTRUST_OK)
            continue;
        printf("  %s: ", c.host);
        if (c.reached != NTRUST_SEEN)
            printf("%s\n", c.reached == NTRUST_NOT_ASKED ? "not asked" : c.reached_error);
        else if (c.channel == NTRUST_SEEN)
            printf("secure channel %s\n", c.channel_code == 0 ? "good" : c.channel_code_name);
        else
            printf("%s\n", c.account_exists ? "has the other's account" : "answers");
    }
}

/* The verdict's number, which monitoring systems know; 3: unknown. */
static int check(struct ntrust *t, const char *a, const char *b, int kerberos)
{
    struct ntrust_verdict v;
    const char *name[2] = { a, b };
    enum ntrust_result r = ntrust_load_ends(t, NULL);
    for (unsigned i = 0; i < 2 && r == NTRUST_OK; i++) {
        r = ntrust_set_end(t, i, name[i]);
        if (r == NTRUST_OK)
            r = kerberos ? ntrust_set_kerberos(t, i) : ntrust_set_environment(t, i);
    }
    if (r == NTRUST_OK)
        r = ntrust_check(t);
    if (r != NTRUST_OK || ntrust_get_verdict(t, &v, sizeof v) != NTRUST_OK) {
        fprintf(stderr, "check-trust: %s\n", ntrust_error(t));
        return NTRUST_UNKNOWN;
    }
    printf("%s: %s\n", grades[v.grade], v.verdict);
    if (*v.fault != '\0')
        printf("at fault: %s\n", v.fault);
    if (*v.cause != '\0')
        printf("cause: %s\n", v.cause);
    if (*v.remedy != '\0')
        printf("next: %s\n", v.remedy);
    print_findings(t, v.findings);
    for (unsigned i = 0; i < 2; i++)
        print_controllers(t, i);
    return (int)v.grade;
}

int main(int argc, char **argv)
{
    int kerberos = argc == 4 && strcmp(argv[1], "-k") == 0;
    if (argc != 3 + kerberos) {
        fprintf(stderr, "usage: check-trust [-k] END OTHER\n");
        return NTRUST_UNKNOWN;
    }
    struct ntrust *t = ntrust_new();
    int code = check(t, argv[1 + kerberos], argv[2 + kerberos], kerberos);
    ntrust_free(t);
    return code;
}
