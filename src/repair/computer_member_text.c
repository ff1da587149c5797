/*
 * computer_member_text.c - what testparm, tdbdump and net say, as it is read. Pure.
 */
#include "repair/computer_member.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- testparm --- */

static void copy(char *to, size_t size, const char *value, size_t len)
{
    if (len < size) {
        memcpy(to, value, len);
        to[len] = '\0';
    }
}

static bool is_word(const char *value, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(value, word, len) == 0;
}

static void take_option(struct nt_member *m, const char *key, size_t key_len, const char *value,
                        size_t len)
{
    if (is_word(key, key_len, "netbios name"))
        copy(m->computer, sizeof m->computer, value, len);
    else if (is_word(key, key_len, "workgroup"))
        copy(m->domain, sizeof m->domain, value, len);
    else if (is_word(key, key_len, "realm"))
        copy(m->realm, sizeof m->realm, value, len);
    else if (is_word(key, key_len, "private dir"))
        copy(m->private_dir, sizeof m->private_dir, value, len);
    else if (is_word(key, key_len, "security")) {
        m->ads = is_word(value, len, "ads");
        m->is_member = m->ads || is_word(value, len, "domain");
    } else if (is_word(key, key_len, "kerberos method"))
        m->keytab = !is_word(value, len, "secrets only") && !is_word(value, len, "default");
    else if (is_word(key, key_len, "machine password timeout"))
        m->interval_s = (uint32_t)strtoul(value, NULL, 10);
}

bool nt_member_parse(const char *text, struct nt_member *out)
{
    bool global = false;
    for (const char *line = text; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *at = line + strspn(line, " \t");
        const char *equals = memchr(line, '=', len);
        if (*at == '[') {
            global = strncasecmp(at, "[global]", 8) == 0;
        } else if (global && equals != NULL && at < equals) {
            const char *value = equals + 1 + strspn(equals + 1, " \t");
            size_t key = (size_t)(equals - at);
            while (key > 0 && isspace((unsigned char)at[key - 1]))
                key--;
            size_t value_len = value < line + len ? (size_t)(line + len - value) : 0;
            while (value_len > 0 && isspace((unsigned char)value[value_len - 1]))
                value_len--;
            take_option(out, at, key, value, value_len);
        }
        line += len;
        line += *line == '\n' ? 1 : 0;
    }
    return out->computer[0] != '\0' && out->domain[0] != '\0';
}

/* --- tdbdump --- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool nt_member_record(const char *text, uint8_t *out, size_t size, size_t *len)
{
    *len = 0;
    for (const char *p = text; *p != '\0' && *p != '\n';) {
        int value = (unsigned char)*p, step = 1;
        if (*p == '\\') {
            int high = hex(p[1]), low = high >= 0 ? hex(p[2]) : -1;
            if (low < 0)
                return false;
            value = high << 4 | low;
            step = 3;
        }
        if (*len == size)
            return false;
        out[(*len)++] = (uint8_t)value;
        p += step;
    }
    return *len > 0;
}

/* --- net --- */

bool nt_member_sid_parse(const char *text, struct nt_sid *out)
{
    static const char before[] = "SID for domain ";
    const char *line = strstr(text, before);
    const char *is = line != NULL ? strstr(line, " is: S-") : NULL;
    char sid[NT_SID_TEXT];
    if (is == NULL)
        return false;
    is += strlen(" is: ");
    size_t len = strcspn(is, " \r\n");
    if (len >= sizeof sid)
        return false;
    memcpy(sid, is, len);
    sid[len] = '\0';
    return nt_sid_parse(sid, out);
}

ntstatus nt_member_testjoin_parse(int code, const char *text)
{
    /* clang-format off */
    static const struct {
        const char *name;
        ntstatus status;
    } known[] = {
        { "NT_STATUS_ACCESS_DENIED", { (uint32_t)NT_STATUS_CODE_ACCESS_DENIED } },
        { "NT_STATUS_NO_TRUST_SAM_ACCOUNT", { (uint32_t)NT_STATUS_CODE_NO_TRUST_SAM_ACCOUNT } },
        { "NT_STATUS_LOGON_FAILURE", { (uint32_t)NT_STATUS_CODE_ACCESS_DENIED } },
        { "NT_STATUS_ACCOUNT_DISABLED", { (uint32_t)NT_STATUS_CODE_ACCOUNT_DISABLED } },
        { "NT_STATUS_CANT_ACCESS_DOMAIN_INFO", { (uint32_t)NT_STATUS_CODE_CANT_ACCESS_DOMAIN_INFO } },
        { "NT_STATUS_CONNECTION_REFUSED", { (uint32_t)NT_STATUS_CODE_CONNECTION_REFUSED } },
        { "NT_STATUS_HOST_UNREACHABLE", { (uint32_t)NT_STATUS_CODE_HOST_UNREACHABLE } },
        { "NT_STATUS_IO_TIMEOUT", { (uint32_t)NT_STATUS_CODE_IO_TIMEOUT } },
        { "NT_STATUS_DOWNGRADE_DETECTED", { (uint32_t)NT_STATUS_CODE_DOWNGRADE_DETECTED } },
    };
    /* clang-format on */
    if (code == 0)
        return NT_STATUS(SUCCESS);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(text, known[i].name) != NULL)
            return known[i].status;
    return NT_STATUS(UNSUCCESSFUL);
}
