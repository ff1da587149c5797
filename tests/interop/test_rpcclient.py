#!/usr/bin/python3
"""Samba's rpcclient over ncacn_ip_tcp, signed and sealed, against two domains and their trust."""

import re
import unittest

import lab
from rpcclient import answer, rpcclient

ACCOUNTS = RESOURCES = None
ALICE, BOB = 'Alice.pw1', 'Bob.pw1'
DENIED = 'NT_STATUS_ACCESS_DENIED'


def setUpModule():
    global ACCOUNTS, RESOURCES
    lab.need('rpcclient')
    ACCOUNTS = lab.Domain('ACCOUNTS', 'ACCPDC', '127.0.0.1')
    RESOURCES = lab.Domain('RESOURCES', 'RESPDC', '127.0.0.2')
    ACCOUNTS.ntrust('user', 'add', 'alice', '--full-name', 'Alice Adams', '--comment',
                    'of accounts', password=ALICE)
    ACCOUNTS.ntrust('group', 'add', 'Clerks', '--comment', 'Who write')
    ACCOUNTS.ntrust('group', 'join', 'Clerks', 'alice')
    ACCOUNTS.ntrust('group', 'add', 'Readers', '--kind', 'alias')
    ACCOUNTS.ntrust('group', 'join', 'Readers', 'alice')
    RESOURCES.ntrust('user', 'add', 'bob', password=BOB)
    lab.trust(RESOURCES, ACCOUNTS)


def rid(name):
    return int(rpcclient(ACCOUNTS, 'samlookupnames domain ' + name).split(':')[1].split()[0], 16)


def value(fields, name):
    found = [v for n, v in fields if n == name]
    if not found:
        raise AssertionError('no %s in %r' % (name, fields))
    return found[0]


class Case(unittest.TestCase):
    def says(self, command, *lines, domain=None, protections=('sign', 'seal'), **more):
        """Every one of the lines must be in the output, in this order; spaces do not count."""
        for protection in protections:
            with self.subTest(command, protection=protection):
                out = rpcclient(domain or ACCOUNTS, command, protection, **more)
                rest = re.sub(r'[ \t]+', ' ', out)
                for line in lines:
                    self.assertIn(line, rest, out)
                    rest = rest[rest.index(line) + len(line):]

    def refused(self, command, status, domain=None, protections=('sign', 'seal'), **more):
        self.says(command, status, domain=domain, protections=protections, ok=False, **more)


class LsaReads(Case):
    """Sealed; without sealing the answer is a clear refusal."""

    def reads(self, command, *lines, domain=None):
        self.says(command, *lines, domain=domain, protections=['seal'])
        self.refused(command, DENIED, domain=domain, protections=['sign', 'connect', 'packet'])

    def test_the_domain(self):
        self.reads('lsaquery', 'Domain Name: ACCOUNTS', 'Domain Sid: ' + ACCOUNTS.sid)
        self.reads('lsaquery 5', 'Domain Name: ACCOUNTS', 'Domain Sid: ' + ACCOUNTS.sid)

    def test_a_level_that_is_not_served_leaves_the_client_its_fallback(self):
        self.refused('lsaquery 12', 'NT_STATUS_RPC_PROCNUM_OUT_OF_RANGE', protections=['seal'])

    def test_trusted_domains_are_those_that_are_trusted(self):
        self.reads('enumtrust', 'ACCOUNTS ' + ACCOUNTS.sid, domain=RESOURCES)
        self.assertNotIn('RESOURCES', rpcclient(ACCOUNTS, 'enumtrust'))

    def test_a_trusted_domain(self):
        for how in ('lsaquerytrustdominfobyname ACCOUNTS', 'lsaquerytrustdominfobysid '
                    + ACCOUNTS.sid, 'lsaquerytrustdominfo ' + ACCOUNTS.sid):
            self.reads(how + ' 1', "string : 'ACCOUNTS'", domain=RESOURCES)
        self.reads('lsaquerytrustdominfobyname ACCOUNTS 6', "string : 'ACCOUNTS'",
                   'sid : ' + ACCOUNTS.sid, 'trust_direction : 0x00000002',
                   'LSA_TRUST_TYPE_DOWNLEVEL (1)', domain=RESOURCES)
        self.refused('lsaquerytrustdominfobyname NOBODY 1', 'NT_STATUS_OBJECT_NAME_NOT_FOUND',
                     domain=RESOURCES, protections=['seal'])

    def test_a_trusts_passwords_are_not_told(self):
        self.says('lsaquerytrustdominfobyname ACCOUNTS 8', 'incoming_count : 0x00000000',
                  'outgoing_count : 0x00000000', domain=RESOURCES, protections=['seal'])

    def test_accounts_with_rights(self):
        self.reads('lsaenumsid', 'found ', 'S-1-5-32-544', 'S-1-5-32-545')
        self.reads('lsaenumacctrights S-1-5-32-544', 'SeMachineAccountPrivilege',
                   'SeNetworkLogonRight')
        self.reads('enumprivs', 'SeMachineAccountPrivilege', '0:6 (0x0:0x6)')

    def test_names(self):
        sid = '%s-%d' % (ACCOUNTS.sid, rid('alice'))
        self.reads('lookupnames alice', 'alice %s (User: 1)' % sid)
        self.reads('lookupnames "ACCOUNTS\\alice"', 'alice %s (User: 1)' % sid)
        self.reads('lookupnames alice nobody "Domain Admins"', 'alice %s (User: 1)' % sid,
                   'Domain Admins %s-512 (Domain Group: 2)' % ACCOUNTS.sid)
        self.says('lookupnames Readers', '(Local Group: 4)', protections=['seal'])
        self.refused('lookupnames nobody', 'NT_STATUS_NONE_MAPPED', protections=['seal'])

    def test_sids(self):
        self.reads('lookupsids %s-%d %s-512 %s-9999 S-1-5-32-544' % (
            ACCOUNTS.sid, rid('alice'), ACCOUNTS.sid, ACCOUNTS.sid),
            'ACCOUNTS\\alice (1)', 'ACCOUNTS\\Domain Admins (2)', '(8)',
            'BUILTIN\\Administrators (4)')

    def test_the_handleless_lookups_are_for_secure_channels(self):
        self.refused('lookupnames4 alice', DENIED)
        self.refused('lookupsids3 %s-500' % ACCOUNTS.sid, DENIED)

    def test_who_am_i(self):
        self.reads('getusername', 'Account Name: Administrator, Authority Name: ACCOUNTS')
        self.says('getusername', 'Account Name: alice, Authority Name: ACCOUNTS',
                  protections=['seal'], user='ACCOUNTS\\alice', password=ALICE)


class SamrReads(Case):
    def test_domains(self):
        self.says('enumdomains', 'name:[ACCOUNTS]', 'name:[Builtin]')
        self.says('lookupdomain ACCOUNTS', 'Domain SID: ' + ACCOUNTS.sid)
        self.refused('lookupdomain NOBODY', 'NT_STATUS_NO_SUCH_DOMAIN')

    def test_enumerations(self):
        self.says('enumdomusers', 'user:[Administrator] rid:[0x1f4]', 'user:[Guest] rid:[0x1f5]',
                  'user:[alice] rid:[0x%x]' % rid('alice'))
        self.says('enumdomgroups', 'group:[Domain Admins] rid:[0x200]',
                  'group:[Domain Users] rid:[0x201]', 'group:[Clerks] rid:[0x%x]' % rid('Clerks'))
        self.says('enumalsgroups domain', 'group:[Readers] rid:[0x%x]' % rid('Readers'))
        self.says('enumalsgroups builtin', 'group:[Administrators] rid:[0x220]')

    def test_interdomain_accounts_are_not_users(self):
        self.assertNotIn('RESOURCES$', rpcclient(ACCOUNTS, 'enumdomusers'))
        self.assertIn('RESOURCES$', rpcclient(ACCOUNTS, 'samlookupnames domain RESOURCES$'))

    def test_a_user(self):
        for who in ('alice', '0x%x' % rid('alice')):
            self.says('queryuser ' + who, 'User Name : alice', 'Full Name : Alice Adams',
                      'Description : of accounts', 'user_rid : 0x%x' % rid('alice'),
                      'group_rid: 0x201', 'acb_info : 0x00000010')
        self.refused('queryuser nobody', 'NT_STATUS_NONE_MAPPED')
        self.refused('queryuser 0x7777', 'NT_STATUS_NO_SUCH_USER')

    def test_display_information(self):
        for n in ('', '2', '3'):
            self.says('querydispinfo' + n, 'RID: 0x1f4 acb: 0x00000210 Account: Administrator',
                      'Account: alice Name: Alice Adams Desc: of accounts')

    def test_the_domains_numbers(self):
        self.says('querydominfo', 'Domain: ACCOUNTS', 'Server Role: ROLE_DOMAIN_PDC')
        self.says('querydominfo 8', 'Sequence No:', 'Domain Create Time:')

    def test_memberships(self):
        alice = '0x%x' % rid('alice')
        self.says('queryusergroups ' + alice, 'group rid:[0x201] attr:[0x7]',
                  'group rid:[0x%x] attr:[0x7]' % rid('Clerks'))
        self.says('queryuseraliases domain %s-%d' % (ACCOUNTS.sid, rid('alice')),
                  'group rid:[0x%x]' % rid('Readers'))
        self.says('queryuseraliases builtin %s-500' % ACCOUNTS.sid, 'group rid:[0x220]')
        self.says('querygroup 0x%x' % rid('Clerks'), 'Group Name: Clerks',
                  'Description: Who write', 'Num Members:1')
        self.says('querygroupmem 0x%x' % rid('Clerks'), 'rid:[%s] attr:[0x7]' % alice)

    def test_lookups(self):
        self.says('samlookupnames domain alice', 'name alice: 0x%x (1)' % rid('alice'))
        self.says('samlookuprids domain 0x1f4 0x200', 'rid 0x1f4: Administrator (1)',
                  'rid 0x200: Domain Admins (2)')
        self.refused('samlookupnames domain nobody', 'NT_STATUS_NONE_MAPPED')

    def test_password_policy(self):
        ACCOUNTS.ntrust('policy', 'set', 'min_password_length', '7')
        try:
            self.says('getdompwinfo', 'min_password_length: 7', 'password_properties: 0x')
            self.says('getusrdompwinfo 0x1f4', 'min_password_length : 0x0007')
        finally:
            ACCOUNTS.ntrust('policy', 'set', 'min_password_length', '0')


class Changes(Case):
    """Writing; each password is proven by a logon."""

    def setUp(self):
        rpcclient(ACCOUNTS, 'createdomuser carol')
        ACCOUNTS.ntrust('user', 'enable', 'carol')
        self.addCleanup(rpcclient, ACCOUNTS, 'deletedomuser carol', ok=None)

    def opens(self, password):
        ACCOUNTS.logon('ACCOUNTS\\carol', password)
        ACCOUNTS.logon('ACCOUNTS\\carol', password + 'x', ok=False)

    def test_an_account_comes_and_goes(self):
        self.assertIn('carol', rpcclient(ACCOUNTS, 'enumdomusers'))
        self.refused('createdomuser carol', 'NT_STATUS_USER_EXISTS')
        rpcclient(ACCOUNTS, 'deletedomuser carol')
        self.assertNotIn('carol', rpcclient(ACCOUNTS, 'enumdomusers'))
        self.refused('deletedomuser carol', 'NT_STATUS_NONE_MAPPED')

    def test_a_new_account_is_shut_until_it_is_enabled(self):
        rpcclient(ACCOUNTS, 'createdomuser dave')
        self.addCleanup(rpcclient, ACCOUNTS, 'deletedomuser dave')
        self.says('queryuser dave', 'acb_info : 0x00000011', protections=['seal'])

    def test_passwords_by_every_level_of_setuserinfo2(self):
        for level in (18, 21, 23, 24, 25, 26):
            for protection in ('sign', 'seal'):
                password = 'Secret.%d.%s' % (level, protection)
                with self.subTest(level=level, protection=protection):
                    rpcclient(ACCOUNTS, 'setuserinfo2 carol %d %s' % (level, password), protection)
                    self.opens(password)
        rpcclient(ACCOUNTS, 'setuserinfo carol 24 Secret.set1')
        self.opens('Secret.set1')
        self.refused('setuserinfo2 carol 32 x', 'NT_STATUS_INVALID_INFO_CLASS')

    def test_password_changes(self):
        rpcclient(ACCOUNTS, 'setuserinfo2 carol 24 Secret.0')
        old = 'Secret.0'
        for i, how in enumerate(('chgpasswd2', 'chgpasswd3', 'chgpasswd4')):
            new = 'Secret.changed%d' % i
            with self.subTest(how):
                self.refused('%s carol %s.wrong %s' % (how, old, new), 'NT_STATUS_WRONG_PASSWORD',
                             protections=['seal'])
                rpcclient(ACCOUNTS, '%s carol %s %s' % (how, old, new))
                self.opens(new)
                ACCOUNTS.logon('ACCOUNTS\\carol', old, ok=False)
                old = new

    def test_a_user_changes_the_own_password_only(self):
        rpcclient(ACCOUNTS, 'setuserinfo2 carol 24 Secret.mine')
        carol = {'user': 'ACCOUNTS\\carol', 'password': 'Secret.mine'}
        rpcclient(ACCOUNTS, 'chgpasswd3 carol Secret.mine Secret.next', **carol)
        self.opens('Secret.next')
        carol['password'] = 'Secret.next'
        self.refused('setuserinfo2 alice 24 Stolen.pw1', DENIED, **carol)
        self.refused('createdomuser eve', DENIED, **carol)
        self.refused('deletedomuser alice', DENIED, **carol)
        ACCOUNTS.logon('ACCOUNTS\\alice', ALICE)

    def test_groups_come_and_go(self):
        rpcclient(ACCOUNTS, 'createdomgroup Helpers')
        self.assertIn('Helpers', rpcclient(ACCOUNTS, 'enumdomgroups'))
        rpcclient(ACCOUNTS, 'deletedomgroup Helpers')
        self.assertNotIn('Helpers', rpcclient(ACCOUNTS, 'enumdomgroups'))
        rpcclient(ACCOUNTS, 'createdomalias Locals')
        self.assertIn('Locals', rpcclient(ACCOUNTS, 'enumalsgroups domain'))
        ACCOUNTS.ntrust('group', 'remove', 'Locals')  # rpcclient's deletealias sends nothing

    def test_trusted_domains_come_and_go(self):
        self.refused('createtrustdom OTHER S-1-5-21-1-2-3', DENIED, user='ACCOUNTS\\alice',
                     password=ALICE)
        rpcclient(ACCOUNTS, 'createtrustdom OTHER S-1-5-21-1-2-3')
        self.assertIn('OTHER S-1-5-21-1-2-3', rpcclient(ACCOUNTS, 'enumtrust'))
        self.refused('createtrustdom OTHER S-1-5-21-1-2-3', 'NT_STATUS_OBJECT_NAME_COLLISION',
                     protections=['seal'])
        rpcclient(ACCOUNTS, 'deletetrustdom OTHER')
        self.assertNotIn('OTHER', rpcclient(ACCOUNTS, 'enumtrust'))


class Netlogon(Case):
    def test_where_controllers_are(self):
        self.says('getdcname ACCOUNTS', '\\\\ACCPDC')
        self.says('getanydcname ACCOUNTS', '\\\\ACCPDC')
        for how in ('dsr_getdcname', 'dsr_getdcnameex', 'dsr_getdcnameex2'):
            self.says(how + ' ACCOUNTS', "dc_unc : '\\\\ACCPDC'", "dc_address : '\\\\127.0.0.1'",
                      "domain_name : 'ACCOUNTS'", '1: DS_SERVER_PDC')
            if how != 'dsr_getdcnameex2':  # where rpcclient takes the word for an account
                self.refused(how + ' NOBODY', 'WERR_NO_SUCH_DOMAIN')
        self.refused('dsr_getsitename ACCPDC', 'WERR_NO_SITENAME')
        self.says('getanydcname ACCOUNTS', '\\\\127.0.0.1', domain=RESOURCES)

    def test_trusted_domains(self):
        for protection in ('sign', 'seal'):
            got = answer(RESOURCES, 'dsr_enumtrustdom', 'netr_DsrEnumerateDomainTrusts',
                         protection=protection)
            self.assertIn(('netbios_name', "'RESOURCES'"), got)
            got = answer(RESOURCES, 'dsr_enumtrustdom 3f', 'netr_DsrEnumerateDomainTrusts',
                         protection=protection)
            self.assertIn(('netbios_name', "'RESOURCES'"), got)
            got = answer(RESOURCES, 'netrenumtrusteddomains', 'netr_NetrEnumerateTrustedDomains',
                         protection=protection)
            # "ACCOUNTS", an empty name: UTF-16, each with its end
            self.assertEqual(value(got, 'length'), '0x00000014 (20)')
            got = answer(RESOURCES, 'netrenumtrusteddomainsex',
                         'netr_NetrEnumerateTrustedDomainsEx', protection=protection)
            self.assertIn(('netbios_name', "'ACCOUNTS'"), got)
            self.assertIn(('sid', ACCOUNTS.sid), got)

    def test_control(self):
        fields = answer(ACCOUNTS, 'logonctrl', 'netr_LogonControl')
        self.assertEqual(value(fields, 'pdc_connection_status'), 'WERR_OK')
        self.says('logonctrl2 ACCPDC 1 1')
        for function in (5, 6, 10):  # rediscover, tc_query, tc_verify
            for protection in ('sign', 'seal'):
                with self.subTest(function=function, protection=protection):
                    fields = answer(RESOURCES, 'logonctrl2 RESPDC %d 2 ACCOUNTS' % function,
                                    'netr_LogonControl2', protection=protection)
                    self.assertEqual(value(fields, 'trusted_dc_name'), "'\\\\127.0.0.1'")
                    self.assertEqual(value(fields, 'tc_connection_status'), 'WERR_OK')
        fields = answer(RESOURCES, 'logonctrl2 RESPDC 6 2 NOBODY', 'netr_LogonControl2')
        self.assertEqual(value(fields, 'tc_connection_status'), 'WERR_NO_SUCH_DOMAIN')
        for function in (5, 10):
            self.refused('logonctrl2 RESPDC %d 2 ACCOUNTS' % function, 'WERR_ACCESS_DENIED',
                         domain=RESOURCES, user='RESOURCES\\bob', password=BOB)


class Strangers(Case):
    """Callers who are nobody, or not who they say."""

    def test_anonymous_callers_learn_what_the_set_up_needs(self):
        nobody = {'user': '', 'protections': ['']}
        self.says('getdcname ACCOUNTS', '\\\\ACCPDC', **nobody)
        self.says('dsr_getdcname ACCOUNTS', "dc_unc : '\\\\ACCPDC'", **nobody)
        self.says('logonctrl', **nobody)

    def test_anonymous_callers_learn_nothing_else(self):
        for command in ('lsaquery', 'enumtrust', 'lsaenumsid', 'lookupnames alice',
                        'lookupsids S-1-5-32-544', 'lookupnames4 alice', 'getusername',
                        'enumprivs', 'enumdomains', 'lookupdomain ACCOUNTS', 'enumdomusers',
                        'enumdomgroups', 'queryuser 0x1f4', 'querydispinfo', 'querydominfo',
                        'getdompwinfo', 'samlookupnames domain alice', 'createdomuser eve',
                        'createtrustdom OTHER S-1-5-21-1-2-3', 'netrenumtrusteddomains',
                        'netrenumtrusteddomainsex', 'dsr_enumtrustdom',
                        'logonctrl2 ACCPDC 6 2 RESOURCES',
                        'chgpasswd3 alice %s Stolen.pw1' % ALICE):
            for protection in ('', 'sign', 'seal'):
                with self.subTest(command, protection=protection):
                    out = rpcclient(ACCOUNTS, command, protection, user='', ok=False)
                    # rpcclient hides the refusal where it tries another call on the connection
                    self.assertRegex(out, 'ACCESS_DENIED|NT_STATUS_CONNECTION_DISCONNECTED')
                    self.assertNotIn('alice S-1', out)
        ACCOUNTS.logon('ACCOUNTS\\alice', ALICE)

    def test_wrong_passwords_and_unknown_users(self):
        for user in ('ACCOUNTS\\alice', 'ACCOUNTS\\nobody', 'NOWHERE\\alice'):
            self.refused('lsaquery', DENIED, user=user, password='wrong')
            out = rpcclient(ACCOUNTS, 'enumdomusers', user=user, password='wrong', ok=False)
            self.assertNotIn('Administrator', out)

    def test_users_of_the_trusted_domain_are_users_here(self):
        self.says('getusername', 'Account Name: alice, Authority Name: ACCOUNTS', domain=RESOURCES,
                  protections=['seal'], user='ACCOUNTS\\alice', password=ALICE)
        self.refused('createdomuser eve', DENIED, domain=RESOURCES, user='ACCOUNTS\\alice',
                     password=ALICE)

    def test_users_of_the_trusting_domain_are_strangers(self):
        self.refused('lsaquery', DENIED, user='RESOURCES\\bob', password=BOB)

    def test_interfaces_that_are_not_here(self):
        out = rpcclient(ACCOUNTS, 'dsroledominfo', ok=False)
        self.assertIn('Could not initialise dssetup', out)
        out = rpcclient(ACCOUNTS, 'epmlookup')
        for name in ('Net Logon', 'LSA', 'SAM'):
            self.assertIn('ncacn_ip_tcp:127.0.0.1[49153', out)
            self.assertIn(name, out)


if __name__ == '__main__':
    lab.main()
