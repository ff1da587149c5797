/*
 * What Samba's commands and tdbdump say of a member computer. Property: nothing that is read goes
 * beyond its place, and a record is no longer than its text.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "repair/computer_member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nt_member m = { .is_member = false };
    struct nt_sid sid;
    uint8_t record[256];
    size_t len;
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (nt_member_parse(text, &m))
        assert(strlen(m.computer) < sizeof m.computer && strlen(m.domain) < sizeof m.domain);
    if (nt_member_record(text, record, sizeof record, &len))
        assert(len <= sizeof record && len <= strlen(text));
    if (nt_member_sid_parse(text, &sid))
        assert(sid.sub_count <= NT_SID_MAX_SUBS);
    (void)nt_member_testjoin_parse(255, text);
    free(text);
    return 0;
}
