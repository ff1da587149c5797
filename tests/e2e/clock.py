"""Domains whose wall clock a test sets: a shim in front of clock_gettime adds as many seconds as a
file says."""

import os
import subprocess

import world as w

SHIM = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The real time, and as many seconds as the file says, newly read each time. */
static long offset(void)
{
    const char *path = getenv("CLOCK_OFFSET");
    FILE *f = path != NULL ? fopen(path, "re") : NULL;
    long seconds = 0;
    if (f != NULL) {
        if (fscanf(f, "%ld", &seconds) != 1)
            seconds = 0;
        fclose(f);
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += offset();
    return rc;
}
'''


class TestCase(w.TestCase):
    """Needs the C compiler that built the programs."""

    def setUp(self):
        super().setUp()
        source, self.shim = self.world.folder + '/shim.c', self.world.folder + '/shim.so'
        with open(source, 'w') as f:
            f.write(SHIM)
        subprocess.run([os.environ.get('CC', 'cc'), '-shared', '-fPIC', '-O1', '-o', self.shim,
                        source], check=True, timeout=60)

    def shifted(self, name, computer=None):
        domain = self.world.domain(name, computer)
        domain.env = {'LD_PRELOAD': self.shim, 'CLOCK_OFFSET': domain.path('offset'),
                      'ASAN_OPTIONS': 'verify_asan_link_order=0:' +
                                      os.environ.get('ASAN_OPTIONS', '')}
        return domain.start()

    @staticmethod
    def set_clock(domain, seconds):
        with open(domain.path('offset.new'), 'w') as f:
            f.write('%d' % seconds)
        os.rename(domain.path('offset.new'), domain.path('offset'))
