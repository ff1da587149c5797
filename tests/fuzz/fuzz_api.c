/*
 * fuzz_api.c - requests of the admin API without their socket, one after the other, on a domain in
 * memory. Input: requests, each a byte for the method, a line with the path (and behind a '?' one
 * text that every query key has), and a body up to a NUL.
 */
#include "../unit/service/fixture.h"

#include "daemon/api_internal.h"
#include "daemon/protocol.h"

#define REQUESTS_MAX 16

static const char *query(void *ctx, const char *key)
{
    (void)key;
    return ctx;
}

/* Up to the next `end`, as a text of its own, which the caller frees. */
static char *take(const uint8_t **data, size_t *size, uint8_t end, size_t *len)
{
    const uint8_t *at = *size > 0 ? memchr(*data, end, *size) : NULL;
    *len = at != NULL ? (size_t)(at - *data) : *size;
    char *text = malloc(*len + 1);
    if (text == NULL)
        abort();
    if (*len > 0)
        memcpy(text, *data, *len);
    text[*len] = '\0';
    *data += *len + (at != NULL);
    *size -= *len + (at != NULL);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const methods[] = { "GET", "POST", "PATCH", "DELETE" };
    static struct nt_smb_counts smb;
    struct fix f;
    struct nt_config config;
    fix_open(&f);
    nt_config_default(&config);
    memcpy(config.store, "/nonexistent/domain.db", 23);
    struct nt_clients *clients = nt_clients_new(10, 10);
    struct nt_api_config api = { .service = &f.service,
                                 .config = &config,
                                 .clients = clients,
                                 .smb_counts = &smb,
                                 .version = "fuzz" };
    for (unsigned n = 0; n < REQUESTS_MAX && size > 0; n++) {
        const char *method = methods[data[0] & 3];
        size_t path_len, body_len;
        data++;
        size--;
        char *path = take(&data, &size, '\n', &path_len);
        char *body = take(&data, &size, '\0', &body_len);
        char *mark = strchr(path, '?');
        struct nt_request rq = { .config = &api,
                                 .service = &f.service,
                                 .who = "fuzz",
                                 .query = query,
                                 .query_ctx = mark != NULL ? mark + 1 : NULL,
                                 .started = f.now };
        if (mark != NULL)
            *mark = '\0';
        nt_api_serve(&rq, method, path, body, body_len);
        assert(rq.http >= 200 && rq.http < 600);
        assert(json_is_object(rq.answer));
        assert((json_object_get(rq.answer, "error") != NULL) == (rq.http >= 400));
        char *text = json_dumps(rq.answer, JSON_COMPACT);
        assert(text != NULL);
        free(text);
        nt_api_done(&rq);
        free(path);
        free(body);
    }
    nt_clients_free(clients);
    fix_close(&f);
    return 0;
}
