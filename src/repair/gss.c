/* gss.c - see gss.h */
#include "repair/gss.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

struct gss {
    struct nt_sec sec;
    gss_cred_id_t cred;
    gss_name_t target;
    gss_ctx_id_t ctx;
    struct nt_buf first; /* the token that was made with the ticket */
    bool begun, done, failed;
    ntstatus status;
    struct nt_secret key;
};

/* 1.3.6.1.5.5.2 and 1.2.840.113554.1.2.2 */
static uint8_t spnego_der[] = { 0x2b, 6, 1, 5, 5, 2 };
static uint8_t krb5_der[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2 };
static gss_OID_desc spnego_oid = { sizeof spnego_der, spnego_der };
static gss_OID_desc krb5_oid = { sizeof krb5_der, krb5_der };

static struct gss *self(struct nt_sec *s)
{
    return (struct gss *)s;
}

/* --- what went wrong ---------------------------------------------------------------------- */

static ntstatus status_of(OM_uint32 minor)
{
    switch ((krb5_error_code)minor) {
    case KRB5_KDC_UNREACH:
    case KRB5_REALM_UNKNOWN:
    case KRB5_REALM_CANT_RESOLVE:
        return NT_STATUS(NO_LOGON_SERVERS);
    case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    case KRB5KRB_AP_ERR_SKEW:
        return NT_STATUS(TIME_DIFFERENCE_AT_DC);
    default:
        return NT_STATUS(LOGON_FAILURE);
    }
}

/* The mechanism's words, which say more than the major status's. */
static void explain(OM_uint32 major, OM_uint32 minor, char *why, size_t size)
{
    OM_uint32 ignored, more = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    bool mech = minor != 0;
    OM_uint32 err =
        gss_display_status(&ignored, mech ? minor : major, mech ? GSS_C_MECH_CODE : GSS_C_GSS_CODE,
                           &krb5_oid, &more, &text);
    if (err == GSS_S_COMPLETE)
        snprintf(why, size, "%.*s", (int)text.length, (const char *)text.value);
    else
        snprintf(why, size, "GSSAPI error 0x%08x/%u", major, minor);
    gss_release_buffer(&ignored, &text);
}

static enum nt_sec_step fail(struct gss *g, ntstatus status)
{
    g->failed = true;
    g->status = status;
    return NT_SEC_FAILED;
}

/* --- the exchange ------------------------------------------------------------------------- */

/* The session key, [MS-SMB2] 3.2.5.3.1: of the context, up to 32 bytes. */
static bool take_key(struct gss *g)
{
    OM_uint32 minor;
    gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
    bool ok = gss_inquire_sec_context_by_oid(&minor, g->ctx, GSS_C_INQ_SSPI_SESSION_KEY, &set) ==
                  GSS_S_COMPLETE &&
              set != GSS_C_NO_BUFFER_SET && set->count > 0 && set->elements[0].length >= 8 &&
              set->elements[0].length <= sizeof g->key.b;
    if (ok)
        nt_secret_set(&g->key, set->elements[0].value, set->elements[0].length);
    gss_release_buffer_set(&minor, &set);
    return ok;
}

static OM_uint32 exchange(struct gss *g, const uint8_t *in, size_t len, struct nt_buf *out,
                          OM_uint32 *minor)
{
    union {
        const uint8_t *in;
        void *value;
    } u = { in }; /* GSSAPI takes void *, and only reads */
    gss_buffer_desc token_in = { .length = len, .value = u.value };
    gss_buffer_desc token_out = GSS_C_EMPTY_BUFFER;
    OM_uint32 ignored, flags = 0;
    OM_uint32 major = gss_init_sec_context(
        minor, g->cred, &g->ctx, g->target, &spnego_oid,
        GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG, 0,
        GSS_C_NO_CHANNEL_BINDINGS, &token_in, NULL, &token_out, &flags, NULL);
    nt_buf_put(out, token_out.value, token_out.length);
    gss_release_buffer(&ignored, &token_out);
    g->done = major == GSS_S_COMPLETE && (flags & GSS_C_MUTUAL_FLAG);
    return major == GSS_S_COMPLETE && !g->done ? GSS_S_FAILURE : major;
}

static enum nt_sec_step step(struct nt_sec *s, const uint8_t *in, size_t len, struct nt_buf *out)
{
    struct gss *g = self(s);
    OM_uint32 minor;
    if (g->failed || g->done)
        return fail(g, g->failed ? g->status : NT_STATUS(INVALID_NETWORK_RESPONSE));
    if (!g->begun) {
        g->begun = true;
        nt_buf_put(out, g->first.data, g->first.len);
        return out->err == NT_OK ? NT_SEC_CONTINUE : fail(g, NT_STATUS(NO_MEMORY));
    }
    OM_uint32 major = exchange(g, in, len, out, &minor);
    if (GSS_ERROR(major))
        return fail(g, status_of(minor));
    if (out->err != NT_OK)
        return fail(g, NT_STATUS(NO_MEMORY));
    if (!g->done)
        return NT_SEC_CONTINUE;
    return take_key(g) ? NT_SEC_DONE : fail(g, NT_STATUS(RPC_SEC_PKG_ERROR));
}

/* --- what it does not do ------------------------------------------------------------------ */

static const struct nt_sec_question *question(const struct nt_sec *s)
{
    (void)s;
    return NULL;
}

static enum nt_sec_step answer(struct nt_sec *s, const struct nt_sec_answer *a, struct nt_buf *out)
{
    (void)a;
    (void)out;
    return fail(self(s), NT_STATUS(INTERNAL_ERROR));
}

static size_t token_size(const struct nt_sec *s, enum nt_auth_level level)
{
    (void)s;
    (void)level;
    return 0;
}

static enum nt_err protect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                           const uint8_t *head, size_t head_len, uint8_t *stub, size_t stub_len,
                           const uint8_t *trailer, uint8_t *token)
{
    (void)s, (void)level, (void)sign_header, (void)head, (void)head_len, (void)stub;
    (void)stub_len, (void)trailer, (void)token;
    return NT_E_UNSUPPORTED;
}

static enum nt_err unprotect(struct nt_sec *s, enum nt_auth_level level, bool sign_header,
                             const uint8_t *head, size_t head_len, uint8_t *stub, size_t stub_len,
                             const uint8_t *trailer, const uint8_t *token, size_t token_len)
{
    (void)s, (void)level, (void)sign_header, (void)head, (void)head_len, (void)stub;
    (void)stub_len, (void)trailer, (void)token, (void)token_len;
    return NT_E_UNSUPPORTED;
}

/* --- life --------------------------------------------------------------------------------- */

static const struct nt_secret *session_key(const struct nt_sec *s)
{
    const struct gss *g = (const struct gss *)s;
    return g->done && g->key.len > 0 ? &g->key : NULL;
}

static ntstatus status(const struct nt_sec *s)
{
    return ((const struct gss *)s)->status;
}

static void release(struct nt_sec *s)
{
    struct gss *g = self(s);
    OM_uint32 minor;
    gss_delete_sec_context(&minor, &g->ctx, GSS_C_NO_BUFFER);
    gss_release_name(&minor, &g->target);
    gss_release_cred(&minor, &g->cred);
    nt_buf_free(&g->first);
    nt_wipe(g, sizeof *g);
    free(g);
}

static const struct nt_sec_ops ops = {
    .step = step,
    .question = question,
    .answer = answer,
    .token_size = token_size,
    .protect = protect,
    .unprotect = unprotect,
    .session_key = session_key,
    .status = status,
    .free = release,
};

/* The ticket cache's credentials, for Kerberos inside SPNEGO and nothing else. */
static OM_uint32 acquire(struct gss *g, OM_uint32 *minor)
{
    gss_OID_set_desc spnego = { 1, &spnego_oid }, krb5 = { 1, &krb5_oid };
    OM_uint32 major = gss_acquire_cred(minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &spnego,
                                       GSS_C_INITIATE, &g->cred, NULL, NULL);
    return GSS_ERROR(major) ? major : gss_set_neg_mechs(minor, g->cred, &krb5);
}

static OM_uint32 name_target(struct gss *g, const char *host, OM_uint32 *minor)
{
    char text[300];
    int len = snprintf(text, sizeof text, "cifs@%.260s", host);
    gss_buffer_desc name = { .length = (size_t)len, .value = text };
    return gss_import_name(minor, &name, GSS_C_NT_HOSTBASED_SERVICE, &g->target);
}

/* Gets the ticket by Kerberos itself: through SPNEGO the library numbers its errors anew, and a
 * number tells the reason. The ticket is in the cache afterwards. */
static OM_uint32 get_ticket(const struct gss *g, OM_uint32 *minor)
{
    gss_ctx_id_t ctx = GSS_C_NO_CONTEXT;
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    OM_uint32 ignored;
    OM_uint32 major = gss_init_sec_context(minor, GSS_C_NO_CREDENTIAL, &ctx, g->target, &krb5_oid,
                                           GSS_C_MUTUAL_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, NULL,
                                           NULL, &token, NULL, NULL);
    gss_release_buffer(&ignored, &token);
    gss_delete_sec_context(&ignored, &ctx, GSS_C_NO_BUFFER);
    return major;
}

struct nt_sec *nt_sec_gss_client(const char *host, ntstatus *why_status, char *why, size_t why_size)
{
    OM_uint32 minor = 0;
    struct gss *g = calloc(1, sizeof *g);
    if (g == NULL) {
        *why_status = NT_STATUS(NO_MEMORY);
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    g->sec.ops = &ops;
    nt_buf_init(&g->first, NT_SEC_MAX_TOKEN);
    OM_uint32 major = name_target(g, host, &minor);
    if (!GSS_ERROR(major))
        major = get_ticket(g, &minor);
    if (!GSS_ERROR(major))
        major = acquire(g, &minor);
    if (!GSS_ERROR(major))
        major = exchange(g, NULL, 0, &g->first, &minor);
    if (!GSS_ERROR(major) && g->first.err == NT_OK && g->first.len > 0)
        return &g->sec;
    *why_status = GSS_ERROR(major) ? status_of(minor) : NT_STATUS(NO_MEMORY);
    explain(major, minor, why, why_size);
    release(&g->sec);
    return NULL;
}

void nt_gss_user(char *out, size_t size)
{
    OM_uint32 minor, ignored;
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    gss_name_t name = GSS_C_NO_NAME;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    gss_OID_set_desc krb5 = { 1, &krb5_oid };
    out[0] = '\0';
    if (!GSS_ERROR(gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &krb5, GSS_C_INITIATE,
                                    &cred, NULL, NULL)) &&
        !GSS_ERROR(gss_inquire_cred(&minor, cred, &name, NULL, NULL, NULL)) &&
        !GSS_ERROR(gss_display_name(&minor, name, &text, NULL)))
        snprintf(out, size, "%.*s", (int)text.length, (const char *)text.value);
    gss_release_buffer(&ignored, &text);
    gss_release_name(&ignored, &name);
    gss_release_cred(&ignored, &cred);
}
