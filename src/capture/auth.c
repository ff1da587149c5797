/* Who somebody says to be: NTLM's AUTHENTICATE_MESSAGE and Kerberos, wherever they stand. */
#include <stdio.h>
#include <string.h>

#include "base/utf16.h"
#include "capture/capture_internal.h"
#include "rpc/sec_ntlm.h"

static const uint8_t ntlm_magic[8] = "NTLMSSP";
/* 1.2.840.113554.1.2.2 and Microsoft's older form of it, [MS-SPNG] 1.9 */
static const uint8_t kerberos[] = { 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02 };
static const uint8_t kerberos_ms[] = { 0x2A, 0x86, 0x48, 0x82, 0xF7, 0x12, 0x01, 0x02, 0x02 };

static const uint8_t *find(const uint8_t *data, size_t len, const uint8_t *what, size_t what_len)
{
    for (size_t i = 0; i + what_len <= len; i++)
        if (memcmp(data + i, what, what_len) == 0)
            return data + i;
    return NULL;
}

const char *nt_capture_utf16le(struct nt_arena *a, const uint8_t *text, size_t len)
{
    uint16_t *units = nt_arena_array(a, len / 2 + 1, sizeof *units);
    if (units == NULL)
        return "?";
    for (size_t i = 0; i < len / 2; i++)
        units[i] = (uint16_t)(text[2 * i] | text[2 * i + 1] << 8);
    const char *shown = nt_utf8_show(a, units, len / 2);
    return shown != NULL ? shown : "?";
}

static const char *field(struct nt_arena *a, const struct nt_ntlm_field *f, bool unicode)
{
    if (unicode)
        return nt_capture_utf16le(a, f->data, f->len);
    char *text = nt_arena_dup(a, f->data, f->len);
    for (char *p = text; p != NULL && *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            *p = '?';
    return text != NULL ? text : "?";
}

static void read_ntlm(struct nt_arena *a, const uint8_t *msg, size_t len, struct nt_claim *claim)
{
    struct nt_ntlm_authenticate m;
    if (nt_ntlm_authenticate_read(msg, len, &m) != NT_OK)
        return;
    bool unicode = (m.flags & NT_NTLM_UNICODE) != 0;
    claim->final = true;
    if (m.user.len == 0 && m.nt.len == 0) {
        snprintf(claim->who, sizeof claim->who, "anonymous");
        claim->how = "without credentials";
        return;
    }
    claim->weak = m.nt.len <= 24; /* NTLMv2's response is longer, [MS-NLMP] 2.2.2.8 */
    claim->how = m.nt.len == 0 ? "LM" : claim->weak ? "NTLMv1" : "NTLMv2";
    snprintf(claim->who, sizeof claim->who, "%.64s\\%.100s from %.64s",
             field(a, &m.domain, unicode), field(a, &m.user, unicode),
             field(a, &m.workstation, unicode));
}

void nt_claim_read(struct nt_arena *a, const uint8_t *token, size_t len, struct nt_claim *claim)
{
    *claim = (struct nt_claim){ .how = NULL };
    const uint8_t *ntlm = find(token, len, ntlm_magic, sizeof ntlm_magic);
    if (ntlm != NULL) {
        read_ntlm(a, ntlm, len - (size_t)(ntlm - token), claim);
        return;
    }
    if (find(token, len, kerberos, sizeof kerberos) == NULL &&
        find(token, len, kerberos_ms, sizeof kerberos_ms) == NULL)
        return;
    /* The ticket's name is encrypted: nobody but the server can read it. */
    snprintf(claim->who, sizeof claim->who, "the owner of a ticket");
    claim->how = "Kerberos";
    claim->final = true;
}
