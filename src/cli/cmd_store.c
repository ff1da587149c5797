/* backup, restore: copies of the store. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/sysenv.h"
#include "store/backup.h"

const char *cli_key_beside(const char *store, char *out, size_t size)
{
    const char *slash = strrchr(store, '/');
    snprintf(out, size, "%.*s%s", slash != NULL ? (int)(slash - store + 1) : 0, store,
             "master.key");
    return out;
}

bool cli_give_to_owner(const char *path, const char *suffix)
{
    char file[512], folder[512];
    struct stat st;
    const char *slash = strrchr(path, '/');
    snprintf(file, sizeof file, "%s%s", path, suffix);
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path + 1) : 1,
             slash != NULL ? path : ".");
    if (geteuid() != 0 || (lstat(file, &st) != 0 && errno == ENOENT))
        return true;
    return stat(folder, &st) == 0 && lchown(file, st.st_uid, st.st_gid) == 0;
}

/* --- backup --- */

static int told_backup(const struct cli *cli)
{
    if (cli->json)
        puts("{}");
    else
        printf("Wrote a consistent copy to %s. The master key is not in it: keep a copy of that "
               "apart.\n",
               cli->args[0]);
    return EXIT_GOOD;
}

static int backup(const struct cli *cli)
{
    int code;
    char why[512];
    if (cli->store != NULL) {
        if (nt_store_backup(cli->store, cli->args[0], nt_env_system(), why, sizeof why) != NT_OK)
            return cli_fail("%s", why);
        return told_backup(cli);
    }
    if (cli->args[0][0] != '/')
        return cli_usage("PATH must begin with '/': ntrustd writes the copy, in its own place");
    json_t *answer =
        cli_call(cli, "POST", "/v1/backup", json_pack("{s:s}", "path", cli->args[0]), &code);
    if (answer == NULL)
        return code;
    json_decref(answer);
    return told_backup(cli);
}

/* --- restore --- */

static int restore(const struct cli *cli)
{
    char key_default[512], why[512], aside[NT_STORE_PATH];
    const char *store = cli->store != NULL ? cli->store : CLI_STORE_DEFAULT;
    const char *key =
        cli->key != NULL ? cli->key : cli_key_beside(store, key_default, sizeof key_default);
    enum nt_err err =
        nt_store_restore(cli->args[0], store, key, nt_env_system(), aside, why, sizeof why);
    if (err != NT_OK)
        return cli_fail("%s", why);
    if (!cli_give_to_owner(store, "") || !cli_give_to_owner(store, ".lock"))
        return cli_fail("the store is restored, but cannot be given to the owner of its folder: "
                        "chown %s to the user that ntrustd runs as",
                        store);
    if (cli->json) {
        json_t *out = json_pack("{s:s,s:s}", "store", store, "aside", aside);
        cli_print_json(out);
        json_decref(out);
        return EXIT_GOOD;
    }
    printf("Restored %s from %s.\n", store, cli->args[0]);
    if (aside[0] != '\0')
        printf("  before      what was there is kept as %s; remove it when it is not needed\n",
               aside);
    puts("Next: start ntrustd. It checks every trust at once: 'ntrust events' and 'ntrust check' "
         "say\n"
         "what came of it.");
    return EXIT_GOOD;
}

const struct cli_command cli_store_commands[] = {
    { "backup", "PATH", 1, 1, "store", "Write a consistent copy of the domain's store",
      "While ntrustd runs; or, with --store, of that file without asking ntrustd. The copy opens\n"
      "with the same master key, which is not in it.",
      backup },
    { "restore", "BACKUP", 1, 1, "store key", "Put a backup in the place of the store",
      "While ntrustd is stopped. The store that was there is kept under another name. When "
      "ntrustd\n"
      "starts it knows that it has gone back, and checks every trust at once. What the other ends\n"
      "hold as their current or previous password heals by itself; for a trust that has changed\n"
      "more than once since the backup, 'ntrust check' says so, and 'ntrust reset' helps.",
      restore },
    { 0 },
};
