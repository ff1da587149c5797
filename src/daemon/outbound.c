#include "daemon/outbound.h"

#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "channel/net.h"
#include "channel/runner.h"

#define LOOK_MS 1000

/* One runner with its connection and its timer. */
struct leg {
    struct leg *next, *prev;
    struct nt_outbound *outbound;
    struct nt_runner *runner;
    struct nt_net *net;
    uv_timer_t timer;
    struct nt_post stored; /* from the writer's thread */
    struct nt_locate locate;
    bool ending; /* freed as soon as no commit is under way */
};

struct nt_outbound {
    struct nt_loop *loop;
    struct nt_service *service;
    struct nt_locator *locator;
    struct looking *looking; /* on behalf of others */
    struct leg *legs;
    void *by_name;       /* tsearch(3): those that are not ending */
    struct nt_dir *seen; /* the directory that the legs are as of */
    bool lacking;        /* one of them could not be begun, or none was yet */
    uv_timer_t look;     /* shared store: what other controllers have changed */
    bool looks;
    struct nt_post refresh;
    atomic_bool refresh_posted;
    bool stopped;
};

/* A forward on its way into the loop's thread. */
struct carry {
    struct nt_post post;
    struct nt_outbound *outbound;
    struct nt_forward *fwd;
};

/* A search on behalf of somebody else, who waits in another thread. */
struct looking {
    struct nt_post post;
    struct looking *next;
    struct nt_outbound *outbound;
    struct nt_locate *asked; /* its owner's */
    struct nt_locate locate; /* ours */
};

static void leg_after(struct leg *leg);

/* --- one leg --- */

static void on_timer(uv_timer_t *timer)
{
    struct leg *leg = timer->data;
    nt_runner_step(leg->runner, nt_loop_now(leg->outbound->loop));
    leg_after(leg);
}

/* After the runner did something: drive its link, wake it in time. */
static void leg_after(struct leg *leg)
{
    if (leg->ending)
        return;
    struct nt_link *link = nt_runner_link(leg->runner);
    uint64_t at = nt_runner_deadline(leg->runner), now = nt_loop_now(leg->outbound->loop);
    nt_net_drive(leg->net, link);
    if (link != NULL)
        nt_net_poke(leg->net);
    if (at == UINT64_MAX)
        uv_timer_stop(&leg->timer);
    else
        uv_timer_start(&leg->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_progress(void *ctx)
{
    struct leg *leg = ctx;
    nt_runner_step(leg->runner, nt_loop_now(leg->outbound->loop));
    /* The net goes on by itself with whatever it drives now; only the rest is to be done. */
    struct nt_link *link = nt_runner_link(leg->runner);
    uint64_t at = nt_runner_deadline(leg->runner), now = nt_loop_now(leg->outbound->loop);
    nt_net_drive(leg->net, link);
    if (at != UINT64_MAX)
        uv_timer_start(&leg->timer, on_timer, at > now ? at - now : 0, 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct leg *leg = handle->data;
    nt_runner_free(leg->runner);
    free(leg);
}

static void leg_release(struct leg *leg)
{
    if (leg->prev != NULL)
        leg->prev->next = leg->next;
    else
        leg->outbound->legs = leg->next;
    if (leg->next != NULL)
        leg->next->prev = leg->prev;
    nt_net_free(leg->net);
    uv_close((uv_handle_t *)&leg->timer, on_timer_closed);
}

static int compare_legs(const void *a, const void *b)
{
    return strcmp(nt_runner_name(((const struct leg *)a)->runner),
                  nt_runner_name(((const struct leg *)b)->runner));
}

static void leg_end(struct leg *leg)
{
    tdelete(leg, &leg->outbound->by_name, compare_legs);
    nt_locate_cancel(&leg->locate);
    nt_net_drive(leg->net, NULL);
    uv_timer_stop(&leg->timer);
    leg->ending = true;
    if (nt_runner_stop(leg->runner))
        leg_release(leg);
}

static void on_stored(struct nt_post *post)
{
    struct leg *leg = NT_CONTAINER(post, struct leg, stored);
    nt_runner_stored(leg->runner, nt_loop_now(leg->outbound->loop));
    if (leg->ending)
        leg_release(leg);
    else
        leg_after(leg);
}

static void post_stored(void *ctx)
{
    struct leg *leg = ctx;
    nt_loop_post(leg->outbound->loop, &leg->stored);
}

static void on_located(struct nt_locate *locate, const struct nt_located *located)
{
    struct leg *leg = locate->owner;
    for (size_t i = 0; i < located->count; i++)
        nt_log(NT_LOG_INFO, "controller found trust=%s host=%s name=%s by=%s asked=%s",
               nt_runner_name(leg->runner), located->list[i].server.host, located->list[i].name,
               nt_locate_methods_text(located->list[i].methods), located->list[i].asked);
    for (size_t i = 0; located->count == 0 && i < located->miss_count; i++)
        nt_log(NT_LOG_WARN, "controller not found trust=%s by=%s asked=%s reason=%s",
               nt_runner_name(leg->runner), nt_locate_method_name(located->misses[i].method),
               located->misses[i].asked, located->misses[i].why);
    nt_runner_located(leg->runner, located, nt_loop_now(leg->outbound->loop));
    leg_after(leg);
}

static bool leg_locate(void *ctx, const char *dns_name)
{
    struct leg *leg = ctx;
    struct nt_dir *dir = nt_engine_dir(leg->outbound->service->engine);
    nt_locate_cancel(&leg->locate);
    leg->locate = (struct nt_locate){ .domain = nt_runner_name(leg->runner),
                                      .dns_name = dns_name,
                                      .servers = "",
                                      .computer = nt_service_computer(leg->outbound->service, dir),
                                      .done = on_located,
                                      .owner = leg };
    bool ok = nt_locate_start(leg->outbound->locator, &leg->locate) == NT_OK;
    nt_dir_unref(dir);
    return ok;
}

/* False: no memory. */
static bool leg_begin(struct nt_outbound *o, const struct nt_tdo *tdo)
{
    struct leg *leg = calloc(1, sizeof *leg);
    if (leg == NULL)
        return false;
    leg->outbound = o;
    leg->stored.run = on_stored;
    leg->runner =
        nt_runner_new(&(struct nt_runner_config){ .service = o->service,
                                                  .name = tdo->name,
                                                  .shared = nt_engine_shared(o->service->engine),
                                                  .post = post_stored,
                                                  .locate = leg_locate,
                                                  .ctx = leg });
    leg->net = leg->runner != NULL ? nt_net_new(&o->loop->uv, on_progress, leg) : NULL;
    if (leg->net == NULL || tsearch(leg, &o->by_name, compare_legs) == NULL) {
        nt_log(NT_LOG_ERROR, "trust cannot be run trust=%s reason=out of memory", tdo->name);
        nt_net_free(leg->net);
        nt_runner_free(leg->runner);
        free(leg);
        return false;
    }
    uv_timer_init(&o->loop->uv, &leg->timer);
    leg->timer.data = leg;
    leg->next = o->legs;
    if (leg->next != NULL)
        leg->next->prev = leg;
    o->legs = leg;
    nt_runner_step(leg->runner, nt_loop_now(o->loop));
    leg_after(leg);
    return true;
}

/* --- all of them --- */

/* By the TDO's own name, as the directory spells it. */
static int compare_name(const void *name, const void *leg)
{
    return strcmp(name, nt_runner_name(((const struct leg *)leg)->runner));
}

static struct leg *leg_of(struct nt_outbound *o, const char *name)
{
    struct leg **found = tfind(name, &o->by_name, compare_name);
    return found != NULL ? *found : NULL;
}

static void refresh_leg(struct leg *leg, const struct nt_tdo *tdo)
{
    if (!nt_runner_refresh(leg->runner, tdo))
        return;
    nt_runner_step(leg->runner, nt_loop_now(leg->outbound->loop));
    leg_after(leg);
}

/* Ends the leg whose trust is gone (or is another one of that name), begins one that is new. */
static void on_changed(void *ctx, const struct nt_tdo *was, const struct nt_tdo *is)
{
    struct nt_outbound *o = ctx;
    struct leg *leg = leg_of(o, (was != NULL ? was : is)->name);
    bool runs = is != NULL && (is->direction & 2) != 0;
    if (leg != NULL && (!runs || !nt_runner_is_for(leg->runner, is))) {
        leg_end(leg);
        leg = NULL;
    }
    if (leg != NULL)
        refresh_leg(leg, is);
    else if (runs && !leg_begin(o, is))
        o->lacking = true;
}

static void refresh(struct nt_outbound *o)
{
    struct nt_dir *dir = nt_engine_dir(o->service->engine), *empty = NULL;
    if (o->seen != NULL)
        nt_dir_tdos_changed(o->seen, dir, on_changed, o);
    if (o->lacking && (empty = nt_dir_new()) != NULL) { /* also what was there before */
        o->lacking = false;
        nt_dir_tdos_changed(empty, dir, on_changed, o);
    }
    nt_dir_unref(empty);
    nt_dir_unref(o->seen);
    o->seen = dir;
}

static void on_refresh(struct nt_post *post)
{
    struct nt_outbound *o = NT_CONTAINER(post, struct nt_outbound, refresh);
    atomic_store(&o->refresh_posted, false);
    if (!o->stopped)
        refresh(o);
}

void nt_outbound_refresh(struct nt_outbound *o)
{
    if (!atomic_exchange(&o->refresh_posted, true))
        nt_loop_post(o->loop, &o->refresh);
}

static void on_carry(struct nt_post *post)
{
    struct carry *c = (struct carry *)post;
    struct nt_outbound *o = c->outbound;
    struct nt_forward *fwd = c->fwd;
    free(c);
    const struct nt_tdo *tdo =
        !o->stopped && o->seen != NULL ? nt_dir_tdo(o->seen, fwd->domain) : NULL;
    struct leg *leg = tdo != NULL ? leg_of(o, tdo->name) : NULL;
    if (leg == NULL) {
        fwd->status = o->stopped ? NT_STATUS(CONNECTION_ABORTED) : NT_STATUS(NO_SUCH_DOMAIN);
        fwd->done(fwd);
        return;
    }
    nt_runner_forward(leg->runner, fwd, nt_loop_now(o->loop));
    leg_after(leg);
}

void nt_outbound_forward(void *ctx, struct nt_forward *fwd)
{
    struct nt_outbound *o = ctx;
    struct carry *c = malloc(sizeof *c);
    if (c == NULL) {
        fwd->status = NT_STATUS(NO_MEMORY);
        fwd->done(fwd);
        return;
    }
    *c = (struct carry){ .post.run = on_carry, .outbound = o, .fwd = fwd };
    nt_loop_post(o->loop, &c->post);
}

/* --- looking for others --- */

static void on_looked(struct nt_locate *locate, const struct nt_located *located)
{
    struct looking *l = locate->owner;
    for (struct looking **at = &l->outbound->looking; *at != NULL; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    l->asked->done(l->asked, located);
    free(l);
}

static void on_look(struct nt_post *post)
{
    struct looking *l = (struct looking *)post;
    struct nt_outbound *o = l->outbound;
    if (o->stopped || nt_locate_start(o->locator, &l->locate) != NT_OK) {
        l->asked->done(l->asked, NULL);
        free(l);
        return;
    }
    l->next = o->looking;
    o->looking = l;
}

void nt_outbound_locate(struct nt_outbound *o, struct nt_locate *locate)
{
    struct looking *l = calloc(1, sizeof *l);
    if (l == NULL) {
        locate->done(locate, NULL);
        return;
    }
    l->post.run = on_look;
    l->outbound = o;
    l->asked = locate;
    l->locate = *locate;
    l->locate.done = on_looked;
    l->locate.owner = l;
    nt_loop_post(o->loop, &l->post);
}

static void stop_looking(struct nt_outbound *o)
{
    while (o->looking != NULL) {
        struct looking *l = o->looking;
        o->looking = l->next;
        nt_locate_cancel(&l->locate);
        l->asked->done(l->asked, NULL);
        free(l);
    }
}

/* What is used is looked for when it is used; this is for what nobody uses just now. */
static void on_look_around(uv_timer_t *timer)
{
    struct nt_outbound *o = timer->data;
    nt_dir_unref(nt_engine_dir_now(o->service->engine));
}

struct nt_outbound *nt_outbound_new(struct nt_loop *loop, struct nt_service *service,
                                    const struct nt_locate_config *locate)
{
    struct nt_outbound *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->loop = loop;
    o->service = service;
    o->locator = nt_locator_new(&loop->uv, locate);
    if (o->locator == NULL) {
        free(o);
        return NULL;
    }
    o->lacking = true;
    o->refresh.run = on_refresh;
    atomic_init(&o->refresh_posted, false);
    nt_outbound_refresh(o);
    o->looks = nt_engine_shared(service->engine);
    if (o->looks) {
        uv_timer_init(&loop->uv, &o->look);
        o->look.data = o;
        uv_timer_start(&o->look, on_look_around, LOOK_MS, LOOK_MS);
    }
    return o;
}

void nt_outbound_stop(struct nt_outbound *o)
{
    o->stopped = true;
    for (struct leg *leg = o->legs, *next; leg != NULL; leg = next) {
        next = leg->next;
        if (!leg->ending)
            leg_end(leg);
    }
    if (o->looks)
        uv_close((uv_handle_t *)&o->look, NULL);
    stop_looking(o);
    nt_locator_free(o->locator);
    o->locator = NULL;
}

void nt_outbound_free(struct nt_outbound *o)
{
    if (o != NULL)
        nt_dir_unref(o->seen);
    free(o);
}
