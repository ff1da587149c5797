/*
 * ndr_table.h - the layouts that idl/compile.py writes and the engine reads; besides them only
 * repair/rpc_value.c, which reads values from JSON, includes it. A layout tells for each type where
 * its parts stand in memory and how they stand on the wire.
 */
#ifndef NT_NDR_NDR_TABLE_H
#define NT_NDR_NDR_TABLE_H

#include "ndr/ndr.h"

enum nt_ndr_kind {
    NDR_NONE,
    NDR_U8,
    NDR_U16,
    NDR_U32,
    NDR_U64,
    NDR_GUID,
    NDR_CONTEXT,
    NDR_STRUCT,
    NDR_UNION,        /* only behind NDR_SWITCH */
    NDR_SWITCH,       /* a union (elem) with the expression (size_is) that selects its arm */
    NDR_POINTER,      /* to elem */
    NDR_ARRAY,        /* `length` elements in place */
    NDR_CONFORMANT,   /* elements whose count is size_is; behind a pointer or at a struct's end */
    NDR_STRING,       /* NUL-terminated units behind a pointer */
    NDR_FIXED_STRING, /* the same in place, at most `length` units with the NUL */
    NDR_CALL          /* the parameters of one method; only an operation's layout */
};

enum nt_ndr_flag {
    NDR_SIGNED = 1,
    NDR_RANGE = 2,           /* lo and hi bound the value */
    NDR_POINTERS = 4,        /* something inside is transmitted behind the construct */
    NDR_VARYING = 8,         /* offset and actual count stand before the elements */
    NDR_REF = 16,            /* never NULL; its referent id means nothing */
    NDR_TOP = 32,            /* never NULL and without a referent id: a [ref] parameter */
    NDR_CONFORMANT_END = 64, /* the structure's last member is conformant */
    NDR_INSIDE = 128         /* conformant, and the structure's end: in place */
};

/* Of a member or parameter: which way it goes, and whether it holds a password or a key. */
enum nt_ndr_way { NDR_IN = 1, NDR_OUT = 2, NDR_SECRET = 4 };

/* How a value is printed where its type alone does not tell. */
enum nt_ndr_format {
    NDR_FORMAT_PLAIN,
    NDR_FORMAT_TEXT, /* UTF-16 units */
    NDR_FORMAT_HEX,
    NDR_FORMAT_NUMBER,
    NDR_FORMAT_TIME,
    NDR_FORMAT_NTSTATUS,
    NDR_FORMAT_WERROR, /* Win32; for people alone by name, for programs the number */
    NDR_FORMAT_SID,
    NDR_FORMAT_UNICODE,
    NDR_FORMAT_ANSI
};

/* Evaluates a size_is, length_is or switch_is over the struct that its names belong to; negative
 * when a pointer in it is NULL or the arithmetic gives that. */
typedef int64_t nt_ndr_expression(const void *base);

struct nt_ndr_field {
    const char *name;
    const struct nt_ndr_type *type;
    size_t offset;
    unsigned ways; /* enum nt_ndr_way; a structure's members have NDR_SECRET alone */
};

struct nt_ndr_arm {
    const char *name;
    const struct nt_ndr_type *type; /* NULL: nothing is sent */
    uint32_t value;                 /* of the discriminant, cut to its width */
    unsigned ways;                  /* NDR_SECRET or 0 */
};

struct nt_ndr_enumerator {
    const char *name;
    uint32_t value;
};

struct nt_ndr_type {
    uint8_t kind;
    uint8_t align;     /* on the wire */
    uint8_t arm_align; /* of a union: the strictest of its arms */
    uint8_t format;
    uint16_t flags;
    uint16_t count;      /* fields, arms or enumerators */
    int16_t default_arm; /* row of arms, or -1 */
    uint16_t fill_size;  /* of the [in] parameter that the first expression names; 0: none */
    uint32_t fill_offset;
    uint32_t length;  /* elements */
    uint32_t least;   /* bytes on the wire that a value takes at least */
    size_t size;      /* bytes in memory; of one element for conformant types and strings */
    const char *name; /* a declared one; NULL: none */
    const char *said; /* length_is, size_is or switch_is as the IDL has it; NULL: none */
    const struct nt_ndr_type *elem; /* pointee, element, union, discriminant */
    const struct nt_ndr_field *fields;
    const struct nt_ndr_arm *arms;
    const struct nt_ndr_enumerator *enumerators;
    nt_ndr_expression *size_is; /* or switch_is */
    nt_ndr_expression *length_is;
    int64_t lo, hi;
};

#endif
