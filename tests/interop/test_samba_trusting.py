#!/usr/bin/python3
"""A Samba PDC trusts ntrustd's domain, and then ntrustd's domain trusts it, too; a member server of
the Samba domain lets users of both in."""

import unittest

import samba_lab
from netlogon import INTERDOMAIN, Channel, Refused
from samba_lab import PASSWORD, who

BLUE = RED = MEMBER = None
INITIAL = 'Trust.pw1'


def setUpModule():
    global BLUE, RED, MEMBER
    BLUE = samba_lab.Ntrust('BLUE', 'BLUEPDC', '10.78.0.2', ('bob',))
    RED = samba_lab.Controller('REDPDC', '10.78.0.1', 'RED', ('alice',))
    RED.start('nmbd', 'smbd')
    BLUE.ntrust('permit', 'add', 'RED', password=INITIAL)
    RED.store_trust('BLUE', BLUE.sid, INITIAL)
    MEMBER = samba_lab.Member('REDMEM', '10.78.0.9', 'RED')
    MEMBER.run(['net', 'rpc', 'join', '-S', RED.address, '-U', who('RED', 'root')])


def wbinfo(*words, ok=True):
    return RED.run(['wbinfo', *words], ok=ok)


def permit():
    return BLUE.json('permit', 'show', 'RED')


class Story(unittest.TestCase):
    """In the order of the names."""

    def test_1_as_nobody_samba_stops_itself(self):
        """Its own rule wants a signed session, and nobody has no key to sign with."""
        RED.start('winbindd')
        self.assertIn('NETWORK_NAME_DELETED', wbinfo('-t', '--domain=BLUE', ok=False))
        self.assertEqual(permit()['state'], 'permitted')

    def test_2_as_nobody_without_that_rule(self):
        RED.set('client ipc signing', 'auto')
        RED.stop('winbindd')
        RED.start('winbindd')
        self.assertIn('succeeded', wbinfo('-t', '--domain=BLUE'))
        self.assertEqual(permit()['state'], 'proven')
        RED.set('client ipc signing', 'default')

    def test_3_as_a_user_of_the_trusted_domain(self):
        RED.run(['net', 'setauthuser', '-U', who('BLUE', 'bob')])
        RED.stop('winbindd')
        RED.start('winbindd')
        self.assertRegex(wbinfo('-m', '--verbose'), 'BLUE +External +No +No +Yes')
        self.assertIn('succeeded', wbinfo('-t', '--domain=BLUE'))
        self.assertIn('succeeded', wbinfo('-P', '--domain=BLUE'))

    def test_4_lookups(self):
        sid = BLUE.json('user', 'show', 'bob')['sid']
        self.assertEqual(wbinfo('-n', 'BLUE\\bob').strip(), sid + ' SID_USER (1)')
        self.assertEqual(wbinfo('-s', sid).strip(), 'BLUE\\bob 1')
        self.assertIn('BLUE\\bob', wbinfo('-u', '--domain=BLUE').split())
        self.assertIn('BLUE\\domain users', wbinfo('-g', '--domain=BLUE').splitlines())
        self.assertTrue(wbinfo('-i', 'BLUE\\bob').startswith('BLUE\\bob:*:'))
        wbinfo('-r', 'BLUE\\bob')
        self.assertIn(BLUE.sid, wbinfo('-D', 'BLUE'))
        self.assertEqual(wbinfo('--getdcname=BLUE').strip(), 'BLUEPDC')
        self.assertIn(BLUE.address, wbinfo('--dsgetdcname=BLUE'))
        self.assertIn('BLUE : active connection', wbinfo('--online-status'))

    def test_5_logons(self):
        out = wbinfo('-a', who('BLUE', 'bob'))
        self.assertIn('plaintext password authentication succeeded', out)
        self.assertIn('challenge/response password authentication succeeded', out)
        self.assertIn('NT_STATUS_WRONG_PASSWORD', wbinfo('-a', who('BLUE', 'bob', 'wrong'),
                                                         ok=False))
        self.assertIn('NT_STATUS_NO_SUCH_USER', wbinfo('-a', who('BLUE', 'nobody'), ok=False))
        BLUE.run_on(['smbclient', '-L', '//' + RED.address, '-U', who('BLUE', 'bob')])

    def test_6_this_partner_never_changes_its_password(self):
        # Samba 4.17 fails at its own store before it sends anything.
        wbinfo('-c', '--domain=BLUE', ok=False)
        self.assertEqual(permit()['state'], 'proven')
        out = BLUE.ntrust('check', 'RED', ok=False)
        self.assertIn("Samba's NT-style controllers never do", ' '.join(out.split()))
        self.assertIn('--generate', out)
        self.assertIn('succeeded', wbinfo('-t', '--domain=BLUE'))

    def test_7_another_client_changes_it(self):
        new = 'Changed.by-hand1'
        with Channel(BLUE, 'REDPDC', INITIAL, account='RED$', kind=INTERDOMAIN) as c:
            c.open().capabilities()
            c.set_password(new)
        self.assertEqual(permit()['state'], 'active')
        # The initial one opens nothing any more.
        with Channel(BLUE, 'REDPDC', INITIAL, account='RED$', kind=INTERDOMAIN) as c:
            with self.assertRaisesRegex(Refused, 'ACCESS_DENIED'):
                c.open()
        RED.store_trust('BLUE', BLUE.sid, new)
        RED.restart()
        self.assertIn('succeeded', wbinfo('-t', '--domain=BLUE'))
        wbinfo('-a', who('BLUE', 'bob'))
        self.assertIn('the trust works', BLUE.ntrust('check', 'RED'))

    def test_8_both_ways(self):
        RED.permit('BLUE', 'Back.pw1')
        BLUE.ntrust('trust', 'add', 'RED', '--server', RED.address, password='Back.pw1')
        BLUE.logon('RED\\alice', PASSWORD)
        BLUE.ntrust('trust', 'rotate', 'RED')
        BLUE.logon('RED\\alice', PASSWORD)
        wbinfo('-a', who('BLUE', 'bob'))
        out = BLUE.ntrust('check')
        self.assertIn('BLUE trusts RED: good', out)
        self.assertIn('BLUE is trusted by RED: good', out)

    def test_9_a_member_of_the_samba_domain(self):
        MEMBER.start('nmbd', 'winbindd', 'smbd')
        for user in (who('RED', 'alice'), who('BLUE', 'bob')):
            BLUE.run_on(['smbclient', '//%s/data' % MEMBER.address, '-U', user, '-c',
                         'put /etc/hostname ' + user.split('\\')[0]])
        owners = {line.split()[-1]: line.split()[2]
                  for line in MEMBER.run('ls -l /srv/data').splitlines()[1:]}
        self.assertEqual(owners, {'RED': 'RED\\alice', 'BLUE': 'BLUE\\bob'})


if __name__ == '__main__':
    samba_lab.main()
