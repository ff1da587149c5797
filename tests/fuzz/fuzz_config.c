/*
 * fuzz_config.c - the configuration file of ntrustd: what is accepted prints as a file that is
 * accepted, and means the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "daemon/config.h"

struct text {
    char b[16384];
    size_t len;
};

static void add(void *ctx, const char *line)
{
    struct text *t = ctx;
    size_t n = strlen(line);
    assert(t->len + n + 2 < sizeof t->b);
    memcpy(t->b + t->len, line, n);
    t->b[t->len + n] = '\n';
    t->len += n + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_config config, again;
    char why[512] = "";
    static struct text text;
    nt_config_default(&config);
    if (nt_config_parse(&config, "f", (const char *)data, size, why, sizeof why) != NT_OK) {
        assert(strncmp(why, "f:", 2) == 0 && strchr(why, '\n') == NULL);
        return 0;
    }
    text.len = 0;
    nt_config_print(&config, add, &text);
    nt_config_default(&again);
    enum nt_err err = nt_config_parse(&again, "g", text.b, text.len, why, sizeof why);
    assert(err == NT_OK); /* what was printed is accepted */
    (void)err;
    static struct text second;
    second.len = 0;
    nt_config_print(&again, add, &second);
    assert(second.len == text.len && memcmp(second.b, text.b, text.len) == 0);
    return 0;
}
