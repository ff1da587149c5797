#include "daemon/api_internal.h"

#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/log.h"
#include "crypto/owf.h"
#include "service/logon.h"

#define BODY_MAX        (64u * 1024)
#define CONNECTIONS_MAX 64
#define IDLE_S          120

struct nt_api {
    struct nt_api_config config;
    struct MHD_Daemon *mhd;
    int fd;
    nt_time started;
};

/* --- routes --- */

/* '*' stands for a name. */
static const struct route {
    const char *method, *path;
    nt_handler *handler;
} routes[] = {
    { "GET", "/v1/status", nt_api_status_get },
    { "GET", "/v1/domain", nt_api_domain_get },
    { "GET", "/v1/policy", nt_api_policy_get },
    { "PATCH", "/v1/policy", nt_api_policy_patch },
    { "GET", "/v1/permits", nt_api_permits_get },
    { "POST", "/v1/permits", nt_api_permits_post },
    { "GET", "/v1/permits/*", nt_api_permit_get },
    { "PATCH", "/v1/permits/*", nt_api_permit_patch },
    { "DELETE", "/v1/permits/*", nt_api_permit_delete },
    { "GET", "/v1/trusts", nt_api_trusts_get },
    { "POST", "/v1/trusts", nt_api_trusts_post },
    { "GET", "/v1/trusts/*", nt_api_trust_get },
    { "DELETE", "/v1/trusts/*", nt_api_trust_delete },
    { "PATCH", "/v1/trusts/*", nt_api_trust_patch },
    { "POST", "/v1/trusts/*/verify", nt_api_trust_verify },
    { "POST", "/v1/trusts/*/rotate", nt_api_trust_rotate },
    { "POST", "/v1/trusts/*/reset", nt_api_trust_reset },
    { "POST", "/v1/reset/*/here", nt_api_reset_here },
    { "POST", "/v1/reset/*/code", nt_api_reset_code },
    { "GET", "/v1/users", nt_api_users_get },
    { "POST", "/v1/users", nt_api_users_post },
    { "GET", "/v1/users/*", nt_api_user_get },
    { "PATCH", "/v1/users/*", nt_api_user_patch },
    { "DELETE", "/v1/users/*", nt_api_user_delete },
    { "GET", "/v1/computers", nt_api_computers_get },
    { "POST", "/v1/computers", nt_api_computers_post },
    { "GET", "/v1/computers/*", nt_api_computer_get },
    { "PATCH", "/v1/computers/*", nt_api_computer_patch },
    { "DELETE", "/v1/computers/*", nt_api_computer_delete },
    { "GET", "/v1/groups", nt_api_groups_get },
    { "POST", "/v1/groups", nt_api_groups_post },
    { "GET", "/v1/groups/*", nt_api_group_get },
    { "DELETE", "/v1/groups/*", nt_api_group_delete },
    { "POST", "/v1/groups/*/members", nt_api_group_members },
    { "POST", "/v1/logon", nt_api_logon_post },
    { "GET", "/v1/locate/*", nt_api_locate_get },
    { "GET", "/v1/events", nt_api_events_get },
    { "POST", "/v1/backup", nt_api_backup_post },
};

/* The name stays as it stands in the path: microhttpd has decoded it. */
static bool path_matches(const char *pattern, const char *path, char name[NT_API_NAME])
{
    name[0] = '\0';
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '*') {
            if (*path++ != *pattern)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0 || len >= NT_API_NAME)
            return false;
        memcpy(name, path, len);
        name[len] = '\0';
        path += len;
    }
    return *path == '\0';
}

static void dispatch(struct nt_request *rq, const char *method, const char *path)
{
    bool known = false;
    for (size_t i = 0; i < NT_COUNT(routes); i++) {
        if (!path_matches(routes[i].path, path, rq->name))
            continue;
        known = true;
        if (strcmp(method, routes[i].method) == 0) {
            routes[i].handler(rq);
            return;
        }
    }
    nt_api_fail(rq, known ? NT_STATUS(NOT_SUPPORTED) : NT_STATUS(OBJECT_NAME_NOT_FOUND),
                known ? "this path does not have that method" : "there is no such path",
                "See docs/api.md.");
    rq->http = known ? 405 : 404;
}

/* --- answers --- */

void nt_api_ok(struct nt_request *rq, json_t *answer)
{
    if (answer == NULL) {
        nt_api_fail(rq, NT_STATUS(NO_MEMORY), "out of memory", "");
        return;
    }
    json_decref(rq->answer);
    rq->answer = answer;
    rq->http = 200;
}

static unsigned http_of(ntstatus status)
{
    static const struct {
        uint32_t code;
        unsigned http;
    } table[] = {
        { (uint32_t)NT_STATUS_CODE_OBJECT_NAME_NOT_FOUND, 404 },
        { (uint32_t)NT_STATUS_CODE_NO_SUCH_USER, 404 },
        { (uint32_t)NT_STATUS_CODE_NO_SUCH_GROUP, 404 },
        { (uint32_t)NT_STATUS_CODE_NO_SUCH_ALIAS, 404 },
        { (uint32_t)NT_STATUS_CODE_NO_SUCH_DOMAIN, 404 },
        { (uint32_t)NT_STATUS_CODE_USER_EXISTS, 409 },
        { (uint32_t)NT_STATUS_CODE_GROUP_EXISTS, 409 },
        { (uint32_t)NT_STATUS_CODE_ALIAS_EXISTS, 409 },
        { (uint32_t)NT_STATUS_CODE_OBJECT_NAME_COLLISION, 409 },
        { (uint32_t)NT_STATUS_CODE_MEMBER_IN_GROUP, 409 },
        { (uint32_t)NT_STATUS_CODE_MEMBER_IN_ALIAS, 409 },
        { (uint32_t)NT_STATUS_CODE_ACCESS_DENIED, 403 },
        { (uint32_t)NT_STATUS_CODE_SPECIAL_ACCOUNT, 403 },
        { (uint32_t)NT_STATUS_CODE_SPECIAL_GROUP, 403 },
        { (uint32_t)NT_STATUS_CODE_NO_MEMORY, 500 },
        { (uint32_t)NT_STATUS_CODE_DISK_FULL, 507 },
        { (uint32_t)NT_STATUS_CODE_INTERNAL_ERROR, 500 },
        { (uint32_t)NT_STATUS_CODE_INTERNAL_DB_CORRUPTION, 500 },
        { (uint32_t)NT_STATUS_CODE_MEDIA_WRITE_PROTECTED, 500 },
        { (uint32_t)NT_STATUS_CODE_INSUFFICIENT_RESOURCES, 503 },
    };
    for (size_t i = 0; i < NT_COUNT(table); i++)
        if (table[i].code == status.code)
            return table[i].http;
    return 400;
}

void nt_api_fail(struct nt_request *rq, ntstatus status, const char *text, const char *next)
{
    char code[16];
    snprintf(code, sizeof code, "0x%08X", status.code);
    json_decref(rq->answer);
    rq->answer = json_pack(
        "{s:{s:s,s:s,s:o,s:o}}", "error", "status", nt_status_name(status), "code", code, "text",
        nt_api_string(*text != '\0' ? text : nt_status_text(status)), "next", nt_api_string(next));
    rq->http = http_of(status);
}

bool nt_api_failed(const struct nt_request *rq)
{
    return rq->http >= 400;
}

json_t *nt_api_string(const char *text)
{
    json_t *s = json_string(text);
    char copy[512];
    if (s != NULL)
        return s;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *p = copy; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return json_string(copy);
}

json_t *nt_api_time(nt_time t)
{
    char text[NT_TIME_TEXT];
    return json_string(nt_time_rfc3339(t, text));
}

json_t *nt_api_sid(const struct nt_sid *sid)
{
    char text[NT_SID_TEXT];
    return json_string(nt_sid_is_null(sid) ? "" : nt_sid_format(sid, text));
}

json_t *nt_api_ipv4(uint32_t address)
{
    char text[16] = "";
    if (address != 0)
        snprintf(text, sizeof text, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                 address >> 8 & 255, address & 255);
    return json_string(text);
}

/* --- the body --- */

bool nt_api_only(struct nt_request *rq, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(rq->body, key, value)
    {
        const char *const *k = keys;
        while (*k != NULL && strcmp(*k, key) != 0)
            k++;
        if (*k == NULL) {
            char text[200];
            snprintf(text, sizeof text, "unknown key '%.80s'", key);
            nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), text, "See docs/api.md for the keys.");
            return false;
        }
    }
    return true;
}

const char *nt_api_text(struct nt_request *rq, const char *key, bool required)
{
    const json_t *value = json_object_get(rq->body, key);
    char text[200];
    if (value == NULL && !required)
        return NULL;
    if (json_is_string(value))
        return json_string_value(value);
    snprintf(text, sizeof text, value == NULL ? "'%.80s' is missing" : "'%.80s' must be a text",
             key);
    nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), text, "");
    return NULL;
}

bool nt_api_bool(struct nt_request *rq, const char *key, bool *value)
{
    const json_t *v = json_object_get(rq->body, key);
    if (v == NULL)
        return false;
    if (!json_is_boolean(v)) {
        char text[200];
        snprintf(text, sizeof text, "'%.80s' must be true or false", key);
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), text, "");
        return false;
    }
    *value = json_is_true(v);
    return true;
}

bool nt_api_password(struct nt_request *rq, const char *key, struct nt_secret *hash,
                     struct nt_password *clear)
{
    NT_SCOPED_PASSWORD p = { .len = 0 };
    const char *text = nt_api_text(rq, key, true);
    if (text == NULL)
        return false;
    if (!nt_password_from_utf8(&p, text)) {
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "the password is too long or not UTF-8",
                    "At most 256 characters.");
        return false;
    }
    nt_owf(&p, hash);
    if (clear != NULL)
        *clear = p;
    return true;
}

uint64_t nt_api_number(struct nt_request *rq, const char *key, uint64_t fallback)
{
    const char *text = rq->query(rq->query_ctx, key);
    char *end;
    if (text == NULL || *text < '0' || *text > '9')
        return fallback;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 ? v : fallback;
}

/* --- the domain --- */

struct nt_dir *nt_api_dir(struct nt_request *rq)
{
    return nt_engine_dir_now(rq->service->engine);
}

struct change {
    struct nt_wish wish; /* first */
    nt_api_op *op;
    void *ctx;
    struct nt_why why;
};

static ntstatus decide(struct nt_wish *wish, struct nt_txn *txn)
{
    struct change *c = (struct change *)wish;
    return c->op(txn, c->ctx, &c->why);
}

bool nt_api_change(struct nt_request *rq, nt_api_op *op, void *ctx)
{
    struct change c = { .wish.decide = decide, .op = op, .ctx = ctx };
    ntstatus status = nt_engine_wish_wait(rq->service->engine, &c.wish);
    if (nt_status_ok(status))
        return true;
    const char *next = "";
    if (nt_status_is(status, NT_STATUS(DISK_FULL)))
        next = "Nothing was changed. Free space where the store is, then try again.";
    nt_api_fail(rq, status, c.why.text, next);
    return false;
}

void nt_api_wait(struct nt_api_wait *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->done)
        pthread_cond_wait(&w->cond, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void nt_api_wake(struct nt_api_wait *w)
{
    pthread_mutex_lock(&w->lock);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void forward_done(struct nt_forward *fwd)
{
    nt_api_wake(fwd->owner);
}

void nt_api_forward(struct nt_request *rq, struct nt_forward *fwd)
{
    struct nt_api_wait w = NT_API_WAIT;
    fwd->done = forward_done;
    fwd->owner = &w;
    rq->service->forward(rq->service->forward_ctx, fwd);
    nt_api_wait(&w);
}

/* --- who may --- */

static bool in_group(const struct passwd *pw, const char *group)
{
    gid_t groups[256];
    int count = (int)NT_COUNT(groups);
    const struct group *gr = *group != '\0' ? getgrnam(group) : NULL;
    if (gr == NULL || getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) < 0)
        return false;
    for (int i = 0; i < count; i++)
        if (groups[i] == gr->gr_gid)
            return true;
    return false;
}

/* getpwuid and getgrnam answer from static memory. */
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

/* The peer's user name in who[]; false: it may not use the API. */
static bool authorize(const struct nt_api *api, struct MHD_Connection *connection, char who[64])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    pthread_mutex_lock(&names_lock);
    const struct passwd *pw = getpwuid(peer.uid);
    if (pw != NULL)
        snprintf(who, 64, "%s", pw->pw_name);
    else
        snprintf(who, 64, "uid %u", peer.uid);
    bool may = peer.uid == 0 || peer.uid == geteuid() ||
               (pw != NULL && in_group(pw, api->config.config->admin_group));
    pthread_mutex_unlock(&names_lock);
    return may;
}

/* --- HTTP --- */

struct transfer {
    char *body;
    size_t len;
    bool too_large;
};

static const char *query_value(void *ctx, const char *key)
{
    return MHD_lookup_connection_value(ctx, MHD_GET_ARGUMENT_KIND, key);
}

/* What JSON is made of may have been a password. */
static void wipe_and_free(void *p)
{
    if (p != NULL)
        nt_wipe(p, malloc_usable_size(p));
    free(p);
}

static enum MHD_Result reply(struct MHD_Connection *connection, struct nt_request *rq)
{
    char *text = rq->answer != NULL ? json_dumps(rq->answer, JSON_COMPACT) : NULL;
    static char none[] = "{\"error\":{\"status\":\"NO_MEMORY\",\"text\":\"out of memory\"}}";
    struct MHD_Response *response =
        text != NULL
            ? MHD_create_response_from_buffer_with_free_callback(strlen(text), text, wipe_and_free)
            : MHD_create_response_from_buffer(sizeof none - 1, none, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        wipe_and_free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result =
        MHD_queue_response(connection, text != NULL ? rq->http : 500, response);
    MHD_destroy_response(response);
    return result;
}

static void read_body(struct nt_request *rq, const char *body, size_t len)
{
    json_error_t error = { .line = 0, .text = "out of memory" };
    rq->body = len == 0 ? json_object() : json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
    if (rq->body == NULL) {
        char text[256];
        snprintf(text, sizeof text, "the body is not JSON: line %d: %.160s", error.line,
                 error.text);
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), text, "");
    } else if (!json_is_object(rq->body)) {
        nt_api_fail(rq, NT_STATUS(INVALID_PARAMETER), "the body must be a JSON object", "");
    }
}

void nt_api_serve(struct nt_request *rq, const char *method, const char *path, const char *body,
                  size_t len)
{
    read_body(rq, body, len);
    if (!nt_api_failed(rq))
        dispatch(rq, method, path);
}

void nt_api_done(struct nt_request *rq)
{
    json_decref(rq->body);
    json_decref(rq->answer);
}

static enum MHD_Result serve(struct nt_api *api, struct MHD_Connection *connection,
                             const char *path, const char *method, const struct transfer *t)
{
    char who[64] = "";
    struct nt_request rq = { .config = &api->config,
                             .service = api->config.service,
                             .who = who,
                             .query = query_value,
                             .query_ctx = connection,
                             .started = api->started };
    if (!authorize(api, connection, who)) {
        nt_log(NT_LOG_WARN, "admin request refused user=%s method=%s path=%s", who, method, path);
        nt_api_fail(&rq, NT_STATUS(ACCESS_DENIED), "you may not administer this domain",
                    "Run as root or as ntrustd's user, or join the group of [admin] group.");
    } else {
        if (t->too_large) {
            nt_api_fail(&rq, NT_STATUS(INVALID_PARAMETER), "the request is larger than 64 KiB", "");
            rq.http = 413;
        } else {
            nt_api_serve(&rq, method, path, t->body, t->len);
        }
        if (strcmp(method, "GET") != 0)
            nt_log(NT_LOG_INFO, "admin request user=%s method=%s path=%s http=%u", who, method,
                   path, rq.http);
    }
    enum MHD_Result result = reply(connection, &rq);
    nt_api_done(&rq);
    return result;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **state)
{
    struct transfer *t = *state;
    (void)version;
    if (t == NULL) {
        *state = calloc(1, sizeof *t);
        return *state != NULL ? MHD_YES : MHD_NO;
    }
    if (*data_len > 0) {
        if (*data_len > BODY_MAX - t->len)
            t->too_large = true;
        if (!t->too_large && t->body == NULL && (t->body = malloc(BODY_MAX)) == NULL)
            return MHD_NO;
        if (!t->too_large) {
            memcpy(t->body + t->len, data, *data_len);
            t->len += *data_len;
        }
        *data_len = 0;
        return MHD_YES;
    }
    return serve(ctx, connection, path, method, t);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct transfer *t = *state;
    (void)ctx;
    (void)connection;
    (void)why;
    if (t == NULL)
        return;
    if (t->body != NULL)
        nt_wipe(t->body, BODY_MAX); /* it may have held a password */
    free(t->body);
    free(t);
    *state = NULL;
}

/* --- the socket --- */

/* A socket file that nobody answers at is left over from a crash. */
static bool is_stale(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool stale = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 &&
                 errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return stale;
}

static int make_socket(const struct nt_config *config, char *why, size_t why_size)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct stat st;
    const char *path = config->admin_socket;
    memcpy(at.sun_path, path, strlen(path));
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            snprintf(why, why_size, "%s: exists and is no socket; remove it or set [admin] socket",
                     path);
            return -1;
        }
        if (!is_stale(&at)) {
            snprintf(why, why_size, "%s: another ntrustd answers there; stop it first", path);
            return -1;
        }
        unlink(path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct group *gr = config->admin_group[0] != '\0' ? getgrnam(config->admin_group) : NULL;
    if (config->admin_group[0] != '\0' && gr == NULL) {
        snprintf(why, why_size, "[admin] group: there is no group '%s'", config->admin_group);
        close(fd);
        return -1;
    }
    mode_t before = umask(0177); /* nobody else between bind and the rights below */
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    umask(before);
    ok = ok && (gr == NULL || (chown(path, (uid_t)-1, gr->gr_gid) == 0 && chmod(path, 0660) == 0));
    ok = ok && listen(fd, 64) == 0;
    if (!ok) {
        snprintf(why, why_size, "%s: cannot make the admin socket: %s%s", path, strerror(errno),
                 errno == ENOENT ? "; make its folder first" : "");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

static void log_mhd(void *ctx, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void log_mhd(void *ctx, const char *fmt, va_list ap)
{
    char text[256];
    (void)ctx;
    vsnprintf(text, sizeof text, fmt, ap);
    nt_log(NT_LOG_DEBUG, "admin api: %s", text);
}

struct nt_api *nt_api_start(const struct nt_api_config *config, char *why, size_t why_size)
{
    struct nt_api *api = calloc(1, sizeof *api);
    if (api == NULL) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    json_set_alloc_funcs(malloc, wipe_and_free);
    api->config = *config;
    api->started = nt_now(config->service->env);
    api->fd = make_socket(config->config, why, why_size);
    if (api->fd >= 0) {
        api->mhd = MHD_start_daemon(
            MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
                MHD_USE_ITC | MHD_USE_ERROR_LOG,
            0, NULL, NULL, on_request, api, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
            MHD_OPTION_LISTEN_SOCKET, api->fd, MHD_OPTION_CONNECTION_LIMIT,
            (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(16 * 1024), MHD_OPTION_THREAD_STACK_SIZE,
            (size_t)(512 * 1024), MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
        if (api->mhd != NULL)
            return api;
        snprintf(why, why_size, "%s: cannot start the admin API", config->config->admin_socket);
        close(api->fd);
        unlink(config->config->admin_socket);
    }
    free(api);
    return NULL;
}

void nt_api_stop(struct nt_api *api)
{
    if (api == NULL)
        return;
    unlink(api->config.config->admin_socket);
    MHD_stop_daemon(api->mhd); /* waits for the requests in progress, closes the socket */
    free(api);
}
