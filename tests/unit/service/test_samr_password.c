/*
 * test_samr_password.c - passwords set by administrators under a session key, and changed by users
 * who prove the old one.
 */
#include "test_samr_world.h"

#include "crypto/samr.h"
#include "test_samr_vectors.h"

static int setup(void **state)
{
    struct world *w = world_open();
    world_key(w, SESSION_KEY);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_close(*state);
    return 0;
}

static struct nt_password typed(const char *text)
{
    struct nt_password p;
    assert_true(nt_password_from_utf8(&p, text));
    return p;
}

static struct nt_secret hashed(const char *text)
{
    struct nt_secret hash;
    assert_int_equal(nt_owf_text(text, &hash), NT_OK);
    return hash;
}

/* --- set by an administrator --- */

static ntstatus set_level(struct world *w, enum role role, uint16_t level,
                          const SAMPR_USER_INFO_BUFFER *buffer)
{
    struct SamrSetInformationUser2 a = { .UserHandle = open_user(w, role, rid_of(w, "alice")),
                                         .UserInformationClass = level,
                                         .Buffer = *buffer };
    return samr(w, role, &ndr_SamrSetInformationUser2, &a);
}

static void captured_buffers_set_the_password(void **state)
{
    struct world *w = *state;
    SAMPR_USER_INFO_BUFFER b = { 0 };
    assert_true(nt_unhex(level24_wire, b.Internal5.UserPassword.Buffer, 516));
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal5Information, &b), SUCCESS);
    assert_true(has_password(w, "alice", "Secret.123"));

    b = (SAMPR_USER_INFO_BUFFER){ 0 };
    assert_true(nt_unhex(level26_wire, b.Internal5New.UserPassword.Buffer, 532));
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal5InformationNew, &b), SUCCESS);
    assert_true(has_password(w, "alice", "Secret.124"));

    b = (SAMPR_USER_INFO_BUFFER){ .Internal1 = { .NtPasswordPresent = 1 } };
    assert_true(nt_unhex(LEVEL18_HASH, b.Internal1.EncryptedNtOwfPassword.data, 16));
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal1Information, &b), SUCCESS);
    assert_true(has_password(w, "alice", "Secret.127"));

    uint8_t raw[16];
    uint16_t units[8];
    b = (SAMPR_USER_INFO_BUFFER){ .All = { .NtPasswordPresent = 1, .WhichFields = 0x01000000 } };
    assert_true(nt_unhex(LEVEL21_HASH, raw, 16));
    for (size_t i = 0; i < 8; i++)
        units[i] = nt_le16(raw + 2 * i);
    b.All.NtOwfPassword = (RPC_SHORT_BLOB){ 16, 16, units };
    ASSERT_STATUS(set_level(w, ADMIN, UserAllInformation, &b), SUCCESS);
    assert_true(has_password(w, "alice", "Secret.128"));
}

static void every_password_level_sets_it(void **state)
{
    struct world *w = *state;
    struct nt_password a = typed("Level.23"), b = typed("Level.25"), c = typed("Level.31");
    struct nt_samr_aes aes;
    uint8_t cipher[NT_SAMR_AES_CIPHER_LEN];
    SAMPR_USER_INFO_BUFFER in = { .Internal4 = { .I1 = { .WhichFields = 0x01000002 } } };
    in.Internal4.I1.FullName = fix_unicode(&w->f, "Alice A.");
    nt_samr_password_encode(&w->key, &w->f.env, &a, in.Internal4.UserPassword.Buffer);
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal4Information, &in), SUCCESS);
    assert_true(has_password(w, "alice", "Level.23"));

    in = (SAMPR_USER_INFO_BUFFER){ .Internal4New = { .I1 = { .WhichFields = 0x01000000 } } };
    nt_samr_password_ex_encode(&w->key, &w->f.env, &b, in.Internal4New.UserPassword.Buffer);
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal4InformationNew, &in), SUCCESS);
    assert_true(has_password(w, "alice", "Level.25"));

    in = (SAMPR_USER_INFO_BUFFER){ 0 };
    nt_samr_aes_encode(&w->key, &w->f.env, &c, cipher, &aes);
    memcpy(in.Internal7.UserPassword.AuthData, aes.auth_data, 64);
    memcpy(in.Internal7.UserPassword.Salt, aes.salt, 16);
    in.Internal7.UserPassword.cbCipher = (uint32_t)aes.cipher_len;
    in.Internal7.UserPassword.Cipher = cipher;
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal7Information, &in), SUCCESS);
    assert_true(has_password(w, "alice", "Level.31"));
    in.Internal7.UserPassword.AuthData[5] ^= 1;
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal7Information, &in), WRONG_PASSWORD);
}

static void another_session_key_sets_nothing(void **state)
{
    struct world *w = *state;
    SAMPR_USER_INFO_BUFFER b = { 0 };
    assert_true(nt_unhex(level24_wire, b.Internal5.UserPassword.Buffer, 516));
    world_key(w, "00000000000000000000000000000001");
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal5Information, &b), WRONG_PASSWORD);
    w->as[ADMIN].session_key = NULL;
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal5Information, &b), ACCESS_DENIED);
    assert_true(has_password(w, "alice", "Alice.pw1"));
}

static void a_reset_keeps_to_the_length_that_policy_asks(void **state)
{
    struct world *w = *state;
    struct nt_password shorter = typed("ab");
    SAMPR_USER_INFO_BUFFER in = { 0 };
    fix_policy(&w->f, "min_password_length", 8);
    nt_samr_password_encode(&w->key, &w->f.env, &shorter, in.Internal5.UserPassword.Buffer);
    ASSERT_STATUS(set_level(w, ADMIN, UserInternal5Information, &in), PASSWORD_RESTRICTION);
    assert_true(has_password(w, "alice", "Alice.pw1"));
}

/* net rpc join: create, control, password. */
static void a_machine_joins(void **state)
{
    struct world *w = *state;
    struct nt_password random = { .len = 28 };
    memset(random.b, 0xD8, random.len); /* not text */
    struct SamrCreateUser2InDomain c = { .DomainHandle = open_domain(w, ADMIN, false),
                                         .Name = fix_unicode(&w->f, "redmem$"),
                                         .AccountType = NT_ACB_WORKSTATION,
                                         .DesiredAccess = 0xE00500B0 };
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrCreateUser2InDomain, &c), SUCCESS);
    struct SamrSetInformationUser2 s = { .UserHandle = open_user(w, ADMIN, c.RelativeId),
                                         .UserInformationClass = UserControlInformation };
    s.Buffer.Control.UserAccountControl = 0x280;
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationUser2, &s), SUCCESS);
    s.UserInformationClass = UserInternal5InformationNew;
    s.Buffer = (SAMPR_USER_INFO_BUFFER){ 0 };
    nt_samr_password_ex_encode(&w->key, &w->f.env, &random,
                               s.Buffer.Internal5New.UserPassword.Buffer);
    ASSERT_STATUS(samr(w, ADMIN, &ndr_SamrSetInformationUser2, &s), SUCCESS);

    struct nt_secret hash;
    nt_owf(&random, &hash);
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_account(dir, "REDMEM$");
    assert_non_null(account);
    assert_int_equal(account->acb, NT_ACB_WORKSTATION | NT_ACB_PWNOEXP);
    assert_true(nt_secret_equal(&account->nt_hash, &hash));
    nt_dir_unref(dir);
}

static void other_levels_set_what_they_name(void **state)
{
    struct world *w = *state;
    SAMPR_USER_INFO_BUFFER b = { .AdminComment = { fix_unicode(&w->f, "from tests") } };
    ASSERT_STATUS(set_level(w, ADMIN, UserAdminCommentInformation, &b), SUCCESS);
    b = (SAMPR_USER_INFO_BUFFER){ .Expires = { { 0xFFFFFFFF, 0x7FFFFFFF } } };
    ASSERT_STATUS(set_level(w, ADMIN, UserExpiresInformation, &b), SUCCESS);
    b = (SAMPR_USER_INFO_BUFFER){ .Control = { NT_ACB_NORMAL | NT_ACB_DISABLED } };
    ASSERT_STATUS(set_level(w, ADMIN, UserControlInformation, &b), SUCCESS);
    b = (SAMPR_USER_INFO_BUFFER){ .AccountName = { fix_unicode(&w->f, "alicia") } };
    ASSERT_STATUS(set_level(w, ADMIN, UserAccountNameInformation, &b), SUCCESS);
    struct nt_dir *dir = fix_dir(&w->f);
    const struct nt_account *account = nt_dir_account(dir, "alicia");
    assert_non_null(account);
    assert_string_equal(account->comment, "from tests");
    assert_int_equal(account->expires, 0);
    assert_int_equal(account->acb & NT_ACB_DISABLED, NT_ACB_DISABLED);
    nt_dir_unref(dir);
}

static void fields_that_are_not_to_be_set_are_refused(void **state)
{
    struct world *w = *state;
    SAMPR_USER_INFO_BUFFER b = { .All = { .WhichFields = 0x00000004 } };
    ASSERT_STATUS(set_level(w, ADMIN, UserAllInformation, &b), ACCESS_DENIED);
    b.All.WhichFields = 0x80000000;
    ASSERT_STATUS(set_level(w, ADMIN, UserAllInformation, &b), INVALID_PARAMETER);
    b.All.WhichFields = 0;
    ASSERT_STATUS(set_level(w, ADMIN, UserAllInformation, &b), INVALID_PARAMETER);
    b = (SAMPR_USER_INFO_BUFFER){ 0 };
    ASSERT_STATUS(set_level(w, ADMIN, UserGeneralInformation, &b), INVALID_INFO_CLASS);
}

/* --- changed by its owner --- */

static ntstatus change2(struct world *w, struct how how, const char *user, const char *old,
                        const char *new_text)
{
    struct nt_password password = typed(new_text);
    struct nt_secret old_hash = hashed(old);
    SAMPR_ENCRYPTED_USER_PASSWORD buffer;
    ENCRYPTED_NT_OWF_PASSWORD verifier;
    struct SamrUnicodeChangePasswordUser2 a = { .UserName = fix_unicode(&w->f, user),
                                                .NewPasswordEncryptedWithOldNt = &buffer,
                                                .OldNtOwfPasswordEncryptedWithNewNt = &verifier };
    ntstatus st;
    nt_samr_change_encode(&old_hash, &w->f.env, &password, buffer.Buffer, verifier.data);
    uint32_t fault =
        fix_call_on(&w->f, w->f.conn, &ndr_samr, &ndr_SamrUnicodeChangePasswordUser2, how, &a, &st);
    return fault != 0 ? (ntstatus){ fault } : st;
}

static void who_knows_the_old_password_changes_it_even_without_a_logon(void **state)
{
    struct world *w = *state;
    ASSERT_STATUS(change2(w, fix_plain, "Alice", "Alice.pw1", "New.secret1"), SUCCESS);
    assert_true(has_password(w, "alice", "New.secret1"));
    ASSERT_STATUS(change2(w, w->as[USER], "alice", "New.secret1", "New.secret2"), SUCCESS);
    assert_true(has_password(w, "alice", "New.secret2"));
}

static void all_refusals_look_alike(void **state)
{
    struct world *w = *state;
    ASSERT_STATUS(change2(w, fix_plain, "alice", "wrong", "New.secret1"), WRONG_PASSWORD);
    ASSERT_STATUS(change2(w, fix_plain, "nobody", "wrong", "New.secret1"), WRONG_PASSWORD);
    ASSERT_STATUS(change2(w, fix_plain, "", "wrong", "New.secret1"), WRONG_PASSWORD);
    ASSERT_STATUS(change2(w, fix_plain, "WKS$", "Wks.pw1", "New.secret1"), WRONG_PASSWORD);
    ASSERT_STATUS(change2(w, fix_plain, "RESOURCES$", "Initial.pw1", "New.1"), WRONG_PASSWORD);
    assert_int_equal(fix_trust_state(&w->f, "RESOURCES$"), NT_IN_PERMITTED);
    assert_true(has_password(w, "alice", "Alice.pw1"));
}

static void guessing_locks_the_account(void **state)
{
    struct world *w = *state;
    fix_policy(&w->f, "lockout_threshold", 3);
    for (int i = 0; i < 3; i++)
        ASSERT_STATUS(change2(w, fix_plain, "alice", "wrong", "New.secret1"), WRONG_PASSWORD);
    ASSERT_STATUS(change2(w, fix_plain, "alice", "Alice.pw1", "New.secret1"), ACCOUNT_LOCKED_OUT);
    struct nt_dir *dir = fix_dir(&w->f);
    assert_true(nt_dir_account(dir, "alice")->locked_at != 0);
    nt_dir_unref(dir);
}

static void a_change_that_policy_refuses_says_why(void **state)
{
    struct world *w = *state;
    struct nt_password shorter = typed("ab");
    struct nt_secret old_hash = hashed("Alice.pw1");
    SAMPR_ENCRYPTED_USER_PASSWORD buffer;
    ENCRYPTED_NT_OWF_PASSWORD verifier;
    struct SamrUnicodeChangePasswordUser3 a = { .UserName = fix_unicode(&w->f, "alice"),
                                                .NewPasswordEncryptedWithOldNt = &buffer,
                                                .OldNtOwfPasswordEncryptedWithNewNt = &verifier };
    fix_policy(&w->f, "min_password_length", 8);
    nt_samr_change_encode(&old_hash, &w->f.env, &shorter, buffer.Buffer, verifier.data);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrUnicodeChangePasswordUser3, &a), PASSWORD_RESTRICTION);
    assert_int_equal(a.EffectivePasswordPolicy->MinPasswordLength, 8);
    assert_int_equal(a.ChangeFailure->ExtendedFailureReason, 1);
    struct nt_password good = typed("Long.enough");
    nt_samr_change_encode(&old_hash, &w->f.env, &good, buffer.Buffer, verifier.data);
    ASSERT_STATUS(samr(w, USER, &ndr_SamrUnicodeChangePasswordUser3, &a), SUCCESS);
    assert_true(has_password(w, "alice", "Long.enough"));
    a.NewPasswordEncryptedWithOldNt = NULL;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrUnicodeChangePasswordUser3, &a), INVALID_PARAMETER);
}

static void the_aes_form_changes_it_too(void **state)
{
    struct world *w = *state;
    struct nt_password good = typed("Aes.secret1");
    struct nt_secret old_hash = hashed("Alice.pw1"), cek;
    struct nt_samr_aes aes;
    uint8_t cipher[NT_SAMR_AES_CIPHER_LEN], salt[16];
    struct SamrUnicodeChangePasswordUser4 a = { .UserName = fix_unicode(&w->f, "alice") };
    SAMPR_ENCRYPTED_PASSWORD_AES *out = &a.EncryptedPassword;
    /* The salt is both the key derivation's and the message's: the encoder draws it first. */
    uint64_t seed = w->f.seed;
    nt_random(&w->f.env, salt, sizeof salt);
    w->f.seed = seed;
    assert_int_equal(nt_samr_aes_cek(&old_hash, salt, NT_SAMR_AES_ITERATIONS_MIN, &cek), NT_OK);
    nt_samr_aes_encode(&cek, &w->f.env, &good, cipher, &aes);
    assert_memory_equal(aes.salt, salt, sizeof salt);
    memcpy(out->AuthData, aes.auth_data, 64);
    memcpy(out->Salt, aes.salt, 16);
    out->Cipher = cipher;
    out->cbCipher = (uint32_t)aes.cipher_len;
    out->PBKDF2Iterations = NT_SAMR_AES_ITERATIONS_MIN;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrUnicodeChangePasswordUser4, &a), SUCCESS);
    assert_true(has_password(w, "alice", "Aes.secret1"));
    ASSERT_STATUS(samr(w, USER, &ndr_SamrUnicodeChangePasswordUser4, &a), WRONG_PASSWORD);
    out->PBKDF2Iterations = 1;
    ASSERT_STATUS(samr(w, USER, &ndr_SamrUnicodeChangePasswordUser4, &a), INVALID_PARAMETER);
    ASSERT_FAULT(samr(w, ANONYMOUS, &ndr_SamrUnicodeChangePasswordUser4, &a), ACCESS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(captured_buffers_set_the_password, setup, teardown),
        cmocka_unit_test_setup_teardown(every_password_level_sets_it, setup, teardown),
        cmocka_unit_test_setup_teardown(another_session_key_sets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_keeps_to_the_length_that_policy_asks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_machine_joins, setup, teardown),
        cmocka_unit_test_setup_teardown(other_levels_set_what_they_name, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_that_are_not_to_be_set_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(who_knows_the_old_password_changes_it_even_without_a_logon,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(all_refusals_look_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(guessing_locks_the_account, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_policy_refuses_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(the_aes_form_changes_it_too, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
