#!/usr/bin/python3
"""`ntrust rpc` through the secure channels of a trust between two Active Directory forests, whose
secret no person knows: by its hash, as either kind of account, by pipes and by TCP."""

import json
import os
import unittest

import ad_lab
import lab
import samba_lab

WEST = EAST = SECRET = None


def setUpModule():
    global WEST, EAST, SECRET
    lab.need('samba', 'samba-tool')
    from samba.crypto import md4_hash_blob
    WEST, EAST, _ = ad_lab.build_three()
    SECRET = os.path.join(lab.ROOT, 'secret')
    with open(os.open(SECRET, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as f:
        f.write('nt:%s\n' % bytes(md4_hash_blob(bytes.fromhex(WEST.secrets(EAST)['in']))).hex())


def call(road, *args, account='EAST$', kind='trust'):
    out = lab.run(WEST.prefix + [
        lab.NTRUST, 'rpc', 'WEST@' + road + WEST.address, *args, '--json', '--channel', account,
        '--kind', kind, '--computer', 'EASTDC', '--secret-file', SECRET])[1]
    return json.loads(out)['reply']


class Channel(unittest.TestCase):
    def test_as_either_account_of_a_trust(self):
        for account, kind in (('EAST$', 'trust'), ('east.test.', 'dns-trust')):
            for road in ('smb:', 'tcp:'):
                reply = call(road, 'netlogon', 'NetrLogonGetCapabilities', 'QueryLevel=1',
                             account=account, kind=kind)
                self.assertTrue(reply['Capabilities']['ServerCapabilities'] & 0x01000000)

    def test_the_trust_as_the_other_end_has_it(self):
        reply = call('smb:', 'netlogon', 'NetrServerGetTrustInfo')
        self.assertEqual(reply['EncryptedNewOwfPassword'], '(hidden)')
        self.assertEqual(reply['TrustInfo']['UlongData'], [4])  # an external trust's attributes

    def test_the_lsa_takes_the_same_channel(self):
        reply = call('tcp:', 'lsarpc', 'LsarLookupNames4', 'Names=["Administrator"]')
        sid = reply['TranslatedSids']['Sids'][0]['Sid']
        self.assertEqual(sid, WEST.run('wbinfo --name-to-sid Administrator').split()[0])


if __name__ == '__main__':
    samba_lab.main()
