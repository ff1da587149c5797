/*
 * locate.h - the controllers of a domain as several methods find them: one list without doubles, in
 * the order in which they are to be tried, with where each came from; and what every method that
 * found none was asked. Pure: the edge is locate_net.h.
 */
#ifndef NT_CHANNEL_LOCATE_H
#define NT_CHANNEL_LOCATE_H

#include "channel/servers.h"
#include "netbios/node.h"

enum nt_locate_method { /* in this order, but for NT_NB_M, which puts broadcast before WINS */
                        NT_LOCATE_CONFIGURED, /* named with the trust */
                        NT_LOCATE_LMHOSTS,
                        NT_LOCATE_DNS, /* SRV records, as an AD-style domain has them:
                                          [MS-ADTS] 6.3.2.3 */
                        NT_LOCATE_WINS,
                        NT_LOCATE_BROADCAST,
                        NT_LOCATE_METHODS
};
const char *nt_locate_method_name(enum nt_locate_method method); /* "dns" */
/* Of a set of them, "dns+wins", in memory of its own thread. */
const char *nt_locate_methods_text(unsigned methods);

#define NT_LOCATE_ASKED  128 /* bytes of "_ldap._tcp.pdc._msdcs.east.example", "EAST<1c>" */
#define NT_LOCATE_WHY    96
#define NT_LOCATE_MISSES 16

/* One that was found. */
struct nt_controller {
    struct nt_server server;   /* host: what is to be connected to, an address where it is known */
    char name[NT_SERVER_NAME]; /* as the method knows it; "" */
    unsigned methods;          /* which found it: 1 << enum nt_locate_method */
    char asked[NT_LOCATE_ASKED]; /* by what, first */
    uint32_t order;              /* lower first */
    /* when it was asked whether it is there */
    bool probed, answers;
    char answer[NT_LOCATE_WHY]; /* "port 135", or why not */
    char computer[64];          /* NetBIOS name, as it says itself; "" */
};

/* A method that found none. */
struct nt_locate_miss {
    enum nt_locate_method method;
    char asked[NT_LOCATE_ASKED];
    char why[NT_LOCATE_WHY];
};

struct nt_located {
    struct nt_controller list[NT_SERVERS_MAX];
    size_t count;
    struct nt_locate_miss misses[NT_LOCATE_MISSES];
    size_t miss_count;
};

/* Adds one, or another method to one that is there: the same address, or the same name. rank: of
 * those that the method found, below 65536. What passes the limit is lost. */
void nt_located_add(struct nt_located *l, enum nt_locate_method method, const char *asked,
                    const struct nt_server *server, const char *name, uint32_t rank);
void nt_located_miss(struct nt_located *l, enum nt_locate_method method, const char *asked,
                     const char *why);
/* Puts them in order. broadcast_first: as an M node has it. */
void nt_located_sort(struct nt_located *l, bool broadcast_first);
void nt_located_servers(const struct nt_located *l, struct nt_servers *out);
/* One sentence that names each name that was tried, and by which method; for an empty list. */
void nt_located_text(const struct nt_located *l, const char *domain, char *out, size_t size);

/* --- what the methods read --- */

#define NT_LMHOSTS_MAX (256u * 1024) /* bytes of the file; the rest is not read */

/*
 * The lines of an lmhosts file that are about a domain's controllers:
 *
 *   192.0.2.7  EASTDC  #PRE #DOM:EAST      the form of LAN Manager and NT
 *   192.0.2.7  EAST#1b                     the form of Samba, with the type behind '#'
 *   192.0.2.7  "EAST           \0x1c"      the form of NT for a type
 *
 * #PRE says nothing here, since the file is read anew each time; #INCLUDE and the blocks of
 * alternatives are passed over.
 */
void nt_lmhosts_find(const char *text, size_t len, const char *domain, const char *path,
                     struct nt_located *l);

/* A record of DNS, RFC 2782. */
struct nt_srv {
    uint16_t priority, weight, port;
    char target[NT_SERVER_NAME];
};
/* By priority, and within it the heavier first. Deviation: RFC 2782 draws lots by weight; a
 * domain's controllers are few, and the one that answered last is tried first anyway. */
void nt_srv_sort(struct nt_srv *rows, size_t count);

#endif
