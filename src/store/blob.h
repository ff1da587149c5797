/*
 * blob.h - the secret part of a record as bytes, and those bytes sealed under the store's key. The
 * row's name ("account/1001") goes in as associated data: a blob moved to another row, or to
 * another store, does not open. Layout: a version byte, then fields in order; blob.c.
 */
#ifndef NT_STORE_BLOB_H
#define NT_STORE_BLOB_H

#include "base/buf.h"
#include "base/cursor.h"
#include "domain/model.h"

struct nt_env;

#define NT_BLOB_ROW        1088                 /* bytes for the name of a row */
#define NT_BLOB_SECRET_MAX ((size_t)256 * 1024) /* bytes of each value of an LSA secret */

/* The plain forms. write: failures stick in b->err (NT_E_LIMIT, NT_E_NOMEM). read: sets only the
 * fields that the blob has; NT_E_TRUNCATED, NT_E_MALFORMED, NT_E_LIMIT, NT_E_NOMEM leave a record
 * that is good for nt_record_unref alone. */
void nt_blob_account_write(struct nt_buf *b, const struct nt_account *a);
enum nt_err nt_blob_account_read(struct nt_cursor *c, struct nt_account *a) NT_MUST_USE;
void nt_blob_tdo_write(struct nt_buf *b, const struct nt_tdo *t);
enum nt_err nt_blob_tdo_read(struct nt_cursor *c, struct nt_tdo *t) NT_MUST_USE;
void nt_blob_secret_write(struct nt_buf *b, const struct nt_lsa_secret *s);
enum nt_err nt_blob_secret_read(struct nt_cursor *c, struct nt_lsa_secret *s) NT_MUST_USE;

/* Sealed. On success the caller frees `out`. */
enum nt_err nt_blob_account_seal(const struct nt_account *a, const struct nt_secret *key,
                                 const struct nt_env *env, const char *row,
                                 struct nt_buf *out) NT_MUST_USE;
enum nt_err nt_blob_tdo_seal(const struct nt_tdo *t, const struct nt_secret *key,
                             const struct nt_env *env, const char *row,
                             struct nt_buf *out) NT_MUST_USE;
enum nt_err nt_blob_secret_seal(const struct nt_lsa_secret *s, const struct nt_secret *key,
                                const struct nt_env *env, const char *row,
                                struct nt_buf *out) NT_MUST_USE;
/* NT_E_CORRUPT for whatever is not as it was written, else NT_E_NOMEM. */
enum nt_err nt_blob_account_open(struct nt_account *a, const struct nt_secret *key, const char *row,
                                 const void *sealed, size_t len) NT_MUST_USE;
enum nt_err nt_blob_tdo_open(struct nt_tdo *t, const struct nt_secret *key, const char *row,
                             const void *sealed, size_t len) NT_MUST_USE;
enum nt_err nt_blob_secret_open(struct nt_lsa_secret *s, const struct nt_secret *key,
                                const char *row, const void *sealed, size_t len) NT_MUST_USE;

#endif
