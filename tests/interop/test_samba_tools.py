#!/usr/bin/python3
"""Samba's tools as clients of ntrustd over SMB's named pipes: smbclient, rpcclient, net; and through
Samba's libraries the calls that Samba's own NT-style controller does not have."""

import unittest

import samba_lab
from samba_lab import PASSWORD, who

RED = BLUE = TOOLS = None


def setUpModule():
    global RED, BLUE, TOOLS
    RED = samba_lab.Ntrust('RED', 'REDPDC', '10.78.0.1', ('alice',))
    BLUE = samba_lab.Ntrust('BLUE', 'BLUEPDC', '10.78.0.2')
    samba_lab.lab.trust(RED, BLUE)
    TOOLS = samba_lab.Member('TOOLS', '10.78.0.9', 'RED', shares=())
    TOOLS.run(net('join'))


def net(*words, domain=None, user='Administrator'):
    d = domain or RED
    return ['net', 'rpc', *words, '-S', d.address, '-U', who(d.name, user)]


def flat(text):
    """With one blank where there are several."""
    return '\n'.join(' '.join(line.split()) for line in text.splitlines())


class Smbclient(unittest.TestCase):
    def test_lists_the_shares(self):
        for login in (who('RED', 'Administrator'), who('RED', 'alice')):
            out = flat(TOOLS.run(['smbclient', '-L', '//' + RED.address, '-U', login]))
            self.assertIn('IPC$ IPC', out)

    def test_finds_no_files(self):
        for share in ('data', 'C$', 'ADMIN$'):
            code, out = TOOLS.outcome(['smbclient', '//%s/%s' % (RED.address, share), '-U',
                                       who('RED', 'Administrator'), '-c', 'ls'])
            self.assertIn('NT_STATUS_BAD_NETWORK_NAME', out)
            self.assertNotEqual(code, 0)

    def test_a_wrong_password(self):
        code, out = TOOLS.outcome(['smbclient', '-L', '//' + RED.address, '-U',
                                   who('RED', 'alice', 'wrong')])
        self.assertIn('NT_STATUS_LOGON_FAILURE', out)
        self.assertNotEqual(code, 0)

    def test_every_dialect_and_encryption(self):
        for dialect in ('SMB2_02', 'SMB2_10', 'SMB3_00', 'SMB3_02', 'SMB3_11'):
            TOOLS.run(['smbclient', '-L', '//' + RED.address, '-U', who('RED', 'alice'),
                       '-m', dialect])
        for more in (['--client-protection=encrypt'],
                     ['--client-protection=encrypt', '-m', 'SMB3_00']):
            TOOLS.run(['smbclient', '-L', '//' + RED.address, '-U', who('RED', 'alice'), *more])


class Rpcclient(unittest.TestCase):
    """Every command of a table, by a pipe that only SMB protects, and by one that NTLMSSP signs or
    seals as well."""

    protections = ('', '[sign]', '[seal]')

    def run_one(self, command, protection='', domain=None):
        d = domain or RED
        return TOOLS.outcome(['rpcclient', 'ncacn_np:%s%s' % (d.address, protection), '-U',
                              who(d.name, 'Administrator'), '-c', command])

    def every(self, table, domain=None):
        for protection in self.protections:
            for command, wanted in table:
                with self.subTest(command, protection=protection):
                    code, out = self.run_one(command, protection, domain)
                    self.assertIn(wanted, flat(out))
                    self.assertEqual(code != 0, wanted.startswith('result was'), out)

    def test_lsa(self):
        admin = RED.sid + '-500'
        self.every((
            ('lsaquery', 'Domain Sid: ' + RED.sid),
            ('lsaquery 12', 'result was NT_STATUS_RPC_PROCNUM_OUT_OF_RANGE'),
            ('lsaenumsid', 'S-1-5-32-544'),
            ('enumtrust', 'BLUE ' + BLUE.sid),
            ('lookupnames alice', 'alice %s-1000 (User: 1)' % RED.sid),
            ('lookupsids ' + admin, admin + ' RED\\Administrator (1)'),
            ('lookupnames4 alice', 'result was NT_STATUS_ACCESS_DENIED'),
            ('lookupsids3 ' + admin, 'result was NT_STATUS_ACCESS_DENIED'),
            ('getusername', 'Account Name: Administrator, Authority Name: RED'),
            ('enumprivs', 'SeMachineAccountPrivilege'),
            ('lsaenumacctrights S-1-5-32-544', 'SeMachineAccountPrivilege'),
            ('lsaquerytrustdominfobyname BLUE 6', 'sid : ' + BLUE.sid),
            ('lsaquerytrustdominfobysid %s 1' % BLUE.sid, "string : 'BLUE'"),
            ('lsaquerysecobj', 'DACL'),
            ('createtrustdom OTHER S-1-5-21-1-2-3', ''),
            ('enumtrust', 'OTHER S-1-5-21-1-2-3'),
            ('deletetrustdom OTHER', ''),
            ('lsaquerytrustdominfobyname OTHER 6',
             'result was NT_STATUS_OBJECT_NAME_NOT_FOUND'),
        ))

    def test_samr(self):
        self.every((
            ('enumdomains', 'name:[RED]'),
            ('lookupdomain RED', 'Domain SID: ' + RED.sid),
            ('enumdomusers', 'user:[alice] rid:[0x3e8]'),
            ('enumdomgroups', 'group:[Domain Users] rid:[0x201]'),
            ('enumalsgroups domain', ''),
            ('enumalsgroups builtin', 'group:[Administrators] rid:[0x220]'),
            ('queryuser alice', 'user_rid : 0x3e8'),
            ('queryuser 0x1f4', 'User Name : Administrator'),
            ('querydispinfo', 'Account: alice'),
            ('querydispinfo2', 'Account: alice'),
            ('querydispinfo3', 'Account: alice'),
            ('querydominfo', 'Server Role: ROLE_DOMAIN_PDC'),
            ('querydominfo 8', 'Domain Create Time:'),
            ('samlookupnames domain alice', 'name alice: 0x3e8 (1)'),
            ('samlookuprids domain 0x3e8', 'rid 0x3e8: alice (1)'),
            ('queryusergroups 0x1f4', 'group rid:[0x200]'),
            ('queryuseraliases builtin %s-500' % RED.sid, 'group rid:[0x220]'),
            ('querygroup 0x200', 'Group Name: Domain Admins'),
            ('querygroupmem 0x200', 'rid:[0x1f4]'),
            ('getdompwinfo', 'min_password_length'),
            ('getusrdompwinfo 0x1f4', 'min_password_length'),
        ))

    def test_passwords_by_every_road(self):
        """Each is proven by the next one's use, the last by a logon."""
        for n, protection in enumerate(self.protections):
            name = 'carol%d' % n
            self.assertEqual(self.run_one('createdomuser ' + name, protection)[0], 0)
            RED.ntrust('user', 'enable', name)
            for level in (18, 21, 23, 24, 25, 26):
                with self.subTest(level, protection=protection):
                    password = 'Secret.%d' % level
                    code, out = self.run_one('setuserinfo2 %s %d %s' % (name, level, password),
                                             protection)
                    self.assertEqual(code, 0, out)
                    RED.logon('RED\\' + name, password)
            for old, how in (('26', 'chgpasswd2'), ('chgpasswd2', 'chgpasswd3'),
                             ('chgpasswd3', 'chgpasswd4')):
                with self.subTest(how, protection=protection):
                    code, out = self.run_one('%s %s Secret.%s Secret.%s' % (how, name, old, how),
                                             protection)
                    self.assertEqual(code, 0, out)
            RED.logon('RED\\' + name, 'Secret.chgpasswd4')
            self.assertEqual(self.run_one('deletedomuser ' + name, protection)[0], 0)

    def test_netlogon(self):
        self.every((
            ('logonctrl', ''),
            ('logonctrl2 REDPDC 1 1', ''),
            ('logonctrl2 REDPDC 5 2 BLUE', ''),
            ('logonctrl2 REDPDC 6 2 BLUE', ''),
            ('logonctrl2 REDPDC 10 2 BLUE', ''),
            ('getdcname RED', '\\\\REDPDC'),
            ('getanydcname RED', '\\\\REDPDC'),
            ('netrenumtrusteddomains', 'success'),
            # What Samba's own controller answers with a fault:
            ('netrenumtrusteddomainsex', 'success'),
            ('dsr_enumtrustdom', '(RED)'),
            ('dsenumdomtrusts', '(RED)'),
            ('dsr_getdcname RED', "dc_unc : '\\\\REDPDC'"),
            ('dsr_getdcnameex RED', "dc_unc : '\\\\REDPDC'"),
            ('dsr_getdcnameex2 RED', "dc_unc : '\\\\REDPDC'"),
        ))

    def test_the_rid_of_a_trust(self):
        self.assertEqual(self.run_one('gettrustrid RED', domain=BLUE)[0], 0)

    def test_the_role_of_the_server(self):
        out = flat(self.run_one('dsroledominfo')[1])
        self.assertIn('Machine Role = [5]', out)

    def test_what_is_asked_of_the_server_service(self):
        self.assertIn('IPC$', self.run_one('netshareenumall')[1])
        self.assertIn('REDPDC', self.run_one('srvinfo')[1])


class Net(unittest.TestCase):
    def test_users(self):
        self.assertIn('alice', TOOLS.run(net('user')))
        self.assertIn('Domain Users', TOOLS.run(net('user', 'info', 'alice')))
        TOOLS.run(net('user', 'add', 'dave', 'Dave.pw1'))
        RED.logon('RED\\dave', 'Dave.pw1')
        TOOLS.run(net('user', 'password', 'dave', 'Dave.pw2'))
        RED.logon('RED\\dave', 'Dave.pw2')
        TOOLS.run(net('user', 'rename', 'dave', 'eve'))
        RED.logon('RED\\eve', 'Dave.pw2')
        TOOLS.run(net('user', 'delete', 'eve'))
        self.assertNotIn('eve', TOOLS.run(net('user')))

    def test_the_own_password(self):
        RED.ntrust('user', 'add', 'frank', password='Frank.pw1')
        TOOLS.run(['net', 'rpc', 'password', 'frank', 'Frank.pw2', '-S', RED.address, '-U',
                   who('RED', 'Administrator')])
        RED.logon('RED\\frank', 'Frank.pw2')
        RED.ntrust('user', 'remove', 'frank')

    def test_groups(self):
        for kind in ([], ['-L']):
            TOOLS.run(net('group', 'add', 'testers', *kind))
            TOOLS.run(net('group', 'addmem', 'testers', 'alice'))
            self.assertIn('RED\\alice', TOOLS.run(net('group', 'members', 'testers')))
            TOOLS.run(net('group', 'delmem', 'testers', 'alice'))
            self.assertNotIn('RED\\alice', TOOLS.run(net('group', 'members', 'testers')))
            TOOLS.run(net('group', 'delete', 'testers'))
        self.assertNotIn('testers', TOOLS.run(net('group')))
        self.assertIn('Domain Admins', TOOLS.run(net('group', 'list', 'global')))
        self.assertIn('Administrators', TOOLS.run(net('group', 'list', 'builtin')))

    def test_the_domain(self):
        out = TOOLS.run(net('info'))
        self.assertIn('Domain SID: ' + RED.sid, out)
        self.assertIn('Domain Name: RED', out)
        self.assertIn('Storing SID %s for Domain RED' % RED.sid, TOOLS.run(net('getsid')))
        self.assertIn('IPC$', TOOLS.run(net('share')))
        TOOLS.run(['net', 'time', '-S', RED.address])

    def test_rights(self):
        self.assertIn('SeMachineAccountPrivilege', TOOLS.run(net('rights', 'list')))
        self.assertIn('BUILTIN\\Administrators', TOOLS.run(net('rights', 'list', 'accounts')))
        self.assertIn('BUILTIN\\Account Operators', TOOLS.run(
            net('rights', 'list', 'privileges', 'SeMachineAccountPrivilege')))

    def test_the_join(self):
        self.assertIn("Join to 'RED' is OK", TOOLS.run('net rpc testjoin'))

    def test_looking_up_controllers(self):
        for kind in ('dc', 'pdc'):
            self.assertIn(RED.address, TOOLS.run(['net', 'lookup', kind, 'RED']))
        self.assertIn(RED.address, TOOLS.run('net lookup host REDPDC'))

    def test_names(self):
        for name in ('RED#1b', 'RED#1c', 'REDPDC#00', 'REDPDC#20'):
            self.assertIn(RED.address, TOOLS.run(['nmblookup', name]))
        status = flat(TOOLS.run(['nmblookup', '-A', RED.address]))
        for line in ('REDPDC <00> - B <ACTIVE>', 'REDPDC <20> - B <ACTIVE>',
                     'RED <1b> - B <ACTIVE>', 'RED <1c> - <GROUP> B <ACTIVE>'):
            self.assertIn(line, status)


class Trustdom(unittest.TestCase):
    def listed(self):
        """(trusted, trusting): the lines of both lists"""
        out = flat(TOOLS.run(net('trustdom', 'list')))
        trusted, trusting = out.split('Trusting domains list:')
        return trusted, trusting

    def test_from_one_end_to_the_other(self):
        TOOLS.run(net('trustdom', 'add', 'GREEN', 'Green.pw1'))
        self.assertEqual(RED.json('permit', 'show', 'GREEN')['state'], 'permitted')
        trusted, trusting = self.listed()
        self.assertIn('BLUE ' + BLUE.sid, trusted)
        self.assertIn('GREEN', trusting)

        self.establish('GREEN', 'Green.pw1')
        self.assertEqual(RED.json('permit', 'show', 'GREEN')['attempts_left'], 1)

        # Samba's own controller answers INVALID_HANDLE on the way to the deletion.
        TOOLS.run(net('trustdom', 'del', 'GREEN'))
        self.assertNotIn('GREEN', self.listed()[1])
        RED.ntrust('permit', 'show', 'GREEN', ok=False)

    def establish(self, domain, password):
        """`net` of 4.17 takes NOLOGON_INTERDOMAIN_TRUST_ACCOUNT for success, asks what it wants to
        know as nobody, and crashes as it stores it. All answers up to there were right when it has
        come there."""
        trusting = samba_lab.Controller('%sPDC' % domain, '10.78.0.8', domain)
        _, out = trusting.outcome(['net', 'rpc', 'trustdom', 'establish', 'RED', '-S', RED.address,
                                   '-U', '%s$%%%s' % (domain, password), '-d', '3'])
        self.assertIn('The account used is an interdomain trust account.', out)
        self.assertIn('secrets_store_trusted_domain_password', out)

    def test_a_wrong_password_burns_it(self):
        TOOLS.run(net('trustdom', 'add', 'BROWN', 'Brown.pw1'))
        _, out = TOOLS.outcome(['net', 'rpc', 'trustdom', 'establish', 'RED', '-S', RED.address,
                                '-U', 'BROWN$%wrong'])
        self.assertIn('NT_STATUS_LOGON_FAILURE', out)
        self.assertEqual(RED.json('permit', 'show', 'BROWN')['state'], 'burned')
        TOOLS.run(net('trustdom', 'del', 'BROWN'))


class Libraries(unittest.TestCase):
    """Samba's libraries, on a pipe over the secure channel."""

    def bind(self, connect, user, password, channel=None, protection='schannel,seal'):
        from samba import credentials, param  # pylint: disable=import-outside-toplevel
        lp = param.LoadParm()
        lp.set('interfaces', samba_lab.OUR_ADDRESS + '/24')
        lp.set('private dir', samba_lab.lab.ROOT)
        creds = credentials.Credentials()
        creds.guess(lp)
        creds.set_domain('RED')
        creds.set_username(user)
        creds.set_password(password)
        creds.set_workstation('GREENPDC')
        creds.set_kerberos_state(credentials.DONT_USE_KERBEROS)
        if channel is not None:
            creds.set_secure_channel_type(channel)
        binding = 'ncacn_np:%s[%s]' % (RED.address, protection)
        return connect(binding, lp, creds), creds

    def test_a_trusting_domain_reads_its_passwords(self):
        from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
        from test_samba import authenticators  # pylint: disable=import-outside-toplevel
        RED.ntrust('permit', 'add', 'GREEN', password='Green.pw1')
        self.addCleanup(RED.ntrust, 'permit', 'remove', 'GREEN')
        c, creds = self.bind(netlogon.netlogon, 'GREEN$', 'Green.pw1', 4)
        mine, _ = authenticators(creds)
        _, new, _ = c.netr_ServerTrustPasswordsGet(RED.computer, 'GREEN$', 4, 'GREENPDC', mine)
        mine, _ = authenticators(creds)
        _, again, _, _ = c.netr_ServerGetTrustInfo(RED.computer, 'GREEN$', 4, 'GREENPDC', mine)
        self.assertEqual(bytes(new.hash), bytes(again.hash))

    def test_trusts_of_the_domain(self):
        from samba.dcerpc import netlogon  # pylint: disable=import-outside-toplevel
        c, _ = self.bind(netlogon.netlogon, 'Administrator', PASSWORD, protection='seal')
        trusts = c.netr_DsrEnumerateDomainTrusts(RED.computer, 0x3f)
        self.assertEqual({t.netbios_name: str(t.sid) for t in trusts.array},
                         {'RED': RED.sid, 'BLUE': BLUE.sid})

    def test_lsa(self):
        from samba.dcerpc import lsa, security  # pylint: disable=import-outside-toplevel
        c, _ = self.bind(lsa.lsarpc, 'Administrator', PASSWORD, protection='seal')
        handle = c.OpenPolicy2('', lsa.ObjectAttribute(), 0x02000000)
        self.assertEqual(str(c.QueryInfoPolicy2(handle, 5).sid), RED.sid)
        _, trusts = c.EnumTrustedDomainsEx(handle, 0, 65536)
        self.assertEqual([str(t.sid) for t in trusts.domains], [BLUE.sid])
        info = lsa.DomainInfo()
        info.name.string, info.sid = 'OTHER', security.dom_sid('S-1-5-21-7-8-9')
        made = c.CreateTrustedDomain(handle, info, 0x02000000)
        c.DeleteObject(made)

    def test_an_expired_password_is_changed_as_nobody(self):
        """Its user has no session to change it in: smbpasswd falls back to an anonymous one."""
        from samba.dcerpc import lsa, samr, security  # pylint: disable=import-outside-toplevel
        RED.ntrust('user', 'add', 'grace', password='Grace.pw1')
        c, _ = self.bind(samr.samr, 'Administrator', PASSWORD, protection='seal')
        domain = c.OpenDomain(c.Connect2(None, 0x02000000), 0x02000000, security.dom_sid(RED.sid))
        name = lsa.String()
        name.string = 'grace'
        user = c.OpenUser(domain, 0x02000000, c.LookupNames(domain, [name])[0].ids[0])
        info = samr.UserInfo21()
        info.fields_present, info.password_expired = samr.SAMR_FIELD_EXPIRED_FLAG, 1
        c.SetUserInfo(user, 21, info)
        _, out = TOOLS.outcome(['smbclient', '-L', '//' + RED.address, '-U',
                                who('RED', 'grace', 'Grace.pw1')])
        self.assertIn('NT_STATUS_PASSWORD_MUST_CHANGE', out)
        TOOLS.run(['smbpasswd', '-s', '-r', RED.address, '-U', 'grace'],
                  stdin='Grace.pw1\nGrace.pw2\nGrace.pw2\n')
        RED.logon('RED\\grace', 'Grace.pw2')


if __name__ == '__main__':
    samba_lab.main()
