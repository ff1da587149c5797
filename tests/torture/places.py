"""Where the torture happens: two machines, each a network namespace with a small disk of its own, and
the wire between them. The program itself runs as process 1 of namespaces of its own, so that
all it starts ends with it. Needs root, TUN devices and tmpfs: skipped by anybody but root, an error
for root where the kernel lacks them.
"""

import ctypes
import errno
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import threading

import faulty
import link
import world as w

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
TUN = '/dev/net/tun'
ROOM = '/run/torture'
STORE_MIB = 48
SKIPPED = 77  # to Meson
EPM_PORT, RPC_PORT, SMB_PORT = 135, 49153, 445

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def enter():
    """Starts this program again in namespaces of its own, once."""
    if os.environ.get('NTRUST_TORTURE') == 'inside':
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'torture', '/run'], check=True)
        os.mkdir(ROOM)
        return
    if os.geteuid() != 0:
        print('skipped: the torture makes namespaces and small disks: run it as root')
        sys.exit(SKIPPED)
    way = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
    os.environ['NTRUST_TORTURE'] = 'inside'
    os.execvp(way[0], way + [sys.executable, '-B'] + sys.argv)


class Place:
    """A network namespace with a TUN device, of which we hold the other end."""

    def __init__(self, own, other):
        self.address = own
        self.failure = None
        thread = threading.Thread(target=self._make)
        thread.start()
        thread.join()
        if self.failure:
            raise self.failure
        for command in ('ip link set lo up', 'ip addr add %s peer %s dev wire' % (own, other),
                        'ip link set wire mtu 1500 up',
                        # lost packets are sent again soon: seconds are dear
                        'ip route change %s dev wire rto_min 20ms' % other):
            subprocess.run(command.split(), preexec_fn=self.enter, check=True)

    def _make(self):
        """In a thread of its own, since a namespace is a thread's."""
        try:
            _checked(_libc.unshare(CLONE_NEWNET), 'unshare')
            self.namespace = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
            if not os.path.exists(TUN):
                os.makedirs(os.path.dirname(TUN), exist_ok=True)
                os.mknod(TUN, 0o600 | 0o020000, os.makedev(10, 200))
            self.tun = os.open(TUN, os.O_RDWR)
            fcntl.ioctl(self.tun, TUNSETIFF,
                        struct.pack('16sH22x', b'wire', IFF_TUN | IFF_NO_PI))
        except OSError as e:
            self.failure = e

    def enter(self):
        """In a child, or in a thread."""
        _checked(_libc.setns(self.namespace, CLONE_NEWNET), 'setns')

    def call(self, function, *args):
        """What it returns when it runs here. For what opens sockets: they stay."""
        result = []

        def run():
            self.enter()
            try:
                result.append((function(*args), None))
            except Exception as e:  # goes to the caller
                result.append((None, e))
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        value, error = result[0]
        if error is not None:
            raise error
        return value


class Controller(w.Domain):
    """One domain in its place, with its store on a disk of its own: small, and faulty on demand."""

    def __init__(self, name, computer, place):
        self.place = place
        folder = os.path.join(ROOM, name.lower())
        self.disk = os.path.join(folder, 'disk')
        os.makedirs(self.disk)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=%dm' % STORE_MIB, 'disk', self.disk],
                       check=True)
        super().__init__(folder, name, computer, init=False)
        self.epm_port, self.rpc_port, self.smb_port = EPM_PORT, RPC_PORT, SMB_PORT
        self.store = os.path.join(self.disk, 'domain.db')
        self.key = os.path.join(self.disk, 'master.key')
        self.faults = faulty.Disk(self.path('faults'))
        self.env = {'LD_PRELOAD': os.environ['NTRUST_FAULTY_SO'], 'NTRUST_FAULTY': self.faults.path,
                    'NTRUST_FAULTY_DIR': self.disk}
        self.preexec = place.enter
        self.write_config()
        self.ntrust('domain', 'init', name, '--computer', computer, '--store', self.store,
                    '--password-fd', '0', stdin=w.ADMIN_PASSWORD)

    def settings(self):
        settings = super().settings()
        settings['listen'].update(address=self.place.address, loops=2)
        return settings

    def command_here(self, *args, stdin='', timeout=60):
        """ntrust, run at this controller: (exit code, all that it said)."""
        done = subprocess.run([w.NTRUST, '--socket', self.socket, *args], input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              errors='replace', preexec_fn=self.place.enter)
        return done.returncode, done.stdout

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def bring_up(self):
        """Starts it if it is not there (any more)."""
        if self.process is not None and self.process.poll() is not None:
            self.process = None
        if self.process is None:
            self.start()

    # --- what can be done to it ---

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        if self.is_up():
            self.process.send_signal(signal.SIGCONT)

    def fill(self, left):
        """Fills the disk but for so many bytes."""
        fd = os.open(os.path.join(self.disk, 'ballast'), os.O_CREAT | os.O_WRONLY)
        while True:
            st = os.statvfs(self.disk)
            room = st.f_bavail * st.f_frsize - left
            try:
                if room > 0:
                    os.posix_fallocate(fd, 0, room)
                break
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise
                # the store has taken some of it meanwhile
        os.close(fd)

    def empty(self):
        try:
            os.unlink(os.path.join(self.disk, 'ballast'))
        except FileNotFoundError:
            pass

    def files(self):
        return [name for name in os.listdir(self.disk)
                if name.startswith('domain.db') and name[9:] in ('', '-wal')]

    def copy_store(self, to, frozen=False):
        """The store's files as they are: of a daemon that is down, or that stands still meanwhile,
        as in a snapshot of the whole machine."""
        os.makedirs(to)
        if frozen:
            self.freeze()
        for name in self.files():
            shutil.copy(os.path.join(self.disk, name), os.path.join(to, name))
        if frozen:
            self.thaw()

    def backup(self, to):
        os.makedirs(to)
        self.api('POST', '/v1/backup', {'path': os.path.join(to, 'domain.db')})

    def put_back(self, copy):
        """The daemon is down. What is no part of the store, as the key, stays as it is."""
        for end in ('', '-wal', '-shm'):
            if os.path.exists(self.store + end):
                os.unlink(self.store + end)
        for name in os.listdir(copy):
            shutil.copy(os.path.join(copy, name), os.path.join(self.disk, name))


class Lab:
    """ACCOUNTS and RESOURCES, and the wire between them. End 0 of it is ACCOUNTS."""

    def __init__(self):
        left, right = Place('10.79.0.1', '10.79.0.2'), Place('10.79.0.2', '10.79.0.1')
        self.wire = link.Wire(left.tun, right.tun)
        self.accounts = Controller('ACCOUNTS', 'ACCPDC', left)
        self.resources = Controller('RESOURCES', 'RESPDC', right)
        self.both = (self.accounts, self.resources)
        self.copies = 0

    def room_for_copy(self):
        self.copies += 1
        return os.path.join(ROOM, 'copy-%d' % self.copies)

    def calm(self):
        """Ends all disturbances; the daemons run."""
        self.wire.set()
        for c in self.both:
            c.faults.calm()
            c.empty()
            c.thaw()
        for c in self.both:
            c.bring_up()

    def close(self):
        for c in self.both:
            c.kill()
        self.wire.close()


def dice(*what):
    """A source of chance of this seed, round, ... alone."""
    return random.Random('/'.join(str(x) for x in what))
