"""What people, machines and accidents do to ntrust and ntrustd: each case gives a clear message that
says what to do, an exit code that is not 0, and loses nothing that was acknowledged."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import sqlite3
import struct
import subprocess
import threading
import time
import unittest

import clock
import world as w

ROOT = os.geteuid() == 0
NOBODY = 65534
AS_NOBODY = ['/usr/bin/setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups',
             '--']


def sha(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


class Arguments(w.TestCase):
    """The command line. No daemon is needed to see that a command makes no sense."""

    WRONG = (
        ([], 'which command'),
        (['frobnicate'], "no command 'frobnicate'"),
        (['trust'], 'needs one more word'),
        (['trust', 'frobnicate'], 'needs one more word'),
        (['--bogus'], 'Try'),
        (['status', 'more'], 'usage: ntrust status'),
        (['trust', 'show'], 'usage: ntrust trust show DOMAIN'),
        (['trust', 'show', 'A', 'B'], 'usage: ntrust trust show DOMAIN'),
        (['trust', 'servers', 'X'], '--server'),
        (['trust', 'servers', 'X', '--locate', '--server', 'h'], '--locate'),
        (['locate'], 'locate DOMAIN'),
        (['user', 'add', 'x', '--server', 'h'], 'does not take --server'),
        (['user', 'add', 'x', '--password-fd', 'x'], 'file descriptor'),
        (['permit', 'add', 'X', '--generate', '--empty-password'], 'one of'),
        (['permit', 'add', 'X', '--generate', '--attempts', 'many'], 'number'),
        (['permit', 'add', 'X', '--generate', '--attempts', '0'], 'number'),
        (['events', '--max', 'many'], 'number'),
        (['logon', 'alice', '--password-fd', '0'], r'DOMAIN\\user'),
        (['backup', 'relative'], "begin with '/'"),
        (['decode'], '--interface'),
        (['decode', '--interface', 'bogus', '--opnum', '1', '--request', '-'], 'no interface'),
        (['decode', '--interface', 'netlogon', '--opnum', '999', '--request', '-'], 'no call'),
        (['rpc'], 'which server'),
        (['rpc', 'h'], 'which call'),
        (['rpc', 'h', 'bogus', 'x'], 'no interface'),
        (['rpc', 'h', 'samr', 'SamrOpen'], 'no method'),
        (['rpc', '--list', 'samr', '4'], 'no method'),
        (['rpc', '--list', 'samr', 'SamrConnect', 'x'], '--list goes with'),
        (['rpc', 'h', 'samr', 'SamrOpenUser', '-n'], 'UserId: is missing'),
        (['rpc', 'h', 'samr', 'SamrOpenUser', '-n', 'UserId'], 'no NAME=VALUE'),
        (['rpc', 'h', 'samr', 'SamrOpenUser', '-n', 'UserId=x'], 'a number is wanted'),
        (['rpc', 'h', 'samr', 'SamrOpenUser', '-n', 'UserId=1', '--kind', 'server'], '--channel'),
        (['rpc', 'h', 'samr', 'x', '--script', '[]'], 'with --script'),
        (['rpc', 'h', '--script', '[{]'], 'the script, line 1'),
        (['rpc', 'h', '--script', '[1]', '-n'], 'call 1 of the script'),
        (['rpc', 'h', '--script', '{"call":"x","arg":{}}', '-n'], "'arg' is none of"),
        (['rpc', 'h', '--script', '{"call":"x"}', '-n'], 'names no interface'),
        (['rpc', 'h', '--script', '/nonexistent/script', '-n'], 'No such file'),
        (['rpc', 'h', 'samr', 'SamrConnect', '-U', 'nobody'], 'DOMAIN.NAME'),
        (['rpc', 'h', 'samr', 'SamrConnect', '--protect', 'much', '-U', '%'], '--protect is'),
        (['reset', 'X'], '-U'),
        (['domain', 'init', ''], 'NetBIOS'),
        (['domain', 'init', 'A' * 16], 'NetBIOS'),
        (['domain', 'init', 'A B'], 'NetBIOS'),
        (['domain', 'init', 'A/B'], 'NetBIOS'),
        (['domain', 'init', 'GOOD', '--computer', 'BAD:NAME'], 'NetBIOS'),
    )

    def run_ntrust(self, args, stdin='', **options):
        done = subprocess.run([w.NTRUST, '--socket', '/nonexistent/socket'] + args, input=stdin,
                              capture_output=True, text=True, errors='replace', timeout=20,
                              **options)
        return done.returncode, done.stdout, done.stderr

    def test_wrong(self):
        for args, text in self.WRONG:
            with self.subTest(args=args):
                code, out, err = self.run_ntrust(args)
                self.assertEqual(code, 2, err)
                self.assertRegex(err, text)
                self.assertEqual(out, '')

    def test_no_daemon(self):
        for args in (['status'], ['trust', 'list'], ['user', 'add', 'x', '--password-fd', '0']):
            code, _, err = self.run_ntrust(args, 'secret123\n')
            self.assertEqual(code, 1)
            self.assertRegex(err, 'ntrustd does not answer at /nonexistent/socket')
            self.assertRegex(err, '--socket')
        self.assertEqual(self.run_ntrust(['check'])[0], 3)

    def test_socket_path_too_long(self):
        done = subprocess.run([w.NTRUST, '--socket', '/x' * 200, 'status'], capture_output=True,
                              text=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, 'too long')

    def test_passwords(self):
        code, _, err = self.run_ntrust(['user', 'add', 'x', '--password-fd', '0'])
        self.assertEqual(code, 1)
        self.assertRegex(err, 'no password')
        code, _, err = self.run_ntrust(['user', 'add', 'x', '--password-fd', '77'])
        self.assertEqual(code, 1)
        self.assertRegex(err, 'descriptor 77')
        code, _, err = self.run_ntrust(['user', 'add', 'x', '--password-fd', '0'], 'p' * 5000)
        self.assertEqual(code, 1)
        self.assertRegex(err, 'too long')
        code, _, err = self.run_ntrust(['user', 'add', 'x'], start_new_session=True)
        self.assertEqual(code, 1)
        self.assertRegex(err, 'terminal.*--password-fd')

    def test_output_cannot_be_written(self):
        with open('/dev/full', 'w') as full:
            done = subprocess.run([w.NTRUST, '--help'], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=20)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, 'cannot write')

    def test_decode_garbage(self):
        for stub in (b'', b'\xff' * 64, os.urandom(500), struct.pack('<III', 1, 0xFFFFFFF0, 0)):
            done = subprocess.run([w.NTRUST, 'decode', '--interface', 'netlogon', '--opnum', '26',
                                   '--request', '-'], input=stub, capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, b'no request of NetrServerAuthenticate3')
        done = subprocess.run([w.NTRUST, 'decode', '--interface', 'netlogon', '--opnum', '26',
                               '--request', '-', '--hex'], input=b'abc xyz', capture_output=True,
                              timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, b'hexadecimal')
        done = subprocess.run([w.NTRUST, 'decode', '--interface', 'netlogon', '--opnum', '26',
                               '--request', '/nonexistent/file'], capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, b'No such file')


class Names(w.TestCase):
    """Names and values that a domain cannot have, through the command line and the API."""

    def setUp(self):
        super().setUp()
        self.domain = self.world.domain('ACCOUNTS', 'ACCPDC').start()

    def refused(self, args, status='INVALID', stdin='Passw0rd1'):
        code, out, err = self.domain.ntrust(*args, stdin=stdin, code=None)
        self.assertEqual(code, 1, '%s: %s%s' % (args, out, err))
        self.assertRegex(err, status, args)
        self.assertRegex(err, '(?s)^ntrust: .{10,}')

    def test_names(self):
        bad = ['A' * 300, 'a/b', 'a\\b', 'a:b', 'a|b', 'a"b', 'a<b', 'a*b', 'a?b', 'a,b', 'a;b',
               'a=b', 'a+b', 'a[b', 'tab\tin', 'new\nline', ' ']
        netbios = ';=+['  # allowed in the name of a domain, but not of an account
        for name in bad:
            with self.subTest(name=name[:20]):
                self.refused(['user', 'add', name, '--password-fd', '0'])
                self.refused(['group', 'add', name])
                self.refused(['computer', 'add', name])
                self.refused(['permit', 'add', name, '--password-fd', '0'])
                if not set(name) & set(netbios):
                    self.refused(['trust', 'add', name, '--server', 'h', '--password-fd', '0'])
        for args in (['user', 'add', '', '--password-fd', '0'], ['group', 'add', ''],
                     ['computer', 'add', ''], ['permit', 'add', '', '--generate'],
                     ['computer', 'add', 'A' * 16], ['permit', 'add', 'A' * 16, '--generate']):
            with self.subTest(args=args):
                self.refused(args)
        status = self.domain.api('GET', '/v1/domain')
        self.assertEqual((status['users'], status['computers'], status['trusts'],
                          status['permits']), (2, 0, 0, 0))  # Administrator, Guest

    def test_not_utf8(self):
        for args in (['user', 'add', b'\xff\xfe', '--password-fd', '0'],
                     ['permit', 'add', b'\xff\xfe', '--generate'],
                     ['group', 'add', b'\xff\xfe'], ['computer', 'add', b'\xff\xfe'],
                     ['trust', 'add', b'\xff', '--server', 'h', '--empty-password'],
                     ['user', 'show', b'\xff\xfe']):
            done = subprocess.run([w.NTRUST, '--socket', self.domain.socket] + args,
                                  input=b'Passw0rd1', capture_output=True, timeout=20)
            self.assertEqual(done.returncode, 1, (args, done))
            self.assertRegex(done.stderr, b'^ntrust: .{10,}', args)

    def test_itself_and_twice(self):
        self.refused(['permit', 'add', 'ACCOUNTS', '--generate'], '.')
        self.refused(['trust', 'add', 'ACCOUNTS', '--server', 'h', '--empty-password'], '.')
        self.domain.ntrust('permit', 'add', 'EAST', '--generate')
        self.refused(['permit', 'add', 'EAST', '--generate'], 'EXISTS|COLLISION')
        self.refused(['permit', 'add', 'east', '--generate'], 'EXISTS|COLLISION')
        self.domain.ntrust('user', 'add', 'alice', '--password-fd', '0', stdin='Passw0rd1')
        self.refused(['user', 'add', 'ALICE', '--password-fd', '0'], 'EXISTS')
        self.refused(['group', 'add', 'Alice'], 'EXISTS')

    def test_what_is_not_there(self):
        for args in (['user', 'show', 'nobody'], ['user', 'remove', 'nobody'],
                     ['group', 'show', 'none'], ['computer', 'show', 'none'],
                     ['permit', 'show', 'NONE'], ['permit', 'remove', 'NONE'],
                     ['trust', 'show', 'NONE'], ['trust', 'remove', 'NONE'],
                     ['trust', 'verify', 'NONE'], ['trust', 'rotate', 'NONE'],
                     ['group', 'join', 'none', 'alice'],
                     ['user', 'password', 'nobody', '--password-fd', '0'],
                     ['trust', 'servers', 'NONE', '--server', 'h']):
            with self.subTest(args=args):
                self.refused(args, 'NO_SUCH|NOT_FOUND')

    def test_values(self):
        self.domain.ntrust('policy', 'set', 'min_password_length', '7')
        self.refused(['user', 'add', 'bob', '--password-fd', '0'], 'PASSWORD_RESTRICTION', 'x')
        self.refused(['user', 'add', 'bob', '--password-fd', '0'], 'INVALID', 'p' * 257)
        self.refused(['user', 'add', 'bob', '--password-fd', '0', '--group', 'none'],
                     'NO_SUCH_GROUP')
        self.refused(['policy', 'set', 'bogus', '1'])
        self.refused(['policy', 'set', 'retry_first_s', 'soon'])
        self.refused(['policy', 'set', 'retry_first_s', '0'])
        self.refused(['policy', 'set', 'trust_attempts', '1000000'])
        self.refused(['policy', 'set', 'change_interval_s', '99999999999999999999'])
        self.refused(['group', 'add', 'g', '--kind', 'bogus'])
        self.refused(['computer', 'add', 'c', '--kind', 'bogus'])
        for server in ('', 'host:', 'host:0', 'host:70000', 'host:x', ':135', 'a b', '[::1',
                       'h' * 400):
            with self.subTest(server=server[:20]):
                self.refused(['trust', 'add', 'WEST', '--server', server, '--empty-password'])
        self.assertIsNone(self.domain.maybe('GET', '/v1/users/bob'))
        self.assertIsNone(self.domain.trust('WEST'))


class Peers(w.TestCase):
    """Controllers of the trusted domain that are not there, or not what they should be."""

    def setUp(self):
        super().setUp()
        self.trusted, self.trusting = self.world.pair()
        for d in (self.trusted, self.trusting):
            d.api('PATCH', '/v1/policy', {'retry_first_s': 1, 'retry_most_s': 1})
        self.stopped = False
        self.servers = []

    def tearDown(self):
        self.stopped = True
        for server in self.servers:
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()

    def fake(self, behave):
        """A listener that has behave(connection) done with each connection. Its address."""
        server = socket.create_server((w.ADDRESS, 0))
        self.servers.append(server)

        def serve():
            while not self.stopped:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        def one(connection):
            with connection, contextlib.suppress(OSError):
                connection.settimeout(60)
                behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        return '%s:%d' % server.getsockname()

    @staticmethod
    def pdu(kind, body, size=None, call_id=1):
        size = 16 + len(body) if size is None else size
        return struct.pack('<BBBBIHHI', 5, 0, kind, 3, 0x10, size, 0, call_id) + body

    def never_answers(self, connection):
        while connection.recv(4096):
            pass

    def test_hostile(self):
        """All at once, since some take their time. Bounded, degraded and not broken; and with the
        right address the trust is established with the initial password, which is unharmed."""
        ack = struct.pack('<HHIH', 4280, 4280, 1, 4) + b'135\0' + bytes(2) + \
            struct.pack('<BxH', 1, 0) + struct.pack('<HH', 0, 0) + \
            bytes.fromhex('045d888aeb1cc9119fe808002b104860') + struct.pack('<I', 2)

        def say(data, wait=True):
            def behave(connection):
                connection.recv(4096)
                connection.sendall(data)
                if wait:
                    self.never_answers(connection)
            return behave

        def after_bind(data):
            def behave(connection):
                connection.recv(4096)
                connection.sendall(self.pdu(12, ack))
                connection.recv(4096)
                connection.sendall(data)
                self.never_answers(connection)
            return behave

        def trickle(connection):
            connection.recv(4096)
            for byte in self.pdu(12, ack):
                connection.sendall(bytes([byte]))
                time.sleep(1)
            self.never_answers(connection)

        def flood(connection):
            while True:
                connection.sendall(os.urandom(65536))

        def many_fragments(connection):
            connection.recv(4096)
            connection.sendall(self.pdu(12, ack))
            connection.recv(4096)
            while True:  # neither the first nor the last
                connection.sendall(struct.pack('<BBBBIHHI', 5, 0, 2, 0, 0x10, 4024, 0, 2) +
                                   struct.pack('<IHH', 4000, 0, 0) + bytes(4000))

        response = struct.pack('<IHH', 64, 0, 0)
        peers = {
            'CLOSES': lambda c: None,
            'CLOSESLATER': lambda c: c.recv(4096),
            'GARBAGE': say(os.urandom(4096)),
            'HTTP': say(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
            'HUGE': say(self.pdu(12, ack, size=0xFFFF)),
            'TINY': say(self.pdu(12, ack, size=4)),
            'CUT': say(self.pdu(12, ack)[:20], wait=False),
            'WRONGPDU': say(self.pdu(2, response + bytes(64))),
            'NAK': say(self.pdu(13, struct.pack('<H', 2) + bytes(6))),
            'FAULT': after_bind(self.pdu(3, struct.pack('<IHHI', 0, 0, 0, 0x1C010002) + bytes(4),
                                         call_id=2)),
            'BADSTUB': after_bind(self.pdu(2, response + b'\xff' * 64, call_id=2)),
            'HUGEALLOC': after_bind(self.pdu(2, struct.pack('<IHH', 0xFFFFFFF0, 0, 0) +
                                             b'\xff' * 64, call_id=2)),
            'MUTE': self.never_answers,
            'TRICKLE': trickle,
            'FLOOD': flood,
            'FRAGMENTS': many_fragments,
        }
        servers = {name: self.fake(behave) for name, behave in peers.items()}
        servers['REFUSED'] = '%s:%d' % (w.ADDRESS, w.free_port())
        answers, seconds = {}, {}

        def add(name):
            start = time.monotonic()
            try:
                answers[name] = self.trusting.api(
                    'POST', '/v1/trusts', {'name': name, 'servers': [servers[name]],
                                           'password': 'initial'})
            except (w.ApiError, w.Unreachable) as e:
                answers[name] = e
            seconds[name] = time.monotonic() - start

        threads = [threading.Thread(target=add, args=(name,)) for name in servers]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for name, trust in sorted(answers.items()):
            with self.subTest(peer=name, answer=trust):
                self.assertIsInstance(trust, dict)
                self.assertLess(seconds[name], 40)
                self.assertNotIn(trust['state'], ('active', 'broken'))
                self.assertTrue(trust['degraded'])
                self.assertRegex(trust['last_error']['text'], '.{10,}')
                self.assertRegex(trust['text'] + trust['next'], 'reach|tried again|server')
        self.assertLess(self.resident_kib(self.trusting), 400 * 1024)
        self.check_works('MUTE')

    def check_works(self, name):
        """The daemon is as good as ever, for a trust whose server is put right, too."""
        trust = w.establish(self.trusting, self.trusted)
        self.assertEqual(trust['state'], 'active')
        self.assertEqual(self.trusting.logon('ACCOUNTS', 'alice', 'Wonder1land')['status'],
                         'SUCCESS')
        self.trusting.api('DELETE', '/v1/trusts/' + name)
        self.assertIsNone(self.trusting.trust(name))

    @staticmethod
    def resident_kib(domain):
        with open('/proc/%d/status' % domain.process.pid) as f:
            return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))

    def test_unreachable(self):
        """Told by the command line, with its exit code; and put right afterwards."""
        start = time.monotonic()
        code, out, err = self.trusting.ntrust(
            'trust', 'add', 'ACCOUNTS', '--server', '%s:%d' % (w.ADDRESS, w.free_port()),
            '--password-fd', '0', stdin='initial', code=None)
        self.assertEqual(code, 1)
        self.assertLess(time.monotonic() - start, 20)
        self.assertRegex(out, 'cannot be reached')
        self.assertRegex(out, 'Next:')
        self.assertIn(self.trusting.ntrust('check', 'ACCOUNTS', code=None)[0], (1, 2))
        self.trusted.api('POST', '/v1/permits', {'name': 'RESOURCES', 'password': 'initial'})
        self.trusting.ntrust('trust', 'servers', 'ACCOUNTS', '--server',
                             '%s:%d' % (w.ADDRESS, self.trusted.epm_port))
        w.until('the trust is established with the server put right',
                lambda: self.trusting.trust('ACCOUNTS')['state'] == 'active')

    def test_name_unknown(self):
        start = time.monotonic()
        trust = self.trusting.api('POST', '/v1/trusts', {
            'name': 'NOWHERE', 'servers': ['no-such-host.invalid'], 'password': 'x'})
        self.assertLess(time.monotonic() - start, 60)
        self.assertNotEqual(trust['state'], 'active')
        self.assertIn('no-such-host.invalid', trust['last_error']['text'])
        self.assertNotEqual(trust['next'], '')

    def test_wrong_domain_and_itself(self):
        """A server that is a controller, but of another domain; and our own."""
        self.trusted.api('POST', '/v1/permits', {'name': 'RESOURCES', 'password': 'initial'})
        for port in (self.trusted.epm_port, self.trusting.epm_port):
            trust = self.trusting.api('POST', '/v1/trusts', {
                'name': 'OTHER', 'servers': ['%s:%d' % (w.ADDRESS, port)],
                'password': 'initial'})
            self.assertNotEqual(trust['state'], 'active', trust)
            self.trusting.api('DELETE', '/v1/trusts/OTHER')

    def test_cut_in_the_middle(self):
        """The connection is cut at every message of an establishment, one after the other."""
        proxy = self.world.proxy(self.trusted)
        n = 0
        while True:
            n += 1
            self.trusted.api('POST', '/v1/permits', {'name': 'RESOURCES', 'password': 'initial'})
            proxy.arm(n, n % 2 == 0, lambda: None)
            cut = threading.Event()

            def act():
                cut.set()
                for s in list(proxy.connections):
                    proxy.end(s)
            proxy.arm(n, n % 2 == 0, act)
            self.trusting.api('POST', '/v1/trusts', {
                'name': 'ACCOUNTS', 'servers': [proxy.server], 'password': 'initial'})
            w.until('established after a cut at message %d' % n,
                    lambda: self.trusting.trust('ACCOUNTS')['state'] == 'active')
            proxy.disarm()
            self.assertEqual(self.trusting.logon('ACCOUNTS', 'alice', 'Wonder1land')['status'],
                             'SUCCESS')
            self.trusting.api('DELETE', '/v1/trusts/ACCOUNTS')
            self.trusted.api('DELETE', '/v1/permits/RESOURCES')
            if not cut.is_set():
                break
        self.assertGreater(n, 15)


class Callers(w.TestCase):
    """Whoever connects to the RPC ports and means harm."""

    def test_garbage(self):
        domain = self.world.domain('ACCOUNTS', 'ACCPDC').start()
        bind = bytes.fromhex('05000b03100000004800000001000000')
        for port in (domain.epm_port, domain.rpc_port):
            for data in (b'', b'\0', os.urandom(10000), b'GET / HTTP/1.0\r\n\r\n',
                         bind, struct.pack('<BBBBIHHI', 5, 0, 11, 3, 0x10, 0xFFFF, 0xFFFF, 1),
                         struct.pack('<BBBBIHHI', 5, 0, 0, 3, 0x10, 24, 0, 1) + b'\xff' * 8,
                         struct.pack('<BBBBIHHI', 5, 0, 11, 3, 0x10, 0, 0, 1)):
                with contextlib.suppress(ConnectionError), \
                        socket.create_connection((w.ADDRESS, port), 5) as s:
                    s.sendall(data)
                    s.shutdown(socket.SHUT_WR)
                    s.settimeout(10)
                    while s.recv(65536):
                        pass
        idle = [socket.create_connection((w.ADDRESS, domain.rpc_port), 5) for _ in range(200)]
        self.assertEqual(domain.api('GET', '/v1/status')['domain'], 'ACCOUNTS')
        for s in idle:
            s.close()
        self.assertEqual(domain.stop(), 0)


class Start(w.TestCase):
    """What keeps ntrustd from starting: one clear line, exit code not 0, nothing touched."""

    def setUp(self):
        super().setUp()
        self.domain = self.world.domain('ACCOUNTS', 'ACCPDC')

    def fails(self, text, code=1, domain=None):
        domain = domain or self.domain
        got, said = domain.run_failing()
        self.assertEqual(got, code, said)
        self.assertRegex(said, text)
        self.assertEqual(len([line for line in said.splitlines()
                              if line.startswith('ntrustd: ')]), 1, said)
        self.assertFalse(os.path.exists(domain.socket) and not domain.process)
        return said

    # --- settings ---

    def config(self, text):
        with open(self.domain.config, 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())

    def test_config(self):
        for text, said in (
                ('[listen]\nrpc_port = 1\nbogus = 2\n', r":3: unknown setting 'bogus' in \[listen\]"),
                ('[bogus]\nx = 1\n', r':2: unknown section \[bogus\]'),
                ('[listen]\nrpc_port = many\n', ':2: rpc_port must be a number from 1 to 65535'),
                ('[listen]\nrpc_port = 65536\n', ':2: rpc_port must be a number'),
                ('[listen]\nrpc_port = -1\n', ':2: rpc_port must be a number'),
                ('[listen]\naddress = 300.0.0.1\n', ":2: '300.0.0.1' is not an IPv4 or IPv6"),
                ('[listen]\naddress =\n', ':2: at least one address'),
                ('[rpc]\nlsa_over_tcp = maybe\n', ":2: .*'yes' or 'no'"),
                ('[log]\nlevel = loud\n', ':2: level must be'),
                ('[domain]\nstore =\n', ':2: .*empty'),
                ('# fine\n\n[domain\n', ":3: a section must end with ']'"),
                ('[listen]\nrpc_port\n', ":2: expected 'key = value'"),
                ('rpc_port = 1\n', ':1: .*before any'),
                ('[]\n', ':1: '),
                ('[admin]\nsocket = %s\n' % ('/x' * 200), ':2: .*longer than'),
                (b'[domain]\nstore = \0\n', ':2: .*NUL'),
                (b'[domain]\n' + b'x' * 5000 + b'\n', ':2: .*longer than'),
                (b'#' * (2 << 20), 'larger than')):
            with self.subTest(text=text[:40]):
                self.config(text)
                self.fails(re.escape(self.domain.config) + said if said.startswith(':') else said,
                           code=2)
                done = subprocess.run([w.NTRUSTD, '-c', self.domain.config, '--check-config'],
                                      capture_output=True, text=True, timeout=20)
                self.assertEqual(done.returncode, 2)

    def test_check_config(self):
        run = lambda *args: subprocess.run([w.NTRUSTD] + list(args), capture_output=True, text=True,
                                           timeout=20)
        done = run('-c', self.domain.config, '--check-config')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertRegex(done.stdout, 'good')
        done = run('-c', self.domain.config, '--print-config')
        self.assertEqual(done.returncode, 0)
        self.assertIn('store = ' + self.domain.store, done.stdout)
        again = self.domain.path('again.conf')
        with open(again, 'w') as f:
            f.write(done.stdout)
        self.assertEqual(run('-c', again, '--print-config').stdout, done.stdout)
        done = run('-c', '/nonexistent/ntrustd.conf')
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, '/nonexistent/ntrustd.conf: No such file')
        self.assertNotEqual(run('--bogus').returncode, 0)
        self.assertNotEqual(run('extra').returncode, 0)
        self.config('[domain]\n')
        os.chmod(self.domain.config, 0)
        if not ROOT:
            self.fails('Permission denied', code=2)

    # --- ports and sockets ---

    def test_ports(self):
        for port in (self.domain.rpc_port, self.domain.epm_port):
            with socket.create_server((w.ADDRESS, port)):
                self.fails('%d.*in use' % port)
        self.domain.start()

    def test_address_not_here(self):
        self.domain.write_config({'listen': {'address': '203.0.113.77'}})
        self.fails('203.0.113.77')

    def test_second_one(self):
        self.domain.start()
        other = w.Domain(self.world.folder + '/second', 'ACCOUNTS', 'ACCPDC', init=False)
        other.write_config({'domain': {'store': self.domain.store,
                                       'master_key': self.domain.key}})
        self.fails('another|in use|lock', domain=other)
        other.write_config({'domain': {'store': self.domain.store, 'master_key': self.domain.key},
                            'admin': {'socket': self.domain.socket}})
        got, said = other.run_failing()
        self.assertEqual(got, 1)
        self.domain.api('POST', '/v1/users', {'name': 'alice', 'password': 'Wonder1land'})
        self.assertEqual(self.domain.stop(), 0)

    def test_socket_of_another(self):
        self.domain.start()
        other = self.world.domain('WEST')
        other.write_config({'admin': {'socket': self.domain.socket}})
        got, said = other.run_failing()
        self.assertEqual(got, 1)
        self.assertRegex(said, 'another ntrustd answers there')
        self.assertEqual(self.domain.api('GET', '/v1/status')['domain'], 'ACCOUNTS')

    def test_socket_is_a_file(self):
        with open(self.domain.socket, 'w') as f:
            f.write('precious')
        got, said = self.domain.run_failing()
        self.assertEqual(got, 1)
        self.assertRegex(said, 'no socket')
        with open(self.domain.socket) as f:
            self.assertEqual(f.read(), 'precious')

    def test_socket_without_folder(self):
        self.domain.write_config({'admin': {'socket': self.domain.path('no/such/admin.sock')}})
        self.fails('folder')

    def test_socket_after_kill(self):
        self.domain.start()
        self.domain.kill()
        self.assertTrue(os.path.exists(self.domain.socket))
        self.domain.start()
        self.assertEqual(self.domain.stop(), 0)
        self.assertFalse(os.path.exists(self.domain.socket))

    def test_group_and_user(self):
        self.domain.write_config({'admin': {'group': 'no-such-group'}})
        self.fails('no-such-group')
        if ROOT:
            self.domain.write_config({'process': {'user': 'no-such-user'}})
            got, said = self.domain.run_failing()
            self.assertEqual(got, 1)
            self.assertRegex(said, 'no-such-user')

    # --- the store ---

    def spoiled(self, text, spoil):
        """A copy of the store is spoiled; ntrustd refuses it, and leaves it as it is."""
        folder = self.domain.path('copy-%d' % len(os.listdir(self.domain.folder)))
        os.mkdir(folder)
        store, key = folder + '/domain.db', folder + '/master.key'
        shutil.copy2(self.domain.store, store)
        shutil.copy2(self.domain.key, key)
        spoil(store, key)
        before = sha(store) if os.path.isfile(store) else None
        self.domain.write_config({'domain': {'store': store, 'master_key': key}})
        self.fails(text)
        self.assertEqual(before, sha(store) if os.path.isfile(store) else None)

    @staticmethod
    def overwrite(path, at, data):
        with open(path, 'r+b') as f:
            f.seek(at)
            f.write(data)

    def test_store(self):
        size = os.path.getsize(self.domain.store)
        other = self.world.domain('WEST')

        def too_new(store, key):
            db = sqlite3.connect(store)
            db.execute('PRAGMA user_version = 4711')
            db.commit()
            db.close()

        def other_program(store, key):
            os.unlink(store)
            db = sqlite3.connect(store)
            db.execute('CREATE TABLE t (x)')
            db.commit()
            db.close()

        def text_file(store, key):
            with open(store, 'w') as f:
                f.write('not a database\n' * 1000)

        def a_folder(store, key):
            os.unlink(store)
            os.mkdir(store)

        def cut(store, key):
            os.truncate(store, size // 2)

        def middle(store, key):
            for at in range(4096, size, 4096):
                Start.overwrite(store, at, b'\xa5' * 200)

        for name, text, spoil in (
                ('missing', 'domain init', lambda s, k: os.unlink(s)),
                ('empty', 'domain.db', lambda s, k: os.truncate(s, 0)),
                ('too new', 'newer ntrust', too_new),
                ('another program', 'another program', other_program),
                ('a text', 'domain.db', text_file),
                ('a folder', 'domain.db', a_folder),
                ('cut', 'damaged', cut),
                ('damaged', 'damaged', middle),
                ('wrong key', 'master.key.*another', lambda s, k: shutil.copy2(other.key, k)),
                ('no key', 'master.key', lambda s, k: os.unlink(k)),
                ('key cut', 'master.key', lambda s, k: os.truncate(k, 7)),
                ('key open', 'master.key.*(mode|0600|chmod)', lambda s, k: os.chmod(k, 0o644))):
            with self.subTest(store=name):
                self.spoiled(text, spoil)

    def test_locked(self):
        db = sqlite3.connect(self.domain.store)
        db.execute('PRAGMA locking_mode = EXCLUSIVE')
        db.execute('BEGIN EXCLUSIVE')
        self.fails('locked|another')
        db.rollback()
        db.close()
        self.domain.start()

    @unittest.skipUnless(ROOT, 'needs root, to be another user')
    def test_read_only(self):
        daemon = os.path.join(self.world.folder, 'ntrustd')
        shutil.copy2(w.NTRUSTD, daemon)  # where nobody may come
        self.domain.command = AS_NOBODY + [daemon]
        for name in os.listdir(self.domain.folder):
            os.chown(self.domain.path(name), NOBODY, NOBODY)
        os.chown(self.domain.folder, NOBODY, NOBODY)
        os.chmod(self.domain.store, 0o400)
        self.fails('domain.db.*(read|permission)')
        os.chmod(self.domain.store, 0o600)
        os.chmod(self.domain.folder, 0o555)
        self.fails('read-only for this user.*make it writable')
        os.chmod(self.domain.folder, 0o755)
        self.domain.start()
        self.assertEqual(self.domain.stop(), 0)

    def test_init_over_a_domain(self):
        before = sha(self.domain.store), sha(self.domain.key)
        code, _, err = self.domain.ntrust('domain', 'init', 'OTHER', '--store', self.domain.store,
                                          '--password-fd', '0', stdin='Passw0rd1', code=None)
        self.assertEqual(code, 1)
        self.assertRegex(err, 'already')
        self.assertEqual(before, (sha(self.domain.store), sha(self.domain.key)))

    def test_init_nowhere(self):
        for store, text in (('/nonexistent/folder/domain.db', '/nonexistent'),
                            ('/proc/domain.db', '/proc')):
            code, _, err = self.domain.ntrust('domain', 'init', 'OTHER', '--store', store,
                                              '--password-fd', '0', stdin='Passw0rd1', code=None)
            self.assertEqual(code, 1)
            self.assertRegex(err, text)


class Admin(w.TestCase):
    """The admin API against callers that are not ours, or not well."""

    def setUp(self):
        super().setUp()
        self.domain = self.world.domain('ACCOUNTS', 'ACCPDC').start()

    def refused(self, method, path, data, http=400, status='INVALID_PARAMETER', text='.{8,}'):
        got, answer = self.domain.raw_api(method, path, data, 20)
        error = json.loads(answer)['error']
        self.assertEqual(got, http, answer)
        self.assertEqual(set(error), {'status', 'code', 'text', 'next'})
        self.assertRegex(error['status'], status, answer)
        self.assertRegex(error['text'], text)

    def test_bodies(self):
        deep = b'{"name":' + b'[' * 3000 + b']' * 3000 + b'}'
        for data, text in (
                (b'{"name": "x", "password": "', 'not JSON'), (b'hello', 'not JSON'),
                (b'[1, 2]', 'object'), (b'"text"', 'JSON|object'), (b'{} {}', 'not JSON'),
                (b'{"name": "x", "name": "y", "password": "Passw0rd1"}', 'not JSON.*duplicate'),
                (b'\xff\xfe{}', 'not JSON'), (b'{"name": "\xff", "password": "x"}', 'not JSON'),
                (b'{"name": "a\\u0000b", "password": "Passw0rd1"}', 'not JSON'),
                (deep, 'not JSON|text'), (b'{}', "'name' is missing"),
                (b'{"name": "x"}', "'password' is missing"),
                (b'{"name": 5, "password": "Passw0rd1"}', "'name' must be a text"),
                (b'{"name": "x", "password": null}', "'password'"),
                (b'{"name": "x", "password": "Passw0rd1", "pasword": "x"}', "unknown key 'pasword'"),
                (b'{"name": "x", "password": "Passw0rd1", "groups": "g"}', "'groups' must be"),
                (b'{"name": "x", "password": "Passw0rd1", "comment": 1}', "'comment' must be")):
            with self.subTest(data=data[:60]):
                self.refused('POST', '/v1/users', data, text=text)
        self.refused('PATCH', '/v1/users/Administrator', b'{"disabled": "yes"}',
                     text='true or false')
        for data in (b'{"name": "EAST", "generate": 1}',
                     b'{"name": "EAST", "generate": true, "attempts": 0}',
                     b'{"name": "EAST", "generate": true, "attempts": 1.5}',
                     b'{"name": "EAST", "generate": true, "attempts": 1e9}',
                     b'{"name": "EAST", "generate": true, "attempts": "1"}'):
            self.refused('POST', '/v1/permits', data)
        for data in (b'{"name": "EAST", "servers": []}',
                     b'{"name": "EAST", "password": "x", "servers": "h"}',
                     b'{"name": "EAST", "password": "x", "servers": [""]}',
                     b'{"name": "EAST", "password": "x", "dns_name": 1}',
                     b'{"name": "EAST", "password": "x", "dns_name": "a b"}',
                     b'{"name": "EAST", "password": "x", "servers": [1]}',
                     b'{"name": "EAST", "password": "x", "servers": ["a b"]}',
                     b'{"name": "EAST", "password": "x", "servers": [' +
                     b','.join([b'"host%d"' % i for i in range(200)]) + b']}'):
            with self.subTest(data=data[:60]):
                self.refused('POST', '/v1/trusts', data)
        for data in (b'{"retry_first_s": -1}', b'{"retry_first_s": 1.5}', b'{"bogus": 1}',
                     b'{"retry_first_s": null}', b'{"retry_first_s": 2, "bogus": 1}'):
            with self.subTest(data=data):
                self.refused('PATCH', '/v1/policy', data)
        self.assertNotEqual(self.domain.api('GET', '/v1/policy')['retry_first_s'], 2)
        for data in (b'{"domain": "A", "user": "u", "challenge": "00", "nt_response": "00"}',
                     b'{"domain": "A", "user": "u", "challenge": "zz00000000000000", '
                     b'"nt_response": "00"}'):
            self.refused('POST', '/v1/logon', data, text='hexadecimal')
        self.assertEqual(self.domain.api('GET', '/v1/domain')['users'], 2)
        self.assertEqual(self.domain.api('GET', '/v1/permits')['permits'], [])

    def test_too_large(self):
        self.refused('POST', '/v1/users', b'{"name": "' + b'x' * 70000 + b'"}', http=413,
                     text='64 KiB')
        self.refused('POST', '/v1/users', b'x' * 10 ** 7, http=413, text='64 KiB')

    def test_paths(self):
        for method, path, http in (('GET', '/', 404), ('GET', '/v1', 404), ('GET', '/v1/x', 404),
                                   ('GET', '/v1/users/a/b', 404), ('DELETE', '/v1/status', 405),
                                   ('PUT', '/v1/users/x', 405), ('GET', '/v1/users//', 404),
                                   ('GET', '/v1/users/' + 'x' * 500, 404),
                                   ('GET', '/v1/users/none', 404),
                                   ('GET', '/../../etc/passwd', 404)):
            with self.subTest(method=method, path=path[:40]):
                self.refused(method, path, b'', http=http, status='.')

    def test_not_http(self):
        for data in (b'', b'\0' * 100, os.urandom(5000), b'GET\r\n\r\n',
                     b'POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"na',
                     b'POST /v1/users HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
                     b'GET /v1/status HTTP/1.1\r\nX: ' + b'x' * 100000 + b'\r\n\r\n'):
            with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(ConnectionError):
                s.connect(self.domain.socket)
                s.settimeout(10)
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
        self.assertEqual(self.domain.api('GET', '/v1/domain')['users'], 2)

    def test_idle_connections(self):
        """Whoever holds connections open cannot stop the daemon, and when they go, all is well."""
        idle = []
        for _ in range(100):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.connect(self.domain.socket)
            idle.append(s)
        self.assertEqual(len(idle), 100)
        for s in idle[:-1]:
            s.close()
        w.until('the API answers again', lambda: self.answers())
        self.assertEqual(self.domain.stop(), 0)
        idle[-1].close()

    def answers(self):
        with contextlib.suppress(w.Unreachable):
            return self.domain.api('GET', '/v1/status', timeout=2)

    @unittest.skipUnless(ROOT, 'needs root, to be another user')
    def test_another_user(self):
        ntrust = os.path.join(self.world.folder, 'ntrust')
        shutil.copy2(w.NTRUST, ntrust)

        def as_nobody(*args):
            done = subprocess.run(AS_NOBODY + [ntrust, '--socket', self.domain.socket] + list(args),
                                  capture_output=True, text=True, timeout=20)
            return done.returncode, done.stdout, done.stderr

        code, _, err = as_nobody('status')
        self.assertEqual(code, 1)
        self.assertRegex(err, 'you may not use.*group')
        os.chmod(self.domain.socket, 0o666)  # the file's mode is not what decides
        code, _, err = as_nobody('status')
        self.assertEqual(code, 1)
        self.assertRegex(err, 'ACCESS_DENIED')
        self.assertRegex(self.domain.log_text(), 'admin request refused user=nobody')
        self.assertEqual(self.domain.stop(), 0)
        self.domain.write_config({'admin': {'group': 'nogroup'}})
        self.domain.start()
        self.assertEqual(as_nobody('status')[0], 0)


DAY = 86400


class Clock(clock.TestCase):
    """The wall clock is set back, and far forward: nothing breaks by that."""

    def setUp(self):
        super().setUp()
        self.trusted, self.trusting = (self.shifted('ACCOUNTS'), self.shifted('RESOURCES'))
        self.trusted.api('POST', '/v1/users', {'name': 'alice', 'password': 'Wonder1land'})

    def check_works(self, when):
        with self.subTest(when=when):
            trust = self.trusting.api('POST', '/v1/trusts/ACCOUNTS/verify')
            self.assertEqual((trust['state'], trust['degraded']), ('active', False), trust)
            # the challenge is answered at the present time, as a client's clock has it
            logon = self.trusting.logon('ACCOUNTS', 'alice', 'Wonder1land')
            self.assertEqual(logon['status'], 'SUCCESS', logon)
            before = trust['version']
            trust = self.trusting.api('POST', '/v1/trusts/ACCOUNTS/rotate')
            self.assertEqual(trust['version'], before + 1)
            self.assertEqual(trust['next'], '')
            self.assertEqual(self.trusting.ntrust('check', 'ACCOUNTS', code=None)[0] in (0, 1),
                             True)
            for d in (self.trusted, self.trusting):
                status = d.api('GET', '/v1/status')
                self.assertGreaterEqual(status['uptime_s'], 0)
                events = d.api('GET', '/v1/events')['events']
                ids = [e['id'] for e in events]
                self.assertEqual(ids, sorted(ids))

    def test_jumps(self):
        w.establish(self.trusting, self.trusted)
        for seconds in (-3600, -30 * DAY, 0, 365 * DAY, -10 * 365 * DAY, 0):
            for moved in ((self.trusting,), (self.trusted,), (self.trusting, self.trusted)):
                for d in (self.trusting, self.trusted):
                    self.set_clock(d, seconds if d in moved else 0)
                self.check_works('%s by %d s' % ('+'.join(d.name for d in moved), seconds))

    def test_backwards_over_a_restart(self):
        w.establish(self.trusting, self.trusted)
        self.set_clock(self.trusting, -40 * DAY)
        self.set_clock(self.trusted, -40 * DAY)
        self.trusting.kill()
        self.assertEqual(self.trusted.stop(), 0)
        self.trusted.start()
        self.trusting.start()
        self.check_works('40 days back over a restart')

    def test_schedule(self):
        """A check that is due in minutes is not put off by a year when the clock goes back."""
        self.trusting.api('PATCH', '/v1/policy', {'check_interval_s': 5, 'retry_first_s': 1,
                                                  'retry_most_s': 1})
        self.set_clock(self.trusting, 365 * DAY)
        w.establish(self.trusting, self.trusted)
        self.set_clock(self.trusting, 0)
        self.trusting.kill()
        self.trusting.start()
        year = time.strftime('%Y', time.gmtime())
        w.until('a check in the present', lambda: self.trusting.trust('ACCOUNTS')['checked'][:4]
                <= year, 20)


def may_unshare():
    if not ROOT:
        return False
    try:
        return subprocess.run(['/usr/bin/unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'],
                              capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


@unittest.skipUnless(may_unshare(), 'needs root and a mount namespace, for a small file system')
class Disk(w.TestCase):
    """The store on a file system of 2 MiB, which the test fills."""

    def setUp(self):
        super().setUp()
        self.disk = self.world.folder + '/disk'
        os.mkdir(self.disk)
        holder = subprocess.Popen(
            ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--', '/usr/bin/unshare', '-m', 'sh', '-c',
             'mount -t tmpfs -o size=2m none "$0" && echo ready && exec sleep 100000', self.disk],
            stdout=subprocess.PIPE)
        self.addCleanup(self.end, holder)
        self.assertEqual(holder.stdout.readline(), b'ready\n')
        self.inside = ['/usr/bin/nsenter', '-t', str(holder.pid), '-m', '--']
        self.peer = self.world.domain('ACCOUNTS', 'ACCPDC').start()
        self.peer.api('POST', '/v1/users', {'name': 'alice', 'password': 'Wonder1land'})
        self.domain = self.world.domain('RESOURCES', 'RESPDC', init=False)
        self.domain.store, self.domain.key = self.disk + '/domain.db', self.disk + '/master.key'
        self.domain.write_config()
        self.domain.command = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] + self.inside + \
            [w.NTRUSTD]
        self.init()

    @staticmethod
    def end(process):
        process.kill()
        process.wait()
        process.stdout.close()

    def shell(self, command, code=0):
        done = subprocess.run(self.inside + ['sh', '-c', command], capture_output=True, text=True,
                              timeout=30, cwd='/')
        if code is not None:
            self.assertEqual(done.returncode, code, done)
        return done.stdout

    def init(self, code=0):
        done = subprocess.run(self.inside + [w.NTRUST, 'domain', 'init', 'RESOURCES', '--computer',
                                             'RESPDC', '--store', self.domain.store,
                                             '--password-fd', '0'], input='Passw0rd1',
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, code, done)
        return done.stderr

    def fill(self):
        self.shell('cat /dev/zero > %s/ballast 2>/dev/null' % self.disk, code=None)

    def free(self):
        self.shell('rm -f %s/ballast' % self.disk)

    def add_until_full(self, prefix):
        """Adds users until nothing fits any more, not even the smallest change. The users that were
        acknowledged."""
        added, refused = [], 0
        for i in range(20000):
            name = '%s%d' % (prefix, i)
            try:
                if refused == 0:
                    self.domain.api('POST', '/v1/users', {'name': name, 'password': 'Passw0rd1'})
                    added.append(name)
                else:
                    self.domain.api('PATCH', '/v1/users/Guest', {'comment': name})
                    refused = 1
            except w.ApiError as e:
                self.assertEqual((e.status, e.http), ('DISK_FULL', 507), e)
                self.assertRegex(e.error['next'], 'Nothing was changed.*Free space')
                refused += 1
                self.fill()  # what a change that did not fit has given back
                if refused == 6:
                    return added
        self.fail('the disk does not get full')

    def users(self):
        names, after = set(), 0
        while True:
            page = self.domain.api('GET', '/v1/users?after=%d' % after)
            names |= {u['name'] for u in page['users']}
            if not page['more']:
                return names
            after = page['users'][-1]['rid']

    def test_full(self):
        self.domain.start()
        w.establish(self.domain, self.peer)
        self.fill()
        added = self.add_until_full('a')
        self.assertLessEqual(set(added), self.users())
        # reads and logons go on
        self.assertEqual(self.domain.logon('ACCOUNTS', 'alice', 'Wonder1land')['status'],
                         'SUCCESS')
        code, _, err = self.domain.ntrust('user', 'add', 'bob', '--password-fd', '0',
                                          stdin='Passw0rd1', code=None)
        self.assertEqual(code, 1)
        self.assertRegex(err, 'DISK_FULL')
        self.assertRegex(err, 'Next:')
        # a change of the password: nothing is sent before it is stored here
        version = self.domain.trust('ACCOUNTS')['version']
        with self.assertRaises(w.ApiError) as raised:
            self.domain.api('POST', '/v1/trusts/ACCOUNTS/rotate')
        self.assertEqual(raised.exception.status, 'DISK_FULL', raised.exception)
        self.assertEqual(self.peer.permit('RESOURCES')['version'], version)
        self.assertEqual(self.domain.logon('ACCOUNTS', 'alice', 'Wonder1land')['status'],
                         'SUCCESS')
        self.free()
        self.domain.ntrust('user', 'add', 'bob', '--password-fd', '0', stdin='Passw0rd1')
        w.until('the trust goes on by itself',
                lambda: self.domain.trust('ACCOUNTS')['version'] == version + 1 and
                self.peer.permit('RESOURCES')['version'] == version + 1, 20)
        self.assertEqual(self.users(), set(added) | {'Administrator', 'Guest', 'bob'})
        self.assertEqual(self.domain.stop(), 0)
        self.domain.start()
        self.assertEqual(self.users(), set(added) | {'Administrator', 'Guest', 'bob'})

    def test_full_and_killed(self):
        self.domain.start()
        known = {'Administrator', 'Guest'}
        for i in range(3):
            self.fill()
            known |= set(self.add_until_full('r%d-' % i))
            self.domain.kill()
            code, said = self.started()
            if code is None:
                self.assertLessEqual(known, self.users())
                self.domain.kill()
            else:
                self.assertRegex(said, '(full|space)', said)
            self.free()
            self.domain.start()
            self.assertEqual(self.users(), known)
            name = 'after%d' % i
            self.domain.api('POST', '/v1/users', {'name': name, 'password': 'Passw0rd1'})
            known.add(name)

    def started(self):
        """Starts on a full disk: either it runs (None), or refuses: its exit code and words."""
        before = len(self.domain.log_text())
        self.domain.launch()
        try:
            self.domain.wait_ready()
            return None, ''
        except AssertionError:
            return 1, self.domain.log_text()[before:]

    def test_stop_when_full(self):
        self.domain.start()
        self.fill()
        added = self.add_until_full('a')
        self.assertEqual(self.domain.stop(), 0)
        self.free()
        self.domain.start()
        self.assertEqual(self.users(), set(added) | {'Administrator', 'Guest'})

    def test_init_and_backup(self):
        self.domain.start()
        self.fill()
        with self.assertRaises(w.ApiError) as raised:
            self.domain.api('POST', '/v1/backup', {'path': self.disk + '/copy.db'})
        self.assertRegex(str(raised.exception), 'space|full|FULL')
        self.assertEqual(self.shell('ls -A %s | grep -v -e ^domain.db -e ^master.key$ -e ballast'
                                    % self.disk, code=None), '', 'something half-written is left')
        self.assertEqual(self.domain.stop(), 0)
        self.shell('rm -f %s/domain.db* %s/master.key* && cat /dev/zero > %s/ballast 2>/dev/null'
                   % ((self.disk,) * 3), code=None)
        self.assertRegex(self.init(code=1), 'space|full')
        self.assertEqual(self.shell('ls -A %s | grep -v -e ballast -e domain.db.lock' % self.disk,
                                    code=None), '',
                         'something half-written is left')
        self.free()
        self.init()
        self.domain.start()

    def test_trusted_end_full(self):
        """The end that takes the new password has no space: it says so, the trust goes on with the
        old one, and changes when there is space again."""
        small, other = self.domain, self.peer
        small.start()
        small.api('POST', '/v1/users', {'name': 'bob', 'password': 'Builder1x'})
        other.api('PATCH', '/v1/policy', {'retry_first_s': 1, 'retry_most_s': 1})
        w.establish(other, small)
        self.fill()
        self.add_until_full('a')
        with self.assertRaises(w.ApiError):
            other.api('POST', '/v1/trusts/RESOURCES/rotate')
        trust = other.trust('RESOURCES')
        self.assertNotEqual(trust['state'], 'broken', trust)
        self.assertEqual(other.logon('RESOURCES', 'bob', 'Builder1x')['status'], 'SUCCESS')
        self.free()
        w.until('the change is made when there is space',
                lambda: other.trust('RESOURCES')['version'] == small.permit('ACCOUNTS')['version']
                == 2 and other.trust('RESOURCES')['state'] == 'active', 30)
        self.assertEqual(other.logon('RESOURCES', 'bob', 'Builder1x')['status'], 'SUCCESS')


class Stop(w.TestCase):
    """SIGTERM while much is going on: exit code 0, soon, and nothing acknowledged is lost."""

    def test_under_load(self):
        trusted, trusting = self.world.pair()
        w.establish(trusting, trusted)
        for round_number in range(4):
            ended = threading.Event()
            acknowledged = []

            def change(worker):
                n = 0
                while not ended.is_set():
                    n += 1
                    name = 'u%d-%d-%d' % (round_number, worker, n)
                    try:
                        trusted.api('POST', '/v1/users', {'name': name, 'password': 'Passw0rd1'})
                        acknowledged.append(name)
                    except (w.Unreachable, w.ApiError):
                        time.sleep(0.01)

            def log_on():
                while not ended.is_set():
                    with contextlib.suppress(w.Unreachable, w.ApiError):
                        trusting.logon('ACCOUNTS', 'alice', 'Wonder1land')

            threads = [threading.Thread(target=change, args=(i,)) for i in range(4)] + \
                [threading.Thread(target=log_on) for _ in range(2)]
            for t in threads:
                t.start()
            idle = [socket.create_connection((w.ADDRESS, trusted.rpc_port)) for _ in range(5)]
            time.sleep(0.3)
            victim = (trusted, trusting)[round_number % 2]
            start = time.monotonic()
            self.assertEqual(victim.stop(), 0)
            self.assertLess(time.monotonic() - start, 10)
            self.assertRegex(victim.log_tail(1), 'stopped')
            ended.set()
            for t in threads:
                t.join()
            for s in idle:
                s.close()
            victim.start()
            for name in acknowledged:
                self.assertIsNotNone(trusted.maybe('GET', '/v1/users/' + name), name)
            self.assertGreater(len(acknowledged), 0)
            w.until('the trust works again', lambda: trusting.logon(
                'ACCOUNTS', 'alice', 'Wonder1land')['status'] == 'SUCCESS')

    def test_while_a_peer_is_mute(self):
        """A request of the API that waits for a peer does not hold the stop up."""
        domain = self.world.domain('RESOURCES', 'RESPDC').start()
        with socket.create_server((w.ADDRESS, 0)) as mute:
            t = threading.Thread(target=lambda: domain.maybe('POST', '/v1/trusts', {
                'name': 'ACCOUNTS', 'servers': ['%s:%d' % mute.getsockname()], 'password': 'x'}))
            t.start()
            w.until('the trust is stored', lambda: domain.trust('ACCOUNTS'))
            time.sleep(0.2)
            start = time.monotonic()
            self.assertEqual(domain.stop(), 0)
            self.assertLess(time.monotonic() - start, 5)
            t.join()
        domain.start()
        self.assertIsNotNone(domain.trust('ACCOUNTS'))

    def test_twice_and_early(self):
        domain = self.world.domain('RESOURCES', 'RESPDC').start()
        domain.process.terminate()
        domain.process.terminate()
        self.assertEqual(domain.stop(), 0)
        for pause in (0.001, 0.005, 0.01, 0.02):
            domain.launch()
            time.sleep(pause)
            domain.process.terminate()
            self.assertIn(domain.process.wait(20), (0, -15))
            domain.process = None
        domain.start()


if __name__ == '__main__':
    w.main()
