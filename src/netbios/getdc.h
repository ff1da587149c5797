/*
 * getdc.h - "which controller are you?": the datagrams with which clients and controllers look for
 * a domain's controller, answered as the primary controller of an NT-style domain does, and asked.
 * [MS-ADTS] 6.3.5, [MS-NRPC] 3.5.1
 */
#ifndef NT_NETBIOS_GETDC_H
#define NT_NETBIOS_GETDC_H

#include "netbios/dgm.h"
#include "netbios/netlogon_msg.h"
#include "netbios/node.h"

struct nt_getdc_self {
    const char *domain, *computer;
    struct nt_sid sid;             /* of the domain */
    const struct nt_nb_node *node; /* which names are ours */
};

/*
 * Answers a datagram that came from `from` to `local`, with the number `id` for the answer. False:
 * it is silence, since the datagram is malformed, for another domain or of no kind that is
 * answered.
 *
 * The answer goes to where the packet came from, port 138: not to the address that it names in
 * itself, which may be anybody's. An account is not looked up: a SAM logon request is answered the
 * same for every name, as Samba's controller does, for else anybody could learn which exist.
 */
bool nt_getdc_answer(const struct nt_getdc_self *self, uint32_t from, uint32_t local, uint16_t id,
                     const uint8_t *data, size_t len, struct nt_nb_packet *out);

/* A question to the controllers of `domain` at the address `to`. */
struct nt_getdc_question {
    const char *domain;             /* looked for */
    const char *computer, *account; /* who asks: "RESPDC", "RESPDC$" */
    uint32_t number;                /* in the mailslot's name, by which the answer is known */
    const struct nt_sid *sid;       /* of the domain, when known; else NULL */
};
/* False: a name is no NetBIOS name, or memory. */
bool nt_getdc_ask(const struct nt_getdc_question *q, uint32_t local, uint32_t to, uint16_t id,
                  struct nt_nb_packet *out);
/* True: the datagram answers that question; the controller's name is in *r. */
bool nt_getdc_take(const struct nt_getdc_question *q, const uint8_t *data, size_t len,
                   struct nt_nl_response *r);

#endif
