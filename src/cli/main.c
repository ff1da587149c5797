/*
 * ntrust - the toolbox for trusts. This file: what was typed, which command it is, help.
 */
#include "cli/cli.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"

#ifndef NT_VERSION
#define NT_VERSION "unknown"
#endif

#define SOCKET_DEFAULT "/run/ntrust/admin.sock"

static const struct cli_command *const groups[] = {
    cli_repair_commands, cli_explain_commands, cli_ends_commands,     cli_trust_commands,
    cli_locate_commands, cli_account_commands, cli_computer_commands, cli_domain_commands,
    cli_store_commands,  cli_misc_commands,    cli_decode_commands,   cli_rpc_commands,
};

/* Every option there is. The common ones go with each command. */
static const struct option_row {
    const char *name;
    char letter;     /* 0: none */
    const char *arg; /* NULL: takes none; "[=" first: may be left out */
    bool common;
    const char *help;
} rows[] = {
    { "socket", 's', "PATH", true, "ntrustd's socket ($NTRUST_SOCKET, else " SOCKET_DEFAULT ")" },
    { "json", 'j', NULL, true, "print JSON, for programs" },
    { "help", 'h', NULL, true, "explain the command" },
    { "server", 0, "[smb:|tcp:]HOST[:PORT]", false,
      "one of the other domain's controllers; again for more" },
    { "password-fd", 0, "N", false, "read the password from file descriptor N instead of asking" },
    { "empty-password", 0, NULL, false, "the password is empty" },
    { "generate", 0, NULL, false, "have a password made, and show it this once" },
    { "attempts", 0, "N", false,
      "wrong initial passwords until the permission is burned (policy: 1)" },
    { "computer", 0, "NAME", false, "NetBIOS name of this controller, or of a channel's computer" },
    { "store", 0, "PATH", false, "the domain's database (/var/lib/ntrust/domain.db)" },
    { "key", 0, "PATH", false, "the master key's file (/var/lib/ntrust/master.key)" },
    { "user", 'U', "[DOMAIN\\]NAME", false,
      "an administrator of the other domain; the password is asked for" },
    { "credentials", 'A', "FILE", false, "the same, and the password, from a file of mode 0600" },
    { "ends", 0, "FILE", false, "the file that names ends (~/.config/ntrust/ends.ini)" },
    { "kerberos", 'k', NULL, false,
      "be that administrator by the Kerberos ticket cache, over SMB" },
    { "peer-password-fd", 0, "N", false,
      "read that administrator's password from file descriptor N" },
    { "full-name", 0, "TEXT", false, "the user's full name" },
    { "comment", 0, "TEXT", false, "a comment" },
    { "group", 0, "NAME", false, "a group to join; may be repeated" },
    { "kind", 0, "KIND", false,
      "workstation, server; of a channel also trust; of a group: group, alias" },
    { "subject", 0, "NAME", false, "only events about this trust or account" },
    { "max", 0, "N", false, "at most N lines (50)" },
    { "follow", 'f', NULL, false, "go on showing events as they come, until Ctrl-C" },
    { "pcap", 0, "FILE", false,
      "a capture, in libpcap's or Wireshark's format ('-': standard input)" },
    { "all", 0, NULL, false, "every trust of the ends file; of a capture every call" },
    { "watch", 0, "[=SECONDS]", false,
      "repeat (every 60 s), and tell what is other than before, until Ctrl-C" },
    { "interface", 0, "NAME", false, "netlogon, lsarpc, samr, epm, srvsvc, wkssvc or dssetup" },
    { "opnum", 0, "N", false, "the number of the call" },
    { "request", 0, "FILE", false, "the stub of a request ('-': standard input)" },
    { "response", 0, "FILE", false, "the stub of a response ('-': standard input)" },
    { "hex", 0, NULL, false, "bytes as hexadecimal text" },
    { "list", 0, NULL, false, "show interfaces, an interface's methods, or what a method takes" },
    { "script", 0, "FILE", false, "calls in JSON ('-': standard input; or the text itself)" },
    { "protect", 0, "LEVEL", false,
      "protection of the calls by NTLM: none, connect, integrity or privacy" },
    { "channel", 0, "[DOMAIN\\]ACCOUNT", false,
      "by the secure channel of a machine or trust account" },
    { "secrets", 0, NULL, false, "show passwords, hashes and keys too" },
    { "weak", 0, NULL, false, "allow RC4 for this trust: only for a peer that has no AES" },
    { "domain", 'd', "END", false,
      "the computer's domain, as an end is named (else this computer's)" },
    { "samba-config", 0, "FILE", false, "Samba's configuration of this computer (the usual one)" },
    { "secret-file", 0, "FILE", false,
      "the account's secret: check and rpc read it, reset writes it" },
    { "create", 0, NULL, false, "make the computer's account, if the domain has none" },
    { "recreate", 0, NULL, false, "make both halves anew, not only their secrets" },
    { "only-password", 0, NULL, false,
      "new secrets only: nothing is made, deleted or set besides" },
    { "type", 0, "TYPE", false, "of a new trust: external (default) or forest" },
    { "direction", 0, "WAY", false, "out: DOMAIN trusts OTHER; in: OTHER trusts DOMAIN; both" },
    { "yes", 'y', NULL, false, "do not ask first" },
    { "dry-run", 'n', NULL, false, "only say what would be done" },
    { "dns-name", 0, "NAME", false, "the other domain's DNS name, to find its controllers by" },
    { "locate", 0, NULL, false, "have the controllers looked for, instead of naming them" },
    { "here", 0, NULL, false, "do this end, and make a code for the other end's administrator" },
    { "code", 0, NULL, false, "do this end with a code that the other end made; it is asked for" },
    { "as", 0, "END", false, "what this domain is: trusting, trusted or both (as it was)" },
    { "workstation", 0, "NAME", false, "the computer that the user would log on at" },
};

int cli_usage(const char *fmt, ...)
{
    va_list ap;
    fputs("ntrust: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\nTry 'ntrust --help', or 'ntrust COMMAND --help'.\n", stderr);
    return EXIT_USAGE;
}

int cli_fail(const char *fmt, ...)
{
    va_list ap;
    fputs("ntrust: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

/* --- help --- */

static int print_overview(void)
{
    puts("ntrust - keep trusts between domains\n\n"
         "usage: ntrust [--socket PATH] [--json] COMMAND [ARGUMENT...] [OPTION...]\n\n"
         "Of any two domains, Samba's or Windows': 'ntrust check A B' says what is wrong with "
         "their\n"
         "trust, 'ntrust reset A B' mends it at both ends.\n\n"
         "Where ntrustd runs: a trust has two ends. The trusted domain has the users: it permits "
         "the\n"
         "trusting domain ('ntrust permit add'). The trusting domain has the resources: it trusts "
         "the\n"
         "trusted domain ('ntrust trust add'). Permit first, then trust, with the same initial\n"
         "password; both systems replace it at once, and nobody needs to know it any more.\n");
    for (size_t g = 0; g < NT_COUNT(groups); g++)
        for (const struct cli_command *c = groups[g]; c->words != NULL; c++) {
            char left[80];
            snprintf(left, sizeof left, "%s %s", c->words, c->args);
            printf("  %-33s  %s\n", left, c->summary);
        }
    puts("\n'ntrust COMMAND --help' explains a command. See also ntrust(1), ntrustd(8).");
    return EXIT_GOOD;
}

static bool takes(const struct cli_command *c, const char *option)
{
    size_t len = strlen(option);
    for (const char *p = c->options; (p = strstr(p, option)) != NULL; p += len)
        if ((p == c->options || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\0'))
            return true;
    return false;
}

static bool may_lack(const struct option_row *r)
{
    return r->arg != NULL && strncmp(r->arg, "[=", 2) == 0;
}

static void print_option(const struct option_row *r)
{
    char left[64];
    snprintf(left, sizeof left, "%s%c%s --%s%s%s", r->letter != 0 ? "-" : "  ",
             r->letter != 0 ? r->letter : ' ', r->letter != 0 ? "," : "", r->name,
             r->arg != NULL && !may_lack(r) ? " " : "", r->arg != NULL ? r->arg : "");
    printf("  %-30s %s\n", left, r->help);
}

static int print_help(const struct cli_command *c)
{
    printf("usage: ntrust %s%s%s [OPTION...]\n\n%s.\n\n%s\n\nOptions:\n", c->words,
           *c->args != '\0' ? " " : "", c->args, c->summary, c->help);
    for (size_t i = 0; i < NT_COUNT(rows); i++)
        if (rows[i].common || takes(c, rows[i].name))
            print_option(&rows[i]);
    return EXIT_GOOD;
}

/* --- which command --- */

/* How many of the words typed are this command's; 0: it is another one. */
static size_t match(const struct cli_command *c, char *const *words, size_t count)
{
    const char *w = c->words;
    size_t n = 0;
    while (*w != '\0') {
        size_t len = strcspn(w, " ");
        if (n == count || strlen(words[n]) != len || strncmp(words[n], w, len) != 0)
            return 0;
        n++;
        w += len;
        w += strspn(w, " ");
    }
    return n;
}

static const struct cli_command *find(char *const *words, size_t count, size_t *used)
{
    const struct cli_command *best = NULL;
    *used = 0;
    for (size_t g = 0; g < NT_COUNT(groups); g++)
        for (const struct cli_command *c = groups[g]; c->words != NULL; c++) {
            size_t n = match(c, words, count);
            if (n > *used) {
                *used = n;
                best = c;
            }
        }
    return best;
}

static int unknown(char *const *words, size_t count)
{
    bool told = false;
    if (count == 0)
        return cli_usage("which command?");
    /* "ntrust trust" alone: show what there is of it. */
    for (size_t g = 0; g < NT_COUNT(groups); g++)
        for (const struct cli_command *c = groups[g]; c->words != NULL; c++) {
            size_t len = strcspn(c->words, " ");
            if (strlen(words[0]) != len || strncmp(words[0], c->words, len) != 0)
                continue;
            if (!told)
                fprintf(stderr, "ntrust: '%s' needs one more word:\n", words[0]);
            told = true;
            fprintf(stderr, "  ntrust %-24s %s\n", c->words, c->summary);
        }
    return told ? EXIT_USAGE : cli_usage("there is no command '%s'", words[0]);
}

/* --- options --- */

static bool take_fd(const char *name, const char *value, int *fd)
{
    char *end;
    long v = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || v < 0 || v > 65535) {
        cli_usage("--%s needs the number of a file descriptor, not '%s'", name, value);
        return false;
    }
    *fd = (int)v;
    return true;
}

static bool is_number(const char *name, const char *value)
{
    if (*value != '\0' && strlen(value) <= 9 && strspn(value, "0123456789") == strlen(value))
        return true;
    cli_usage("--%s needs a number, not '%s'", name, value);
    return false;
}

static bool take_item(const char *name, const char *value, struct cli_list *list)
{
    if (list->count == CLI_LIST_MAX) {
        cli_usage("too many --%s", name);
        return false;
    }
    list->item[list->count++] = value;
    return true;
}

static bool take_option(struct cli *cli, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        bool *flag;
    } places[] = {
        { "socket", &cli->socket, NULL },
        { "json", NULL, &cli->json },
        { "help", NULL, &cli->help },
        { "empty-password", NULL, &cli->empty_password },
        { "generate", NULL, &cli->generate },
        { "attempts", &cli->attempts, NULL },
        { "computer", &cli->computer, NULL },
        { "store", &cli->store, NULL },
        { "key", &cli->key, NULL },
        { "user", &cli->peer_user, NULL },
        { "kerberos", NULL, &cli->kerberos },
        { "ends", &cli->ends, NULL },
        { "domain", &cli->domain, NULL },
        { "samba-config", &cli->samba_config, NULL },
        { "secret-file", &cli->secret_file, NULL },
        { "create", NULL, &cli->create },
        { "recreate", NULL, &cli->recreate },
        { "only-password", NULL, &cli->only_password },
        { "yes", NULL, &cli->yes },
        { "type", &cli->trust_type, NULL },
        { "direction", &cli->direction, NULL },
        { "full-name", &cli->full_name, NULL },
        { "comment", &cli->comment, NULL },
        { "kind", &cli->kind, NULL },
        { "subject", &cli->subject, NULL },
        { "max", &cli->max, NULL },
        { "follow", NULL, &cli->follow },
        { "pcap", &cli->pcap, NULL },
        { "all", NULL, &cli->all },
        { "watch", &cli->watch, &cli->watching },
        { "interface", &cli->interface, NULL },
        { "opnum", &cli->opnum, NULL },
        { "request", &cli->file, NULL },
        { "response", &cli->file, &cli->response },
        { "hex", NULL, &cli->hex },
        { "weak", NULL, &cli->weak },
        { "dry-run", NULL, &cli->dry_run },
        { "here", NULL, &cli->reset_here },
        { "code", NULL, &cli->reset_code },
        { "as", &cli->as, NULL },
        { "workstation", &cli->workstation, NULL },
        { "dns-name", &cli->dns_name, NULL },
        { "locate", NULL, &cli->locate },
        { "list", NULL, &cli->list },
        { "secrets", NULL, &cli->secrets },
        { "script", &cli->script, NULL },
        { "protect", &cli->protect, NULL },
        { "channel", &cli->channel, NULL },
    };
    if (strcmp(name, "password-fd") == 0)
        return take_fd(name, value, &cli->password_fd);
    if (strcmp(name, "peer-password-fd") == 0)
        return take_fd(name, value, &cli->peer_password_fd);
    if (strcmp(name, "server") == 0)
        return take_item(name, value, &cli->servers);
    if (strcmp(name, "user") == 0 && !take_item(name, value, &cli->users))
        return false;
    if (strcmp(name, "credentials") == 0)
        return take_item(name, value, &cli->credentials);
    if (strcmp(name, "group") == 0)
        return take_item(name, value, &cli->groups);
    if (strcmp(name, "max") == 0 && !is_number(name, value))
        return false;
    for (size_t i = 0; i < NT_COUNT(places); i++)
        if (strcmp(name, places[i].name) == 0) {
            if (places[i].text != NULL)
                *places[i].text = value;
            if (places[i].flag != NULL)
                *places[i].flag = true;
        }
    return true;
}

static bool parse(struct cli *cli, int argc, char **argv)
{
    struct option options[NT_COUNT(rows) + 2] = { 0 };
    char letters[2 * NT_COUNT(rows) + 1];
    size_t at = 0;
    for (size_t i = 0; i < NT_COUNT(rows); i++) {
        options[i] = (struct option){ rows[i].name,
                                      may_lack(&rows[i])    ? optional_argument
                                      : rows[i].arg != NULL ? required_argument
                                                            : no_argument,
                                      NULL, 256 + (int)i };
        if (rows[i].letter != 0) {
            letters[at++] = rows[i].letter;
            if (rows[i].arg != NULL)
                letters[at++] = ':';
        }
    }
    letters[at] = '\0';
    options[NT_COUNT(rows)] = (struct option){ "version", no_argument, NULL, 'V' };
    for (int c; (c = getopt_long(argc, argv, letters, options, NULL)) != -1;) {
        size_t i = (size_t)(c - 256);
        if (c == 'V') {
            puts("ntrust " NT_VERSION);
            exit(EXIT_GOOD);
        }
        for (size_t k = 0; c < 256 && k < NT_COUNT(rows); k++)
            if (rows[k].letter == c)
                i = k;
        if (i >= NT_COUNT(rows)) {
            fputs("Try 'ntrust --help', or 'ntrust COMMAND --help'.\n", stderr);
            return false;
        }
        cli->given |= UINT64_C(1) << i;
        if (!take_option(cli, rows[i].name, optarg))
            return false;
    }
    return true;
}

/* An option that the command does not know is a mistake worth telling. */
static bool options_fit(const struct cli *cli, const struct cli_command *c)
{
    for (size_t i = 0; i < NT_COUNT(rows); i++)
        if ((cli->given >> i & 1) != 0 && !rows[i].common && !takes(c, rows[i].name)) {
            cli_usage("'%s' does not take --%s", c->words, rows[i].name);
            return false;
        }
    return true;
}

/* The exit code, unless the output went nowhere. */
static int written(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fail("cannot write the output");
    return code;
}

int main(int argc, char **argv)
{
    struct cli cli = { .password_fd = -1, .peer_password_fd = -1 };
    const struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none); /* passwords pass through here */
    /* A controller that goes away in the middle must not end a change without a word. */
    signal(SIGPIPE, SIG_IGN);
    if (!parse(&cli, argc, argv))
        return EXIT_USAGE;
    char *const *words = argv + optind;
    size_t count = (size_t)(argc - optind), used;
    if (cli.socket == NULL)
        cli.socket = getenv("NTRUST_SOCKET");
    cli.socket_named = cli.socket != NULL;
    if (cli.socket == NULL)
        cli.socket = SOCKET_DEFAULT;
    cli.color = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && !cli.json;
    if (count == 0 && cli.help)
        return written(print_overview());
    const struct cli_command *c = find(words, count, &used);
    if (c == NULL)
        return unknown(words, count);
    if (cli.help)
        return written(print_help(c));
    if (!options_fit(&cli, c))
        return EXIT_USAGE;
    cli.arg_count = count - used;
    if (cli.arg_count < c->least || cli.arg_count > c->most || cli.arg_count > NT_COUNT(cli.args))
        return cli_usage("usage: ntrust %s %s", c->words, c->args);
    for (size_t i = 0; i < cli.arg_count; i++)
        cli.args[i] = words[used + i];
    return written(c->run(&cli));
}
