/*
 * A capture: first byte the link type, then records of length (2, big endian) and frame, a
 * millisecond apart. Lines are text of bounded length, whatever comes.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "capture/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *ctx, const struct nt_capture_line *line)
{
    (void)ctx;
    assert(strlen(line->text) < NT_CAPTURE_TEXT);
    for (const char *p = line->text; *p != '\0'; p++)
        assert((unsigned char)*p >= ' ');
    assert(*line->protocol != '\0' && *line->client != '\0' && *line->server != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int links[] = { 1, 0, 101, 113, 276 };
    nt_time at = NT_TIME_DAY;
    if (size < 1)
        return 0;
    struct nt_capture *c =
        nt_capture_new(&(struct nt_capture_config){ .all = data[0] & 128, .tell = check });
    assert(c != NULL);
    const int link = links[(data[0] & 127) % NT_COUNT(links)];
    for (size_t pos = 1; size - pos >= 2;) {
        size_t len = nt_be16(data + pos);
        pos += 2;
        if (len > size - pos)
            len = size - pos;
        nt_capture_packet(c, at += 10000, link, data + pos, len);
        pos += len;
    }
    nt_capture_end(c);
    struct nt_capture_totals t = nt_capture_totals(c);
    assert(t.channel_count <= NT_CAPTURE_CHANNELS);
    nt_capture_free(c);
    return 0;
}
