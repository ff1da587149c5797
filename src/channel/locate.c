#include "channel/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf16.h"

const char *nt_locate_method_name(enum nt_locate_method method)
{
    static const char *const names[] = { "configured", "lmhosts", "dns", "wins", "broadcast" };
    return names[method];
}

const char *nt_locate_methods_text(unsigned methods)
{
    static _Thread_local char text[64];
    size_t at = 0;
    text[0] = '\0';
    for (int m = 0; m < NT_LOCATE_METHODS; m++)
        if ((methods & 1u << m) != 0)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at > 0 ? "+" : "",
                                   nt_locate_method_name((enum nt_locate_method)m));
    return text;
}

/* --- the list --- */

/* The same computer, by the address that is connected to or by a name. */
static bool same(const struct nt_controller *c, const struct nt_server *s, const char *name)
{
    if (c->server.port != s->port || c->server.road != s->road)
        return false;
    return strcasecmp(c->server.host, s->host) == 0 || nt_name_equal(c->name, s->host) ||
           (*name != '\0' && (nt_name_equal(c->server.host, name)));
}

void nt_located_add(struct nt_located *l, enum nt_locate_method method, const char *asked,
                    const struct nt_server *server, const char *name, uint32_t rank)
{
    uint32_t order = (uint32_t)method << 16 | (rank < 0xFFFF ? rank : 0xFFFF);
    size_t i = 0;
    while (i < l->count && !same(&l->list[i], server, name))
        i++;
    if (i == NT_SERVERS_MAX)
        return;
    struct nt_controller *c = &l->list[i];
    if (i == l->count) {
        *c = (struct nt_controller){ .server = *server, .order = order };
        snprintf(c->asked, sizeof c->asked, "%s", asked);
        l->count++;
    }
    c->methods |= 1u << method;
    if (order < c->order)
        c->order = order;
    if (c->name[0] == '\0' && strcasecmp(name, c->server.host) != 0)
        snprintf(c->name, sizeof c->name, "%s", name);
}

void nt_located_miss(struct nt_located *l, enum nt_locate_method method, const char *asked,
                     const char *why)
{
    if (l->miss_count == NT_LOCATE_MISSES)
        return;
    struct nt_locate_miss *m = &l->misses[l->miss_count++];
    m->method = method;
    snprintf(m->asked, sizeof m->asked, "%s", asked);
    snprintf(m->why, sizeof m->why, "%s", why);
}

static int by_order(const void *a, const void *b)
{
    const struct nt_controller *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->server.host, y->server.host); /* not by who answered first */
}

void nt_located_sort(struct nt_located *l, bool broadcast_first)
{
    for (size_t i = 0; broadcast_first && i < l->count; i++)
        if (l->list[i].order >> 16 == NT_LOCATE_WINS &&
            (l->list[i].methods & 1u << NT_LOCATE_BROADCAST) == 0)
            l->list[i].order += 2u << 16; /* behind those of a broadcast */
    qsort(l->list, l->count, sizeof l->list[0], by_order);
}

void nt_located_servers(const struct nt_located *l, struct nt_servers *out)
{
    out->count = l->count;
    for (size_t i = 0; i < l->count; i++)
        out->list[i] = l->list[i].server;
}

void nt_located_text(const struct nt_located *l, const char *domain, char *out, size_t size)
{
    size_t at = (size_t)snprintf(out, size, "no controller of %.40s was found:", domain);
    for (size_t i = 0; i < l->miss_count && at < size; i++) {
        const struct nt_locate_miss *m = &l->misses[i];
        at += (size_t)snprintf(out + at, size - at, "%s %s %s (%s)", i > 0 ? ";" : "",
                               nt_locate_method_name(m->method), m->asked, m->why);
    }
}

/* --- lmhosts --- */

struct word {
    const char *text;
    size_t len;
};

/* The next word of a line; one in quotation marks may have spaces, and ends at the second. */
static struct word next_word(const char **line, const char *end)
{
    const char *p = *line;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    struct word w = { p, 0 };
    if (p < end && *p == '"') {
        w.text = ++p;
        while (p < end && *p != '"')
            p++;
        w.len = (size_t)(p - w.text);
        *line = p < end ? p + 1 : end;
        return w;
    }
    while (p < end && *p != ' ' && *p != '\t' && *p != '\r')
        p++;
    w.len = (size_t)(p - w.text);
    *line = p;
    return w;
}

static bool equals(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(text, name, len) == 0;
}

static size_t without_spaces(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return len;
}

/* "EAST#1b", "EAST  \0x1c": of the domain, with the type of a controller. *pdc: of the primary. */
static bool is_domains_name(struct word w, const char *domain, bool *pdc)
{
    static const struct {
        const char *end;
        bool pdc;
    } ends[] = { { "#1b", true }, { "#1c", false }, { "\\0x1b", true }, { "\\0x1c", false } };
    for (size_t i = 0; i < NT_COUNT(ends); i++) {
        size_t n = strlen(ends[i].end);
        if (w.len <= n || strncasecmp(w.text + w.len - n, ends[i].end, n) != 0)
            continue;
        *pdc = ends[i].pdc;
        return equals(w.text, without_spaces(w.text, w.len - n), domain);
    }
    return false;
}

static bool has_domain(const char *rest, const char *end, const char *domain)
{
    for (struct word w = next_word(&rest, end); w.len > 0; w = next_word(&rest, end))
        if (w.len > 5 && strncasecmp(w.text, "#DOM:", 5) == 0 &&
            equals(w.text + 5, w.len - 5, domain))
            return true;
    return false;
}

/* An address is taken as it is written: letters of names are none. */
static bool is_address(struct word w)
{
    size_t digits = 0;
    for (size_t i = 0; i < w.len; i++) {
        if (strchr("0123456789abcdefABCDEF.:", w.text[i]) == NULL)
            return false;
        digits += w.text[i] == '.' || w.text[i] == ':';
    }
    return digits >= 2;
}

static void one_line(const char *line, const char *end, const char *domain, const char *path,
                     struct nt_located *l)
{
    struct nt_server s = { .road = NT_ROAD_ANY };
    char name[NT_SERVER_NAME] = "";
    bool pdc = false;
    struct word address = next_word(&line, end), computer = next_word(&line, end);
    if (computer.len == 0 || !is_address(address) || address.len >= sizeof s.host)
        return;
    bool group = is_domains_name(computer, domain, &pdc);
    if (!group && !has_domain(line, end, domain))
        return;
    memcpy(s.host, address.text, address.len);
    if (!group && computer.len < sizeof name)
        memcpy(name, computer.text, computer.len);
    nt_located_add(l, NT_LOCATE_LMHOSTS, path, &s, name, pdc ? 0 : 1 + (uint32_t)l->count);
}

void nt_lmhosts_find(const char *text, size_t len, const char *domain, const char *path,
                     struct nt_located *l)
{
    const char *end = text + len;
    size_t before = l->count;
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop != NULL ? stop : end;
        if (*text != '#')
            one_line(text, stop, domain, path, l);
        text = stop + 1;
    }
    if (l->count == before)
        nt_located_miss(l, NT_LOCATE_LMHOSTS, path, "no line for this domain");
}

/* --- DNS --- */

static int by_priority(const void *a, const void *b)
{
    const struct nt_srv *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return strcmp(x->target, y->target);
}

void nt_srv_sort(struct nt_srv *rows, size_t count)
{
    qsort(rows, count, sizeof rows[0], by_priority);
}
