/*
 * test_api.c - the admin API over its socket, on a domain in memory: every path, wrong methods,
 * wrong bodies, many at once, and who may not.
 */
#include "../test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "base/bytes.h"
#include "base/log.h"
#include "crypto/ntlmv2.h"
#include "crypto/owf.h"
#include "crypto/sysenv.h"
#include "daemon/api.h"
#include "daemon/protocol.h"
#include "domain/ops.h"
#include "service/logon.h"

/* --- a domain and its API --- */

struct fix {
    struct nt_engine *engine;
    struct nt_service service;
    struct nt_config config;
    struct nt_smb_counts smb_counts;
    struct nt_clients *clients;
    struct nt_api *api;
    char folder[64];
};

static void quiet(void *ctx, enum nt_log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    assert_null(strstr(line, "Secret.pw1")); /* no password in any log */
}

static ntstatus do_init(struct nt_wish *wish, struct nt_txn *txn)
{
    struct nt_secret hash;
    struct nt_domain_new domain = { .name = "ACCOUNTS", .computer = "ACCPDC" };
    struct nt_why why;
    (void)wish;
    assert_int_equal(nt_owf_text("Admin.pw1", &hash), NT_OK);
    domain.administrator = &hash;
    return nt_op_domain_init(txn, &domain, &why);
}

/* The outbound side: nobody answers anywhere. */
static void forward(void *ctx, struct nt_forward *fwd)
{
    (void)ctx;
    fwd->status = NT_STATUS(NO_LOGON_SERVERS);
    snprintf(fwd->text, sizeof fwd->text, "nobody answers");
    fwd->done(fwd);
}

static int setup(void **state)
{
    struct fix *f = calloc(1, sizeof *f);
    struct nt_wish wish = { .decide = do_init };
    char why[512] = "";
    nt_log_set(NT_LOG_DEBUG, quiet, NULL);
    strcpy(f->folder, "/tmp/nt-api-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    nt_config_default(&f->config);
    snprintf(f->config.admin_socket, sizeof f->config.admin_socket, "%s/sock", f->folder);
    assert_int_equal(nt_engine_new(nt_store_memory(), nt_env_system(), &f->engine, why, sizeof why),
                     NT_OK);
    assert_int_equal(nt_engine_start(f->engine), NT_OK);
    assert_true(nt_status_ok(nt_engine_wish_wait(f->engine, &wish)));
    f->service =
        (struct nt_service){ .engine = f->engine, .env = nt_env_system(), .forward = forward };
    assert_true(nt_service_init(&f->service));
    f->clients = nt_clients_new(10, 10);
    f->api = nt_api_start(&(struct nt_api_config){ .service = &f->service,
                                                   .config = &f->config,
                                                   .clients = f->clients,
                                                   .smb_counts = &f->smb_counts,
                                                   .version = "test" },
                          why, sizeof why);
    if (f->api == NULL)
        fail_msg("%s", why);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fix *f = *state;
    nt_api_stop(f->api);
    assert_int_not_equal(access(f->config.admin_socket, F_OK), 0);
    nt_engine_free(f->engine);
    nt_service_done(&f->service);
    nt_clients_free(f->clients);
    assert_int_equal(rmdir(f->folder), 0);
    free(f);
    return 0;
}

/* --- speaking HTTP --- */

static int dial(const struct fix *f)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, f->config.admin_socket, strlen(f->config.admin_socket));
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool push(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Sends bytes, reads until the end; the HTTP status, 0: none. The body as JSON in *answer. */
static unsigned talk(const struct fix *f, const char *head, const char *body, size_t len,
                     json_t **answer)
{
    size_t room = 4u << 20, have = 0;
    char *in = malloc(room);
    unsigned http = 0;
    int fd = dial(f);
    *answer = NULL;
    if (fd >= 0 && in != NULL) {
        (void)(push(fd, head, strlen(head)) && push(fd, body, len));
        for (ssize_t n; (n = recv(fd, in + have, room - 1 - have, 0)) > 0;)
            have += (size_t)n;
        in[have] = '\0';
        const char *start = strstr(in, "\r\n\r\n");
        if (start != NULL && sscanf(in, "HTTP/1.1 %u", &http) == 1)
            *answer = json_loads(start + 4, JSON_REJECT_DUPLICATES, NULL);
    }
    if (fd >= 0)
        close(fd);
    free(in);
    return http;
}

static unsigned send_bytes(const struct fix *f, const char *method, const char *path,
                           const char *body, size_t len, json_t **answer)
{
    char head[1024];
    snprintf(
        head, sizeof head,
        "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
        method, path, len);
    return talk(f, head, body, len, answer);
}

/* One request; its answer must be JSON, and an error must be one of ours. Compares the status. */
static json_t *ask(const struct fix *f, const char *method, const char *path, const char *body,
                   unsigned expected)
{
    json_t *answer;
    unsigned http = send_bytes(f, method, path, body, strlen(body), &answer);
    if (http != expected || answer == NULL) {
        char *text = answer != NULL ? json_dumps(answer, 0) : NULL;
        fail_msg("%s %s %s: %u %s", method, path, body, http, text != NULL ? text : "no JSON");
    }
    const json_t *error = json_object_get(answer, "error");
    assert_int_equal(error != NULL, expected >= 400);
    if (error != NULL) {
        assert_true(json_is_string(json_object_get(error, "status")));
        assert_true(json_is_string(json_object_get(error, "code")));
        assert_true(json_string_length(json_object_get(error, "text")) > 0);
        assert_true(json_is_string(json_object_get(error, "next")));
    }
    return answer;
}

static void tell(const struct fix *f, const char *method, const char *path, const char *body,
                 unsigned expected)
{
    json_decref(ask(f, method, path, body, expected));
}

static void assert_text(const json_t *object, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    assert_string_equal(text, value);
}

/* --- reading --- */

static void what_there_is_can_be_read(void **state)
{
    struct fix *f = *state;
    json_t *a = ask(f, "GET", "/v1/status", "", 200);
    assert_text(a, "version", "test");
    assert_text(a, "domain", "ACCOUNTS");
    assert_int_equal(json_integer_value(json_object_get(a, "connections")), 0);
    const json_t *ports = json_object_get(a, "listen"), *smb = json_object_get(a, "smb");
    assert_int_equal(json_integer_value(json_object_get(ports, "smb_port")), 445);
    assert_int_equal(json_integer_value(json_object_get(smb, "pipes")), 0);
    json_decref(a);
    a = ask(f, "GET", "/v1/domain", "", 200);
    assert_text(a, "computer", "ACCPDC");
    json_decref(a);
    a = ask(f, "GET", "/v1/policy", "", 200);
    assert_int_equal(json_integer_value(json_object_get(a, "trust_attempts")), 1);
    assert_true(json_is_false(json_object_get(a, "refuse_password_change")));
    json_decref(a);
    static const char *const lists[] = { "permits",   "trusts", "users",
                                         "computers", "groups", "events" };
    for (size_t i = 0; i < NT_COUNT(lists); i++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/%s", lists[i]);
        a = ask(f, "GET", path, "", 200);
        assert_true(json_is_array(json_object_get(a, lists[i])));
        json_decref(a);
    }
}

static void wrong_paths_and_methods_are_told_apart(void **state)
{
    static const char *const paths[] = {
        "/v1/status",           "/v1/domain",         "/v1/policy",   "/v1/permits",
        "/v1/permits/X",        "/v1/trusts",         "/v1/trusts/X", "/v1/trusts/X/verify",
        "/v1/trusts/X/rotate",  "/v1/trusts/X/reset", "/v1/users",    "/v1/users/x",
        "/v1/computers",        "/v1/computers/x",    "/v1/groups",   "/v1/groups/x",
        "/v1/groups/x/members", "/v1/logon",          "/v1/events",   "/v1/backup",
        "/v1/reset/X/here",     "/v1/reset/X/code",
    };
    static const char *const nowhere[] = { "/",
                                           "/v1",
                                           "/v1/",
                                           "/v1/statu",
                                           "/v1/status/",
                                           "/v2/status",
                                           "/v1/trusts/X/nothing",
                                           "/v1/users//",
                                           "/v1/users/",
                                           "/v1/trusts//verify" };
    struct fix *f = *state;
    for (size_t i = 0; i < NT_COUNT(paths); i++)
        tell(f, "PUT", paths[i], "", 405);
    for (size_t i = 0; i < NT_COUNT(nowhere); i++)
        tell(f, "GET", nowhere[i], "", 404);
    tell(f, "DELETE", "/v1/status", "", 405);
}

/* --- changing --- */

static void a_user_lives_and_dies(void **state)
{
    struct fix *f = *state;
    json_t *a =
        ask(f, "POST", "/v1/users",
            "{\"name\":\"bob\",\"password\":\"Secret.pw1\",\"full_name\":\"Bob \xC3\x89\"}", 200);
    assert_text(a, "full_name", "Bob \xC3\x89");
    json_decref(a);
    tell(f, "POST", "/v1/users", "{\"name\":\"BOB\",\"password\":\"Secret.pw1\"}", 409);
    a = ask(f, "PATCH", "/v1/users/bob", "{\"disabled\":true,\"comment\":\"gone\"}", 200);
    assert_true(json_is_true(json_object_get(a, "disabled")));
    assert_text(a, "comment", "gone");
    json_decref(a);
    tell(f, "PATCH", "/v1/users/bob", "{\"locked\":false,\"password\":\"Secret.pw1.2\"}", 200);
    tell(f, "PATCH", "/v1/users/bob", "{\"locked\":true}", 400);
    tell(f, "GET", "/v1/users/Bob", "", 200);
    tell(f, "GET", "/v1/computers/bob", "", 404);
    tell(f, "DELETE", "/v1/users/bob", "", 200);
    tell(f, "GET", "/v1/users/bob", "", 404);
    tell(f, "DELETE", "/v1/users/bob", "", 404);
    tell(f, "PATCH", "/v1/users/bob", "{}", 404);
    tell(f, "POST", "/v1/users",
         "{\"name\":\"eve\",\"password\":\"Secret.pw1\",\"groups\":[\"No\"]}", 404);
    tell(f, "GET", "/v1/users/eve", "", 404); /* all or nothing */
}

static void a_computer_lives_and_dies(void **state)
{
    struct fix *f = *state;
    json_t *a =
        ask(f, "POST", "/v1/computers", "{\"name\":\"DESK\",\"kind\":\"workstation\"}", 200);
    assert_text(a, "name", "DESK$");
    json_decref(a);
    a = ask(f, "PATCH", "/v1/computers/desk", "{\"allow_weak_crypto\":true}", 200);
    assert_true(json_is_true(json_object_get(a, "allow_weak_crypto")));
    json_decref(a);
    tell(f, "POST", "/v1/computers", "{\"name\":\"BDC$\",\"kind\":\"server\"}", 200);
    tell(f, "POST", "/v1/computers", "{\"name\":\"X\",\"kind\":\"printer\"}", 400);
    tell(f, "POST", "/v1/computers", "{\"name\":\"\",\"kind\":\"server\"}", 400);
    tell(f, "POST", "/v1/computers", "{\"name\":\"$\",\"kind\":\"server\"}", 400);
    tell(f, "DELETE", "/v1/computers/DESK$", "", 200);
    tell(f, "DELETE", "/v1/computers/BDC", "", 200);
    tell(f, "DELETE", "/v1/computers/BDC", "", 404);
}

static void a_group_gets_members(void **state)
{
    struct fix *f = *state;
    tell(f, "POST", "/v1/groups", "{\"name\":\"Staff\",\"kind\":\"group\"}", 200);
    tell(f, "POST", "/v1/groups", "{\"name\":\"Local\",\"kind\":\"alias\",\"comment\":\"c\"}", 200);
    tell(f, "POST", "/v1/groups", "{\"name\":\"Staff\"}", 409);
    tell(f, "POST", "/v1/groups", "{\"name\":\"X\",\"kind\":\"heap\"}", 400);
    json_t *a = ask(f, "POST", "/v1/groups/Staff/members", "{\"add\":[\"Administrator\"]}", 200);
    assert_int_equal(json_array_size(json_object_get(a, "members")), 1);
    json_decref(a);
    a = ask(f, "POST", "/v1/groups/Local/members", "{\"add\":[\"S-1-5-21-7-7-7-1001\",\"Staff\"]}",
            200);
    assert_int_equal(json_array_size(json_object_get(a, "members")), 2);
    json_decref(a);
    tell(f, "POST", "/v1/groups/Staff/members", "{\"add\":[\"S-1-5-21-7-7-7-1001\"]}", 400);
    tell(f, "POST", "/v1/groups/Staff/members", "{\"add\":[1]}", 400);
    tell(f, "POST", "/v1/groups/Staff/members", "{\"add\":\"x\"}", 400);
    tell(f, "POST", "/v1/groups/None/members", "{\"add\":[\"Administrator\"]}", 404);
    tell(f, "GET", "/v1/groups/Local", "", 200);
    tell(f, "DELETE", "/v1/groups/Local", "", 200);
    tell(f, "DELETE", "/v1/groups/Local", "", 404);
    tell(f, "GET", "/v1/groups/Domain%20Admins", "", 200);
}

static void a_domain_is_permitted_and_no_more(void **state)
{
    struct fix *f = *state;
    json_t *a =
        ask(f, "POST", "/v1/permits", "{\"name\":\"EAST\",\"password\":\"Secret.pw1\"}", 200);
    assert_text(a, "state", "permitted");
    assert_null(json_object_get(a, "generated_password"));
    json_decref(a);
    a = ask(f, "POST", "/v1/permits", "{\"name\":\"WEST\",\"generate\":true,\"attempts\":3}", 200);
    assert_int_equal(json_string_length(json_object_get(a, "generated_password")), 29);
    assert_int_equal(json_integer_value(json_object_get(a, "attempts_left")), 3);
    json_decref(a);
    a = ask(f, "GET", "/v1/permits/west", "", 200);
    assert_null(json_object_get(a, "generated_password")); /* shown once */
    json_decref(a);
    tell(f, "POST", "/v1/permits", "{\"name\":\"EAST\",\"password\":\"x\"}", 409);
    tell(f, "POST", "/v1/permits", "{\"name\":\"NORTH\"}", 400);
    tell(f, "POST", "/v1/permits", "{\"name\":\"NORTH\",\"password\":\"x\",\"attempts\":0}", 400);
    tell(f, "POST", "/v1/permits", "{\"name\":\"NORTH\",\"password\":\"x\",\"attempts\":\"2\"}",
         400);
    tell(f, "POST", "/v1/permits", "{\"name\":\"a/b\",\"password\":\"x\"}", 400);
    tell(f, "POST", "/v1/permits", "{\"name\":\"SEVENTEEN-LETTERS\",\"password\":\"x\"}", 400);
    tell(f, "DELETE", "/v1/permits/EAST", "", 200);
    tell(f, "DELETE", "/v1/permits/EAST", "", 404);
    tell(f, "GET", "/v1/permits/EAST", "", 404);
}

static void a_trust_is_added_and_asked_about(void **state)
{
    struct fix *f = *state;
    json_t *a =
        ask(f, "POST", "/v1/trusts",
            "{\"name\":\"EAST\",\"servers\":[\"east.example:135\",\"[::1]:5\"],\"password\":"
            "\"Secret.pw1\"}",
            200);
    assert_text(a, "state", "pending");
    assert_int_equal(json_array_size(json_object_get(a, "servers")), 2);
    json_decref(a);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"EAST\",\"servers\":[\"e\"],\"password\":\"x\"}",
         409);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"WEST\",\"servers\":[\"\"],\"password\":\"x\"}", 400);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"WEST\",\"dns_name\":\"a b\",\"password\":\"x\"}",
         400);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"WEST\",\"servers\":[\"a b\"],\"password\":\"x\"}",
         400);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"WEST\",\"servers\":[7],\"password\":\"x\"}", 400);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"WEST\",\"servers\":\"a\",\"password\":\"x\"}", 400);
    tell(f, "POST", "/v1/trusts", "{\"name\":\"WEST\",\"servers\":[\"a:0\"],\"password\":\"x\"}",
         400);
    tell(f, "PATCH", "/v1/trusts/EAST", "{\"servers\":[\"other\"]}", 200);
    tell(f, "POST", "/v1/trusts/EAST/verify", "", 200);
    tell(f, "POST", "/v1/trusts/EAST/rotate", "", 502);
    tell(f, "POST", "/v1/trusts/WEST/verify", "", 404);
    tell(f, "POST", "/v1/trusts/EAST/verify", "{\"now\":true}", 400);
    tell(f, "POST", "/v1/trusts/EAST/reset", "{\"password\":\"Secret.pw1\",\"sid\":\"no\"}", 400);
    a = ask(f, "POST", "/v1/trusts/EAST/reset",
            "{\"password\":\"Secret.pw1\",\"sid\":\"S-1-5-21-7-7-7\"}", 200);
    assert_text(a, "sid", "S-1-5-21-7-7-7");
    json_decref(a);
    tell(f, "DELETE", "/v1/trusts/EAST", "", 200);
    tell(f, "DELETE", "/v1/trusts/EAST", "", 404);
}

/* Made here, so it cannot be taken here; what is wrong is said by kind. */
static void reset_codes_are_made_and_judged(void **state)
{
    struct fix *f = *state;
    json_t *a = ask(f, "POST", "/v1/reset/EAST/here", "{\"end\":\"both\",\"dry_run\":true}", 200);
    assert_null(json_object_get(a, "code"));
    json_decref(a);
    tell(f, "GET", "/v1/permits/EAST", "", 404);
    tell(f, "POST", "/v1/reset/EAST/here", "", 404);
    tell(f, "POST", "/v1/reset/EAST/here", "{\"end\":\"left\"}", 400);
    tell(f, "POST", "/v1/reset/ACCOUNTS/here", "{\"end\":\"both\"}", 400);
    tell(f, "POST", "/v1/reset/EAST/code", "", 400);
    a = ask(f, "POST", "/v1/reset/east/here", "{\"end\":\"both\"}", 200);
    char body[100];
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", json_string_value(json_object_get(a, "code")));
    json_decref(a);
    tell(f, "GET", "/v1/permits/EAST", "", 200);
    tell(f, "GET", "/v1/trusts/EAST", "", 200);
    static const char *const typed[][2] = { { "{\"code\":\"ABCDE\"}", "typing" },
                                            { "{\"code\":\"ABC\\u00e4\"}", "typing" },
                                            { NULL, "made-here" } };
    for (size_t i = 0; i < NT_COUNT(typed); i++) {
        a = ask(f, "POST", "/v1/reset/EAST/code", typed[i][0] != NULL ? typed[i][0] : body, 400);
        assert_text(json_object_get(a, "error"), "mistake", typed[i][1]);
        json_decref(a);
    }
    tell(f, "DELETE", "/v1/trusts/EAST", "", 200);
    tell(f, "DELETE", "/v1/permits/EAST", "", 200);
}

static void the_policy_changes_all_or_nothing(void **state)
{
    struct fix *f = *state;
    json_t *a = ask(f, "PATCH", "/v1/policy",
                    "{\"lockout_threshold\":5,\"refuse_password_change\":true}", 200);
    assert_int_equal(json_integer_value(json_object_get(a, "lockout_threshold")), 5);
    json_decref(a);
    tell(f, "PATCH", "/v1/policy", "{\"lockout_threshold\":6,\"no_such_setting\":1}", 400);
    tell(f, "PATCH", "/v1/policy", "{\"lockout_threshold\":6,\"trust_attempts\":-1}", 400);
    tell(f, "PATCH", "/v1/policy", "{\"lockout_threshold\":[6]}", 400);
    tell(f, "PATCH", "/v1/policy", "{\"trust_attempts\":101}", 400);
    a = ask(f, "GET", "/v1/policy", "", 200);
    assert_int_equal(json_integer_value(json_object_get(a, "lockout_threshold")), 5);
    json_decref(a);
    tell(f, "PATCH", "/v1/policy", "{\"lockout_threshold\":0,\"refuse_password_change\":false}",
         200);
}

static void a_logon_is_told_its_status(void **state)
{
    struct fix *f = *state;
    static const uint8_t challenge[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct nt_secret hash, key;
    struct nt_buf pairs, response;
    nt_buf_init(&pairs, 64);
    nt_buf_init(&response, 4096);
    nt_av_put(&pairs, NT_AV_EOL, NULL, 0);
    assert_int_equal(nt_owf_text("Admin.pw1", &hash), NT_OK);
    assert_int_equal(nt_ntlmv2_respond(&hash, "Administrator", "ACCOUNTS", challenge, challenge,
                                       nt_now(nt_env_system()), pairs.data, pairs.len, &response,
                                       &key),
                     NT_OK);
    char body[4096], hex[2048];
    for (size_t i = 0; i < response.len; i++)
        snprintf(hex + 2 * i, 3, "%02x", response.data[i]);
    for (int wrong = 0; wrong < 2; wrong++) {
        snprintf(body, sizeof body,
                 "{\"domain\":\"ACCOUNTS\",\"user\":\"Administrator\",\"challenge\":"
                 "\"%s02030405060708\",\"nt_response\":\"%s\"}",
                 wrong ? "FF" : "01", hex);
        json_t *a = ask(f, "POST", "/v1/logon", body, 200);
        assert_text(a, "status", wrong ? "WRONG_PASSWORD" : "SUCCESS");
        json_decref(a);
    }
    nt_buf_free(&pairs);
    nt_buf_free(&response);
    static const char *const bad[] = {
        "{\"domain\":\"A\",\"user\":\"u\",\"challenge\":\"01\",\"nt_response\":\"00\"}",
        "{\"domain\":\"A\",\"user\":\"u\",\"challenge\":\"0102030405060708\",\"nt_response\":"
        "\"0\"}",
        "{\"domain\":\"A\",\"user\":\"u\",\"challenge\":\"01020304050607080\",\"nt_response\":"
        "\"00112233445566778899AABBCCDDEEFF\"}",
        "{\"domain\":\"A\",\"user\":\"u\",\"challenge\":\"010203040506070x\",\"nt_response\":"
        "\"00112233445566778899AABBCCDDEEFF\"}",
        "{\"domain\":\"A\",\"user\":\"u\"}",
        "{\"user\":\"u\"}",
    };
    for (size_t i = 0; i < NT_COUNT(bad); i++)
        tell(f, "POST", "/v1/logon", bad[i], 400);
}

static void events_are_paged(void **state)
{
    struct fix *f = *state;
    tell(f, "POST", "/v1/users", "{\"name\":\"ann\",\"password\":\"Secret.pw1\"}", 200);
    tell(f, "DELETE", "/v1/users/ann", "", 200);
    json_t *a = ask(f, "GET", "/v1/events?after=0&max=2", "", 200);
    const json_t *events = json_object_get(a, "events");
    assert_int_equal(json_array_size(events), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(events, 0), "id")), 1);
    json_decref(a);
    tell(f, "GET", "/v1/events?after=x&max=-1&subject=ann", "", 200);
    tell(f, "GET", "/v1/events?max=99999999999999999999999", "", 200);
    a = ask(f, "GET", "/v1/events?subject=nobody", "", 200);
    assert_int_equal(json_array_size(json_object_get(a, "events")), 0);
    json_decref(a);
}

static void users_are_paged(void **state)
{
    struct fix *f = *state;
    for (int i = 0; i < 5; i++) {
        char body[100];
        snprintf(body, sizeof body, "{\"name\":\"page%d\",\"password\":\"Secret.pw1\"}", i);
        tell(f, "POST", "/v1/users", body, 200);
    }
    unsigned seen = 0, rounds = 0;
    json_int_t after = 0;
    for (bool more = true; more; rounds++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/users?max=2&after=%lld", (long long)after);
        json_t *a = ask(f, "GET", path, "", 200);
        const json_t *users = json_object_get(a, "users");
        size_t n = json_array_size(users);
        assert_true(n <= 2 && rounds < 20);
        seen += (unsigned)n;
        more = json_is_true(json_object_get(a, "more"));
        if (n > 0)
            after = json_integer_value(json_object_get(json_array_get(users, n - 1), "rid"));
        json_decref(a);
    }
    assert_true(seen >= 6); /* and the Administrator */
    for (int i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/users/page%d", i);
        tell(f, "DELETE", path, "", 200);
    }
}

/* --- bad input --- */

static void bodies_that_are_not_right_are_refused(void **state)
{
    static const char *const bad[] = {
        "x",
        "{",
        "[]",
        "\"name\"",
        "null",
        "{\"name\":\"a\",\"name\":\"b\",\"password\":\"x\"}",
        "{\"name\":7,\"password\":\"Secret.pw1\"}",
        "{\"name\":null,\"password\":\"Secret.pw1\"}",
        "{\"name\":\"a\",\"password\":true}",
        "{\"name\":\"a\"}",
        "{\"password\":\"Secret.pw1\"}",
        "{\"name\":\"a\",\"password\":\"Secret.pw1\",\"colour\":\"red\"}",
        "{\"name\":\"a\",\"password\":\"Secret.pw1\",\"comment\":{}}",
        "{\"name\":\"a\",\"password\":\"Secret.pw1\",\"groups\":\"x\"}",
        "{\"name\":\"\",\"password\":\"Secret.pw1\"}",
        "{\"name\":\"a\\u0000b\",\"password\":\"Secret.pw1\"}",
        "{\"name\":\"a\xFF\",\"password\":\"Secret.pw1\"}",
        "{\"name\":\"twenty-one-characters\",\"password\":\"Secret.pw1\"}",
        "{\"name\":\"a\",\"password\":\"Secret.pw1\"} x",
    };
    struct fix *f = *state;
    for (size_t i = 0; i < NT_COUNT(bad); i++)
        tell(f, "POST", "/v1/users", bad[i], 400);
    char *deep = malloc(60001);
    memset(deep, '[', 60000);
    deep[60000] = '\0';
    tell(f, "POST", "/v1/users", deep, 400);
    free(deep);
}

static void sizes_are_bounded(void **state)
{
    struct fix *f = *state;
    size_t len = 70000;
    char *body = malloc(len + 1);
    json_t *answer;
    memset(body, ' ', len);
    body[len] = '\0';
    assert_int_equal(send_bytes(f, "POST", "/v1/users", body, len, &answer), 413);
    json_decref(answer);
    memcpy(body, "{}", 2); /* at the limit */
    assert_int_equal(send_bytes(f, "PATCH", "/v1/policy", body, 65536, &answer), 200);
    json_decref(answer);
    assert_int_equal(send_bytes(f, "PATCH", "/v1/policy", body, 65537, &answer), 413);
    json_decref(answer);
    memset(body, 'a', 300);
    memcpy(body, "/v1/users/", 10);
    body[300] = '\0';
    tell(f, "GET", body, "", 404);
    free(body);
}

static void paths_may_hold_anything(void **state)
{
    static const char *const paths[] = {
        "/v1/users/%FF%FE",
        "/v1/trusts/%C3",
        "/v1/permits/%0A",
        "/v1/groups/%22%27%3C",
        "/v1/trusts/"
        "%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC"
        "%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%AC%E2%82%"
        "AC%E2"
        "%82%AC%E2%82%AC",
        "/v1/computers/%25s%25n",
    };
    struct fix *f = *state;
    for (size_t i = 0; i < NT_COUNT(paths); i++)
        tell(f, "GET", paths[i], "", 404);
}

static void what_is_not_http_does_no_harm(void **state)
{
    static const char *const junk[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v1/status HTTP/9.9\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x05\x00\x0b\x03\x10",
    };
    struct fix *f = *state;
    for (size_t i = 0; i < NT_COUNT(junk); i++) {
        int fd = dial(f);
        assert_true(fd >= 0);
        assert_true(push(fd, junk[i], strlen(junk[i])));
        close(fd);
    }
    int silent = dial(f); /* one that says nothing keeps nobody from being served */
    tell(f, "GET", "/v1/status", "", 200);
    close(silent);
}

/* --- many --- */

#define CLIENTS 20
#define EACH    15

struct client {
    const struct fix *f;
    unsigned number, good;
};

static void *be_busy(void *arg)
{
    struct client *c = arg;
    for (unsigned i = 0; i < EACH; i++) {
        char body[128], path[64];
        json_t *answer;
        snprintf(body, sizeof body, "{\"name\":\"u%u-%u\",\"password\":\"Secret.pw1\"}", c->number,
                 i);
        c->good += send_bytes(c->f, "POST", "/v1/users", body, strlen(body), &answer) == 200;
        json_decref(answer);
        snprintf(path, sizeof path, "/v1/users/u%u-%u", c->number, i);
        c->good += send_bytes(c->f, "GET", path, "", 0, &answer) == 200; /* it is there at once */
        json_decref(answer);
        c->good += send_bytes(c->f, "DELETE", path, "", 0, &answer) == 200;
        json_decref(answer);
    }
    return NULL;
}

static void twenty_at_once_are_served(void **state)
{
    pthread_t threads[CLIENTS];
    struct client clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){ .f = *state, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &clients[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].good, 3 * EACH);
    }
}

/* --- who may --- */

static void the_socket_is_for_its_owner(void **state)
{
    struct fix *f = *state;
    struct stat st;
    assert_int_equal(stat(f->config.admin_socket, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

/* Even where the file's rights would let it in. */
static void another_user_is_refused(void **state)
{
    struct fix *f = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(f->config.admin_socket, 0666), 0);
    assert_int_equal(chmod(f->folder, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        json_t *answer = NULL;
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(2);
        unsigned http = send_bytes(f, "GET", "/v1/status", "", 0, &answer);
        bool told =
            strcmp(json_string_value(json_object_get(json_object_get(answer, "error"), "status")),
                   "ACCESS_DENIED") == 0;
        _exit(http == 403 && told ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- the socket's file --- */

static struct nt_api *start_at(struct fix *f, const struct nt_config *config, char why[512])
{
    return nt_api_start(&(struct nt_api_config){ .service = &f->service,
                                                 .config = config,
                                                 .clients = f->clients,
                                                 .smb_counts = &f->smb_counts,
                                                 .version = "test" },
                        why, 512);
}

static void what_stands_in_the_way_is_told(void **state)
{
    struct fix *f = *state;
    struct nt_config c = f->config;
    char why[512] = "";
    assert_null(start_at(f, &c, why)); /* a second one beside the first */
    assert_non_null(strstr(why, "another ntrustd"));
    tell(f, "GET", "/v1/status", "", 200); /* which was not disturbed */

    snprintf(c.admin_socket, sizeof c.admin_socket, "%s/file", f->folder);
    FILE *file = fopen(c.admin_socket, "w");
    fclose(file);
    assert_null(start_at(f, &c, why));
    assert_non_null(strstr(why, "is no socket"));
    unlink(c.admin_socket);

    snprintf(c.admin_socket, sizeof c.admin_socket, "%s/none/sock", f->folder);
    assert_null(start_at(f, &c, why));
    assert_non_null(strstr(why, "make its folder first"));

    snprintf(c.admin_socket, sizeof c.admin_socket, "%s/other", f->folder);
    strcpy(c.admin_group, "no-such-group-here");
    assert_null(start_at(f, &c, why));
    assert_non_null(strstr(why, "no-such-group-here"));
    c.admin_group[0] = '\0';

    /* One that a crash left behind is replaced. */
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    memcpy(at.sun_path, c.admin_socket, strlen(c.admin_socket));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    struct nt_api *api = start_at(f, &c, why);
    assert_non_null(api);
    nt_api_stop(api);
    nt_api_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is_can_be_read),
        cmocka_unit_test(wrong_paths_and_methods_are_told_apart),
        cmocka_unit_test(reset_codes_are_made_and_judged),
        cmocka_unit_test(a_user_lives_and_dies),
        cmocka_unit_test(a_computer_lives_and_dies),
        cmocka_unit_test(a_group_gets_members),
        cmocka_unit_test(a_domain_is_permitted_and_no_more),
        cmocka_unit_test(a_trust_is_added_and_asked_about),
        cmocka_unit_test(the_policy_changes_all_or_nothing),
        cmocka_unit_test(a_logon_is_told_its_status),
        cmocka_unit_test(events_are_paged),
        cmocka_unit_test(users_are_paged),
        cmocka_unit_test(bodies_that_are_not_right_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(paths_may_hold_anything),
        cmocka_unit_test(what_is_not_http_does_no_harm),
        cmocka_unit_test(twenty_at_once_are_served),
        cmocka_unit_test(the_socket_is_for_its_owner),
        cmocka_unit_test(another_user_is_refused),
        cmocka_unit_test(what_stands_in_the_way_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
