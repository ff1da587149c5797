/*
 * test_lsa_trust.c - trusted domain objects and secrets over LSARPC.
 */
#include "test_samr_world.h"

#include "crypto/lsa.h"

static int setup(void **state)
{
    *state = world_open();
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

#define SECOND "S-1-5-21-7-8-9"

static LSAPR_TRUSTED_DOMAIN_INFORMATION_EX ex(struct world *w, const char *name, const char *sid,
                                              uint32_t direction)
{
    struct nt_sid parsed_sid = parsed(sid);
    return (LSAPR_TRUSTED_DOMAIN_INFORMATION_EX){ .Name = fix_unicode(&w->f, name),
                                                  .FlatName = fix_unicode(&w->f, name),
                                                  .Sid = world_sid(w, &parsed_sid),
                                                  .TrustDirection = direction,
                                                  .TrustType = 1 };
}

/* The blob as a client makes it; NULL: nothing for that half. */
static LSAPR_TRUSTED_DOMAIN_AUTH_BLOB blob(struct world *w, const char *outgoing,
                                           const char *incoming)
{
    struct nt_password out, in;
    struct nt_trust_auth auth = { 0 };
    struct nt_buf b;
    nt_buf_init(&b, 8192);
    if (outgoing != NULL) {
        assert_true(nt_password_from_utf8(&out, outgoing));
        auth.outgoing.current.info[0] = (struct nt_trust_auth_info){ .type = NT_TRUST_AUTH_CLEAR,
                                                                     .data = out.b,
                                                                     .len = out.len };
        auth.outgoing.current.count = 1;
    }
    if (incoming != NULL) {
        assert_true(nt_password_from_utf8(&in, incoming));
        auth.incoming.current.info[0] =
            (struct nt_trust_auth_info){ .type = NT_TRUST_AUTH_CLEAR, .data = in.b, .len = in.len };
        auth.incoming.current.count = 1;
    }
    assert_int_equal(nt_lsa_auth_blob_encode(&w->key, &w->f.env, &auth, &b), NT_OK);
    LSAPR_TRUSTED_DOMAIN_AUTH_BLOB made = { (uint32_t)b.len,
                                            nt_arena_dup(&w->f.arena, b.data, b.len) };
    nt_buf_free(&b);
    return made;
}

static ntstatus create(struct world *w, const char *name, uint32_t direction, const char *outgoing,
                       const char *incoming, LSAPR_HANDLE *out)
{
    struct LsarCreateTrustedDomainEx2 a = { .PolicyHandle = open_policy(w, ADMIN),
                                            .TrustedDomainInformation =
                                                ex(w, name, SECOND, direction),
                                            .DesiredAccess = MAXIMUM_ALLOWED };
    a.AuthenticationInformation.AuthBlob = blob(w, outgoing, incoming);
    ntstatus st = lsa(w, ADMIN, &ndr_LsarCreateTrustedDomainEx2, &a);
    *out = a.TrustedDomainHandle;
    return st;
}

/* The initial password that the TDO would open its channel with; and what permits the other end. */
static void assert_initial(struct world *w, const char *name, const char *password)
{
    struct nt_secret hash;
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_tdo *tdo = nt_dir_tdo(dir, name);
    assert_non_null(tdo);
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    assert_int_equal(tdo->out.state, NT_OUT_PENDING);
    assert_true(tdo->out.current.set && tdo->out.current.initial);
    assert_true(nt_secret_equal(&tdo->out.current.hash, &hash));
    nt_dir_unref(dir);
}

static void assert_permitted(struct world *w, const char *name, const char *password)
{
    struct nt_secret hash;
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_permit(dir, name);
    assert_non_null(account);
    assert_int_equal(nt_owf_text(password, &hash), NT_OK);
    assert_int_equal(account->in->state, NT_IN_PERMITTED);
    assert_true(nt_in_accepts(account->in, nt_dir_policy(dir), &hash));
    nt_dir_unref(dir);
}

/* --- create and delete --- */

static void a_two_way_trust_is_made_and_goes_with_one_call_each(void **state)
{
    struct world *w = *state;
    LSAPR_HANDLE tdo;
    ASSERT_STATUS(create(w, "BLUE", 3, "Out.pw1", "In.pw1", &tdo), SUCCESS);
    assert_initial(w, "BLUE", "Out.pw1");
    assert_permitted(w, "BLUE", "In.pw1");
    ASSERT_STATUS(create(w, "BLUE", 3, "Out.pw1", "In.pw1", &tdo), OBJECT_NAME_COLLISION);

    struct nt_sid sid = parsed(SECOND);
    struct LsarDeleteTrustedDomain d = { .PolicyHandle = open_policy(w, ADMIN),
                                         .TrustedDomainSid = world_sid(w, &sid) };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarDeleteTrustedDomain, &d), SUCCESS);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarDeleteTrustedDomain, &d), NO_SUCH_DOMAIN);
    assert_int_equal(rid_of(w, "BLUE$"), 0);
}

static void an_inbound_half_without_a_password_opens_nothing(void **state)
{
    struct world *w = *state;
    LSAPR_HANDLE tdo;
    struct nt_secret empty;
    ASSERT_STATUS(create(w, "BLUE", 1, NULL, NULL, &tdo), SUCCESS);
    assert_int_equal(nt_owf_text("", &empty), NT_OK);
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_permit(dir, "BLUE");
    assert_non_null(account);
    assert_true(account->in == NULL || !nt_in_accepts(account->in, nt_dir_policy(dir), &empty));
    nt_dir_unref(dir);
    struct LsarDeleteObject d = { .ObjectHandle = tdo };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarDeleteObject, &d), SUCCESS);
    assert_int_equal(rid_of(w, "BLUE$"), 0);
    struct LsarClose c = { .ObjectHandle = tdo };
    ASSERT_FAULT(lsa(w, ADMIN, &ndr_LsarClose, &c), CONTEXT_MISMATCH);
}

static void a_failed_creation_leaves_nothing(void **state)
{
    struct world *w = *state;
    LSAPR_HANDLE tdo;
    /* RESOURCES is permitted already: the inbound half collides after the TDO was put. */
    ASSERT_STATUS(create(w, "RESOURCES", 3, "Out.pw1", "In.pw1", &tdo), OBJECT_NAME_COLLISION);
    struct nt_dir *dir = fix_dir(&w->f);
    assert_null(nt_dir_tdo(dir, "RESOURCES"));
    nt_dir_unref(dir);
    assert_permitted(w, "RESOURCES", "Initial.pw1");
}

static void bad_descriptions_make_no_trust(void **state)
{
    struct world *w = *state;
    LSAPR_HANDLE tdo;
    ASSERT_STATUS(create(w, "BAD NAME", 2, "x", NULL, &tdo), INVALID_PARAMETER);
    ASSERT_STATUS(create(w, "ACCOUNTS", 2, "x", NULL, &tdo), INVALID_PARAMETER);
    ASSERT_STATUS(create(w, "BLUE", 0, "x", NULL, &tdo), INVALID_PARAMETER);
    ASSERT_STATUS(create(w, "BLUE", 4, "x", NULL, &tdo), INVALID_PARAMETER);
    struct LsarCreateTrustedDomainEx2 a = { .PolicyHandle = open_policy(w, ADMIN),
                                            .TrustedDomainInformation =
                                                ex(w, "BLUE", "S-1-5-32", 2),
                                            .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateTrustedDomainEx2, &a), INVALID_PARAMETER);
    a.TrustedDomainInformation = ex(w, "BLUE", SECOND, 2);
    a.AuthenticationInformation.AuthBlob = blob(w, "Out.pw1", NULL);
    memset(a.AuthenticationInformation.AuthBlob.AuthBlob, 0xFF,
           a.AuthenticationInformation.AuthBlob.AuthSize);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateTrustedDomainEx2, &a), INVALID_PARAMETER);
    a.AuthenticationInformation.AuthBlob.AuthSize = 3;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateTrustedDomainEx2, &a), INVALID_PARAMETER);
}

static void the_other_forms_of_creation_work_too(void **state)
{
    struct world *w = *state;
    struct nt_password password;
    struct nt_sid sid = parsed(SECOND);
    struct LsarCreateTrustedDomain a = { .PolicyHandle = open_policy(w, ADMIN),
                                         .TrustedDomainInformation = { fix_unicode(&w->f, "BLUE"),
                                                                       world_sid(w, &sid) },
                                         .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateTrustedDomain, &a), SUCCESS);

    assert_true(nt_password_from_utf8(&password, "Plain.pw1"));
    LSAPR_AUTH_INFORMATION info = { .AuthType = NT_TRUST_AUTH_CLEAR,
                                    .AuthInfoLength = password.len,
                                    .AuthInfo = password.b };
    struct LsarCreateTrustedDomainEx b = { .PolicyHandle = a.PolicyHandle,
                                           .TrustedDomainInformation =
                                               ex(w, "GREEN", "S-1-5-21-4-4-4", 2),
                                           .DesiredAccess = MAXIMUM_ALLOWED };
    b.AuthenticationInformation.OutgoingAuthInfos = 1;
    b.AuthenticationInformation.OutgoingAuthenticationInformation = &info;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateTrustedDomainEx, &b), SUCCESS);
    assert_initial(w, "GREEN", "Plain.pw1");
}

/* --- list and query --- */

static void trusts_are_listed_in_pages(void **state)
{
    struct world *w = *state;
    LSAPR_HANDLE tdo;
    ASSERT_STATUS(create(w, "BLUE", 1, NULL, "In.pw1", &tdo), SUCCESS);
    struct LsarEnumerateTrustedDomains a = { .PolicyHandle = open_policy(w, USER),
                                             .PreferedMaximumLength = 0xFFFFFFFF };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateTrustedDomains, &a), SUCCESS);
    assert_int_equal(a.EnumerationBuffer.EntriesRead, 1); /* BLUE is inbound only */
    assert_string_equal(shown(w, &a.EnumerationBuffer.Information[0].Name), "PARTNER");
    assert_int_equal(a.EnumerationContext, 0xFFFFFFFF);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateTrustedDomains, &a), NO_MORE_ENTRIES);
    assert_int_equal(a.EnumerationBuffer.EntriesRead, 0);

    struct LsarEnumerateTrustedDomainsEx b = { .PolicyHandle = a.PolicyHandle,
                                               .PreferedMaximumLength = 1 };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateTrustedDomainsEx, &b), MORE_ENTRIES);
    assert_string_equal(shown(w, &b.EnumerationBuffer.EnumerationBuffer[0].FlatName), "BLUE");
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarEnumerateTrustedDomainsEx, &b), SUCCESS);
    assert_int_equal(b.EnumerationBuffer.EnumerationBuffer[0].TrustDirection, 2);
}

static void a_trust_is_opened_by_name_or_sid_and_queried(void **state)
{
    struct world *w = *state;
    struct nt_sid sid = parsed("S-1-5-21-11-22-33"), other = parsed(SECOND);
    struct LsarOpenTrustedDomain o = { .PolicyHandle = open_policy(w, USER),
                                       .TrustedDomainSid = world_sid(w, &sid),
                                       .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenTrustedDomain, &o), SUCCESS);
    struct LsarOpenTrustedDomainByName n = { .PolicyHandle = o.PolicyHandle,
                                             .TrustedDomainName = fix_unicode(&w->f, "partner"),
                                             .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenTrustedDomainByName, &n), SUCCESS);
    n.TrustedDomainName = fix_unicode(&w->f, "S-1-5-21-11-22-33");
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenTrustedDomainByName, &n), OBJECT_NAME_NOT_FOUND);

    static const uint16_t open_levels[] = { 1, 3, 5, 6, 11, 13 };
    struct LsarQueryInfoTrustedDomain q = { .TrustedDomainHandle = o.TrustedDomainHandle };
    for (size_t i = 0; i < NT_COUNT(open_levels); i++) {
        q.InformationClass = open_levels[i];
        ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInfoTrustedDomain, &q), SUCCESS);
    }
    q.InformationClass = TrustedDomainNameInformation;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInfoTrustedDomain, &q), SUCCESS);
    assert_string_equal(shown(w, &q.TrustedDomainInformation->TrustedDomainNameInfo.Name),
                        "PARTNER");
    q.InformationClass = 9;
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryInfoTrustedDomain, &q), INVALID_INFO_CLASS);

    struct LsarQueryTrustedDomainInfo s = { .PolicyHandle = o.PolicyHandle,
                                            .TrustedDomainSid = world_sid(w, &other),
                                            .InformationClass = 1 };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryTrustedDomainInfo, &s), NO_SUCH_DOMAIN);
    s.TrustedDomainSid = world_sid(w, &sid);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryTrustedDomainInfo, &s), SUCCESS);
}

static void no_level_gives_a_secret_away(void **state)
{
    struct world *w = *state;
    struct LsarQueryTrustedDomainInfoByName a = { .PolicyHandle = open_policy(w, ADMIN),
                                                  .TrustedDomainName =
                                                      fix_unicode(&w->f, "PARTNER") };
    a.InformationClass = TrustedPasswordInformation;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQueryTrustedDomainInfoByName, &a), ACCESS_DENIED);
    a.InformationClass = TrustedDomainAuthInformation;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQueryTrustedDomainInfoByName, &a), ACCESS_DENIED);
    a.InformationClass = TrustedDomainFullInformation;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQueryTrustedDomainInfoByName, &a), SUCCESS);
    assert_int_equal(a.TrustedDomainInformation->TrustedFullInfo.AuthInformation.OutgoingAuthInfos,
                     0);
    a.PolicyHandle = open_policy(w, USER);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryTrustedDomainInfoByName, &a), ACCESS_DENIED);
    struct LsarOpenSecret s = { .PolicyHandle = open_policy(w, ADMIN),
                                .SecretName = fix_unicode(&w->f, "G$$PARTNER"),
                                .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarOpenSecret, &s), OBJECT_NAME_NOT_FOUND);
}

static void a_forest_is_not_here(void **state)
{
    struct world *w = *state;
    struct LsarQueryForestTrustInformation a = { .PolicyHandle = open_policy(w, USER),
                                                 .TrustedDomainName =
                                                     fix_unicode(&w->f, "PARTNER") };
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarQueryForestTrustInformation, &a), INVALID_DOMAIN_STATE);
}

/* --- set --- */

static LSAPR_CR_CIPHER_VALUE *cipher(struct world *w, const void *data, size_t len)
{
    size_t size = nt_lsa_secret_size(len);
    LSAPR_CR_CIPHER_VALUE *out = nt_arena_alloc(&w->f.arena, sizeof *out);
    out->Buffer = nt_arena_alloc(&w->f.arena, size);
    out->Length = out->MaximumLength = (uint32_t)size;
    nt_lsa_secret_encrypt(&w->key, data, len, out->Buffer);
    return out;
}

static void passwords_of_a_trust_are_set_in_every_form(void **state)
{
    struct world *w = *state;
    LSAPR_HANDLE tdo;
    struct nt_password password;
    ASSERT_STATUS(create(w, "BLUE", 3, "Out.pw1", "In.pw1", &tdo), SUCCESS);
    assert_true(nt_password_from_utf8(&password, "Out.pw2"));
    struct LsarSetInformationTrustedDomain a = { .TrustedDomainHandle = tdo,
                                                 .InformationClass = TrustedPasswordInformation };
    a.TrustedDomainInformation.TrustedPasswordInfo.Password = cipher(w, password.b, password.len);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetInformationTrustedDomain, &a), SUCCESS);
    assert_initial(w, "BLUE", "Out.pw2");
    assert_permitted(w, "BLUE", "In.pw1");

    struct LsarSetTrustedDomainInfoByName b = { .PolicyHandle = open_policy(w, ADMIN),
                                                .TrustedDomainName = fix_unicode(&w->f, "BLUE"),
                                                .InformationClass =
                                                    TrustedDomainAuthInformationInternal };
    b.TrustedDomainInformation.TrustedAuthInfoInternal.AuthBlob = blob(w, "Out.pw3", "In.pw3");
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetTrustedDomainInfoByName, &b), SUCCESS);
    assert_initial(w, "BLUE", "Out.pw3");
    assert_permitted(w, "BLUE", "In.pw3");

    b.TrustedDomainName = fix_unicode(&w->f, "PARTNER"); /* outbound only */
    b.TrustedDomainInformation.TrustedAuthInfoInternal.AuthBlob = blob(w, NULL, "In.pw3");
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetTrustedDomainInfoByName, &b), INVALID_PARAMETER);
    b.PolicyHandle = open_policy(w, USER);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarSetTrustedDomainInfoByName, &b), ACCESS_DENIED);
}

static void what_a_trust_is_can_only_be_confirmed(void **state)
{
    struct world *w = *state;
    struct nt_sid sid = parsed("S-1-5-21-11-22-33");
    struct LsarSetTrustedDomainInfo a = { .PolicyHandle = open_policy(w, ADMIN),
                                          .TrustedDomainSid = world_sid(w, &sid),
                                          .InformationClass = TrustedDomainInformationEx };
    LSAPR_TRUSTED_DOMAIN_INFORMATION_EX *in = &a.TrustedDomainInformation.TrustedDomainInfoEx;
    *in = ex(w, "PARTNER", "S-1-5-21-11-22-33", 2);
    in->TrustAttributes = 4;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetTrustedDomainInfo, &a), SUCCESS);
    struct nt_dir *dir = fix_dir(&w->f);
    assert_int_equal(nt_dir_tdo(dir, "PARTNER")->attributes, 4);
    nt_dir_unref(dir);
    in->TrustDirection = 3;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetTrustedDomainInfo, &a), NOT_SUPPORTED);
    *in = ex(w, "PARTNER", SECOND, 2);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetTrustedDomainInfo, &a), DOMAIN_TRUST_INCONSISTENT);
    *in = ex(w, "OTHER", "S-1-5-21-11-22-33", 2);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetTrustedDomainInfo, &a), INVALID_PARAMETER);
}

/* --- secrets --- */

static void a_secret_keeps_its_value_and_the_one_before(void **state)
{
    struct world *w = *state;
    LSAPR_CR_CIPHER_VALUE *none = NULL;
    LARGE_INTEGER when = { 0 };
    uint8_t plain[64];
    size_t len;
    struct LsarCreateSecret c = { .PolicyHandle = open_policy(w, ADMIN),
                                  .SecretName = fix_unicode(&w->f, "G$backup"),
                                  .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateSecret, &c), SUCCESS);
    struct LsarCreateSecret again = c;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarCreateSecret, &again), OBJECT_NAME_COLLISION);
    struct LsarSetSecret s = { .SecretHandle = c.SecretHandle,
                               .EncryptedCurrentValue = cipher(w, "first", 5) };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetSecret, &s), SUCCESS);
    s.EncryptedCurrentValue = cipher(w, "second", 6);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetSecret, &s), SUCCESS);

    struct LsarQuerySecret q = { .SecretHandle = c.SecretHandle,
                                 .EncryptedCurrentValue = &none,
                                 .EncryptedOldValue = &none,
                                 .CurrentValueSetTime = &when };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarQuerySecret, &q), SUCCESS);
    const LSAPR_CR_CIPHER_VALUE *got = *q.EncryptedCurrentValue;
    assert_int_equal(nt_lsa_secret_decrypt(&w->key, got->Buffer, got->Length, plain, &len), NT_OK);
    assert_int_equal(len, 6);
    assert_memory_equal(plain, "second", 6);
    got = *q.EncryptedOldValue;
    assert_int_equal(nt_lsa_secret_decrypt(&w->key, got->Buffer, got->Length, plain, &len), NT_OK);
    assert_memory_equal(plain, "first", 5);
    assert_true(q.CurrentValueSetTime->QuadPart != 0);

    s.EncryptedCurrentValue = cipher(w, "third", 5);
    s.EncryptedCurrentValue->Buffer[0] ^= 1;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarSetSecret, &s), INVALID_PARAMETER);

    struct LsarDeleteObject d = { .ObjectHandle = c.SecretHandle };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarDeleteObject, &d), SUCCESS);
    struct LsarOpenSecret o = { .PolicyHandle = c.PolicyHandle,
                                .SecretName = c.SecretName,
                                .DesiredAccess = MAXIMUM_ALLOWED };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarOpenSecret, &o), OBJECT_NAME_NOT_FOUND);
    o.PolicyHandle = open_policy(w, USER);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarOpenSecret, &o), ACCESS_DENIED);
}

static void private_data_is_stored_read_and_removed(void **state)
{
    struct world *w = *state;
    uint8_t plain[64];
    size_t len;
    struct LsarStorePrivateData s = { .PolicyHandle = open_policy(w, ADMIN),
                                      .KeyName = fix_unicode(&w->f, "note"),
                                      .EncryptedData = cipher(w, "hello", 5) };
    struct LsarRetrievePrivateData r = { .PolicyHandle = s.PolicyHandle, .KeyName = s.KeyName };
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarStorePrivateData, &s), SUCCESS);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarRetrievePrivateData, &r), SUCCESS);
    assert_int_equal(nt_lsa_secret_decrypt(&w->key, r.EncryptedData->Buffer,
                                           r.EncryptedData->Length, plain, &len),
                     NT_OK);
    assert_memory_equal(plain, "hello", 5);
    r.PolicyHandle = open_policy(w, USER);
    ASSERT_STATUS(lsa(w, USER, &ndr_LsarRetrievePrivateData, &r), ACCESS_DENIED);
    r.PolicyHandle = s.PolicyHandle;
    s.EncryptedData = NULL;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarStorePrivateData, &s), SUCCESS);
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarRetrievePrivateData, &r), OBJECT_NAME_NOT_FOUND);
    s.KeyName = fix_unicode(&w->f, "G$$PARTNER");
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarStorePrivateData, &s), ACCESS_DENIED);
    r.KeyName = s.KeyName;
    ASSERT_STATUS(lsa(w, ADMIN, &ndr_LsarRetrievePrivateData, &r), ACCESS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_two_way_trust_is_made_and_goes_with_one_call_each, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_inbound_half_without_a_password_opens_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_failed_creation_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_descriptions_make_no_trust, setup, teardown),
        cmocka_unit_test_setup_teardown(the_other_forms_of_creation_work_too, setup, teardown),
        cmocka_unit_test_setup_teardown(trusts_are_listed_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(a_trust_is_opened_by_name_or_sid_and_queried, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(no_level_gives_a_secret_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forest_is_not_here, setup, teardown),
        cmocka_unit_test_setup_teardown(passwords_of_a_trust_are_set_in_every_form, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_a_trust_is_can_only_be_confirmed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_keeps_its_value_and_the_one_before, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(private_data_is_stored_read_and_removed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
