#include "repair/find.h"

#include <stdio.h>
#include <string.h>

#include "channel/locate_net.h"

#define LMHOSTS   "/etc/samba/lmhosts"
#define NAME_PORT 137

struct found {
    bool done;
    struct nt_located located;
};

static void on_done(struct nt_locate *locate, const struct nt_located *located)
{
    struct found *f = locate->owner;
    f->located = *located;
    f->done = true;
}

static void take(const struct nt_located *l, bool by_name, struct nt_servers *out)
{
    nt_located_servers(l, out);
    for (size_t i = 0; by_name && i < out->count; i++)
        if (strchr(l->list[i].name, '.') != NULL)
            memcpy(out->list[i].host, l->list[i].name, sizeof out->list[i].host);
}

bool nt_find_controllers(const struct nt_env *env, const char *domain, bool by_name,
                         struct nt_servers *out, char *why, size_t why_size)
{
    const struct nt_locate_config config = { .dns = true,
                                             .dns_servers = "",
                                             .lmhosts = LMHOSTS,
                                             .mode = NT_NB_H,
                                             .netbios = strchr(domain, '.') == NULL,
                                             .name_port = NAME_PORT,
                                             .env = env };
    struct found f = { .done = false };
    struct nt_locate locate = { .domain = domain,
                                .dns_name = strchr(domain, '.') != NULL ? domain : "",
                                .servers = "",
                                .computer = "NTRUST",
                                .done = on_done,
                                .owner = &f };
    uv_loop_t loop;
    *out = (struct nt_servers){ .count = 0 };
    snprintf(why, why_size, "controllers of %.100s cannot be looked for: out of memory", domain);
    if (uv_loop_init(&loop) != 0)
        return false;
    struct nt_locator *locator = nt_locator_new(&loop, &config);
    if (locator != NULL && nt_locate_start(locator, &locate) == NT_OK)
        while (!f.done && uv_run(&loop, UV_RUN_ONCE) != 0)
            ;
    nt_locator_free(locator);
    uv_run(&loop, UV_RUN_DEFAULT); /* until all is closed */
    uv_loop_close(&loop);
    if (!f.done)
        return false;
    if (f.located.count == 0)
        nt_located_text(&f.located, domain, why, why_size);
    take(&f.located, by_name, out);
    return out->count > 0;
}
