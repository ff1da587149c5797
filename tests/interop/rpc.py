"""A small DCE/RPC client over TCP that keeps no rule by itself: a test decides what goes out, byte
by byte if it likes. Netlogon's secure channel included. [C706] 12.6, [MS-RPCE] 2.2.2,
[MS-NRPC] 3.3.4.2."""

import os
import socket
import struct
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'traces'))
# pylint: disable=wrong-import-position
from security import Channel, cfb8, hmac_md5  # noqa: E402
from Cryptodome.Cipher import ARC4  # noqa: E402

REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_RESP, AUTH3 = (
    0, 2, 3, 11, 12, 13, 14, 15, 16)
FIRST, LAST = 1, 2
SCHANNEL, INTEGRITY, PRIVACY = 68, 5, 6

NETLOGON = ('12345678-1234-abcd-ef00-01234567cffb', 1)
LSARPC = ('12345778-1234-abcd-ef00-0123456789ab', 0)
SAMR = ('12345778-1234-abcd-ef00-0123456789ac', 1)
EPM = ('e1af8308-5d1f-11c9-91a4-08002b14a0fa', 3)
NDR32 = ('8a885d04-1ceb-11c9-9fe8-08002b104860', 2)

OP_RANGE, INVALID_TAG, CONTEXT_MISMATCH, FAULT_DENIED, BAD_STUB, SEC_PKG_ERROR = (
    0x1C010002, 0x1C000006, 0x1C00001A, 5, 0x6F7, 0x721)


class Fault(Exception):
    def __init__(self, status):
        super().__init__('fault 0x%08X' % status)
        self.status = status


class Nak(Exception):
    pass


class Closed(Exception):
    pass


def syntax(interface):
    return uuid.UUID(interface[0]).bytes_le + struct.pack('<I', interface[1])


def pdu(ptype, body, flags=FIRST | LAST, call_id=1, auth=b'', frag_len=None, auth_len=None):
    """auth: sec_trailer and token."""
    if auth_len is None:
        auth_len = max(len(auth) - 8, 0)
    if frag_len is None:
        frag_len = 16 + len(body) + len(auth)
    return struct.pack('<BBBBIHHI', 5, 0, ptype, flags, 0x10, frag_len, auth_len,
                       call_id) + body + auth


def trailer(kind, level, pad, context_id=1):
    return struct.pack('<BBBBI', kind, level, pad, 0, context_id)


def bind_body(interface, context_id=0, group=0, count=1):
    return struct.pack('<HHIB3xHBx', 4280, 4280, group, count, context_id, 1) + \
        syntax(interface) + syntax(NDR32)


class Sealer(Channel):
    """One end of a secure channel's connection, writing as the initiator."""

    def __init__(self, key, aes):
        super().__init__(key, aes)
        self.next = 0

    def seal(self, stub, level=PRIVACY):
        """(protected stub, token)"""
        sequence = struct.pack('>II', self.next, 0x80000000)
        self.next += 1  # of both directions together
        masked = bytes(b ^ 0xF0 for b in self.key)
        head = struct.pack('<HHHH', 0x13 if self.aes else 0x77,
                           0xFFFF if level != PRIVACY else 0x1A if self.aes else 0x7A, 0xFFFF, 0)
        confounder = os.urandom(8) if level == PRIVACY else b''
        check = self.checksum(head + confounder + stub)
        if self.aes:
            hidden = cfb8(self.key, check * 2).encrypt(sequence)
            stream = cfb8(masked, sequence * 2)
            if level == PRIVACY:
                confounder, stub = stream.encrypt(confounder), stream.encrypt(stub)
            return stub, head + hidden + check + confounder.ljust(32, b'\0')
        hidden = ARC4.new(hmac_md5(hmac_md5(self.key, bytes(4)), check)).encrypt(sequence)
        if level == PRIVACY:
            key = hmac_md5(hmac_md5(masked, bytes(4)), sequence)
            confounder, stub = ARC4.new(key).encrypt(confounder), ARC4.new(key).encrypt(stub)
        return stub, head + hidden + check + confounder.ljust(8, b'\0')


class Connection:
    def __init__(self, address, port, timeout=20):
        self.socket = socket.create_connection((address, port), timeout=timeout)
        self.call_id = 0
        self.sealer, self.level = None, None

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ------------------------------------------------------------------ bytes

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed() from e

    def exactly(self, n):
        data = b''
        while len(data) < n:
            try:
                more = self.socket.recv(n - len(data))
            except ConnectionResetError as e:
                raise Closed() from e
            if not more:
                raise Closed()
            data += more
        return data

    def receive(self):
        """(type, flags, call_id, body with verifier, length of the token)"""
        head = self.exactly(16)
        _, _, ptype, flags, _, frag_len, auth_len, call_id = struct.unpack('<BBBBIHHI', head)
        return ptype, flags, call_id, head, self.exactly(frag_len - 16), auth_len

    def closed_by_peer(self):
        """Waits for the end of what comes."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    # ------------------------------------------------------------------ PDUs

    def bind(self, interface, ptype=BIND, context_id=0, auth=b''):
        self.call_id += 1
        self.send(pdu(ptype, bind_body(interface, context_id), call_id=self.call_id, auth=auth))
        got, _, _, _, body, auth_len = self.receive()
        if got == BIND_NAK:
            raise Nak('reason %d' % struct.unpack_from('<H', body)[0])
        if got == FAULT:
            raise Fault(struct.unpack_from('<I', body, 8)[0])
        assert got in (BIND_ACK, ALTER_RESP), got
        at = 8 + 2 + struct.unpack_from('<H', body, 8)[0]
        at = (at + 3) // 4 * 4 + 4
        result, reason = struct.unpack_from('<HH', body, at)
        if result != 0:
            raise Nak('rejected: result %d, reason %d' % (result, reason))
        return body[len(body) - auth_len:] if auth_len else b''

    def bind_channel(self, interface, key, aes, domain, computer, level=PRIVACY):
        """Over a secure channel whose session key is known."""
        token = struct.pack('<II', 0, 3) + domain.encode() + b'\0' + computer.encode() + b'\0'
        answer = self.bind(interface, auth=trailer(SCHANNEL, level, 0) + token)
        assert struct.unpack_from('<I', answer)[0] == 1, answer  # negotiate response
        self.sealer, self.level = Sealer(key, aes), level

    def request_pdu(self, opnum, stub, flags=FIRST | LAST, context_id=0, call_id=None):
        head = struct.pack('<IHH', len(stub), context_id, opnum)
        call_id = self.call_id if call_id is None else call_id
        if self.sealer is None:
            return pdu(REQUEST, head + stub, flags, call_id)
        pad = -len(stub) % 16
        protected, token = self.sealer.seal(stub + bytes(pad), self.level)
        return pdu(REQUEST, head + protected, flags, call_id,
                   trailer(SCHANNEL, self.level, pad) + token)

    def call(self, opnum, stub, context_id=0, fragment=4000):
        """The stub of the answer; Fault where there is one."""
        self.call_id += 1
        pieces = [stub[i:i + fragment] for i in range(0, len(stub), fragment)] or [b'']
        for i, piece in enumerate(pieces):
            flags = (FIRST if i == 0 else 0) | (LAST if i == len(pieces) - 1 else 0)
            self.send(self.request_pdu(opnum, piece, flags, context_id))
        return self.answer()

    def answer(self):
        stub = b''
        while True:
            ptype, flags, _, _, body, auth_len = self.receive()
            if ptype == FAULT:
                raise Fault(struct.unpack_from('<I', body, 8)[0])
            assert ptype == RESPONSE, ptype
            data = body[8:]
            if self.sealer is not None:
                assert auth_len > 0, 'an answer without protection'
                token, data = data[-auth_len:], data[:-auth_len]
                tail, data = data[-8:], data[:-8]
                number = struct.unpack('>II', self.sealer.sequence(token))
                assert number == (self.sealer.next, 0), number
                self.sealer.next += 1
                data = self.sealer.open(False, self.level, b'', data, tail, token)
                data = data[:len(data) - tail[2]]
            stub += data
            if flags & LAST:
                return stub

    def ask(self, request, answer_type=None):
        """A call of an impacket structure, which finds its own answer's type."""
        if answer_type is None:
            answer_type = getattr(sys.modules[type(request).__module__],
                                  type(request).__name__ + 'Response')
        return answer_type(self.call(request.opnum, request.getData()))


def port_of(address, interface):
    """What the endpoint mapper on port 135 says."""
    from impacket.dcerpc.v5 import epm  # pylint: disable=import-outside-toplevel
    from impacket.uuid import uuidtup_to_bin  # pylint: disable=import-outside-toplevel
    binding = epm.hept_map(address, uuidtup_to_bin((interface[0], '%d.0' % interface[1])),
                           protocol='ncacn_ip_tcp')
    return int(binding.split('[')[1].rstrip(']'))


