#!/usr/bin/python3
"""Samba's own RPC libraries, through their Python bindings: what rpcclient cannot show (it crashes
setting up a secure channel over TCP by itself) and SPNEGO."""

import importlib.util
import os
import unittest

import lab
from netlogon import ntlmv2
from rpcclient import rpcclient

D = None
ALICE = 'Alice.pw1'


def setUpModule():
    global D
    if importlib.util.find_spec('samba') is None:
        lab.skip('python3-samba is not installed')
    lab.need('rpcclient')
    D = lab.Domain('ACCOUNTS', 'ACCPDC')
    D.ntrust('user', 'add', 'alice', password=ALICE)
    D.ntrust('computer', 'add', 'WS1', password='Ws1.pw')


def parameters():
    from samba import param  # pylint: disable=import-outside-toplevel
    lp = param.LoadParm()
    lp.set('interfaces', '127.0.0.1/8')
    lp.set('private dir', lab.ROOT)
    return lp


def credentials(user, password, channel=None, computer='WS1'):
    from samba import credentials as c  # pylint: disable=import-outside-toplevel
    creds = c.Credentials()
    creds.guess(parameters())
    creds.set_domain(D.name)
    creds.set_username(user)
    creds.set_password(password)
    creds.set_workstation(computer)
    creds.set_kerberos_state(c.DONT_USE_KERBEROS)
    if channel is not None:
        creds.set_secure_channel_type(channel)
    return creds


def connect(module, name, creds, protection='schannel,seal'):
    binding = 'ncacn_ip_tcp:%s[%s]' % (D.address, protection)
    return getattr(module, name)(binding, parameters(), creds)


class SecureChannel(unittest.TestCase):
    def use(self, user, password, channel, computer):
        from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
        creds = credentials(user, password, channel, computer)
        c = connect(netlogon, 'netlogon', creds)
        answer = c.netr_LogonGetCapabilities(D.computer, computer,
                                             *authenticators(creds), 1)
        self.assertTrue(answer[1] & 0x01000000)  # AES
        info, key = logon_information('alice', ALICE, computer)
        validation, _, _ = c.netr_LogonSamLogonEx(
            D.computer, computer, netlogon.NetlogonNetworkInformation, info,
            netlogon.NetlogonValidationSamInfo4, 0)
        self.assertEqual(validation.base.account_name.string, 'alice')
        self.assertEqual(bytes(validation.base.key.key), key)
        for level in (2, 3, 6):
            _, validation, _, _ = c.netr_LogonSamLogonWithFlags(
                D.computer, computer, *authenticators(creds), netlogon.NetlogonNetworkInformation,
                info, level, 0)
            self.assertEqual(validation.base.logon_domain.string, D.name)
        return c, creds

    def test_of_a_member(self):
        self.use('WS1$', 'Ws1.pw', 2, 'WS1')

    def test_of_a_trusting_controller(self):
        D.ntrust('permit', 'add', 'EAST', password='Initial.pw1')
        try:
            self.use('EAST$', 'Initial.pw1', 4, 'EASTDC')
            self.assertEqual(D.json('permit', 'show', 'EAST')['state'], 'proven')
        finally:
            D.ntrust('permit', 'remove', 'EAST')

    def test_changes_the_members_password(self):
        from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
        c, creds = self.use('WS1$', 'Ws1.pw', 2, 'WS1')
        new = 'Ws1.changed-by-samba'.encode('utf-16-le')
        p = netlogon.netr_CryptPassword()
        filler = os.urandom(512 - len(new)) + new
        p.data = list(filler)
        p.length = len(new)
        creds.encrypt_netr_crypt_password(p)
        c.netr_ServerPasswordSet2(D.computer, 'WS1$', 2, 'WS1', authenticators(creds)[0], p)
        self.use('WS1$', 'Ws1.changed-by-samba', 2, 'WS1')
        D.ntrust('computer', 'remove', 'WS1')
        D.ntrust('computer', 'add', 'WS1', password='Ws1.pw')

    def test_a_wrong_password(self):
        from samba import NTSTATUSError  # pylint: disable=import-outside-toplevel
        from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
        with self.assertRaises(NTSTATUSError) as e:
            connect(netlogon, 'netlogon', credentials('WS1$', 'wrong', 2))
        self.assertEqual(e.exception.args[0], 0xC0000022)

    def test_lookups(self):
        from samba.dcerpc import lsa, security  # pylint: disable=import-outside-toplevel
        creds = credentials('WS1$', 'Ws1.pw', 2)
        c = connect(lsa, 'lsarpc', creds)
        names = [lsa_string('alice'), lsa_string('ACCOUNTS\\Domain Admins'), lsa_string('nobody')]
        domains, sids, _ = c.LookupNames4(names, lsa.TransSidArray3(), 1, 0, 0, 2)
        self.assertEqual(domains.domains[0].name.string, 'ACCOUNTS')
        self.assertEqual(str(sids.sids[0].sid), D.json('user', 'show', 'alice')['sid'])
        self.assertEqual(str(sids.sids[1].sid), D.sid + '-512')
        self.assertEqual(sids.sids[2].sid_type, 8)

        array = lsa.SidArray()
        pointers = []
        for text in (D.sid + '-500', 'S-1-5-32-545'):
            pointer = lsa.SidPtr()
            pointer.sid = security.dom_sid(text)
            pointers.append(pointer)
        array.sids, array.num_sids = pointers, len(pointers)
        _, names, _ = c.LookupSids3(array, lsa.TransNameArray2(), 1, 0, 0, 2)
        self.assertEqual([n.name.string for n in names.names], ['Administrator', 'Users'])


class Spnego(unittest.TestCase):
    def test_rpcclient(self):
        for protection in ('spnego,seal', 'spnego,sign'):
            out = rpcclient(D, 'enumdomusers', protection)
            self.assertIn('user:[alice]', out)
        self.assertIn(D.sid, rpcclient(D, 'lsaquery', 'spnego,seal'))
        rpcclient(D, 'lsaquery', 'spnego,seal', user='ACCOUNTS\\alice', password='wrong', ok=False)

    def test_the_library(self):
        from samba.dcerpc import samr  # pylint: disable=import-outside-toplevel
        creds = credentials('Administrator', D.password)
        for protection in ('spnego,seal', 'ntlm,seal', 'spnego,sign', 'ntlm,sign'):
            with self.subTest(protection):
                c = connect(samr, 'samr', creds, protection)
                handle = c.Connect2(None, 0x02000000)
                sid = c.LookupDomain(handle, lsa_string('ACCOUNTS'))
                domain = c.OpenDomain(handle, 0x02000000, sid)
                found, resume = [], 0
                for _ in range(10):  # pages of few bytes, until all is told
                    resume, users, _ = c.EnumDomainUsers(domain, resume, 0x10, 30)
                    found += [u.name.string for u in users.entries]
                    if 'alice' in found:
                        break
                self.assertEqual(sorted(found), ['Administrator', 'Guest', 'alice'])


def logon_information(user, password, computer):
    from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
    challenge = os.urandom(8)
    response, key = ntlmv2(user, D.name, password, challenge, computer, D.name)
    info = netlogon.netr_NetworkInfo()
    info.challenge = list(challenge)
    info.nt = netlogon.netr_ChallengeResponse()
    info.nt.data = list(response)
    info.nt.length = len(response)
    info.nt.size = len(response)
    info.identity_info = netlogon.netr_IdentityInfo()
    for field, text in (('domain_name', D.name), ('account_name', user),
                        ('workstation', computer)):
        setattr(info.identity_info, field, lsa_string(text))
    return info, key


def lsa_string(text=''):
    from samba.dcerpc import lsa  # pylint: disable=import-outside-toplevel
    s = lsa.String()
    s.string = text
    return s


def authenticators(creds):
    """One to send, and an empty one to be answered in."""
    from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
    made = creds.new_client_authenticator()
    mine, theirs = netlogon.netr_Authenticator(), netlogon.netr_Authenticator()
    mine.cred = netlogon.netr_Credential()
    mine.cred.data = list(made['credential'])
    mine.timestamp = made['timestamp']
    theirs.cred = netlogon.netr_Credential()
    return mine, theirs


if __name__ == '__main__':
    lab.main()
