/*
 * owf.h - the one-way function of a password: its NT hash, the secret of every trust and account.
 * Source: [MS-NLMP] 3.3.1 (NTOWFv1), [MS-SAMR] 3.2.1.5 (not valid text is hashed as it is).
 */
#ifndef NT_CRYPTO_OWF_H
#define NT_CRYPTO_OWF_H

#include "base/err.h"
#include "base/secret.h"

#define NT_HASH_LEN 16

/* MD4 of the password's UTF-16LE bytes. */
void nt_owf(const struct nt_password *password, struct nt_secret *nt_hash);

/* The same from typed text; NT_E_MALFORMED when it is not UTF-8 or too long, nt_hash empty then. */
enum nt_err nt_owf_text(const char *utf8, struct nt_secret *nt_hash) NT_MUST_USE;

#endif
