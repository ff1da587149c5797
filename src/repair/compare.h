/*
 * compare.h - a trust between two domains that are not ours: what was seen at both ends, and the
 * verdict that follows. Pure: facts in, words out. The groups and their order are the field
 * guide's, section 2; what could not be read is unknown, and is not guessed.
 *
 * A trust of two directions is two trusts (one trusting, one trusted domain each); which of them
 * are meant to be is told by the trusted domain objects: a direction that either end names.
 */
#ifndef NT_REPAIR_COMPARE_H
#define NT_REPAIR_COMPARE_H

#include "channel/locate.h"
#include "netbios/cldap.h"
#include "repair/diagnose.h"

#define NT_ENDS_CONTROLLERS 8 /* of one end that are asked */

/* [MS-ADTS] 6.1.6.7.9: what of trustAttributes matters here */
#define NT_TRUST_QUARANTINED 0x00000004u
#define NT_TRUST_FOREST      0x00000008u
#define NT_TRUST_SELECTIVE   0x00000010u
#define NT_TRUST_RC4         0x00000080u
/* [MS-KILE] 2.2.7 */
#define NT_ENC_RC4 0x00000004u
#define NT_ENC_AES 0x00000018u

/* Something that was asked for: not at all, or answered, or refused for a reason. */
struct nt_asked {
    enum nt_look look;
    struct nt_admin_error error; /* FAILED */
};

/* The ports of a controller that trusts are made of, tried from this computer. SMB's is seen by the
 * session: another connection would cost many controllers a process. */
enum nt_port_of { NT_PORT_DNS, NT_PORT_KERBEROS, NT_PORT_EPM, NT_PORT_LDAP, NT_PORT_COUNT };
enum nt_port_state { NT_PORT_NOT_TRIED, NT_PORT_OPEN, NT_PORT_CLOSED, NT_PORT_SILENT };
uint16_t nt_port_number(enum nt_port_of port);
const char *nt_port_name(enum nt_port_of port);           /* "Kerberos" */
const char *nt_port_state_name(enum nt_port_state state); /* "open" */

/* Whether the DNS server of a controller finds the other end: it is asked for its own domain's
 * controllers first, to see that it is such a server at all. */
struct nt_dns_view {
    enum nt_look look;           /* FAILED: it is no DNS server, or answers not even that */
    char asked[NT_LOCATE_ASKED]; /* "_ldap._tcp.dc._msdcs.east.example" */
    size_t found;                /* records */
    char first[NT_SERVER_NAME];  /* of them, the first host; "" */
    char why[NT_LOCATE_WHY];     /* FAILED, or none found */
};

/* What a controller tells to anybody who asks by CLDAP. */
struct nt_ping {
    enum nt_look look; /* FAILED: no answer within a second */
    struct nt_cldap_answer answer;
};

/* One controller's own view of the trust. */
struct nt_controller_facts {
    char host[NT_SERVER_NAME];
    struct nt_asked reached; /* its names could be read with these credentials */
    bool nobody;             /* without any: what it tells to all is what there is */
    bool role_known, pdc;
    enum nt_port_state ports[NT_PORT_COUNT];
    struct nt_ping ping;
    bool protection_known;
    struct nt_admin_protection protection; /* of the session */
    bool clock_known;
    int64_t ahead_100ns; /* of our clock */
    struct nt_asked tdo_asked, account_asked;
    struct nt_admin_tdo_full tdo;    /* for the other end */
    struct nt_admin_account account; /* the other end's: interdomain trust account */
    struct nt_asked before_asked;    /* of a trust that it may prove: an outbound one */
    struct nt_admin_channel before;  /* as it stood in its memory */
    struct nt_asked channel_asked;
    struct nt_admin_channel channel; /* proven */
    bool anew;                       /* after it was found and set up anew */
    struct nt_dns_view dns;
};

struct nt_end_facts {
    const char *typed;           /* as the end was named */
    const char *asked;           /* the domain that this means */
    struct nt_admin_names names; /* as the controllers say; before that as it was named */
    struct nt_controller_facts dc[NT_ENDS_CONTROLLERS];
    size_t count; /* 0: no controller is known */
    size_t
        main; /* the one whose view of names, object and account counts: the PDC, if it is there */
    char lost[NT_ADMIN_WHY]; /* count 0: why */
};

struct nt_ends_facts {
    struct nt_end_facts end[2];
    nt_time now;
};

/* The view that counts, or NULL. */
const struct nt_controller_facts *nt_end_main(const struct nt_end_facts *e);
/* "EAST", or what was typed. */
const char *nt_end_name(const struct nt_end_facts *e);
/* It has no DNS name: what it trusts with and what it is trusted by are two things there. */
bool nt_end_is_nt(const struct nt_end_facts *e);
/* Whether the trust in which end `trusting` trusts the other one is meant to be: 1, 0, or -1 for
 * unknown. */
int nt_ends_direction(const struct nt_ends_facts *f, size_t trusting);

void nt_compare_ends(const struct nt_ends_facts *f, struct nt_diagnosis *out);

#endif
