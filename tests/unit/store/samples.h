/*
 * samples.h - records with every field set, to ordinary and to extreme values, and their
 * comparison field by field.
 */
#ifndef NT_TESTS_STORE_SAMPLES_H
#define NT_TESTS_STORE_SAMPLES_H

#include "support.h"

/* Fills with values that differ from field to field; `extreme`: the largest that fit. */
void fill_in(struct nt_trust_in *in, bool extreme);
void fill_out(struct nt_trust_out *out, bool extreme);
struct nt_account *full_account(uint32_t rid, bool extreme);
struct nt_tdo *full_tdo(const char *name, bool extreme);
struct nt_lsa_secret *full_secret(const char *name, size_t current_len, size_t old_len);

void same_account(const struct nt_account *a, const struct nt_account *b);
void same_tdo(const struct nt_tdo *a, const struct nt_tdo *b);
void same_secret(const struct nt_lsa_secret *a, const struct nt_lsa_secret *b);

#endif
