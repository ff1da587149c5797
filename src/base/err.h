/*
 * err.h - the internal outcome of our own functions: why our code could not do something.
 * Never sent to a peer; a wire outcome is an ntstatus (status.h).
 */
#ifndef NT_BASE_ERR_H
#define NT_BASE_ERR_H

#define NT_MUST_USE __attribute__((warn_unused_result))
#define NT_COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum nt_err {
    NT_OK = 0,
    NT_E_NOMEM,       /* arena limit or heap exhausted */
    NT_E_TRUNCATED,   /* input ends inside a field */
    NT_E_MALFORMED,   /* bytes are all there but break the format */
    NT_E_LIMIT,       /* a named bound (count, size, depth) would be passed */
    NT_E_AUTH,        /* credential, authenticator or signature mismatch */
    NT_E_STATE,       /* well-formed message or request at the wrong moment */
    NT_E_TIMEOUT,     /* a deadline passed */
    NT_E_NOT_FOUND,   /* no such object */
    NT_E_EXISTS,      /* an object of that name is there already */
    NT_E_INVALID,     /* an argument that a person or caller gave is not acceptable */
    NT_E_DENIED,      /* the caller may not do this */
    NT_E_UNSUPPORTED, /* valid, but not offered here */
    NT_E_CONFLICT,    /* somebody else changed it first */
    NT_E_IO,          /* the system refused: errno or the library's text says more */
    NT_E_FULL,        /* no space left where it must be stored */
    NT_E_LOCKED,      /* another process holds it */
    NT_E_READONLY,    /* it cannot be written */
    NT_E_CORRUPT,     /* stored data does not pass its own check */
    NT_E_TOO_NEW      /* stored data comes from a newer version of ntrust */
};

/* The outcome in a few words, for example "input ends inside a field". Never NULL. */
const char *nt_err_text(enum nt_err err);

#endif
