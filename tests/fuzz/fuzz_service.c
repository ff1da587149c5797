/*
 * fuzz_service.c - random calls of all interfaces on one connection of a prepared domain. Input:
 * calls, each of 4 bytes (interface and handle, opnum, way of calling, length / 4) and its stub.
 */
#include "../unit/service/fixture.h"
#include "service/handles.h"

#define CALLS_MAX 32

static const struct nt_ndr_interface *const ifaces[] = { &ndr_netlogon, &ndr_lsarpc,  &ndr_samr,
                                                         &ndr_epm,      &ndr_srvsvc,  &ndr_wkssvc,
                                                         &ndr_dssetup,  &ndr_netlogon };

static struct nt_ndr_context handle_of(struct fix *f, unsigned kind)
{
    struct nt_handle like = { .kind = (enum nt_handle_kind)kind, .access = 0xFFFFFFFF };
    struct nt_ndr_context context = { 0 };
    struct nt_call call;
    static const uint32_t rids[] = {
        [NT_HANDLE_SAM_USER] = 500, [NT_HANDLE_SAM_GROUP] = 512, [NT_HANDLE_SAM_ALIAS] = 544
    };
    like.rid = kind < NT_COUNT(rids) ? rids[kind] : 0;
    like.builtin = kind == NT_HANDLE_SAM_ALIAS;
    strcpy(like.name, kind == NT_HANDLE_LSA_TDO ? "PARTNER" : "G$X");
    nt_call_init(&call, &f->service, f->conn);
    (void)!nt_handle_open(&call, &like, &context);
    nt_call_free(&call);
    return context;
}

/* Puts a good handle where the stub begins. */
static void put_handle(uint8_t *stub, const struct nt_ndr_context *context)
{
    struct nt_buf b;
    nt_buf_init(&b, 64);
    nt_buf_u32le(&b, context->attributes);
    nt_uuid_write(&b, &context->uuid);
    if (b.err == NT_OK)
        memcpy(stub, b.data, b.len);
    nt_buf_free(&b);
}

/* A trusted domain's controller that vouches for everybody. */
static void partner(struct fix *f, struct nt_forward *fwd)
{
    static const uint32_t subs[] = { 21, 11, 22, 33 };
    (void)f;
    fwd->status = NT_STATUS(SUCCESS);
    fwd->authoritative = true;
    strcpy(fwd->dc_name, "PARTPDC");
    if (fwd->kind == NT_FORWARD_LOGON) {
        NETLOGON_VALIDATION_SAM_INFO4 *info = nt_arena_alloc(fwd->arena, sizeof *info);
        RPC_SID *sid = nt_arena_alloc(fwd->arena, sizeof *sid + sizeof subs);
        if (info == NULL || sid == NULL) {
            fwd->status = NT_STATUS(NO_MEMORY);
        } else {
            sid->Revision = 1;
            sid->SubAuthorityCount = 4;
            sid->IdentifierAuthority.Value[5] = 5;
            memcpy(sid->SubAuthority, subs, sizeof subs);
            info->LogonDomainId = sid;
            info->UserId = 1105;
            fwd->info = info;
        }
    }
    fwd->done(fwd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fix f;
    fix_open(&f);
    f.forward = partner;
    struct client wks = fix_channel(&f, "WKS", "WKS$", "Wks.pw1", 2);
    struct nt_secret key;
    nt_secret_set(&key, "0123456789abcdef", 16);
    struct nt_dir *dir = fix_dir(&f);
    struct nt_token *admin = nt_token_account(dir, nt_dir_account(dir, "Administrator"));
    nt_dir_unref(dir);
    f.service.settings.smb = true;
    struct how ways[] = {
        fix_plain,
        { .type = NT_AUTH_NTLM, .level = NT_LEVEL_PRIVACY, .token = admin, .session_key = &key },
        { .type = NT_AUTH_SCHANNEL,
          .level = NT_LEVEL_PRIVACY,
          .token = wks.how.token,
          .session_key = &key },
        { .type = NT_AUTH_NTLM, .level = NT_LEVEL_INTEGRITY, .token = wks.how.token },
        fix_pipe(admin, &key),
        fix_pipe(NULL, NULL),
        fix_pipe(wks.how.token, &key),
        { .type = NT_AUTH_SCHANNEL,
          .level = NT_LEVEL_PRIVACY,
          .token = wks.how.token,
          .session_key = &key,
          .transport = NT_TRANSPORT_PIPE,
          .is_encrypted = true },
    };

    for (unsigned calls = 0; calls < CALLS_MAX && size >= 4; calls++) {
        const struct nt_ndr_interface *iface = ifaces[data[0] & 7];
        unsigned kind = data[0] >> 4;
        uint16_t opnum = data[1];
        struct how how = ways[data[2] & 7];
        size_t len = 4 * (size_t)data[3];
        data += 4;
        size -= 4;
        if (len > size)
            len = size;
        uint8_t *stub = malloc(len > 0 ? len : 1); /* of its own, so that a read past it is seen */
        if (stub == NULL)
            break;
        memcpy(stub, data, len);
        if (kind >= NT_HANDLE_LSA_POLICY && kind <= NT_HANDLE_EPM && len >= 20) {
            struct nt_ndr_context context = handle_of(&f, kind);
            put_handle(stub, &context);
        }
        struct nt_call call;
        enum nt_serve got = fix_serve(&f, f.conn, &call, iface, opnum, how, stub, len);
        assert(got == NT_SERVE_REPLY || call.fault != 0);
        nt_call_free(&call);
        free(stub);
        data += len;
        size -= len;
    }
    nt_token_unref(admin);
    fix_drop(&wks);
    fix_close(&f);
    return 0;
}
