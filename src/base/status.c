#include "base/status.h"

#include <stdio.h>

static const struct {
    uint32_t code;
    const char *name, *text;
} statuses[] = {
#define ROW(name, code, text) { (code), #name, (text) },
    NT_STATUS_TABLE(ROW)
#undef ROW
};

const char *nt_status_name(ntstatus st)
{
    for (size_t i = 0; i < NT_COUNT(statuses); i++)
        if (statuses[i].code == st.code)
            return statuses[i].name;
    return "UNKNOWN";
}

const char *nt_status_text(ntstatus st)
{
    for (size_t i = 0; i < NT_COUNT(statuses); i++)
        if (statuses[i].code == st.code)
            return statuses[i].text;
    return "a status that ntrust does not know";
}

const char *nt_status_format(ntstatus st, char out[64])
{
    snprintf(out, 64, "0x%08X %s", st.code, nt_status_name(st));
    return out;
}

ntstatus nt_status_of(enum nt_err err)
{
    switch (err) {
    case NT_OK:
        return NT_STATUS(SUCCESS);
    case NT_E_NOMEM:
        return NT_STATUS(NO_MEMORY);
    case NT_E_TRUNCATED:
    case NT_E_MALFORMED:
    case NT_E_INVALID:
    case NT_E_LIMIT:
        return NT_STATUS(INVALID_PARAMETER);
    case NT_E_AUTH:
    case NT_E_DENIED:
        return NT_STATUS(ACCESS_DENIED);
    case NT_E_STATE:
        return NT_STATUS(INVALID_DOMAIN_STATE);
    case NT_E_TIMEOUT:
        return NT_STATUS(IO_TIMEOUT);
    case NT_E_NOT_FOUND:
        return NT_STATUS(OBJECT_NAME_NOT_FOUND);
    case NT_E_EXISTS:
        return NT_STATUS(OBJECT_NAME_COLLISION);
    case NT_E_UNSUPPORTED:
        return NT_STATUS(NOT_SUPPORTED);
    case NT_E_FULL:
        return NT_STATUS(DISK_FULL);
    case NT_E_READONLY:
        return NT_STATUS(MEDIA_WRITE_PROTECTED);
    case NT_E_CORRUPT:
        return NT_STATUS(INTERNAL_DB_CORRUPTION);
    case NT_E_CONFLICT:
    case NT_E_IO:
    case NT_E_LOCKED:
    case NT_E_TOO_NEW:
        return NT_STATUS(INTERNAL_ERROR);
    }
    return NT_STATUS(INTERNAL_ERROR);
}

/* [MS-ERREF] 2.2, those that speak of trusts */
const char *nt_werror_name(uint32_t werr)
{
    static const struct {
        uint32_t werr;
        const char *name;
    } names[] = {
        { NT_WERR_OK, "SUCCESS" },
        { NT_WERR_ACCESS_DENIED, "ACCESS_DENIED" },
        { 86, "WRONG_PASSWORD" },
        { 1265, "DOWNGRADE_DETECTED" },
        { NT_WERR_NO_LOGON_SERVERS, "NO_LOGON_SERVERS" },
        { NT_WERR_LOGON_FAILURE, "LOGON_FAILURE" },
        { 1331, "ACCOUNT_DISABLED" },
        { 1351, "CANT_ACCESS_DOMAIN_INFO" },
        { NT_WERR_NO_SUCH_DOMAIN, "NO_SUCH_DOMAIN" },
        { 1398, "TIME_SKEW" },
        { 1722, "RPC_S_SERVER_UNAVAILABLE" },
        { 1753, "EPT_S_NOT_REGISTERED" },
        { NT_WERR_NO_TRUST_LSA_SECRET, "NO_TRUST_LSA_SECRET" },
        { NT_WERR_NO_TRUST_SAM_ACCOUNT, "NO_TRUST_SAM_ACCOUNT" },
        { NT_WERR_TRUSTED_DOMAIN_FAILURE, "TRUSTED_DOMAIN_FAILURE" },
        { NT_WERR_TRUSTED_RELATIONSHIP_FAILURE, "TRUSTED_RELATIONSHIP_FAILURE" },
        { 1790, "TRUST_FAILURE" },
        { 1810, "DOMAIN_TRUST_INCONSISTENT" },
        { 1908, "DOMAIN_CONTROLLER_NOT_FOUND" },
        { 1935, "AUTHENTICATION_FIREWALL_FAILED" },
        { 1937, "NTLM_BLOCKED" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].werr == werr)
            return names[i].name;
    return "";
}

const char *nt_fault_name(uint32_t fault)
{
    switch (fault) {
    case NT_FAULT_ACCESS_DENIED:
        return "access denied";
    case NT_FAULT_BAD_STUB:
        return "the stub does not decode";
    case NT_FAULT_SEC_PKG_ERROR:
        return "security package error";
    case NT_FAULT_OP_RANGE:
        return "operation not offered (op_rng_error)";
    case NT_FAULT_UNKNOWN_IF:
        return "interface not offered (unk_if)";
    case NT_FAULT_PROTO_ERROR:
        return "protocol error";
    case NT_FAULT_SERVER_BUSY:
        return "server too busy";
    case NT_FAULT_INVALID_TAG:
        return "unknown level (invalid_tag)";
    case NT_FAULT_CONTEXT_MISMATCH:
        return "unknown handle (context_mismatch)";
    case NT_FAULT_NO_MEMORY:
        return "server out of memory";
    default:
        return "unknown fault";
    }
}
