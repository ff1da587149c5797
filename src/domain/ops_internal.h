/*
 * ops_internal.h - what the operations share; seen by ops_*.c only.
 */
#ifndef NT_DOMAIN_OPS_INTERNAL_H
#define NT_DOMAIN_OPS_INTERNAL_H

#include "domain/ops.h"

/* Writes a reason for people and gives the status back. why may be NULL. */
ntstatus nt_op_because(ntstatus status, struct nt_why *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts a record that is given up; turns the outcome into a status, with `exists` for a name that is
 * taken. */
ntstatus nt_op_put(struct nt_txn *txn, void *record, ntstatus exists);
/* A copy of an account to change; NULL with *status NO_SUCH_USER or NO_MEMORY. */
struct nt_account *nt_op_account_copy(struct nt_txn *txn, uint32_t rid, ntstatus *status);
/* The next RID, taken from the domain's record. */
ntstatus nt_op_new_rid(struct nt_txn *txn, uint32_t *rid);
/* USER_EXISTS, GROUP_EXISTS or ALIAS_EXISTS when the name is taken in the domain; else SUCCESS. */
ntstatus nt_op_name_free(const struct nt_dir *dir, const char *name);
/* Who did it, behind a sentence: " (by NAME)", or "". */
const char *nt_op_by(const char *who, char out[80]);

#endif
