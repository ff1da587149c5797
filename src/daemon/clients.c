#include "daemon/clients.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct address {
    struct address *next;
    uint8_t key[16];
    uint32_t count;
};

struct nt_clients {
    pthread_mutex_t lock;
    uint32_t most, most_per_address, count;
    struct address *buckets[BUCKETS];
};

struct nt_clients *nt_clients_new(uint32_t most, uint32_t most_per_address)
{
    struct nt_clients *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    c->most = most;
    c->most_per_address = most_per_address;
    return c;
}

void nt_clients_free(struct nt_clients *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct address *a = c->buckets[i], *next; a != NULL; a = next) {
            next = a->next;
            free(a);
        }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* One key for both families; of IPv6 the /64, which one customer has whole. */
static void key_of(const struct sockaddr_storage *from, uint8_t key[16])
{
    memset(key, 0, 16);
    if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, from, sizeof in);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr))
            memcpy(key + 12, in.sin6_addr.s6_addr + 12, 4);
        else
            memcpy(key, in.sin6_addr.s6_addr, 8);
    } else {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        memcpy(key + 12, &in.sin_addr, 4);
    }
}

static struct address **find(struct nt_clients *c, const uint8_t key[16])
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < 16; i++)
        h = (h ^ key[i]) * 16777619u;
    struct address **at = &c->buckets[h % BUCKETS];
    while (*at != NULL && memcmp((*at)->key, key, 16) != 0)
        at = &(*at)->next;
    return at;
}

bool nt_clients_enter(struct nt_clients *c, const struct sockaddr_storage *from)
{
    uint8_t key[16];
    bool ok = false;
    key_of(from, key);
    pthread_mutex_lock(&c->lock);
    if (c->count < c->most) {
        struct address **at = find(c, key);
        if (*at == NULL && (*at = calloc(1, sizeof **at)) != NULL)
            memcpy((*at)->key, key, 16);
        if (*at != NULL && (*at)->count < c->most_per_address) {
            (*at)->count++;
            c->count++;
            ok = true;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

void nt_clients_leave(struct nt_clients *c, const struct sockaddr_storage *from)
{
    uint8_t key[16];
    key_of(from, key);
    pthread_mutex_lock(&c->lock);
    struct address **at = find(c, key);
    if (*at != NULL) {
        c->count--;
        if (--(*at)->count == 0) {
            struct address *gone = *at;
            *at = gone->next;
            free(gone);
        }
    }
    pthread_mutex_unlock(&c->lock);
}

size_t nt_clients_count(struct nt_clients *c)
{
    pthread_mutex_lock(&c->lock);
    size_t count = c->count;
    pthread_mutex_unlock(&c->lock);
    return count;
}
