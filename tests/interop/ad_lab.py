"""Two Active Directory forests of Samba's in the laboratory, and their trust, for tests of ntrust as
a toolbox: domains that ntrust does not run.

Each controller is a machine of its own (samba_lab.Machine: namespaces of network, mounts and names,
with a /run/samba of its own, so that winbindd's usual socket is there). Each forest has its own
DNS, and the other's DNS as its forwarder. The forests differ in every name. EAST has a second
controller, joined to it, which replicates with the first.

Making the domains takes longer than most tests. Where NTRUST_LAB_SNAPSHOTS names a directory, the
first program that needs them leaves them there as they were made, for the others of this day.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import subprocess
import threading
import time

import lab
import samba_lab

ADMIN = 'Passw0rd1x!'  # Active Directory's policy wants more of it than samba_lab.PASSWORD

# What of Samba's server a trust needs, in as few processes as it can.
OPTIONS = ('server services = s3fs, rpc, ldap, cldap, kdc, winbindd, dns, drepl',
           'prefork children = 1', 'log level = 1', 'max log size = 0',
           'dreplsrv:notify_interval = 1')
SNAPSHOTS = os.environ.get('NTRUST_LAB_SNAPSHOTS')
DAY_S = 86400

# What a domain says of each controller in DNS, for samba_dnsupdate.
RECORDS = '''\
SRV _ldap._tcp.${DNSDOMAIN} ${HOSTNAME} 389
SRV _ldap._tcp.dc._msdcs.${DNSDOMAIN} ${HOSTNAME} 389
SRV _kerberos._tcp.dc._msdcs.${DNSDOMAIN} ${HOSTNAME} 88
SRV _kerberos._udp.${DNSDOMAIN} ${HOSTNAME} 88
SRV _kerberos._tcp.${DNSDOMAIN} ${HOSTNAME} 88
'''

# Reads or changes the trusted domain object below all that would forbid it. Arguments: the object,
# and the other end's account, then 'get', 'save', 'drop', 'age SECONDS', 'password TEXT' (for both
# directions, what `netdom trust /resetoneside` does), or NAME=VALUE, secrets in hexadecimal.
HALF = """
import json, ldb, sys, time
from samba import param, unix2nttime
from samba.auth import system_session
from samba.dcerpc import drsblobs, security
from samba.ndr import ndr_pack, ndr_unpack
from samba.samdb import SamDB
lp = param.LoadParm()
lp.load_default()
db = SamDB(lp=lp, session_info=system_session())
CHANGE_TRUST_ACCOUNT = 'local_oid:1.3.6.1.4.1.7165.4.3.23:0'
CHANGE_PASSWORD_DATE = 'local_oid:1.3.6.1.4.1.7165.4.3.20:0'
name, account, *words = sys.argv[1:]
dn = ldb.Dn(db, 'CN=%s,CN=System,%s' % (name, db.domain_dn()))
account = db.search(expression='(sAMAccountName=%s)' % account, attrs=['pwdLastSet'])[0]
blobs = {'in': 'trustAuthIncoming', 'out': 'trustAuthOutgoing'}
found = db.search(dn, scope=ldb.SCOPE_BASE, attrs=[*blobs.values(), 'trustAttributes'])[0]
if words[0] == 'get':
    out = {'attributes': int(str(found['trustAttributes']))}
    for key, name in blobs.items():
        blob = ndr_unpack(drsblobs.trustAuthInOutBlob, bytes(found[name][0]))
        out[key] = bytes(blob.current.array[0].AuthInfo.password).hex()
    print(json.dumps(out))
elif words[0] == 'drop':
    db.delete(account.dn)
elif words[0] == 'age':
    change = ldb.Message(account.dn)
    when = int(str(account['pwdLastSet'])) - int(words[1]) * 10**7
    change['when'] = ldb.MessageElement(str(when), ldb.FLAG_MOD_REPLACE, 'pwdLastSet')
    db.modify(change, [CHANGE_TRUST_ACCOUNT, CHANGE_PASSWORD_DATE])
elif words[0] == 'password':
    change = ldb.Message(dn)
    for name in blobs.values():
        blob = ndr_unpack(drsblobs.trustAuthInOutBlob, bytes(found[name][0]))
        blob.previous, blob.count = blob.current, 1
        secret = blob.current.array[0]
        secret.LastUpdateTime = unix2nttime(int(time.time()))
        secret.AuthInfo.password = list(words[1].encode('utf-16-le'))
        secret.AuthInfo.size = len(secret.AuthInfo.password)
        change[name] = ldb.MessageElement(ndr_pack(blob), ldb.FLAG_MOD_REPLACE, name)
    db.modify(change, ['relax:0'])
    change = ldb.Message(account.dn)
    change['password'] = ldb.MessageElement(words[1].encode('utf-16-le'), ldb.FLAG_MOD_REPLACE,
                                            'clearTextPassword')
    db.modify(change, [CHANGE_TRUST_ACCOUNT])
elif words[0] == 'save':
    print(json.dumps({n: bytes(found[n][0]).hex() for n in blobs.values()}))
else:
    change = ldb.Message(dn)
    for name, value in (a.split('=') for a in words):
        if name == 'securityIdentifier':
            value = ndr_pack(security.dom_sid(value))
        elif name in blobs.values():
            value = bytes.fromhex(value)
        change[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    db.modify(change, ['relax:0'])
"""


# In front of the C library: the time of day, and so many seconds.
CLOCK_SHIM = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, t);
    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        t->tv_sec += atol(getenv("CLOCK_AHEAD_S"));
    return rc;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t != NULL)
        *t = now.tv_sec;
    return now.tv_sec;
}
"""


def clock_shim():
    source, shim = os.path.join(lab.ROOT, 'shim.c'), os.path.join(lab.ROOT, 'shim.so')
    if not os.path.exists(shim):
        with open(source, 'w', encoding='ascii') as f:
            f.write(CLOCK_SHIM)
        lab.run([os.environ.get('CC', 'cc'), '-shared', '-fPIC', '-O1', '-o', shim, source])
    return shim


class Controller(samba_lab.Machine):
    """A controller of a domain. Call begin() of one of its kinds, finish(), and start_samba()."""

    def __init__(self, computer, address, domain, realm):
        super().__init__(computer, address)
        self.domain, self.realm = domain, realm
        self.host = '%s.%s' % (computer.lower(), realm)
        self.admin = samba_lab.who(domain, 'Administrator', ADMIN)
        self.process = None
        self.began = None
        self.sid = None

    def begin(self, words, dns, forwarder):
        """Begins to make the controller: samba-tool domain `words`."""
        os.unlink(self.path('/etc/samba/smb.conf'))
        self.knows_host(self, first='127.0.0.1 localhost\n')
        self.resolver(dns)
        self.write('/etc/krb5.conf', '[libdefaults]\n default_realm = %s\n dns_lookup_kdc = true\n'
                   ' dns_lookup_realm = false\n' % self.realm.upper())
        options = (*OPTIONS, 'interfaces = lo %s/24' % self.address, 'bind interfaces only = yes',
                   'dns forwarder = ' + forwarder)
        self.began = lab.popen(
            self.prefix + ['samba-tool', 'domain', *words, '--dns-backend=SAMBA_INTERNAL',
                           *('--option=' + o for o in options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def finish(self):
        out = self.began.communicate(timeout=150)[0].decode(errors='replace')
        if self.began.returncode != 0:
            raise AssertionError('no controller %s:\n%s' % (self.name, out))
        self.write('/etc/nsswitch.conf', 'passwd: files winbind\ngroup: files winbind\n'
                                         'hosts: files dns\n')
        sids = [w.strip('()') for w in out.split() if w.strip('()').startswith('S-1-5-21-')]
        self.sid = sids[-1]
        self.write('/etc/samba/sid', self.sid)
        self.set('tls enabled', 'no')  # samba-tool leaves it out; the key costs seconds

    # What makes a controller, as a file. Only while Samba does not run.

    MADE = ('etc/samba', 'etc/hosts', 'etc/resolv.conf', 'etc/nsswitch.conf', 'etc/krb5.conf',
            'var/lib/samba')

    def save(self, path):
        lab.run(['tar', '--create', '--sparse', '--xattrs', '--xattrs-include=*', '--file',
                 path + '.new', '--directory', self.dir, *self.MADE])
        os.rename(path + '.new', path)

    def revert(self, path):
        """The controller as it was; not its names, settings and logs."""
        self.run('find /var/lib/samba -mindepth 1 -delete')
        self.restore(path)

    def restore(self, path):
        lab.run(['tar', '--extract', '--xattrs', '--xattrs-include=*', '--file', path,
                 '--directory', self.dir])
        self.sid = self.read('/etc/samba/sid')

    def knows_host(self, other, first=''):
        """A line of /etc/hosts for a controller."""
        with open(self.path('/etc/hosts'), 'w' if first else 'a', encoding='utf-8') as f:
            f.write('%s%s %s %s\n' % (first, other.address, other.host, other.name.lower()))

    def resolver(self, address):
        self.write('/etc/resolv.conf', 'nameserver %s\nsearch %s\n' % (address, self.realm))

    def set(self, name, value):
        """Sets an option, for a server that is started afterwards."""
        lines = [l for l in self.read('/etc/samba/smb.conf').splitlines()
                 if l.split('=')[0].strip() != name]
        lines.insert(lines.index('[global]') + 1, '\t%s = %s' % (name, value))
        self.write('/etc/samba/smb.conf', '\n'.join(lines) + '\n')

    def option(self, name, value):
        """Sets an option of the running server, for connections from now on."""
        self.set(name, value)
        self.run(['smbcontrol', 'all', 'reload-config'])

    def start_samba(self, ahead_s=0):
        """With a clock that is ahead of everybody else's."""
        env = dict(os.environ)
        if ahead_s != 0:
            env.update(LD_PRELOAD=clock_shim(), CLOCK_AHEAD_S=str(ahead_s))
        with open(self.path('/var/log/samba/out.samba'), 'ab') as out:
            self.process = lab.popen(self.prefix + ['samba', '--foreground', '--no-process-group'],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)

    def restart_samba(self, ahead_s=0):
        self.stop_samba()
        forget(self)
        self.start_samba(ahead_s)
        start(self)

    def ready(self):
        return (all(self.listens(p) for p in (53, 88, 135, 389, 445)) and
                self.outcome('wbinfo -p')[0] == 0)

    def stop_samba(self):
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(lab.STEP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def tool(self, *words, ok=True):
        """samba-tool on the controller, for its own domain."""
        return self.run(['samba-tool', *words], ok=ok)

    def create_trust(self, other, kind='external', direction='both'):
        # The validation of a forest trust stores the name suffixes before it stumbles, where there
        # was a trust before, over the channel of that one.
        external = kind == 'external'
        more = ['--skip-validation'] if external else []
        return self.tool('domain', 'trust', 'create', other.realm, '--type=' + kind,
                         '--direction=' + direction, '--create-location=both', '-U', other.admin,
                         *more, ok=True if external else None)

    def delete_half(self, other):
        """The half at this end, as an administrator deletes it who knows of one end only."""
        return self.tool('domain', 'trust', 'delete', other.realm, '--delete-location=local')

    def half(self, other, **attributes):
        """Changes attributes of the trusted domain object."""
        self._half(other, *('%s=%s' % a for a in attributes.items()))

    def _half(self, other, *words):
        return self.run(['/usr/bin/python3', '-B', '-c', HALF, other.realm, other.domain + '$',
                         *words])

    def secrets(self, other):
        """{'in', 'out': the secrets in hexadecimal, 'attributes'} of this end's half."""
        return json.loads(self._half(other, 'get'))

    def save_half(self, other):
        """A backup of this end's secrets, for half()."""
        return json.loads(self._half(other, 'save'))

    def set_password(self, other, password):
        """Sets the secrets of both directions, at this end alone."""
        self._half(other, 'password', password)

    def drop_account(self, other):
        """Deletes the other end's account, and leaves the trusted domain object."""
        self._half(other, 'drop')

    def age_account(self, other, seconds):
        """Has the other end's account know its password for that much longer."""
        self._half(other, 'age', str(seconds))

    def recreate_half(self, other):
        """Deleted and added again at this end alone, with passwords that are typed. The tool of 4.17
        ends with an error of its own after it has done so."""
        self.delete_half(other)
        words = ['Typed.pw1'] * 2 + ['Typed.pw2'] * 2
        self.outcome(['samba-tool', 'domain', 'trust', 'create', other.realm, '--type=external',
                      '--direction=both', '--create-location=local', '--skip-validation',
                      '-U', other.admin], stdin='\n'.join(words) + '\n')

    def validate(self, other):
        """(exit code, output) of `samba-tool domain trust validate`, both ends."""
        return self.outcome(['samba-tool', 'domain', 'trust', 'validate', other.realm, '-U',
                             other.admin])

    def ping(self, other):
        """(exit code, output) of winbindd reaching a controller of the other's by its channel."""
        return self.outcome(['wbinfo', '--ping-dc', '--domain=' + other.domain])

    def prove(self, other):
        """(exit code, output) of winbindd proving its secret."""
        return self.outcome(['wbinfo', '-t', '--domain=' + other.domain])

    def ticket(self, other):
        """(exit code, output) of asking with Kerberos for a service of the other controller's."""
        env = dict(os.environ, KRB5CCNAME='FILE:/srv/ticket')
        code, out = lab.run(self.prefix + ['kinit', 'Administrator'], stdin=ADMIN + '\n', ok=None,
                            env=env)
        if code != 0:
            return code, out
        return lab.run(self.prefix + ['kvno', 'cifs/%s@%s' % (other.host, other.realm.upper())],
                       ok=None, env=env)


class Forest(Controller):
    """A forest of one domain, by its first controller."""

    def begin_provision(self, forwarder):
        self.begin(['provision', '--realm=' + self.realm.upper(), '--domain=' + self.domain,
                    '--server-role=dc', '--adminpass=' + ADMIN, '--host-ip=' + self.address],
                   self.address, forwarder)


class Second(Controller):
    """Another controller of the domain that `first` is the PDC of."""

    def __init__(self, computer, address, first):
        super().__init__(computer, address, first.domain, first.realm)
        self.first = first
        self.base = ','.join('DC=' + label for label in self.realm.split('.'))

    def begin_join(self, forwarder):
        # The first one's principal for replication: a daemon that is left out here makes it else.
        self.first.run('samba_spnupdate')
        self.begin(['join', self.realm, 'DC', '-U', self.admin], self.first.address, forwarder)

    def finish_join(self):
        self.finish()
        self.write('/etc/samba/records', RECORDS)
        self.run(['samba_dnsupdate', '--use-samba-tool', '--update-list=/etc/samba/records',
                  '--rpc-server-ip=' + self.first.address])

    def replicate_both_ways(self):
        """Has each tell the other of its changes."""
        self.first.run('samba_kcc')
        self.replicate(self, self.first)
        self.replicate(self.first, self)

    def replicates(self, yes):
        """Whether it takes what the first one changes from now on."""
        self.tool('drs', 'options', self.host, '-U', self.admin,
                  '--dsa-option=%sDISABLE_INBOUND_REPL' % ('-' if yes else '+'))

    def replicate(self, to, source):
        to.tool('drs', 'replicate', to.host, source.host, self.base, '-P', '--add-ref')


class IgnorantDns:
    """A DNS server that says of every name that there is none, on a network of the program's."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            if len(query) < 12:  # a DNS header, RFC 1035 4.1.1
                return
            end = query.index(b'\0', 12) + 5
            # a response, recursion available, NXDOMAIN; the question, and nothing else
            head = query[:2] + b'\x81\x83' + query[4:6] + bytes(6)
            self.socket.sendto(head + query[12:end], peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b'', self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def trust(west, east, kind='external'):
    """A trust that is good, whatever was there before."""
    for forest, other in ((west, east), (east, west)):
        forest.outcome(['samba-tool', 'domain', 'trust', 'delete', other.realm,
                        '--delete-location=local'])
    west.create_trust(east, kind)


def build():
    """Two controllers that answer, newly made and without a trust: of WEST (west.test) and of EAST
    (east.test)."""
    west, east = forests()
    provision(west, east)
    return west, east


def build_three():
    """The same with an external trust, and the second controller of EAST."""
    west, east = forests()
    second = Second('EASTDC2', '10.78.0.13', east)

    def make():
        provision(west, east)
        trust(west, east)  # first: the winbindd of Samba 4.17 learns of trusts when it starts
        second.begin_join(west.address)
        second.finish_join()
        start(second)
        second.replicate_both_ways()

    made([west, east, second], make)
    start(west, east, second)
    return west, east, second


def forests():
    return (Forest('WESTDC', '10.78.0.11', 'WEST', 'west.test'),
            Forest('EASTDC', '10.78.0.12', 'EAST', 'east.test'))


def provision(west, east):
    east.begin_provision(west.address)
    west.begin_provision(east.address)
    east.finish()
    west.finish()
    start(west, east)


def start(*controllers):
    """Those that do not run yet, and waits for all."""
    for c in controllers:
        if c.process is None:
            c.start_samba()
    for c in controllers:
        samba_lab.wait_until('%s answers' % c.name, c.ready, 120, c.logs)
    forget(*controllers)


def forget(*controllers):
    """winbindd remembers for a minute which controllers were down, and longer where they are."""
    for c in controllers:
        c.run('net cache flush')


def made(controllers, make):
    """Has the controllers made, or takes them as they were made before."""
    if SNAPSHOTS is None:
        make()
        return
    with open(__file__, 'rb') as f:
        by = f.read() + lab.run(['samba', '--version'])[1].encode()
    stem = os.path.join(SNAPSHOTS, 'ad-%s-' % hashlib.sha256(by).hexdigest()[:12])
    paths = [stem + c.name for c in controllers]
    with locked(stem + 'lock'):
        if all(os.path.exists(p) and time.time() - os.path.getmtime(p) < DAY_S for p in paths):
            for c, path in zip(controllers, paths):
                c.restore(path)
            return
        make()
        for c in controllers:
            c.stop_samba()
        for c, path in zip(controllers, paths):
            c.save(path)


@contextlib.contextmanager
def locked(path):
    with open(path, 'w', encoding='ascii') as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield
