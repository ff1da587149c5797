#include "daemon/config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ini.h"
#include "base/utf16.h"

enum type { TEXT, NAME, ADDRESSES, PORT, NUMBER, BOOL, LEVEL, NODE, IPV4, RESOLVERS };

static const char *const node_names[] = { "auto", "b", "p", "m", "h" };

/* Every setting: where it stands, what it is, its bounds. The order is that of ntrustd.conf(5). */
static const struct setting {
    const char *section, *key;
    enum type type;
    size_t at, size; /* in struct nt_config */
    uint32_t least, most;
} settings[] = {
#define AT(field) offsetof(struct nt_config, field), sizeof(((struct nt_config *)0)->field)
    { "domain", "store", TEXT, AT(store), 1, 0 },
    { "domain", "master_key", TEXT, AT(master_key), 1, 0 },
    { "domain", "shared", BOOL, AT(shared), 0, 0 },
    { "domain", "computer", NAME, AT(computer), 0, 0 },
    { "listen", "address", ADDRESSES, AT(address), 0, 0 },
    { "listen", "epm_port", PORT, AT(epm_port), 0, 65535 },
    { "listen", "rpc_port", PORT, AT(rpc_port), 1, 65535 },
    { "listen", "smb_port", PORT, AT(smb_port), 0, 65535 },
    { "listen", "loops", NUMBER, AT(loops), 0, 64 },
    { "limits", "connections", NUMBER, AT(connections), 1, 1000000 },
    { "limits", "connections_per_address", NUMBER, AT(connections_per_address), 1, 1000000 },
    { "limits", "idle_timeout_s", NUMBER, AT(idle_timeout_s), 1, 864000 },
    { "limits", "anonymous_timeout_s", NUMBER, AT(anonymous_timeout_s), 1, 864000 },
    { "limits", "handshake_timeout_s", NUMBER, AT(handshake_timeout_s), 1, 3600 },
    { "limits", "sessions_per_connection", NUMBER, AT(sessions_per_connection), 1, 1024 },
    { "limits", "setups_per_connection", NUMBER, AT(setups_per_connection), 1, 1024 },
    { "limits", "pipes_per_session", NUMBER, AT(pipes_per_session), 1, 1024 },
    { "limits", "smb_in_flight_kib", NUMBER, AT(smb_in_flight_kib), 512, 65536 },
    { "rpc", "lsa_over_tcp", BOOL, AT(lsa_over_tcp), 0, 0 },
    { "netbios", "name_port", PORT, AT(name_port), 0, 65535 },
    { "netbios", "datagram_port", PORT, AT(datagram_port), 0, 65535 },
    { "netbios", "node", NODE, AT(node), 0, 0 },
    { "netbios", "wins", IPV4, AT(wins), 0, 0 },
    { "netbios", "broadcast", IPV4, AT(broadcast), 0, 0 },
    { "locate", "dns", BOOL, AT(dns), 0, 0 },
    { "locate", "dns_servers", RESOLVERS, AT(dns_servers), 0, 0 },
    { "locate", "lmhosts", TEXT, AT(lmhosts), 0, 0 },
    { "admin", "socket", TEXT, AT(admin_socket), 1, 0 },
    { "admin", "group", TEXT, AT(admin_group), 0, 0 },
    { "log", "level", LEVEL, AT(log_level), 0, 0 },
    { "process", "user", TEXT, AT(user), 0, 0 },
#undef AT
};

void nt_config_default(struct nt_config *config)
{
    *config = (struct nt_config){
        .store = "/var/lib/ntrust/domain.db",
        .master_key = "/var/lib/ntrust/master.key",
        .address = { "0.0.0.0" },
        .address_count = 1,
        .epm_port = 135,
        .rpc_port = 49153,
        .smb_port = 445,
        .loops = 0,
        .connections = 20000,
        .connections_per_address = 10000,
        .idle_timeout_s = 3600,
        .anonymous_timeout_s = 60,
        .handshake_timeout_s = 30,
        .sessions_per_connection = 64,
        .setups_per_connection = 8,
        .pipes_per_session = 64,
        .smb_in_flight_kib = 1024,
        .lsa_over_tcp = true,
        .name_port = 137,
        .datagram_port = 138,
        .dns = true,
        .lmhosts = "/etc/ntrust/lmhosts",
        .admin_socket = "/run/ntrust/admin.sock",
        .log_level = NT_LOG_INFO,
    };
}

static enum nt_err set_text(char *to, size_t size, const char *value, uint32_t least, char *why,
                            size_t why_size)
{
    size_t len = strlen(value);
    if (len < least) {
        snprintf(why, why_size, "the value must not be empty");
        return NT_E_INVALID;
    }
    if (len >= size) {
        snprintf(why, why_size, "the value is longer than %zu bytes", size - 1);
        return NT_E_INVALID;
    }
    memcpy(to, value, len + 1);
    return NT_OK;
}

/* A NetBIOS name, or none. */
static enum nt_err set_name(char *to, size_t size, const char *value, char *why, size_t why_size)
{
    if (value[0] != '\0' && !nt_netbios_name_ok(value)) {
        snprintf(why, why_size, "'%.60s' is no NetBIOS name of 1 to 15 characters", value);
        return NT_E_INVALID;
    }
    enum nt_err err = set_text(to, size, value, 0, why, why_size);
    for (char *p = to; err == NT_OK && *p != '\0'; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    return err;
}

static enum nt_err set_addresses(struct nt_config *c, const char *value, char *why, size_t why_size)
{
    char copy[NT_CONFIG_ADDRESSES * 64], *rest = NULL;
    if (strlen(value) >= sizeof copy) {
        snprintf(why, why_size, "too many addresses; at most %d", NT_CONFIG_ADDRESSES);
        return NT_E_INVALID;
    }
    memcpy(copy, value, strlen(value) + 1);
    c->address_count = 0;
    for (char *a = strtok_r(copy, " \t", &rest); a != NULL; a = strtok_r(NULL, " \t", &rest)) {
        struct in6_addr any;
        if (inet_pton(AF_INET, a, &any) != 1 && inet_pton(AF_INET6, a, &any) != 1) {
            snprintf(why, why_size, "'%.60s' is not an IPv4 or IPv6 address", a);
            return NT_E_INVALID;
        }
        if (c->address_count == NT_CONFIG_ADDRESSES) {
            snprintf(why, why_size, "too many addresses; at most %d", NT_CONFIG_ADDRESSES);
            return NT_E_INVALID;
        }
        memcpy(c->address[c->address_count++], a, strlen(a) + 1);
    }
    if (c->address_count == 0) {
        snprintf(why, why_size, "at least one address is needed");
        return NT_E_INVALID;
    }
    return NT_OK;
}

static enum nt_err set_number(const struct setting *s, void *to, const char *value, char *why,
                              size_t why_size)
{
    char *end;
    unsigned long v = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || v < s->least || v > s->most) {
        snprintf(why, why_size, "%s must be a number from %u to %u, not '%.40s'", s->key, s->least,
                 s->most, value);
        return NT_E_INVALID;
    }
    if (s->type == PORT)
        *(uint16_t *)to = (uint16_t)v;
    else
        *(uint32_t *)to = (uint32_t)v;
    return NT_OK;
}

static enum nt_err set_bool(void *to, const char *value, char *why, size_t why_size)
{
    bool yes = strcmp(value, "yes") == 0, no = strcmp(value, "no") == 0;
    if (!yes && !no) {
        snprintf(why, why_size, "the value must be 'yes' or 'no', not '%.40s'", value);
        return NT_E_INVALID;
    }
    *(bool *)to = yes;
    return NT_OK;
}

static enum nt_err set_level(enum nt_log_level *to, const char *value, char *why, size_t why_size)
{
    for (int l = NT_LOG_ERROR; l <= NT_LOG_DEBUG; l++)
        if (strcmp(value, nt_log_level_name((enum nt_log_level)l)) == 0) {
            *to = (enum nt_log_level)l;
            return NT_OK;
        }
    snprintf(why, why_size, "level must be error, warning, info or debug, not '%.40s'", value);
    return NT_E_INVALID;
}

static enum nt_err set_node(enum nt_config_node *to, const char *value, char *why, size_t why_size)
{
    for (size_t i = 0; i < NT_COUNT(node_names); i++)
        if (strcmp(value, node_names[i]) == 0) {
            *to = (enum nt_config_node)i;
            return NT_OK;
        }
    snprintf(why, why_size, "node must be auto, b, p, m or h, not '%.40s'", value);
    return NT_E_INVALID;
}

static enum nt_err set_ipv4(struct nt_config_ipv4 *to, const char *value, char *why,
                            size_t why_size)
{
    to->count = 0;
    for (value += strspn(value, " \t"); *value != '\0'; value += strspn(value, " \t")) {
        char text[INET_ADDRSTRLEN] = "";
        struct in_addr address;
        size_t len = strcspn(value, " \t");
        memcpy(text, value, len < sizeof text ? len : 0);
        if (inet_pton(AF_INET, text, &address) != 1) {
            snprintf(why, why_size, "'%.*s' is not an IPv4 address", (int)(len < 60 ? len : 60),
                     value);
            return NT_E_INVALID;
        }
        if (to->count == NT_CONFIG_IPV4) {
            snprintf(why, why_size, "too many addresses; at most %d", NT_CONFIG_IPV4);
            return NT_E_INVALID;
        }
        to->address[to->count++] = ntohl(address.s_addr);
        value += len;
    }
    return NT_OK;
}

/* An address with a port, or without: as c-ares takes it. An IPv6 address stands in brackets. */
static bool is_resolver(const char *text)
{
    char host[64];
    struct in6_addr any;
    bool bracket = *text == '[';
    const char *from = text + bracket, *end = from + strcspn(from, bracket ? "]" : ":");
    const char *port = end + (bracket && *end == ']');
    if ((size_t)(end - from) >= sizeof host || (bracket && *end != ']'))
        return false;
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = '\0';
    if (inet_pton(bracket ? AF_INET6 : AF_INET, host, &any) != 1)
        return false;
    if (*port == '\0')
        return true;
    char *rest;
    unsigned long number = port[1] >= '0' && port[1] <= '9' ? strtoul(port + 1, &rest, 10) : 0;
    return *port == ':' && number >= 1 && number <= 65535 && *rest == '\0';
}

static enum nt_err set_resolvers(char *to, size_t size, const char *value, char *why,
                                 size_t why_size)
{
    char copy[256], *rest = NULL;
    enum nt_err err = set_text(copy, sizeof copy, value, 0, why, why_size);
    to[0] = '\0';
    if (err != NT_OK)
        return err;
    for (char *a = strtok_r(copy, " \t", &rest); a != NULL; a = strtok_r(NULL, " \t", &rest)) {
        if (!is_resolver(a)) {
            snprintf(why, why_size, "'%.60s' is not address, address:port or [address]:port", a);
            return NT_E_INVALID;
        }
        size_t at = strlen(to);
        snprintf(to + at, size - at, "%s%s", at > 0 ? " " : "", a);
    }
    return NT_OK;
}

static enum nt_err on_key(void *ctx, const struct nt_ini_where *at, const char *section,
                          const char *name, const char *key, const char *value, char *why,
                          size_t why_size)
{
    struct nt_config *c = ctx;
    bool section_known = false;
    (void)at;
    for (size_t i = 0; i < NT_COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        if (strcmp(section, s->section) != 0 || *name != '\0')
            continue;
        section_known = true;
        if (strcmp(key, s->key) != 0)
            continue;
        char *to = (char *)c + s->at;
        switch (s->type) {
        case TEXT:
            return set_text(to, s->size, value, s->least, why, why_size);
        case NAME:
            return set_name(to, s->size, value, why, why_size);
        case ADDRESSES:
            return set_addresses(c, value, why, why_size);
        case PORT:
        case NUMBER:
            return set_number(s, to, value, why, why_size);
        case BOOL:
            return set_bool(to, value, why, why_size);
        case LEVEL:
            return set_level(&c->log_level, value, why, why_size);
        case NODE:
            return set_node(&c->node, value, why, why_size);
        case IPV4:
            return set_ipv4((struct nt_config_ipv4 *)(void *)to, value, why, why_size);
        case RESOLVERS:
            return set_resolvers(to, s->size, value, why, why_size);
        }
    }
    if (section_known)
        snprintf(why, why_size, "unknown setting '%.60s' in [%.60s]", key, section);
    else
        snprintf(why, why_size, "unknown section [%.60s%s%.60s]", section, *name ? " " : "", name);
    return NT_E_INVALID;
}

/* Ports of TCP; those that are off (0) do not meet. */
static enum nt_err check_ports(const struct nt_config *c, const char *file, char *why,
                               size_t why_size)
{
    const struct {
        const char *key;
        uint16_t port;
    } ports[] = { { "epm_port", c->epm_port },
                  { "rpc_port", c->rpc_port },
                  { "smb_port", c->smb_port } };
    for (size_t i = 0; i < NT_COUNT(ports); i++)
        for (size_t j = 0; j < i; j++)
            if (ports[i].port != 0 && ports[i].port == ports[j].port) {
                snprintf(why, why_size, "%s: [listen] %s and %s are both %u; they must differ",
                         file, ports[j].key, ports[i].key, ports[i].port);
                return NT_E_INVALID;
            }
    return NT_OK;
}

/* What no line shows by itself. */
static enum nt_err check(const struct nt_config *c, const char *file, char *why, size_t why_size)
{
    enum nt_err err = check_ports(c, file, why, why_size);
    if (err != NT_OK)
        return err;
    if (c->name_port != 0 && c->name_port == c->datagram_port) {
        snprintf(why, why_size,
                 "%s: [netbios] name_port and datagram_port are both %u; they must differ", file,
                 c->name_port);
        return NT_E_INVALID;
    }
    if (c->wins.count == 0 && (c->node == NT_NODE_P || c->node == NT_NODE_M)) {
        snprintf(why, why_size, "%s: [netbios] node %s needs wins servers; none is named", file,
                 node_names[c->node]);
        return NT_E_INVALID;
    }
    for (size_t i = 0; i < c->address_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->address[i], c->address[j]) == 0) {
                snprintf(why, why_size, "%s: [listen] address names %s twice", file, c->address[i]);
                return NT_E_INVALID;
            }
    return NT_OK;
}

enum nt_err nt_config_parse(struct nt_config *config, const char *file, const char *text,
                            size_t len, char *why, size_t why_size)
{
    enum nt_err err = nt_ini_parse(file, text, len, on_key, config, why, why_size);
    return err == NT_OK ? check(config, file, why, why_size) : err;
}

enum nt_err nt_config_load(struct nt_config *config, const char *path, char *why, size_t why_size)
{
    enum nt_err err = nt_ini_load(path, on_key, config, why, why_size);
    return err == NT_OK ? check(config, path, why, why_size) : err;
}

static void print_ipv4(const struct nt_config_ipv4 *list, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        uint32_t a = list->address[i];
        at += (size_t)snprintf(out + at, size - at, "%s%u.%u.%u.%u", i > 0 ? " " : "", a >> 24,
                               a >> 16 & 255, a >> 8 & 255, a & 255);
    }
}

static void print_value(const struct nt_config *c, const struct setting *s, char *out, size_t size)
{
    const char *from = (const char *)c + s->at;
    switch (s->type) {
    case TEXT:
    case NAME:
    case RESOLVERS:
        snprintf(out, size, "%s", from);
        break;
    case ADDRESSES:
        out[0] = '\0';
        for (size_t i = 0, at = 0; i < c->address_count; i++)
            at += (size_t)snprintf(out + at, size - at, "%s%s", i > 0 ? " " : "", c->address[i]);
        break;
    case PORT: {
        uint16_t port;
        memcpy(&port, from, sizeof port);
        snprintf(out, size, "%u", port);
        break;
    }
    case NUMBER: {
        uint32_t number;
        memcpy(&number, from, sizeof number);
        snprintf(out, size, "%u", number);
        break;
    }
    case BOOL:
        snprintf(out, size, "%s", *from ? "yes" : "no");
        break;
    case LEVEL:
        snprintf(out, size, "%s", nt_log_level_name(c->log_level));
        break;
    case NODE:
        snprintf(out, size, "%s", node_names[c->node]);
        break;
    case IPV4:
        print_ipv4((const struct nt_config_ipv4 *)(const void *)from, out, size);
        break;
    }
}

void nt_config_print(const struct nt_config *config, void (*line)(void *ctx, const char *text),
                     void *ctx)
{
    const char *section = "";
    for (size_t i = 0; i < NT_COUNT(settings); i++) {
        char value[600], text[700];
        if (strcmp(section, settings[i].section) != 0) {
            section = settings[i].section;
            snprintf(text, sizeof text, "%s[%s]", i > 0 ? "\n" : "", section);
            line(ctx, text);
        }
        print_value(config, &settings[i], value, sizeof value);
        snprintf(text, sizeof text, "%s = %s", settings[i].key, value);
        line(ctx, text);
    }
}
