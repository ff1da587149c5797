#include "domain/pmap.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "domain/model.h"

/* A treap: ordered by key, and by a priority that the key's hash gives, so that its shape does not
 * depend on the order of insertion and it stays balanced without bookkeeping. A node that only one
 * parent holds, all the way up, belongs to one writer, who changes it in place. */
struct nt_pmap_node {
    atomic_uint refs; /* parents and roots that hold it */
    uint32_t priority;
    struct nt_pmap_node *left, *right;
    const void *record;
    uint32_t number;
    bool text;
    char key[];
};

static uint32_t hash(struct nt_pmap_key key)
{
    uint32_t h = 2166136261u ^ key.number;
    for (const char *p = key.text; p != NULL && *p != '\0'; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    /* Finish: neighbouring numbers must not give neighbouring priorities. */
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ h >> 16;
}

static int compare(struct nt_pmap_key key, const struct nt_pmap_node *n)
{
    assert(n != NULL);
    if (n->text)
        return strcmp(key.text, n->key);
    return key.number < n->number ? -1 : key.number > n->number;
}

static struct nt_pmap_node *node_new(struct nt_pmap_key key, uint32_t priority, const void *record)
{
    size_t len = key.text != NULL ? strlen(key.text) + 1 : 0;
    struct nt_pmap_node *n = malloc(sizeof *n + len);
    if (n == NULL)
        return NULL;
    atomic_init(&n->refs, 1);
    n->priority = priority;
    n->left = n->right = NULL;
    n->record = nt_record_ref(record);
    n->number = key.number;
    n->text = key.text != NULL;
    if (len > 0)
        memcpy(n->key, key.text, len);
    return n;
}

static struct nt_pmap_node *node_ref(struct nt_pmap_node *n)
{
    if (n != NULL)
        atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
    return n;
}

static void node_unref(struct nt_pmap_node *n)
{
    /* The depth is that of the tree: logarithmic. */
    if (n == NULL || atomic_fetch_sub_explicit(&n->refs, 1, memory_order_acq_rel) != 1)
        return;
    node_unref(n->left);
    node_unref(n->right);
    nt_record_unref(n->record);
    free(n);
}

/* Makes *link a node of this writer alone: itself, or a copy in its place. */
static bool own(struct nt_pmap_node **link)
{
    struct nt_pmap_node *n = *link;
    assert(n != NULL);
    if (atomic_load_explicit(&n->refs, memory_order_acquire) == 1)
        return true;
    struct nt_pmap_node *copy = node_new((struct nt_pmap_key){ n->text ? n->key : NULL, n->number },
                                         n->priority, n->record);
    if (copy == NULL)
        return false;
    copy->left = node_ref(n->left);
    copy->right = node_ref(n->right);
    *link = copy;
    node_unref(n);
    return true;
}

static void rotate_right(struct nt_pmap_node **link)
{
    struct nt_pmap_node *n = *link, *up = n->left;
    n->left = up->right;
    up->right = n;
    *link = up;
}

static void rotate_left(struct nt_pmap_node **link)
{
    struct nt_pmap_node *n = *link, *up = n->right;
    n->right = up->left;
    up->left = n;
    *link = up;
}

static enum nt_err put(struct nt_pmap_node **link, struct nt_pmap_key key, const void *record)
{
    if (*link == NULL) {
        *link = node_new(key, hash(key), record);
        return *link != NULL ? NT_OK : NT_E_NOMEM;
    }
    if (!own(link))
        return NT_E_NOMEM;
    struct nt_pmap_node *n = *link;
    int c = compare(key, n);
    if (c == 0) {
        const void *old = n->record;
        n->record = nt_record_ref(record);
        nt_record_unref(old);
        return NT_OK;
    }
    enum nt_err err = put(c < 0 ? &n->left : &n->right, key, record);
    if (err != NT_OK)
        return err;
    if (c < 0 && n->left->priority > n->priority)
        rotate_right(link);
    else if (c > 0 && n->right->priority > n->priority)
        rotate_left(link);
    return NT_OK;
}

/* Turns the node down until it has at most one child, and takes it out there. */
static enum nt_err sink(struct nt_pmap_node **link)
{
    for (;;) {
        struct nt_pmap_node *n = *link;
        if (n->left == NULL || n->right == NULL) {
            *link = n->left != NULL ? n->left : n->right;
            n->left = n->right = NULL;
            node_unref(n);
            return NT_OK;
        }
        bool left = n->left->priority > n->right->priority;
        if (!own(left ? &n->left : &n->right))
            return NT_E_NOMEM; /* still ordered, only less well balanced */
        if (left) {
            rotate_right(link);
            link = &(*link)->right;
        } else {
            rotate_left(link);
            link = &(*link)->left;
        }
    }
}

struct nt_pmap nt_pmap_ref(const struct nt_pmap *m)
{
    return (struct nt_pmap){ node_ref(m->root) };
}

void nt_pmap_unref(struct nt_pmap *m)
{
    node_unref(m->root);
    m->root = NULL;
}

const void *nt_pmap_get(const struct nt_pmap *m, struct nt_pmap_key key)
{
    const struct nt_pmap_node *n = m->root;
    while (n != NULL) {
        int c = compare(key, n);
        if (c == 0)
            return n->record;
        n = c < 0 ? n->left : n->right;
    }
    return NULL;
}

const void *nt_pmap_after(const struct nt_pmap *m, struct nt_pmap_key key)
{
    const struct nt_pmap_node *n = m->root, *best = NULL;
    while (n != NULL) {
        if (compare(key, n) < 0) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best != NULL ? best->record : NULL;
}

struct diff {
    struct nt_pmap a, b;
    nt_pmap_diff_fn *fn;
    void *ctx;
};

static struct nt_pmap_key key_of(const struct nt_pmap_node *n)
{
    return (struct nt_pmap_key){ .text = n->text ? n->key : NULL, .number = n->number };
}

static bool same_key(const struct nt_pmap_node *a, const struct nt_pmap_node *b)
{
    return a->text ? strcmp(a->key, b->key) == 0 : a->number == b->number;
}

/* Every key below, of a part whose shape differs. */
static void diff_each(const struct diff *d, const struct nt_pmap_node *n, bool in_a)
{
    if (n == NULL)
        return;
    const void *other = nt_pmap_get(in_a ? &d->b : &d->a, key_of(n));
    diff_each(d, n->left, in_a);
    if (in_a && other == NULL)
        d->fn(d->ctx, n->record, NULL);
    else if (!in_a && other != n->record)
        d->fn(d->ctx, other, n->record);
    diff_each(d, n->right, in_a);
}

/* The shape is given by the keys alone, so the two differ around those that came or went. */
static void diff_nodes(const struct diff *d, const struct nt_pmap_node *a,
                       const struct nt_pmap_node *b)
{
    if (a == b)
        return;
    if (a == NULL || b == NULL || !same_key(a, b)) {
        diff_each(d, a, true);
        diff_each(d, b, false);
        return;
    }
    diff_nodes(d, a->left, b->left);
    if (a->record != b->record)
        d->fn(d->ctx, a->record, b->record);
    diff_nodes(d, a->right, b->right);
}

void nt_pmap_diff(const struct nt_pmap *a, const struct nt_pmap *b, nt_pmap_diff_fn *fn, void *ctx)
{
    const struct diff d = { *a, *b, fn, ctx };
    diff_nodes(&d, a->root, b->root);
}

enum nt_err nt_pmap_put(struct nt_pmap *m, struct nt_pmap_key key, const void *record)
{
    return put(&m->root, key, record);
}

enum nt_err nt_pmap_remove(struct nt_pmap *m, struct nt_pmap_key key)
{
    if (nt_pmap_get(m, key) == NULL)
        return NT_E_NOT_FOUND;
    for (struct nt_pmap_node **link = &m->root;;) {
        assert(*link != NULL); /* it is there */
        if (!own(link))
            return NT_E_NOMEM;
        int c = compare(key, *link);
        if (c == 0)
            return sink(link);
        link = c < 0 ? &(*link)->left : &(*link)->right;
    }
}
