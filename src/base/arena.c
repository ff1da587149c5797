#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define BLOCK_MIN ((size_t)4096)
#define ALIGN     ((size_t)16)

struct nt_arena_block {
    struct nt_arena_block *next;
    size_t size; /* bytes behind this header */
    size_t used;
    size_t pad;
};

_Static_assert(sizeof(struct nt_arena_block) % 16 == 0, "what follows a block must be aligned");

void nt_arena_init(struct nt_arena *a, size_t limit)
{
    *a = (struct nt_arena){ .limit = limit };
}

static struct nt_arena_block *block_new(size_t size)
{
    struct nt_arena_block *b = malloc(sizeof *b + size);
    if (b != NULL)
        *b = (struct nt_arena_block){ .size = size };
    return b;
}

void *nt_arena_alloc(struct nt_arena *a, size_t n)
{
    if (n > a->limit - a->used)
        return NULL;
    size_t rounded = n > 0 ? (n + ALIGN - 1) & ~(ALIGN - 1) : ALIGN;
    if (rounded < n)
        return NULL;
    struct nt_arena_block *b = a->head;
    if (b == NULL || rounded > b->size - b->used) {
        /* Double up to 64 KiB, so that a large request takes few blocks and a small one little. */
        size_t size = b == NULL ? BLOCK_MIN : b->size * 2;
        if (size > 65536)
            size = 65536;
        b = block_new(rounded > size ? rounded : size);
        if (b == NULL)
            return NULL;
        b->next = a->head;
        a->head = b;
    }
    uint8_t *p = (uint8_t *)(b + 1) + b->used;
    b->used += rounded;
    a->used += n;
    return memset(p, 0, rounded);
}

void *nt_arena_array(struct nt_arena *a, size_t count, size_t size)
{
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : nt_arena_alloc(a, n);
}

void *nt_arena_dup(struct nt_arena *a, const void *data, size_t len)
{
    char *p = len < SIZE_MAX ? nt_arena_alloc(a, len + 1) : NULL;
    if (p != NULL && len > 0)
        memcpy(p, data, len);
    return p;
}

char *nt_arena_strdup(struct nt_arena *a, const char *s)
{
    return nt_arena_dup(a, s, strlen(s));
}

char *nt_arena_printf(struct nt_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = len >= 0 ? nt_arena_alloc(a, (size_t)len + 1) : NULL;
    if (p != NULL)
        vsnprintf(p, (size_t)len + 1, fmt, again);
    va_end(again);
    return p;
}

/* Wipes what was used and frees all blocks but `keep`. */
static void release(struct nt_arena *a, struct nt_arena_block *keep)
{
    struct nt_arena_block *next;
    for (struct nt_arena_block *b = a->head; b != NULL; b = next) {
        next = b->next;
        nt_wipe(b + 1, b->used);
        b->used = 0;
        if (b != keep)
            free(b);
    }
    a->head = keep;
    if (keep != NULL)
        keep->next = NULL;
    a->used = 0;
}

void nt_arena_reset(struct nt_arena *a)
{
    /* The newest block is the largest; one of unusual size is not worth keeping. */
    struct nt_arena_block *keep = a->head;
    if (keep != NULL && keep->size > 65536)
        keep = NULL;
    release(a, keep);
}

void nt_arena_free(struct nt_arena *a)
{
    release(a, NULL);
}
