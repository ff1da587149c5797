/*
 * ini.h - reads an INI file: [section] or [section name], key = value, # or ; comments. Bounded in
 * size; an error names file and line.
 */
#ifndef NT_BASE_INI_H
#define NT_BASE_INI_H

#include <stddef.h>

#include "base/err.h"

#define NT_INI_MAX (256u * 1024) /* bytes of a file */

struct nt_ini_where {
    const char *file;
    unsigned line;
};

/* Called for each key in order. `name` is the word behind the section's own ("peer ACCOUNTS" gives
 * section "peer", name "ACCOUNTS"), or "". Writes a complaint to why[why_size] and returns another
 * value than NT_OK to stop. */
typedef enum nt_err nt_ini_key(void *ctx, const struct nt_ini_where *at, const char *section,
                               const char *name, const char *key, const char *value, char *why,
                               size_t why_size);

/*
 * Parses text of len bytes. On failure why[] has one line, "FILE:LINE: what is wrong", and the
 * result is NT_E_MALFORMED, NT_E_LIMIT or what `fn` returned.
 */
enum nt_err nt_ini_parse(const char *file, const char *text, size_t len, nt_ini_key *fn, void *ctx,
                         char *why, size_t why_size) NT_MUST_USE;

/* The same for a file; NT_E_NOT_FOUND or NT_E_IO when it cannot be read. */
enum nt_err nt_ini_load(const char *file, nt_ini_key *fn, void *ctx, char *why,
                        size_t why_size) NT_MUST_USE;

#endif
