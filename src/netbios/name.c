#include "netbios/name.h"

#include <stdio.h>
#include <string.h>

#define ENCODED_LEN  32
#define LABEL_MAX    63
#define POINTER_BITS 0xC0
#define POINTER_MASK 0x3FFF

static uint8_t upper(char c)
{
    return (uint8_t)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

bool nt_nb_name_set(struct nt_nb_name *n, const char *text, uint8_t type)
{
    size_t len = strlen(text);
    *n = (struct nt_nb_name){ .scope = "" };
    if (len == 0 || len >= NT_NB_NAME_LEN)
        return false;
    memset(n->b, ' ', NT_NB_NAME_LEN - 1);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7E)
            return false;
        n->b[i] = upper(text[i]);
    }
    n->b[NT_NB_NAME_LEN - 1] = type;
    return true;
}

void nt_nb_name_star(struct nt_nb_name *n)
{
    *n = (struct nt_nb_name){ .b = { '*' } };
}

bool nt_nb_name_is_star(const struct nt_nb_name *n)
{
    struct nt_nb_name star;
    nt_nb_name_star(&star);
    return memcmp(n->b, star.b, sizeof star.b) == 0;
}

bool nt_nb_name_equal(const struct nt_nb_name *a, const struct nt_nb_name *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0 && strcasecmp(a->scope, b->scope) == 0;
}

const char *nt_nb_name_text(const struct nt_nb_name *n, char out[NT_NB_NAME_LEN])
{
    size_t len = NT_NB_NAME_LEN - 1;
    while (len > 0 && (n->b[len - 1] == ' ' || n->b[len - 1] == '\0'))
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = n->b[i] >= 0x20 && n->b[i] <= 0x7E ? (char)n->b[i] : '?';
    out[len] = '\0';
    return out;
}

const char *nt_nb_name_format(const struct nt_nb_name *n, char out[NT_NB_NAME_TEXT])
{
    char text[NT_NB_NAME_LEN];
    snprintf(out, NT_NB_NAME_TEXT, "%s<%02x>", nt_nb_name_text(n, text), n->b[NT_NB_NAME_LEN - 1]);
    return out;
}

/* --- reading --- */

/* 32 letters A to P, each a half of a byte: RFC 1001 14.1. */
static bool take_first_level(struct nt_cursor *c, struct nt_nb_name *n)
{
    const uint8_t *p = nt_cursor_take(c, ENCODED_LEN);
    if (p == NULL)
        return false;
    for (size_t i = 0; i < ENCODED_LEN; i++)
        if (p[i] < 'A' || p[i] > 'P') {
            nt_cursor_fail(c, NT_E_MALFORMED);
            return false;
        }
    for (size_t i = 0; i < NT_NB_NAME_LEN; i++)
        n->b[i] = (uint8_t)((p[2 * i] - 'A') << 4 | (p[2 * i + 1] - 'A'));
    return true;
}

/* A label of the scope; letters, digits, '-' and '_' alone, so that it can be shown. */
static void take_scope_label(struct nt_cursor *c, size_t len, struct nt_nb_name *n)
{
    size_t at = strlen(n->scope);
    const uint8_t *p = nt_cursor_take(c, len);
    if (len > LABEL_MAX || at + len + 1 > NT_NB_SCOPE_MAX)
        nt_cursor_fail(c, len > LABEL_MAX ? NT_E_MALFORMED : NT_E_LIMIT);
    if (p == NULL || c->err != NT_OK)
        return;
    if (at > 0)
        n->scope[at++] = '.';
    for (size_t i = 0; i < len; i++) {
        bool plain = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') ||
                     (p[i] >= '0' && p[i] <= '9') || p[i] == '-' || p[i] == '_';
        if (!plain)
            nt_cursor_fail(c, NT_E_MALFORMED);
        n->scope[at + i] = (char)p[i];
    }
    n->scope[at + len] = '\0';
}

/* Follows a pointer whose first byte was read. Only backwards, so that a name cannot lead in a
 * circle, and only so many times. */
static void follow(struct nt_cursor *at, uint8_t first, size_t *before, unsigned *jumps)
{
    size_t to = ((size_t)first << 8 | nt_cursor_u8(at)) & POINTER_MASK;
    if (to >= *before || ++*jumps > NT_NB_POINTERS)
        nt_cursor_fail(at, NT_E_MALFORMED);
    *before = to;
    nt_cursor_seek(at, to);
}

bool nt_nb_name_read(struct nt_cursor *c, bool pointers, struct nt_nb_name *n)
{
    struct nt_cursor at = *c;
    size_t before = c->pos, after = 0; /* after: behind the first pointer */
    unsigned jumps = 0;
    bool encoded = false;

    *n = (struct nt_nb_name){ .scope = "" };
    for (;;) {
        uint8_t len = nt_cursor_u8(&at);
        if (pointers && (len & POINTER_BITS) == POINTER_BITS) {
            after = jumps == 0 ? at.pos + 1 : after;
            follow(&at, len, &before, &jumps);
        } else if (!encoded) {
            if (len != ENCODED_LEN)
                nt_cursor_fail(&at, NT_E_MALFORMED);
            encoded = take_first_level(&at, n);
        } else if (len == 0) {
            break;
        } else {
            take_scope_label(&at, len, n);
        }
        if (at.err != NT_OK)
            break;
    }
    c->err = at.err;
    c->pos = jumps > 0 ? after : at.pos;
    return c->err == NT_OK;
}

/* --- writing --- */

void nt_nb_name_write(struct nt_buf *b, const struct nt_nb_name *n)
{
    nt_buf_u8(b, ENCODED_LEN);
    for (size_t i = 0; i < NT_NB_NAME_LEN; i++) {
        nt_buf_u8(b, (uint8_t)('A' + (n->b[i] >> 4)));
        nt_buf_u8(b, (uint8_t)('A' + (n->b[i] & 15)));
    }
    for (const char *label = n->scope; *label != '\0';) {
        size_t len = strcspn(label, ".");
        nt_buf_u8(b, (uint8_t)len);
        nt_buf_put(b, label, len);
        label += len;
        label += strspn(label, ".");
    }
    nt_buf_u8(b, 0);
}
