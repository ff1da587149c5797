#include "crypto/owf.h"

#include "crypto/hash.h"

void nt_owf(const struct nt_password *password, struct nt_secret *nt_hash)
{
    nt_hash->len = NT_HASH_LEN;
    nt_md4(NT_PARTS({ password->b, password->len }), nt_hash->b);
}

enum nt_err nt_owf_text(const char *utf8, struct nt_secret *nt_hash)
{
    NT_SCOPED_PASSWORD password = { .len = 0 };

    *nt_hash = (struct nt_secret){ .len = 0 };
    if (!nt_password_from_utf8(&password, utf8))
        return NT_E_MALFORMED;
    nt_owf(&password, nt_hash);
    return NT_OK;
}
