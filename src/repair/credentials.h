/*
 * credentials.h - who the administrator of an end is, and what proves it, from where people keep
 * that: a file that only they can read, or the environment. At the edge: reads files.
 *
 * The file has the form of smbclient's --authentication-file:
 *
 *   username = Administrator        or DOMAIN\Administrator
 *   password = secret
 *   domain = WEST                   may be left out
 */
#ifndef NT_REPAIR_CREDENTIALS_H
#define NT_REPAIR_CREDENTIALS_H

#include "base/secret.h"
#include "repair/ends.h"

struct nt_credentials {
    char domain[NT_END_NAME], user[NT_END_NAME]; /* user "": nobody */
    bool has_password;
    struct nt_secret hash; /* NT hash of the password; only with has_password */
    bool kerberos;
};

void nt_credentials_wipe(struct nt_credentials *c);

/* "[DOMAIN\]NAME" (or with '/'); domain: where none is named. False: a part is empty or too long.
 */
bool nt_credentials_user(struct nt_credentials *c, const char *typed, const char *domain);
/* The password of that user, as text; false: not UTF-8. The caller wipes it. */
bool nt_credentials_password(struct nt_credentials *c, const char *password);

/*
 * Reads the file into *c (domain: where it names none). It must be a plain file that belongs to
 * this user, or root, and that nobody else may read or write; else it is refused and not read.
 * False: why[] has one line with the file.
 */
bool nt_credentials_file(struct nt_credentials *c, const char *path, const char *domain, char *why,
                         size_t why_size);

/*
 * The secret of a machine or trust account, from a file of the same kind that holds one line: the
 * password as text, or nt:HEX with its NT hash. False: why[] has one line with the file.
 */
bool nt_credentials_secret(const char *path, struct nt_secret *hash, char *why, size_t why_size);
/* The same of a line that was typed. False: it is neither. */
bool nt_credentials_secret_text(const char *line, struct nt_secret *hash);

/* NTRUST_USER_NAME and NTRUST_PASSWORD_NAME, where NAME is the end's in capitals with '_' for all
 * that is no letter or digit; else NTRUST_USER and NTRUST_PASSWORD. False: not set, or not text. */
bool nt_credentials_env(struct nt_credentials *c, const char *end_name, const char *domain);

/* The environment speaks of this end by its name, not of any. */
bool nt_credentials_named(const char *end_name);

#endif
