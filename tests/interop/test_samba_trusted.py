#!/usr/bin/python3
"""ntrustd trusts a Samba PDC: one trust from `net rpc trustdom add` to its end."""

import unittest

import samba_lab
from samba_lab import PASSWORD, who

RES = BLUE = None
INITIAL = 'Trust.pw1'


def setUpModule():
    global RES, BLUE
    RES = samba_lab.Ntrust('RES', 'RESPDC', '10.78.0.1', ('alice',))
    BLUE = samba_lab.Controller('BLUEPDC', '10.78.0.2', 'BLUE', ('bob',))
    BLUE.start('smbd')


def trust():
    return RES.json('trust', 'show', 'BLUE')


class Story(unittest.TestCase):
    """In the order of the names."""

    def test_1_a_wrong_initial_password(self):
        BLUE.permit('RES', INITIAL)
        RES.ntrust('trust', 'add', 'BLUE', '--server', BLUE.address, password='Wrong.pw1', ok=None)
        self.assertNotEqual(trust()['state'], 'active')
        RES.ntrust('trust', 'remove', 'BLUE')

    def test_2_the_initial_password_is_replaced_over_the_wire(self):
        out = RES.ntrust('trust', 'add', 'BLUE', '--server', BLUE.address, password=INITIAL)
        self.assertIn('The initial password has been replaced', out)
        self.assertEqual(trust()['state'], 'active')
        self.assertEqual(trust()['version'], 1)
        self.assertEqual(trust()['sid'], BLUE.sid)
        # It opens nothing at the Samba end any more, not even as a logon over SMB.
        _, out = BLUE.outcome(['smbclient', '-L', '//' + BLUE.address, '-U',
                               who('BLUE', 'RES$', INITIAL)])
        self.assertIn('NT_STATUS_LOGON_FAILURE', out)
        self.assertIn('the trust works', RES.ntrust('check', 'BLUE'))

    def test_3_users_of_samba_log_on(self):
        self.assertIn(BLUE.sid, RES.logon('BLUE\\bob', PASSWORD))
        RES.logon('BLUE\\bob', 'wrong', ok=False)
        RES.logon('BLUE\\nobody', PASSWORD, ok=False)
        RES.logon('BLUE\\bob', PASSWORD)

    def test_4_ten_changes(self):
        for version in range(2, 12):
            RES.ntrust('trust', 'rotate', 'BLUE')
            self.assertEqual(trust()['version'], version)
        RES.logon('BLUE\\bob', PASSWORD)

    def test_5_both_are_restarted(self):
        for restart in (RES.restart, BLUE.restart, lambda: (RES.restart(), BLUE.restart())):
            restart()
            RES.logon('BLUE\\bob', PASSWORD)
            RES.ntrust('trust', 'rotate', 'BLUE')
            self.assertIn('the trust works', RES.ntrust('check', 'BLUE'))

    def test_6_it_is_unreachable_for_a_while(self):
        BLUE.stop('smbd')
        RES.ntrust('trust', 'verify', 'BLUE', ok=None)
        self.assertEqual(trust()['state'], 'active')
        self.assertIn('no controller of BLUE can be reached', RES.ntrust('check', 'BLUE', ok=False))
        BLUE.start('smbd')
        RES.ntrust('trust', 'verify', 'BLUE')
        self.assertIn('the trust works', RES.ntrust('check', 'BLUE'))

    def test_7_it_is_broken_at_sambas_end(self):
        # Samba's own `trustdom del` fails there.
        BLUE.run(['net', 'rpc', 'trustdom', 'del', 'RES', '-S', BLUE.address, '-U',
                  who('BLUE', 'root')], ok=False)
        self.assertIn('the trust works', RES.ntrust('check', 'BLUE'))
        # Its Netlogon answers ACCESS_DENIED to each of these; ntrust tells them apart.
        for reason, change in (('account-disabled', ['smbpasswd', '-d', 'res$']),
                               ('', ['smbpasswd', '-e', 'res$']),
                               ('removed-at-trusted-end', ['pdbedit', '-x', 'res$']),
                               ('wrong-account-type', ['pdbedit', '-a', '-m', '-u', 'res']),
                               ('removed-at-trusted-end', ['pdbedit', '-x', 'res$'])):
            BLUE.run(change)
            RES.ntrust('trust', 'verify', 'BLUE', ok=None)
            self.assertEqual(trust()['reason'], reason)
        shown = trust()
        self.assertEqual(shown['state'], 'broken')
        out = RES.ntrust('check', 'BLUE', ok=False)
        self.assertIn('critical', out)
        # With an administrator's rights it sees which end.
        out = RES.ntrust('check', 'BLUE', '-U', 'BLUE\\root', peer_password=PASSWORD,
                         ok=False)
        self.assertRegex(out, 'halves +critical')
        self.assertRegex(out, 'At fault: +BLUE')

    def test_8_it_is_made_anew_at_both_ends(self):
        out = RES.ntrust('reset', 'BLUE', '-U', 'BLUE\\root', peer_password=PASSWORD)
        self.assertIn('re-established at both ends', out)
        self.assertIn('[I          ]', BLUE.run('pdbedit -L -w').split('RES$', 1)[1])
        RES.logon('BLUE\\bob', PASSWORD)
        out = RES.ntrust('check', 'BLUE', '-U', 'BLUE\\root', peer_password=PASSWORD)
        self.assertIn('the trust works', out)


if __name__ == '__main__':
    samba_lab.main()
