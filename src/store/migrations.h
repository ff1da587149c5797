/*
 * migrations.h - the store's schema as numbered steps. A store says in PRAGMA user_version which
 * steps it has behind it, and in PRAGMA application_id that it is ours.
 */
#ifndef NT_STORE_MIGRATIONS_H
#define NT_STORE_MIGRATIONS_H

#include <stddef.h>

#define NT_STORE_APP_ID 0x6E547231 /* "nTr1" */

/* nt_migrations[n] takes a store of version n to n + 1. Published steps never change. */
extern const char *const nt_migrations[];
extern const int nt_migrations_count; /* the version that this program reads and writes */

#endif
