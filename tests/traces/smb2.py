"""SMB2 as far as it carries named pipes: which bytes go through which pipe. [MS-SMB2] 2.2."""

import hashlib
import hmac
import struct

from Cryptodome.Cipher import AES

from streams import Framer, netbios_session

NEGOTIATE, SESSION_SETUP, CREATE, CLOSE, READ, WRITE, IOCTL = 0, 1, 5, 6, 8, 9, 11
FSCTL_PIPE_TRANSCEIVE = 0x0011C017
PENDING = 0x00000103
UNSEEN = 'a pipe that was opened before the capture began'


def derive(key, label, context):
    """SP 800-108 in counter mode with HMAC-SHA256, 128 bits. [MS-SMB2] 3.1.4.2."""
    text = b'\x00\x00\x00\x01' + label + b'\x00' + context + b'\x00\x00\x00\x80'
    return hmac.new(key, text, hashlib.sha256).digest()[:16]


class Connection:
    """keys: session id to session key, for the sessions whose messages are encrypted."""

    def __init__(self, keys):
        self.keys = keys
        self.framers = {True: Framer(netbios_session), False: Framer(netbios_session)}
        self.dialect, self.hash, self.session_hash = 0, bytes(64), {}
        self.requests, self.pipes = {}, {}

    def feed(self, frame, client, data):
        """Yields (frame, pipe key, from the client?, bytes, pipe name)."""
        for message in self.framers[client].feed(data):
            body = message[4:]
            if body[:4] == b'\xfdSMB':
                # One client ends its session by a message of session 0, which nobody can open.
                body = self.decrypt(body, client) if body[44:52] != bytes(8) else b''
            if body[:4] == b'\xfeSMB':
                yield from self.compound(frame, client, body)

    def decrypt(self, body, client):
        session = body[44:52]
        key = self.keys[session]
        if self.dialect == 0x0311:
            label = b'SMBC2SCipherKey\x00' if client else b'SMBS2CCipherKey\x00'
            key = derive(key, label, self.session_hash[session])
            cipher = AES.new(key, AES.MODE_GCM, nonce=body[20:32])
        else:
            key = derive(key, b'SMB2AESCCM\x00', b'ServerIn \x00' if client else b'ServerOut\x00')
            cipher = AES.new(key, AES.MODE_CCM, nonce=body[20:31], mac_len=16,
                             msg_len=len(body) - 52, assoc_len=32)
        cipher.update(body[20:52])
        return cipher.decrypt_and_verify(body[52:], body[4:20])

    def compound(self, frame, client, body):
        handle = None
        while body:
            following = struct.unpack_from('<I', body, 20)[0]
            one = body[:following] if following else body
            body = body[following:] if following else b''
            result, handle = self.message(client, one, handle)
            if result is not None:
                yield (frame,) + result

    def preauth(self, client, command, session, status, one):
        """The hash of all messages up to the session's key. [MS-SMB2] 3.2.5.2, 3.2.5.3."""
        if command == NEGOTIATE:
            self.hash = hashlib.sha512(self.hash + one).digest()
        elif command == SESSION_SETUP and (client or status != 0):
            so_far = self.session_hash.get(session) or self.session_hash.pop(bytes(8), self.hash)
            self.session_hash[session] = hashlib.sha512(so_far + one).digest()

    def message(self, client, one, handle):
        """(pipe key, from the client?, bytes, name) or None; and the handle that it used."""
        status, command = struct.unpack_from('<IH', one, 8)
        flags, ident, session = one[16], one[24:32], one[40:48]
        self.preauth(client, command, session, status, one)
        if client:
            return self.request(command, ident, one, handle)
        if flags & 2 and status == PENDING:
            return None, handle
        return self.response(command, ident, status, one), handle

    def request(self, command, ident, one, handle):
        data = b''
        if command == CREATE:
            offset, length = struct.unpack_from('<HH', one, 64 + 44)
            self.requests[ident] = (command, one[offset:offset + length].decode('utf-16-le'))
            return None, None
        if command == IOCTL:
            code, handle = struct.unpack_from('<I', one, 68)[0], one[72:88]
            offset, length = struct.unpack_from('<II', one, 88)
            if code == FSCTL_PIPE_TRANSCEIVE:
                data = one[offset:offset + length]
        elif command == WRITE:
            offset, length = struct.unpack_from('<HI', one, 66)
            handle, data = one[80:96], one[offset:offset + length]
        elif command == READ:
            handle = one[80:96]
        else:
            return None, handle
        self.requests[ident] = (command, handle)
        name = self.pipes.get(handle, UNSEEN)
        return ((handle, True, data, name) if data else None), handle

    def response(self, command, ident, status, one):
        what = self.requests.pop(ident, None)
        if what is None or (status != 0 and status != 0x80000005):
            if command == NEGOTIATE and status == 0:
                self.dialect = struct.unpack_from('<H', one, 68)[0]
            return None
        if command == CREATE:
            self.pipes[one[128:144]] = what[1]
            return None
        if command == IOCTL:
            offset, length = struct.unpack_from('<II', one, 64 + 32)
        elif command == READ:
            offset, length = one[66], struct.unpack_from('<I', one, 68)[0]
        else:
            return None
        name = self.pipes.get(what[1], UNSEEN)
        data = one[offset:offset + length]
        return (what[1], False, data, name) if data else None
