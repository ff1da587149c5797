/*
 * utf16.h - text on the wire (UTF-16LE) against text in our memory (UTF-8), and the comparison of
 * names without regard to case.
 */
#ifndef NT_BASE_UTF16_H
#define NT_BASE_UTF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* UTF-8 to UTF-16 units in host order, with a NUL unit behind them; *units excludes it.
 * NT_E_MALFORMED when `s` is not UTF-8. */
enum nt_err nt_utf16_from_utf8(struct nt_arena *a, const char *s, uint16_t **out,
                               size_t *units) NT_MUST_USE;

/* UTF-16 units in host order to UTF-8 with a NUL. NT_E_MALFORMED on an unpaired surrogate or an
 * embedded NUL: what reaches the model is text. */
enum nt_err nt_utf8_from_utf16(struct nt_arena *a, const uint16_t *s, size_t units,
                               char **out) NT_MUST_USE;

/* The same for UTF-16LE bytes as they stand in a message; an odd length is NT_E_MALFORMED. */
enum nt_err nt_utf8_from_utf16le(struct nt_arena *a, const uint8_t *s, size_t len,
                                 char **out) NT_MUST_USE;

/* For showing what a peer sent: never fails but for memory (NULL); what is not text becomes
 * U+FFFD, control characters become '?'. */
char *nt_utf8_show(struct nt_arena *a, const uint16_t *s, size_t units) NT_MUST_USE;

/* The upper-case form that names are compared and stored by (simple case mapping, one to one).
 * NULL when memory ran out or `s` is not UTF-8. */
char *nt_name_fold(struct nt_arena *a, const char *s) NT_MUST_USE;
uint32_t nt_upcase(uint32_t code_point);

/* Equal without regard to case; both UTF-8. Needs no memory. */
bool nt_name_equal(const char *a, const char *b);

/* True for UTF-8 without control characters: what a peer sent may be shown, and stored by lines. */
bool nt_text_ok(const char *s);
/* True for a NetBIOS domain or computer name: 1 to 15 bytes, none of \ / : * ? " < > | , space
 * or control characters, not beginning with '.'; [MS-NBTE] and what NT accepts. */
bool nt_netbios_name_ok(const char *s);
/* True for a SAM account name: 1 to 20 characters (15 and a '$' for machine and trust accounts
 * fit too), none of " / \ [ ] : | < > + = ; ? , * @ or control characters. [MS-SAMR] 3.1.1.6 */
bool nt_account_name_ok(const char *s);

#endif
