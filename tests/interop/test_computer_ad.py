#!/usr/bin/python3
"""The secure channel of a real Samba member server in a domain of Active Directory with two
controllers, which ntrust does not run: found by DNS, tried with both, named and mended."""

import json
import os
import unittest

import ad_lab
import lab
import samba_lab

EAST = SECOND = MEMBER = None
SECRETS = '/var/lib/samba/private/secrets.tdb'


def setUpModule():
    global EAST, SECOND, MEMBER
    lab.need('samba', 'samba-tool', 'tdbdump', 'testparm')
    _, EAST, SECOND = ad_lab.build_three()
    MEMBER = samba_lab.Member('EASTMEM', '10.78.0.19', 'EAST', {
        'security': 'ads', 'realm': 'EAST.TEST', 'kerberos method': 'secrets and keytab'})
    MEMBER.write('/etc/resolv.conf', 'nameserver %s\nsearch east.test\n' % EAST.address)
    MEMBER.write('/etc/nsswitch.conf', 'passwd: files winbind\ngroup: files winbind\n'
                                       'hosts: files dns\n')
    MEMBER.write('/etc/krb5.conf', '[libdefaults]\n default_realm = EAST.TEST\n'
                                   ' dns_lookup_kdc = false\n dns_lookup_realm = false\n'
                                   '[realms]\n EAST.TEST = {\n  kdc = %s\n }\n' % EAST.address)
    MEMBER.write('/etc/hosts', '127.0.0.1 localhost\n' + ''.join(
        '%s %s.east.test %s\n' % (m.address, m.name.lower(), m.name.lower())
        for m in (MEMBER, EAST, SECOND)))
    MEMBER.run(['net', 'ads', 'join', '--no-dns-updates', '-U', 'Administrator%' + ad_lab.ADMIN])
    SECOND.replicate(SECOND, EAST)
    MEMBER.start('winbindd')


def ntrust(*args, who=None, env=None):
    """(exit code, output) of a command on the member."""
    path = os.path.join(lab.ROOT, 'admin')
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w',
              encoding='utf-8') as f:
        f.write('username = Administrator\npassword = %s\n' % ad_lab.ADMIN)
    return lab.run(MEMBER.prefix + [lab.NTRUST, 'computer', *args,
                                    *(who if who is not None else ['-A', path])],
                   ok=None, env=dict(os.environ, HOME=lab.ROOT, **(env or {})))


def check(*args, **more):
    code, out = ntrust('check', '--json', *args, **more)
    return code, json.loads(out)


def take_changes(whether):
    """Whether the second controller replicates what the first one has."""
    SECOND.tool('drs', 'options', SECOND.host, '-U', EAST.admin,
                '--dsa-option=%sDISABLE_INBOUND_REPL' % ('-' if whether else '+'))


class Member(unittest.TestCase):
    def good(self):
        last = []
        samba_lab.wait_until('all is good', lambda: not last.append(check()) and last[-1][0] == 0,
                             30, lambda: last[-1])
        MEMBER.run('wbinfo -t')
        MEMBER.run(['net', 'rpc', 'testjoin', '-S', EAST.host])

    def mended(self, **more):
        code, out = ntrust('reset', **more)
        self.assertEqual(code, 0, out)
        self.assertIn('Samba agrees: net rpc testjoin, wbinfo -t', out)
        self.assertIn('The keytab has keys of the new secret', out)
        MEMBER.run(['kinit', '-c', '/srv/tickets', '-k', 'EASTMEM$@EAST.TEST'])
        self.good()

    def test_good(self):
        code, seen = check()
        self.assertEqual((code, seen['domain']['dns']), (0, 'east.test'), seen)
        self.assertEqual([c['secret']['result'] for c in seen['controllers']], ['accepted'] * 2)
        self.assertEqual(check(who=[])[0], 0)

    def test_set_back(self):
        MEMBER.run(['cp', SECRETS, '/srv/old'])
        MEMBER.run('wbinfo -c')
        MEMBER.run('wbinfo -c')
        MEMBER.run(['cp', '/srv/old', SECRETS])
        SECOND.replicate(SECOND, EAST)
        code, seen = check()
        self.assertEqual(code, 2, seen)
        self.assertIn(seen['reason'], ('computer-behind', 'secrets-differ'))
        MEMBER.run('wbinfo -t', ok=False)
        self.mended()

    def test_disabled(self):
        EAST.tool('user', 'disable', 'EASTMEM$')
        SECOND.replicate(SECOND, EAST)
        code, seen = check()
        self.assertEqual((code, seen['reason'], seen['end_at_fault']),
                         (2, 'account-disabled', 'EAST'), seen)
        self.mended()

    def test_one_controller_does_not_know(self):
        """No reset: another password would not get there either."""
        take_changes(False)
        MEMBER.run('wbinfo -c')
        code, seen = check()
        self.assertEqual((code, seen['reason'], seen['end_at_fault']),
                         (2, 'not-replicated', 'EAST'), seen)
        code, out = ntrust('reset')
        self.assertEqual(code, 1)
        self.assertIn('nothing was changed', out)
        take_changes(True)
        SECOND.replicate(SECOND, EAST)
        MEMBER.run('net ads keytab create -P') # the winbindd of Samba 4.17 leaves it as it was
        self.good()

    def test_keytab_of_before(self):
        MEMBER.run(['cp', '/etc/krb5.keytab', '/srv/keytab'])
        MEMBER.run('wbinfo -c')
        MEMBER.run(['cp', '/srv/keytab', '/etc/krb5.keytab'])
        SECOND.replicate(SECOND, EAST)
        code, seen = check()
        self.assertEqual((code, seen['reason'], seen['next']),
                         (1, 'keytab-behind', 'net ads keytab create -P'), seen)
        MEMBER.run(seen['next'])
        self.good()

    def test_kerberos(self):
        env = {'KRB5CCNAME': os.path.join(lab.ROOT, 'tickets')}
        lab.run(MEMBER.prefix + ['kinit', 'Administrator@EAST.TEST'], stdin=ad_lab.ADMIN + '\n',
                env=dict(os.environ, **env))
        self.mended(who=['-k'], env=env)

    def test_zz_deleted(self):
        EAST.tool('computer', 'delete', 'EASTMEM')
        SECOND.replicate(SECOND, EAST)
        code, seen = check()
        self.assertEqual((code, seen['reason']), (2, 'account-missing'), seen)
        self.assertIn('net ads join', seen['next'])
        code, out = ntrust('reset', '--create')
        self.assertEqual(code, 1)
        self.assertIn('net ads join', out)


if __name__ == '__main__':
    samba_lab.main()
