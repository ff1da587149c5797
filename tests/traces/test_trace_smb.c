/*
 * test_trace_smb.c - every SMB message of the captures is read and written back to the same bytes;
 * signatures are checked and encrypted messages opened with the keys that the session key gives.
 * The messages come from extract.py --smb, as they were sent. Usage: test_trace_smb MESSAGES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/smb.h"
#include "smb/msg.h"

#define EXPECTED_MESSAGES  2971
#define EXPECTED_SAME      2057
#define EXPECTED_SIGNED    1804
#define EXPECTED_ENCRYPTED 243

#define SESSIONS 16

struct session {
    uint64_t id; /* 0 until the server gave one */
    bool used, has_keys;
    struct nt_secret key; /* of the NTLM response */
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
    struct nt_smb_keys client, server; /* what each end decrypts with */
};

struct connection {
    char name[80];
    uint16_t dialect;
    enum nt_smb_cipher cipher;
    enum nt_smb_signing signing;
    uint8_t preauth[NT_SMB_PREAUTH_LEN];
    struct nt_secret key; /* seen, and not yet given to a session */
    struct session sessions[SESSIONS];
};

static struct connection conn;
static const char *where;
static unsigned failures, messages, same, verified, opened, smb1;

static void fail(const char *what, int err)
{
    fprintf(stderr, "%s: %s (error %d)\n", where, what, err);
    failures++;
}

/* --- sessions ------------------------------------------------------------------------------- */

static struct session *session_of(uint64_t id)
{
    for (size_t i = 0; i < SESSIONS; i++)
        if (conn.sessions[i].used && conn.sessions[i].id == id)
            return &conn.sessions[i];
    return NULL;
}

static struct session *session_make(void)
{
    for (size_t i = 0; i < SESSIONS; i++)
        if (!conn.sessions[i].used) {
            struct session *s = &conn.sessions[i];
            *s = (struct session){ .used = true };
            memcpy(s->preauth, conn.preauth, sizeof s->preauth);
            return s;
        }
    fprintf(stderr, "too many sessions\n");
    exit(2);
}

static void on_setup(const struct nt_smb2_header *h, bool client, const uint8_t *msg, size_t len)
{
    struct session *s = session_of(h->session_id);
    if (s == NULL && client)
        s = session_make();
    if (s == NULL && (s = session_of(0)) != NULL)
        s->id = h->session_id;
    if (s == NULL || s->has_keys)
        return;
    if (client && conn.key.len > 0) {
        s->key = conn.key;
        conn.key.len = 0;
    }
    bool done = !client && nt_status_is(h->status, NT_STATUS(SUCCESS));
    if (!done)
        nt_smb_preauth_update(s->preauth, msg, len);
    if (!done || s->key.len == 0)
        return;
    nt_smb_keys_derive(&s->client, &s->key, conn.dialect, conn.signing, conn.cipher, s->preauth,
                       false);
    nt_smb_keys_derive(&s->server, &s->key, conn.dialect, conn.signing, conn.cipher, s->preauth,
                       true);
    s->has_keys = true;
}

static void on_negotiate(bool client, const uint8_t *msg, size_t len)
{
    struct nt_smb2_negotiate_rsp rsp;
    bool answered = !client && nt_smb2_negotiate_rsp_read(msg, len, &rsp) == NT_OK;
    if (answered && rsp.dialect == NT_SMB2_WILD)
        return; /* of the SMB1 form: not yet what the hash covers, [MS-SMB2] 3.3.5.3.2 */
    nt_smb_preauth_update(conn.preauth, msg, len);
    if (!answered)
        return;
    const struct nt_smb2_contexts *c = &rsp.contexts;
    conn.dialect = rsp.dialect;
    conn.signing = rsp.dialect < NT_SMB2_300 ? NT_SMB_HMAC_SHA256 : NT_SMB_AES_CMAC;
    conn.cipher = NT_SMB_AES128_CCM;
    if (rsp.dialect == NT_SMB2_311 && c->has_signing)
        conn.signing = (enum nt_smb_signing)c->signings[0];
    if (rsp.dialect == NT_SMB2_311)
        conn.cipher = c->has_ciphers ? (enum nt_smb_cipher)c->ciphers[0] : NT_SMB_NO_CIPHER;
}

/* --- one message: read, and written back ------------------------------------------------------ */

#define ROUND(name)                                                                                \
    static enum nt_err round_##name(const uint8_t *msg, size_t len, struct nt_buf *out)            \
    {                                                                                              \
        static struct nt_smb2_##name m;                                                            \
        enum nt_err err = nt_smb2_##name##_read(msg, len, &m);                                     \
        if (err == NT_OK)                                                                          \
            nt_smb2_##name##_write(out, &m);                                                       \
        return err;                                                                                \
    }
ROUND(negotiate_req)
ROUND(negotiate_rsp)
ROUND(session_setup_req)
ROUND(session_setup_rsp)
ROUND(tree_connect_req)
ROUND(tree_connect_rsp)
ROUND(create_req)
ROUND(create_rsp)
ROUND(close_req)
ROUND(close_rsp)
ROUND(read_req)
ROUND(read_rsp)
ROUND(write_req)
ROUND(ioctl_req)
ROUND(ioctl_rsp)
ROUND(query_info_req)

static enum nt_err round_write_rsp(const uint8_t *msg, size_t len, struct nt_buf *out)
{
    uint32_t count = 0;
    enum nt_err err = nt_smb2_write_rsp_read(msg, len, &count);
    nt_smb2_write_rsp_write(out, count);
    return err;
}

static enum nt_err round_query_info_rsp(const uint8_t *msg, size_t len, struct nt_buf *out)
{
    struct nt_smb2_bytes data = { NULL, 0 };
    enum nt_err err = nt_smb2_query_info_rsp_read(msg, len, &data);
    if (err == NT_OK)
        nt_smb2_query_info_rsp_write(out, data);
    return err;
}

static enum nt_err round_error(const uint8_t *msg, size_t len, struct nt_buf *out)
{
    struct nt_smb2_bytes data = { NULL, 0 };
    enum nt_err err = nt_smb2_error_read(msg, len, &data);
    if (err == NT_OK)
        nt_smb2_error_write(out, data);
    return err;
}

static enum nt_err round_empty(const uint8_t *msg, size_t len, struct nt_buf *out)
{
    nt_smb2_empty_write(out);
    return nt_smb2_empty_read(msg, len);
}

typedef enum nt_err (*round_fn)(const uint8_t *msg, size_t len, struct nt_buf *out);

static round_fn round_of(const struct nt_smb2_header *h)
{
    static const round_fn requests[NT_SMB2_COMMANDS] = {
        [NT_SMB2_NEGOTIATE] = round_negotiate_req,
        [NT_SMB2_SESSION_SETUP] = round_session_setup_req,
        [NT_SMB2_LOGOFF] = round_empty,
        [NT_SMB2_TREE_CONNECT] = round_tree_connect_req,
        [NT_SMB2_TREE_DISCONNECT] = round_empty,
        [NT_SMB2_CREATE] = round_create_req,
        [NT_SMB2_CLOSE] = round_close_req,
        [NT_SMB2_READ] = round_read_req,
        [NT_SMB2_WRITE] = round_write_req,
        [NT_SMB2_IOCTL] = round_ioctl_req,
        [NT_SMB2_CANCEL] = round_empty,
        [NT_SMB2_ECHO] = round_empty,
        [NT_SMB2_QUERY_INFO] = round_query_info_req,
    };
    static const round_fn responses[NT_SMB2_COMMANDS] = {
        [NT_SMB2_NEGOTIATE] = round_negotiate_rsp,
        [NT_SMB2_SESSION_SETUP] = round_session_setup_rsp,
        [NT_SMB2_LOGOFF] = round_empty,
        [NT_SMB2_TREE_CONNECT] = round_tree_connect_rsp,
        [NT_SMB2_TREE_DISCONNECT] = round_empty,
        [NT_SMB2_CREATE] = round_create_rsp,
        [NT_SMB2_CLOSE] = round_close_rsp,
        [NT_SMB2_READ] = round_read_rsp,
        [NT_SMB2_WRITE] = round_write_rsp,
        [NT_SMB2_IOCTL] = round_ioctl_rsp,
        [NT_SMB2_ECHO] = round_empty,
        [NT_SMB2_QUERY_INFO] = round_query_info_rsp,
    };
    if (h->command >= NT_SMB2_COMMANDS)
        return NULL;
    if (!(h->flags & NT_SMB2_FLAG_RESPONSE))
        return requests[h->command];
    bool body = nt_status_is(h->status, NT_STATUS(SUCCESS)) ||
                nt_status_is(h->status, NT_STATUS(BUFFER_OVERFLOW)) ||
                nt_status_is(h->status, NT_STATUS(MORE_PROCESSING_REQUIRED));
    return body ? responses[h->command] : round_error;
}

static void round_trip(const struct nt_smb2_header *h, const uint8_t *msg, size_t len)
{
    round_fn f = round_of(h);
    struct nt_buf out;
    if (f == NULL)
        return; /* of files, not of pipes: one client looks into a folder */
    nt_buf_init(&out, len + 256);
    nt_smb2_header_write(&out, h);
    enum nt_err err = f(msg, len, &out);
    messages++;
    if (err != NT_OK)
        fail("does not read", (int)err);
    else if (out.err != NT_OK)
        fail("does not write", (int)out.err);
    else if (out.len == len && memcmp(out.data, msg, len) == 0)
        same++;
    else if (getenv("SHOW_DIFFERENCES") != NULL)
        printf("%s: command %u flags %x: %zu bytes, %zu written\n", where, h->command, h->flags,
               len, out.len);
    nt_buf_free(&out);
}

static void on_message(bool client, const uint8_t *msg, size_t len)
{
    struct nt_smb2_header h;
    enum nt_err err = nt_smb2_header_read(msg, len, &h);
    if (err != NT_OK) {
        fail("its header does not read", (int)err);
        return;
    }
    if (h.command == NT_SMB2_NEGOTIATE)
        on_negotiate(client, msg, len);
    if (h.command == NT_SMB2_SESSION_SETUP)
        on_setup(&h, client, msg, len);
    round_trip(&h, msg, len);
    const struct session *s = session_of(h.session_id);
    if (!(h.flags & NT_SMB2_FLAG_SIGNED) || s == NULL || !s->has_keys)
        return;
    err = nt_smb_sign_check(&s->client, msg, len, !client);
    if (err == NT_OK)
        verified++;
    else
        fail("its signature is not right", (int)err);
}

static void on_compound(bool client, const uint8_t *msg, size_t len)
{
    while (len > 0) {
        struct nt_smb2_header h;
        size_t one = nt_smb2_header_read(msg, len, &h) == NT_OK && h.next != 0 ? h.next : len;
        on_message(client, msg, one);
        msg += one;
        len -= one;
    }
}

static void on_encrypted(bool client, uint8_t *msg, size_t len)
{
    struct nt_smb2_transform t;
    enum nt_err err = nt_smb2_transform_read(msg, len, &t);
    if (err != NT_OK) {
        fail("its encryption header does not read", (int)err);
        return;
    }
    if (t.session_id == 0)
        return; /* one client ends its session by a message that nobody can open */
    const struct session *s = session_of(t.session_id);
    if (s == NULL || !s->has_keys) {
        fail("there is no key for it", 0);
        return;
    }
    err = nt_smb_decrypt(client ? &s->server : &s->client, msg, len);
    if (err != NT_OK) {
        fail("it cannot be opened", (int)err);
        return;
    }
    opened++;
    on_compound(client, msg + NT_SMB_TRANSFORM_LEN, len - NT_SMB_TRANSFORM_LEN);
}

static void on_frame(bool client, uint8_t *msg, size_t len)
{
    struct nt_smb1_negotiate old;
    switch (nt_smb_kind(msg, len)) {
    case NT_SMB_KIND_SMB2:
        on_compound(client, msg, len);
        break;
    case NT_SMB_KIND_TRANSFORM:
        on_encrypted(client, msg, len);
        break;
    case NT_SMB_KIND_SMB1:
        if (nt_smb1_negotiate_read(msg, len, &old) != NT_OK || !old.smb2_wild)
            fail("an SMB1 negotiate that does not lead to SMB2", 0);
        smb1++;
        break;
    case NT_SMB_KIND_NONE:
    case NT_SMB_KIND_COMPRESSED:
        fail("no SMB", 0);
        break;
    }
}

static void on_line(char *text)
{
    char capture[64], name[80], kind;
    unsigned number, frame;
    int at = 0;
    if (sscanf(text, "%63s %u %u %c %n", capture, &number, &frame, &kind, &at) != 4 || at == 0) {
        fprintf(stderr, "not understood: %.100s\n", text);
        failures++;
        return;
    }
    snprintf(name, sizeof name, "%s/%u", capture, number);
    if (strcmp(name, conn.name) != 0) { /* the next connection */
        conn = (struct connection){ 0 };
        snprintf(conn.name, sizeof conn.name, "%s", name);
    }
    char place[120];
    snprintf(place, sizeof place, "%s frame %u", name, frame);
    where = place;
    text[at + (int)strcspn(text + at, "\n")] = '\0';
    size_t len = strlen(text + at) / 2;
    uint8_t *data = malloc(len + 1);
    if (data == NULL || !nt_unhex(text + at, data, len))
        fail("no hexadecimal", 0);
    else if (kind == 'k')
        nt_secret_set(&conn.key, data, len);
    else
        on_frame(kind == 'c', data, len);
    free(data);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (f == NULL) {
        fprintf(stderr, "usage: test_trace_smb MESSAGES (the output of extract.py --smb)\n");
        return 2;
    }
    char *text = NULL;
    size_t cap = 0;
    while (getline(&text, &cap, f) > 0)
        on_line(text);
    free(text);
    fclose(f);
    printf("%u messages read (%d expected), %u written back the same (%d), %u signatures right "
           "(%d), %u opened (%d), %u of SMB1\n",
           messages, EXPECTED_MESSAGES, same, EXPECTED_SAME, verified, EXPECTED_SIGNED, opened,
           EXPECTED_ENCRYPTED, smb1);
    return failures == 0 && messages >= EXPECTED_MESSAGES && same >= EXPECTED_SAME &&
                   verified >= EXPECTED_SIGNED && opened >= EXPECTED_ENCRYPTED
               ? 0
               : 1;
}
