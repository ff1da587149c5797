#!/usr/bin/python3
"""The SMB client against Samba's smbd, by way of ntrust and ntrustd: every dialect and algorithm, what
a server may demand, and which kind of failure is told. The controller offers named pipes only."""

import json
import os
import unittest

import lab
import samba_lab
from samba_lab import PASSWORD

RED = HOST = D = None


def setUpModule():
    global RED, HOST, D
    RED = samba_lab.Controller('REDPDC', '10.78.0.1', 'RED', ('alice',))
    RED.start('nmbd', 'smbd')
    RED.permit('RES', 'Initial.pw1')
    HOST = samba_lab.Machine('RESPDC', '10.78.0.9')
    D = lab.Domain('RES', 'RESPDC', address='10.78.0.9', machine=HOST)
    D.ntrust('trust', 'add', 'RED', '--server', RED.address, password='Initial.pw1')


def check(*args, password=PASSWORD):
    """What `ntrust check` sees at the other end: (True, the account) or (False, the failure)."""
    out = lab.run(D.prefix + [lab.NTRUST, '--socket', D.socket, '--json', 'check', 'RED', *args,
                              '--peer-password-fd', '0'], stdin=password, ok=None)[1]
    there = json.loads(out)['checks'][0]['there']
    failure = there.get('error')
    return (True, there) if not failure else (False, failure)


class Settings:
    """smbd with other settings, for a while."""

    def __init__(self, **lines):
        self.lines = ''.join('    %s = %s\n' % (k.replace('_', ' '), v) for k, v in lines.items())

    def __enter__(self):
        self.before = RED.read('/etc/samba/smb.conf')
        RED.write('/etc/samba/smb.conf', self.before + self.lines)
        RED.stop('smbd')
        RED.start('smbd')

    def __exit__(self, *_):
        RED.write('/etc/samba/smb.conf', self.before)
        RED.stop('smbd')
        RED.start('smbd')


class Roads(unittest.TestCase):
    def test_trust(self):
        """TCP is closed there, so all of the trust goes through the pipe by itself."""
        trust = D.json('trust', 'show', 'RED')
        self.assertEqual(trust['state'], 'active')
        self.assertEqual(trust['sid'], RED.sid)
        self.assertIn('is logged on', D.logon('RED\\alice', PASSWORD))
        self.assertIn('refused', D.logon('RED\\alice', 'Wrong.pw1', ok=False))

    def test_names_of_the_road(self):
        for server in (RED.address, 'smb:' + RED.address, '//' + RED.address,
                       '\\\\' + RED.address, 'smb:%s:445' % RED.address):
            self.assertTrue(check('-U', 'root', '--server', server)[0], server)

    def test_reset(self):
        """The password of the account goes there under the session's key."""
        out = lab.run(D.prefix + [lab.NTRUST, '--socket', D.socket, 'reset', 'RED', '-U', 'root',
                                  '--server', '//' + RED.address, '--peer-password-fd', '0'],
                      stdin=PASSWORD)[1]
        self.assertIn('is re-established at both ends', out)
        self.assertIn('is logged on', D.logon('RED\\alice', PASSWORD))


class Servers(unittest.TestCase):
    def see(self, **settings):
        with Settings(**settings):
            seen, what = check('-U', 'root')
            self.assertTrue(seen, (settings, what))
            lab.run(D.prefix + [lab.NTRUST, '--socket', D.socket, 'trust', 'verify', 'RED'])

    def test_dialects(self):
        for dialect in ('SMB2_02', 'SMB2_10', 'SMB3_00', 'SMB3_02', 'SMB3_11'):
            self.see(server_max_protocol=dialect)

    def test_ciphers(self):
        for cipher in ('AES-128-CCM', 'AES-128-GCM', 'AES-256-CCM', 'AES-256-GCM'):
            self.see(server_smb3_encryption_algorithms=cipher)

    def test_signatures(self):
        for algorithm in ('HMAC-SHA256', 'AES-128-CMAC', 'AES-128-GMAC'):
            self.see(server_smb3_signing_algorithms=algorithm, server_smb_encrypt='off')

    def test_signing_demanded(self):
        self.see(server_signing='mandatory')

    def test_encryption_demanded(self):
        """An anonymous session cannot encrypt: only the administrator gets in."""
        with Settings(server_smb_encrypt='required'):
            seen, what = check('-U', 'root')
            self.assertTrue(seen, what)


class Failures(unittest.TestCase):
    def assert_failure(self, kind, text, *args, password=PASSWORD):
        seen, error = check(*args, password=password)
        self.assertFalse(seen)
        self.assertEqual(error['kind'], kind, error)
        self.assertIn(text, error['text'])

    def test_credentials(self):
        for user in ('root', 'nobody-knows'):
            self.assert_failure('credentials', 'LOGON_FAILURE', '-U', user, '--server',
                                '//' + RED.address, password='Wrong.pw1')

    def test_both_roads_are_told(self):
        self.assert_failure('credentials', 'endpoint mapper at 10.78.0.1 port 135', '-U', 'root',
                            password='Wrong.pw1')

    def test_guest(self):
        with Settings(map_to_guest='bad user'):
            self.assert_failure('credentials', 'as a guest', '-U', 'nobody-knows', '--server',
                                'smb:' + RED.address)

    def test_ntlm_forbidden(self):
        with Settings(ntlm_auth='disabled'):
            self.assert_failure('crypto', 'NTLM', '-U', 'root', '--server', 'smb:' + RED.address)

    def test_old_smb(self):
        with Settings(server_max_protocol='NT1', server_min_protocol='NT1'):
            self.assert_failure('network', 'SMB 1', '-U', 'root', '--server', 'smb:' + RED.address)

    def test_network(self):
        self.assert_failure('network', 'SMB port 446', '-U', 'root', '--server',
                            'smb:%s:446' % RED.address)
        self.assert_failure('network', 'port 135', '-U', 'root', '--server', 'tcp:' + RED.address)

    def test_name(self):
        self.assert_failure('name', 'has no address', '-U', 'root', '--server', 'smb:no.such.name')

    def test_no_ticket(self):
        out = lab.run(D.prefix + [lab.NTRUST, '--socket', D.socket, '--json', 'check', 'RED', '-k'],
                      ok=None, env=dict(os.environ, KRB5CCNAME='FILE:/nowhere'))[1]
        error = json.loads(out)['checks'][0]['there']['error']
        self.assertEqual(error['kind'], 'credentials')
        self.assertIn('kinit', error['text'])


if __name__ == '__main__':
    samba_lab.main()
