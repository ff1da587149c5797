/*
 * test_traces.c - what real peers sent, as the judge of the IDL and the NDR engine: every stub of
 * every capture in tests/data/traces decodes, prints, and encodes back to the very same bytes. The
 * calls come from extract.py, already joined and decrypted.
 *
 *   test_traces CALLS
 *   test_traces --random CALLS   calls of random_calls.py: no particular number, but each must be
 *                                what our own encoding gives
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ndr/ndr.h"

#define MAX_FIELD   64
#define PRINT_LIMIT (1u << 20)

/* What is known to be different, each with the reason. */
struct exception {
    const char *capture, *interface;
    unsigned opnum;
    char part;
    size_t tail; /* bytes behind the data; with 0 the stub is not looked at */
    const char *reason;
    unsigned seen;
};

static struct exception exceptions[] = {
    { "f4-member", "unknown", 39, 'x', 0, "the pipe was opened and keyed before the capture began",
      0 },
    { "f6-lsad", "unknown", 14, 'x', 0, "the pipe was opened and keyed before the capture began",
      0 },
    { "f6-samrdump", "samr", 1, 'q', 4, "the client sends an access mask that the call lacks", 0 },
};

/* Stubs (requests and responses) that must round-trip; fewer means that the test lost its input. */
static struct count {
    const char *interface;
    unsigned expected, good, bad;
} counts[] = {
    { "dssetup", 6, 0, 0 },    { "epm", 168, 0, 0 },  { "lsarpc", 323, 0, 0 },
    { "netlogon", 541, 0, 0 }, { "samr", 589, 0, 0 }, { "srvsvc", 2, 0, 0 },
    { "wkssvc", 0, 0, 0 },
};

struct line {
    char capture[MAX_FIELD], interface[MAX_FIELD], part;
    unsigned opnum, frame;
    uint8_t *stub;
    size_t len;
};

/* Stubs that our own encoding, without the notes of what was received, gives byte for byte: those
 * of peers that count referent ids as we do and zero what they skip. It shows that notes do not
 * hide a wrong layout. */
#define EXPECTED_OWN 1214

static unsigned failures, faults, excepted, own;

static void fail(const struct line *l, const char *what, int err, size_t at)
{
    fprintf(stderr, "%s frame %u: %s %u %c: %s (error %d, offset %zu of %zu)\n", l->capture,
            l->frame, l->interface, l->opnum, l->part, what, err, at, l->len);
    failures++;
}

static bool is_exception(const struct line *l, size_t tail)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        struct exception *e = &exceptions[i];
        if (strcmp(e->capture, l->capture) == 0 && strcmp(e->interface, l->interface) == 0 &&
            e->opnum == l->opnum && e->part == l->part && e->tail == tail) {
            e->seen++;
            excepted++;
            return true;
        }
    }
    return false;
}

static struct count *count_of(const char *interface)
{
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (strcmp(counts[i].interface, interface) == 0)
            return &counts[i];
    return NULL;
}

/* What may stand behind the data: nothing, or padding to a multiple of 4 and the verification
 * trailer. [MS-RPCE] 2.2.2.13. */
static bool is_tail(const uint8_t *p, size_t len, size_t at)
{
    static const uint8_t magic[8] = { 0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71 };
    size_t aligned = (at + 3) & ~(size_t)3;
    return len == at ||
           (len >= aligned + sizeof magic && memcmp(p + aligned, magic, sizeof magic) == 0);
}

/* Decodes one direction, prints it both ways, encodes it again and compares. */
static bool round_trip(const struct line *l, const struct nt_ndr_op *op, enum nt_ndr_dir dir,
                       struct nt_arena *arena, void **args)
{
    struct nt_ndr_notes *notes = NULL;
    size_t used = 0;
    bool good = false;
    enum nt_err err = nt_ndr_decode(op, dir, false, l->stub, l->len, arena, args, &used, &notes);
    if (err != NT_OK) {
        fail(l, "does not decode", (int)err, used);
        return false;
    }
    if (!is_tail(l->stub, l->len, used) && !is_exception(l, l->len - used)) {
        fail(l, "bytes behind the data", 0, used);
        return false;
    }
    struct nt_buf out;
    nt_buf_init(&out, l->len + 64);
    err = nt_ndr_encode(op, dir, *args, notes, &out);
    if (err != NT_OK) {
        fail(l, "does not encode", (int)err, out.len);
    } else if (out.len != used || memcmp(out.data, l->stub, used) != 0) {
        size_t at = 0;
        while (at < used && at < out.len && out.data[at] == l->stub[at])
            at++;
        fail(l, "encodes to other bytes", 0, at);
    } else {
        good = true;
    }
    nt_buf_clear(&out);
    if (nt_ndr_encode(op, dir, *args, NULL, &out) == NT_OK && out.len == used &&
        memcmp(out.data, l->stub, used) == 0)
        own++;
    else if (getenv("NT_TRACES_VERBOSE") != NULL)
        fprintf(stderr, "%s frame %u: %s %u %c: our own encoding differs\n", l->capture, l->frame,
                l->interface, l->opnum, l->part);
    nt_buf_free(&out);
    nt_buf_init(&out, PRINT_LIMIT);
    if (nt_ndr_print(op, dir, *args, &out) != NT_OK) {
        fail(l, "does not print", 0, 0);
        good = false;
    }
    nt_buf_clear(&out);
    if (nt_ndr_print_json(op, dir, *args, &out) != NT_OK) {
        fail(l, "does not print as JSON", 0, 0);
        good = false;
    }
    nt_buf_free(&out);
    return good;
}

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned v;
    for (; hex[0] != '\0' && hex[1] != '\0' && sscanf(hex, "%2x", &v) == 1; hex += 2)
        out[n++] = (uint8_t)v;
    return n;
}

/* One line of extract.py's output; false for one that is not understood. */
static bool parse(char *text, struct line *l)
{
    int at = 0;
    if (sscanf(text, "%63s %63s %u %c %u %n", l->capture, l->interface, &l->opnum, &l->part,
               &l->frame, &at) != 5)
        return false;
    l->stub = malloc(strlen(text + at) / 2 + 1);
    if (l->stub == NULL)
        return false;
    l->len = l->part == 'q' || l->part == 'r' ? unhex(text + at, l->stub) : 0;
    return true;
}

static void check(const struct line *l, struct nt_arena *arena, void **args)
{
    const struct nt_ndr_interface *i = nt_ndr_interface_by_name(l->interface);
    struct count *c = count_of(l->interface);
    if (l->part == 'f') {
        faults++;
        return;
    }
    if (is_exception(l, 0))
        return;
    if (i == NULL || c == NULL || l->opnum >= i->op_count || i->ops[l->opnum] == NULL) {
        fail(l, "is not described", 0, 0);
        return;
    }
    enum nt_ndr_dir dir = l->part == 'q' ? NT_NDR_REQUEST : NT_NDR_RESPONSE;
    if (round_trip(l, i->ops[l->opnum], dir, arena, args))
        c->good++;
    else
        c->bad++;
}

static void report(void)
{
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        printf("%-9s %4u stubs round-trip, %u do not\n", counts[i].interface, counts[i].good,
               counts[i].bad);
        if (counts[i].good < counts[i].expected) {
            printf("%-9s %4u were expected\n", counts[i].interface, counts[i].expected);
            failures++;
        }
    }
    printf("%u stubs are what we would send, too (at least %u expected)\n", own, EXPECTED_OWN);
    failures += own < EXPECTED_OWN;
    printf("%u faults, %u exceptions\n", faults, excepted);
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        const struct exception *e = &exceptions[i];
        printf("exception: %s %s %u: %s (%u)\n", e->capture, e->interface, e->opnum, e->reason,
               e->seen);
        if (e->seen == 0) {
            printf("  does not occur any more\n");
            failures++;
        }
    }
}

static void report_random(void)
{
    unsigned good = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        good += counts[i].good;
    printf("%u stubs round-trip, %u are what we would send, too\n", good, own);
    failures += good == 0 || own != good;
}

int main(int argc, char **argv)
{
    bool made = argc == 3 && strcmp(argv[1], "--random") == 0;
    FILE *f = argc == 2 || made ? fopen(argv[argc - 1], "r") : NULL;
    if (f == NULL) {
        fprintf(stderr, "usage: test_traces [--random] CALLS\n");
        return 2;
    }
    char *text = NULL;
    size_t cap = 0;
    struct nt_arena arena;
    void *args = NULL;
    size_t limit = 0;
    nt_arena_init(&arena, 0);
    while (getline(&text, &cap, f) > 0) {
        struct line l = { .stub = NULL };
        if (!parse(text, &l)) {
            fprintf(stderr, "not understood: %s", text);
            failures++;
        } else {
            if (l.part != 'r') { /* a new call: what the last one took ends here */
                nt_arena_free(&arena);
                nt_arena_init(&arena, limit = 0);
                args = NULL;
            }
            /* A response lives beside its request, with a bound of its own. */
            limit += NT_NDR_ARENA_LIMIT(l.len);
            arena.limit = limit;
            check(&l, &arena, &args);
        }
        free(l.stub);
    }
    free(text);
    nt_arena_free(&arena);
    fclose(f);
    if (made)
        report_random();
    else
        report();
    return failures == 0 ? 0 : 1;
}
