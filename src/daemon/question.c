#include "daemon/question.h"

#include <stdlib.h>

/* A question under way, alive until it is answered. */
struct nt_question {
    struct nt_post post; /* first: it is the post */
    struct nt_question_config config;
    uint32_t ask_id;
    struct nt_ask ask;
};

static void finish(struct nt_question *q)
{
    if (q->config.answered(q->config.ctx, q->ask_id, &q->ask.answer))
        q->ask.answer.caller = NULL; /* taken */
    nt_ask_free(&q->ask);
}

static void finish_late(struct nt_post *post)
{
    struct nt_question *q = (struct nt_question *)post;
    struct nt_question_config config = q->config;
    finish(q);
    free(q);
    atomic_fetch_sub(config.parked, 1);
    config.wake(config.ctx);
}

/* In any thread. */
static void on_done(struct nt_ask *ask)
{
    struct nt_question *q = ask->owner;
    nt_loop_post(q->config.loop, &q->post);
}

bool nt_question_ask(const struct nt_question_config *config, uint32_t ask_id,
                     const struct nt_sec_question *question, bool *at_once)
{
    struct nt_question *q = calloc(1, sizeof *q);
    *at_once = true;
    if (q == NULL)
        return false;
    q->post.run = finish_late;
    q->config = *config;
    q->ask_id = ask_id;
    nt_ask_init(&q->ask, config->service, config->peer);
    q->ask.done = on_done;
    q->ask.owner = q;
    atomic_fetch_add(config->parked, 1);
    *at_once = nt_ask_start(&q->ask, question);
    if (*at_once) {
        finish(q);
        free(q);
        atomic_fetch_sub(config->parked, 1);
    }
    return true;
}

struct nt_sec *nt_question_context(void *ctx, enum nt_auth_type type)
{
    struct nt_service *s = ctx;
    if (type == NT_AUTH_SCHANNEL)
        return nt_sec_schannel_server(s->env);
    if (type != NT_AUTH_NTLM && type != NT_AUTH_SPNEGO)
        return NULL;
    struct nt_dir *dir = nt_engine_dir(s->engine);
    const struct nt_domain *domain = nt_dir_domain(dir);
    struct nt_sec *sec =
        nt_sec_ntlm_server(&(struct nt_ntlm_server_config){ .domain = domain->name,
                                                            .computer = nt_service_computer(s, dir),
                                                            .dns_domain = domain->dns_name,
                                                            .dns_computer = "",
                                                            .env = s->env });
    nt_dir_unref(dir);
    if (sec == NULL || type == NT_AUTH_NTLM)
        return sec;
    return nt_sec_spnego_server(sec); /* takes sec over, also on failure */
}

void nt_question_forget(void *ctx, void *caller)
{
    (void)ctx;
    nt_token_unref(caller);
}
