#include "repair/pair.h"

#include <stdio.h>
#include <string.h>

#include "repair/find.h"
#include "repair/gss.h"

static bool refuse(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return false;
}

static bool by_user(const struct nt_pair_who *who, const char *user, const char *domain,
                    struct nt_credentials *c, char *why, size_t why_size)
{
    if (!nt_credentials_user(c, user, domain)) {
        snprintf(why, why_size, "'%s' has to be NAME or DOMAIN\\NAME", user);
        return false;
    }
    if (who->ask != NULL)
        return who->ask(who->ctx, c, why, why_size);
    snprintf(why, why_size, "the password of %s\\%s is missing", c->domain, c->user);
    return false;
}

/* For showing only: the tickets are found by the library. */
static bool by_ticket(struct nt_credentials *c, char *why, size_t why_size)
{
    char principal[NT_END_USER];
    nt_gss_user(principal, sizeof principal);
    char *at = strchr(principal, '@');
    if (at == NULL)
        return refuse(why, why_size,
                      "there is no Kerberos ticket to log on with: get one with kinit(1)");
    *at = '\0';
    c->kerberos = true;
    snprintf(c->user, sizeof c->user, "%.255s", principal);
    snprintf(c->domain, sizeof c->domain, "%.255s", at + 1);
    return true;
}

bool nt_pair_identify(const struct nt_end *end, const struct nt_pair_who *who,
                      struct nt_credentials *out, char *why, size_t why_size)
{
    *out = (struct nt_credentials){ .kerberos = false };
    *why = '\0';
    if (who->file != NULL)
        return nt_credentials_file(out, who->file, end->domain, why, why_size);
    if (who->user != NULL)
        return by_user(who, who->user, end->domain, out, why, why_size);
    if (who->kerberos || end->kerberos)
        return by_ticket(out, why, why_size);
    if (end->credentials[0] != '\0')
        return nt_credentials_file(out, end->credentials, end->domain, why, why_size);
    if (end->user[0] != '\0')
        return by_user(who, end->user, end->domain, out, why, why_size);
    if (who->env)
        nt_credentials_env(out, end->name, end->domain);
    return true; /* nobody: what can be seen without rights */
}

bool nt_pair_controllers(const struct nt_env *env, const struct nt_end *end,
                         const struct nt_credentials *c, struct nt_servers *out, char *lost,
                         size_t lost_size)
{
    *lost = '\0';
    if (end->servers[0] != '\0')
        return nt_servers_parse(end->servers, out, lost, lost_size);
    if (nt_find_controllers(env, end->domain, c->kerberos, out, lost, lost_size))
        *lost = '\0';
    return true;
}
