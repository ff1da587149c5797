/* ends_show.c - what was seen of both ends, side by side. */
#include <stdio.h>
#include <string.h>

#include "cli/ends.h"

#define COLUMN 40

/* --- texts of one controller's view --- */

#define UNKNOWN "unknown"

static const char *tdo_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    if (dc == NULL || dc->tdo_asked.look != NT_LOOK_SEEN)
        snprintf(out, size, UNKNOWN);
    else if (!dc->tdo.tdo.exists)
        snprintf(out, size, "not there");
    else
        snprintf(out, size, "%s%s%.*s%s", dc->tdo.tdo.name, dc->tdo.dns[0] != '\0' ? " (" : "",
                 (int)size / 2, dc->tdo.dns, dc->tdo.dns[0] != '\0' ? ")" : "");
    return out;
}

static const struct nt_admin_tdo *tdo_of(const struct nt_controller_facts *dc)
{
    return dc != NULL && dc->tdo_asked.look == NT_LOOK_SEEN && dc->tdo.tdo.exists ? &dc->tdo.tdo
                                                                                  : NULL;
}

static const char *direction_text(const struct nt_controller_facts *dc)
{
    static const char *const names[] = { "disabled", "inbound: it is trusted",
                                         "outbound: it trusts", "both ways" };
    const struct nt_admin_tdo *t = tdo_of(dc);
    return t != NULL ? names[t->direction & 3] : "-";
}

static const char *kind_text(const struct nt_controller_facts *dc)
{
    const struct nt_admin_tdo *t = tdo_of(dc);
    if (t == NULL)
        return "-";
    if (t->type == 1)
        return "NT-style";
    if (t->type != 2)
        return "another (MIT, DCE)";
    return (t->attributes & NT_TRUST_FOREST) != 0 ? "forest" : "external";
}

static const char *encryption_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    if (tdo_of(dc) == NULL || !dc->tdo.enc_known)
        snprintf(out, size, "%s", tdo_of(dc) == NULL ? "-" : UNKNOWN);
    else if (dc->tdo.enc_types == 0)
        snprintf(out, size, "none listed: RC4");
    else
        snprintf(out, size, "%s%s%s(0x%x)", (dc->tdo.enc_types & NT_ENC_AES) != 0 ? "AES " : "",
                 (dc->tdo.enc_types & NT_ENC_RC4) != 0 ? "RC4 " : "",
                 (dc->tdo.enc_types & 3u) != 0 ? "DES " : "", dc->tdo.enc_types);
    return out;
}

static const char *account_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    char when[NT_TIME_TEXT];
    const struct nt_admin_account *a = &dc->account;
    if (dc->account_asked.look != NT_LOOK_SEEN)
        snprintf(out, size, UNKNOWN);
    else if (!a->exists)
        snprintf(out, size, "not there");
    else if (a->type != NT_ADMIN_INTERDOMAIN)
        snprintf(out, size, "a %s account", nt_admin_account_type_name(a->type));
    else
        snprintf(out, size, "%s, set %s", a->disabled ? "disabled" : "enabled",
                 nt_time_format(a->password_set, when));
    return out;
}

static const char *channel_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    const struct nt_admin_channel *c = &dc->channel;
    if (dc->channel_asked.look == NT_LOOK_NOT_ASKED)
        snprintf(out, size, "-");
    else if (dc->channel_asked.look == NT_LOOK_FAILED)
        snprintf(out, size, UNKNOWN);
    else if (c->werr == 0)
        snprintf(out, size, "good, to %.*s", (int)size, c->controller);
    else
        snprintf(out, size, "%u %s", c->werr, nt_werror_name(c->werr));
    return out;
}

/* As the controller remembered it, where that is another thing than what came of the proof. */
static void row_before(const struct nt_controller_facts *dc)
{
    if (dc->before_asked.look == NT_LOOK_SEEN && dc->channel_asked.look == NT_LOOK_SEEN &&
        dc->before.werr != dc->channel.werr)
        printf("    until now        %u %s\n", dc->before.werr, nt_werror_name(dc->before.werr));
}

static const char *ports_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    size_t at = 0;
    for (int p = 0; p < NT_PORT_COUNT && at < size; p++)
        at += (size_t)snprintf(out + at, size - at, "%s%s %u %s", p > 0 ? ", " : "",
                               nt_port_name((enum nt_port_of)p), nt_port_number((enum nt_port_of)p),
                               nt_port_state_name(dc->ports[p]));
    return out;
}

static const char *session_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    const struct nt_admin_protection *p = &dc->protection;
    char dialect[16];
    if (!dc->protection_known)
        snprintf(out, size, UNKNOWN);
    else
        snprintf(out, size, "SMB %s, %s%s", cli_dialect(p->offer.dialect, dialect),
                 p->offer.signing_required ? "signing required" : "signing not required",
                 dc->reached.look != NT_LOOK_SEEN ? ""
                 : p->is_encrypted                ? ", this session encrypted"
                 : p->is_signed                   ? ", this session signed"
                                                  : ", this session neither signed nor encrypted");
    return out;
}

static const char *logons_text(const struct nt_controller_facts *dc)
{
    const struct nt_smb_offer *o = &dc->protection.offer;
    if (!dc->protection_known || !o->mechs_known)
        return UNKNOWN;
    return o->ntlm && o->kerberos ? "offers Kerberos and NTLM"
           : o->kerberos          ? "offers Kerberos"
           : o->ntlm              ? "offers NTLM"
                                  : "offers neither Kerberos nor NTLM";
}

static const char *dns_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    const struct nt_dns_view *v = &dc->dns;
    if (v->look == NT_LOOK_NOT_ASKED)
        snprintf(out, size, "-");
    else if (v->look == NT_LOOK_FAILED)
        snprintf(out, size, UNKNOWN ": it is no DNS server that answers (%s)", v->why);
    else if (v->found == 0)
        snprintf(out, size, "not found: %s: %s", v->asked, v->why);
    else
        snprintf(out, size, "found: %.*s%s", (int)size / 2, v->first,
                 v->found > 1 ? " and others" : "");
    return out;
}

static const char *clock_text(const struct nt_controller_facts *dc, char *out, size_t size)
{
    int64_t off = dc->ahead_100ns < 0 ? -dc->ahead_100ns : dc->ahead_100ns;
    if (dc->clock_known && off < (int64_t)NT_TIME_SECOND / 20)
        snprintf(out, size, "as this computer's");
    else if (dc->clock_known)
        snprintf(out, size, "%+.1f s of this computer's", (double)dc->ahead_100ns / NT_TIME_SECOND);
    else
        snprintf(out, size, UNKNOWN);
    return out;
}

/* --- the table --- */

enum mark { PLAIN, AGREE, DIFFER };

static void row(const char *label, enum mark mark, const char *a, const char *b)
{
    printf("%c %-22s %-*s %s\n",
           mark == DIFFER  ? '!'
           : mark == AGREE ? '='
                           : ' ',
           label, COLUMN, a, b);
}

static void row_sids(const struct cli_ends *e, const struct nt_controller_facts *const dc[2])
{
    char text[2][NT_SID_TEXT + 8];
    enum mark mark = PLAIN;
    for (size_t i = 0; i < 2; i++) {
        const struct nt_admin_tdo *t = tdo_of(dc[i]);
        snprintf(text[i], sizeof text[i], "-");
        if (t == NULL)
            continue;
        nt_sid_format(&t->sid, text[i]);
        if (dc[1 - i] == NULL || mark == DIFFER)
            continue;
        mark = nt_sid_equal(&t->sid, &e->facts.end[1 - i].names.sid) ? AGREE : DIFFER;
    }
    row("the other's SID", mark, text[0], text[1]);
}

static void row_domains(const struct cli_ends *e, const struct nt_controller_facts *const dc[2])
{
    char text[2][NT_ADMIN_DNS + NT_ADMIN_NAME + 8], sid[2][NT_SID_TEXT];
    for (size_t i = 0; i < 2; i++) {
        const struct nt_admin_names *n = &e->facts.end[i].names;
        if (dc[i] == NULL)
            snprintf(text[i], sizeof text[i], "%s: not seen",
                     n->dns[0] != '\0' ? n->dns : nt_end_name(&e->facts.end[i]));
        else
            snprintf(text[i], sizeof text[i], "%s%s%s%s", n->name, n->dns[0] != '\0' ? " (" : "",
                     n->dns, n->dns[0] != '\0' ? ")" : "");
        snprintf(sid[i], sizeof sid[i], "-");
        if (dc[i] != NULL)
            nt_sid_format(&n->sid, sid[i]);
    }
    row("", PLAIN, text[0], text[1]);
    row("SID", PLAIN, sid[0], sid[1]);
}

static void row_directions(const struct cli_ends *e, const struct nt_controller_facts *const dc[2])
{
    const struct nt_admin_tdo *a = tdo_of(dc[0]), *b = tdo_of(dc[1]);
    enum mark mark = PLAIN;
    (void)e;
    if (a != NULL && b != NULL) /* what is inbound here is outbound there */
        mark = (a->direction & 3) == ((b->direction & 1) << 1 | (b->direction & 2) >> 1) ? AGREE
                                                                                         : DIFFER;
    row("direction", mark, direction_text(dc[0]), direction_text(dc[1]));
    mark = a != NULL && b != NULL ? strcmp(kind_text(dc[0]), kind_text(dc[1])) == 0 ? AGREE : DIFFER
                                  : PLAIN;
    row("kind", mark, kind_text(dc[0]), kind_text(dc[1]));
}

static void rows_controllers(const struct cli_ends *e)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < e->facts.end[i].count; k++) {
            const struct nt_controller_facts *dc = &e->facts.end[i].dc[k];
            char account[96], channel[NT_ADMIN_DNS + 32], text[400];
            printf("\n  %s, %s of %s%s\n", dc->host, dc->pdc ? "primary controller" : "controller",
                   nt_end_name(&e->facts.end[i]),
                   k == e->facts.end[i].main || e->facts.end[i].main == e->facts.end[i].count
                       ? ""
                       : " (another one)");
            if (dc->nobody)
                puts("    no administrator of it was named: this is what it tells to all");
            if (dc->reached.look == NT_LOOK_FAILED)
                printf("    %s\n", dc->reached.error.text);
            printf("    ports            %s\n", ports_text(dc, text, sizeof text));
            if (dc->ping.look == NT_LOOK_SEEN)
                printf("    says it is       %s of %s, by CLDAP\n", dc->ping.answer.host,
                       dc->ping.answer.dns);
            printf("    clock            %s\n", clock_text(dc, text, sizeof text));
            printf("    session          %s\n", session_text(dc, text, sizeof text));
            printf("    logons           %s\n", logons_text(dc));
            if (dc->reached.look != NT_LOOK_SEEN)
                continue;
            printf("    the other in DNS %s\n", dns_text(dc, text, sizeof text));
            printf("    account of other %s\n", account_text(dc, account, sizeof account));
            row_before(dc);
            printf("    secure channel   %s\n", channel_text(dc, channel, sizeof channel));
        }
}

void cli_ends_print(const struct cli_ends *e)
{
    const struct nt_controller_facts *dc[2];
    char text[2][512];
    for (size_t i = 0; i < 2; i++)
        dc[i] = nt_end_main(&e->facts.end[i]);
    row_domains(e, dc);
    row("trusted domain object", PLAIN, tdo_text(dc[0], text[0], sizeof text[0]),
        tdo_text(dc[1], text[1], sizeof text[1]));
    row_sids(e, dc);
    row_directions(e, dc);
    encryption_text(dc[0], text[0], sizeof text[0]);
    encryption_text(dc[1], text[1], sizeof text[1]);
    row("encryption types",
        tdo_of(dc[0]) == NULL || tdo_of(dc[1]) == NULL ? PLAIN
        : strcmp(text[0], text[1]) == 0                ? AGREE
                                                       : DIFFER,
        text[0], text[1]);
    rows_controllers(e);
    putchar('\n');
}
