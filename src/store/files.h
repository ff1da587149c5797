/*
 * files.h - the files around a store: made whole or not at all, and what the system's refusals
 * mean.
 */
#ifndef NT_STORE_FILES_H
#define NT_STORE_FILES_H

#include <stddef.h>

#include "base/env.h"
#include "base/err.h"
#include "base/secret.h"

#define NT_STORE_PATH 1024 /* bytes of a path with its NUL and the suffixes that we add */

/* NT_E_FULL, NT_E_READONLY, NT_E_DENIED, NT_E_NOT_FOUND, NT_E_EXISTS, NT_E_NOMEM or NT_E_IO. */
enum nt_err nt_file_err(int error);

/* Writes "PATH.SUFFIX" with a suffix that no other process will choose. False: too long. */
bool nt_file_temp(const char *path, const struct nt_env *env, char out[NT_STORE_PATH]);

/* Gives the finished file `temp` its final name, unless there is a file of that name already
 * (NT_E_EXISTS); durable when it returns. `temp` is gone in any case. */
enum nt_err nt_file_publish(const char *temp, const char *path) NT_MUST_USE;

/* Makes the names in the directory of `path` durable. */
enum nt_err nt_file_sync_dir(const char *path) NT_MUST_USE;
/* The directory part of `path`, "." for a bare name. Returns out; "" when too long. */
const char *nt_file_dir(const char *path, char out[NT_STORE_PATH]);

/*
 * The master key: a file of 32 random bytes that only its owner may touch.
 *   load     NT_E_NOT_FOUND, NT_E_DENIED (not readable by us, or accessible to others),
 * NT_E_CORRUPT (wrong size, not a file), NT_E_IO; why[] says what to do create   makes one, or
 * loads the one that is there
 */
enum nt_err nt_master_key_load(const char *path, struct nt_secret *key, char *why,
                               size_t why_size) NT_MUST_USE;
enum nt_err nt_master_key_create(const char *path, const struct nt_env *env, struct nt_secret *key,
                                 char *why, size_t why_size) NT_MUST_USE;

#endif
