"""The test's side of faulty.c: says which of the next operations on a store's files fail, and how."""

import errno
import mmap
import struct

WRITE, SYNC, TRUNCATE = 1, 2, 4
FAIL, SHORT, KILL_BEFORE, KILL_AFTER, POWER_CUT = 1, 2, 3, 4, 5
NAMES = {FAIL: 'fails', SHORT: 'is cut short', KILL_BEFORE: 'is not reached: SIGKILL',
         KILL_AFTER: 'is the last one: SIGKILL', POWER_CUT: 'meets a power cut'}
LAYOUT = '9I'


class Disk:
    """One daemon's disk."""

    def __init__(self, path):
        self.path = path
        with open(path, 'wb') as f:
            f.write(bytes(struct.calcsize(LAYOUT)))
        with open(path, 'r+b') as f:
            self.shared = mmap.mmap(f.fileno(), 0)

    def _put(self, index, value):
        struct.pack_into('I', self.shared, 4 * index, value)

    def _get(self, index):
        return struct.unpack_from('I', self.shared, 4 * index)[0]

    def arm(self, what, ops=WRITE | SYNC, after=0, times=1, error=errno.EIO, random=1):
        """From now on `after` operations go well, and then `times` do not."""
        self.calm()
        for index, value in enumerate((ops, after, times, what, error, random), 1):
            self._put(index, value)
        self._put(0, 1)

    def calm(self):
        self._put(0, 0)

    def hits(self):
        """Operations that failed, ever."""
        return self._get(7)

    def seen(self):
        """Operations, ever."""
        return self._get(8)
