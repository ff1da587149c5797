/* rpc_refer.c - values of earlier replies in the parameters of a call: "$2.Buffer[0].RelativeId".
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "repair/rpc_call_internal.h"

#define MAX_DEPTH 64

json_t *caller_member(json_t *object, const char *name, size_t len)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (strlen(key) == len && strncasecmp(key, name, len) == 0)
            return value;
    }
    return NULL;
}

/* "[7]": *text moves behind it. NULL: there is none. */
static json_t *element(const json_t *list, const char **text)
{
    char *end;
    if (!isdigit((unsigned char)(*text)[1]))
        return NULL;
    unsigned long i = strtoul(*text + 1, &end, 10);
    if (*end != ']')
        return NULL;
    *text = end + 1;
    return json_array_get(list, i);
}

/* The reply that the word behind '$' means; *text moves behind it. */
static json_t *reply(const struct nt_rpc_caller *c, const char **text)
{
    size_t len = strcspn(*text, ".[");
    const char *word = *text;
    *text += len;
    if (strspn(word, "0123456789") >= len && len > 0) {
        unsigned long i = strtoul(word, NULL, 10);
        return i > 0 ? json_array_get(c->replies, i - 1) : NULL;
    }
    return caller_member(c->named, word, len);
}

/* Borrowed; NULL: told. */
static json_t *look_up(const struct nt_rpc_caller *c, struct nt_rpc_call *call, const char *text)
{
    const char *at = text + 1;
    json_t *value = reply(c, &at);
    if (value == NULL) {
        caller_wrong(call, "%.100s: there is no such reply yet", text);
        return NULL;
    }
    while (*at != '\0' && value != NULL) {
        if (*at == '[') {
            value = element(value, &at);
        } else if (*at == '.') {
            size_t len = strcspn(++at, ".[");
            value = caller_member(value, at, len);
            at += len;
        } else {
            value = NULL;
        }
    }
    if (value == NULL)
        caller_wrong(call, "%.100s: the reply has nothing there", text);
    return value;
}

static bool one(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t **value, unsigned depth);

static bool in_object(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t *object,
                      unsigned depth)
{
    const char *key;
    void *next;
    json_t *item;
    json_object_foreach_safe(object, next, key, item)
    {
        json_t *fresh = json_incref(item);
        bool ok = one(c, call, &fresh, depth) &&
                  (fresh == item || json_object_set(object, key, fresh) == 0);
        json_decref(fresh);
        if (!ok)
            return call->why[0] != '\0' ? false : caller_wrong(call, "out of memory");
    }
    return true;
}

static bool in_list(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t *list, unsigned depth)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i), *fresh = json_incref(item);
        bool ok =
            one(c, call, &fresh, depth) && (fresh == item || json_array_set(list, i, fresh) == 0);
        json_decref(fresh);
        if (!ok)
            return call->why[0] != '\0' ? false : caller_wrong(call, "out of memory");
    }
    return true;
}

/* *value is a reference that is exchanged. */
static bool one(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t **value, unsigned depth)
{
    const char *text = json_string_value(*value);
    if (depth > MAX_DEPTH)
        return caller_wrong(call, "the parameters are nested too deeply");
    if (json_is_object(*value))
        return in_object(c, call, *value, depth + 1);
    if (json_is_array(*value))
        return in_list(c, call, *value, depth + 1);
    if (text == NULL || text[0] != '$')
        return true;
    json_t *fresh = text[1] == '$' ? json_stringn(text + 1, json_string_length(*value) - 1)
                                   : json_incref(look_up(c, call, text));
    if (fresh == NULL)
        return call->why[0] != '\0' ? false : caller_wrong(call, "out of memory");
    json_decref(*value);
    *value = fresh;
    return true;
}

bool caller_refer(struct nt_rpc_caller *c, struct nt_rpc_call *call, json_t **value)
{
    return one(c, call, value, 0);
}
