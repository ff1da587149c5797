/*
 * sid.h - security identifiers. Source: [MS-DTYP] 2.4.2.
 */
#ifndef NT_BASE_SID_H
#define NT_BASE_SID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"

#define NT_SID_MAX_SUBS 15
#define NT_SID_TEXT     184 /* bytes that any SID's text fits in, with its NUL */

struct nt_sid {
    uint8_t revision;
    uint8_t sub_count;
    uint8_t authority[6];
    uint32_t sub[NT_SID_MAX_SUBS];
};

/* The bytes outside NDR, [MS-DTYP] 2.4.2.2. False leaves the reason in c->err. */
bool nt_sid_read(struct nt_cursor *c, struct nt_sid *sid);
void nt_sid_write(struct nt_buf *b, const struct nt_sid *sid);

/* "S-1-5-21-..." and back. nt_sid_format returns `out`. */
const char *nt_sid_format(const struct nt_sid *sid, char out[NT_SID_TEXT]);
bool nt_sid_parse(const char *text, struct nt_sid *sid);

bool nt_sid_equal(const struct nt_sid *a, const struct nt_sid *b);
int nt_sid_compare(const struct nt_sid *a, const struct nt_sid *b); /* a total order */
bool nt_sid_is_null(const struct nt_sid *sid);                      /* a zeroed struct */

/* Makes domain SID + RID; false when the domain SID has no room for one more. */
bool nt_sid_with_rid(const struct nt_sid *domain, uint32_t rid, struct nt_sid *out);
/* True when `sid` is the domain SID and one RID behind it, which then stands in *rid (may be
 * NULL). */
bool nt_sid_in_domain(const struct nt_sid *sid, const struct nt_sid *domain, uint32_t *rid);

/* S-1-5-32, S-1-5-7, S-1-1-0, S-1-5-11, S-1-5-2 */
extern const struct nt_sid nt_sid_builtin, nt_sid_anonymous, nt_sid_everyone, nt_sid_authenticated,
    nt_sid_network;

#endif
