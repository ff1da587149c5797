#!/usr/bin/python3
"""The secure channel of a real Samba member server, in a domain of ntrustd's and in one of a Samba
PDC: broken in the ways of the field, named by `ntrust computer check` with the side and the remedy,
and mended by `ntrust computer reset`. wbinfo and net agree that it is good, or broken."""

import json
import os
import stat
import struct
import subprocess
import time
import unittest

import lab
import samba_lab
from samba_lab import PASSWORD, who

RED = GREEN = None
REDMEM = GREENMEM = None
SECRETS = '/var/lib/samba/private/secrets.tdb'


def setUpModule():
    global RED, GREEN, REDMEM, GREENMEM
    lab.need('tdbdump', 'tdbtool', 'testparm')
    RED = samba_lab.Ntrust('RED', 'REDPDC', '10.78.0.1', ('alice',))
    GREEN = samba_lab.Controller('GREENPDC', '10.78.0.4', 'GREEN')
    GREEN.start('nmbd', 'smbd')
    REDMEM = join('REDMEM', '10.78.0.9', RED, 'Administrator')
    GREENMEM = join('GREENMEM', '10.78.0.8', GREEN, 'root')
    REDMEM.start('nmbd', 'winbindd', 'smbd')


def join(name, address, domain, administrator):
    member = samba_lab.Member(name, address, domain.domain if domain is GREEN else domain.name)
    member.pdc = domain.address
    member.administrator = administrator
    member.run(['net', 'rpc', 'join', '-S', domain.address, '-U',
                who(member.domain, administrator)])
    member.cred = private(name + '.cred', 'username = %s\npassword = %s\n'
                          % (administrator, PASSWORD))
    return member


def private(name, text):
    path = os.path.join(lab.ROOT, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w',
              encoding='utf-8') as f:
        f.write(text)
    return path


def ntrust(member, *args, admin=True, last=None, ok=None, env=None):
    """(exit code, output) of a command on the member. last: what is said of its domain."""
    if last is None:
        last = ['-d', '%s@%s' % (member.domain, member.pdc)]
        last += ['-A', member.cred] if admin else []
    return lab.run(member.prefix + [lab.NTRUST, 'computer', *args, *last], ok=ok,
                   env=dict(os.environ, HOME=lab.ROOT, **(env or {})))


def check(member, *args, **more):
    """(exit code, what `ntrust computer check` says)"""
    code, out = ntrust(member, 'check', '--json', *args, **more)
    return code, json.loads(out)


def testjoin(member, ok=True):
    return member.run(['net', 'rpc', 'testjoin', '-S', member.pdc], ok=ok)


def save(member, days=0):
    """A copy of the member's secrets, that many days old."""
    path = member.path('/srv/secrets')
    member.run(['cp', SECRETS, '/srv/secrets'])
    if days:
        old = struct.pack('<I', int(time.time()) - days * 86400)
        value = ''.join('\\%02x' % b for b in old)
        member.run(['tdbtool', '/srv/secrets'], stdin='store SECRETS/MACHINE_LAST_CHANGE_TIME/%s %s\n'
                   % (member.domain, value))
    return path


def revert(member):
    """The member is set back, as by a snapshot."""
    member.run(['cp', '/srv/secrets', SECRETS])


class Computer(unittest.TestCase):
    member = None

    def broken(self, reason, fault, remedy='ntrust computer reset'):
        testjoin(self.member, ok=False)
        code, seen = check(self.member)
        self.assertEqual((code, seen['reason'], seen['end_at_fault']), (2, reason, fault), seen)
        self.assertIn(remedy, seen['next'])
        return seen

    def good(self):
        code, seen = check(self.member)
        self.assertEqual((code, seen['reason']), (0, ''), seen)
        testjoin(self.member)
        return seen

    def mended(self, *args):
        code, out = ntrust(self.member, 'reset', *args)
        self.assertEqual(code, 0, out)
        self.assertIn('is good again', out)
        self.assertIn('Samba agrees', out)
        self.good()
        return out

    def changed(self):
        """The member changes its password by itself."""
        self.member.run('net rpc changetrustpw')


class OfNtrustd(Computer):
    """All daemons of the member run, and winbindd has to follow."""

    def setUp(self):
        self.member = REDMEM

    def good(self):
        seen = super().good()
        REDMEM.run('wbinfo -t')
        self.assertEqual(seen['member']['winbindd'], 'good')
        return seen

    def test_good(self):
        seen = self.good()
        self.assertEqual(seen['member']['domain_sid'], RED.sid)
        self.assertEqual(seen['domain']['sid'], RED.sid)
        controller, = seen['controllers']
        self.assertEqual(controller['account']['type'], 'workstation')
        self.assertEqual(controller['secret']['result'], 'accepted')
        self.assertEqual(controller['secret']['controller_holds'], 'the same')

    def test_the_plain_command(self):
        """What an administrator types first: the name and the domain are Samba's, the controller
        is found as Samba finds it."""
        code, out = lab.run(REDMEM.prefix + [lab.NTRUST, 'computer', 'check'], ok=None)
        self.assertEqual(code, 0, out)
        self.assertIn('the secure channel between REDMEM and RED is good', out)
        code, out = lab.run(REDMEM.prefix + [lab.NTRUST, 'computer', 'reset', '-A', REDMEM.cred],
                            ok=None)
        self.assertEqual(code, 0, out)
        self.good()

    def test_set_back(self):
        save(REDMEM, days=3)
        self.changed()
        self.changed()
        revert(REDMEM)
        seen = self.broken('computer-behind', 'REDMEM')
        self.assertIn("the domain's side changed last", seen['cause'])
        self.assertIn('3 days after', seen['cause'])
        self.assertEqual(seen['controllers'][0]['secret']['result'], 'refused')
        REDMEM.run('wbinfo -t', ok=False)
        before = REDMEM.run(['tdbdump', SECRETS])
        code, out = ntrust(REDMEM, 'reset', '--dry-run')
        self.assertEqual(code, 0, out)
        self.assertIn('net changesecretpw', out)
        self.assertEqual(REDMEM.run(['tdbdump', SECRETS]), before)
        self.broken('computer-behind', 'REDMEM')
        self.mended()

    def test_without_an_administrator(self):
        code, seen = check(REDMEM, admin=False)
        self.assertEqual((code, seen['reason']), (0, ''), seen)
        save(REDMEM)
        self.changed()
        revert(REDMEM)
        code, seen = check(REDMEM, admin=False)
        self.assertEqual((code, seen['reason'], seen['end_at_fault']), (2, 'secrets-differ', ''),
                         seen)
        code, out = ntrust(REDMEM, 'reset', admin=False)
        self.assertEqual(code, 1)
        self.assertIn('no administrator of RED was named', out)
        self.mended()

    def test_the_domain_is_behind(self):
        """A change at the computer alone, of which the one before is kept."""
        REDMEM.run(['net', 'changesecretpw', '-f', '-i'], stdin='typed.at.the.member1\n')
        seen = self.broken('domain-behind', 'RED')
        self.assertEqual(seen['controllers'][0]['secret']['result'], 'previous')
        self.mended()

    def test_disabled(self):
        RED.ntrust('computer', 'disable', 'REDMEM')
        self.broken('account-disabled', 'RED')
        self.mended()

    def test_deleted(self):
        RED.ntrust('computer', 'remove', 'REDMEM')
        self.broken('account-missing', 'RED', '--create')
        code, seen = check(REDMEM, admin=False)
        self.assertEqual((code, seen['reason']), (2, 'account-unfit'), seen)
        code, out = ntrust(REDMEM, 'reset')
        self.assertEqual(code, 1)
        self.assertIn('--create', out)
        self.assertIn('The account is new', self.mended('--create'))

    def test_reset_in_the_domain_only(self):
        """From elsewhere, into a file; then the member stores what is in it."""
        path = os.path.join(lab.ROOT, 'new-secret')
        there = ['-d', 'RED@' + RED.address, '-A', REDMEM.cred]
        run = GREEN.prefix + [lab.NTRUST, 'computer']
        code, out = lab.run(run + ['reset', 'redmem'] + there, ok=None)
        self.assertEqual(code, 1)
        self.assertIn('netdom resetpwd /s:%s' % RED.address, out)
        _, out = lab.run(run + ['reset', 'redmem', '--secret-file', path] + there)
        self.assertIn('net changesecretpw -f -i < ' + path, out)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        secret = open(path, encoding='ascii').read()
        self.assertEqual(len(secret), 121)
        self.assertNotIn(secret.strip(), out)
        self.assertEqual(check(REDMEM)[0], 2)
        # once more, as after an interruption: with the same secret
        lab.run(run + ['reset', 'redmem', '--secret-file', path] + there)
        self.assertEqual(open(path, encoding='ascii').read(), secret)
        code, out = lab.run(run + ['check', 'redmem', '--secret-file', path] + there, ok=None)
        self.assertEqual(code, 0, out)
        REDMEM.run(['net', 'changesecretpw', '-f', '-i'], stdin=secret)
        os.unlink(path)
        self.good()

    def test_from_elsewhere(self):
        """The secret is not seen there, and the computer itself tells nothing: unknown."""
        there = ['-d', 'RED@' + RED.address, '-A', REDMEM.cred, '--json']
        code, out = lab.run(GREEN.prefix + [lab.NTRUST, 'computer', 'check',
                                            'redmem@' + REDMEM.address] + there, ok=None)
        seen = json.loads(out)
        self.assertEqual((code, seen['reason']), (3, 'not-seen'), seen)
        self.assertIn('on REDMEM', seen['next'])
        self.assertEqual(seen['member']['asked']['domain'], 'RED')
        RED.ntrust('computer', 'disable', 'REDMEM')
        code, out = lab.run(GREEN.prefix + [lab.NTRUST, 'computer', 'check', 'redmem'] + there,
                            ok=None)
        RED.ntrust('computer', 'enable', 'REDMEM')
        self.assertEqual((code, json.loads(out)['reason']), (2, 'account-disabled'), out)

    def test_as_nobody(self):
        """Who may not read the secret is told so."""
        code, out = lab.run(REDMEM.prefix + [
            'setpriv', '--reuid', '65534', '--clear-groups', '--inh-caps=-all', lab.NTRUST,
            'computer', 'check', '--json', '-d', 'RED@' + RED.address], ok=None,
            env=dict(os.environ, HOME='/nowhere'))
        seen = json.loads(out)
        self.assertEqual((code, seen['reason']), (3, 'not-seen'), seen)
        self.assertIn('only root may read', seen['member']['why'])
        self.assertIn('sudo', seen['next'])

    def test_another_domain(self):
        code, seen = check(REDMEM, '-d', 'GREEN@' + GREEN.address, '-A', GREENMEM.cred, last=())
        self.assertEqual((code, seen['reason'], seen['end_at_fault']), (2, 'not-joined', 'REDMEM'),
                         seen)

    def test_server_down(self):
        RED.stop()
        code, seen = check(REDMEM)
        self.assertEqual((code, seen['reason'], seen['end_at_fault']), (2, 'unreachable', 'RED'),
                         seen)
        code, out = ntrust(REDMEM, 'reset')
        self.assertEqual(code, 1)
        self.assertIn('nothing was changed', out)
        RED.start()
        samba_lab.wait_until('winbindd is back', lambda: REDMEM.outcome('wbinfo -t')[0] == 0)
        self.good()

    def test_wrong_credentials(self):
        wrong = private('wrong.cred', 'username = Administrator\npassword = no\n')
        code, seen = check(REDMEM, '-A', wrong, admin=False)
        self.assertEqual((code, seen['reason'], seen['end_at_fault']), (3, 'credentials', ''), seen)
        self.assertIn('does not accept the logon', seen['cause'])
        weak = private('alice.cred', 'username = alice\npassword = %s\n' % PASSWORD)
        code, out = ntrust(REDMEM, 'reset', '-A', weak, admin=False)
        self.assertEqual(code, 1, out)
        self.assertIn('nothing was changed', out)
        self.good()

    def test_interrupted(self):
        """Killed when the account has the new secret and the member has not."""
        bin_dir = os.path.join(lab.ROOT, 'bin')
        reached = os.path.join(lab.ROOT, 'reached')
        os.mkdir(bin_dir)
        with open(bin_dir + '/net', 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\ncase "$*" in *changesecretpw*) echo > %s; exec sleep 100;; esac\n'
                    'exec /usr/bin/net "$@"\n' % reached)
        os.chmod(bin_dir + '/net', 0o755)
        command = [lab.NTRUST, 'computer', 'reset', '-d', 'RED@' + RED.address, '-A', REDMEM.cred]
        path = '%s:%s' % (bin_dir, os.environ['PATH'])
        with lab.popen(REDMEM.prefix + command, env=dict(os.environ, PATH=path),
                       stdout=subprocess.DEVNULL, start_new_session=True) as process:
            samba_lab.wait_until('the account is changed', lambda: os.path.exists(reached))
            process.kill()
        testjoin(REDMEM, ok=False)
        self.assertEqual(check(REDMEM)[0], 2)
        # a member's side that fails is told, and the next run finishes
        with open(bin_dir + '/net', 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\ncase "$*" in *changesecretpw*) echo no room; exit 1;; esac\n'
                    'exec /usr/bin/net "$@"\n')
        code, out = ntrust(REDMEM, 'reset', env={'PATH': path})
        self.assertEqual(code, 1)
        self.assertIn('half changed', out)
        self.assertIn('no room', out)
        self.assertIn('run it again', out)
        self.mended()


class OfSamba(Computer):
    """No daemon of the member runs."""

    def setUp(self):
        self.member = GREENMEM

    def test_good(self):
        seen = self.good()
        self.assertEqual(seen['member']['domain_sid'], GREEN.sid)
        self.assertEqual(seen['member']['winbindd'], 'does not run')

    def test_set_back(self):
        save(GREENMEM, days=9)
        self.changed()
        self.changed()
        revert(GREENMEM)
        self.assertIn('9 days after', self.broken('computer-behind', 'GREENMEM')['cause'])
        self.mended()

    def test_disabled(self):
        GREEN.run(['pdbedit', '-r', '-u', 'greenmem$', '-c', '[D]'])
        self.broken('account-disabled', 'GREEN')
        self.mended()

    def test_deleted_and_of_another_type(self):
        GREEN.run(['pdbedit', '-x', '-m', '-u', 'greenmem$'])
        self.broken('account-missing', 'GREEN', '--create')
        GREEN.run(['smbpasswd', '-s', '-a', 'greenmem$'], stdin='%s\n%s\n' % (PASSWORD, PASSWORD))
        self.broken('wrong-type', 'GREEN', 'delete or rename')
        code, out = ntrust(GREENMEM, 'reset', '--create')
        self.assertEqual(code, 1)
        self.assertIn('left alone', out)
        GREEN.run(['pdbedit', '-x', '-u', 'greenmem$'])
        self.mended('--create')

    def test_another_domain_of_that_name(self):
        other = 'S-1-5-21-1-2-3'
        GREENMEM.run(['cp', SECRETS, '/srv/right'])
        GREENMEM.run(['net', 'setdomainsid', other])
        code, seen = check(GREENMEM)
        GREENMEM.run(['cp', '/srv/right', SECRETS])
        self.assertEqual((code, seen['reason'], seen['end_at_fault']),
                         (2, 'other-domain', 'GREENMEM'), seen)
        self.assertIn('net rpc join', seen['next'])
        self.good()

    def test_where_the_secret_cannot_be_read(self):
        """Samba's own test takes the place of ours."""
        bin_dir = os.path.join(lab.ROOT, 'without')
        os.mkdir(bin_dir)
        with open(bin_dir + '/tdbdump', 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\necho broken\nexit 1\n')
        os.chmod(bin_dir + '/tdbdump', 0o755)
        env = {'PATH': '%s:%s' % (bin_dir, os.environ['PATH'])}
        code, seen = check(GREENMEM, env=env)
        self.assertEqual((code, seen['member']['secret_from']), (0, 'net rpc testjoin'), seen)
        save(GREENMEM)
        self.changed()
        revert(GREENMEM)
        code, seen = check(GREENMEM, env=env)
        self.assertEqual((code, seen['reason']), (2, 'secrets-differ'), seen)
        code, out = ntrust(GREENMEM, 'reset', env=env)
        self.assertEqual(code, 0, out)
        self.good()


if __name__ == '__main__':
    samba_lab.main()
