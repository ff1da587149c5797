/*
 * log.h - one line a decision, keys before values:
 *     nt_log(NT_LOG_WARN, "channel refused account=%s peer=%s reason=credential", ...);
 * Secrets have types of their own and do not fit any format. Control characters in the finished
 * line are written as '?', so that a peer's text cannot forge a line. Safe from any thread.
 */
#ifndef NT_BASE_LOG_H
#define NT_BASE_LOG_H

enum nt_log_level { NT_LOG_ERROR, NT_LOG_WARN, NT_LOG_INFO, NT_LOG_DEBUG };

/* Receives each finished line without a newline. The default writes to stderr, with time and
 * level in front. */
typedef void nt_log_sink(void *ctx, enum nt_log_level level, const char *line);

void nt_log_set(enum nt_log_level most, nt_log_sink *sink, void *ctx); /* sink NULL: stderr */
void nt_log(enum nt_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *nt_log_level_name(enum nt_log_level level);

#endif
