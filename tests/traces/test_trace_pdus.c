/*
 * test_trace_pdus.c - every DCE/RPC PDU of the captures is read and written back to the same bytes;
 * the tokens of its security context are read, and Netlogon's are written back, too. The PDUs come
 * from extract.py --pdus, as they were sent. Usage: test_trace_pdus PDUS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "rpc/pdu.h"
#include "rpc/sec_ntlm.h"
#include "rpc/sec_schannel.h"
#include "rpc/sec_spnego.h"

#define EXPECTED_PDUS   2244
#define EXPECTED_TOKENS 153

enum { AUTH_SPNEGO = 9, AUTH_NTLMSSP = 10, AUTH_SCHANNEL = 68 };

static unsigned failures, pdus, tokens;

static void fail(const char *capture, unsigned frame, const char *what, int err)
{
    fprintf(stderr, "%s frame %u: %s (error %d)\n", capture, frame, what, err);
    failures++;
}

static enum nt_err read_ntlm(const uint8_t *msg, size_t len)
{
    struct nt_ntlm_challenge challenge;
    struct nt_ntlm_authenticate authenticate;
    uint32_t flags;
    switch (len > 8 ? msg[8] : 0) {
    case 1:
        return nt_ntlm_negotiate_read(msg, len, &flags);
    case 2:
        return nt_ntlm_challenge_read(msg, len, &challenge);
    case 3:
        return nt_ntlm_authenticate_read(msg, len, &authenticate);
    default:
        return NT_E_MALFORMED;
    }
}

static enum nt_err read_spnego(const uint8_t *msg, size_t len)
{
    struct nt_spnego_msg spnego;
    enum nt_err err = nt_spnego_read(msg, len, &spnego);
    if (err == NT_OK && spnego.token.len > 0)
        err = read_ntlm(spnego.token.data, spnego.token.len);
    return err;
}

/* A response to a bind carries 12 bytes of which only the type means something; a request is
 * written back. */
static enum nt_err read_nl_auth(const uint8_t *msg, size_t len)
{
    struct nt_nl_auth auth;
    enum nt_err err = nt_nl_auth_read(msg, len, &auth);
    if (err != NT_OK || auth.type != NT_NL_AUTH_REQUEST)
        return err;
    struct nt_buf out;
    nt_buf_init(&out, len + 64);
    err = nt_nl_auth_write(&auth, &out);
    if (err == NT_OK && (out.len != len || memcmp(out.data, msg, len) != 0))
        err = NT_E_MALFORMED;
    nt_buf_free(&out);
    return err;
}

static void check_token(const char *capture, unsigned frame, const struct nt_rpc_verifier *auth)
{
    enum nt_err err = NT_OK;
    switch (auth->type) {
    case AUTH_SPNEGO:
        err = read_spnego(auth->token, auth->token_len);
        break;
    case AUTH_NTLMSSP:
        err = read_ntlm(auth->token, auth->token_len);
        break;
    case AUTH_SCHANNEL:
        err = read_nl_auth(auth->token, auth->token_len);
        break;
    default:
        err = NT_E_UNSUPPORTED;
    }
    if (err == NT_OK)
        tokens++;
    else
        fail(capture, frame, "its security token is not understood", (int)err);
}

static void check(const char *capture, unsigned frame, const uint8_t *data, size_t len)
{
    static struct nt_rpc_pdu pdu;
    enum nt_err err = nt_rpc_pdu_read(&pdu, data, len);
    if (err != NT_OK) {
        fail(capture, frame, "does not read", (int)err);
        return;
    }
    struct nt_buf out;
    nt_buf_init(&out, len + 64);
    nt_rpc_pdu_write(&pdu, &out);
    if (out.err != NT_OK)
        fail(capture, frame, "does not write", (int)out.err);
    else if (out.len != len || memcmp(out.data, data, len) != 0)
        fail(capture, frame, "writes other bytes", 0);
    else
        pdus++;
    nt_buf_free(&out);
    bool talks = pdu.header.ptype >= NT_PT_BIND && pdu.header.ptype <= NT_PT_AUTH3;
    if (pdu.auth.present && talks)
        check_token(capture, frame, &pdu.auth);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (f == NULL) {
        fprintf(stderr, "usage: test_trace_pdus PDUS (the output of extract.py --pdus)\n");
        return 2;
    }
    char *text = NULL;
    size_t cap = 0;
    while (getline(&text, &cap, f) > 0) {
        char capture[64];
        unsigned frame, v;
        int at = 0;
        size_t len = 0;
        uint8_t *data = malloc(strlen(text) / 2 + 1);
        if (data == NULL || sscanf(text, "%63s %u %n", capture, &frame, &at) != 2) {
            fprintf(stderr, "not understood: %s", text);
            failures++;
        } else {
            for (const char *hex = text + at; sscanf(hex, "%2x", &v) == 1; hex += 2)
                data[len++] = (uint8_t)v;
            check(capture, frame, data, len);
        }
        free(data);
    }
    free(text);
    fclose(f);
    printf("%u PDUs round-trip (%d expected), %u security tokens understood (%d expected)\n", pdus,
           EXPECTED_PDUS, tokens, EXPECTED_TOKENS);
    return failures == 0 && pdus >= EXPECTED_PDUS && tokens >= EXPECTED_TOKENS ? 0 : 1;
}
