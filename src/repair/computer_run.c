#include "repair/computer_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"

#define LIMIT_MS 30000
#define VARS_MAX 8

static int64_t now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the program and its surroundings --- */

/* Where it is; system tools are often not in a person's PATH. */
static bool find(const char *name, char *out, size_t size)
{
    static const char system_path[] =
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const char *own = getenv("PATH");
    const char *const paths[] = { own != NULL ? own : "", system_path };
    for (size_t i = 0; i < 2; i++)
        for (const char *p = paths[i]; *p != '\0';) {
            size_t len = strcspn(p, ":");
            int n = snprintf(out, size, "%.*s/%s", (int)len, p, name);
            if (len > 0 && *p == '/' && n > 0 && (size_t)n < size && access(out, X_OK) == 0)
                return true;
            p += len;
            p += *p == ':' ? 1 : 0;
        }
    return false;
}

/* Its messages are read by us, so they have to be the untranslated ones. What else it needs of the
 * environment are its own tickets and files. */
static void surroundings(char store[VARS_MAX][512], char *vars[VARS_MAX + 1])
{
    static const char *const kept[] = { "PATH", "HOME", "KRB5_CONFIG", "TMPDIR" };
    size_t count = 0;
    snprintf(store[count], sizeof store[0], "LC_ALL=C.UTF-8");
    count++;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *value = getenv(kept[i]);
        int n =
            value != NULL ? snprintf(store[count], sizeof store[0], "%s=%s", kept[i], value) : 0;
        if (n > 0 && (size_t)n < sizeof store[0])
            count++;
    }
    for (size_t i = 0; i < count; i++)
        vars[i] = store[i];
    vars[count] = NULL;
}

/* posix_spawn wants words that it could write into. */
static bool copy_words(const struct nt_run *run, char *words[NT_RUN_WORDS + 1])
{
    size_t count = 0;
    for (; count < NT_RUN_WORDS && run->argv[count] != NULL; count++) {
        words[count] = strdup(run->argv[count]);
        if (words[count] == NULL)
            return false;
    }
    return run->argv[count] == NULL;
}

static void free_words(char *words[NT_RUN_WORDS + 1])
{
    for (size_t i = 0; i <= NT_RUN_WORDS; i++)
        free(words[i]);
}

struct pipes {
    int in[2], out[2];
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(struct pipes *p)
{
    close_end(&p->in[0]);
    close_end(&p->in[1]);
    close_end(&p->out[0]);
    close_end(&p->out[1]);
}

static bool open_pipes(struct pipes *p)
{
    *p = (struct pipes){ .in = { -1, -1 }, .out = { -1, -1 } };
    if (pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0)
        return true;
    close_all(p);
    return false;
}

/* In a process group of its own: Ctrl-C at our terminal is not for it, which may be in the middle
 * of storing a secret. */
static int start(const struct nt_run *run, char *const *words, const char *path,
                 const struct pipes *p, pid_t *pid)
{
    char store[VARS_MAX][512], *vars[VARS_MAX + 1];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    surroundings(store, vars);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&files, p->in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, p->out[1], STDOUT_FILENO);
    if (run->errors)
        posix_spawn_file_actions_adddup2(&files, p->out[1], STDERR_FILENO);
    else
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    int err = posix_spawn(pid, path, &files, &attributes, words, vars);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return err;
}

/* --- while it runs --- */

/* A short text fits into the pipe at once; one who does not read it must not end us. */
static void feed(const struct nt_run *run, struct pipes *p)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
    size_t len = run->input != NULL ? strlen(run->input) : 0;
    sigaction(SIGPIPE, &ignore, &before);
    if (len > 0 && write(p->in[1], run->input, len) < 0)
        close_end(&p->in[1]); /* it is seen in what comes of it */
    sigaction(SIGPIPE, &before, NULL);
    close_end(&p->in[1]);
}

/* Until it closes its output. False: it took too long. What does not fit is read and left out. */
static bool listen_to(int fd, int64_t until_ms, char *out, size_t size)
{
    size_t at = 0;
    for (;;) {
        char rest[4096];
        struct pollfd pfd = { .fd = fd, .events = POLLIN };
        int64_t left = until_ms - now_ms();
        int ready = left > 0 ? poll(&pfd, 1, (int)left) : 0;
        if (ready == 0)
            return false;
        if (ready < 0)
            continue; /* EINTR */
        ssize_t n = read(fd, rest, sizeof rest);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        size_t fits = (size_t)n < size - 1 - at ? (size_t)n : size - 1 - at;
        memcpy(out + at, rest, fits);
        at += fits;
        out[at] = '\0';
        nt_wipe(rest, sizeof rest);
    }
}

static enum nt_run_end reap(pid_t pid, bool in_time, int *code)
{
    int status = 0;
    if (!in_time)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return NT_RUN_FAILED;
    if (!in_time)
        return NT_RUN_TIMEOUT;
    if (!WIFEXITED(status))
        return NT_RUN_FAILED;
    *code = WEXITSTATUS(status);
    return NT_RUN_EXITED;
}

enum nt_run_end nt_run(const struct nt_run *run, int *code, char *out, size_t size)
{
    char path[512], *words[NT_RUN_WORDS + 1] = { NULL };
    struct pipes p;
    pid_t pid;
    *code = -1;
    out[0] = '\0';
    if (!find(run->argv[0], path, sizeof path))
        return NT_RUN_MISSING;
    if (!open_pipes(&p))
        return NT_RUN_FAILED;
    bool started = copy_words(run, words) && start(run, words, path, &p, &pid) == 0;
    free_words(words);
    if (!started) {
        close_all(&p);
        return NT_RUN_FAILED;
    }
    close_end(&p.in[0]);
    close_end(&p.out[1]);
    feed(run, &p);
    int64_t limit = run->limit_ms != 0 ? run->limit_ms : LIMIT_MS;
    bool in_time = listen_to(p.out[0], now_ms() + limit, out, size);
    close_all(&p);
    return reap(pid, in_time, code);
}
