/*
 * msg_internal.h - what the readers and writers of msg.h share; seen by msg_*.c only.
 */
#ifndef NT_SMB_MSG_INTERNAL_H
#define NT_SMB_MSG_INTERNAL_H

#include "smb/msg.h"

/* Puts the cursor behind a message's header and checks the body's StructureSize. */
void nt_smb2_body_begin(struct nt_cursor *c, const uint8_t *msg, size_t len, uint16_t size);

/* `len` bytes at an offset from the header. Empty: any offset; the pointer is then good for
 * nothing but not NULL. Behind the body's fixed part (`fixed`, odd as in StructureSize) or it is
 * malformed. The cursor stays where it is. */
struct nt_smb2_bytes nt_smb2_bytes_at(struct nt_cursor *c, size_t offset, size_t len,
                                      uint16_t fixed);

struct nt_smb2_fid nt_smb2_fid_read(struct nt_cursor *c);
void nt_smb2_fid_write(struct nt_buf *b, const struct nt_smb2_fid *fid);

/* Offset of what follows a body's fixed part of that StructureSize: always right behind it. */
#define NT_SMB2_BEHIND(size) (NT_SMB2_HEADER_LEN + ((size) & ~1u))

/* The variable part of a body: one zero byte when it is empty, as StructureSize counts one. */
void nt_smb2_bytes_write(struct nt_buf *b, struct nt_smb2_bytes data);

/* Lengths of variable parts as the wire counts them; too long ones fail the buffer. */
uint16_t nt_smb2_len16(struct nt_buf *b, size_t len);
uint32_t nt_smb2_len32(struct nt_buf *b, size_t len);

#endif
