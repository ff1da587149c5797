/*
 * migrations.c - see migrations.h. Rules of the schema:
 *   - small rows, typed columns; times are nt_time, SIDs are text ("S-1-5-..."), flags 0 or 1;
 *     unsigned 64-bit values stand as the signed ones with the same bits
 *   - what is secret stands in a column named `sealed`, as AES-256-GCM under a key derived from the
 *     master key, bound to its table and key (blob.c)
 *   - names that are keys stand in upper case, as nt_name_fold makes it, with the spelling beside
 */
#include "store/migrations.h"
#include "base/err.h"

/* clang-format off: SQL */
static const char first[] =
    "CREATE TABLE meta ("
    "  key TEXT PRIMARY KEY, value BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE domain ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  name TEXT NOT NULL, computer TEXT NOT NULL, dns_name TEXT NOT NULL, sid TEXT,"
    "  next_rid INTEGER NOT NULL, created INTEGER NOT NULL, serial INTEGER NOT NULL,"
    "  store_id BLOB NOT NULL CHECK (length(store_id) = 16)"
    ") STRICT;"

    "CREATE TABLE policy ("
    "  name TEXT PRIMARY KEY, value INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE account ("
    "  rid INTEGER PRIMARY KEY CHECK (rid BETWEEN 1 AND 4294967295),"
    "  name TEXT NOT NULL, acb INTEGER NOT NULL, primary_rid INTEGER NOT NULL,"
    "  full_name TEXT NOT NULL, comment TEXT NOT NULL, user_comment TEXT NOT NULL,"
    "  home_dir TEXT NOT NULL, home_drive TEXT NOT NULL, script TEXT NOT NULL,"
    "  profile TEXT NOT NULL, workstations TEXT NOT NULL, parameters TEXT NOT NULL,"
    "  created INTEGER NOT NULL, password_set INTEGER NOT NULL, expires INTEGER NOT NULL,"
    "  locked_at INTEGER NOT NULL, logon_hours BLOB,"
    "  allow_weak_crypto INTEGER NOT NULL CHECK (allow_weak_crypto IN (0, 1)),"
    "  sealed BLOB"
    ") STRICT;"

    "CREATE TABLE grp ("
    "  rid INTEGER PRIMARY KEY CHECK (rid BETWEEN 1 AND 4294967295),"
    "  attributes INTEGER NOT NULL, name TEXT NOT NULL, comment TEXT NOT NULL"
    ") STRICT;"

    "CREATE TABLE grp_member ("
    "  rid INTEGER NOT NULL, member INTEGER NOT NULL CHECK (member BETWEEN 0 AND 4294967295),"
    "  PRIMARY KEY (rid, member)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE alias ("
    "  builtin INTEGER NOT NULL CHECK (builtin IN (0, 1)),"
    "  rid INTEGER NOT NULL CHECK (rid BETWEEN 1 AND 4294967295),"
    "  name TEXT NOT NULL, comment TEXT NOT NULL,"
    "  PRIMARY KEY (builtin, rid)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE alias_member ("
    "  builtin INTEGER NOT NULL, rid INTEGER NOT NULL, sid TEXT NOT NULL,"
    "  PRIMARY KEY (builtin, rid, sid)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE tdo ("
    "  key TEXT PRIMARY KEY, name TEXT NOT NULL, dns_name TEXT NOT NULL,"
    "  sid TEXT," /* NULL: not learned yet */
    "  direction INTEGER NOT NULL, type INTEGER NOT NULL, attributes INTEGER NOT NULL,"
    "  enc_types INTEGER NOT NULL, servers TEXT NOT NULL, created INTEGER NOT NULL,"
    "  allow_weak_crypto INTEGER NOT NULL CHECK (allow_weak_crypto IN (0, 1)),"
    "  sealed BLOB"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE secret ("
    "  key TEXT PRIMARY KEY, name TEXT NOT NULL,"
    "  current_set INTEGER NOT NULL, old_set INTEGER NOT NULL,"
    "  sealed BLOB"
    ") STRICT, WITHOUT ROWID;"

    /* The audit trail only grows. AUTOINCREMENT: an id is never given twice. */
    "CREATE TABLE event ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    "  level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 2),"
    "  kind TEXT NOT NULL, subject TEXT NOT NULL, subject_key TEXT NOT NULL,"
    "  peer TEXT NOT NULL, text TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX event_subject ON event (subject_key, id);"
    "CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN"
    "  SELECT RAISE(ABORT, 'the audit trail only grows'); END;"
    "CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN"
    "  SELECT RAISE(ABORT, 'the audit trail only grows'); END;";
/* When the domain last changed, and what is known of a restored store (epoch.h). */
static const char restored[] =
    "ALTER TABLE domain ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN restored_at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN restored_to INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE domain ADD COLUMN restored_surely INTEGER NOT NULL DEFAULT 0"
    " CHECK (restored_surely IN (0, 1));";

/* What has changed, for those that share the store: each record's key with the serial of the last
 * commit that put or deleted it. `name` and `rid` as the kind has them (sqlite_load.c). This step
 * also tells older programs that TDOs have a lease. */
static const char changes[] =
    "CREATE TABLE changed ("
    "  kind INTEGER NOT NULL, name TEXT NOT NULL, rid INTEGER NOT NULL, serial INTEGER NOT NULL,"
    "  PRIMARY KEY (kind, name, rid)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX changed_serial ON changed (serial);";
/* clang-format on */

const char *const nt_migrations[] = { first, restored, changes };
const int nt_migrations_count = (int)NT_COUNT(nt_migrations);
