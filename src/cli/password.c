#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line from fd, without its end; false: nothing, an error, or too long. */
static bool read_line(int fd, char *text, size_t size)
{
    size_t len = 0;
    bool any = false;
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (n == 0 && !any))
            return false;
        any = true;
        if (n == 0 || c == '\n')
            break;
        if (len + 1 >= size)
            return false;
        text[len++] = c;
    }
    if (len > 0 && text[len - 1] == '\r')
        len--;
    text[len] = '\0';
    return true;
}

static bool ask_terminal(const char *prompt, bool show, char *text, size_t size)
{
    struct termios before, quiet;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0)
            close(fd);
        cli_fail("%s: there is no terminal to ask at; use --password-fd, or for an administrator "
                 "--peer-password-fd or -A FILE",
                 prompt);
        return false;
    }
    quiet = before;
    if (!show) {
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        quiet.c_lflag |= ECHONL;
    }
    /* In this order: what is typed as soon as the prompt is seen is neither shown nor dropped. */
    tcsetattr(fd, TCSAFLUSH, &quiet);
    dprintf(fd, "%s: ", prompt);
    bool ok = read_line(fd, text, size);
    tcsetattr(fd, TCSAFLUSH, &before);
    close(fd);
    if (!ok)
        cli_fail("nothing was typed");
    return ok;
}

bool cli_read_line(int fd, const char *prompt, char *text, size_t size)
{
    if (fd < 0)
        return ask_terminal(prompt, true, text, size);
    if (read_line(fd, text, size))
        return true;
    cli_fail("file descriptor %d gives no line (or one that is too long)", fd);
    return false;
}

bool cli_read_password(int fd, const char *prompt, bool confirm, char *text, size_t size)
{
    char again[1024];
    if (fd >= 0) {
        if (read_line(fd, text, size))
            return true;
        cli_fail("file descriptor %d gives no password (or one that is too long)", fd);
        return false;
    }
    if (!ask_terminal(prompt, false, text, size))
        return false;
    if (!confirm)
        return true;
    bool same =
        ask_terminal("The same again", false, again, sizeof again) && strcmp(text, again) == 0;
    nt_wipe(again, sizeof again);
    if (!same) {
        nt_wipe(text, size);
        cli_fail("the two passwords are not the same; nothing was done");
    }
    return same;
}
