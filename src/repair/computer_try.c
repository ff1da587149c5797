#include "repair/computer_try.h"

#include <stdio.h>
#include <string.h>

#include "channel/channel.h"
#include "channel/net.h"

#define LIMIT_MS 20000

struct trying {
    uv_loop_t loop;
    uv_timer_t watchdog;
    struct nt_net *net;
    struct nt_channel *channel;
    struct nt_link *link; /* that is driven */
    const struct nt_try_config *config;
    struct nt_trial *out;
    bool done;
};

static void take(struct trying *t, const struct nt_channel_event *ev)
{
    struct nt_trial *out = t->out;
    const struct nt_try_config *c = t->config;
    t->done = true;
    out->status = ev->status;
    snprintf(out->why, sizeof out->why, "%s", ev->why);
    if (ev->kind == NT_CHANNEL_REFUSED) {
        out->end = NT_TRIAL_REFUSED;
    } else if (ev->kind == NT_CHANNEL_OPEN) {
        out->end = ev->candidate == 0 ? NT_TRIAL_CURRENT : NT_TRIAL_PREVIOUS;
        out->evidence = ev->has_evidence && ev->evidence_new.len > 0;
        out->holds_current = out->evidence && nt_secret_equal(&ev->evidence_new, c->current);
        out->kept_current =
            out->evidence && !out->holds_current && nt_secret_equal(&ev->evidence_old, c->current);
    } else {
        out->end = NT_TRIAL_FAILED;
    }
}

static void on_progress(void *ctx)
{
    struct trying *t = ctx;
    struct nt_channel_event ev;
    while (!t->done && nt_channel_next(t->channel, &ev, uv_now(&t->loop))) {
        take(t, &ev);
        nt_wipe(&ev, sizeof ev);
    }
    struct nt_link *link = t->done ? NULL : nt_channel_link(t->channel);
    if (link != t->link) {
        t->link = link;
        nt_net_drive(t->net, link);
    }
}

static void on_watchdog(uv_timer_t *timer)
{
    struct trying *t = timer->data;
    t->done = true;
    t->out->end = NT_TRIAL_FAILED;
    t->out->status = NT_STATUS(IO_TIMEOUT);
    snprintf(t->out->why, sizeof t->out->why, "%s did not answer in time", t->config->server->host);
}

static bool open_channel(struct trying *t)
{
    const struct nt_try_config *c = t->config;
    struct nt_secret candidates[2] = { *c->current, *c->previous };
    char account[NT_ADMIN_NAME + 2];
    snprintf(account, sizeof account, "%.*s$", NT_ADMIN_NAME, c->computer);
    const struct nt_channel_config channel = {
        .domain = c->domain,
        .computer = c->computer,
        .account = account,
        .type = c->type,
        .host = c->server->host,
        .road = c->server->road,
        .port = c->server->port,
        .env = c->env,
        .candidates = candidates,
        .candidate_count = c->previous->len > 0 ? 2 : 1,
    };
    t->channel = nt_channel_new(&channel, uv_now(&t->loop));
    nt_wipe(candidates, sizeof candidates);
    t->net = nt_net_new(&t->loop, on_progress, t);
    return t->channel != NULL && t->net != NULL;
}

void nt_try(const struct nt_try_config *config, struct nt_trial *out)
{
    struct trying t = { .config = config, .out = out };
    *out = (struct nt_trial){ .end = NT_TRIAL_FAILED, .status = NT_STATUS(NO_MEMORY) };
    snprintf(out->why, sizeof out->why, "out of memory");
    if (uv_loop_init(&t.loop) != 0)
        return;
    uv_timer_init(&t.loop, &t.watchdog);
    t.watchdog.data = &t;
    uv_timer_start(&t.watchdog, on_watchdog, config->limit_ms != 0 ? config->limit_ms : LIMIT_MS,
                   0);
    if (open_channel(&t)) {
        t.link = nt_channel_link(t.channel);
        nt_net_drive(t.net, t.link);
        while (!t.done)
            uv_run(&t.loop, UV_RUN_ONCE);
    }
    nt_net_free(t.net);
    uv_close((uv_handle_t *)&t.watchdog, NULL);
    uv_run(&t.loop, UV_RUN_DEFAULT); /* until all is closed */
    nt_channel_free(t.channel);
    uv_loop_close(&t.loop);
}
