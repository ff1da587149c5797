"""A laboratory for tests of ntrustd against independent peers.

A test program calls lab.main() and finds itself in a network namespace of its own, where loopback
is up and nothing else exists: the endpoint mapper can stand on port 135, several domains on
several addresses of 127.0.0.0/8, and nothing of it is seen outside. All files are in one
temporary directory. Everything ends with the program: daemons die with it, however it dies.

The programs are unittest programs. NTRUST and NTRUSTD name the programs under test.
"""

import ctypes
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

NTRUST = os.environ.get('NTRUST', 'ntrust')
NTRUSTD = os.environ.get('NTRUSTD', 'ntrustd')
SKIPPED = 77  # what meson takes for "skipped"
LIMIT_S = int(os.environ.get('NTRUST_LAB_LIMIT_S', '240'))
STEP_S = 90  # for one command: provisioning an AD domain computes for long on a busy machine

ROOT = None      # the temporary directory
DOMAINS = []     # every domain of this program
TRANSCRIPT = []  # (command, output) of every program that was run


class TooLong(Exception):
    pass


# ------------------------------------------------------------------------------- the place

def skip(why):
    print('skipped: ' + why)
    sys.exit(SKIPPED)


def need(*programs):
    for p in programs:
        if shutil.which(p) is None:
            skip(p + ' is not installed')


def enter_namespace():
    """Starts this program again in a network namespace, once."""
    if os.environ.get('NTRUST_LAB') == 'inside':
        loopback_up()
        return
    ways = [['unshare', '--net'], ['unshare', '--map-root-user', '--net']]
    for way in ways if os.geteuid() == 0 else ways[1:]:
        if subprocess.run(way + ['true'], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.environ['NTRUST_LAB'] = 'inside'
            os.execvp(way[0], way + [sys.executable, '-B'] + sys.argv)
    skip('this system grants no network namespace (unshare --net)')


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP: netdevice(7)
        request = struct.pack('16sH14x', b'lo', 0)
        flags = struct.unpack('16sH14x', fcntl.ioctl(s, 0x8913, request))[1]
        fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', flags | 1))


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def popen(command, **more):
    return subprocess.Popen(command, preexec_fn=die_with_parent, **more)


def run(command, stdin=None, ok=True, env=None):
    """Runs a program and gives (exit code, output and errors). ok: must it end with 0 (True), with
    something else (False), or either (None)?"""
    with popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
               env=env) as p:
        try:
            out, _ = p.communicate(stdin.encode() if stdin is not None else b'', timeout=STEP_S)
        except subprocess.TimeoutExpired:
            p.kill()
            out, _ = p.communicate()
            TRANSCRIPT.append((command, out.decode(errors='replace')))
            raise AssertionError('took longer than %d s: %r' % (STEP_S, command)) from None
    out = out.decode(errors='replace')
    TRANSCRIPT.append((command, out))
    if ok is not None and (p.returncode == 0) != ok:
        raise AssertionError('exit code %d of %r\n%s' % (p.returncode, command, out))
    return p.returncode, out


# ------------------------------------------------------------------------------- a domain

class Domain:
    """A domain with its controller. settings: lines of ntrustd.conf by section, as {'limits':
    {'idle_timeout_s': 5}}. owner: the user whom ntrustd runs as (from pwd), if not
    this one. machine: the one of samba_lab.py that it stands on, if on one."""

    def __init__(self, name, computer, address='127.0.0.1', password='Passw0rd1', settings=None,
                 owner=None, machine=None):
        self.name, self.computer, self.address, self.password = name, computer, address, password
        self.prefix = machine.prefix if machine is not None else []
        self.dir = os.path.join(ROOT, name.lower())
        self.log_path = os.path.join(self.dir, 'log')
        self.socket = os.path.join(self.dir, 'admin.sock')
        self.process, self.owner = None, owner
        os.mkdir(self.dir, 0o700)
        config = {
            'domain': {'store': self.dir + '/domain.db', 'master_key': self.dir + '/master.key'},
            'listen': {'address': address, 'loops': 2},
            'admin': {'socket': self.socket},
            'log': {'level': 'debug'},
        }
        for section, lines in (settings or {}).items():
            config.setdefault(section, {}).update(lines)
        with open(self.dir + '/ntrustd.conf', 'w', encoding='utf-8') as f:
            for section, lines in config.items():
                f.write('[%s]\n' % section + ''.join('%s = %s\n' % l for l in lines.items()))
        DOMAINS.append(self)
        run([NTRUST, 'domain', 'init', name, '--computer', computer, '--store',
             config['domain']['store'], '--password-fd', '0'], stdin=password)
        if owner is not None:
            for path in [self.dir] + [os.path.join(self.dir, n) for n in os.listdir(self.dir)]:
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self.start()
        self.sid = self.json('domain', 'show')['sid']

    def start(self):
        """Returns when ntrustd says that it is ready, as it tells systemd."""
        path = self.dir + '/notify'
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(path)
            os.chmod(path, 0o666)  # ntrustd may be another user
            ready.settimeout(0.1)
            env = dict(os.environ, NOTIFY_SOCKET=path)
            env.setdefault('ASAN_OPTIONS', 'detect_leaks=%d' % (self.owner is None and may_trace()))
            with open(self.log_path, 'ab') as log:
                who = {}
                if self.owner is not None:
                    who = {'user': self.owner.pw_uid, 'group': self.owner.pw_gid,
                           'extra_groups': []}
                self.process = popen(self.prefix + [NTRUSTD, '-c', self.dir + '/ntrustd.conf'], stdout=log,
                                     stderr=log, env=env, **who)
            deadline = time.monotonic() + STEP_S
            while True:
                try:
                    if b'READY=1' in ready.recv(4096):
                        break
                except socket.timeout:
                    pass
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError('ntrustd of %s did not get ready\n%s'
                                         % (self.name, self.log()))
        os.unlink(path)

    def stop(self):
        """An orderly end; complains of any other."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STEP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = 'none: it had to be killed'
        if code != 0:
            raise AssertionError('ntrustd of %s ended with %s' % (self.name, code))

    def alive(self):
        return self.process.poll() is None

    def log(self):
        try:
            with open(self.log_path, encoding='utf-8', errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def ntrust(self, *args, password=None, peer_password=None, ok=True):
        """peer_password: of the other domain's administrator."""
        more = ['--password-fd', '0'] if password is not None else []
        more += ['--peer-password-fd', '0'] if peer_password is not None else []
        return run(self.prefix + [NTRUST, '--socket', self.socket, *args, *more],
                   stdin=password if password is not None else peer_password, ok=ok)[1]

    def json(self, *args, password=None):
        return json.loads(self.ntrust('--json', *args, password=password))

    def logon(self, user, password, ok=True):
        return self.ntrust('logon', user, password=password, ok=ok)


def may_trace():
    """LeakSanitizer looks at its process as a debugger does, which ntrustd forbids to all but
    root of the system itself."""
    with open('/proc/self/uid_map', encoding='ascii') as f:
        return f.read().split() == ['0', '0', '4294967295']


def trust(trusting, trusted, password='Initial.pw1'):
    """Makes `trusting` trust `trusted`, from both ends."""
    trusted.ntrust('permit', 'add', trusting.name, password=password)
    trusting.ntrust('trust', 'add', trusted.name, '--server', trusted.address, password=password)
    state = trusting.json('trust', 'show', trusted.name)['state']
    if state != 'active':
        raise AssertionError('the trust is %s' % state)


# ------------------------------------------------------------------------------- the program

def report():
    """What one needs to understand a failure."""
    for command, out in TRANSCRIPT[-12:]:
        print('\n$ %s\n%s' % (' '.join(command), out.rstrip()))
    for d in DOMAINS:
        print('\n--- log of %s (%s)' % (d.name, 'running' if d.process else 'stopped'))
        print('\n'.join(d.log().splitlines()[-200:]))


def too_long(_signum, _frame):
    signal.alarm(10)  # for each test that is left
    raise TooLong('the limit of %d s for this program is over' % LIMIT_S)


def end_domains():
    """True when all ended in order, and no sanitizer had to say anything."""
    good = True
    for d in DOMAINS:
        try:
            d.stop()
        except AssertionError as e:
            print(e)
            good = False
        for line in d.log().splitlines():
            if 'Sanitizer' in line or 'runtime error:' in line:
                print('%s: %s' % (d.name, line))
                good = False
    return good


def main(enter=enter_namespace, more_to_report=lambda: None, more_to_end=lambda: None):
    """enter: starts the program again in its place, and names the directory for its files there."""
    global ROOT
    place = enter()
    # The daemons forbid core dumps themselves: see test_secrets.py, which looks for it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.alarm(LIMIT_S)
    ROOT = tempfile.mkdtemp(prefix='ntrust-', dir=place)
    good = False
    try:
        result = unittest.main(exit=False, verbosity=2).result
        good = result.wasSuccessful()
        good = end_domains() and good
        if not good:
            report()
            more_to_report()
    finally:
        for d in DOMAINS:
            if d.process is not None and d.process.poll() is None:
                d.process.kill()
                d.process.wait()
        more_to_end()
        shutil.rmtree(ROOT, ignore_errors=True)
    sys.exit(0 if good else 1)
