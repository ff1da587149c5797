/*
 * message.h - what must hold for every stub: decode and encode give the same bytes, no prefix
 * decodes, and a damaged one fails or still gives its own bytes back, always within its arena.
 */
#ifndef NT_TESTS_NDR_MESSAGE_H
#define NT_TESTS_NDR_MESSAGE_H

#include "ndr/ndr.h"

struct message {
    const struct nt_ndr_op *op;
    enum nt_ndr_dir dir;
    bool big_endian;
    const uint8_t *stub;
    size_t len;
    const struct message *request; /* of a response; NULL: it is decoded alone */
};

/* Decodes into `arena`, which gets the limit that ndr.h promises. */
enum nt_err message_decode(const struct message *m, struct nt_arena *arena, void **args,
                           size_t *used, struct nt_ndr_notes **notes);

/* Each fails the test when the claim does not hold. */
void message_returns(const struct message *m);         /* the same bytes, and they print */
void message_prefixes_fail(const struct message *m);   /* each one, with an error */
void message_survives_damage(const struct message *m); /* every word replaced by bad ones */

/* Hexadecimal digits, spaces ignored; in memory of the test's own. */
size_t message_hex(const char *text, uint8_t *out, size_t room);

#endif
