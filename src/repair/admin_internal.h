/*
 * admin_internal.h - the session from the inside; seen by admin*.c only.
 */
#ifndef NT_REPAIR_ADMIN_INTERNAL_H
#define NT_REPAIR_ADMIN_INTERNAL_H

#include "base/arena.h"
#include "channel/net.h"
#include "idl/lsarpc.h"
#include "idl/netlogon.h"
#include "idl/samr.h"
#include "repair/admin.h"
#include "rpc/sec.h"

/* One interface of the controller: a link, and the call that waits for its answer. */
struct admin_pipe {
    struct nt_admin *admin;
    const struct nt_ndr_interface *iface;
    struct nt_net *net;
    struct nt_link *link;
    struct admin_pipe *lead;  /* whose SMB session it shares; NULL: its own, or over TCP */
    bool ready, told, by_smb; /* told: the first call was answered, so the logon is good */
    /* the call under way */
    const struct nt_ndr_op *op;
    void *args;
    uint32_t call_id;
    bool done, failed;
    bool later;                  /* it is not waited for yet */
    struct nt_admin_error error; /* it failed while nobody waited for it */
};

struct nt_admin {
    uv_loop_t loop;
    uv_timer_t watchdog;
    bool expired;
    const struct nt_env *env;
    char *host, *domain, *user;
    enum nt_road road; /* NT_ROAD_SMB from the moment on that it was needed */
    uint16_t port;
    bool kerberos, all_pipes;
    struct nt_secret hash;
    struct admin_pipe *awaited;
    struct admin_pipe samr, lsa, netlogon, dssetup;
    struct nt_arena arena; /* of one public call */
    struct nt_arena later; /* of the one that is not waited for yet: order */
    struct NetrLogonControl2Ex order;
    struct nt_admin_error error;
    /* handles, nil until opened */
    struct nt_ndr_context sam_server, sam_domain, policy;
    uint32_t sam_domain_access, policy_access;
    struct nt_admin_domain who;
    bool who_known;
};

/* Begins a public call: forgets the last error and the last call's memory. */
void admin_begin(struct nt_admin *a);
/* Opens the association if need be, makes the call and waits; the answer is decoded into args.
 * False with a->error set; a status in the answer is the caller's to look at. */
bool admin_call(struct nt_admin *a, struct admin_pipe *pipe, const struct nt_ndr_op *op,
                void *args);
/* The same in two steps: other pipes may be called in between. args stay until the end. */
bool admin_call_begin(struct nt_admin *a, struct admin_pipe *pipe, const struct nt_ndr_op *op,
                      void *args);
bool admin_call_end(struct nt_admin *a, struct admin_pipe *pipe);
/* The same without waiting at all, for an answer that is of no interest. */
void admin_post(struct nt_admin *a, struct admin_pipe *pipe, const struct nt_ndr_op *op,
                const void *args);
/* Lets go of a pipe's link, so that the next call makes it anew by that road. */
void admin_reroute(struct nt_admin *a, struct admin_pipe *pipe, enum nt_road road, uint16_t port);
/* The call was answered with a status that is not good. Always false. */
bool admin_status(struct nt_admin *a, const struct nt_ndr_op *op, ntstatus status);
bool admin_fail(struct nt_admin *a, enum nt_admin_fail kind, ntstatus status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool admin_nomem(struct nt_admin *a);
/* A name that the controller tells, which will be shown, and put into commands and files. False,
 * and
 * "": it does not fit, or is no text; admin_trust.c */
bool admin_take_name(struct nt_admin *a, const RPC_UNICODE_STRING *from, char *out, size_t size);
/* Opens the LSA policy with those rights, unless it is open with them. admin_lsa.c */
bool admin_open_policy(struct nt_admin *a, uint32_t access);
#define ADMIN_POLICY_READ   0x00000001u /* [MS-LSAD] 2.2.1.1.2: view local information */
#define ADMIN_POLICY_CHANGE 0x00000029u /* and create trusts and secrets */
/* *out NULL: the computer does not know the class. [MS-LSAD] 3.1.4.4.4; admin_trust.c */
bool admin_query_policy(struct nt_admin *a, uint16_t class, const LSAPR_POLICY_INFORMATION **out);
bool admin_tdo_delete(struct nt_admin *a, const char *trusted); /* within a public call */
/* Passwords as the calls carry them, hidden under the session key; either may be NULL. False:
 * a->error set. admin_lsa.c; [MS-LSAD] 2.2.7.16 */
bool admin_put_auth(struct nt_admin *a, const struct nt_password *outgoing,
                    const struct nt_password *incoming, LSAPR_TRUSTED_DOMAIN_AUTH_BLOB *out);

/* Steps of SAMR, within a public call; admin_samr.c. Rights: [MS-SAMR] 2.2.1.4, 2.2.1.7. */
#define ADMIN_DOMAIN_READ   0x00000300u /* list accounts, look up */
#define ADMIN_DOMAIN_CHANGE 0x00000318u /* and write other parameters, create users */
#define ADMIN_USER_READ     0x0000001Bu /* general, preferences, logon, account */
#define ADMIN_USER_CHANGE   0x000100B0u /* delete, write account, force password, read account */
bool admin_open_domain(struct nt_admin *a, uint32_t access);
/* NAME$; *rid 0: there is none. */
bool admin_find_account(struct nt_admin *a, const char *name, uint32_t *rid);
/* The account NAME$ of the open domain. NT_ADMIN_MISSING when there is none. */
bool admin_read_account(struct nt_admin *a, const char *name, struct nt_admin_account *out);
bool admin_account_name(struct nt_admin *a, const char *name, RPC_UNICODE_STRING *out);
bool admin_open_user(struct nt_admin *a, uint32_t rid, uint32_t access, SAMPR_HANDLE *out);
bool admin_query_user(struct nt_admin *a, SAMPR_HANDLE user, struct nt_admin_account *out);
bool admin_set_info(struct nt_admin *a, SAMPR_HANDLE user, uint16_t level,
                    const SAMPR_USER_INFO_BUFFER *info);
/* Level 26, or 24 where that is not known. [MS-SAMR] 2.2.6.28, 2.2.6.26 */
bool admin_set_password(struct nt_admin *a, SAMPR_HANDLE user, const struct nt_password *password);
bool admin_create_user(struct nt_admin *a, const RPC_UNICODE_STRING *name, uint32_t type,
                       SAMPR_HANDLE *out);
/* These leave the error of before. */
void admin_delete_user(struct nt_admin *a, SAMPR_HANDLE user);
void admin_close_handle(struct nt_admin *a, SAMPR_HANDLE handle);

/* The RPC session key that passwords are hidden under. False: none, a->error set. */
bool admin_key(struct nt_admin *a, const struct admin_pipe *pipe, const struct nt_secret **key);

#endif
