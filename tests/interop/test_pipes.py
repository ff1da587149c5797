#!/usr/bin/python3
"""impacket on named pipes: every dialect that it can, what is asked on the pipes, and the limits of
SMB. (Its 3.1.1 is refused by Samba, too.)"""

import socket
import time
import unittest

import lab

try:
    from impacket.dcerpc.v5 import dssp, epm, lsad, lsat, samr, srvs, transport, wkst
    from impacket.dcerpc.v5.dtypes import MAXIMUM_ALLOWED, NULL
    from impacket.dcerpc.v5.rpcrt import DCERPCException
    from impacket.smb3structs import SMB2_DIALECT_002, SMB2_DIALECT_21, SMB2_DIALECT_30
    from impacket.smbconnection import SessionError, SMBConnection
except ImportError:
    lab.skip('python3-impacket is not installed')

PASSWORD = 'Alice.pw1'
PIPES = 4      # of a session
PATIENCE_S = 2  # with strangers
STATUS = {'not found': 0xC0000034, 'no such share': 0xC00000CC, 'too many': 0xC000009A,
          'wrong logon': 0xC000006D, 'trust account': 0xC0000198}

D = None


def setUpModule():
    global D
    D = lab.Domain('ACCOUNTS', 'ACCPDC', settings={'limits': {
        'pipes_per_session': PIPES, 'handshake_timeout_s': PATIENCE_S,
        'anonymous_timeout_s': PATIENCE_S}})
    D.ntrust('user', 'add', 'alice', password=PASSWORD)


def drop(c):
    """Ends the connection without a word."""
    c.getSMBServer().get_socket().close()


def session(user='alice', password=PASSWORD, dialect=None):
    c = SMBConnection(D.address, D.address, timeout=lab.STEP_S, preferredDialect=dialect)
    try:
        c.login(user, password, 'ACCOUNTS' if user else '')
    except SessionError:
        drop(c)
        raise
    return c


class Case(unittest.TestCase):
    def pipe(self, name, interface, user='alice', password=PASSWORD):
        """Bound to the interface (None: not yet), on the pipe of a session of its own."""
        t = transport.SMBTransport(D.address, 445, '\\' + name, user, password,
                                   'ACCOUNTS' if user else '')
        dce = t.get_dce_rpc()
        dce.connect()
        self.addCleanup(t.disconnect)
        if interface is not None:
            dce.bind(interface)
        return dce

    def admin(self, name, interface):
        return self.pipe(name, interface, 'Administrator', D.password)

    def refused(self, status, call, *args, **more):
        with self.assertRaises(SessionError) as e:
            call(*args, **more)
        self.assertEqual(e.exception.getErrorCode(), STATUS[status])


class Sessions(Case):
    def test_every_dialect(self):
        for dialect in (SMB2_DIALECT_002, SMB2_DIALECT_21, SMB2_DIALECT_30):
            with self.subTest('0x%04x' % dialect):
                c = session(dialect=dialect)
                self.assertEqual(c.getDialect(), dialect)
                self.assertTrue(c.isSigningRequired())
                self.assertEqual([s['shi1_netname'][:-1] for s in c.listShares()], ['IPC$'])
                c.logoff()
                drop(c)

    def test_logons_that_are_refused(self):
        self.refused('wrong logon', session, 'alice', 'wrong')
        self.refused('wrong logon', session, 'nobody', PASSWORD)
        D.ntrust('permit', 'add', 'RESOURCES', password='Initial.pw1')
        self.refused('trust account', session, 'RESOURCES$', 'Initial.pw1')
        self.assertEqual(D.json('permit', 'show', 'RESOURCES')['state'], 'permitted')
        self.refused('wrong logon', session, 'RESOURCES$', 'wrong')
        self.assertEqual(D.json('permit', 'show', 'RESOURCES')['state'], 'burned')

    def test_shares_and_pipes_that_are_not_there(self):
        c = session()
        self.addCleanup(drop, c)
        for share in ('C$', 'ADMIN$', 'data', ''):
            self.refused('no such share', c.connectTree, share)
        tree = c.connectTree('IPC$')
        for name in ('svcctl', 'lsarpc ', 'x' * 300, '..\\x'):
            self.refused('not found', c.openFile, tree, name)
        for name in ('lsarpc', 'SAMR', 'NetLogon', '\\pipe\\lsass', 'srvsvc', 'wkssvc', 'epmapper'):
            c.closeFile(tree, c.openFile(tree, name))


class Interfaces(Case):
    def test_names_and_sids(self):
        dce = self.pipe('lsarpc', lsat.MSRPC_UUID_LSAT)
        policy = lsad.hLsarOpenPolicy2(dce, MAXIMUM_ALLOWED | lsat.POLICY_LOOKUP_NAMES)
        handle = policy['PolicyHandle']
        info = lsad.hLsarQueryInformationPolicy2(
            dce, handle, lsad.POLICY_INFORMATION_CLASS.PolicyAccountDomainInformation)
        sid = info['PolicyInformation']['PolicyAccountDomainInfo']['DomainSid'].formatCanonical()
        self.assertEqual(sid, D.sid)
        names = lsat.hLsarLookupSids(dce, handle, [sid + '-500', sid + '-513'],
                                     lsat.LSAP_LOOKUP_LEVEL.LsapLookupWksta)
        self.assertEqual([n['Name'] for n in names['TranslatedNames']['Names']],
                         ['Administrator', 'Domain Users'])

    def test_users(self):
        dce = self.pipe('samr', samr.MSRPC_UUID_SAMR)
        server = samr.hSamrConnect(dce)['ServerHandle']
        sid = samr.hSamrLookupDomainInSamServer(dce, server, 'ACCOUNTS')['DomainId']
        domain = samr.hSamrOpenDomain(dce, server, domainId=sid)['DomainHandle']
        users = samr.hSamrEnumerateUsersInDomain(dce, domain)['Buffer']['Buffer']
        self.assertEqual([u['Name'] for u in users], ['Administrator', 'Guest', 'alice'])

    def test_a_password_is_set_under_the_sessions_key(self):
        D.ntrust('user', 'add', 'bob', password='Bob.pw1')
        dce = self.admin('samr', samr.MSRPC_UUID_SAMR)
        server = samr.hSamrConnect(dce)['ServerHandle']
        sid = samr.hSamrLookupDomainInSamServer(dce, server, 'ACCOUNTS')['DomainId']
        domain = samr.hSamrOpenDomain(dce, server, domainId=sid)['DomainHandle']
        rid = samr.hSamrLookupNamesInDomain(dce, domain, ['bob'])['RelativeIds']['Element'][0]
        user = samr.hSamrOpenUser(dce, domain, userId=rid['Data'])['UserHandle']
        samr.hSamrSetNTInternal1(dce, user, 'Bob.pw2')
        D.logon('ACCOUNTS\\bob', 'Bob.pw2')
        D.ntrust('user', 'remove', 'bob')

    def test_server_and_workstation(self):
        dce = self.pipe('srvsvc', srvs.MSRPC_UUID_SRVS)
        info = srvs.hNetrServerGetInfo(dce, 101)['InfoStruct']['ServerInfo101']
        self.assertEqual(info['sv101_name'], 'ACCPDC\0')
        clock = srvs.hNetrRemoteTOD(dce)['BufferPtr']['tod_elapsedt']
        self.assertLess(abs(clock - time.time()), 60)
        self.assertEqual(len(srvs.hNetrShareEnum(dce, 1)['InfoStruct']['ShareInfo']['Level1'][
            'Buffer']), 1)
        dce = self.pipe('wkssvc', wkst.MSRPC_UUID_WKST)
        request = wkst.NetrWkstaGetInfo()
        request['ServerName'], request['Level'] = '\0', 100
        info = dce.request(request)['WkstaInfo']['WkstaInfo100']
        self.assertEqual(info['wki100_langroup'], 'ACCOUNTS\0')
        dce = self.pipe('lsarpc', dssp.MSRPC_UUID_DSSP)
        info = dssp.hDsRolerGetPrimaryDomainInformation(
            dce, dssp.DSROLE_PRIMARY_DOMAIN_INFO_LEVEL.DsRolePrimaryDomainInfoBasic)
        self.assertEqual(info['DomainInfo']['DomainInfoBasic']['DomainNameFlat'], 'ACCOUNTS\0')

    def test_what_is_for_administrators_is_refused_and_the_pipe_goes_on(self):
        dce = self.pipe('srvsvc', srvs.MSRPC_UUID_SRVS)
        for call in (lambda: srvs.hNetrShareEnum(dce, 502), lambda: srvs.hNetrServerGetInfo(dce, 102),
                     lambda: srvs.hNetrSessionEnum(dce, NULL, NULL, 10), self.sticky(dce)):
            with self.assertRaises(DCERPCException) as e:
                call()
            self.assertEqual(e.exception.get_error_code(), 5)
        srvs.hNetrServerGetInfo(dce, 101)

    @staticmethod
    def sticky(dce):
        request = srvs.NetrShareEnumSticky()
        request['ServerName'], request['PreferedMaximumLength'] = NULL, 0xffffffff
        request['ResumeHandle'] = NULL
        request['InfoStruct']['Level'] = 502
        request['InfoStruct']['ShareInfo']['tag'] = 502
        request['InfoStruct']['ShareInfo']['Level502']['Buffer'] = NULL
        return lambda: dce.request(request)

    def test_the_endpoint_mapper_knows_the_pipes(self):
        found = epm.hept_lookup(None, dce=self.pipe('epmapper', None))
        towers = [str(epm.PrintStringBinding(e['tower']['Floors'])) for e in found]
        self.assertIn('ncacn_np:\\\\ACCPDC[\\pipe\\lsass]', towers)
        self.assertIn('ncacn_ip_tcp:%s[49153]' % D.address, towers)


class Limits(Case):
    def test_pipes_of_a_session(self):
        c = session()
        tree = c.connectTree('IPC$')
        pipes = [c.openFile(tree, 'lsarpc') for _ in range(PIPES)]
        self.refused('too many', c.openFile, tree, 'lsarpc')
        self.assertEqual(D.json('status')['smb']['pipes'], PIPES)
        c.closeFile(tree, pipes[0])
        c.openFile(tree, 'samr')
        drop(c)
        deadline = time.monotonic() + lab.STEP_S
        while D.json('status')['smb']['connections'] > 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def ends_in_time(self, s, least=0.0):
        start = time.monotonic()
        s.settimeout(lab.STEP_S)
        try:
            while s.recv(4096) != b'':
                pass
        except ConnectionError:
            pass
        self.assertGreaterEqual(time.monotonic() - start, least)
        self.assertLess(time.monotonic() - start, PATIENCE_S + 3)

    def test_a_stranger_is_not_waited_for(self):
        with socket.create_connection((D.address, 445), lab.STEP_S) as s:
            self.ends_in_time(s, PATIENCE_S - 1)
        half = SMBConnection(D.address, D.address, timeout=lab.STEP_S)  # negotiated
        self.ends_in_time(half.getSMBServer().get_socket(), PATIENCE_S - 1.5)
        drop(half)
        nobody = session('', '')
        nobody.connectTree('IPC$')
        self.ends_in_time(nobody.getSMBServer().get_socket(), PATIENCE_S - 1)
        drop(nobody)

    def test_idle_sessions_stay_and_are_small(self):
        def memory():
            with open('/proc/%d/smaps_rollup' % D.process.pid, encoding='ascii') as f:
                return [int(l.split()[1]) for l in f if l.startswith('Pss:')][0]
        count = 200
        kept = [session() for _ in range(20)]
        before = memory()
        kept += [session() for _ in range(count)]
        with open('/proc/%d/maps' % D.process.pid, encoding='utf-8') as f:
            if 'libasan' not in f.read():
                self.assertLess((memory() - before) / count, 32)  # KiB
        time.sleep(PATIENCE_S + 1.5)  # longer than a stranger may
        for c in kept:
            c.connectTree('IPC$')
            drop(c)


if __name__ == '__main__':
    lab.main()
