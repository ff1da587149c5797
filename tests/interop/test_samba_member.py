#!/usr/bin/python3
"""A Samba member server in ntrustd's domain: joined by `net rpc join`, it runs smbd and winbindd; its
files are for users of the domain and of trusted domains, whose controllers are another ntrustd and a
Samba PDC."""

import unittest

import samba_lab
from samba_lab import PASSWORD, who

RED = BLUE = GREEN = MEMBER = None


def setUpModule():
    global RED, BLUE, GREEN, MEMBER
    RED = samba_lab.Ntrust('RED', 'REDPDC', '10.78.0.1', ('alice',))
    RED.ntrust('group', 'add', 'testers')
    RED.ntrust('group', 'join', 'testers', 'alice')
    BLUE = samba_lab.Ntrust('BLUE', 'BLUEPDC', '10.78.0.2', ('bob',))
    samba_lab.lab.trust(RED, BLUE)
    GREEN = samba_lab.Controller('GREENPDC', '10.78.0.4', 'GREEN', ('gina',))
    GREEN.start('smbd')
    GREEN.permit('RED', 'Green.pw1')
    RED.ntrust('trust', 'add', 'GREEN', '--server', GREEN.address, password='Green.pw1')
    MEMBER = samba_lab.Member('REDMEM', '10.78.0.9', 'RED')
    out = MEMBER.run(['net', 'rpc', 'join', '-S', RED.address, '-U', who('RED', 'Administrator')])
    assert "Joined 'REDMEM' to domain 'RED'" in out, out
    MEMBER.start('nmbd', 'winbindd', 'smbd')


def wbinfo(*words, ok=True):
    return MEMBER.run(['wbinfo', *words], ok=ok)


def changes():
    """How often the member's password has changed. The time of the last one will not do: it is
    shown in whole seconds."""
    trail = RED.json('events', '--subject', 'redmem$', '--max', '1000')['events']
    return sum(event['kind'] == 'machine-password-set' for event in trail)


def put(login, name):
    """Writes a file on the member's share over the network, and reads it back."""
    machine = GREEN
    machine.run(['smbclient', '//%s/data' % MEMBER.address, '-U', login, '-c',
                 'put /etc/hostname %s; get %s /srv/%s' % (name, name, name)])
    if machine.read('/srv/' + name) != machine.read('/etc/hostname'):
        raise AssertionError('the file %s came back changed' % name)


class Member(unittest.TestCase):
    def test_the_join(self):
        self.assertIn("Join to 'RED' is OK", MEMBER.run('net rpc testjoin'))
        self.assertIn('REDMEM', RED.ntrust('computer', 'list').upper())

    def test_the_channel(self):
        wbinfo('-p')
        wbinfo('-t')
        self.assertIn('succeeded', wbinfo('-P'))
        self.assertIn('RED : active connection', wbinfo('--online-status'))
        self.assertIn('RED', wbinfo('-m').split())

    def test_the_controller(self):
        self.assertEqual(wbinfo('--getdcname=RED').strip(), 'REDPDC')
        self.assertIn('\\\\REDPDC', wbinfo('--dsgetdcname=RED'))
        self.assertEqual(wbinfo('--dc-info=RED').strip(), 'REDPDC (%s)' % RED.address)
        domain = wbinfo('-D', 'RED')
        self.assertIn(RED.sid, domain)
        self.assertRegex(domain, 'Active Directory *: No')

    def test_users_and_groups(self):
        self.assertEqual(set(wbinfo('-u').split()),
                         {'RED\\administrator', 'RED\\guest', 'RED\\alice'})
        groups = wbinfo('-g').splitlines()
        self.assertIn('RED\\domain users', groups)
        self.assertIn('RED\\testers', groups)
        sid = RED.json('user', 'show', 'alice')['sid']
        self.assertEqual(wbinfo('-n', 'RED\\alice').strip(), sid + ' SID_USER (1)')
        self.assertEqual(wbinfo('-s', sid).strip(), 'RED\\alice 1')
        self.assertTrue(wbinfo('-i', 'RED\\alice').startswith('RED\\alice:*:'))
        self.assertGreaterEqual(len(wbinfo('-r', 'RED\\alice').split()), 2)
        testers = wbinfo('-n', 'RED\\testers').split()[0]
        for wanted in (sid, RED.sid + '-513', testers):
            self.assertIn(wanted, wbinfo('--user-sids', sid).split())
        # what a person of the member's Unix sees
        self.assertIn('RED\\testers', MEMBER.run(['id', '-nG', 'RED\\alice']))
        self.assertIn(sid, MEMBER.run(['net', 'lookup', 'name', 'RED\\alice']))
        self.assertIn('RED\\alice', MEMBER.run(['net', 'lookup', 'sid', sid]))

    def test_logons(self):
        for user in (who('RED', 'alice'), who('BLUE', 'bob')):
            out = wbinfo('-a', user)
            self.assertIn('plaintext password authentication succeeded', out)
            self.assertIn('challenge/response password authentication succeeded', out)
        self.assertIn('NT_STATUS_WRONG_PASSWORD', wbinfo('-a', who('RED', 'alice', 'wrong'),
                                                         ok=False))
        self.assertIn('challenge/response password authentication succeeded',
                      wbinfo('-a', who('GREEN', 'gina')))

    def test_files_of_all_domains(self):
        """The session keys that the controllers hand on sign these sessions."""
        put(who('RED', 'alice'), 'alice')
        put(who('BLUE', 'bob'), 'bob')
        put(who('GREEN', 'gina'), 'gina')
        owners = {line.split()[-1]: line.split()[2]
                  for line in MEMBER.run('ls -l /srv/data').splitlines()[1:]}
        self.assertEqual(owners, {'alice': 'RED\\alice', 'bob': 'BLUE\\bob',
                                  'gina': 'GREEN\\gina'})
        code, out = GREEN.outcome(['smbclient', '//%s/data' % MEMBER.address, '-U',
                                   who('BLUE', 'bob', 'wrong'), '-c', 'ls'])
        self.assertNotEqual(code, 0)
        self.assertIn('NT_STATUS_LOGON_FAILURE', out)

    def test_sessions_while_another_tool_uses_the_computers_account(self):
        """It has the newest key of the computer name then, and the channel of winbindd lives on."""
        put(who('RED', 'alice'), 'before')
        MEMBER.run('net rpc testjoin')
        put(who('RED', 'alice'), 'between')
        wbinfo('-t')
        put(who('RED', 'alice'), 'after')
        MEMBER.run('rm /srv/data/before /srv/data/between /srv/data/after')

    def test_zz_changes_of_the_password(self):
        for change in (['net', 'rpc', 'changetrustpw'], ['wbinfo', '-c']):
            before = changes()
            MEMBER.run(change)
            wbinfo('-t')
            BLUE.restart()
            RED.restart()
            GREEN.restart()
            MEMBER.restart()
            wbinfo('-t')
            self.assertIn("Join to 'RED' is OK", MEMBER.run('net rpc testjoin'))
            put(who('RED', 'alice'), 'alice')
            put(who('BLUE', 'bob'), 'bob')
            self.assertEqual(changes(), before + 1)


if __name__ == '__main__':
    samba_lab.main()
