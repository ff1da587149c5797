#include "base/err.h"

const char *nt_err_text(enum nt_err err)
{
    switch (err) {
    case NT_OK:
        return "success";
    case NT_E_NOMEM:
        return "out of memory";
    case NT_E_TRUNCATED:
        return "input ends inside a field";
    case NT_E_MALFORMED:
        return "input breaks its format";
    case NT_E_LIMIT:
        return "a limit would be passed";
    case NT_E_AUTH:
        return "credential or signature does not match";
    case NT_E_STATE:
        return "not possible in this state";
    case NT_E_TIMEOUT:
        return "no answer in time";
    case NT_E_NOT_FOUND:
        return "not found";
    case NT_E_EXISTS:
        return "exists already";
    case NT_E_INVALID:
        return "not an acceptable value";
    case NT_E_DENIED:
        return "access denied";
    case NT_E_UNSUPPORTED:
        return "not supported";
    case NT_E_CONFLICT:
        return "changed by somebody else meanwhile";
    case NT_E_IO:
        return "input/output error";
    case NT_E_FULL:
        return "no space left";
    case NT_E_LOCKED:
        return "in use by another process";
    case NT_E_READONLY:
        return "read-only";
    case NT_E_CORRUPT:
        return "stored data is damaged";
    case NT_E_TOO_NEW:
        return "written by a newer version";
    }
    return "unknown error";
}
