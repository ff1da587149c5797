/*
 * token.h - who a caller is: the SIDs that access is decided by. Immutable, shared by reference
 * count between threads. [MS-DTYP] 2.5.2 (the parts of it that a controller needs)
 */
#ifndef NT_DOMAIN_TOKEN_H
#define NT_DOMAIN_TOKEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sid.h"
#include "domain/dir.h"

#define NT_TOKEN_SIDS_MAX 1024 /* of one token; more fails */

struct nt_token {
    atomic_uint refs;
    bool anonymous;
    bool system;  /* this computer's own administrator, over the admin API */
    bool machine; /* a workstation, server or interdomain trust account */
    bool local;   /* an account of this domain; rid and acb are set */
    uint32_t rid, acb;
    char domain[64], name[128]; /* as they are shown; "" for anonymous */
    size_t sid_count;
    struct nt_sid sids[]; /* the user's first, then groups and aliases, each once */
};

/* One reference each; NULL: no memory, or more than NT_TOKEN_SIDS_MAX groups. */
struct nt_token *nt_token_anonymous(void); /* Anonymous, Network */
struct nt_token *nt_token_system(void);    /* an administrator */
/* An account of this domain: its SID, primary and global groups, Everyone, Authenticated Users,
 * Network, and the aliases that have any of these as member. */
struct nt_token *nt_token_account(const struct nt_dir *dir, const struct nt_account *account);

/* A user that another domain vouches for, from its validation information ([MS-NRPC] 2.2.1.4.13).
 */
struct nt_foreign_user {
    const char *domain, *name; /* as told, UTF-8 */
    struct nt_sid domain_sid;  /* LogonDomainId as told */
    uint32_t user_rid, primary_rid;
    const uint32_t *group_rids;
    size_t group_count;
    const struct nt_sid *extra_sids;
    size_t extra_count;
};
/* Only SIDs of the trusted domain pass, `trusted` being its SID as the TDO has it; own and
 * built-in ones and third domains' are dropped, *filtered (may be NULL) says how many. NULL too
 * when the user itself is not of that domain (*refused true, if not NULL). CVE-2020-0665 */
struct nt_token *nt_token_foreign(const struct nt_dir *dir, const struct nt_sid *trusted,
                                  const struct nt_foreign_user *user, size_t *filtered,
                                  bool *refused);
/* True when a trusted domain may vouch for this SID. */
bool nt_sid_passes(const struct nt_sid *sid, const struct nt_sid *trusted);

struct nt_token *nt_token_ref(const struct nt_token *token);
void nt_token_unref(struct nt_token *token); /* NULL is fine */

bool nt_token_has(const struct nt_token *token, const struct nt_sid *sid);
bool nt_token_is_anonymous(const struct nt_token *token);
bool nt_token_is_admin(const struct nt_token *token); /* BUILTIN\Administrators, or system */
const struct nt_sid *nt_token_user(const struct nt_token *token);

#endif
