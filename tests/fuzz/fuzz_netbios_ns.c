/*
 * A packet of the name service: what is read can be written, and reads as the same again.
 */
#include <assert.h>
#include <string.h>

#include "netbios/ns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_ns_packet p, again;
    struct nt_ns_address a[NT_NS_ADDRESSES];
    struct nt_ns_status_name names[NT_NS_STATUS_NAMES];
    char text[NT_NB_NAME_TEXT];
    struct nt_buf b;

    if (nt_ns_read(data, size, &p) != NT_OK)
        return 0;
    nt_nb_name_format(&p.name, text);
    assert(nt_ns_addresses(&p, a) <= NT_NS_ADDRESSES);
    assert(nt_ns_status_names(&p, names) <= NT_NS_STATUS_NAMES);
    nt_buf_init(&b, 2 * size + 600);
    nt_ns_write(&b, &p);
    assert(b.err == NT_OK && nt_ns_read(b.data, b.len, &again) == NT_OK);
    assert(again.id == p.id && again.response == p.response && again.opcode == p.opcode);
    assert(again.flags == p.flags && again.rcode == p.rcode);
    assert(nt_nb_name_equal(&again.name, &p.name));
    assert(again.has_record == p.has_record && again.rdata_len == p.rdata_len);
    assert(!p.has_record || memcmp(again.rdata, p.rdata, p.rdata_len) == 0);
    nt_buf_free(&b);
    return 0;
}
