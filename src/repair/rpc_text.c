#include "repair/rpc_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_NAME  64

static bool wrong(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(char *why, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, NT_RPC_TEXT_WHY, fmt, ap);
    va_end(ap);
    return false;
}

/* One step of a path. */
struct step {
    char name[MAX_NAME]; /* "": an element */
    size_t index;
};

/* "Name" or "[3]"; *text moves on. */
static bool take_step(const char **text, bool first, struct step *out, char *why)
{
    const char *at = *text;
    out->name[0] = '\0';
    out->index = 0;
    if (*at == '[' && !first) {
        char *end;
        if (!isdigit((unsigned char)at[1]))
            return wrong(why, "'%.60s': [ and ] have a number between them", at);
        out->index = strtoul(at + 1, &end, 10);
        if (*end != ']')
            return wrong(why, "'%.60s': [ and ] have a number between them", at);
        *text = end + 1;
        return true;
    }
    if (!first && *at++ != '.')
        return wrong(why, "'%.60s': members stand behind a dot", *text);
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '_')
        len++;
    if (len == 0 || len >= MAX_NAME)
        return wrong(why, "'%.60s' is no NAME=VALUE", *text);
    memcpy(out->name, at, len);
    out->name[len] = '\0';
    *text = at + len;
    return true;
}

/* What stands there; NULL: nothing yet. */
static json_t *find(json_t *in, const struct step *s)
{
    return s->name[0] != '\0' ? json_object_get(in, s->name) : json_array_get(in, s->index);
}

/* Puts a value there, which is taken over. */
static bool put(json_t *in, const struct step *s, json_t *value, char *why)
{
    if (value == NULL)
        return wrong(why, "out of memory");
    bool named = s->name[0] != '\0', fits = named ? json_is_object(in) : json_is_array(in);
    if (!fits || (!named && s->index != json_array_size(in))) {
        json_decref(value);
        if (fits)
            return wrong(why, "element %zu comes before element %zu was given", s->index,
                         json_array_size(in));
        return wrong(why, "one name stands for two kinds of value");
    }
    int failed = named ? json_object_set_new(in, s->name, value) : json_array_append_new(in, value);
    return failed == 0 || wrong(why, "out of memory");
}

static json_t *value_of(const char *text, char *why)
{
    json_error_t error;
    json_t *value;
    if (strcmp(text, "null") == 0)
        return json_null();
    if (strchr("[{\"", text[0]) == NULL || text[0] == '\0') {
        value = json_string(text);
        if (value == NULL)
            wrong(why, "the value is not UTF-8");
        return value;
    }
    value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (value == NULL)
        wrong(why, "%.80s: column %d: %.100s", text, error.column, error.text);
    return value;
}

bool nt_rpc_text_put(json_t *parameters, const char *typed, char why[NT_RPC_TEXT_WHY])
{
    const char *at = typed;
    struct step step;
    json_t *in = parameters;
    if (!take_step(&at, true, &step, why))
        return false;
    for (unsigned depth = 0; *at != '='; depth++) {
        json_t *next = find(in, &step);
        struct step inner;
        if (depth == MAX_DEPTH || *at == '\0')
            return wrong(why, "'%.60s' is no NAME=VALUE", typed);
        if (!take_step(&at, false, &inner, why))
            return false;
        if (next == NULL) {
            next = inner.name[0] != '\0' ? json_object() : json_array();
            if (!put(in, &step, next, why))
                return false;
        }
        in = next;
        step = inner;
    }
    if (find(in, &step) != NULL)
        return wrong(why, "'%.*s' is given twice", (int)(at - typed), typed);
    json_t *value = value_of(at + 1, why);
    return value != NULL && put(in, &step, value, why);
}
