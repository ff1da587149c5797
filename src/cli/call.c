/* The daemon's admin API, from the client's side: one HTTP request on a Unix socket. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

#define ANSWER_MAX (16u * 1024 * 1024)

static int connect_socket(const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof to.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Reads until the peer closes: the request says "Connection: close". */
static bool receive_all(int fd, struct nt_buf *in)
{
    uint8_t chunk[16384];
    for (;;) {
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            nt_buf_u8(in, 0);
            return n == 0 && in->err == NT_OK;
        }
        nt_buf_put(in, chunk, (size_t)n);
    }
}

static bool exchange(int fd, const char *method, const char *path, const char *body,
                     struct nt_buf *in)
{
    struct nt_buf out;
    nt_buf_init(&out, 1u << 20);
    nt_buf_printf(&out,
                  "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                  method, path, strlen(body), body);
    bool ok = out.err == NT_OK && send_all(fd, out.data, out.len) && receive_all(fd, in);
    nt_buf_free(&out);
    return ok;
}

json_t *cli_call_quiet(const struct cli *cli, const char *method, const char *path, json_t *body,
                       unsigned *http)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : strdup("");
    struct nt_buf in;
    json_t *answer = NULL;
    *http = 0;
    nt_buf_init(&in, ANSWER_MAX);
    int fd = text != NULL ? connect_socket(cli->socket) : -1;
    if (fd >= 0 && exchange(fd, method, path, text, &in)) {
        const char *start = strstr((const char *)in.data, "\r\n\r\n");
        if (start != NULL && strncmp((const char *)in.data, "HTTP/1.1 ", 9) == 0) {
            *http = (unsigned)strtoul((const char *)in.data + 9, NULL, 10);
            answer = json_loads(start + 4, JSON_REJECT_DUPLICATES, NULL);
        }
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    if (text != NULL)
        nt_wipe(text, strlen(text)); /* it may hold a password */
    free(text);
    json_decref(body);
    nt_buf_free(&in);
    if (answer == NULL)
        *http = 0;
    errno = why;
    return answer;
}

int cli_tell_error(const struct cli *cli, const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    if (cli->json) {
        cli_print_json(answer);
        return EXIT_FAILED;
    }
    fprintf(stderr, "ntrust: %s (%s %s)\n", cli_text(error, "text"), cli_text(error, "code"),
            cli_text(error, "status"));
    if (*cli_text(error, "next") != '\0')
        fprintf(stderr, "Next: %s\n", cli_text(error, "next"));
    return EXIT_FAILED;
}

static int tell_unreachable(const struct cli *cli, int why)
{
    if (why == ENOENT || why == ECONNREFUSED)
        return cli_fail("ntrustd does not answer at %s: it is not running, or has another [admin] "
                        "socket. Start it with 'systemctl start ntrustd', or name its socket with "
                        "--socket.",
                        cli->socket);
    if (why == EACCES || why == EPERM)
        return cli_fail(
            "%s: you may not use ntrustd's admin socket; run as root, or join the group "
            "that [admin] group names",
            cli->socket);
    return cli_fail("%s: no answer from ntrustd: %s", cli->socket, strerror(why));
}

json_t *cli_call(const struct cli *cli, const char *method, const char *path, json_t *body,
                 int *code)
{
    unsigned http;
    errno = 0;
    json_t *answer = cli_call_quiet(cli, method, path, body, &http);
    *code = EXIT_GOOD;
    if (answer == NULL) {
        *code = tell_unreachable(cli, errno != 0 ? errno : ECONNRESET);
        return NULL;
    }
    if (http >= 400) {
        *code = cli_tell_error(cli, answer);
        json_decref(answer);
        return NULL;
    }
    return answer;
}

const char *cli_path(char *out, size_t size, const char *prefix, const char *name,
                     const char *suffix)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t at = (size_t)snprintf(out, size, "%s", prefix);
    for (; *name != '\0' && at + 4 < size; name++) {
        unsigned char c = (unsigned char)*name;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '$';
        if (plain) {
            out[at++] = (char)c;
        } else {
            out[at++] = '%';
            out[at++] = hex[c >> 4];
            out[at++] = hex[c & 15];
        }
    }
    snprintf(out + at, size - at, "%s", suffix);
    return out;
}
