/*
 * name.h - NetBIOS names: 15 characters and a type, in a scope; as they stand in packets of the
 * name and datagram services. RFC 1001 14.1, RFC 1002 4.1, [MS-NBTE] 2.2.1
 */
#ifndef NT_NETBIOS_NAME_H
#define NT_NETBIOS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"

#define NT_NB_NAME_LEN   16  /* the last byte is the type */
#define NT_NB_SCOPE_MAX  220 /* with the encoded name and the dots within the 255 of a DNS name */
#define NT_NB_NAME_TEXT  32  /* bytes for nt_nb_name_format */
#define NT_NB_POINTERS   4   /* compression pointers followed in one name */
#define NT_NB_NAME_PORT  137
#define NT_NB_DGM_PORT   138
#define NT_NB_PACKET_MAX 1024 /* of ours, and taken from others; the protocol has 576 */

enum nt_nb_type {
    NT_NB_WORKSTATION = 0x00, /* of a computer, or the group of a domain */
    NT_NB_PDC = 0x1B,         /* domain master browser: the primary controller */
    NT_NB_CONTROLLERS = 0x1C, /* group of all controllers of a domain */
    NT_NB_SERVER = 0x20
};

struct nt_nb_name {
    uint8_t b[NT_NB_NAME_LEN];
    char scope[NT_NB_SCOPE_MAX + 1]; /* "a.b", mostly "" */
};

/* Upper-cased, padded with spaces, scope "". False: not 1 to 15 characters of ASCII. Deviation: the
 * OEM characters beyond ASCII mean another name on each system, so they are not offered. */
bool nt_nb_name_set(struct nt_nb_name *n, const char *text, uint8_t type);
void nt_nb_name_star(struct nt_nb_name *n); /* "*": whoever gets it. RFC 1002 4.2.17 */
bool nt_nb_name_is_star(const struct nt_nb_name *n);
bool nt_nb_name_equal(const struct nt_nb_name *a, const struct nt_nb_name *b);
/* "BLUE<1c>", with '?' for what cannot be shown. Returns out. */
const char *nt_nb_name_format(const struct nt_nb_name *n, char out[NT_NB_NAME_TEXT]);
/* The characters before the type, without padding. Returns out. */
const char *nt_nb_name_text(const struct nt_nb_name *n, char out[NT_NB_NAME_LEN]);

/* Reads an encoded name at the cursor. pointers: compression pointers are allowed; each must point
 * before the one that led to it. False leaves the reason in c->err. */
bool nt_nb_name_read(struct nt_cursor *c, bool pointers, struct nt_nb_name *n);
void nt_nb_name_write(struct nt_buf *b, const struct nt_nb_name *n);

#endif
