/*
 * question.h - what a security context asks (rpc/sec.h), asked of the service in the owner's loop:
 * answered at once or, when a logon has to wait for another controller, later.
 */
#ifndef NT_DAEMON_QUESTION_H
#define NT_DAEMON_QUESTION_H

#include <stdatomic.h>

#include "daemon/loop.h"
#include "service/logon.h"

struct nt_question_config {
    struct nt_service *service;
    struct nt_loop *loop;
    atomic_uint *parked; /* counts it while it is under way */
    const char *peer;    /* kept until it is answered */
    /* The answer, in the loop's thread, exactly once; ctx must live until then. True: its caller
     * was taken over. */
    bool (*answered)(void *ctx, uint32_t ask_id, const struct nt_sec_answer *answer);
    /* Right after an answer that had to wait. ctx may end in it. */
    void (*wake)(void *ctx);
    void *ctx;
};

/* Asks. *at_once: `answered` was called already, or never will be (false: no memory); otherwise it
 * and `wake` are called later. */
bool nt_question_ask(const struct nt_question_config *config, uint32_t ask_id,
                     const struct nt_sec_question *question, bool *at_once);

/* A new server context for a bind or a session set-up, with this domain's names. NULL: no memory,
 * or the type is not offered. ctx: struct nt_service. */
struct nt_sec *nt_question_context(void *ctx, enum nt_auth_type type);
/* Gives back a caller (struct nt_token) that an answer brought in. */
void nt_question_forget(void *ctx, void *caller);

#endif
