#include "channel/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The road that is named before the host; moves text and len behind it. */
static enum nt_road take_road(const char **text, size_t *len)
{
    static const struct {
        const char *prefix;
        enum nt_road road;
    } roads[] = { { "tcp:", NT_ROAD_TCP },
                  { "smb:", NT_ROAD_SMB },
                  { "\\\\", NT_ROAD_SMB },
                  { "//", NT_ROAD_SMB } };
    for (size_t i = 0; i < NT_COUNT(roads); i++) {
        size_t n = strlen(roads[i].prefix);
        if (*len < n || strncmp(*text, roads[i].prefix, n) != 0)
            continue;
        bool is_port = *len > n && strspn(*text + n, "0123456789") >= *len - n;
        if (roads[i].prefix[n - 1] == ':' && is_port)
            continue; /* a host of that name, and its port */
        *text += n;
        *len -= n;
        return roads[i].road;
    }
    return NT_ROAD_ANY;
}

/* One "[road:]host[:port]" of len bytes. */
static bool parse_one(const char *text, size_t len, struct nt_server *s)
{
    s->road = take_road(&text, &len);
    const char *end = text + len, *host = text, *host_end, *port = NULL;
    if (len > 0 && *text == '[') {
        host = text + 1;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (host_end == NULL)
            return false;
        if (host_end + 1 < end && host_end[1] == ':')
            port = host_end + 2;
        else if (host_end + 1 != end)
            return false;
    } else {
        const char *colon = memchr(text, ':', len);
        /* More than one colon without brackets is an IPv6 address without a port. */
        bool bare = colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL;
        host_end = colon != NULL && !bare ? colon : end;
        port = host_end < end ? host_end + 1 : NULL;
    }
    size_t host_len = (size_t)(host_end - host);
    if (host_len == 0 || host_len >= sizeof s->host)
        return false;
    memcpy(s->host, host, host_len);
    s->host[host_len] = '\0';
    s->port = 0;
    if (port == NULL)
        return true;
    unsigned long value = 0;
    if (port == end || end - port > 5)
        return false;
    for (; port < end; port++) {
        if (*port < '0' || *port > '9')
            return false;
        value = value * 10 + (unsigned long)(*port - '0');
    }
    s->port = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

bool nt_servers_parse(const char *text, struct nt_servers *out, char *why, size_t why_size)
{
    out->count = 0;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        size_t len = strcspn(text, " ");
        if (out->count == NT_SERVERS_MAX) {
            snprintf(why, why_size, "more than %d servers", NT_SERVERS_MAX);
            return false;
        }
        if (!parse_one(text, len, &out->list[out->count])) {
            snprintf(
                why, why_size,
                "'%.*s' is not host, host:port or [address]:port, also with smb: or tcp: before it",
                (int)(len < 80 ? len : 80), text);
            return false;
        }
        out->count++;
        text += len;
    }
    return true;
}
