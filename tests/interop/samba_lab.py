"""A laboratory with several machines, for tests of ntrust with Samba's daemons.

A test program calls samba_lab.main() and finds itself in namespaces of its own (network, mounts,
processes, names): it is process 1 there, so all that it starts ends with it, however it ends; all
files are in a tmpfs that only it can see. Each Machine is again a network, mount and name namespace
on one virtual Ethernet: it has its own /etc, /var/lib/samba and so on, so that Samba, useradd and
whatever a person would type do there what they do on a real one, and nothing to the real one.

Run as root; anybody else skips these tests.
"""

import os
import shlex
import signal
import subprocess
import sys
import time

import lab

BRIDGE = 'lab0'
OUR_ADDRESS = '10.78.0.254'  # of the test program itself
PASSWORD = 'Passw0rd1'  # of every person in the laboratory
MACHINES = []

# What of a machine is its own, besides /etc.
OWN = ('/var/lib/samba', '/var/cache/samba', '/var/log/samba', '/run/samba', '/srv')

BUILD = """
set -e
hostname "$NAME"
cp -a /etc "$DIR/etc"
mount --bind "$DIR/etc" /etc
for d in $OWN; do
    mkdir -p "$DIR$d" "$d"
    mount --bind "$DIR$d" "$d"
done
mkdir -p /var/lib/samba/private
ip link set lo up
echo built
exec cat >/dev/null # until the test program closes our standard input
"""


def enter_namespaces():
    """Starts this program again as process 1 of namespaces of its own, once."""
    if os.environ.get('NTRUST_LAB') == 'machines':
        lab.loopback_up()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'lab', '/run'], check=True)
        os.makedirs('/run/lab')
        lab.run(['ip', 'link', 'add', BRIDGE, 'type', 'bridge'])
        lab.run(['ip', 'addr', 'add', OUR_ADDRESS + '/24', 'dev', BRIDGE])
        lab.run(['ip', 'link', 'set', BRIDGE, 'up'])
        return '/run/lab'
    if os.geteuid() != 0:
        lab.skip('only root can build machines of namespaces')
    lab.need('ip', 'nsenter', 'smbd', 'nmbd', 'winbindd', 'net', 'smbclient', 'wbinfo', 'pdbedit')
    way = ['unshare', '--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child',
           '--mount-proc']
    if subprocess.run(way + ['true'], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        lab.skip('this system grants no namespaces: ' + ' '.join(way))
    os.environ['NTRUST_LAB'] = 'machines'
    os.execvp(way[0], way + [sys.executable, '-B'] + sys.argv)


def wait_until(what, ready, seconds=lab.STEP_S, detail=lambda: ''):
    """Until ready() is true; an error after so many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError('not within %d s: %s\n%s' % (seconds, what, detail()))
        time.sleep(0.05)


class Machine:
    """A computer of the laboratory. Its processes are started with run() and popen()."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.dir = os.path.join(lab.ROOT, 'machine-' + name)
        os.mkdir(self.dir)
        os.chmod(self.dir, 0o755)
        self.daemons = {}
        self.keeper = lab.popen(['unshare', '--net', '--mount', '--uts', 'sh', '-c', BUILD],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                env=dict(os.environ, NAME=name, DIR=self.dir, OWN=' '.join(OWN)))
        if self.keeper.stdout.readline() != b'built\n':
            raise AssertionError('machine %s was not built' % name)
        self.prefix = ['nsenter', '-t', str(self.keeper.pid), '-m', '-n', '-u', '--']
        link = 'lab-%d' % len(MACHINES)
        MACHINES.append(self)
        lab.run(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns',
                 str(self.keeper.pid)])
        lab.run(['ip', 'link', 'set', link, 'master', BRIDGE, 'up'])
        self.run('ip addr add %s/24 broadcast + dev eth0' % address)
        self.run('ip link set eth0 up')
        self.write('/etc/resolv.conf', '')
        self.write('/etc/hosts', '127.0.0.1 localhost\n')
        self.write('/etc/nsswitch.conf', 'passwd: files winbind\ngroup: files winbind\n'
                                         'hosts: files\n')

    def path(self, path):
        """Where the laboratory finds a file of the machine."""
        return self.dir + path

    def write(self, path, text):
        with open(self.path(path), 'w', encoding='utf-8') as f:
            f.write(text)

    def read(self, path):
        with open(self.path(path), encoding='utf-8', errors='replace') as f:
            return f.read()

    def run(self, command, stdin=None, ok=True):
        """Runs a command (a list, or one line without a shell's magic) and gives its output."""
        return self.outcome(command, stdin, ok)[1]

    def outcome(self, command, stdin=None, ok=None):
        """(exit code, output)"""
        words = shlex.split(command) if isinstance(command, str) else command
        return lab.run(self.prefix + words, stdin=stdin, ok=ok)

    def knows(self, **names):
        """A line of /etc/hosts and of lmhosts for each."""
        for name, address in names.items():
            for path in ('/etc/hosts', '/etc/samba/lmhosts'):
                with open(self.path(path), 'a', encoding='utf-8') as f:
                    f.write('%s %s\n' % (address, name))

    def user(self, name):
        """A user of the machine's Unix."""
        self.run(['useradd', '-M', '-N', '-g', 'nogroup', '-d', '/srv', '-s', '/bin/false', name])

    # -- daemons

    def listens(self, port, table='tcp'):
        """Whether a socket of the machine is bound to the port (tcp: and listens)."""
        with open('/proc/%d/net/%s' % (self.keeper.pid, table), encoding='ascii') as f:
            for row in f.read().splitlines()[1:]:
                _, local, _, state = row.split()[:4]
                if int(local.split(':')[1], 16) == port and (table != 'tcp' or state == '0A'):
                    return True
        return False

    def start(self, *names):
        """Starts daemons of Samba and waits until each answers."""
        ready = {
            'smbd': lambda: self.listens(445),
            'nmbd': lambda: self.listens(137, 'udp') and self.listens(138, 'udp'),
            'winbindd': lambda: self.outcome('wbinfo -p')[0] == 0,
        }
        for name in names:
            with open(self.path('/var/log/samba/out.' + name), 'ab') as out:
                self.daemons[name] = lab.popen(
                    self.prefix + [name, '--foreground', '--no-process-group'],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        for name in names:
            wait_until('%s of %s is ready' % (name, self.name),
                       lambda n=name: ready[n]() or self.daemons[n].poll() is not None)
            if self.daemons[name].poll() is not None:
                raise AssertionError('%s of %s ended\n%s' % (name, self.name, self.logs()))

    def stop(self, *names):
        """Ends daemons, by default all, and returns when they have."""
        for name in names or list(self.daemons):
            daemon = self.daemons.pop(name)
            os.killpg(daemon.pid, signal.SIGTERM)
            try:
                daemon.wait(lab.STEP_S)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)
                daemon.wait()

    def restart(self):
        names = list(self.daemons)
        self.stop()
        self.start(*names)

    def logs(self, lines=60):
        """The ends of the logs of Samba."""
        parts = []
        for root, _, names in os.walk(self.path('/var/log/samba')):
            for name in sorted(names):
                with open(os.path.join(root, name), encoding='utf-8', errors='replace') as f:
                    tail = [l for l in f.read().splitlines() if '"domain logons"' not in l][-lines:]
                if tail:
                    parts.append('--- %s of %s\n%s' % (name, self.name, '\n'.join(tail)))
        return '\n'.join(parts)


class Samba(Machine):
    """A machine with Samba. shares: (name, lines) of shares under /srv."""

    def __init__(self, name, address, domain, settings, shares=()):
        super().__init__(name, address)
        self.domain = domain
        lines = {
            'netbios name': name,
            'workgroup': domain,
            'interfaces': address + '/24',
            'bind interfaces only': 'yes',
            'disable spoolss': 'yes',
            'load printers': 'no',
            'printcap name': '/dev/null',
            'log file': '/var/log/samba/log',
            'log level': '1',
            'max log size': '0',
            'panic action': '/bin/true',
        }
        lines.update(settings)
        text = '[global]\n' + ''.join('    %s = %s\n' % l for l in lines.items())
        for share in shares:
            os.mkdir(self.path('/srv/' + share), 0o777)
            os.chmod(self.path('/srv/' + share), 0o777)
            text += '[%s]\n    path = /srv/%s\n    read only = no\n' % (share, share)
        self.write('/etc/samba/smb.conf', text)
        self.write('/etc/samba/lmhosts', '127.0.0.1 localhost\n')


    def set(self, name, value):
        """Sets an option of the section [global]; for daemons that are started afterwards."""
        lines = [l for l in self.read('/etc/samba/smb.conf').splitlines()
                 if l.split('=')[0].strip() != name]
        lines.insert(1, '    %s = %s' % (name, value))
        self.write('/etc/samba/smb.conf', '\n'.join(lines) + '\n')


class Controller(Samba):
    """An NT-style primary domain controller of Samba's, with the users root and those named."""

    def __init__(self, name, address, domain, users=(), settings=None, shares=()):
        lines = {
            'domain logons': 'yes',
            'security': 'user',
            'passdb backend': 'tdbsam',
            'idmap config * : backend': 'tdb',
            'idmap config * : range': '100000-199999',
            'add machine script': '/usr/sbin/useradd -M -N -g nogroup -d /srv -s /bin/false %u',
        }
        lines.update(settings or {})
        super().__init__(name, address, domain, lines, shares)
        for user in users:
            self.user(user)
        for user in ('root',) + tuple(users):
            self.run(['smbpasswd', '-s', '-a', user], stdin='%s\n%s\n' % (PASSWORD, PASSWORD))
        words = self.run('net getdomainsid').split()
        self.sid = [w for w in words if w.startswith('S-1-5-21-')][-1]

    def store_trust(self, domain, sid, password):
        """What `net rpc trustdom establish` does at its end, where that of 4.17 crashes."""
        program = ('from samba.dcerpc.security import dom_sid\n'
                   'from samba.samba3 import param, passdb\n'
                   'param.get_context().load("/etc/samba/smb.conf")\n'
                   'passdb.PDB("tdbsam").set_trusteddom_pw(%r, %r, dom_sid(%r))\n')
        self.run(['/usr/bin/python3', '-B', '-c', program % (domain, password, sid)])

    def permit(self, domain, password):
        """Lets `domain` trust this one."""
        self.user(domain.lower() + '$')
        self.run(['net', 'rpc', 'trustdom', 'add', domain, password, '-S', self.address,
                  '-U', who(self.domain, 'root')])


class Member(Samba):
    """A member server: joins the domain of the controller at dc_address with `net rpc join`."""

    def __init__(self, name, address, domain, settings=None, shares=('data',)):
        lines = {
            'security': 'domain',
            'idmap config * : backend': 'autorid',
            'idmap config * : range': '100000-2999999',
        }
        lines.update(settings or {})
        super().__init__(name, address, domain, lines, shares)


class Ntrust(lab.Domain):
    """A domain of ntrustd's on a machine of its own, with some users."""

    def __init__(self, domain, computer, address, users=(), settings=None):
        self.machine = Machine(computer, address)
        super().__init__(domain, computer, address, PASSWORD, settings, machine=self.machine)
        for user in users:
            self.ntrust('user', 'add', user, password=PASSWORD)

    def restart(self):
        self.stop()
        self.start()

    def run_on(self, command, ok=True):
        """Runs a command on its machine."""
        return self.machine.run(command, ok=ok)


def who(domain, user, password=PASSWORD):
    """As Samba's tools take it."""
    return '%s\\%s%%%s' % (domain, user, password)


def report():
    for machine in MACHINES:
        print('\n' + machine.logs())


def end_machines():
    for machine in MACHINES:
        machine.stop()
        machine.keeper.stdin.close()
        machine.keeper.wait()
        machine.keeper.stdout.close()


def main():
    lab.main(enter_namespaces, report, end_machines)
