#!/usr/bin/python3
"""`ntrust rpc` against a Samba domain controller and against ntrustd: calls of all three interfaces,
judged by what Samba's rpcclient says of the same server; secure channels; scripts; errors; and that
secrets are shown only to those who ask."""

import json
import os
import re
import unittest

import lab
import rpcclient
import samba_lab
from samba_lab import PASSWORD

RED = ACC = None
WS_SECRET = 'ws'  # pdbedit gives a new machine account its own name as password
TRUST_SECRET = 'Initial.pw1'


def setUpModule():
    global RED, ACC
    RED = samba_lab.Controller('REDPDC', '10.78.0.1', 'RED', ('alice',))
    RED.start('nmbd', 'smbd')
    RED.user('ws$')
    RED.run(['pdbedit', '-a', '-m', '-u', 'ws'])
    RED.permit('RES', TRUST_SECRET)
    ACC = samba_lab.Ntrust('ACC', 'ACCDC', '10.78.0.2', ('alice',))
    ACC.ntrust('computer', 'add', 'WS', password='Machine.pw1')
    ACC.ntrust('permit', 'add', 'RES', password=TRUST_SECRET)


def secret(name, text):
    path = os.path.join(lab.ROOT, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w',
              encoding='utf-8') as f:
        f.write(text + '\n')
    return path


def admin(server):
    """Options that make calls as the administrator, without a question."""
    if server is RED:
        text = 'username = root\npassword = %s\ndomain = RED' % PASSWORD
    else:
        text = 'username = Administrator\npassword = %s\ndomain = ACC' % ACC.password
    return ['-A', secret(server.name + '.cred', text)]


def rpc(server, *args, who=None, code=0, road=''):
    """The output of one `ntrust rpc`, errors and all; who: options, as the administrator if None."""
    got, out = lab.run([lab.NTRUST, 'rpc', road + server.address, *args,
                        *(admin(server) if who is None else who)], ok=None)
    if code is not None and got != code:
        raise AssertionError('exit code %d\n%s' % (got, out))
    return out


def call(server, *args, **more):
    """The same as JSON."""
    lines = [l for l in rpc(server, *args, '--json', **more).splitlines()
             if not l.startswith('ntrust: ')]
    return json.loads('\n'.join(lines))


def judge(server, command):
    """What rpcclient says."""
    user, password = (('RED\\root', PASSWORD) if server is RED
                      else ('ACC\\Administrator', ACC.password))
    return lab.run(['rpcclient', '-s', rpcclient.config(), server.address, '-U',
                    '%s%%%s' % (user, password), '-c', command], ok=True)[1]


class Calls:
    """What holds at both servers."""

    def test_lsa_policy(self):
        reply = call(self.server, 'lsarpc', 'LsarQueryInformationPolicy',
                     'InformationClass=PolicyAccountDomainInformation')['reply']
        info = reply['PolicyInformation']['PolicyAccountDomainInfo']
        said = judge(self.server, 'lsaquery')
        self.assertIn('Domain Name: %s' % info['DomainName'], said)
        self.assertIn('Domain Sid: %s' % info['DomainSid'], said)

    def test_lsa_names(self):
        got = call(self.server, 'lsarpc', 'LsarLookupNames', 'Names=["alice","nobody.there"]')
        self.assertEqual(got['request']['Count'], 2)
        self.assertEqual(got['result']['name'], 'SOME_NOT_MAPPED')
        domain = got['reply']['ReferencedDomains']['Domains'][0]
        sids = got['reply']['TranslatedSids']['Sids']
        said = judge(self.server, 'lookupnames alice')
        self.assertIn('%s-%d' % (domain['Sid'], sids[0]['RelativeId']), said)
        self.assertEqual(sids[1]['Use'], 'SidTypeUnknown')

    def test_sam_user(self):
        got = call(self.server, 'samr', 'SamrQueryInformationUser', 'UserHandle=@user:alice',
                   'UserInformationClass=21')
        user = got['reply']['Buffer']['All']
        said = judge(self.server, 'queryuser alice')
        self.assertRegex(said, r'user_rid\s*:\s*0x%x\b' % user['UserId'])
        self.assertRegex(said, r'acb_info\s*:\s*0x%08x\b' % user['UserAccountControl'])
        self.assertEqual(user['NtOwfPassword'], '(hidden)')
        rid = call(self.server, 'samr', 'SamrQueryInformationUser',
                   'UserHandle=@user:%d' % user['UserId'], 'UserInformationClass=7')
        self.assertEqual(rid['reply']['Buffer']['AccountName']['UserName'], 'alice')

    def test_sam_domains(self):
        got = call(self.server, 'samr', 'SamrEnumerateDomainsInSamServer')
        names = {d['Name'] for d in got['reply']['Buffer']['Buffer']}
        self.assertEqual(names, set(re.findall(r'name:\[(.*?)\]', judge(self.server, 'enumdomains'))))
        script = json.dumps([
            {'call': 'SamrLookupDomainInSamServer', 'args': {'Name': 'Builtin'}},
            {'call': 'SamrOpenDomain', 'args': {'DomainId': '$1.DomainId'}},
            {'call': 'SamrLookupIdsInDomain', 'args': {
                'DomainHandle': '$2.DomainHandle', 'RelativeIds': [544]}, 'go_on': True}])
        calls = call(self.server, 'samr', '--script', script, code=None)
        self.assertEqual(calls[0]['reply']['DomainId'], 'S-1-5-32')
        self.assertEqual(calls[2]['request']['Count'], 1)

    def test_server_service(self):
        got = call(self.server, 'srvsvc', 'NetrServerGetInfo', 'Level=101')
        info = got['reply']['InfoStruct']['ServerInfo101']
        said = judge(self.server, 'srvinfo')
        self.assertIn('%d.%d' % (info['sv101_version_major'], info['sv101_version_minor']), said)
        self.assertEqual(got['request']['ServerName'], '\\\\' + self.server.address)

    def test_a_value_is_written_and_read_back(self):
        handle = 'UserHandle=@user:alice'
        text = 'told by "rpc" \u00e9\U0001F600 \x1b[31m\x9b'
        call(self.server, 'samr', 'SamrSetInformationUser', handle,
             'Buffer.AdminComment.AdminComment=' + text)
        got = call(self.server, 'samr', 'SamrQueryInformationUser', handle,
                   'UserInformationClass=UserAdminCommentInformation')
        self.assertEqual(got['reply']['Buffer']['AdminComment']['AdminComment'], text)
        shown = rpc(self.server, 'samr', 'SamrQueryInformationUser', handle,
                    'UserInformationClass=13')
        self.assertIn(r'\u001b[31m\u009b"', shown)  # a name cannot steer a terminal

    def test_a_script_goes_from_call_to_call(self):
        script = json.dumps([
            {'call': 'SamrLookupNamesInDomain', 'args': {'Names': ['alice']}, 'as': 'who'},
            {'call': 'SamrOpenUser', 'args': {'UserId': '$who.RelativeIds.Element[0]'}},
            {'call': 'SamrQueryInformationUser',
             'args': {'UserHandle': '$2.UserHandle', 'UserInformationClass': 7}},
            {'interface': 'lsarpc', 'call': 'LsarLookupNames', 'args': {
                'Names': ['$3.Buffer.AccountName.UserName']}},
        ])
        calls = call(self.server, 'samr', '--script', script)
        self.assertEqual([c['result']['good'] for c in calls], [True] * 4)
        self.assertEqual(calls[3]['reply']['TranslatedSids']['Sids'][0]['RelativeId'],
                         calls[0]['reply']['RelativeIds']['Element'][0])

    def test_a_script_stops_at_what_fails_unless_told(self):
        lost = {'call': 'SamrOpenUser', 'args': {'UserId': 99999}}
        good = {'call': 'SamrEnumerateDomainsInSamServer'}
        self.assertEqual(len(call(self.server, 'samr', '--script', json.dumps([lost, good]),
                                  code=1)), 1)
        lost['go_on'] = True
        calls = call(self.server, 'samr', '--script', json.dumps([lost, good]), code=1)
        self.assertEqual([c['result']['name'] for c in calls], ['NO_SUCH_USER', 'SUCCESS'])

    def test_errors_have_names_and_codes(self):
        out = rpc(self.server, 'samr', 'SamrQueryInformationUser', 'UserHandle=@user:nobody.there',
                  'UserInformationClass=7', code=1)
        self.assertIn('@user:nobody.there: SamrLookupNamesInDomain answered 0xC0000073 NONE_MAPPED',
                      out)
        out = rpc(self.server, 'samr', 'SamrOpenUser', 'UserId=7', code=1)
        self.assertIn('SamrOpenUser answered 0xC0000064 NO_SUCH_USER', out)
        rpc(self.server, 'samr', 'SamrOpenUser', code=2)
        rpc(self.server, 'samr', 'SamrOpenUsers', code=2)
        out = rpc(self.server, 'samr', 'SamrSetInformationUser', 'UserHandle=@user:alice',
                  'Buffer.Name.FullName=[1]', code=2)
        self.assertIn('Buffer.Name.FullName: a text is wanted', out)

    def test_nobody_sees_what_nobody_may(self):
        out = rpc(self.server, 'samr', 'SamrOpenDomain', 'DomainId=' + self.server.sid,
                  'DesiredAccess=0xF07FF', who=['-U', '%'], code=self.nobody_code)
        self.assertRegex(out, 'ACCESS_DENIED|access denied')

    def test_a_wrong_password_is_no_answer(self):
        wrong = secret('wrong', 'username = alice\npassword = Wrong.pw1\ndomain = ' +
                       self.server_domain)
        out = rpc(self.server, 'samr', 'SamrConnect2', who=['-A', wrong], code=3)
        self.assertIn('it refused the logon: unknown user name or wrong password (0xC000006D '
                      'LOGON_FAILURE)', out)

    # -- secure channels

    def channel(self, account, text, kind, *args, code=0, road=''):
        return call(self.server, 'netlogon', *args, road=road, code=code, who=[
            '--channel', '%s\\%s' % (self.server_domain, account), '--kind', kind, '--secret-file',
            secret('channel', text)])

    def test_a_machine_has_its_secure_channel(self):
        got = self.channel('WS$', self.machine_secret, 'workstation', 'NetrLogonGetCapabilities',
                           'QueryLevel=1')
        self.assertEqual(got['request']['ComputerName'], 'WS')
        self.assertTrue(got['reply']['Capabilities']['ServerCapabilities'] & 0x01000000)
        calls = call(self.server, 'netlogon', '--script', json.dumps([
            {'call': 'NetrLogonGetCapabilities', 'args': {'QueryLevel': 1}}] * 3), who=[
                '--channel', self.server_domain + '\\WS$', '--secret-file',
                secret('channel', self.machine_secret)])
        self.assertEqual(len({c['reply']['ReturnAuthenticator']['Credential']['data']
                              for c in calls}), 3)

    def test_a_trust_account_has_its_secure_channel(self):
        got = self.channel('RES$', TRUST_SECRET, 'trust', 'NetrLogonGetCapabilities',
                           'QueryLevel=1')
        self.assertTrue(got['result']['good'])

    def test_a_wrong_secret_opens_no_channel(self):
        got = self.channel('WS$', 'Wrong.pw1', 'workstation', 'NetrLogonGetCapabilities',
                           'QueryLevel=1', code=3)
        self.assertIn('ACCESS_DENIED', got['error'])


class Samba(Calls, unittest.TestCase):
    machine_secret, server_domain, nobody_code = WS_SECRET, 'RED', 1

    @property
    def server(self):
        return RED

    def test_calls_may_be_protected_by_themselves(self):
        bytes_seen = {call(RED, 'lsarpc', 'LsarLookupNames', 'Names=["alice"]', '--protect', level,
                           '--hex')['reply_hex'] for level in ('none', 'integrity', 'privacy')}
        self.assertEqual(len(bytes_seen), 1)

    def test_a_call_that_does_not_run_is_no_answer(self):
        got = self.channel('RES$', TRUST_SECRET, 'trust', 'NetrServerTrustPasswordsGet', code=3)
        self.assertEqual(got['fault'], '0x1c010002')
        self.assertNotIn('reply', got)


class Ntrustd(Calls, unittest.TestCase):
    machine_secret, server_domain, nobody_code = 'Machine.pw1', 'ACC', 3

    @property
    def server(self):
        return ACC

    def test_secrets_are_shown_to_those_who_ask(self):
        """The hash of the channel's own password, although it is hidden under the session key."""
        args = ['netlogon', 'NetrServerTrustPasswordsGet', '--hex']
        who = ['--channel', 'ACC\\RES$', '--kind', 'trust', '--secret-file',
               secret('channel', TRUST_SECRET)]
        got = call(ACC, *args, who=who)
        self.assertEqual(got['reply']['EncryptedNewOwfPassword'], '(hidden)')
        self.assertIn('request_hex', got)
        self.assertNotIn('reply_hex', got)
        self.assertNotIn('session_key', got)
        text = rpc(ACC, *args, who=who)
        self.assertIn('EncryptedNewOwfPassword: (hidden)\n', text)
        self.assertIn('(--secrets shows what is hidden, and the bytes)', text)
        got = call(ACC, *args, '--secrets', who=who)
        shown = got['reply']['EncryptedNewOwfPassword']['data']
        self.assertRegex(shown, '^[0-9a-f]{32}$')
        self.assertIn(shown, got['reply_hex'])
        self.assertRegex(got['session_key'], '^[0-9a-f]{32}$')

    def test_the_same_goes_over_tcp_sealed(self):
        call(ACC, 'lsarpc', 'LsarLookupNames3', 'Names=["alice"]', road='tcp:')
        for level in ('connect', 'integrity'):
            out = rpc(ACC, 'lsarpc', 'LsarClose', 'ObjectHandle=@policy', '--protect', level,
                      road='tcp:', code=3)
            self.assertIn('access denied', out)
        got = self.channel('WS$', 'Machine.pw1', 'workstation', 'NetrLogonGetDomainInfo', 'Level=1',
                           'WkstaBuffer.WorkstationInfo={}', road='tcp:')
        self.assertEqual(got['reply']['DomBuffer']['DomainInfo']['PrimaryDomain']['DomainSid'],
                         ACC.sid)

    def test_the_endpoint_mapper_is_asked_by_tcp(self):
        got = call(ACC, 'epm', 'ept_lookup', 'InquiryType=0', 'VersOption=1', 'maxEnts=64')
        self.assertGreater(len(got['reply']['entries']), 2)


if __name__ == '__main__':
    samba_lab.main()
