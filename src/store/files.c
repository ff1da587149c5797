/*
 * files.c - see files.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "store/files.h"
#include "store/store_internal.h"

#define KEY_LEN 32

enum nt_err nt_file_err(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return NT_E_FULL;
    case EROFS:
        return NT_E_READONLY;
    case EACCES:
    case EPERM:
        return NT_E_DENIED;
    case ENOENT:
    case ENOTDIR:
        return NT_E_NOT_FOUND;
    case EEXIST:
        return NT_E_EXISTS;
    case ENOMEM:
        return NT_E_NOMEM;
    default:
        return NT_E_IO;
    }
}

bool nt_file_temp(const char *path, const struct nt_env *env, char out[NT_STORE_PATH])
{
    uint8_t random[8];
    char suffix[2 * sizeof random + 1];
    nt_random(env, random, sizeof random);
    nt_hex(random, sizeof random, suffix);
    int n = snprintf(out, NT_STORE_PATH, "%s.%s", path, suffix);
    return n > 0 && n < NT_STORE_PATH;
}

const char *nt_file_dir(const char *path, char out[NT_STORE_PATH])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 1;
    if (slash == NULL)
        path = ".";
    else if (len == 0)
        len = 1; /* the root itself */
    if (len >= NT_STORE_PATH)
        len = 0;
    memcpy(out, path, len);
    out[len] = '\0';
    return out;
}

enum nt_err nt_file_sync_dir(const char *path)
{
    char dir[NT_STORE_PATH];
    int fd = open(nt_file_dir(path, dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return nt_file_err(errno);
    /* Some file systems have nothing to do for a directory, and say EINVAL. */
    enum nt_err err = fsync(fd) == 0 || errno == EINVAL ? NT_OK : nt_file_err(errno);
    close(fd);
    return err;
}

enum nt_err nt_file_publish(const char *temp, const char *path)
{
    /* link(2) is the rename that never replaces. */
    enum nt_err err = link(temp, path) == 0 ? NT_OK : nt_file_err(errno);
    unlink(temp);
    return err == NT_OK ? nt_file_sync_dir(path) : err;
}

enum nt_err nt_master_key_load(const char *path, struct nt_secret *key, char *why, size_t why_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int error = errno;
        if (error == ENOENT)
            nt_store_why(why, why_size,
                         "the master key %s is missing, and without it the store cannot be read: "
                         "bring it back from a backup",
                         path);
        else
            nt_store_why(why, why_size, "the master key %s cannot be read: %s", path,
                         strerror(error));
        return nt_file_err(error);
    }

    enum nt_err err = NT_OK;
    uint8_t bytes[KEY_LEN + 1];
    if (fstat(fd, &st) != 0) {
        err = nt_file_err(errno);
        nt_store_why(why, why_size, "the master key %s cannot be read: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        err = NT_E_CORRUPT;
        nt_store_why(why, why_size, "the master key %s is not a plain file", path);
    } else if ((st.st_mode & 077) != 0) {
        err = NT_E_DENIED;
        nt_store_why(why, why_size,
                     "the master key %s is open to other users (mode %04o): chmod 600 it", path,
                     (unsigned)(st.st_mode & 07777));
    } else if (st.st_uid != geteuid() && st.st_uid != 0) {
        err = NT_E_DENIED;
        nt_store_why(why, why_size,
                     "the master key %s belongs to another user (uid %u): chown it to the one that "
                     "runs this",
                     path, (unsigned)st.st_uid);
    } else if (st.st_size != KEY_LEN || read(fd, bytes, sizeof bytes) != KEY_LEN) {
        err = NT_E_CORRUPT;
        nt_store_why(why, why_size,
                     "the master key %s has %lld bytes and not %d: bring it back from a backup",
                     path, (long long)st.st_size, KEY_LEN);
    } else {
        nt_secret_set(key, bytes, KEY_LEN);
    }
    nt_wipe(bytes, sizeof bytes);
    close(fd);
    return err;
}

static enum nt_err write_key(const char *temp, const struct nt_secret *key)
{
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return nt_file_err(errno);
    enum nt_err err = NT_OK;
    errno = ENOSPC; /* what a short write means */
    if (write(fd, key->b, key->len) != (ssize_t)key->len || fsync(fd) != 0)
        err = nt_file_err(errno);
    if (close(fd) != 0 && err == NT_OK)
        err = nt_file_err(errno);
    if (err != NT_OK)
        unlink(temp);
    return err;
}

enum nt_err nt_master_key_create(const char *path, const struct nt_env *env, struct nt_secret *key,
                                 char *why, size_t why_size)
{
    char temp[NT_STORE_PATH];
    if (access(path, F_OK) == 0)
        return nt_master_key_load(path, key, why, why_size);
    if (!nt_file_temp(path, env, temp)) {
        nt_store_why(why, why_size, "the path of the master key is too long");
        return NT_E_INVALID;
    }
    NT_SCOPED_SECRET fresh = { .len = KEY_LEN };
    nt_random(env, fresh.b, fresh.len);
    enum nt_err err = write_key(temp, &fresh);
    if (err == NT_OK)
        err = nt_file_publish(temp, path);
    if (err == NT_E_EXISTS) /* another process was faster */
        return nt_master_key_load(path, key, why, why_size);
    if (err != NT_OK) {
        nt_store_why(why, why_size, "the master key %s cannot be written: %s", path,
                     nt_err_text(err));
        return err;
    }
    nt_secret_set(key, fresh.b, fresh.len);
    return NT_OK;
}
