/* Which controllers of a domain can be found, by which method, and whether they answer. */
#include "daemon/api_internal.h"

#include <stdio.h>

#include "daemon/outbound.h"

struct looked {
    struct nt_api_wait wait;
    struct nt_located located;
    bool done;
};

static void on_done(struct nt_locate *locate, const struct nt_located *located)
{
    struct looked *l = locate->owner;
    if (located != NULL) {
        l->located = *located;
        l->done = true;
    }
    nt_api_wake(&l->wait);
}

static json_t *methods_json(unsigned methods)
{
    json_t *list = json_array();
    for (int m = 0; m < NT_LOCATE_METHODS; m++)
        if ((methods & 1u << m) != 0)
            json_array_append_new(list,
                                  json_string(nt_locate_method_name((enum nt_locate_method)m)));
    return list;
}

static json_t *located_json(const char *domain, const struct nt_located *l)
{
    json_t *controllers = json_array(), *misses = json_array();
    for (size_t i = 0; i < l->count; i++) {
        const struct nt_controller *c = &l->list[i];
        json_array_append_new(
            controllers,
            json_pack("{s:o,s:o,s:o,s:o,s:o,s:b,s:o}", "host", nt_api_string(c->server.host),
                      "name", nt_api_string(c->name), "computer", nt_api_string(c->computer),
                      "methods", methods_json(c->methods), "asked", nt_api_string(c->asked),
                      "answers", c->answers, "answer", nt_api_string(c->answer)));
    }
    for (size_t i = 0; i < l->miss_count; i++)
        json_array_append_new(misses, json_pack("{s:s,s:o,s:o}", "method",
                                                nt_locate_method_name(l->misses[i].method), "asked",
                                                nt_api_string(l->misses[i].asked), "why",
                                                nt_api_string(l->misses[i].why)));
    return json_pack("{s:o,s:o,s:o}", "domain", nt_api_string(domain), "controllers", controllers,
                     "misses", misses);
}

void nt_api_locate_get(struct nt_request *rq)
{
    struct looked l = { .wait = NT_API_WAIT };
    struct nt_dir *dir = nt_api_dir(rq);
    const struct nt_tdo *tdo = nt_dir_tdo(dir, rq->name);
    struct nt_locate locate = { .domain = tdo != NULL ? tdo->name : rq->name,
                                .dns_name = tdo != NULL ? tdo->dns_name : "",
                                .servers = tdo != NULL ? tdo->servers : "",
                                .computer = nt_service_computer(rq->service, dir),
                                .probe = true,
                                .done = on_done,
                                .owner = &l };
    if (rq->config->outbound != NULL) {
        nt_outbound_locate(rq->config->outbound, &locate);
        nt_api_wait(&l.wait);
    }
    if (l.done)
        nt_api_ok(rq, located_json(locate.domain, &l.located));
    else
        nt_api_fail(rq, NT_STATUS(INSUFFICIENT_RESOURCES), "nothing can be looked for now", "");
    nt_dir_unref(dir); /* its texts were in use until now */
}
