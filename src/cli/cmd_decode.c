/* decode: one call's stub, or the story that a capture tells. */
#include "cli/cli.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/capture.h"
#include "ndr/ndr.h"

#define STUB_MAX (4u * 1024 * 1024)

/* --- one call --- */

static bool read_file(const char *path, struct nt_buf *out)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rbe");
    uint8_t chunk[65536];
    size_t n;
    if (f == NULL) {
        cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        nt_buf_put(out, chunk, n);
    bool ok = !ferror(f) && out->err == NT_OK;
    if (!ok)
        cli_fail("%s: %s", path, out->err != NT_OK ? "larger than 4 MiB" : strerror(errno));
    if (!standard)
        fclose(f);
    return ok;
}

/* Hexadecimal text with any white space and ':' between, in place. */
static bool from_hex(struct nt_buf *b)
{
    size_t digits = 0;
    for (size_t i = 0; i < b->len; i++)
        if (strchr(" \t\r\n:", b->data[i]) == NULL)
            b->data[digits++] = b->data[i];
    if (digits % 2 != 0)
        return false;
    for (size_t i = 0; i < digits / 2; i++) {
        char pair[3] = { (char)b->data[2 * i], (char)b->data[2 * i + 1], '\0' };
        if (!nt_unhex(pair, b->data + i, 1))
            return false;
    }
    b->len = digits / 2;
    return true;
}

static int print_decoded(const struct cli *cli, const struct nt_ndr_op *op, struct nt_buf *in)
{
    enum nt_ndr_dir dir = cli->response ? NT_NDR_RESPONSE : NT_NDR_REQUEST;
    struct nt_arena arena;
    struct nt_buf text;
    void *args = NULL;
    size_t used = 0;
    int code = EXIT_GOOD;
    nt_arena_init(&arena, NT_NDR_ARENA_LIMIT(in->len));
    nt_buf_init(&text, 64u * 1024 * 1024);
    enum nt_err err = nt_ndr_decode(op, dir, false, in->data, in->len, &arena, &args, &used, NULL);
    if (err == NT_OK)
        err = cli->json ? nt_ndr_print_json(op, dir, args, &text)
                        : nt_ndr_print(op, dir, args, &text);
    if (err != NT_OK) {
        code = cli_fail("this is no %s of %s: %s", cli->response ? "response" : "request", op->name,
                        nt_err_text(err));
    } else {
        fwrite(text.data, 1, text.len, stdout);
        putchar('\n');
        if (!cli->json && used < in->len)
            printf("(%zu bytes behind it: padding or a verification trailer)\n", in->len - used);
    }
    nt_buf_free(&text);
    nt_arena_free(&arena);
    return code;
}

static int decode_stub(const struct cli *cli)
{
    if (cli->interface == NULL || cli->opnum == NULL || cli->file == NULL)
        return cli_usage(
            "decode needs --pcap; or --interface, --opnum, and --request or --response");
    const struct nt_ndr_interface *iface = nt_ndr_interface_by_name(cli->interface);
    char *end;
    unsigned long opnum = strtoul(cli->opnum, &end, 10);
    if (iface == NULL)
        return cli_usage(
            "there is no interface '%s': netlogon, lsarpc, samr, epm, srvsvc, wkssvc or "
            "dssetup",
            cli->interface);
    if (*cli->opnum == '\0' || *end != '\0' || opnum >= iface->op_count ||
        iface->ops[opnum] == NULL)
        return cli_usage("%s has no call of number '%s'", cli->interface, cli->opnum);
    struct nt_buf in;
    nt_buf_init(&in, STUB_MAX);
    int code = EXIT_FAILED;
    if (read_file(cli->file, &in)) {
        if (cli->hex && !from_hex(&in))
            code = cli_fail("%s: this is not hexadecimal text", cli->file);
        else
            code = print_decoded(cli, iface->ops[opnum], &in);
    }
    nt_buf_free(&in);
    return code;
}

/* --- a capture --- */

struct story {
    const struct cli *cli;
    json_t *lines; /* with --json */
};

static const char *clock_of(nt_time t, char out[32])
{
    char whole[NT_TIME_TEXT];
    nt_time_format(t, whole);
    snprintf(out, 32, "%.8s.%03u", strlen(whole) > 11 ? whole + 11 : "--------",
             (unsigned)(t % NT_TIME_SECOND / 10000));
    return out;
}

static void print_line(void *ctx, const struct nt_capture_line *line)
{
    static const char *const tones[] = { "", "good", "bad" };
    struct story *s = ctx;
    char when[NT_TIME_TEXT], tone[64];
    if (s->lines != NULL) {
        json_array_append_new(s->lines,
                              json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "time",
                                        nt_time_rfc3339(line->at, when), "client", line->client,
                                        "server", line->server, "protocol", line->protocol, "tone",
                                        tones[line->tone], "text", line->text));
        return;
    }
    printf("%s %s %s > %s  %s: %s\n", clock_of(line->at, when),
           cli_state(s->cli, tones[line->tone], 4, tone), line->client, line->server,
           line->protocol, line->text);
}

static json_t *channel_json(const struct nt_capture_channel *ch)
{
    char when[NT_TIME_TEXT];
    bool answered = ch->granted + ch->refused > 0;
    return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:s,s:s,s:s}", "account", ch->account, "computer",
                     ch->computer, "server", ch->server, "type", (int)ch->type, "granted",
                     (int)ch->granted, "refused", (int)ch->refused, "last",
                     answered ? nt_status_name(ch->last) : "", "last_time",
                     nt_time_rfc3339(ch->last_at, when), "meaning",
                     answered ? nt_capture_meaning(ch->type, ch->last) : "");
}

static void print_channel(const struct cli *cli, const struct nt_capture_channel *ch)
{
    char word[64];
    bool answered = ch->granted + ch->refused > 0, good = nt_status_ok(ch->last);
    printf("  %s %s (computer %s) at %s: ",
           cli_state(cli,
                     !answered ? "?"
                     : good    ? "good"
                               : "bad",
                     4, word),
           ch->account, ch->computer, ch->server);
    if (!answered)
        printf("not answered within the capture\n");
    else
        printf("%u granted, %u refused; last: %s\n", ch->granted, ch->refused,
               nt_status_name(ch->last));
    if (answered && !good && *nt_capture_meaning(ch->type, ch->last) != '\0')
        printf("       %s\n", nt_capture_meaning(ch->type, ch->last));
}

static void print_totals(const struct cli *cli, const struct nt_capture_totals *t)
{
    if (t->channel_count > 0)
        puts("\nSecure channels:");
    for (size_t i = 0; i < t->channel_count; i++)
        print_channel(cli, &t->channels[i]);
    printf("\n%llu packets, %llu connections", (unsigned long long)t->packets,
           (unsigned long long)t->connections);
    if (t->encrypted > 0)
        printf("; %llu encrypted SMB messages could not be read", (unsigned long long)t->encrypted);
    if (t->gaps > 0)
        printf("; packets are missing at %llu places", (unsigned long long)t->gaps);
    if (t->fragments > 0)
        printf("; %llu IP fragments were passed over", (unsigned long long)t->fragments);
    puts(".");
}

/* Feeds all of an open capture. False: it breaks off, which has been told. */
static bool read_packets(pcap_t *pcap, const char *path, struct nt_capture *capture)
{
    struct pcap_pkthdr *head;
    const u_char *data;
    int got, link = pcap_datalink(pcap);
    while ((got = pcap_next_ex(pcap, &head, &data)) == 1)
        nt_capture_packet(capture,
                          nt_time_from_unix(head->ts.tv_sec, (uint32_t)head->ts.tv_usec * 1000u),
                          link, data, head->caplen);
    nt_capture_end(capture);
    if (got == PCAP_ERROR_BREAK)
        return true;
    cli_fail("%s: the capture breaks off here: %s", path, pcap_geterr(pcap));
    return false;
}

static int decode_capture(const struct cli *cli)
{
    char why[PCAP_ERRBUF_SIZE];
    struct story story = { .cli = cli };
    pcap_t *pcap = pcap_open_offline(cli->pcap, why);
    if (pcap == NULL)
        return cli_fail("%s", why);
    story.lines = cli->json ? json_array() : NULL;
    struct nt_capture *capture = nt_capture_new(
        &(struct nt_capture_config){ .all = cli->all, .tell = print_line, .ctx = &story });
    if (capture == NULL) {
        pcap_close(pcap);
        json_decref(story.lines);
        return cli_fail("out of memory");
    }
    bool whole = read_packets(pcap, cli->pcap, capture);
    struct nt_capture_totals t = nt_capture_totals(capture);
    if (cli->json) {
        json_t *channels = json_array();
        for (size_t i = 0; i < t.channel_count; i++)
            json_array_append_new(channels, channel_json(&t.channels[i]));
        json_t *out =
            json_pack("{s:o,s:o,s:I,s:I,s:I,s:I}", "lines", story.lines, "channels", channels,
                      "packets", (json_int_t)t.packets, "connections", (json_int_t)t.connections,
                      "encrypted", (json_int_t)t.encrypted, "gaps", (json_int_t)t.gaps);
        cli_print_json(out);
        json_decref(out);
    } else {
        print_totals(cli, &t);
    }
    nt_capture_free(capture);
    pcap_close(pcap);
    return whole ? EXIT_GOOD : EXIT_FAILED;
}

static int decode(const struct cli *cli)
{
    return cli->pcap != NULL ? decode_capture(cli) : decode_stub(cli);
}

const struct cli_command cli_decode_commands[] = {
    { "decode", "", 0, 0, "pcap all interface opnum request response hex",
      "Tell what a capture says of trusts, or print an RPC call",
      "With --pcap: reads a capture of tcpdump or Wireshark and tells who authenticated to whom,\n"
      "which secure channels were opened, what was refused and what that commonly means. Sealed\n"
      "calls and encrypted SMB are counted: there are no keys to read them with. With --all every\n"
      "call that can be read is told.\n\n"
      "With --interface, --opnum and a file: reads the bytes of a request or response behind the\n"
      "RPC header and prints every field. With --hex the file has them as text, as Wireshark\n"
      "copies them.",
      decode },
    { 0 },
};
