/* rpc_parameter.c - what a call's parameters are, and what it returned. */
#include "repair/rpc_value_internal.h"

static enum nt_rpc_kind kind_of(const struct nt_ndr_type *t)
{
    if (t->kind == NDR_POINTER && t->elem->kind == NDR_STRING)
        return NT_RPC_TEXT;
    if (t->kind == NDR_POINTER)
        t = t->elem;
    if (t->kind == NDR_STRUCT)
        return strcmp(t->name, "NETLOGON_AUTHENTICATOR") == 0 ? NT_RPC_AUTHENTICATOR : NT_RPC_OTHER;
    if (t->kind == NDR_CONTEXT)
        return NT_RPC_HANDLE;
    return value_is_integer(t) ? NT_RPC_NUMBER : NT_RPC_OTHER;
}

bool nt_rpc_parameter(const struct nt_ndr_op *op, size_t i, struct nt_rpc_parameter *out)
{
    if (i >= op->layout->count)
        return false;
    const struct nt_ndr_field *f = &op->layout->fields[i];
    *out = (struct nt_rpc_parameter){ .name = f->name,
                                      .in = f->ways & NDR_IN,
                                      .out = f->ways & NDR_OUT,
                                      .wanted = f->type->kind != NDR_POINTER ||
                                                f->type->flags & (NDR_TOP | NDR_REF),
                                      .kind = kind_of(f->type) };
    return true;
}

bool nt_rpc_result(const struct nt_ndr_op *op, const void *args, bool *by_nt, uint32_t *code)
{
    int i = value_find_field(op->layout, "result");
    if (i < 0)
        return false;
    const struct nt_ndr_field *f = &op->layout->fields[i];
    *by_nt = f->type->format == NDR_FORMAT_NTSTATUS;
    memcpy(code, (const uint8_t *)args + f->offset, sizeof *code);
    return f->type->kind == NDR_U32;
}
