#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_print_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2));
    if (text != NULL)
        puts(text);
    free(text);
}

const char *cli_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

int64_t cli_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool cli_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const char *cli_time(const char *rfc3339, char out[32])
{
    if (*rfc3339 == '\0')
        return "never";
    snprintf(out, 32, "%s", rfc3339);
    char *t = strchr(out, 'T');
    if (t != NULL)
        *t = ' ';
    return out;
}

const char *cli_state(const struct cli *cli, const char *word, int width, char out[64])
{
    static const struct {
        const char *word, *color;
    } meanings[] = {
        { "active", "32" },    { "good", "32" },    { "proven", "32" },   { "pending", "33" },
        { "changing", "33" },  { "warning", "33" }, { "degraded", "33" }, { "establishing", "33" },
        { "permitted", "33" }, { "burned", "31" },  { "broken", "31" },   { "critical", "31" },
        { "unknown", "35" },   { "error", "31" },
    };
    const char *color = NULL;
    for (size_t i = 0; cli->color && i < sizeof meanings / sizeof meanings[0]; i++)
        if (strcmp(word, meanings[i].word) == 0)
            color = meanings[i].color;
    if (color != NULL)
        snprintf(out, 64, "\033[%sm%-*s\033[0m", color, width, word);
    else
        snprintf(out, 64, "%-*s", width, word);
    return out;
}
