/*
 * backup.h - consistent copies of a store, also while another process has it open.
 */
#ifndef NT_STORE_BACKUP_H
#define NT_STORE_BACKUP_H

#include <stddef.h>

#include "base/env.h"
#include "base/err.h"

/*
 * Copies the store at `path` to the new file `to` (mode 0600), as it was at one commit. The copy is
 * checked, durable and complete when it gets its name; before that, and after a failure, nothing
 * stands there. It opens with the same master key, which is not in it: keep that apart.
 * why[]: one line. NT_E_NOT_FOUND, NT_E_EXISTS (`to`), NT_E_FULL, NT_E_DENIED, NT_E_READONLY,
 * NT_E_CORRUPT, NT_E_TOO_NEW, NT_E_LOCKED, NT_E_IO.
 */
enum nt_err nt_store_backup(const char *path, const char *to, const struct nt_env *env, char *why,
                            size_t why_size) NT_MUST_USE;

/* Whether the file at `path` is a sound store of a version that we read: without its key, and
 * without changing or locking it. */
enum nt_err nt_store_check(const char *path, char *why, size_t why_size) NT_MUST_USE;

#endif
