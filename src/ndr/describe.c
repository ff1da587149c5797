/* A call's parameters and their types for a person who has to write them. */
#include <inttypes.h>
#include <stdio.h>

#include "ndr/ndr_internal.h"

#define MAX_SEEN 256 /* types that one description explains */

struct describer {
    struct nt_buf *out;
    unsigned indent;
    const struct nt_ndr_type *seen[MAX_SEEN];
    size_t seen_count;
};

static void line(struct describer *d)
{
    nt_buf_put(d->out, "\n", 1);
    for (unsigned i = 0; i < d->indent; i++)
        nt_buf_put(d->out, "  ", 2);
}

/* False when it was explained before, or cannot be any more. */
static bool fresh(struct describer *d, const struct nt_ndr_type *t)
{
    for (size_t i = 0; i < d->seen_count; i++)
        if (d->seen[i] == t)
            return false;
    if (d->seen_count == MAX_SEEN || d->indent > NT_NDR_MAX_DEPTH)
        return false;
    d->seen[d->seen_count++] = t;
    return true;
}

static void number_name(struct describer *d, const struct nt_ndr_type *t)
{
    if (t->name != NULL)
        nt_buf_printf(d->out, "%s", t->name);
    else
        nt_buf_printf(d->out, "%sinteger of %zu bits", t->flags & NDR_SIGNED ? "signed " : "",
                      8 * t->size);
    if (t->flags & NDR_RANGE)
        nt_buf_printf(d->out, " (%" PRId64 " to %" PRId64 ")", t->lo, t->hi);
}

static void type_name(struct describer *d, const struct nt_ndr_type *t);

static void array_name(struct describer *d, const struct nt_ndr_type *t)
{
    const struct nt_ndr_type *elem = t->elem;
    bool bytes = elem->kind == NDR_U8 && elem->format == NDR_FORMAT_PLAIN;
    nt_buf_printf(d->out, "%s[",
                  bytes                             ? "bytes "
                  : elem->format == NDR_FORMAT_TEXT ? "text "
                                                    : "array ");
    if (t->said != NULL)
        nt_buf_printf(d->out, "%s]", t->said);
    else
        nt_buf_printf(d->out, "%" PRIu32 "]", t->length);
    if (!bytes && elem->format != NDR_FORMAT_TEXT) {
        nt_buf_printf(d->out, " of ");
        type_name(d, elem);
    }
}

static void type_name(struct describer *d, const struct nt_ndr_type *t)
{
    switch (t->kind) {
    case NDR_GUID:
        nt_buf_printf(d->out, "GUID");
        break;
    case NDR_CONTEXT:
        nt_buf_printf(d->out, "handle");
        break;
    case NDR_STRUCT:
        nt_buf_printf(d->out, "%s%s", t->name,
                      t->format == NDR_FORMAT_UNICODE || t->format == NDR_FORMAT_ANSI ? " (text)"
                                                                                      : "");
        break;
    case NDR_SWITCH:
        nt_buf_printf(d->out, "%s by %s", t->elem->name, t->said);
        break;
    case NDR_POINTER:
        type_name(d, t->elem);
        if (!(t->flags & (NDR_TOP | NDR_REF)))
            nt_buf_printf(d->out, ", or null");
        break;
    case NDR_ARRAY:
    case NDR_CONFORMANT:
        array_name(d, t);
        break;
    case NDR_STRING:
        nt_buf_printf(d->out, "text");
        break;
    case NDR_FIXED_STRING:
        nt_buf_printf(d->out, "text of up to %" PRIu32 " units", t->length - 1);
        break;
    default:
        number_name(d, t);
    }
}

static void fields(struct describer *d, const struct nt_ndr_type *t);

static void enumerators(struct describer *d, const struct nt_ndr_type *t)
{
    d->indent++;
    for (int i = 0; i < t->count; i++) {
        line(d);
        nt_buf_printf(d->out, "%" PRIu32 " %s", t->enumerators[i].value, t->enumerators[i].name);
    }
    d->indent--;
}

/* What is inside, once. */
static void inside(struct describer *d, const struct nt_ndr_type *t)
{
    while (t->kind == NDR_POINTER || t->kind == NDR_ARRAY || t->kind == NDR_CONFORMANT)
        t = t->elem;
    if (t->kind == NDR_STRUCT && t->format == NDR_FORMAT_PLAIN && fresh(d, t)) {
        d->indent++;
        fields(d, t);
        d->indent--;
    } else if (t->enumerators != NULL && fresh(d, t)) {
        enumerators(d, t);
    } else if (t->kind == NDR_SWITCH && fresh(d, t->elem)) {
        d->indent++;
        for (int i = 0; i < t->elem->count; i++) {
            const struct nt_ndr_arm *arm = &t->elem->arms[i];
            line(d);
            if (i == t->elem->default_arm)
                nt_buf_printf(d->out, "otherwise ");
            else
                nt_buf_printf(d->out, "%" PRIu32 " ", arm->value);
            nt_buf_printf(d->out, "%s", arm->type != NULL ? arm->name : "nothing");
            if (arm->type != NULL) {
                nt_buf_printf(d->out, ": ");
                type_name(d, arm->type);
                inside(d, arm->type);
            }
        }
        d->indent--;
    }
}

static void fields(struct describer *d, const struct nt_ndr_type *t)
{
    static const char *const ways[] = { "", "[in] ", "[out] ", "[in, out] " };
    for (int i = 0; i < t->count; i++) {
        const struct nt_ndr_field *f = &t->fields[i];
        line(d);
        nt_buf_printf(d->out, "%s%s: ", ways[f->ways & (NDR_IN | NDR_OUT)], f->name);
        type_name(d, f->type);
        if (f->ways & NDR_SECRET)
            nt_buf_printf(d->out, ", secret");
        inside(d, f->type);
    }
}

enum nt_err nt_ndr_describe(const struct nt_ndr_op *op, struct nt_buf *out)
{
    struct describer d = { .out = out, .indent = 1 };
    nt_buf_printf(out, "%s (opnum %u)", op->name, op->opnum);
    fields(&d, op->layout);
    nt_buf_put(out, "\n", 1);
    return out->err;
}
