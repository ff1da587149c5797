/* domain, policy. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf16.h"
#include "crypto/owf.h"
#include "crypto/sysenv.h"
#include "domain/ops.h"
#include "store/engine.h"

struct init {
    struct nt_wish wish; /* first */
    struct nt_domain_new domain;
    struct nt_why why;
};

static ntstatus decide_init(struct nt_wish *wish, struct nt_txn *txn)
{
    struct init *i = (struct init *)wish;
    return nt_op_domain_init(txn, &i->domain, &i->why);
}

/* The host's name, cut and put in upper case as NetBIOS has it. */
static bool own_computer(char out[16])
{
    char name[256];
    if (gethostname(name, sizeof name) != 0)
        return false;
    name[sizeof name - 1] = '\0';
    size_t len = strcspn(name, ".");
    len = len < 15 ? len : 15;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    out[len] = '\0';
    return nt_netbios_name_ok(out);
}

static int make_domain(const struct cli *cli, struct init *init, const char *store_path,
                       const char *key_path)
{
    char why[512] = "";
    struct nt_store *store = NULL;
    struct nt_engine *engine = NULL;
    const struct nt_env *env = nt_env_system();
    if (nt_store_create(store_path, key_path, env, &store, why, sizeof why) != NT_OK ||
        nt_engine_new(store, env, &engine, why, sizeof why) != NT_OK)
        return cli_fail("%s", why);
    init->wish.decide = decide_init;
    nt_engine_wish(engine, &init->wish);
    nt_engine_run(engine);
    ntstatus status = init->wish.status;
    int code = EXIT_GOOD;
    if (nt_status_ok(status)) {
        struct nt_dir *dir = nt_engine_dir(engine);
        const struct nt_domain *d = nt_dir_domain(dir);
        char sid[NT_SID_TEXT];
        nt_sid_format(&d->sid, sid);
        if (cli->json) {
            json_t *out =
                json_pack("{s:s,s:s,s:s,s:s,s:s}", "name", d->name, "computer", d->computer, "sid",
                          sid, "store", store_path, "master_key", key_path);
            cli_print_json(out);
            json_decref(out);
        } else {
            printf("Made the domain %s with the controller %s.\n  SID         %s\n  store       "
                   "%s\n  master key  %s (keep a copy apart from the store's backups)\n"
                   "  account     Administrator\nNext: start ntrustd.\n",
                   d->name, d->computer, sid, store_path, key_path);
        }
        nt_dir_unref(dir);
    } else {
        code =
            cli_fail("%s (%s)", init->why.text[0] != '\0' ? init->why.text : nt_status_text(status),
                     nt_status_name(status));
    }
    nt_engine_free(engine);
    if (code == EXIT_GOOD &&
        !(cli_give_to_owner(store_path, "") && cli_give_to_owner(store_path, ".lock") &&
          cli_give_to_owner(store_path, ".epoch") && cli_give_to_owner(key_path, "")))
        code = cli_fail("cannot give the store to the owner of its folder; chown %s and %s to "
                        "the user that ntrustd runs as",
                        store_path, key_path);
    else if (code != EXIT_GOOD) {
        /* Nothing is in it: leave no half-made store in the way of the next try. */
        char epoch[512];
        snprintf(epoch, sizeof epoch, "%s.epoch", store_path);
        unlink(epoch);
        unlink(store_path);
        unlink(key_path);
    }
    return code;
}

static int domain_init(const struct cli *cli)
{
    char computer[16], key_default[512], password[1024];
    const char *store = cli->store != NULL ? cli->store : CLI_STORE_DEFAULT;
    const char *key =
        cli->key != NULL ? cli->key : cli_key_beside(store, key_default, sizeof key_default);
    struct init init = { .domain = { .name = cli->args[0], .computer = cli->computer } };
    if (!nt_netbios_name_ok(cli->args[0]))
        return cli_usage("'%s' is no NetBIOS domain name: 1 to 15 characters, without \\ / : * ? "
                         "\" < > | , and spaces",
                         cli->args[0]);
    if (init.domain.computer == NULL) {
        if (!own_computer(computer))
            return cli_usage("this host's name is no NetBIOS name; name the controller with "
                             "--computer");
        init.domain.computer = computer;
    }
    if (!nt_netbios_name_ok(init.domain.computer))
        return cli_usage("'%s' is no NetBIOS computer name", init.domain.computer);
    if (!cli_read_password(cli->password_fd, "Password of the domain's Administrator", true,
                           password, sizeof password))
        return EXIT_FAILED;
    NT_SCOPED_PASSWORD clear = { .len = 0 };
    NT_SCOPED_SECRET hash = { .len = 0 };
    bool ok = nt_password_from_utf8(&clear, password);
    nt_wipe(password, sizeof password);
    if (!ok)
        return cli_fail("the password is too long or not UTF-8");
    nt_owf(&clear, &hash);
    init.domain.administrator = &hash;
    return make_domain(cli, &init, store, key);
}

static int domain_show(const struct cli *cli)
{
    int code;
    char when[32];
    json_t *d = cli_call(cli, "GET", "/v1/domain", NULL, &code);
    if (d == NULL)
        return code;
    if (cli->json)
        cli_print_json(d);
    else
        printf("%s\n  controller  %s\n  SID         %s\n  made        %s\n  users       %lld\n"
               "  groups      %lld\n  computers   %lld\n  trusts      %lld\n  permits     %lld\n",
               cli_text(d, "name"), cli_text(d, "computer"), cli_text(d, "sid"),
               cli_time(cli_text(d, "created"), when), (long long)cli_number(d, "users"),
               (long long)cli_number(d, "groups"), (long long)cli_number(d, "computers"),
               (long long)cli_number(d, "trusts"), (long long)cli_number(d, "permits"));
    json_decref(d);
    return EXIT_GOOD;
}

static void print_policy(const struct cli *cli, json_t *policy)
{
    const char *key;
    json_t *value;
    if (cli->json) {
        cli_print_json(policy);
        return;
    }
    json_object_foreach(policy, key, value)
    {
        if (json_is_boolean(value))
            printf("%-26s %s\n", key, json_is_true(value) ? "yes" : "no");
        else
            printf("%-26s %lld\n", key, (long long)json_integer_value(value));
    }
}

static int policy_show(const struct cli *cli)
{
    int code;
    json_t *policy = cli_call(cli, "GET", "/v1/policy", NULL, &code);
    if (policy == NULL)
        return code;
    print_policy(cli, policy);
    json_decref(policy);
    return EXIT_GOOD;
}

static int policy_set(const struct cli *cli)
{
    int code;
    json_t *body = json_pack("{s:s}", cli->args[0], cli->args[1]);
    if (body == NULL)
        return cli_fail("the setting is not UTF-8");
    json_t *policy = cli_call(cli, "PATCH", "/v1/policy", body, &code);
    if (policy == NULL)
        return code;
    print_policy(cli, policy);
    json_decref(policy);
    return EXIT_GOOD;
}

const struct cli_command cli_domain_commands[] = {
    { "domain init", "NAME", 1, 1, "computer store key password-fd", "Make a new domain",
      "Makes the database with the domain NAME, its Administrator, and the master key that all\n"
      "secrets in it are encrypted with. Run it as the user that ntrustd runs as, before ntrustd\n"
      "is started for the first time.",
      domain_init },
    { "domain show", "", 0, 0, "", "Show this domain", "Its name, SID, and what is in it.",
      domain_show },
    { "policy show", "", 0, 0, "", "Show all settings of the domain's policy",
      "Times are in seconds (names that end in _s).", policy_show },
    { "policy set", "NAME VALUE", 2, 2, "", "Change one of them",
      "VALUE is a number, yes, no, or a time as 30s, 15m, 12h, 7d.", policy_set },
    { 0 },
};
