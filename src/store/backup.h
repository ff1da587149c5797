/*
 * backup.h - consistent copies of a store, also while another process has it open.
 */
#ifndef NT_STORE_BACKUP_H
#define NT_STORE_BACKUP_H

#include <stddef.h>

#include "base/env.h"
#include "base/err.h"
#include "store/files.h"

/*
 * Copies the store at `path` to the new file `to` (mode 0600), as it was at one commit. The copy is
 * checked, durable and complete when it gets its name; before that, and after a failure, nothing
 * stands there. It opens with the same master key, which is not in it: keep that apart.
 * why[]: one line. NT_E_NOT_FOUND, NT_E_EXISTS (`to`), NT_E_FULL, NT_E_DENIED, NT_E_READONLY,
 * NT_E_CORRUPT, NT_E_TOO_NEW, NT_E_LOCKED, NT_E_IO.
 */
enum nt_err nt_store_backup(const char *path, const char *to, const struct nt_env *env, char *why,
                            size_t why_size) NT_MUST_USE;

/*
 * Puts the backup `from` in the place of the store at `path`, which no process may have open
 * (NT_E_LOCKED). What was there before is kept: aside[] is its new name, "" when there was nothing.
 * The backup itself stays as it is. A crash leaves either the old store, whole, or the new one,
 * which knows that it was restored. Also NT_E_AUTH: the key does not open it.
 */
enum nt_err nt_store_restore(const char *from, const char *path, const char *key_path,
                             const struct nt_env *env, char aside[NT_STORE_PATH], char *why,
                             size_t why_size) NT_MUST_USE;

/* Whether the file at `path` is a sound store of a version that we read: without its key, and
 * without changing or locking it. */
enum nt_err nt_store_check(const char *path, char *why, size_t why_size) NT_MUST_USE;

#endif
