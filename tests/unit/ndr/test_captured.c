/*
 * Calls of real clients and servers (Samba 4.17, impacket 0.10), one a line of captured.txt:
 * interface, opnum, where from, request, response ("-": none). The stubs were taken from captures
 * without what follows them (padding, verification trailers).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../test.h"
#include "message.h"

#define MAX_STUB 8192

static const char *file;

typedef void claim(const struct message *m);

static void each(claim *holds)
{
    static char line[4 * MAX_STUB + 256], hex[2][2 * MAX_STUB + 1];
    static uint8_t stub[2][MAX_STUB];
    char name[32];
    unsigned opnum, count = 0;
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%31s %u %*s %16384s %16384s", name, &opnum, hex[0], hex[1]),
                         4);
        const struct nt_ndr_interface *iface = nt_ndr_interface_by_name(name);
        assert_non_null(iface);
        assert_true(opnum < iface->op_count);
        const struct nt_ndr_op *op = iface->ops[opnum];
        assert_non_null(op);
        struct message request = { .op = op, .dir = NT_NDR_REQUEST, .stub = stub[0] };
        struct message response = {
            .op = op, .dir = NT_NDR_RESPONSE, .stub = stub[1], .request = &request
        };
        request.len = message_hex(hex[0], stub[0], MAX_STUB);
        holds(&request);
        count++;
        if (strcmp(hex[1], "-") == 0)
            continue;
        response.len = message_hex(hex[1], stub[1], MAX_STUB);
        holds(&response);
        response.request = NULL; /* and as a tool sees it that has no request */
        holds(&response);
    }
    fclose(f);
    assert_true(count > 50);
}

static void captured_stubs_come_back_to_the_byte(void **state)
{
    (void)state;
    each(message_returns);
}

static void no_prefix_of_a_captured_stub_decodes(void **state)
{
    (void)state;
    each(message_prefixes_fail);
}

static void short_only(const struct message *m)
{
    if (m->len <= 400)
        message_survives_damage(m);
}

static void damaged_stubs_fail_or_come_back(void **state)
{
    (void)state;
    each(short_only);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_stubs_come_back_to_the_byte),
        cmocka_unit_test(no_prefix_of_a_captured_stub_decodes),
        cmocka_unit_test(damaged_stubs_fail_or_come_back),
    };
    if (argc < 2)
        return 2;
    file = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
