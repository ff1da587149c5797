/*
 * status.h - the wire outcome of a call: NTSTATUS, [MS-ERREF] 2.3; also the Win32 codes (2.2) and
 * RPC fault codes that our interfaces use. nt_status_of() turns an internal outcome into one.
 */
#ifndef NT_BASE_STATUS_H
#define NT_BASE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A struct, so that the compiler refuses to mix it with enum nt_err. */
typedef struct {
    uint32_t code;
} ntstatus;

/* clang-format off: a table */
/* X(name without NT_STATUS_, code, meaning in words) */
#define NT_STATUS_TABLE(X)                                                                         \
    X(SUCCESS, 0x00000000, "success")                                                              \
    X(PENDING, 0x00000103, "in progress")                                                          \
    X(SOME_NOT_MAPPED, 0x00000107, "some names or SIDs are unknown")                               \
    X(MORE_ENTRIES, 0x00000105, "more entries follow")                                             \
    X(NO_MORE_ENTRIES, 0x8000001A, "no more entries")                                              \
    X(BUFFER_OVERFLOW, 0x80000005, "more data than fits follows")                                  \
    X(MORE_PROCESSING_REQUIRED, 0xC0000016, "the exchange goes on")                                \
    X(INVALID_DEVICE_REQUEST, 0xC0000010, "the request does not fit the object")                   \
    X(PIPE_NOT_AVAILABLE, 0xC00000AC, "all instances of the pipe are busy")                        \
    X(BAD_IMPERSONATION_LEVEL, 0xC00000A5, "no such level of impersonation")                       \
    X(PIPE_BUSY, 0xC00000AE, "unread data waits in the pipe")                                      \
    X(PIPE_DISCONNECTED, 0xC00000B0, "the pipe has been disconnected")                             \
    X(PIPE_CLOSING, 0xC00000B1, "the pipe is being closed")                                        \
    X(PIPE_EMPTY, 0xC00000D9, "nothing is in the pipe")                                            \
    X(PIPE_BROKEN, 0xC000014B, "the pipe's other end is gone")                                     \
    X(NOT_A_DIRECTORY, 0xC0000103, "it is no directory")                                           \
    X(FILE_IS_A_DIRECTORY, 0xC00000BA, "it is a directory")                                        \
    X(NETWORK_NAME_DELETED, 0xC00000C9, "the share's connection is gone")                          \
    X(NETWORK_ACCESS_DENIED, 0xC00000CA, "access over the network is denied")                      \
    X(BAD_NETWORK_NAME, 0xC00000CC, "no such share")                                               \
    X(TOO_MANY_SESSIONS, 0xC00000CE, "no more sessions are accepted")                              \
    X(REQUEST_NOT_ACCEPTED, 0xC00000D0, "no more sessions or requests are accepted")               \
    X(CANCELLED, 0xC0000120, "cancelled")                                                          \
    X(INVALID_DEVICE_STATE, 0xC0000184, "the object is in the wrong state for this")               \
    X(FS_DRIVER_REQUIRED, 0xC000019C, "a service that does not run here is required")              \
    X(FILE_CLOSED, 0xC0000128, "the file is closed")                                               \
    X(USER_SESSION_DELETED, 0xC0000203, "the session is gone")                                     \
    X(NOT_FOUND, 0xC0000225, "not found")                                                          \
    X(NETWORK_SESSION_EXPIRED, 0xC000035C, "the session has expired")                              \
    X(NO_PREAUTH_INTEGRITY_HASH_OVERLAP, 0xC05D0000, "no common hash for the preauthentication")   \
    X(UNSUCCESSFUL, 0xC0000001, "the request failed")                                              \
    X(NOT_IMPLEMENTED, 0xC0000002, "not offered by this server")                                   \
    X(INVALID_INFO_CLASS, 0xC0000003, "unknown information level")                                 \
    X(INFO_LENGTH_MISMATCH, 0xC0000004, "not the length of that information")                      \
    X(INVALID_HANDLE, 0xC0000008, "the handle is not valid")                                       \
    X(INVALID_PARAMETER, 0xC000000D, "a parameter is not valid")                                   \
    X(NO_MEMORY, 0xC0000017, "out of memory")                                                      \
    X(ACCESS_DENIED, 0xC0000022, "access denied")                                                  \
    X(BUFFER_TOO_SMALL, 0xC0000023, "the buffer is too small")                                     \
    X(OBJECT_NAME_INVALID, 0xC0000033, "the object name is not valid")                             \
    X(OBJECT_NAME_NOT_FOUND, 0xC0000034, "no object of that name")                                 \
    X(OBJECT_NAME_COLLISION, 0xC0000035, "an object of that name exists")                          \
    X(PORT_CONNECTION_REFUSED, 0xC0000041, "connection refused")                                   \
    X(INVALID_ACCOUNT_NAME, 0xC0000062, "the account name is not valid")                           \
    X(USER_EXISTS, 0xC0000063, "the user exists already")                                          \
    X(NO_SUCH_USER, 0xC0000064, "no such user")                                                    \
    X(GROUP_EXISTS, 0xC0000065, "the group exists already")                                        \
    X(NO_SUCH_GROUP, 0xC0000066, "no such group")                                                  \
    X(MEMBER_IN_GROUP, 0xC0000067, "already a member of the group")                                \
    X(MEMBER_NOT_IN_GROUP, 0xC0000068, "not a member of the group")                                \
    X(LAST_ADMIN, 0xC0000069, "the last administrator cannot be removed")                          \
    X(WRONG_PASSWORD, 0xC000006A, "wrong password")                                                \
    X(PASSWORD_RESTRICTION, 0xC000006C, "the password breaks the domain's policy")                 \
    X(LOGON_FAILURE, 0xC000006D, "unknown user name or wrong password")                            \
    X(ACCOUNT_RESTRICTION, 0xC000006E, "an account restriction forbids the logon")                 \
    X(INVALID_LOGON_HOURS, 0xC000006F, "not at this hour")                                         \
    X(INVALID_WORKSTATION, 0xC0000070, "not from this workstation")                                \
    X(PASSWORD_EXPIRED, 0xC0000071, "the password has expired")                                    \
    X(ACCOUNT_DISABLED, 0xC0000072, "the account is disabled")                                     \
    X(NONE_MAPPED, 0xC0000073, "none of the names or SIDs is known")                               \
    X(INVALID_SID, 0xC0000078, "the SID is not valid")                                             \
    X(DISK_FULL, 0xC000007F, "the disk is full")                                                   \
    X(INSUFFICIENT_RESOURCES, 0xC000009A, "not enough resources")                                  \
    X(MEDIA_WRITE_PROTECTED, 0xC00000A2, "the store is read-only")                                 \
    X(IO_TIMEOUT, 0xC00000B5, "no answer in time")                                                 \
    X(NOT_SUPPORTED, 0xC00000BB, "not supported")                                                  \
    X(NETWORK_UNREACHABLE, 0xC000023C, "network unreachable")                                      \
    X(HOST_UNREACHABLE, 0xC000023D, "host unreachable")                                            \
    X(INVALID_NETWORK_RESPONSE, 0xC00000C3, "the peer's answer breaks the protocol")               \
    X(NO_SUCH_DOMAIN, 0xC00000DF, "no such domain")                                                \
    X(INTERNAL_DB_CORRUPTION, 0xC00000E4, "the store does not pass its own check")                 \
    X(INTERNAL_ERROR, 0xC00000E5, "internal error")                                                \
    X(SPECIAL_ACCOUNT, 0xC0000124, "a built-in account cannot be changed so")                      \
    X(SPECIAL_GROUP, 0xC0000125, "a built-in group cannot be changed so")                          \
    X(MEMBERS_PRIMARY_GROUP, 0xC0000127, "the group is the member's primary group")                \
    X(TIME_DIFFERENCE_AT_DC, 0xC0000133, "the clocks differ too much")                             \
    X(NO_SUCH_MEMBER, 0xC000017A, "no such member")                                                \
    X(CANT_ACCESS_DOMAIN_INFO, 0xC00000DA, "domain information cannot be read")                    \
    X(INVALID_DOMAIN_STATE, 0xC00000DD, "the domain is in the wrong state for this")               \
    X(INVALID_DOMAIN_ROLE, 0xC00000DE, "only another kind of controller can do this")              \
    X(DOMAIN_EXISTS, 0xC00000E0, "the domain exists already")                                      \
    X(NO_SUCH_ALIAS, 0xC0000151, "no such alias")                                                  \
    X(MEMBER_NOT_IN_ALIAS, 0xC0000152, "not a member of the alias")                                \
    X(MEMBER_IN_ALIAS, 0xC0000153, "already a member of the alias")                                \
    X(ALIAS_EXISTS, 0xC0000154, "the alias exists already")                                        \
    X(LOGON_TYPE_NOT_GRANTED, 0xC000015B, "this kind of logon is not granted")                     \
    X(NO_SUCH_PRIVILEGE, 0xC0000060, "no such privilege")                                          \
    X(NO_TRUST_LSA_SECRET, 0xC000018A, "the trust's secret is missing at the trusting end")        \
    X(NO_TRUST_SAM_ACCOUNT, 0xC000018B, "the trust or machine account is missing or unfit")        \
    X(TRUSTED_DOMAIN_FAILURE, 0xC000018C, "the trust with the other domain failed")                \
    X(TRUSTED_RELATIONSHIP_FAILURE, 0xC000018D, "the relationship of machine and domain failed")   \
    X(TRUST_FAILURE, 0xC0000190, "no authority for the logon could be reached")                    \
    X(NETLOGON_NOT_STARTED, 0xC0000192, "Netlogon is not running there")                           \
    X(ACCOUNT_EXPIRED, 0xC0000193, "the account has expired")                                      \
    X(NOLOGON_INTERDOMAIN_TRUST_ACCOUNT, 0xC0000198,                                               \
      "an interdomain trust account: right password, no logon")                                    \
    X(NOLOGON_WORKSTATION_TRUST_ACCOUNT, 0xC0000199, "a workstation trust account: no logon")      \
    X(NOLOGON_SERVER_TRUST_ACCOUNT, 0xC000019A, "a server trust account: no logon")                \
    X(DOMAIN_TRUST_INCONSISTENT, 0xC000019B, "the domain's name and SID disagree")                 \
    X(NO_LOGON_SERVERS, 0xC000005E, "no controller could be reached")                              \
    X(PASSWORD_MUST_CHANGE, 0xC0000224, "the password must be changed first")                      \
    X(DOMAIN_CONTROLLER_NOT_FOUND, 0xC0000233, "no controller of the domain was found")            \
    X(ACCOUNT_LOCKED_OUT, 0xC0000234, "the account is locked out")                                 \
    X(CONNECTION_REFUSED, 0xC0000236, "connection refused")                                        \
    X(CONNECTION_ABORTED, 0xC0000241, "connection broken")                                         \
    X(DOWNGRADE_DETECTED, 0xC0000388,                                                              \
      "one end demands stronger cryptography than the other offers")                               \
    X(AUTHENTICATION_FIREWALL_FAILED, 0xC0000413, "selective authentication refuses the user")     \
    X(NTLM_BLOCKED, 0xC0000418, "NTLM is forbidden by policy")                                     \
    X(PASSWORD_CHANGE_REQUIRED, 0xC000030C, "the password must be changed now")                    \
    X(RPC_PROTOCOL_ERROR, 0xC002001D, "RPC protocol error")                                        \
    X(RPC_CALL_FAILED, 0xC002001B, "the remote call failed")                                       \
    X(RPC_SERVER_UNAVAILABLE, 0xC0020017, "the RPC server cannot be reached")                      \
    X(RPC_UNKNOWN_IF, 0xC0020012, "the server does not offer the interface")                       \
    X(RPC_PROCNUM_OUT_OF_RANGE, 0xC002002E, "the server does not offer the call")                  \
    X(RPC_SEC_PKG_ERROR, 0xC0020057, "the RPC security package failed")
/* clang-format on */

#define NT_STATUS_ENUM(name, code, text) NT_STATUS_CODE_##name = (int)(code),
enum nt_status_code { NT_STATUS_TABLE(NT_STATUS_ENUM) };
#undef NT_STATUS_ENUM

/* NT_STATUS(ACCESS_DENIED) as a value */
#define NT_STATUS(name) ((ntstatus){ (uint32_t)NT_STATUS_CODE_##name })

static inline bool nt_status_is(ntstatus a, ntstatus b)
{
    return a.code == b.code;
}

/* True for success and informational codes; false for warnings and errors. */
static inline bool nt_status_ok(ntstatus st)
{
    return st.code < 0x80000000u;
}

const char *nt_status_name(ntstatus st); /* "ACCESS_DENIED"; "UNKNOWN" for what we do not know */
const char *nt_status_text(ntstatus st); /* in words */
ntstatus nt_status_of(enum nt_err err);
/* "0xC0000022 ACCESS_DENIED"; returns out. */
const char *nt_status_format(ntstatus st, char out[64]);

/* Win32 codes, [MS-ERREF] 2.2, as Netlogon's NET_API_STATUS calls answer. */
enum nt_werror {
    NT_WERR_OK = 0,
    NT_WERR_FILE_NOT_FOUND = 2,
    NT_WERR_ACCESS_DENIED = 5,
    NT_WERR_NOT_ENOUGH_MEMORY = 8,
    NT_WERR_NOT_SUPPORTED = 50,
    NT_WERR_INVALID_PARAMETER = 87,
    NT_WERR_INVALID_LEVEL = 124,
    NT_WERR_INVALID_DOMAINNAME = 1212,
    NT_WERR_NO_LOGON_SERVERS = 1311,
    NT_WERR_LOGON_FAILURE = 1326,
    NT_WERR_NO_SUCH_DOMAIN = 1355,
    NT_WERR_NO_TRUST_LSA_SECRET = 1786,
    NT_WERR_NO_TRUST_SAM_ACCOUNT = 1787,
    NT_WERR_TRUSTED_DOMAIN_FAILURE = 1788,
    NT_WERR_TRUSTED_RELATIONSHIP_FAILURE = 1789,
    NT_WERR_NO_SITENAME = 1919,
    NT_WERR_NET_NAME_NOT_FOUND = 2310,
    NT_WERR_DCNOTFOUND = 2453
};
const char *nt_werror_name(uint32_t werr); /* "NO_SUCH_DOMAIN"; "" for what we do not know */

/* Fault codes, [C706] appendix E and [MS-RPCE] 3.1.3.5.2: of a call that never ran. */
enum nt_fault {
    NT_FAULT_NONE = 0,
    NT_FAULT_ACCESS_DENIED = 0x00000005,
    NT_FAULT_BAD_STUB = 0x000006F7, /* RPC_X_BAD_STUB_DATA */
    NT_FAULT_NDR = 0x000006F7,
    NT_FAULT_SEC_PKG_ERROR = 0x00000721,
    NT_FAULT_OP_RANGE = 0x1C010002,         /* nca_s_op_rng_error */
    NT_FAULT_UNKNOWN_IF = 0x1C010003,       /* nca_s_unk_if */
    NT_FAULT_PROTO_ERROR = 0x1C01000B,      /* nca_s_proto_error */
    NT_FAULT_SERVER_BUSY = 0x1C010014,      /* nca_s_server_too_busy */
    NT_FAULT_INVALID_TAG = 0x1C000006,      /* nca_s_fault_invalid_tag */
    NT_FAULT_CONTEXT_MISMATCH = 0x1C00001A, /* nca_s_fault_context_mismatch */
    NT_FAULT_NO_MEMORY = 0x1C00001B         /* nca_s_fault_remote_no_memory */
};
const char *nt_fault_name(uint32_t fault);

#endif
