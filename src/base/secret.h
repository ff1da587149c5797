/*
 * secret.h - key material and passwords as types of their own: no log or JSON function accepts
 * one, they are wiped when let go and compared in constant time.
 */
#ifndef NT_BASE_SECRET_H
#define NT_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Key material: a hash (16 bytes), a session key (16), a master key (32). len 0: none. */
struct nt_secret {
    uint8_t b[32];
    size_t len;
};

#define NT_PASSWORD_MAX 512 /* bytes, [MS-NRPC] 2.2.1.3.7 */

/* A password in the form that is hashed: UTF-16LE bytes, which need not be valid text (machine
 * and trust passwords are random). len is bytes and may be 0: the empty password. */
struct nt_password {
    uint8_t b[NT_PASSWORD_MAX];
    uint16_t len;
};

void nt_wipe(void *p, size_t n); /* survives the optimiser */
void nt_secret_wipe(struct nt_secret *s);
void nt_password_wipe(struct nt_password *p);
bool nt_ct_equal(const void *a, const void *b, size_t n); /* time depends on n alone */
bool nt_secret_equal(const struct nt_secret *a, const struct nt_secret *b); /* and same length */
void nt_secret_set(struct nt_secret *s, const void *b, size_t len);         /* len <= 32 */

/* From typed text (UTF-8). False when it is not UTF-8 or longer than NT_PASSWORD_MAX bytes. */
bool nt_password_from_utf8(struct nt_password *p, const char *text);

/* For a local: NT_SCOPED_SECRET key = { .len = 16 }; wiped on every way out of its block. */
#define NT_SCOPED_SECRET   __attribute__((cleanup(nt_secret_wipe))) struct nt_secret
#define NT_SCOPED_PASSWORD __attribute__((cleanup(nt_password_wipe))) struct nt_password

#endif
