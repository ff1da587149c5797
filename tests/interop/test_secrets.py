#!/usr/bin/python3
"""A whole story with planted passwords: none of them, in any form, comes out anywhere."""

import base64
import glob
import os
import pwd
import re
import socket
import unittest

import lab
from netlogon import INTERDOMAIN, Channel, Refused, nt_hash
from rpcclient import rpcclient

ACCOUNTS = RESOURCES = None
PLANTED = {}   # name: password as text or bytes
KEYS = {}      # name: key as bytes
ANSWERS = []   # (where, bytes)
GENERATED = [None, b'']  # the password that was generated, and the one answer that may have it


def plant(name):
    return PLANTED.setdefault(name, 'Plant3d-%s-%s' % (name, os.urandom(4).hex()))


def ask(domain, method, path, body=b''):
    """The admin API as it is on the wire."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(lab.STEP_S)
        s.connect(domain.socket)
        s.sendall(('%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n'
                   % (method, path, len(body))).encode() + body)
        answer = b''
        while more := s.recv(65536):
            answer += more
    ANSWERS.append(('%s %s of %s' % (method, path, domain.name), answer))
    return answer


def setUpModule():
    """The story."""
    global ACCOUNTS, RESOURCES
    lab.need('rpcclient')
    a = ACCOUNTS = lab.Domain('ACCOUNTS', 'ACCPDC', '127.0.0.1', plant('admin-a'))
    r = RESOURCES = lab.Domain('RESOURCES', 'RESPDC', '127.0.0.2', plant('admin-r'))
    a.ntrust('user', 'add', 'alice', password=plant('alice'))
    a.ntrust('user', 'password', 'alice', password=plant('alice-2'))
    a.ntrust('computer', 'add', 'WS1', password=plant('ws1'))

    # the permission burns, and is given again
    a.ntrust('permit', 'add', 'RESOURCES', password=plant('burned'))
    r.ntrust('trust', 'add', 'ACCOUNTS', '--server', a.address, password=plant('wrong'), ok=None)
    r.ntrust('trust', 'remove', 'ACCOUNTS', ok=None)
    a.ntrust('permit', 'remove', 'RESOURCES')
    lab.trust(r, a, plant('initial'))
    r.logon('ACCOUNTS\\alice', plant('alice-2'))
    r.logon('ACCOUNTS\\alice', plant('no-logon'), ok=False)
    r.ntrust('trust', 'rotate', 'ACCOUNTS')
    r.ntrust('trust', 'verify', 'ACCOUNTS')

    # by administrators and users of other systems
    rpcclient(a, 'createdomuser carol')
    a.ntrust('user', 'enable', 'carol')
    for level in (18, 21, 23, 24, 25, 26):
        rpcclient(a, 'setuserinfo2 carol %d %s' % (level, plant('carol-%d' % level)))
    old = plant('carol-26')
    for how in ('chgpasswd2', 'chgpasswd3', 'chgpasswd4'):
        rpcclient(a, '%s carol %s %s' % (how, old, plant(how)))
        old = plant(how)
    rpcclient(a, 'chgpasswd3 carol %s %s' % (plant('not-this'), plant('nor-this')), ok=False)
    rpcclient(a, 'lsaquery', user='ACCOUNTS\\alice', password=plant('no-bind'), ok=False)

    # by a member, and by a trusting controller
    with Channel(a, 'WS1', plant('ws1')) as c:
        c.open().logon('Ex', 'alice', 'ACCOUNTS', plant('alice-2'), 1)
        KEYS['of the channel of WS1'] = c.key
        c.set_password(plant('ws1-2'))
        try:
            c.logon('Ex', 'alice', 'ACCOUNTS', plant('no-ex'), 1)
        except Refused:
            pass
    a.ntrust('permit', 'add', 'EAST', password=plant('east'))
    with Channel(a, 'EASTDC', plant('east'), account='EAST$', kind=INTERDOMAIN) as c:
        c.open()
        PLANTED['east-2'] = os.urandom(60)
        c.set_password(PLANTED['east-2'], version=1)
        c.open().trust_info()
        KEYS['of the channel of EAST'] = c.key

    # mistakes
    a.ntrust('policy', 'set', 'min_password_length', '60')
    a.ntrust('user', 'add', 'short', password=plant('short'), ok=None)
    a.ntrust('policy', 'set', 'min_password_length', '0')
    a.ntrust('user', 'add', 'bad*name', password=plant('bad-name'), ok=False)
    a.ntrust('user', 'add', 'alice', password=plant('again'), ok=False)
    for body in ('{"name": "x", "password": "%s", "typo": 1}', '{"name": "x", "password": "%s"',
                 '{"name": "x", "password": ["%s"]}'):
        ask(a, 'POST', '/v1/users', (body % plant('in-a-mistake')).encode())
    ask(a, 'POST', '/v1/permits', b'{"name": "WEST", "password": "%s", "generate": true}'
        % plant('west').encode())

    answer = ask(a, 'POST', '/v1/permits', b'{"name": "NORTH", "generate": true}')
    GENERATED[:] = [re.search(rb'"generated_password": ?"([^"]+)"', answer)[1].decode(), answer]
    PLANTED['generated'] = GENERATED[0]

    for domain in (a, r):
        for path in ('status', 'domain', 'policy', 'permits', 'permits/EAST', 'permits/NORTH',
                     'trusts', 'trusts/ACCOUNTS', 'users', 'users/alice', 'computers',
                     'computers/WS1', 'groups', 'events?max=1000'):
            ask(domain, 'GET', '/v1/' + path)
        domain.ntrust('events', '--max', '1000')
        domain.ntrust('status')
        domain.ntrust('backup', domain.dir + '/backup.db')


def forms():
    """(what it is, bytes)"""
    for name, password in PLANTED.items():
        text = not isinstance(password, bytes)
        raw = password.encode('utf-16-le') if text else password
        if text:
            yield name + ' in clear text', password.encode()
        yield name + ' as UTF-16', raw
        yield from coded(name + ' as UTF-16', raw)
        if text:
            yield from coded(name, password.encode())
            yield name + ', NT hash', nt_hash(password)
            yield from coded(name + ', NT hash', nt_hash(password))
    for name, key in KEYS.items():
        yield name, key
        yield from coded(name, key)


def coded(name, data):
    yield name + ' in hex', data.hex().encode()
    yield name + ' in upper hex', data.hex().upper().encode()
    yield name + ' in spaced hex', data.hex(' ').encode()
    # the middle of the Base64 text, whatever stands before it
    for shift in range(3):
        yield name + ' in Base64', base64.b64encode(bytes(shift) + data)[4:-4]


class Secrets(unittest.TestCase):
    def clean(self, where, data):
        for name, form in forms():
            if form in data:
                self.fail('%s has the password of %s' % (where, name))

    def test_not_in_logs(self):
        self.assertIn(' debug ', ACCOUNTS.log())
        for d in (ACCOUNTS, RESOURCES):
            self.clean('the log of ' + d.name, d.log().encode())

    def test_not_in_answers_of_the_api(self):
        self.assertGreater(len(ANSWERS), 30)
        for where, answer in ANSWERS:
            if answer != GENERATED[1]:
                self.clean(where, answer)

    def test_a_generated_password_is_shown_once(self):
        self.assertEqual(GENERATED[1].count(GENERATED[0].encode()), 1)

    def test_not_in_the_output_of_commands(self):
        seen = 0
        for command, out in lab.TRANSCRIPT:
            if command[0] == lab.NTRUST:
                seen += 1
                self.clean(' '.join(command), out.encode())
                self.clean('the arguments of ' + ' '.join(command), ' '.join(command).encode())
        self.assertGreater(seen, 20)

    def test_not_in_the_store(self):
        for d in (ACCOUNTS, RESOURCES):
            names = glob.glob(d.dir + '/*.db*')
            self.assertGreaterEqual(len(names), 2)  # the backup, too
            with open(d.dir + '/master.key', 'rb') as f:
                master = f.read()
            for name in names:
                self.assertEqual(os.stat(name).st_mode & 0o077, 0, name)
                with open(name, 'rb') as f:
                    data = f.read()
                self.clean(name, data)
                self.assertNotIn(master, data)
            self.assertEqual(os.stat(d.dir + '/master.key').st_mode & 0o777, 0o600)

    def test_not_in_the_store_after_an_orderly_end(self):
        RESOURCES.stop()
        self.clean('the log', RESOURCES.log().encode())
        for name in glob.glob(RESOURCES.dir + '/*.db*'):
            with open(name, 'rb') as f:
                self.clean(name, f.read())

    def test_not_in_what_the_process_shows(self):
        for what in ('cmdline', 'environ'):
            with open('/proc/%d/%s' % (ACCOUNTS.process.pid, what), 'rb') as f:
                self.clean(what, f.read())

    def test_not_in_core_dumps(self):
        """There are none: the limit is 0, and the process is not dumpable."""
        with open('/proc/%d/limits' % ACCOUNTS.process.pid, encoding='ascii') as f:
            self.assertRegex(f.read(), r'Max core file size +0 +0 ')
        # Files in /proc of a process that is not dumpable belong to root. This shows where the
        # process itself does not, which takes root to arrange.
        if lab.may_trace():
            self.as_nobody()

    def as_nobody(self):
        nobody = pwd.getpwnam('nobody')
        os.chmod(lab.ROOT, 0o711)
        try:
            d = lab.Domain('THIRD', 'THIRDPDC', '127.0.0.3', owner=nobody,
                           settings={'listen': {'epm_port': 10135, 'smb_port': 10445}})
        except PermissionError:
            self.skipTest('the user nobody cannot reach ' + lab.NTRUSTD)
        path = '/proc/%d/status' % d.process.pid
        with open(path, encoding='ascii') as f:
            self.assertRegex(f.read(), r'Uid:\t%d\t%d' % (nobody.pw_uid, nobody.pw_uid))
        self.assertEqual(os.stat(path).st_uid, 0)
        with open('/proc/%d/limits' % d.process.pid, encoding='ascii') as f:
            self.assertRegex(f.read(), r'Max core file size +0 +0 ')


if __name__ == '__main__':
    lab.main()
