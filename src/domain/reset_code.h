/*
 * reset_code.h - the code by which two administrators re-establish a trust, each at its own end:
 * one end makes it, a person carries it over, the other end takes it, and it is the trust's initial
 * password at both. Pure: no clock, store or heap but for folding names.
 *
 * 25 characters of 32 kinds, "5W8HQ-0ZK3M-..." : 17 random ones (85 bits), three that say until
 * when it serves and for which halves, five check digits. The check digits are those of a BCH code
 * over GF(32) of length 31 (a Reed-Solomon code, since the field has the code's roots), shortened
 * to 25, with a constant added that is made of the two domains' names. Its distance is 6: up to
 * five wrong characters anywhere are always noticed, and so any character replaced and any two
 * neighbours exchanged; of all other mistakes, and of codes for other trusts, one in 2^25 (33
 * million) is not.
 *
 * The alphabet is Crockford's: no I, L, O or U. Read regardless of case; I and L count as 1, O as
 * 0; spaces and hyphens mean nothing. Written in capitals with hyphens: that text is the password.
 */
#ifndef NT_DOMAIN_RESET_CODE_H
#define NT_DOMAIN_RESET_CODE_H

#include "base/env.h"
#include "base/nttime.h"
#include "base/secret.h"
#include "domain/trust_in.h"

#define NT_RESET_CODE_SYMBOLS 25
#define NT_RESET_CODE_GROUP   5  /* characters between two hyphens */
#define NT_RESET_CODE_TEXT    30 /* bytes of its text, with the hyphens and the NUL */

/* Seconds; the code says its end in steps of ten minutes, in a ring of eight weeks. */
#define NT_RESET_CODE_LIFE_LEAST 600
#define NT_RESET_CODE_LIFE_MOST  (7 * 24 * 3600)

/* Which ends of trusts the domain is that makes the code. */
enum nt_reset_ends { NT_RESET_TRUSTING = 1, NT_RESET_TRUSTED = 2, NT_RESET_BOTH = 3 };

/* A secret as long as it serves: wiped by its owner. Each symbol is from 0 to 31. */
struct nt_reset_code {
    uint8_t symbol[NT_RESET_CODE_SYMBOLS];
};
void nt_reset_code_wipe(struct nt_reset_code *code);
#define NT_SCOPED_RESET_CODE __attribute__((cleanup(nt_reset_code_wipe))) struct nt_reset_code

/* NetBIOS names; regardless of case. */
struct nt_reset_pair {
    const char *maker; /* where the code was made */
    const char *taker; /* where it is to be typed */
};

/* A fresh code that serves for `life_s` from now, rounded up to the next ten minutes. */
void nt_reset_code_make(const struct nt_env *env, const struct nt_reset_pair *pair,
                        enum nt_reset_ends ends, uint64_t life_s, struct nt_reset_code *code);

enum nt_reset_read {
    NT_RESET_READ,      /* 25 characters of the alphabet */
    NT_RESET_CHARACTER, /* one that no code has, *at of them were good before it */
    NT_RESET_LENGTH     /* too few or too many: *at */
};
/* What was typed. Says nothing about the check digits: see nt_reset_code_fits. */
enum nt_reset_read nt_reset_code_read(const char *text, struct nt_reset_code *code, size_t *at);
void nt_reset_code_text(const struct nt_reset_code *code, char text[NT_RESET_CODE_TEXT]);

/* What is left of the check digits, five bits each; 0: they are right for these two domains.
 * Linear: the difference of two codes gives the difference of their remainders. */
uint32_t nt_reset_code_remainder(const struct nt_reset_code *code,
                                 const struct nt_reset_pair *pair);
bool nt_reset_code_fits(const struct nt_reset_code *code, const struct nt_reset_pair *pair);
/* Where a single wrong character, or two exchanged neighbours, would explain that it does not fit:
 * the group, counted from 1 (the first of the two). 0: they would not. */
unsigned nt_reset_code_suspect(const struct nt_reset_code *code, const struct nt_reset_pair *pair);

/* Until when it serves, as seen from now: exact for four weeks to either side. */
nt_time nt_reset_code_until(const struct nt_reset_code *code, nt_time now);
/* Its time is over, or so far ahead that no code can have it. */
bool nt_reset_code_expired(const struct nt_reset_code *code, nt_time now);
enum nt_reset_ends nt_reset_code_ends(const struct nt_reset_code *code); /* of the maker */

/* What both ends keep of it, to know it again: nothing can be told from it. */
void nt_reset_code_mark(const struct nt_reset_code *code, uint8_t mark[NT_CODE_MARK]);
/* Its text as the initial password that it is. */
void nt_reset_code_password(const struct nt_reset_code *code, struct nt_password *password);

#endif
