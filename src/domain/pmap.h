/*
 * pmap.h - an ordered map whose old versions stay as they are: a change copies the path to it and
 * shares the rest, by reference count. So readers keep a whole directory without a lock, and a
 * commit costs what it changes. Keys are texts or numbers, one kind a map; values are records.
 */
#ifndef NT_DOMAIN_PMAP_H
#define NT_DOMAIN_PMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct nt_pmap_node;

/* A version of a map: a struct to embed. Zeroed: empty. */
struct nt_pmap {
    struct nt_pmap_node *root;
};

struct nt_pmap_key {
    const char *text; /* NULL: by number */
    uint32_t number;
};

/* Another holder of the same version; each is let go with nt_pmap_unref. */
struct nt_pmap nt_pmap_ref(const struct nt_pmap *m);
void nt_pmap_unref(struct nt_pmap *m);

const void *nt_pmap_get(const struct nt_pmap *m, struct nt_pmap_key key); /* NULL: not there */
/* The first value whose key is greater; NULL: none. */
const void *nt_pmap_after(const struct nt_pmap *m, struct nt_pmap_key key);

/* Calls `fn` for each key whose record is another one in `b` than in `a`, with NULL where it is not
 * there. What both versions share is not looked at: the cost is that of the changes between them.
 */
typedef void nt_pmap_diff_fn(void *ctx, const void *in_a, const void *in_b);
void nt_pmap_diff(const struct nt_pmap *a, const struct nt_pmap *b, nt_pmap_diff_fn *fn, void *ctx);

/* Puts a reference of `record` under the key, in place of what stood there. Other holders of the
 * version do not see it. After NT_E_NOMEM the map holds what it held. */
enum nt_err nt_pmap_put(struct nt_pmap *m, struct nt_pmap_key key, const void *record) NT_MUST_USE;
/* NT_E_NOT_FOUND; NT_E_NOMEM as above. */
enum nt_err nt_pmap_remove(struct nt_pmap *m, struct nt_pmap_key key) NT_MUST_USE;

#endif
