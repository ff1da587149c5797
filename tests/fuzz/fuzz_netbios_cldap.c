/*
 * The answer to a ping by LDAP: names that are read end, and are text without a NUL.
 */
#include <assert.h>
#include <string.h>

#include "netbios/cldap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_cldap_answer a;
    enum nt_err err = nt_cldap_answer_read(data, size, 1, &a);
    const char *names[] = { a.forest, a.dns, a.host, a.domain, a.computer };
    for (size_t i = 0; i < NT_COUNT(names); i++) {
        size_t len = strnlen(names[i], NT_CLDAP_NAME);
        assert(len < NT_CLDAP_NAME && (err == NT_OK || len == 0));
    }
    return 0;
}
