#!/usr/bin/python3
"""tshark as the judge of layouts: a story runs while loopback is captured, and nothing that was
sent may look malformed to Wireshark's dissectors, which see into it with the passwords."""

import os
import socket
import subprocess
import time
import unittest

import lab
import rpc
from netlogon import INTERACTIVE, RC4_FLAGS, Channel
from rpcclient import rpcclient

PASSWORD = 'Passw0rd1'  # of everybody: tshark tries one
CAPTURE = None

# What tshark 4.0 marks in traffic between Samba's programs too.
WRONG_JUDGEMENTS = {
    ('netlogon', 21): 'taken for NetrLogonDummyRoutine1, whose opnum GetCapabilities has got',
    ('netlogon', 30): 'AccountName is taken for a pointer, the authenticator for another',
    ('netlogon', 31): 'the same',
}
# The ids of a full pointer are one space in a request and its response, [C706] 14.3.12.2; we count
# each from the same start, and tshark then takes the tower of the answer for that of the request.
LONG_FRAMES = {
    ('epm', 3): 'see above',
    ('lsarpc', 34): 'LsarDeleteObject has no dissector',
    ('netlogon', 11): "a request of rpcclient's, as those below",
    ('netlogon', 13): '',
    ('netlogon', 14): '',
    ('samr', 18): '',
}


class Recorder:
    """Captures an interface, loopback by default, into a file. address: one behind it."""

    def __init__(self, path, interface='lo', address='127.0.0.1'):
        self.path, self.address = path, address
        self.dumpcap = lab.popen(['dumpcap', '-q', '-i', interface, '-w', path],
                                 stderr=subprocess.PIPE)
        for line in self.dumpcap.stderr:
            if line.startswith(b'File: '):
                return
        lab.skip('dumpcap may not capture here')

    def stop(self):
        """When all that was sent before is in the file."""
        marker = b'the end of the story ' + os.urandom(8).hex().encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            s.sendto(marker, (self.address, 9))
        deadline = time.monotonic() + lab.STEP_S
        while time.monotonic() < deadline:
            with open(self.path, 'rb') as f:
                if marker in f.read():
                    break
            time.sleep(0.05)
        self.dumpcap.terminate()
        self.dumpcap.wait(lab.STEP_S)
        self.dumpcap.stderr.close()


def many_users(domain, count):
    for i in range(count):
        body = b'{"name": "user-of-a-long-%04d", "password": "%s"}' % (i, PASSWORD.encode())
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(domain.socket)
            s.sendall(b'POST /v1/users HTTP/1.1\r\nHost: a\r\nConnection: close\r\n'
                      b'Content-Length: %d\r\n\r\n%s' % (len(body), body))
            while s.recv(65536):
                pass


def story():
    a = lab.Domain('ACCOUNTS', 'ACCPDC', '127.0.0.1', PASSWORD)
    r = lab.Domain('RESOURCES', 'RESPDC', '127.0.0.2', PASSWORD)
    a.ntrust('user', 'add', 'alice', password=PASSWORD)
    a.ntrust('computer', 'add', 'WS1', password=PASSWORD)
    a.ntrust('computer', 'add', 'OLD1', '--weak', password=PASSWORD)
    a.ntrust('permit', 'add', 'RESOURCES', password=PASSWORD)
    r.ntrust('trust', 'add', 'ACCOUNTS', '--server', a.address, password='wrong', ok=None)
    r.ntrust('trust', 'remove', 'ACCOUNTS', ok=None)
    a.ntrust('permit', 'remove', 'RESOURCES')
    lab.trust(r, a, PASSWORD)
    r.logon('ACCOUNTS\\alice', PASSWORD)
    r.logon('ACCOUNTS\\alice', 'wrong', ok=False)
    r.ntrust('trust', 'rotate', 'ACCOUNTS')
    r.ntrust('trust', 'verify', 'ACCOUNTS')
    r.logon('ACCOUNTS\\alice', PASSWORD)
    many_users(a, 200)  # for answers in several fragments

    for command in ('lsaquery', 'lsaquery 12', 'lsaenumsid', 'enumprivs', 'lookupnames alice',
                    'lookupnames nobody', 'lookupsids %s-500 %s-9999' % (a.sid, a.sid),
                    'lookupnames4 alice', 'getusername', 'lsaenumacctrights S-1-5-32-544',
                    'lsaquerysecobj', 'epmlookup', 'createtrustdom OTHER S-1-5-21-1-2-3',
                    'enumtrust', 'lsaquerytrustdominfobyname OTHER 8', 'deletetrustdom OTHER'):
        rpcclient(a, command, ok=None)
    for protection in ('sign', 'seal', 'spnego,sign'):  # tshark fails at spnego,seal
        for command in ('enumdomains', 'enumdomusers', 'enumdomgroups', 'enumalsgroups builtin',
                        'queryuser alice', 'querydispinfo', 'querydispinfo2', 'querydispinfo3',
                        'querydominfo', 'querydominfo 8', 'queryusergroups 500',
                        'queryuseraliases builtin %s-500' % a.sid, 'querygroup 0x200',
                        'querygroupmem 0x200', 'samlookupnames domain alice',
                        'samlookuprids domain 500', 'getdompwinfo', 'getusrdompwinfo 500',
                        'samquerysecobj', 'createdomuser carol', 'setuserinfo2 carol 24 Pw.1',
                        'setuserinfo2 carol 26 Pw.2', 'setuserinfo2 carol 23 Pw.3',
                        'setuserinfo2 carol 25 Pw.4', 'setuserinfo2 carol 18 Pw.5',
                        'chgpasswd3 carol Pw.5 Pw.6', 'chgpasswd2 carol Pw.6 Pw.7',
                        'chgpasswd4 carol Pw.7 Pw.8', 'deletedomuser carol', 'logonctrl'):
            rpcclient(a, command, protection, ok=None)
    for command in ('enumtrust', 'lsaquerytrustdominfobyname ACCOUNTS 6', 'dsr_enumtrustdom',
                    'dsr_enumtrustdom 3f', 'netrenumtrusteddomains', 'netrenumtrusteddomainsex',
                    'logonctrl2 RESPDC 1 1', 'logonctrl2 RESPDC 5 2 ACCOUNTS',
                    'logonctrl2 RESPDC 6 2 ACCOUNTS', 'logonctrl2 RESPDC 10 2 ACCOUNTS',
                    'getdcname ACCOUNTS', 'getanydcname ACCOUNTS', 'dsr_getdcname RESOURCES',
                    'dsr_getdcnameex RESOURCES', 'dsr_getdcnameex2 RESOURCES'):
        rpcclient(r, command, ok=None)
    rpcclient(a, 'enumdomusers', 'sign', user='', ok=False)
    rpcclient(a, 'enumdomusers', 'seal', user='ACCOUNTS\\alice', password='wrong', ok=False)

    for computer, flags in (('WS1', None), ('OLD1', RC4_FLAGS)):
        with Channel(a, computer, PASSWORD, **({'flags': flags} if flags else {})) as c:
            c.open().capabilities()
            for how in ('Ex', 'WithFlags', ''):
                for level in (2, 3, 6):
                    c.logon(how, 'alice', 'ACCOUNTS', PASSWORD, validation=level)
                    c.logon(how, 'alice', 'ACCOUNTS', PASSWORD, INTERACTIVE, level)
            c.set_password(PASSWORD)
            c.trust_info()
            try:
                c.connection.call(1000, b'')
            except rpc.Fault:
                pass


def setUpModule():
    global CAPTURE
    lab.need('tshark', 'dumpcap', 'rpcclient')
    CAPTURE = os.path.join(lab.ROOT, 'story.pcapng')
    recorder = Recorder(CAPTURE)
    try:
        story()
    finally:
        recorder.stop()


def tshark(*args):
    command = ['tshark', '-r', CAPTURE, '-o', 'ntlmssp.nt_password:' + PASSWORD, *args]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=2 * lab.STEP_S, text=True).stdout


def rows(expression, *fields):
    """The values of the fields of every frame that the expression fits; lists of lists."""
    args = [a for f in fields for a in ('-e', f)]
    out = tshark('-Y', expression, '-T', 'fields', '-E', 'occurrence=a', *args)
    return [line.split('\t') for line in out.splitlines()]


def call_of(protocol, opnum):
    """(interface, opnum) of the columns"""
    return (protocol.lower().replace('rpc_', ''), int(opnum.split(',')[0]) if opnum else None)


class Judgement(unittest.TestCase):
    def test_nothing_is_malformed(self):
        errors = 0x800000  # of severity, with whatever group
        for number, protocol, opnum, level, message in rows(
                '_ws.malformed or _ws.expert.severity >= %d' % errors, 'frame.number',
                '_ws.col.Protocol', 'dcerpc.opnum', 'dcerpc.auth_level', '_ws.expert.message'):
            what = call_of(protocol, opnum)
            if level.split(',').count('6') > 1:
                continue  # of several sealed PDUs in one packet tshark shows the first each time
            if what not in WRONG_JUDGEMENTS:
                self.fail('frame %s, %r: %s\n%s' % (number, what, message, tshark(
                    '-Y', 'frame.number == ' + number, '-V')))

    def test_nothing_is_longer_than_its_layout(self):
        for number, protocol, opnum in rows('_ws.expert.message == "Long frame"', 'frame.number',
                                             '_ws.col.Protocol', 'dcerpc.opnum'):
            what = call_of(protocol, opnum)
            if what not in LONG_FRAMES and what not in WRONG_JUDGEMENTS:
                self.fail('frame %s, %r\n%s' % (number, what, tshark(
                    '-Y', 'frame.number == ' + number, '-V')))

    def test_it_was_looked_into(self):
        """The passwords opened what was sealed, and there was enough of it."""
        seen = tshark('-q', '-z', 'expert')
        self.assertIn('NTLMv2 authenticated using', seen)
        self.assertIn('AES authenticated using', seen)
        calls = {call_of(p, o) for p, o in rows(
            'dcerpc.pkt_type == 2 and not _ws.malformed', '_ws.col.Protocol', 'dcerpc.opnum')}
        for wanted in ((('netlogon', n) for n in (2, 4, 11, 12, 13, 14, 19, 20, 26, 36, 39, 40, 45,
                                                  46)),
                       (('lsarpc', n) for n in (0, 2, 6, 7, 11, 13, 14, 15, 36, 45)),
                       (('samr', n) for n in (1, 5, 6, 7, 8, 11, 13, 15, 16, 17, 18, 19, 20, 25,
                                              34, 35, 36, 39, 40, 44, 48, 50, 51, 55, 56, 58, 63,
                                              64, 73)),
                       (('epm', n) for n in (2, 3))):
            for call in wanted:
                self.assertIn(call, calls)
        fragments = rows('dcerpc.pkt_type == 2 and dcerpc.cn_flags.last_frag == 0', 'frame.number')
        self.assertGreater(len(fragments), 0)
        users = tshark('-Y', 'samr.opnum == 13', '-O', 'samr', '-V')
        self.assertIn('user-of-a-long-0199', users)

    def test_names_of_statuses(self):
        """An unknown opnum is a fault that Wireshark calls by its name."""
        self.assertTrue(rows('dcerpc.cn_status == 0x%08x' % rpc.OP_RANGE, 'frame.number'))


if __name__ == '__main__':
    lab.main()
