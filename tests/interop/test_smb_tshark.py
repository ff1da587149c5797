#!/usr/bin/python3
"""tshark as the judge of SMB and NetBIOS: all roles meet in one laboratory while its Ethernet is
captured, and what ntrustd says, and what it lets others say, has to be in order: nothing malformed,
nothing unsigned once a user is known, no NTLM version 1, no LM."""

import os
import subprocess
import unittest

import lab
import samba_lab
from samba_lab import PASSWORD, who
from test_tshark import Recorder

CAPTURE = NTRUST = None
YES = ('1', 'True')
PENDING = '0x00000103'
# What tshark 4.0 marks in traffic between Samba's programs, too; see test_tshark.py.
WRONG_JUDGEMENTS = {('netlogon', '21'), ('netlogon', '30'), ('netlogon', '31')}


def story():
    blue = samba_lab.Ntrust('BLUE', 'BLUEPDC', '10.78.0.2', ('bob',))
    red = samba_lab.Controller('REDPDC', '10.78.0.1', 'RED', ('alice',))
    member = samba_lab.Member('BLUEMEM', '10.78.0.9', 'BLUE')
    red.start('nmbd', 'smbd')
    admin = who('BLUE', 'Administrator')

    # tools, in every dialect
    for more in (['-m', 'SMB2_02'], ['-m', 'SMB2_10'], ['-m', 'SMB3_00'], ['-m', 'SMB3_02'], [],
                 ['--client-protection=encrypt'], ['--client-protection=encrypt', '-m', 'SMB3_00']):
        member.run(['smbclient', '-L', '//' + blue.address, '-U', admin, *more])
    member.run(['smbclient', '-L', '//' + blue.address, '-U', who('BLUE', 'bob', 'wrong')], ok=False)
    member.run(['smbclient', '-L', '//' + blue.address, '-N'], ok=None)
    for protection in ('', '[sign]', '[seal]'):
        member.run(['rpcclient', 'ncacn_np:%s%s' % (blue.address, protection), '-U', admin, '-c',
                    'lsaquery;enumdomusers;lookupnames bob;queryuser bob;dsr_getdcname BLUE;'
                    'netshareenumall;srvinfo;dsroledominfo'])
    # a client that begins with SMB 1's negotiation, and encrypts
    impacket(blue.address)
    net = ['-S', blue.address, '-U', admin]
    member.run(['net', 'rpc', 'trustdom', 'add', 'GREEN', 'Green.pw1', *net])
    member.run(['net', 'rpc', 'trustdom', 'list', *net])
    member.run(['net', 'rpc', 'trustdom', 'del', 'GREEN', *net])

    # a member
    member.run(['net', 'rpc', 'join', *net])
    member.start('nmbd', 'winbindd', 'smbd')
    for words in (['-t'], ['-u'], ['-g'], ['-n', 'BLUE\\bob'], ['-a', who('BLUE', 'bob')], ['-c'],
                  ['-t'], ['--dsgetdcname=BLUE']):
        member.run(['wbinfo', *words])
    red.run(['smbclient', '//%s/data' % member.address, '-U', who('BLUE', 'bob'), '-c', 'ls'])

    # both ways with a PDC of Samba's
    red.permit('BLUE', 'Trust.pw1')
    blue.ntrust('trust', 'add', 'RED', '--server', 'smb:' + red.address, password='Trust.pw1')
    blue.logon('RED\\alice', PASSWORD)
    blue.ntrust('trust', 'rotate', 'RED')
    blue.ntrust('check', 'RED', '-U', 'RED\\root', peer_password=PASSWORD, ok=None)
    blue.ntrust('permit', 'add', 'RED', password='Trust.pw2')
    red.store_trust('BLUE', blue.sid, 'Trust.pw2')
    red.run(['net', 'setauthuser', '-U', who('BLUE', 'bob')])
    red.start('winbindd')
    for words in (['-t', '--domain=BLUE'], ['-n', 'BLUE\\bob'], ['-a', who('BLUE', 'bob')]):
        red.run(['wbinfo', *words])
    return blue.address


def impacket(address):
    from impacket.smbconnection import SMBConnection  # pylint: disable=import-outside-toplevel
    c = SMBConnection(address, address)
    c.login('bob', PASSWORD, 'BLUE')
    assert 'IPC$\0' in [s['shi1_netname'] for s in c.listShares()]
    c.logoff()


def setUpModule():
    global CAPTURE, NTRUST
    lab.need('tshark', 'dumpcap')
    CAPTURE = os.path.join(lab.ROOT, 'story.pcapng')
    recorder = Recorder(CAPTURE, samba_lab.BRIDGE, '10.78.0.255')
    try:
        NTRUST = story()
    finally:
        recorder.stop()


def rows(expression, *fields, only_ours=True):
    """The values of the fields of every frame that the expression fits; each a list, since a frame
    may hold several messages."""
    if only_ours:
        expression = '(%s) and ip.addr == %s' % (expression, NTRUST)
    args = [a for f in fields for a in ('-e', f)]
    out = subprocess.run(
        ['tshark', '-r', CAPTURE, '-Y', expression, '-T', 'fields',
         '-E', 'occurrence=a', *args], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, timeout=2 * lab.STEP_S, text=True).stdout
    return [[v.split(',') if v else [] for v in line.split('\t')] for line in out.splitlines()]


def shown(number):
    return subprocess.run(['tshark', '-r', CAPTURE, '-Y', 'frame.number == ' + number, '-V'],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=lab.STEP_S, text=True).stdout


def bare(response):
    """A response in hexadecimal; of an empty one tshark shows the field that says so."""
    return '' if len(response) == 16 and response.startswith('00000000') else response


class Judgement(unittest.TestCase):
    def test_nothing_is_malformed(self):
        for number, protocol, opnum, message in rows(
                '(_ws.malformed or _ws.expert.severity >= 0x800000) and (smb or smb2 or nbns or '
                'nbdgm or nbss)', 'frame.number', '_ws.col.Protocol', 'dcerpc.opnum',
                '_ws.expert.message'):
            what = (protocol[0].lower().replace('rpc_', ''), (opnum or [''])[0])
            if what not in WRONG_JUDGEMENTS:
                self.fail('frame %s, %r: %s\n%s' % (number[0], what, message, shown(number[0])))

    def test_nothing_is_unsigned_once_a_user_is_known(self):
        nobodys = {session for sessions, responses in rows(
            'ntlmssp.messagetype == 3', 'smb2.sesid', 'ntlmssp.auth.ntresponse')
            for session in sessions if not bare(responses[0])}
        self.assertTrue(nobodys)
        counted = 0
        for number, sessions, commands, signed, statuses in rows(
                'smb2 and not smb2.header.transform.msg_size', 'frame.number', 'smb2.sesid',
                'smb2.cmd', 'smb2.flags.signature', 'smb2.nt_status'):
            statuses += ['0'] * (len(commands) - len(statuses))  # requests have none
            for session, command, sign, status in zip(sessions, commands, signed, statuses):
                if int(command) in (0, 1) or int(session, 16) == 0 or session in nobodys:
                    continue  # negotiation, session set-up, nobody's
                if status == PENDING:
                    continue  # is not verified: [MS-SMB2] 3.2.5.1.3
                counted += 1
                if sign not in YES:
                    self.fail(shown(number[0]))
        self.assertGreater(counted, 300)

    def test_the_answer_to_a_users_session_set_up_is_signed(self):
        users = 0
        for number, signed, null in rows(
                'smb2.cmd == 1 and smb2.flags.response == 1 and smb2.nt_status == 0 '
                'and ip.src == ' + NTRUST,
                'frame.number', 'smb2.flags.signature', 'smb2.ses_flags.null'):
            users += signed[0] in YES
            if signed[0] not in YES and null[0] not in YES:
                self.fail(shown(number[0]))
        self.assertGreater(users, 10)

    def test_no_old_ntlm(self):
        """The response to the challenge has to be of version 2, or nobody's; the 24 bytes of the
        other field are zero or belong to version 2 as well, [MS-NLMP] 3.3.2."""
        seen = 0
        for number, lm, nt in rows('ntlmssp.messagetype == 3', 'frame.number',
                                   'ntlmssp.auth.lmresponse', 'ntlmssp.auth.ntresponse'):
            new, old = bare(nt[0]), bare(lm[0])
            seen += bool(new)
            if 0 < len(new) <= 2 * 24 or (not new and old.strip('0')):
                self.fail(shown(number[0]))
        self.assertGreater(seen, 10)

    def test_smb1_only_negotiates(self):
        self.assertEqual(rows('smb and tcp and smb.cmd != 0x72', 'frame.number'), [])
        self.assertTrue(rows('smb and tcp and smb.cmd == 0x72', 'frame.number'))

    def test_all_of_it_was_there(self):
        dialects = {d for d, in rows('smb2.cmd == 0 and smb2.flags.response == 1',
                                     'smb2.dialect') for d in d}
        self.assertLessEqual({'0x0202', '0x0210', '0x0300', '0x0302', '0x0311'}, dialects)
        commands = {c for c, in rows('smb2.flags.response == 1', 'smb2.cmd') for c in c}
        self.assertLessEqual({'0', '1', '3', '4', '5', '6', '9', '11'}, commands)
        self.assertTrue(rows('smb2.header.transform.msg_size', 'frame.number'))
        for what in ('nbns.flags.response == 1', 'nbns.type == 33', 'nbns.flags.opcode == 5',
                     'smb_netlogon.command == 0x13'):
            self.assertTrue(rows('%s and ip.src == %s' % (what, NTRUST), 'frame.number'), what)


if __name__ == '__main__':
    samba_lab.main()
