/*
 * watch.c - I4: no password is logged or shown. Passwords that people type bear a mark here, random
 * ones are far from ASCII, and hashes and keys show as long rows of hexadecimal digits.
 */
#include <string.h>

#include "base/log.h"
#include "world.h"

#define HEX_MOST 24 /* digits in a row that something harmless may have */

void sim_watch_text(struct sim_core *core, const char *where, const char *text)
{
    size_t row = 0, foreign = 0;
    for (const char *p = text; *p != '\0'; p++) {
        bool hex = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f') || (*p >= 'A' && *p <= 'F');
        row = hex ? row + 1 : 0;
        foreign += (unsigned char)*p >= 0x80;
        if (row > HEX_MOST || foreign > 4) {
            sim_fail(core, "I4: a secret may be shown in %s: %s", where, text);
            return;
        }
    }
    if (strstr(text, SIM_TEXT_MARK) != NULL)
        sim_fail(core, "I4: a typed password is shown in %s: %s", where, text);
}

static void on_line(void *ctx, enum nt_log_level level, const char *line)
{
    struct sim_core *core = ctx;
    (void)level;
    sim_say(core, "    %s", line);
    sim_watch_text(core, "the log", line);
}

void sim_watch_log(struct sim_core *core)
{
    nt_log_set(core->verbose ? NT_LOG_DEBUG : NT_LOG_INFO, on_line, core);
}

void sim_watch_events(struct sim_domain *d, const struct nt_txn *txn)
{
    const struct nt_event *events;
    struct sim_world *w = d->world;
    size_t count = nt_txn_events(txn, &events);
    for (size_t i = 0; i < count; i++) {
        sim_watch_text(&w->core, "an event", events[i].text);
        w->counts.adopted += strcmp(events[i].kind, "trust-end-reverted") == 0;
        w->counts.behind += strcmp(events[i].kind, "trust-peer-behind") == 0;
        w->counts.lagging += strcmp(events[i].kind, "trust-controller-lags") == 0;
        w->counts.elsewhere += strcmp(events[i].kind, "trust-changed-elsewhere") == 0;
    }
}
