/* load_tree.c - the processor time of a server with all its processes, from /proc. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load.h"

#define PROCESSES 8192u

struct process {
    int pid, parent;
    double used_s; /* with its children that have ended and were waited for */
    bool counts;
};

/* proc(5): after the name in brackets follow state, ppid, ... utime, stime, cutime, cstime. */
static bool read_process(int pid, struct process *p)
{
    char path[64], line[1024];
    long user, system, dead_user, dead_system;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    bool read = f != NULL && fgets(line, sizeof line, f) != NULL;
    if (f != NULL)
        fclose(f);
    const char *rest = read ? strrchr(line, ')') : NULL;
    if (rest == NULL ||
        sscanf(rest + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld", &p->parent,
               &user, &system, &dead_user, &dead_system) != 5)
        return false; /* it has just ended */
    p->pid = pid;
    p->counts = false;
    p->used_s = (double)(user + system + dead_user + dead_system) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

static unsigned read_all(struct process *all)
{
    unsigned count = 0;
    DIR *d = opendir("/proc");
    if (d == NULL)
        load_die("/proc cannot be read");
    for (const struct dirent *e; (e = readdir(d)) != NULL && count < PROCESSES;)
        if (isdigit((unsigned char)e->d_name[0]) && read_process(atoi(e->d_name), &all[count]))
            count++;
    closedir(d);
    return count;
}

static bool is_child(const struct process *all, unsigned count, const struct process *p)
{
    for (unsigned i = 0; i < count; i++)
        if (all[i].counts && all[i].pid == p->parent)
            return true;
    return false;
}

double load_tree_s(int root)
{
    static struct process all[PROCESSES];
    unsigned count = read_all(all);
    double sum = 0;
    bool found = true;
    for (unsigned i = 0; i < count; i++)
        all[i].counts = all[i].pid == root;
    while (found) {
        found = false;
        for (unsigned i = 0; i < count; i++)
            if (!all[i].counts && is_child(all, count, &all[i]))
                all[i].counts = found = true;
    }
    for (unsigned i = 0; i < count; i++)
        if (all[i].counts)
            sum += all[i].used_s;
    if (sum == 0)
        load_die("there is no process %d", root);
    return sum;
}
