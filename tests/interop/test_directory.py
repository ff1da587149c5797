#!/usr/bin/python3
"""impacket against the endpoint mapper, LSARPC and SAMR: NTLM, sealed, over TCP."""

import unittest

from impacket.dcerpc.v5 import epm, lsad, lsat, samr, transport
from impacket.dcerpc.v5.dtypes import MAXIMUM_ALLOWED
from impacket.dcerpc.v5.ndr import NDRCALL
from impacket.dcerpc.v5.rpcrt import (RPC_C_AUTHN_LEVEL_CONNECT, RPC_C_AUTHN_LEVEL_PKT_INTEGRITY,
                                      RPC_C_AUTHN_LEVEL_PKT_PRIVACY, DCERPCException)
from impacket.uuid import uuidtup_to_bin

import lab
import rpc

D = OTHER = None
ALICE = 'Alice.pw1'


def setUpModule():
    global D, OTHER
    D = lab.Domain('ACCOUNTS', 'ACCPDC')
    OTHER = lab.Domain('RESOURCES', 'RESPDC', '127.0.0.2')
    D.ntrust('user', 'add', 'alice', '--full-name', 'Alice Adams', password=ALICE)
    lab.trust(OTHER, D)


def connect(interface, domain=None, level=RPC_C_AUTHN_LEVEL_PKT_PRIVACY, user='Administrator',
            password=None):
    domain = domain or D
    port = rpc.port_of(domain.address, interface)
    t = transport.DCERPCTransportFactory('ncacn_ip_tcp:%s[%d]' % (domain.address, port))
    dce = t.get_dce_rpc()
    if level is not None:
        t.set_credentials(user, password or domain.password, domain.name)
        dce.set_auth_level(level)
    dce.connect()
    dce.bind(uuidtup_to_bin((interface[0], '%d.0' % interface[1])))
    return dce


class SessionKey:
    """impacket looks for the key that protects password blobs in SMB's session; over TCP it is
    that of the association."""

    def __init__(self, dce):
        self.getSessionKey = dce.get_session_key  # pylint: disable=invalid-name
        dce.get_rpc_transport().get_smb_connection = lambda: self


class Case(unittest.TestCase):
    def says(self, text, call, *args, **more):
        with self.assertRaises(DCERPCException) as e:
            call(*args, **more)
        self.assertIn(text, str(e.exception))

    def connect(self, *args, **more):
        dce = connect(*args, **more)
        self.addCleanup(dce.disconnect)
        return dce


class EndpointMapper(Case):
    def test_map(self):
        self.assertEqual(rpc.port_of(D.address, rpc.NETLOGON), 49153)
        self.says('ept_s_not_registered', rpc.port_of, D.address,
                  ('99999999-0000-0000-0000-000000000000', 1))

    def test_dump(self):
        found = set()  # (interface, binding)
        for entry in epm.hept_lookup(D.address):
            floors = entry['tower']['Floors']
            found.add((str(floors[0]).lower(), epm.PrintStringBinding(floors)))
        for interface in (rpc.NETLOGON, rpc.LSARPC, rpc.SAMR):
            self.assertEqual({b for i, b in found if interface[0] in i},
                             {'ncacn_ip_tcp:127.0.0.1[49153]', 'ncacn_np:\\\\ACCPDC[\\pipe\\lsass]'})

    def test_the_programs(self):
        for program in ('rpcdump', 'rpcmap'):
            path = '/usr/share/doc/python3-impacket/examples/%s.py' % program
            where = D.address if program == 'rpcdump' else 'ncacn_ip_tcp:%s[49153]' % D.address
            try:
                open(path, 'rb').close()
            except OSError:
                self.skipTest(path + ' is not installed')
            out = lab.run(['/usr/bin/python3', '-B', path, where])[1]
            for interface in (rpc.NETLOGON, rpc.LSARPC, rpc.SAMR):
                self.assertIn(interface[0], out.lower())


class Lsa(Case):
    def policy(self, dce):
        return lsad.hLsarOpenPolicy2(dce, MAXIMUM_ALLOWED)['PolicyHandle']

    def test_policy(self):
        dce = self.connect(rpc.LSARPC)
        for query in (lsad.hLsarQueryInformationPolicy, lsad.hLsarQueryInformationPolicy2):
            handle = self.policy(dce)
            info = query(dce, handle, 5)['PolicyInformation']['PolicyAccountDomainInfo']
            self.assertEqual(info['DomainName'], 'ACCOUNTS')
            self.assertEqual(info['DomainSid'].formatCanonical(), D.sid)
            info = query(dce, handle, 3)['PolicyInformation']['PolicyPrimaryDomainInfo']
            self.assertEqual(info['Name'], 'ACCOUNTS')
            info = query(dce, handle, 6)['PolicyInformation']['PolicyServerRoleInfo']
            self.assertEqual(info['LsaServerRole'], 3)  # PolicyServerRolePrimary

    def test_trusted_domains(self):
        dce = self.connect(rpc.LSARPC, OTHER)
        handle = self.policy(dce)
        for enumerate_them, key in ((lsad.hLsarEnumerateTrustedDomains, 'Name'),
                                    (lsad.hLsarEnumerateTrustedDomainsEx, 'FlatName')):
            found = enumerate_them(dce, handle)['EnumerationBuffer']
            entries = found['Information'] if key == 'Name' else found['EnumerationBuffer']
            self.assertEqual([e[key] for e in entries], ['ACCOUNTS'])
            self.assertEqual(entries[0]['Sid'].formatCanonical(), D.sid)

    def test_names_and_sids(self):
        dce = self.connect(rpc.LSARPC)
        handle = self.policy(dce)
        alice = D.json('user', 'show', 'alice')['rid']
        for lookup in (lsat.hLsarLookupNames, lsat.hLsarLookupNames2):
            answer = lookup(dce, handle, ('alice', 'ACCOUNTS\\Domain Admins'))
            rids = [s['RelativeId'] for s in answer['TranslatedSids']['Sids']]
            self.assertEqual(rids, [alice, 512])
        answer = lsat.hLsarLookupNames3(dce, handle, ('alice',))
        self.assertEqual(answer['TranslatedSids']['Sids'][0]['Sid'].formatCanonical(),
                         '%s-%d' % (D.sid, alice))
        for lookup in (lsat.hLsarLookupSids, lsat.hLsarLookupSids2):
            answer = lookup(dce, handle, ('%s-%d' % (D.sid, alice), 'S-1-5-32-544'))
            self.assertEqual([n['Name'] for n in answer['TranslatedNames']['Names']],
                             ['alice', 'Administrators'])

    def test_secrets(self):
        dce = self.connect(rpc.LSARPC)
        handle = self.policy(dce)
        secret = lsad.hLsarCreateSecret(dce, handle, 'G$interop')['SecretHandle']
        self.says('STATUS_OBJECT_NAME_COLLISION', lsad.hLsarCreateSecret, dce, handle, 'G$interop')
        lsad.hLsarDeleteObject(dce, secret)
        self.says('STATUS_OBJECT_NAME_NOT_FOUND', lsad.hLsarOpenSecret, dce, handle, 'G$interop')
        self.says('STATUS_OBJECT_NAME_NOT_FOUND', lsad.hLsarOpenSecret, dce, handle, 'G$$OTHER')

    def test_the_trusts_secret_is_told_to_nobody(self):
        dce = self.connect(rpc.LSARPC, OTHER)
        handle = self.policy(dce)
        with self.assertRaises(DCERPCException):
            secret = lsad.hLsarOpenSecret(dce, handle, 'G$$ACCOUNTS')['SecretHandle']
            lsad.hLsarQuerySecret(dce, secret)
        with self.assertRaises(DCERPCException):
            lsad.hLsarRetrievePrivateData(dce, handle, 'G$$ACCOUNTS')

    def test_below_privacy_nothing_is_served(self):
        for level in (None, RPC_C_AUTHN_LEVEL_CONNECT, RPC_C_AUTHN_LEVEL_PKT_INTEGRITY):
            dce = self.connect(rpc.LSARPC, level=level)
            self.says('rpc_s_access_denied', self.policy, dce)


class Sam(Case):
    def domain(self, dce, connect_call=samr.hSamrConnect5):
        server = connect_call(dce)['ServerHandle']
        sid = samr.hSamrLookupDomainInSamServer(dce, server, 'ACCOUNTS')['DomainId']
        return server, samr.hSamrOpenDomain(dce, server, domainId=sid)['DomainHandle']

    def test_as_samrdump_does(self):
        dce = self.connect(rpc.SAMR)
        server = samr.hSamrConnect(dce)['ServerHandle']
        domains = samr.hSamrEnumerateDomainsInSamServer(dce, server)['Buffer']['Buffer']
        self.assertEqual([d['Name'] for d in domains], ['ACCOUNTS', 'Builtin'])
        _, domain = self.domain(dce, samr.hSamrConnect)
        users = samr.hSamrEnumerateUsersInDomain(dce, domain)['Buffer']['Buffer']
        self.assertEqual(sorted(u['Name'] for u in users), ['Administrator', 'Guest', 'alice'])
        for u in users:
            handle = samr.hSamrOpenUser(dce, domain, userId=u['RelativeId'])['UserHandle']
            info = samr.hSamrQueryInformationUser2(
                dce, handle, samr.USER_INFORMATION_CLASS.UserAllInformation)['Buffer']['All']
            self.assertEqual((info['UserName'], info['UserId']), (u['Name'], u['RelativeId']))
            if u['Name'] == 'alice':
                self.assertEqual(info['FullName'], 'Alice Adams')
            self.assertEqual(info['NtPasswordPresent'], 0)
            self.assertFalse(info['NtOwfPassword']['Buffer'])
            samr.hSamrCloseHandle(dce, handle)

    def test_every_connect(self):
        dce = self.connect(rpc.SAMR)
        for call in (samr.hSamrConnect, samr.hSamrConnect2, samr.hSamrConnect4,
                     samr.hSamrConnect5):
            self.domain(dce, call)

    def test_every_level_of_a_user_leaves_the_password_out(self):
        dce = self.connect(rpc.SAMR)
        _, domain = self.domain(dce)
        handle = samr.hSamrOpenUser(dce, domain, userId=500)['UserHandle']
        served = []
        for level in range(0, 33):
            try:
                samr.hSamrQueryInformationUser2(dce, handle, level)
                served.append(level)
            except DCERPCException:
                continue  # a status, or a fault for a level that has no layout
        self.assertTrue({1, 3, 5, 6, 7, 8, 9, 13, 14, 16, 17, 20, 21} <= set(served), served)
        self.assertFalse({18, 23, 24, 25, 26, 31, 32} & set(served), served)

    def test_every_level_of_a_domain(self):
        dce = self.connect(rpc.SAMR)
        _, domain = self.domain(dce)
        for level in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13):
            with self.subTest(level):
                samr.hSamrQueryInformationDomain2(dce, domain, level)
        for level in (0, 10, 14, 200):
            with self.assertRaises(DCERPCException):
                samr.hSamrQueryInformationDomain2(dce, domain, level)

    def test_groups_and_aliases(self):
        dce = self.connect(rpc.SAMR)
        _, domain = self.domain(dce)
        alice = D.json('user', 'show', 'alice')['rid']
        group = samr.hSamrCreateGroupInDomain(dce, domain, 'Writers')['GroupHandle']
        samr.hSamrAddMemberToGroup(dce, group, alice, 7)
        self.assertEqual([m['Data'] for m in samr.hSamrGetMembersInGroup(
            dce, group)['Members']['Members']], [alice])
        self.says('STATUS_MEMBER_IN_GROUP', samr.hSamrAddMemberToGroup, dce, group, alice, 7)
        user = samr.hSamrOpenUser(dce, domain, userId=alice)['UserHandle']
        rids = [g['RelativeId'] for g in samr.hSamrGetGroupsForUser(dce, user)['Groups']['Groups']]
        self.assertEqual(len(rids), 2)
        samr.hSamrRemoveMemberFromGroup(dce, group, alice)
        samr.hSamrDeleteGroup(dce, group)

        alias = samr.hSamrCreateAliasInDomain(dce, domain, 'Guards')['AliasHandle']
        foreign = samr.RPC_SID()
        foreign.fromCanonical(OTHER.sid + '-1001')  # of whatever domain
        samr.hSamrAddMemberToAlias(dce, alias, foreign)
        self.assertEqual([s['SidPointer'].formatCanonical() for s in samr.hSamrGetMembersInAlias(
            dce, alias)['Members']['Sids']], [OTHER.sid + '-1001'])
        samr.hSamrRemoveMemberFromAlias(dce, alias, foreign)
        samr.hSamrDeleteAlias(dce, alias)

    def test_passwords(self):
        dce = self.connect(rpc.SAMR)
        _, domain = self.domain(dce)
        SessionKey(dce)
        made = samr.hSamrCreateUser2InDomain(dce, domain, 'carol',
                                             desiredAccess=MAXIMUM_ALLOWED)['UserHandle']
        self.addCleanup(D.ntrust, 'user', 'remove', 'carol')
        samr.hSamrSetPasswordInternal4New(dce, made, 'Carol.pw1')
        D.ntrust('user', 'enable', 'carol')
        # impacket marks it as expired, too
        self.assertIn('PASSWORD_MUST_CHANGE', D.logon('ACCOUNTS\\carol', 'Carol.pw1', ok=False))
        samr.hSamrSetNTInternal1(dce, made, 'Carol.pw2')
        D.logon('ACCOUNTS\\carol', 'Carol.pw2')
        samr.hSamrUnicodeChangePasswordUser2(dce, '\x00', 'carol', 'Carol.pw2', 'Carol.pw3')
        D.logon('ACCOUNTS\\carol', 'Carol.pw3')
        self.says('STATUS_WRONG_PASSWORD', samr.hSamrUnicodeChangePasswordUser2, dce, '\x00',
                  'carol', 'Carol.pw2', 'Carol.pw4')
        # the change by hashes alone (opnum 38) is not served
        self.says('nca_s_op_rng_error', samr.hSamrChangePasswordUser, dce, made, 'Carol.pw3',
                  'Carol.pw4')
        D.logon('ACCOUNTS\\carol', 'Carol.pw3')
        D.logon('ACCOUNTS\\carol', 'Carol.pw2', ok=False)

    def test_an_ordinary_user_reads_and_changes_nothing(self):
        dce = self.connect(rpc.SAMR, user='alice', password=ALICE)
        _, domain = self.domain(dce)
        samr.hSamrEnumerateUsersInDomain(dce, domain)
        self.says('STATUS_ACCESS_DENIED', samr.hSamrCreateUser2InDomain, dce, domain, 'eve')
        self.says('STATUS_ACCESS_DENIED', samr.hSamrOpenUser, dce, domain,
                  desiredAccess=samr.USER_FORCE_PASSWORD_CHANGE, userId=500)


class Handles(Case):
    def test_belong_to_their_connection(self):
        one, two = self.connect(rpc.SAMR), self.connect(rpc.SAMR)
        server = samr.hSamrConnect5(one)['ServerHandle']
        self.says('nca_s_fault_context_mismatch', samr.hSamrEnumerateDomainsInSamServer, two,
                  server)
        samr.hSamrEnumerateDomainsInSamServer(one, server)

    def test_are_of_one_kind(self):
        dce = self.connect(rpc.SAMR)
        server = samr.hSamrConnect5(dce)['ServerHandle']
        with self.assertRaises(DCERPCException):
            samr.hSamrEnumerateUsersInDomain(dce, server)
        samr.hSamrEnumerateDomainsInSamServer(dce, server)

    def test_are_gone_when_closed(self):
        dce = self.connect(rpc.SAMR)
        server = samr.hSamrConnect5(dce)['ServerHandle']
        samr.hSamrCloseHandle(dce, server)
        self.says('nca_s_fault_context_mismatch', samr.hSamrEnumerateDomainsInSamServer, dce,
                  server)

    def test_have_an_end(self):
        """A client cannot make the server hold handles without bound, and keeps those it has."""
        dce = self.connect(rpc.SAMR)
        first = samr.hSamrConnect5(dce)['ServerHandle']
        refusal = None
        for _ in range(20000):
            try:
                samr.hSamrConnect5(dce)
            except DCERPCException as e:
                refusal = str(e)
                break
        self.assertIsNotNone(refusal)
        samr.hSamrEnumerateDomainsInSamServer(dce, first)


class Calls(Case):
    def test_that_are_not_served(self):
        for interface in (rpc.LSARPC, rpc.SAMR):
            dce = self.connect(interface)
            for opnum in (200, 1000):
                class Nothing(NDRCALL):
                    structure = ()
                Nothing.opnum = opnum
                self.says('nca_s_op_rng_error', dce.request, Nothing())

    def test_interfaces_that_are_not_served(self):
        self.says('', connect, ('99999999-0000-0000-0000-000000000000', 1))

    def test_several_interfaces_on_one_connection(self):
        dce = self.connect(rpc.SAMR)
        lsa = dce.alter_ctx(uuidtup_to_bin((rpc.LSARPC[0], '0.0')))
        handle = lsad.hLsarOpenPolicy2(lsa)['PolicyHandle']
        self.assertTrue(lsad.hLsarQueryInformationPolicy(lsa, handle, 5))
        samr.hSamrConnect5(dce)

    def test_a_wrong_password(self):
        with self.assertRaises(Exception):
            dce = self.connect(rpc.SAMR, password='wrong')
            samr.hSamrConnect5(dce)
        samr.hSamrConnect5(self.connect(rpc.SAMR))


if __name__ == '__main__':
    lab.main()
