/*
 * api_internal.h - one request of the admin API from the inside; seen by api*.c only.
 */
#ifndef NT_DAEMON_API_INTERNAL_H
#define NT_DAEMON_API_INTERNAL_H

#include <pthread.h>

#include <jansson.h>

#include "daemon/api.h"
#include "domain/ops.h"
#include "service/refusals.h"

#define NT_API_NAME 256 /* bytes of a name in a path */

struct nt_request {
    struct nt_api_config *config;
    struct nt_service *service;
    const char *who;        /* the caller's user name */
    char name[NT_API_NAME]; /* the variable part of the path, decoded; "" for none */
    const char *(*query)(void *ctx, const char *key); /* NULL: not given */
    void *query_ctx;
    json_t *body; /* an object; empty when none was sent */
    nt_time started;
    /* answer */
    unsigned http;
    json_t *answer; /* owned */
};

typedef void nt_handler(struct nt_request *rq);

/* A request without its connection: reads the body (JSON, or nothing), runs the handler of its
 * path. rq begins with config, service, who, query and started; the answer stands in it until
 * nt_api_done. */
void nt_api_serve(struct nt_request *rq, const char *method, const char *path, const char *body,
                  size_t len);
void nt_api_done(struct nt_request *rq);

/* --- answers --- */

void nt_api_ok(struct nt_request *rq, json_t *answer); /* takes it over; NULL: out of memory */
/* text, next: what is wrong and what to do; next may be "". */
void nt_api_fail(struct nt_request *rq, ntstatus status, const char *text, const char *next);

/* --- the body --- */

/* Fails the request when the body has a key that is not in the list (NULL-terminated). */
bool nt_api_only(struct nt_request *rq, const char *const *keys);
/* A text; NULL without a failure when absent and not required. */
const char *nt_api_text(struct nt_request *rq, const char *key, bool required);
/* False when absent; fails the request when it is of another type. */
bool nt_api_bool(struct nt_request *rq, const char *key, bool *value);
bool nt_api_failed(const struct nt_request *rq);
/* A password of the body as its hash; clear may be NULL. False and failed: absent, not text. */
bool nt_api_password(struct nt_request *rq, const char *key, struct nt_secret *hash,
                     struct nt_password *clear);
/* A number of the query; `fallback` when absent or no number. */
uint64_t nt_api_number(struct nt_request *rq, const char *key, uint64_t fallback);

/* "servers": an array of "host[:port]", checked and joined; empty, or not given: they are looked
 * for. False: failed. */
bool nt_api_servers(struct nt_request *rq, char *out, size_t size, bool *given);

/* --- the domain --- */

/* The directory as it is now, with a reference. */
struct nt_dir *nt_api_dir(struct nt_request *rq);

/* A change: op runs in the writer; waits until it is durable. True on success; otherwise the
 * request has failed with its status and why. */
typedef ntstatus nt_api_op(struct nt_txn *txn, void *ctx, struct nt_why *why);
bool nt_api_change(struct nt_request *rq, nt_api_op *op, void *ctx);
/* Asks the outbound side and waits. */
void nt_api_forward(struct nt_request *rq, struct nt_forward *fwd);

/* A text that may hold what others said, or be cut short: what is not UTF-8 becomes '?'. */
json_t *nt_api_string(const char *text);
/* A request's thread waits for a `done` that comes in another one. */
struct nt_api_wait {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};
#define NT_API_WAIT                                                                                \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false                                 \
    }
void nt_api_wait(struct nt_api_wait *w);
void nt_api_wake(struct nt_api_wait *w); /* the last thing that the other thread does with it */

/* The two halves of trusts, as docs/api.md has them. */
json_t *nt_api_permit_json(struct nt_request *rq, const struct nt_dir *dir,
                           const struct nt_account *a);
json_t *nt_api_trust_json(struct nt_request *rq, const struct nt_dir *dir, const struct nt_tdo *t);
/* api_troubles.c: what is wrong with a permit; reason "" for nothing. */
struct nt_permit_trouble {
    char reason[32], end[16];  /* end at fault: "here", "there" */
    char text[400], next[400]; /* "": what the state says */
    bool refused;              /* since it opened a channel last, if ever */
    struct nt_refusal last;
};
void nt_permit_trouble(struct nt_request *rq, const struct nt_dir *dir, const struct nt_account *a,
                       struct nt_permit_trouble *t);
/* All troubles of the domain's trusts, at whichever end; for the status. */
json_t *nt_api_troubles(struct nt_request *rq, const struct nt_dir *dir);
json_t *nt_api_time(nt_time t);
json_t *nt_api_sid(const struct nt_sid *sid); /* "" for the null SID */
json_t *nt_api_ipv4(uint32_t address);        /* "" for 0 */

/* --- handlers, by file --- */

nt_handler nt_api_status_get, nt_api_domain_get, nt_api_policy_get, nt_api_policy_patch,
    nt_api_events_get, nt_api_backup_post;
nt_handler nt_api_permits_get, nt_api_permits_post, nt_api_permit_get, nt_api_permit_patch,
    nt_api_permit_delete;
nt_handler nt_api_trusts_get, nt_api_trusts_post, nt_api_trust_get, nt_api_trust_delete,
    nt_api_trust_patch, nt_api_trust_verify, nt_api_trust_rotate, nt_api_trust_reset;
nt_handler nt_api_users_get, nt_api_users_post, nt_api_user_get, nt_api_user_patch,
    nt_api_user_delete;
nt_handler nt_api_computers_get, nt_api_computers_post, nt_api_computer_get, nt_api_computer_patch,
    nt_api_computer_delete;
nt_handler nt_api_groups_get, nt_api_groups_post, nt_api_group_get, nt_api_group_delete,
    nt_api_group_members;
nt_handler nt_api_reset_here, nt_api_reset_code;
nt_handler nt_api_logon_post, nt_api_locate_get;

#endif
