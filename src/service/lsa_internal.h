/*
 * lsa_internal.h - seen by the lsa_*.c files only: access bits, who gets which, and the methods.
 * Sources: [MS-LSAD] 2.2.1.1 (access bits), 3.1.4 (methods); [MS-LSAT] 3.1.4.
 */
#ifndef NT_SERVICE_LSA_INTERNAL_H
#define NT_SERVICE_LSA_INTERNAL_H

#include "domain/ops.h"
#include "service/lsa_common.h"

/* [MS-LSAD] 2.2.1.1.2 */
enum lsa_policy_access {
    POLICY_VIEW_LOCAL = 0x0001,
    POLICY_VIEW_AUDIT = 0x0002,
    POLICY_GET_PRIVATE = 0x0004,
    POLICY_TRUST_ADMIN = 0x0008,
    POLICY_CREATE_SECRET = 0x0020,
    POLICY_LOOKUP_NAMES = 0x0800,
    POLICY_ALL = 0x000F1FFF
};

/* [MS-LSAD] 2.2.1.1.5 */
enum lsa_tdo_access {
    TDO_QUERY_NAME = 0x01,
    TDO_QUERY_CONTROLLERS = 0x02,
    TDO_QUERY_POSIX = 0x08,
    TDO_SET_POSIX = 0x10,
    TDO_SET_AUTH = 0x20,
    TDO_ALL = 0x000F007F
};

/* [MS-LSAD] 2.2.1.1.4 */
enum lsa_secret_access { SECRET_SET = 0x1, SECRET_QUERY = 0x2, SECRET_ALL = 0x000F0003 };

/* [MS-LSAD] 2.2.1.1.3 */
enum lsa_account_access { ACCOUNT_VIEW = 0x1, ACCOUNT_ALL = 0x000F000F };

extern const struct nt_generic lsa_policy_generic, lsa_account_generic, lsa_secret_generic,
    lsa_tdo_generic;

/* True when the policy is open to this caller, by the way the call came in (lsa.c). */
bool lsa_policy_reachable(const struct nt_call *call);
uint32_t lsa_policy_allowed(const struct nt_call *call);
uint32_t lsa_tdo_allowed(const struct nt_call *call);
/* Secrets and changes of trusts: administrators only; asked again in the writer. */
bool lsa_is_admin(const struct nt_call *call);

/* The secret as the call carries it, decrypted into the arena; NULL: none given, or with *status
 * INVALID_PARAMETER not decipherable. (lsa_secret.c) */
struct lsa_plain {
    uint8_t *data;
    size_t len;
};
ntstatus lsa_decrypt(struct nt_call *call, const LSAPR_CR_CIPHER_VALUE *in, struct lsa_plain *out);

/* The name that clients see: the DNS name where there is one. */
const char *lsa_tdo_name(const struct nt_tdo *tdo);
ntstatus lsa_open_tdo(struct nt_call *call, const struct nt_tdo *tdo, uint32_t desired,
                      LSAPR_HANDLE *out);
/* By SID, or with `sid` NULL by name; NULL with *status set. */
const struct nt_tdo *lsa_tdo_of(struct nt_call *call, const LSAPR_HANDLE *policy,
                                const RPC_SID *sid, const RPC_UNICODE_STRING *name,
                                ntstatus *status);

/* `then` of a change that has nothing to add. */
ntstatus lsa_as_decided(struct nt_call *call, void *args, ntstatus status);
/* Deletes the object of an opened handle (LsarDeleteObject's parts). */
ntstatus lsa_delete_trust(struct nt_call *call, const char *name);
void lsa_trust_deleted(struct nt_call *call); /* afterwards: ends its channels */
ntstatus lsa_delete_secret(struct nt_call *call, const char *name);

/* The methods, by file. */
nt_method lsa_close, lsa_open_policy, lsa_open_policy2, lsa_query_policy, lsa_query_policy2,
    lsa_query_security, lsa_get_user_name, lsa_delete_object;
nt_method lsa_enumerate_privileges, lsa_enumerate_accounts, lsa_enumerate_account_rights,
    lsa_enumerate_accounts_with_right, lsa_lookup_privilege_value, lsa_lookup_privilege_name,
    lsa_lookup_privilege_display_name, lsa_open_account, lsa_enumerate_privileges_account,
    lsa_get_system_access;
nt_method lsa_lookup_names, lsa_lookup_names2, lsa_lookup_names3, lsa_lookup_names4,
    lsa_lookup_sids, lsa_lookup_sids2, lsa_lookup_sids3;
nt_method lsa_create_secret, lsa_open_secret, lsa_set_secret, lsa_query_secret,
    lsa_store_private_data, lsa_retrieve_private_data;
nt_method lsa_enumerate_trusted, lsa_enumerate_trusted_ex, lsa_open_trusted,
    lsa_open_trusted_by_name, lsa_query_trusted, lsa_query_trusted_by_sid,
    lsa_query_trusted_by_name, lsa_query_forest_trust, lsa_set_forest_trust;
nt_method lsa_create_trusted, lsa_create_trusted_ex, lsa_create_trusted_ex2, lsa_create_trusted_ex3,
    lsa_set_trusted, lsa_set_trusted_by_sid, lsa_set_trusted_by_name, lsa_delete_trusted;

#endif
