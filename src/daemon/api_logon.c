#include "daemon/api_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "service/logon.h"
#include "service/wire.h"

#define ARENA_LIMIT  (1u << 20)
#define RESPONSE_MAX 8192 /* bytes of an NTLMv2 response */

static void logon_done(struct nt_logon *logon)
{
    nt_api_wake(logon->owner);
}

static json_t *groups_json(const NETLOGON_VALIDATION_SAM_INFO4 *info, const struct nt_sid *domain)
{
    json_t *list = json_array();
    struct nt_sid sid;
    for (uint32_t i = 0; i < info->GroupCount; i++)
        if (nt_sid_with_rid(domain, info->GroupIds[i].RelativeId, &sid))
            json_array_append_new(list, nt_api_sid(&sid));
    for (uint32_t i = 0; i < info->SidCount; i++)
        if (nt_rpc_sid_get(info->ExtraSids[i].Sid, &sid))
            json_array_append_new(list, nt_api_sid(&sid));
    return list;
}

static void answer(struct nt_request *rq, struct nt_logon *logon)
{
    char code[16];
    snprintf(code, sizeof code, "0x%08X", logon->status.code);
    json_t *out =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:[],s:s}", "status", nt_status_name(logon->status), "code",
                  code, "text", nt_status_text(logon->status), "user", logon->user, "user_sid", "",
                  "groups", "controller", logon->fwd.dc_name);
    const NETLOGON_VALIDATION_SAM_INFO4 *info = logon->info;
    struct nt_sid domain, user;
    if (out != NULL && nt_status_ok(logon->status) && info != NULL &&
        nt_rpc_sid_get(info->LogonDomainId, &domain) &&
        nt_sid_with_rid(&domain, info->UserId, &user)) {
        const char *name = nt_unicode_get(logon->arena, &info->EffectiveName);
        const char *server = nt_unicode_get(logon->arena, &info->LogonServer);
        json_object_set_new(out, "user_sid", nt_api_sid(&user));
        json_object_set_new(out, "groups", groups_json(info, &domain));
        if (name != NULL && *name != '\0')
            json_object_set_new(out, "user", json_string(name));
        if (server != NULL && *server != '\0')
            json_object_set_new(out, "controller", json_string(server));
    } else if (out != NULL && !nt_status_ok(logon->status) && logon->fwd.text[0] != '\0') {
        json_object_set_new(out, "text", json_string(logon->fwd.text));
    }
    nt_api_ok(rq, out);
}

/* Hexadecimal text of at most `most` bytes, in the arena; NULL and failed otherwise. */
static uint8_t *take_hex(struct nt_request *rq, struct nt_arena *arena, const char *key,
                         size_t least, size_t most, size_t *len)
{
    const char *text = nt_api_text(rq, key, true);
    if (text == NULL)
        return NULL;
    *len = strlen(text) / 2;
    uint8_t *out = *len >= least && *len <= most ? nt_arena_alloc(arena, *len) : NULL;
    if (out == NULL || !nt_unhex(text, out, *len)) {
        char why[120];
        snprintf(why, sizeof why, "'%.40s' must be %zu to %zu bytes in hexadecimal", key, least,
                 most);
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), why, "");
        return NULL;
    }
    return out;
}

void nt_api_logon_post(struct nt_request *rq)
{
    static const char *const keys[] = { "domain",    "user",        "workstation",
                                        "challenge", "nt_response", NULL };
    struct nt_api_wait w = NT_API_WAIT;
    struct nt_arena arena;
    struct nt_logon logon = { .service = rq->service,
                              .peer = "admin socket",
                              .pass_through = true };
    size_t len;
    if (!nt_api_only(rq, keys) || (logon.domain = nt_api_text(rq, "domain", true)) == NULL ||
        (logon.user = nt_api_text(rq, "user", true)) == NULL)
        return;
    logon.workstation = nt_api_text(rq, "workstation", false);
    if (logon.workstation == NULL)
        logon.workstation = "";
    nt_arena_init(&arena, ARENA_LIMIT);
    const uint8_t *challenge = take_hex(rq, &arena, "challenge", 8, 8, &len);
    logon.nt = challenge != NULL
                   ? take_hex(rq, &arena, "nt_response", 16, RESPONSE_MAX, &logon.nt_len)
                   : NULL;
    if (!nt_api_failed(rq)) {
        struct nt_dir *dir = nt_api_dir(rq);
        memcpy(logon.challenge, challenge, sizeof logon.challenge);
        logon.arena = &arena;
        logon.dir = dir;
        logon.done = logon_done;
        logon.owner = &w;
        if (!nt_logon_start(&logon))
            nt_api_wait(&w);
        answer(rq, &logon);
        nt_secret_wipe(&logon.session_key);
        nt_dir_unref(dir);
    }
    nt_arena_free(&arena);
}
