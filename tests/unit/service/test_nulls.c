/*
 * test_nulls.c - every method of every interface with every optional pointer absent in turn, for
 * many levels and kinds of handle: an answer or a fault, never a crash. CVE-2010-2742,
 * CVE-2025-47978
 */
#include "../test.h"

#include "fixture.h"
#include "generate.h"
#include "service/handles.h"

static const uint64_t values[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13, 16, 18, 21, 23, 24, 26 };
/* Levels of the server and workstation services. */
static const uint64_t levels[] = { 0, 1, 2, 3, 10, 100, 101, 102, 501, 502, 1005 };

struct world {
    struct fix f;
    struct nt_arena arena; /* of one call */
    struct how admin;
    struct nt_secret key;
    struct client wks;
};

static void world_open(struct world *w)
{
    fix_open(&w->f);
    nt_arena_init(&w->arena, 8u << 20);
    nt_secret_set(&w->key, "0123456789abcdef", 16);
    struct nt_dir *dir = fix_dir(&w->f);
    w->admin =
        (struct how){ .type = NT_AUTH_NTLM, .level = NT_LEVEL_PRIVACY, .session_key = &w->key };
    w->admin.token = nt_token_account(dir, nt_dir_account(dir, "Administrator"));
    nt_dir_unref(dir);
    w->wks = fix_channel(&w->f, "WKS", "WKS$", "Wks.pw1", 2);
}

static void world_close(struct world *w)
{
    nt_token_unref(w->admin.token);
    fix_drop(&w->wks);
    nt_arena_free(&w->arena);
    fix_close(&w->f);
}

/* One handle of that kind with all rights, on things that exist. */
static struct nt_ndr_context handle_of(struct world *w, struct nt_conn *conn,
                                       enum nt_handle_kind kind, bool builtin)
{
    struct nt_handle like = { .kind = kind, .access = 0xFFFFFFFF, .builtin = builtin };
    struct nt_ndr_context context = { 0 };
    struct nt_call call;
    nt_sid_parse("S-1-5-21-11-22-33-1000", &like.sid);
    like.rid = kind == NT_HANDLE_SAM_USER    ? 500
               : kind == NT_HANDLE_SAM_GROUP ? 512
               : kind == NT_HANDLE_SAM_ALIAS ? 544
                                             : 0;
    strcpy(like.name, kind == NT_HANDLE_LSA_TDO ? "PARTNER" : "G$X");
    nt_call_init(&call, &w->f.service, conn);
    (void)!nt_handle_open(&call, &like, &context);
    nt_call_free(&call);
    return context;
}

/* Lets a Netlogon call through the checks of the secure channel, where it has what they need. */
static void dress(struct world *w, const struct nt_ndr_op *op, void *args, struct client *c)
{
    uint16_t **computer = generate_param(op, args, "ComputerName");
    uint16_t **account = generate_param(op, args, "AccountName");
    uint8_t *authenticator = generate_param(op, args, "Authenticator");
    if (computer != NULL && *computer != NULL)
        *computer = fix_text(&w->f, c->computer);
    if (account != NULL && *account != NULL)
        *account = fix_text(&w->f, c->account);
    if (authenticator == NULL)
        return;
    bool indirect = op->opnum == 2 || op->opnum == 3 || op->opnum == 45;
    if (indirect) {
        uint8_t *behind;
        memcpy(&behind, authenticator, sizeof behind);
        authenticator = behind;
    }
    if (authenticator == NULL)
        return;
    NETLOGON_AUTHENTICATOR next = fix_next(c);
    memcpy(authenticator, &next, sizeof next);
}

/* One call; false: these arguments cannot be sent at all. */
static bool one(struct world *w, struct nt_conn *conn, const struct nt_ndr_interface *iface,
                const struct nt_ndr_op *op, struct generate *g)
{
    struct nt_buf stub;
    struct nt_call call;
    struct client before = w->wks;
    struct how how = w->admin;
    nt_arena_reset(&w->arena);
    nt_arena_reset(&w->f.arena);
    void *args = generate_call(g, op);
    if (iface == &ndr_netlogon) {
        how = w->wks.how;
        dress(w, op, args, &w->wks);
    }
    nt_buf_init(&stub, 1u << 20);
    bool sent = nt_ndr_encode(op, NT_NDR_REQUEST, args, NULL, &stub) == NT_OK;
    if (sent) {
        enum nt_serve got =
            fix_serve(&w->f, conn, &call, iface, op->opnum, how, stub.data, stub.len);
        assert_true(got == NT_SERVE_REPLY || (got == NT_SERVE_FAULT && call.fault != 0));
        if (got == NT_SERVE_REPLY) /* what we send is what its own layout says */
            assert_int_equal(nt_ndr_decode(op, NT_NDR_RESPONSE, false, call.out.data, call.out.len,
                                           &w->f.arena, &args, NULL, NULL),
                             NT_OK);
        nt_call_free(&call);
    }
    nt_buf_free(&stub);
    /* A channel that was moved on stays so; one that was not is asked the same again. */
    struct nt_chain_entry entry;
    if (nt_chains_get(w->f.service.chains, "WKS", &entry) != NT_OK)
        w->wks.chain = before.chain;
    else
        w->wks.chain = entry.chain;
    return sent;
}

static void every_pointer_of(struct world *w, const struct nt_ndr_interface *iface,
                             const struct nt_ndr_op *op, enum nt_handle_kind kind,
                             const uint64_t *of, size_t count)
{
    for (size_t v = 0; v < count; v++) {
        int pointers = 0;
        for (int null_at = -1; null_at < pointers && null_at < 60; null_at++) {
            struct nt_conn *conn = nt_conn_new(&w->f.service, "192.0.2.7:51234", "192.0.2.1:1");
            struct generate g = { .arena = &w->arena, .value = of[v], .null_at = null_at };
            assert_non_null(conn);
            g.context = handle_of(w, conn, kind, v % 2 != 0);
            one(w, conn, iface, op, &g);
            if (null_at < 0)
                pointers = g.pointers;
            nt_conn_free(conn);
        }
    }
}

static bool has_handle(const struct nt_ndr_op *op)
{
    for (size_t i = 0; i < op->layout->count; i++)
        if (op->layout->fields[i].type->kind == NDR_CONTEXT &&
            (op->layout->fields[i].ways & NDR_IN) != 0)
            return true;
    return false;
}

static void walk(const struct nt_ndr_interface *iface, const uint64_t *of, size_t count)
{
    const struct nt_interface *served = nt_interface_of(iface);
    assert_non_null(served);
    for (size_t op = 0; op < served->op_count; op++) {
        if (served->ops[op].layout == NULL)
            continue;
        struct world w;
        memset(&w, 0, sizeof w);
        world_open(&w); /* a fresh one for each method: some of them delete what others need */
        int last = has_handle(served->ops[op].layout) ? NT_HANDLE_EPM : NT_HANDLE_LSA_POLICY;
        for (int kind = NT_HANDLE_LSA_POLICY; kind <= last; kind++)
            every_pointer_of(&w, iface, served->ops[op].layout, (enum nt_handle_kind)kind, of,
                             count);
        world_close(&w);
    }
}

static void netlogon_answers_whatever_is_absent(void **state)
{
    (void)state;
    walk(&ndr_netlogon, values, NT_COUNT(values));
}

static void epm_answers_whatever_is_absent(void **state)
{
    (void)state;
    walk(&ndr_epm, values, NT_COUNT(values));
}

static void lsarpc_answers_whatever_is_absent(void **state)
{
    (void)state;
    walk(&ndr_lsarpc, values, NT_COUNT(values));
}

static void samr_answers_whatever_is_absent(void **state)
{
    (void)state;
    walk(&ndr_samr, values, NT_COUNT(values));
}

static void the_server_and_workstation_services_answer_whatever_is_absent(void **state)
{
    (void)state;
    walk(&ndr_srvsvc, levels, NT_COUNT(levels));
    walk(&ndr_wkssvc, levels, NT_COUNT(levels));
    walk(&ndr_dssetup, levels, NT_COUNT(levels));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(netlogon_answers_whatever_is_absent),
        cmocka_unit_test(epm_answers_whatever_is_absent),
        cmocka_unit_test(lsarpc_answers_whatever_is_absent),
        cmocka_unit_test(samr_answers_whatever_is_absent),
        cmocka_unit_test(the_server_and_workstation_services_answer_whatever_is_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
