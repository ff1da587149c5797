/*
 * ns.h - packets of the name service: one question, one record, which is all that NetBIOS uses.
 * RFC 1002 4.2, [MS-NBTE] 2.2
 */
#ifndef NT_NETBIOS_NS_H
#define NT_NETBIOS_NS_H

#include "netbios/name.h"

#define NT_NS_ADDRESSES    25 /* of one name, taken from an answer: what fits in 576 bytes is more */
#define NT_NS_STATUS_NAMES 64 /* of a node status */
#define NT_NS_RECORDS      4  /* in one packet; all but the first are passed over */

enum nt_ns_opcode { /* RFC 1002 4.2.1.1 */
                    NT_NS_QUERY = 0,
                    NT_NS_REGISTRATION = 5,
                    NT_NS_RELEASE = 6,
                    NT_NS_WACK = 7, /* wait for acknowledgement */
                    NT_NS_REFRESH = 8,
                    NT_NS_REFRESH_ALT = 9, /* as RFC 1002 4.2.4 draws it; both are in use */
                    NT_NS_MULTIHOMED = 15  /* [MS-NBTE] 2.2.2 */
};

enum nt_ns_flag { /* as they stand in the header's second word */
                  NT_NS_BROADCAST = 0x0010,
                  NT_NS_RA = 0x0080, /* recursion available: from a name server */
                  NT_NS_RD = 0x0100,
                  NT_NS_TC = 0x0200,
                  NT_NS_AA = 0x0400 /* authoritative answer */
};

enum nt_ns_rcode {
    NT_NS_OK = 0,
    NT_NS_FMT_ERR = 1,
    NT_NS_SRV_ERR = 2,
    NT_NS_NAM_ERR = 3, /* no such name */
    NT_NS_IMP_ERR = 4,
    NT_NS_RFS_ERR = 5, /* refused */
    NT_NS_ACT_ERR = 6, /* another node has it */
    NT_NS_CFT_ERR = 7  /* in conflict */
};

enum nt_ns_type { NT_NS_NB = 0x20, NT_NS_NBSTAT = 0x21, NT_NS_NULL = 0x0A };

enum nt_nb_flag { /* of a name, RFC 1002 4.2.1.3, 4.2.18 */
                  NT_NB_GROUP = 0x8000,
                  NT_NB_B_NODE = 0x0000,
                  NT_NB_P_NODE = 0x2000,
                  NT_NB_M_NODE = 0x4000,
                  NT_NB_H_NODE = 0x6000,
                  NT_NB_DEREGISTERING = 0x1000,
                  NT_NB_CONFLICT = 0x0800,
                  NT_NB_ACTIVE = 0x0400,
                  NT_NB_PERMANENT = 0x0200
};

struct nt_ns_packet {
    uint16_t id;
    bool response;
    uint8_t opcode;
    uint16_t flags; /* of enum nt_ns_flag */
    uint8_t rcode;
    struct nt_nb_name name; /* of the question, else of the record */
    bool has_question;
    uint16_t question_type;
    bool has_record;
    bool additional; /* writing: the record counts as an additional one, not as an answer */
    uint16_t record_type;
    uint32_t ttl;         /* seconds */
    const uint8_t *rdata; /* reading: within the packet */
    size_t rdata_len;
};

/* NT_E_TRUNCATED, NT_E_MALFORMED (also: a record of another name than the question's) or
 * NT_E_LIMIT; what stands behind the records is passed over. */
enum nt_err nt_ns_read(const uint8_t *data, size_t len, struct nt_ns_packet *p) NT_MUST_USE;
void nt_ns_write(struct nt_buf *b, const struct nt_ns_packet *p);

/* The addresses of a record of type NB, RFC 1002 4.2.13: at most NT_NS_ADDRESSES. */
struct nt_ns_address {
    uint16_t flags;   /* of enum nt_nb_flag */
    uint32_t address; /* IPv4, the first byte highest */
};
size_t nt_ns_addresses(const struct nt_ns_packet *p, struct nt_ns_address out[NT_NS_ADDRESSES]);

/* The names of a node status, RFC 1002 4.2.18; 0 when it is none. */
struct nt_ns_status_name {
    struct nt_nb_name name;
    uint16_t flags;
};
size_t nt_ns_status_names(const struct nt_ns_packet *p,
                          struct nt_ns_status_name out[NT_NS_STATUS_NAMES]);
/* The record's data of a node status with these names; statistics are all zero. */
void nt_ns_status_write(struct nt_buf *b, const struct nt_ns_status_name *names, size_t count);

#endif
