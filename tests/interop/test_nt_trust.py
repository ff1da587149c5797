#!/usr/bin/python3
"""NT-style trusts between two domains that `ntrust` is told of, a Samba PDC's and ntrustd's in any
mixture: made, broken, mended and removed at both ends in one command."""

import json
import os
import unittest

import lab
import samba_lab
from samba_lab import PASSWORD, who

ACC = RES = BLUE = RED = None
USERS = {'ACC': 'al', 'RES': 'alice', 'BLUE': 'bob', 'RED': 'rob'}


def setUpModule():
    global ACC, RES, BLUE, RED
    ACC = samba_lab.Ntrust('ACC', 'ACCPDC', '10.78.0.1', ('al',))
    RES = samba_lab.Ntrust('RES', 'RESPDC', '10.78.0.2', ('alice',))
    BLUE = samba_lab.Controller('BLUEPDC', '10.78.0.3', 'BLUE', ('bob',))
    RED = samba_lab.Controller('REDPDC', '10.78.0.4', 'RED', ('rob',), {'add machine script': ''})
    for pdc in (BLUE, RED):
        pdc.knows(ACC=ACC.address, RES=RES.address, BLUE=BLUE.address, RED=RED.address,
                  ACCPDC=ACC.address, RESPDC=RES.address, BLUEPDC=BLUE.address,
                  REDPDC=RED.address)
        pdc.start('smbd', 'nmbd', 'winbindd')


def name(domain):
    return domain.domain if isinstance(domain, samba_lab.Controller) else domain.name


def credentials(domain):
    user = 'root' if isinstance(domain, samba_lab.Controller) else 'Administrator'
    path = os.path.join(lab.ROOT, 'cred-' + name(domain))
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w',
              encoding='utf-8') as f:
        f.write('username = %s\npassword = %s\n' % (user, PASSWORD))
    return path


def ntrust(command, a, b, *options):
    """(exit code, what it says), with administrators of both."""
    code, out = lab.run([lab.NTRUST, '--json', command,
                         *('%s@%s' % (name(d), d.address) for d in (a, b)),
                         '-A', credentials(a), '-A', credentials(b), *options],
                        ok=None, env=dict(os.environ, HOME=lab.ROOT))
    return code, json.loads(out)


class Trust(unittest.TestCase):
    def does(self, result, command, a, b, *options):
        code, said = ntrust(command, a, b, *options)
        self.assertEqual((code, said['result']), (1 if result == 'refused' else 0, result), said)
        return said

    def good(self, a, b):
        code, said = ntrust('check', a, b)
        self.assertEqual((code, said['result']), (0, 'good'), said)

    def broken(self, reason, end, a, b, remedy='ntrust reset'):
        code, said = ntrust('check', a, b)
        self.assertEqual((code, said['reason'], said['end_at_fault']), (2, reason, end), said)
        self.assertIn(remedy, said['next'])

    def store(self, said):
        """What a person does at a Samba PDC whose domain trusts: types what was shown."""
        for pdc in (BLUE, RED):
            ends = [e['name'] for e in said['ends']]
            if pdc.domain not in ends:
                continue
            i = ends.index(pdc.domain)
            password, other = said['by_hand'][i], said['ends'][1 - i]
            if password is None:
                continue
            self.assertRegex(password, '^[A-Za-z0-9_-]{14}$')
            pdc.store_trust(other['name'], other['sid'], password)
            pdc.run(['net', 'setauthuser', '-U',
                     who(other['name'], USERS[other['name']], PASSWORD)])
            pdc.stop('winbindd')
            pdc.start('winbindd')
            self.assertIn('succeeded', pdc.run(['wbinfo', '-t', '--domain=' + other['name']]))

    # -- ntrustd and ntrustd

    def test_two_of_ntrustd(self):
        self.does('good', 'establish', ACC, RES, '--direction', 'in')
        self.good(RES, ACC)
        RES.logon('ACC\\al', PASSWORD)
        self.assertEqual(RES.json('trust', 'show', 'ACC')['state'], 'active')
        self.assertEqual(ACC.json('permit', 'show', 'RES')['state'], 'active')
        self.does('refused', 'establish', RES, ACC, '--direction', 'both')
        self.does('good', 'rotate', RES, ACC)
        self.does('removed', 'remove', RES, ACC, '--yes')
        self.does('nothing', 'remove', RES, ACC, '--yes')

    def test_broken_between_two_of_ntrustd(self):
        self.does('good', 'establish', RES, ACC, '--direction', 'both')
        ACC.ntrust('permit', 'remove', 'RES')  # one of its two halves
        self.broken('account-missing', 'ACC', RES, ACC)
        self.does('refused', 'rotate', RES, ACC)
        self.does('refused', 'reset', RES, ACC, '--only-password')
        self.does('good', 'reset', RES, ACC)
        RES.ntrust('trust', 'remove', 'ACC')
        self.broken('removed', 'RES', RES, ACC)
        self.does('good', 'reset', ACC, RES)
        ACC.ntrust('permit', 'remove', 'RES')
        ACC.ntrust('permit', 'add', 'RES', password='Another.pw1')
        self.assertEqual(ntrust('check', RES, ACC)[0], 2)
        self.does('good', 'reset', RES, ACC)
        self.assertEqual(ACC.json('permit', 'show', 'RES')['state'], 'active')  # not burned
        RES.logon('ACC\\al', PASSWORD)
        ACC.logon('RES\\alice', PASSWORD)
        self.does('removed', 'remove', RES, ACC, '--yes')

    # -- ntrustd trusts Samba

    def test_ntrustd_trusts_samba(self):
        self.does('good', 'establish', RES, BLUE, '--direction', 'out')
        RES.logon('BLUE\\bob', PASSWORD)
        self.does('good', 'rotate', RES, BLUE)
        BLUE.run(['pdbedit', '-x', 'res$'])
        self.broken('account-missing', 'BLUE', RES, BLUE)
        self.does('good', 'reset', RES, BLUE)
        self.good(RES, BLUE)
        BLUE.run(['smbpasswd', '-d', 'res$'])
        self.broken('account-disabled', 'BLUE', RES, BLUE)
        self.does('good', 'reset', BLUE, RES)
        RES.ntrust('trust', 'remove', 'BLUE')
        self.broken('removed', 'RES', RES, BLUE)
        self.does('good', 'reset', RES, BLUE)
        BLUE.run(['smbpasswd', '-s', 'res$'], stdin='Other.pw1\nOther.pw1\n')
        self.broken('password-mismatch', '', RES, BLUE)
        self.does('good', 'reset', RES, BLUE)
        RES.logon('BLUE\\bob', PASSWORD)
        self.does('removed', 'remove', RES, BLUE, '--yes')
        self.assertNotIn('RES$', BLUE.run('pdbedit -L'))

    # -- Samba trusts: its controller takes the password by no call

    def test_samba_trusts_ntrustd(self):
        said = self.does('refused', 'establish', RED, ACC, '--direction', 'out')
        self.assertIn('--generate', said['text'])
        self.store(self.does('by hand', 'establish', RED, ACC, '--direction', 'out', '--generate'))
        self.good(RED, ACC)
        self.assertIn('never changes', self.does('refused', 'rotate', RED, ACC)['text'])
        ACC.ntrust('permit', 'remove', 'RED')
        self.broken('account-missing', 'ACC', RED, ACC, 'ntrust reset --generate')
        self.does('refused', 'reset', RED, ACC)
        self.store(self.does('by hand', 'reset', RED, ACC, '--generate'))
        self.good(ACC, RED)
        self.does('removed', 'remove', RED, ACC, '--yes')
        self.assertEqual(ACC.json('permit', 'list')['permits'], [])

    def test_two_of_samba(self):
        code, said = ntrust('establish', ACC, RED, '--direction', 'out')
        self.assertEqual((code, said['result']), (1, 'undone'), said)
        self.assertIn("useradd -M -N -s /bin/false 'acc$'", said['error']['text'])
        RED.user('blue$')
        self.store(self.does('by hand', 'establish', RED, BLUE, '--direction', 'both',
                             '--generate'))
        self.good(RED, BLUE)
        BLUE.run(['pdbedit', '-x', 'red$'])
        self.broken('account-missing', 'BLUE', RED, BLUE, 'ntrust reset --generate')
        self.store(self.does('by hand', 'reset', RED, BLUE, '--generate'))
        self.good(RED, BLUE)
        self.does('removed', 'remove', RED, BLUE, '--yes')
        self.does('nothing', 'remove', RED, BLUE, '--yes')

    # -- refused

    def test_a_computer_that_would_be_mistaken(self):
        ACC.ntrust('computer', 'add', 'RESPDC', '--password-fd', '0', password='Computer.pw1')
        said = self.does('refused', 'establish', RES, ACC, '--direction', 'both')
        self.assertIn('RESPDC', said['text'])
        ACC.ntrust('computer', 'remove', 'RESPDC')

    def test_no_administrator_at_one_end(self):
        code, out = lab.run([lab.NTRUST, 'establish', 'RES@' + RES.address, 'ACC@' + ACC.address,
                             '-A', credentials(RES), '--direction', 'out'], ok=None)
        self.assertEqual(code, 1, out)
        self.assertIn('nothing was changed: no administrator of ACC was named', out)

    def test_nobody_can_be_asked(self):
        code, out = lab.run([lab.NTRUST, 'remove', 'RES', 'ACC'], ok=None)
        self.assertEqual(code, 2, out)
        self.assertIn('--yes', out)


if __name__ == '__main__':
    samba_lab.main()
