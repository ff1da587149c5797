#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "../test.h"

size_t message_hex(const char *text, uint8_t *out, size_t room)
{
    size_t digits = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\n')
            continue;
        const char *all = "0123456789abcdef", *at = strchr(all, *text);
        assert_non_null(at);
        assert_true(digits / 2 < room);
        out[digits / 2] = (uint8_t)(out[digits / 2] << 4 | (at - all));
        digits++;
    }
    assert_int_equal(digits % 2, 0);
    return digits / 2;
}

enum nt_err message_decode(const struct message *m, struct nt_arena *arena, void **args,
                           size_t *used, struct nt_ndr_notes **notes)
{
    *args = NULL;
    if (m->request != NULL) {
        arena->limit = arena->used + NT_NDR_ARENA_LIMIT(m->request->len);
        assert_int_equal(message_decode(m->request, arena, args, used, notes), NT_OK);
    }
    arena->limit = arena->used + NT_NDR_ARENA_LIMIT(m->len);
    return nt_ndr_decode(m->op, m->dir, m->big_endian, m->stub, m->len, arena, args, used, notes);
}

/* Encodes what was decoded; little endian input must come back as it was. */
static void encode_again(const struct message *m, const void *args, size_t used,
                         const struct nt_ndr_notes *notes)
{
    struct nt_buf out;
    nt_buf_init(&out, 1 << 20);
    nt_buf_put(&out, "abc", 3); /* offsets count from the stub's start, not the buffer's */
    assert_int_equal(nt_ndr_encode(m->op, m->dir, args, notes, &out), NT_OK);
    assert_int_equal(out.len, used + 3);
    if (!m->big_endian)
        assert_memory_equal(out.data + 3, m->stub, used);
    nt_buf_free(&out);
}

void message_returns(const struct message *m)
{
    struct nt_arena arena;
    struct nt_ndr_notes *notes;
    struct nt_buf out;
    size_t used;
    void *args;

    nt_arena_init(&arena, 0);
    nt_buf_init(&out, 1 << 20);
    assert_int_equal(message_decode(m, &arena, &args, &used, &notes), NT_OK);
    encode_again(m, args, used, notes);
    assert_int_equal(nt_ndr_print(m->op, m->dir, args, &out), NT_OK);
    nt_buf_clear(&out);
    assert_int_equal(nt_ndr_print_json(m->op, m->dir, args, &out), NT_OK);
    nt_buf_free(&out);
    nt_arena_free(&arena);
}

void message_prefixes_fail(const struct message *m)
{
    struct message cut = *m;
    struct nt_arena arena;
    size_t used;
    void *args;

    nt_arena_init(&arena, 0);
    assert_int_equal(message_decode(m, &arena, &args, &used, NULL), NT_OK);
    for (cut.len = 0; cut.len < used; cut.len++) {
        /* A copy of exactly that size, so that the sanitizer sees a read past it. */
        uint8_t *copy = malloc(cut.len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, m->stub, cut.len);
        cut.stub = copy + 1;
        nt_arena_reset(&arena);
        assert_int_not_equal(message_decode(&cut, &arena, &args, NULL, NULL), NT_OK);
        assert_null(args);
        free(copy);
    }
    nt_arena_free(&arena);
}

void message_survives_damage(const struct message *m)
{
    static const uint8_t bad[][4] = {
        { 0, 0, 0, 0 },
        { 0xFF, 0xFF, 0xFF, 0xFF },
        { 0xFF, 0xFF, 0xFF, 0x7F },
        { 0, 0, 0, 0x40 },
        { 1, 0, 0, 0 },
        { 0, 0, 2, 0 },
    };
    struct message hurt = *m;
    struct nt_arena arena;
    struct nt_ndr_notes *notes;
    size_t used;
    void *args;
    uint8_t *copy = malloc(m->len + 1);

    assert_non_null(copy);
    nt_arena_init(&arena, 0);
    hurt.stub = copy;
    for (size_t at = 0; at + 2 <= m->len; at += 2) {
        for (size_t i = 0; i < NT_COUNT(bad); i++) {
            memcpy(copy, m->stub, m->len);
            memcpy(copy + at, bad[i], m->len - at < 4 ? m->len - at : 4);
            nt_arena_reset(&arena);
            if (message_decode(&hurt, &arena, &args, &used, &notes) == NT_OK)
                encode_again(&hurt, args, used, notes);
        }
    }
    nt_arena_free(&arena);
    free(copy);
}
