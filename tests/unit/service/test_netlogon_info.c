/*
 * test_netlogon_info.c - what Netlogon and the endpoint mapper tell about the domain, to whom, and
 * what they do not serve.
 */
#include "../test.h"
#include "fixture.h"
#include "service/tower.h"

#define assert_status(st, name) assert_int_equal((st).code, NT_STATUS(name).code)

static int setup(void **state)
{
    struct fix *f = malloc(sizeof *f);
    fix_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fix_close(*state);
    free(*state);
    return 0;
}

/* A caller with an account's rights, over sealed NTLM. */
static struct how as(struct fix *f, const char *account)
{
    struct nt_dir *dir = fix_dir(f);
    struct how how = { .type = NT_AUTH_NTLM, .level = NT_LEVEL_PRIVACY };
    how.token = nt_token_account(dir, nt_dir_account(dir, account));
    assert_non_null(how.token);
    nt_dir_unref(dir);
    return how;
}

static bool text_is(struct fix *f, const uint16_t *s, const char *expected)
{
    size_t n = 0;
    char *text;
    if (s == NULL)
        return false;
    while (s[n] != 0)
        n++;
    return nt_utf8_from_utf16(&f->arena, s, n, &text) == NT_OK && strcmp(text, expected) == 0;
}

/* Other opnums than those of the table fault, and the connection goes on. */
static void opnums_that_are_not_served_are_out_of_range(void **state)
{
    struct fix *f = *state;
    static const uint16_t served[] = { 2,  3,  4,  5,  6,  11, 12, 13, 14, 15, 18, 19, 20, 21,
                                       23, 26, 27, 28, 29, 30, 31, 34, 36, 39, 40, 42, 45, 46 };
    for (uint16_t op = 0; op < 100; op++) {
        bool known = false;
        struct nt_call call;
        for (size_t i = 0; i < NT_COUNT(served); i++)
            known |= served[i] == op;
        assert_int_equal(fix_serve(f, f->conn, &call, &ndr_netlogon, op, fix_plain, NULL, 0),
                         NT_SERVE_FAULT);
        if (!known)
            assert_int_equal(call.fault, 0x1C010002);
        else
            assert_true(call.fault == NT_FAULT_BAD_STUB || call.fault == NT_FAULT_ACCESS_DENIED);
        nt_call_free(&call);
    }
}

static void a_controller_names_itself_to_anybody(void **state)
{
    struct fix *f = *state;
    struct NetrGetDCName a = { .ServerName = fix_text(f, "\\\\ACCPDC") };
    assert_int_equal(fix_call(f, &ndr_NetrGetDCName, fix_plain, &a).code, 0);
    assert_true(text_is(f, a.Buffer, "\\\\ACCPDC"));
    a.DomainName = fix_text(f, "accounts");
    assert_int_equal(fix_call(f, &ndr_NetrGetDCName, fix_plain, &a).code, 0);
    a.DomainName = fix_text(f, "NOWHERE");
    a.Buffer = NULL;
    assert_int_equal(fix_call(f, &ndr_NetrGetDCName, fix_plain, &a).code, NT_WERR_DCNOTFOUND);
    assert_null(a.Buffer);

    struct DsrGetDcName d = { .Flags = 0x40000000 };
    assert_int_equal(fix_call(f, &ndr_DsrGetDcName, fix_plain, &d).code, 0);
    assert_true(text_is(f, d.DomainControllerInfo->DomainName, "ACCOUNTS"));
    assert_true(text_is(f, d.DomainControllerInfo->DomainControllerAddress, "\\\\192.0.2.1"));
    assert_null(d.DomainControllerInfo->DnsForestName);
    struct DsrGetDcNameEx2 e = { .Flags = 0x10 }; /* a directory service is required */
    assert_int_equal(fix_call(f, &ndr_DsrGetDcNameEx2, fix_plain, &e).code, NT_WERR_NO_SUCH_DOMAIN);
    struct DsrGetSiteName s = { 0 };
    assert_int_equal(fix_call(f, &ndr_DsrGetSiteName, fix_plain, &s).code, NT_WERR_NO_SITENAME);
}

static void partner_known(struct fix *f, struct nt_forward *fwd)
{
    (void)f;
    strcpy(fwd->dc_name, "PARTPDC");
    fwd->status = NT_STATUS(SUCCESS);
    fwd->done(fwd);
}

static void partner_broken(struct fix *f, struct nt_forward *fwd)
{
    (void)f;
    fwd->status = NT_STATUS(NO_TRUST_SAM_ACCOUNT);
    fwd->done(fwd);
}

static void a_trusted_domains_controller_is_named_when_known(void **state)
{
    struct fix *f = *state;
    struct NetrGetAnyDCName a = { .DomainName = fix_text(f, "PARTNER") };
    f->forward = partner_known;
    assert_int_equal(fix_call(f, &ndr_NetrGetAnyDCName, fix_plain, &a).code, 0);
    assert_true(text_is(f, a.Buffer, "\\\\PARTPDC"));
    f->forward = partner_broken;
    a.Buffer = NULL;
    assert_int_equal(fix_call(f, &ndr_NetrGetAnyDCName, fix_plain, &a).code,
                     NT_WERR_NO_SUCH_DOMAIN);
    f->service.forward = NULL; /* a process without an outbound side */
    assert_int_equal(fix_call(f, &ndr_NetrGetAnyDCName, fix_plain, &a).code,
                     NT_WERR_NO_SUCH_DOMAIN);
}

static struct NetrLogonControl2Ex control(struct fix *f, uint32_t function, uint32_t level,
                                          const char *domain)
{
    struct NetrLogonControl2Ex a = { .FunctionCode = function, .QueryLevel = level };
    if (domain != NULL)
        a.Data.TrustedDomainName = fix_text(f, domain);
    return a;
}

static void control_is_asked_by_anybody_and_ordered_by_administrators(void **state)
{
    struct fix *f = *state;
    struct how admin = as(f, "Administrator"), alice = as(f, "alice");
    f->forward = partner_known;
    struct NetrLogonControl q = { .FunctionCode = 1, .QueryLevel = 1 };
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl, fix_plain, &q).code, 0);
    q.QueryLevel = 2; /* winbindd's ping */
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl, fix_plain, &q).code, 0x32);

    struct NetrLogonControl2Ex a = control(f, 6, 2, "PARTNER");
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, fix_plain, &a).code,
                     NT_WERR_ACCESS_DENIED);
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, alice, &a).code, 0);
    assert_true(text_is(f, a.Buffer.NetlogonInfo2->netlog2_trusted_dc_name, "\\\\PARTPDC"));
    static const uint32_t orders[] = { 5, 10 };
    for (size_t i = 0; i < NT_COUNT(orders); i++) {
        a = control(f, orders[i], 2, "PARTNER");
        assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, alice, &a).code,
                         NT_WERR_ACCESS_DENIED);
        assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, admin, &a).code, 0);
        assert_int_equal(a.Buffer.NetlogonInfo2->netlog2_tc_connection_status, 0);
    }
    f->forward = partner_broken;
    a = control(f, 10, 2, "PARTNER");
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, admin, &a).code, 0);
    assert_int_equal(a.Buffer.NetlogonInfo2->netlog2_tc_connection_status,
                     NT_WERR_NO_TRUST_SAM_ACCOUNT);
    a = control(f, 9, 1, "PARTNER");
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, admin, &a).code, 0);
    assert_int_equal(a.Buffer.NetlogonInfo1->netlog1_pdc_connection_status,
                     NT_WERR_NO_TRUST_SAM_ACCOUNT);
    a = control(f, 6, 2, "NOWHERE");
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, alice, &a).code, 0);
    assert_int_equal(a.Buffer.NetlogonInfo2->netlog2_tc_connection_status, NT_WERR_NO_SUCH_DOMAIN);
    a = control(f, 6, 2, NULL);
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, admin, &a).code,
                     NT_WERR_INVALID_PARAMETER);
    a = control(f, 1, 9, NULL);
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, admin, &a).code, NT_WERR_INVALID_LEVEL);
    a = control(f, 77, 1, NULL);
    assert_int_equal(fix_call(f, &ndr_NetrLogonControl2Ex, admin, &a).code, NT_WERR_NOT_SUPPORTED);
    nt_token_unref(admin.token);
    nt_token_unref(alice.token);
}

static void trusts_are_listed_to_authenticated_callers_only(void **state)
{
    struct fix *f = *state;
    struct how alice = as(f, "alice");
    struct NetrEnumerateTrustedDomains a = { 0 };
    assert_int_equal(fix_call(f, &ndr_NetrEnumerateTrustedDomains, fix_plain, &a).code,
                     NT_FAULT_ACCESS_DENIED);
    assert_status(fix_call(f, &ndr_NetrEnumerateTrustedDomains, alice, &a), SUCCESS);
    assert_int_equal(a.DomainNameBuffer.DomainNameByteCount, 18);
    assert_memory_equal(a.DomainNameBuffer.DomainNames, "P\0A\0R\0T\0N\0E\0R\0\0\0\0", 18);

    struct DsrEnumerateDomainTrusts d = { .Flags = 0x2B };
    assert_int_equal(fix_call(f, &ndr_DsrEnumerateDomainTrusts, alice, &d).code, 0);
    assert_int_equal(d.Domains.DomainCount, 2);
    assert_true(text_is(f, d.Domains.Domains[0].NetbiosDomainName, "PARTNER"));
    assert_null(d.Domains.Domains[0].DnsDomainName);
    assert_int_equal(d.Domains.Domains[0].Flags, 2);
    assert_int_equal(d.Domains.Domains[1].Flags, 8);
    struct NetrEnumerateTrustedDomainsEx e = { 0 };
    assert_int_equal(fix_call(f, &ndr_NetrEnumerateTrustedDomainsEx, alice, &e).code, 0);
    assert_int_equal(e.Domains.DomainCount, 1);

    struct NetrLogonGetTrustRid r = { .DomainName = fix_text(f, "RESOURCES") };
    assert_int_equal(fix_call(f, &ndr_NetrLogonGetTrustRid, alice, &r).code, 0);
    assert_true(r.Rid >= 1000);
    r.DomainName = fix_text(f, "WKS");
    assert_int_equal(fix_call(f, &ndr_NetrLogonGetTrustRid, alice, &r).code,
                     NT_WERR_NO_SUCH_DOMAIN);
    nt_token_unref(alice.token);
}

/* --- the endpoint mapper --- */

static uint32_t epm(struct fix *f, const struct nt_ndr_op *op, void *args)
{
    ntstatus status;
    assert_int_equal(fix_call_on(f, f->conn, &ndr_epm, op, fix_plain, args, &status), 0);
    return status.code;
}

static struct twr_t *tower_for(struct fix *f, const struct nt_ndr_interface *iface)
{
    static const uint8_t head[] = { 5, 0, 19, 0, 0x0D };
    static const uint8_t tail[] = { 2,    0,    0,    0,    19,   0,    0x0D, 0x04, 0x5D,
                                    0x88, 0x8A, 0xEB, 0x1C, 0xC9, 0x11, 0x9F, 0xE8, 0x08,
                                    0x00, 0x2B, 0x10, 0x48, 0x60, 2,    0,    2,    0,
                                    0,    0,    1,    0,    0x0B, 2,    0,    0,    0,
                                    1,    0,    7,    2,    0,    0,    135,  1,    0,
                                    9,    4,    0,    0,    0,    0,    0 };
    struct nt_buf b;
    nt_buf_init(&b, 256);
    nt_buf_put(&b, head, sizeof head);
    nt_uuid_write(&b, &iface->uuid);
    nt_buf_u16le(&b, iface->major);
    nt_buf_put(&b, tail, sizeof tail);
    struct twr_t *tower = nt_arena_alloc(&f->arena, sizeof *tower + b.len);
    tower->tower_length = (uint32_t)b.len;
    memcpy(tower->tower_octet_string, b.data, b.len);
    nt_buf_free(&b);
    return tower;
}

static void an_interface_is_mapped_to_its_port(void **state)
{
    struct fix *f = *state;
    struct ept_map a = { .map_tower = tower_for(f, &ndr_netlogon), .max_towers = 4 };
    assert_int_equal(epm(f, &ndr_ept_map, &a), 0);
    assert_int_equal(a.num_towers, 1);
    const uint8_t *octets = a.ITowers[0]->tower_octet_string;
    assert_int_equal(nt_be16(octets + 64), 49153);
    assert_memory_equal(octets + 71, "\xC0\x00\x02\x01", 4); /* where the client is connected to */

    struct nt_ndr_interface other = ndr_netlogon;
    other.uuid.a ^= 1;
    a.map_tower = tower_for(f, &other);
    assert_int_equal(epm(f, &ndr_ept_map, &a), 0x16C9A0D6);
    assert_int_equal(a.num_towers, 0);
    a.map_tower = NULL;
    assert_int_equal(epm(f, &ndr_ept_map, &a), 0x16C9A0D6);
}

static void the_map_is_listed_at_once_or_one_by_one(void **state)
{
    struct fix *f = *state;
    struct ept_lookup a = { .VersOption = 1, .maxEnts = 500 };
    assert_int_equal(epm(f, &ndr_ept_lookup, &a), 0);
    assert_int_equal(a.numEnts, 3);
    /* A page with room left is the last one, and the nil handle says so. */
    assert_true(nt_uuid_is_nil(&a.entry_handle.uuid));

    a.maxEnts = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(epm(f, &ndr_ept_lookup, &a), 0);
        assert_int_equal(a.numEnts, 1);
        assert_false(nt_uuid_is_nil(&a.entry_handle.uuid));
    }
    assert_int_equal(epm(f, &ndr_ept_lookup, &a), 0x16C9A0D6);
    assert_int_equal(a.numEnts, 0);
    assert_true(nt_uuid_is_nil(&a.entry_handle.uuid));

    for (int i = 0; i < 2; i++)
        assert_int_equal(epm(f, &ndr_ept_lookup, &a), 0);
    struct ept_lookup_handle_free h = { .entry_handle = a.entry_handle };
    assert_int_equal(epm(f, &ndr_ept_lookup_handle_free, &h), 0);
    assert_true(nt_uuid_is_nil(&h.entry_handle.uuid));

    struct RPC_IF_ID want = { .Uuid = ndr_samr.uuid, .VersMajor = 1 };
    struct ept_lookup b = { .InquiryType = 1, .Ifid = &want, .VersOption = 3, .maxEnts = 10 };
    assert_int_equal(epm(f, &ndr_ept_lookup, &b), 0);
    assert_int_equal(b.numEnts, 1);
    assert_string_equal(b.entries[0].annotation, "SAM");
}

/* An interface over a pipe stands in the map only while pipes are served. */
static void pipes_are_named_while_there_are_pipes(void **state)
{
    struct fix *f = *state;
    struct twr_t *asked = tower_for(f, &ndr_srvsvc);
    struct nt_tower found;
    asked->tower_octet_string[61] = NT_TOWER_PIPE; /* the protocol of the fourth floor */
    struct ept_map a = { .map_tower = asked, .max_towers = 4 };
    struct ept_lookup l = { .VersOption = 1, .maxEnts = 500 };
    assert_int_equal(epm(f, &ndr_ept_map, &a), 0x16C9A0D6);

    f->service.settings.smb = true;
    assert_int_equal(epm(f, &ndr_ept_map, &a), 0);
    assert_int_equal(a.num_towers, 1);
    const struct twr_t *t = a.ITowers[0];
    assert_int_equal(nt_tower_read(t->tower_octet_string, t->tower_length, &found), NT_OK);
    assert_int_equal(found.transport, NT_TOWER_PIPE);
    assert_memory_equal(t->tower_octet_string + 64, "\\pipe\\ntsvcs", 13);
    assert_memory_equal(t->tower_octet_string + t->tower_length - 9, "\\\\ACCPDC", 9);
    assert_int_equal(epm(f, &ndr_ept_lookup, &l), 0);
    assert_int_equal(l.numEnts, 9);
    assert_string_equal(l.entries[8].annotation, "Workstation service");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(opnums_that_are_not_served_are_out_of_range),
        T(a_controller_names_itself_to_anybody),
        T(a_trusted_domains_controller_is_named_when_known),
        T(control_is_asked_by_anybody_and_ordered_by_administrators),
        T(trusts_are_listed_to_authenticated_callers_only),
        T(an_interface_is_mapped_to_its_port),
        T(pipes_are_named_while_there_are_pipes),
        T(the_map_is_listed_at_once_or_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
