"""Connection-oriented DCE/RPC: calls out of PDUs, opened where they are protected. [C706] 12.6;
[MS-RPCE] 2.2.2."""

import struct
import uuid

from security import Ntlm, Schannel, WrongKey
from streams import Framer, rpc_pdu

REQUEST, RESPONSE, FAULT, BIND, BIND_ACK = 0, 2, 3, 11, 12
ALTER, ALTER_RESP, AUTH3 = 14, 15, 16
HEADER_SIGN, OBJECT = 0x04, 0x80
NETLOGON = uuid.UUID('12345678-1234-abcd-ef00-01234567cffb')


def text(stub, at):
    """A conformant varying string of UTF-16: the text, and where it ends."""
    count = struct.unpack_from('<I', stub, at + 8)[0]
    end = at + 12 + 2 * count
    return stub[at + 12:end].decode('utf-16-le').rstrip('\x00'), end


def aligned(at):
    return (at + 3) & ~3


class Call:
    def __init__(self, frame, interface, opnum):
        self.frame, self.interface, self.opnum = frame, interface, opnum
        self.request, self.response, self.fault, self.answered = b'', b'', None, 0
        self.problem = None


class Connection:
    def __init__(self, lab, where):
        self.lab, self.where = lab, where
        self.framers = {True: Framer(rpc_pdu), False: Framer(rpc_pdu)}
        self.contexts, self.security, self.calls = {}, {}, {}
        self.offered_header_signing = False
        self.pdus = []

    def feed(self, frame, client, data):
        """Yields a Call when it is over."""
        for pdu in self.framers[client].feed(data):
            self.pdus.append((frame, pdu))
            yield from self.pdu(frame, client, pdu)

    def pdu(self, frame, client, pdu):
        kind, flags = pdu[2], pdu[3]
        length, auth_length, call_id = struct.unpack_from('<HHI', pdu, 8)
        trailer = token = b''
        end = length
        if auth_length:
            end = length - auth_length - 8
            trailer, token = pdu[end:end + 8], pdu[end + 8:]
        if kind in (BIND, ALTER, BIND_ACK, ALTER_RESP, AUTH3):
            self.negotiate(kind, flags, pdu, trailer, token)
            return
        if kind == REQUEST:
            head = 24 + (16 if flags & OBJECT else 0)
            context, opnum = struct.unpack_from('<HH', pdu, 20)
            if flags & 1:
                self.calls[call_id] = Call(frame, self.contexts.get(context), opnum)
        else:
            head = 24
        call = self.calls.get(call_id)
        if call is None:
            return
        if kind == FAULT:
            call.fault, call.answered = struct.unpack_from('<I', pdu, 24)[0], frame
            del self.calls[call_id]
            yield call
            return
        try:
            stub = self.open(client, pdu, head, end, trailer, token)
        except WrongKey as problem:
            call.problem = str(problem)
            stub = b''
        if kind == REQUEST:
            call.request += stub
        else:
            call.response += stub
            call.answered = frame
        if flags & 2:
            if call.problem is None:
                self.learn(call, kind)
            if kind == RESPONSE:
                del self.calls[call_id]
                yield call

    def open(self, client, pdu, head, end, trailer, token):
        stub = pdu[head:end]
        if not trailer:
            return stub
        level, pad, ident = trailer[1], trailer[2], struct.unpack_from('<I', trailer, 4)[0]
        context = self.security.get(ident)
        if context is None:
            raise WrongKey('no bind seen on %s' % self.where)
        stub = context.open(client, level, pdu[:head], stub, trailer, token) if level >= 4 else stub
        return stub[:len(stub) - pad]

    def negotiate(self, kind, flags, pdu, trailer, token):
        if kind in (BIND, ALTER):
            at = 28
            for _ in range(pdu[24]):
                ident, syntaxes = struct.unpack_from('<HB', pdu, at)
                version = struct.unpack_from('<I', pdu, at + 20)[0]
                self.contexts[ident] = (uuid.UUID(bytes_le=pdu[at + 4:at + 20]), version)
                at += 24 + 20 * syntaxes
        if not trailer:
            return
        auth_type, ident = trailer[0], struct.unpack_from('<I', trailer, 4)[0]
        if kind == BIND:
            self.offered_header_signing = bool(flags & HEADER_SIGN)
            if auth_type == 68:
                names = token[8:].split(b'\x00')
                self.security[ident] = Schannel(self.lab, names[1].decode('ascii'))
            else:
                self.security[ident] = Ntlm(self.lab.hashes)
        context = self.security[ident]
        if kind == BIND_ACK:
            context.header_signing = self.offered_header_signing and bool(flags & HEADER_SIGN)
        if auth_type != 68:
            context.token(token)

    def learn(self, call, kind):
        """Netlogon's own authentication makes the keys of later secure channels."""
        if call.interface is None or call.interface[0] != NETLOGON or kind != RESPONSE:
            return
        q, r = call.request, call.response
        if call.opnum not in (4, 5, 15, 26) or r[-4:] != bytes(4):
            return
        at = 4
        if q[:4] != bytes(4):
            _, at = text(q, 4)
        if call.opnum == 4:
            computer, at = text(q, aligned(at))
            self.lab.challenge(computer, q[at:at + 8], r[:8])
            return
        _, at = text(q, aligned(at))
        computer, at = text(q, aligned(at + 2))
        flags = struct.unpack_from('<I', r, 8)[0] if call.opnum != 5 else 0
        self.lab.authenticate(computer, q[at:at + 8], flags)
