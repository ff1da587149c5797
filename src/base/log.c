#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct {
    pthread_mutex_t lock;
    enum nt_log_level most;
    nt_log_sink *sink;
    void *ctx;
} state = { PTHREAD_MUTEX_INITIALIZER, NT_LOG_INFO, NULL, NULL };

const char *nt_log_level_name(enum nt_log_level level)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    return names[level];
}

void nt_log_set(enum nt_log_level most, nt_log_sink *sink, void *ctx)
{
    pthread_mutex_lock(&state.lock);
    state.most = most;
    state.sink = sink;
    state.ctx = ctx;
    pthread_mutex_unlock(&state.lock);
}

static void to_stderr(enum nt_log_level level, const char *line)
{
    struct timespec now;
    struct tm tm;
    char when[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    fprintf(stderr, "%s.%03ldZ %s %s\n", when, now.tv_nsec / 1000000, nt_log_level_name(level),
            line);
}

void nt_log(enum nt_log_level level, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *p = line; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = '?';
    pthread_mutex_lock(&state.lock);
    if (level <= state.most) {
        if (state.sink != NULL)
            state.sink(state.ctx, level, line);
        else
            to_stderr(level, line);
    }
    pthread_mutex_unlock(&state.lock);
}
