#!/usr/bin/python3
"""Peers that are broken, slow or malicious. Whatever they send, ntrustd goes on serving."""

import os
import random
import socket
import struct
import time
import unittest

from impacket.dcerpc.v5.rpcrt import DCERPCException

import lab
import rpc
from netlogon import Channel

D = None
PORTS = (135, 49153)
HANDSHAKE_S = 2
LIMIT = 40  # connections an address


def setUpModule():
    global D
    D = lab.Domain('ACCOUNTS', 'ACCPDC', settings={
        'limits': {'handshake_timeout_s': HANDSHAKE_S, 'connections_per_address': LIMIT}})
    D.ntrust('user', 'add', 'alice', password='Alice.pw1')
    D.ntrust('computer', 'add', 'WS1', password='Ws1.pw')


def descriptors():
    return len(os.listdir('/proc/%d/fd' % D.process.pid))


def whole_exchange(port):
    """What a client sends first: a bind, and a request."""
    interface = rpc.EPM if port == 135 else rpc.NETLOGON
    bind = rpc.pdu(rpc.BIND, rpc.bind_body(interface))
    return bind + rpc.pdu(rpc.REQUEST, struct.pack('<IHH', 8, 0, 4) + bytes(8), call_id=2)


class Case(unittest.TestCase):
    def tearDown(self):
        """Still there, still serving, nothing kept."""
        self.assertTrue(D.alive())
        deadline = time.monotonic() + 30
        while not self.serves() or descriptors() > self.before + 1:
            self.assertLess(time.monotonic(), deadline)

    def serves(self):
        """What this address has sent before may still wait to be accepted, and counts until then."""
        try:
            with Channel(D, 'WS1', 'Ws1.pw') as c:
                c.open().logon('Ex', 'alice', 'ACCOUNTS', 'Alice.pw1')
            return True
        except (rpc.Closed, ConnectionError, DCERPCException):
            time.sleep(0.05)
            return False

    def setUp(self):
        self.before = descriptors()

    def dropped(self, port, data):
        """The connection ends; what the server said before."""
        with socket.create_connection((D.address, port), timeout=lab.STEP_S) as s:
            try:
                s.sendall(data)
                answer = b''
                while True:
                    more = s.recv(65536)
                    if not more:
                        return answer
                    answer += more
            except (ConnectionResetError, BrokenPipeError):
                return None


class Bytes(Case):
    def test_garbage(self):
        dice = random.Random(1)
        for port in PORTS:
            for _ in range(100):
                data = dice.randbytes(dice.choice((1, 15, 16, 17, 100, 5000)))
                if data[0] == 5:
                    data = b'\4' + data[1:]
                with socket.create_connection((D.address, port), timeout=lab.STEP_S) as s:
                    s.sendall(data)

    def test_other_protocols(self):
        for port in PORTS:
            for hello in (b'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
                          b'\x16\x03\x01\x02\x00' + b'\1' * 512,
                          b'\0\0\0\x55\xffSMB' + bytes(80), b'SSH-2.0-x\r\n' * 4):
                self.dropped(port, hello)

    def test_headers_that_lie(self):
        bind = rpc.bind_body(rpc.NETLOGON)
        request = struct.pack('<IHH', 8, 0, 4) + bytes(8)
        first = rpc.pdu(rpc.BIND, bind)
        lies = [
            rpc.pdu(rpc.BIND, bind, frag_len=0), rpc.pdu(rpc.BIND, bind, frag_len=15),
            rpc.pdu(rpc.BIND, bind, frag_len=16), rpc.pdu(rpc.BIND, bind, frag_len=0xFFFF),
            rpc.pdu(rpc.BIND, bind, auth_len=0xFFFF), rpc.pdu(rpc.BIND, bind, auth_len=60),
            rpc.pdu(rpc.BIND, b''), rpc.pdu(99, bind), rpc.pdu(rpc.BIND, bind, flags=0),
            rpc.pdu(rpc.BIND, bind_count(bind, 255)), rpc.pdu(rpc.BIND, bind_count(bind, 0)),
            rpc.pdu(rpc.REQUEST, request), rpc.pdu(rpc.AUTH3, bytes(4)),
            rpc.pdu(rpc.RESPONSE, request), rpc.pdu(rpc.BIND_ACK, bind),
            first + first, first + rpc.pdu(rpc.REQUEST, request, auth_len=4),
            first + rpc.pdu(rpc.REQUEST, request, frag_len=0xFFFF),
            first + rpc.pdu(rpc.REQUEST, request, flags=rpc.LAST),
            first + rpc.pdu(rpc.REQUEST, b''), first + rpc.pdu(rpc.ALTER, b''),
            first + rpc.pdu(rpc.AUTH3, bytes(4), auth=rpc.trailer(10, 6, 0) + b'NTLMSSP\0' * 4),
        ]
        for i, lie in enumerate(lies):
            for port in PORTS:
                with self.subTest(i=i, port=port):
                    self.dropped(port, lie)

    def test_tokens_that_lie(self):
        """NTLMSSP, SPNEGO and schannel tokens with lengths and offsets of their own."""
        huge = struct.pack('<HHI', 0xFFFF, 0xFFFF, 0xFFFFFFF0)
        negotiate = b'NTLMSSP\0' + struct.pack('<II', 1, 0xE2088297)
        authenticate = b'NTLMSSP\0\3\0\0\0' + huge * 6 + struct.pack('<I', 0x62088215)
        tokens = [
            (10, b''), (10, b'NTLMSSP'), (10, negotiate), (10, negotiate + huge * 2),
            (10, authenticate), (10, os.urandom(3000)),
            (9, b'\x60\x84\xff\xff\xff\xff'), (9, b'\x60\x80'), (9, os.urandom(500)),
            (9, b'\x60\x82\x10\x00\x06\x06+\x06\x01\x05\x05\x02\xa0\x82\xff\xff'),
            (9, b'\xa0\x84\x7f\xff\xff\xff' * 400),
            (68, b''), (68, bytes(8)), (68, struct.pack('<II', 0, 3) + b'A' * 4000),
            (68, struct.pack('<II', 0, 0xFFFFFFFF) + b'\xff' * 300),
            (68, struct.pack('<II', 0, 3) + b'ACCOUNTS\0'), (77, b'abc'), (0, b'abc'),
        ]
        for kind, token in tokens:
            for level in (2, 6, 9):
                bind = rpc.pdu(rpc.BIND, rpc.bind_body(rpc.NETLOGON),
                               auth=rpc.trailer(kind, level, 0) + token)
                auth3 = rpc.pdu(rpc.AUTH3, bytes(4),
                                auth=rpc.trailer(kind, level, 0) + authenticate)
                request = rpc.pdu(rpc.REQUEST, struct.pack('<IHH', 0, 0, 4))
                with self.subTest(kind=kind, level=level, len=len(token)):
                    self.dropped(49153, bind + auth3 + request + b'\0' * 32)

    def test_changed_bytes(self):
        """A good exchange with bytes changed, at every place and at random."""
        dice = random.Random(2)
        for port in PORTS:
            good = whole_exchange(port)
            for at in range(len(good)):
                bad = bytearray(good)
                bad[at] = dice.randrange(256)
                with socket.create_connection((D.address, port), timeout=lab.STEP_S) as s:
                    s.sendall(bad)

    def test_an_end_at_every_byte(self):
        for port in PORTS:
            good = whole_exchange(port)
            for end in range(0, len(good), 3):
                with socket.create_connection((D.address, port), timeout=lab.STEP_S) as s:
                    s.sendall(good[:end])
                    if end % 2:  # a reset instead of an orderly end
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))

    def test_requests_without_end(self):
        """Fragments of a call that never ends: refused at a bound."""
        with rpc.Connection(D.address, 49153) as c:
            c.bind(rpc.NETLOGON)
            piece = bytes(4000)
            with self.assertRaises((rpc.Fault, rpc.Closed)):
                c.send(c.request_pdu(4, piece, rpc.FIRST))
                for _ in range(20000):
                    c.send(c.request_pdu(4, piece, 0))
                c.answer()

    def test_calls_without_end(self):
        """Calls that are begun and never finished, with multiplexing."""
        with rpc.Connection(D.address, 49153) as c:
            c.bind(rpc.NETLOGON)
            with self.assertRaises((rpc.Fault, rpc.Closed)):
                for i in range(20000):
                    c.send(c.request_pdu(4, bytes(100), rpc.FIRST, call_id=100 + i))
                c.answer()

    def test_answers_that_nobody_reads(self):
        """A peer that asks and asks, and takes nothing."""
        ask = rpc.pdu(rpc.REQUEST, struct.pack('<IHH', 0, 0, 1000), call_id=3)
        with rpc.Connection(D.address, 49153) as c:
            c.bind(rpc.NETLOGON)
            c.socket.setblocking(False)
            sent = 0
            try:
                while sent < 64 << 20:
                    sent += c.socket.send(ask * 500)
            except (BlockingIOError, ConnectionError):
                pass
            self.assertLess(sent, 64 << 20)


def bind_count(body, count):
    return body[:8] + bytes([count]) + body[9:]


class Time(Case):
    def test_a_peer_that_says_nothing(self):
        for port in PORTS:
            for start in (b'', b'\5\0', whole_exchange(port)[:40]):
                with self.subTest(port=port, sent=len(start)):
                    began = time.monotonic()
                    self.dropped(port, start)
                    took = time.monotonic() - began
                    self.assertGreater(took, HANDSHAKE_S - 0.5)
                    self.assertLess(took, HANDSHAKE_S + 10)

    def test_a_peer_that_drips(self):
        data = whole_exchange(49153)
        began = time.monotonic()
        with socket.create_connection((D.address, 49153), timeout=0.2) as s:
            try:
                for byte in data:
                    s.sendall(bytes([byte]))
                    try:
                        if s.recv(1) == b'':
                            break
                    except socket.timeout:
                        continue
            except ConnectionError:
                pass
        took = time.monotonic() - began
        self.assertLess(took, HANDSHAKE_S + 10)
        self.assertGreater(took, HANDSHAKE_S - 0.5)

    def test_a_peer_that_never_finishes_to_authenticate(self):
        negotiate = b'NTLMSSP\0' + struct.pack('<II', 1, 0xE2088297) + bytes(16)
        bind = rpc.pdu(rpc.BIND, rpc.bind_body(rpc.NETLOGON),
                       auth=rpc.trailer(10, 6, 0) + negotiate)
        began = time.monotonic()
        self.assertIn(b'NTLMSSP', self.dropped(49153, bind))
        self.assertLess(time.monotonic() - began, HANDSHAKE_S + 10)


class Crowds(Case):
    def test_of_one_address_leave_room_for_none(self):
        """More than the limit are turned away at once; those that are in stay."""
        inside = []
        try:
            for _ in range(LIMIT):
                c = rpc.Connection(D.address, 49153)
                c.bind(rpc.NETLOGON)
                inside.append(c)
            with self.assertRaises((rpc.Closed, ConnectionError)):
                with rpc.Connection(D.address, 49153) as c:
                    c.bind(rpc.NETLOGON)
            with self.assertRaises(rpc.Fault):
                inside[0].call(1000, b'')  # served: the fault of an unknown opnum
            self.assertTrue(D.json('status')['connections'] >= LIMIT)
        finally:
            for c in inside:
                c.close()


class Admin(Case):
    def ask(self, data):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(lab.STEP_S)
            s.connect(D.socket)
            answer = b''
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while more := s.recv(65536):
                    answer += more
            except ConnectionError:
                pass
            return answer

    def post(self, body, path='/v1/users'):
        return self.ask(b'POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
                        b'Content-Length: %d\r\nConnection: close\r\n\r\n' % (path.encode(),
                                                                             len(body)) + body)

    def test_what_is_no_request(self):
        for data in (b'', b'\r\n\r\n', os.urandom(400), b'GET / HTTP/9.9\r\n\r\n',
                     b'POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'):
            self.ask(data)

    def test_bodies_that_are_none(self):
        for body in (b'{', b'[]', b'"a"', b'\xff\xfe', b'{"name": 1}', b'{"name": "a\\u0000b"}',
                     b'{"name": "eve", "password": "x", "typo": 1}', b'[' * 60000, b'null'):
            answer = self.post(body)
            self.assertRegex(answer, rb'^HTTP/1.1 4\d\d ', body[:40])
            self.assertIn(b'"error"', answer)
        self.assertRegex(self.post(b' ' * 100000), rb'^HTTP/1.1 4\d\d |^$')
        self.assertNotIn('eve', D.ntrust('user', 'list'))

    def test_paths_that_are_none(self):
        for path in ('/', '/v1', '/v1/users/', '/v1/users/' + 'a' * 5000, '/v1/../../etc/passwd',
                     '/v1/users/%00', '/v1/users/%zz'):
            answer = self.ask(b'GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
                              % path.encode())
            self.assertRegex(answer, rb'^HTTP/1.1 4\d\d ', path[:60])


if __name__ == '__main__':
    lab.main()
