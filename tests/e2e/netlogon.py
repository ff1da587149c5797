"""What a test needs of the protocols, in plain Python, so that it does not ask the programs under
test about themselves: the NT hash, an NTLMv2 response, and one raw attempt to open a secure channel
with a password ([MS-NLMP] 3.3, [MS-NRPC] 3.1.4.1)."""

import hashlib
import hmac
import os
import socket
import struct
import time

# --- hashes and ciphers ---


def md4(data):
    """RFC 1320: today's OpenSSL no longer has it."""
    def rol(x, n):
        x &= 0xFFFFFFFF
        return (x << n | x >> (32 - n)) & 0xFFFFFFFF

    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b'\x80' + b'\0' * (-(len(data) + 9) % 64) + struct.pack('<Q', 8 * len(data))
    rounds = (
        (lambda b, c, d: (b & c) | (~b & d), 0, range(16), (3, 7, 11, 19)),
        (lambda b, c, d: (b & c) | (b & d) | (c & d), 0x5A827999,
         (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
        (lambda b, c, d: b ^ c ^ d, 0x6ED9EBA1,
         (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)))
    for at in range(0, len(padded), 64):
        words = struct.unpack('<16I', padded[at:at + 64])
        a, b, c, d = state
        for mix, add, order, shifts in rounds:
            for i, k in enumerate(order):
                a, b, c, d = d, rol(a + mix(b, c, d) + words[k] + add, shifts[i % 4]), b, c
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d))]
    return struct.pack('<4I', *state)


def nt_hash(password):
    return md4(password.encode('utf-16-le'))


def _make_sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p = p ^ (p << 1) & 0xFF ^ (0x1B if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q = (q ^ q << 4) & 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q
        for n in (1, 2, 3, 4):
            x ^= (q << n | q >> (8 - n)) & 0xFF
        box[p] = x ^ 0x63
        if p == 1:
            box[0] = 0x63
            return box


SBOX = _make_sbox()


def _double(x):
    return (x << 1 ^ (0x11B if x & 0x80 else 0)) & 0xFF


def aes128(key, block):
    """One block, FIPS 197."""
    words = [list(key[i:i + 4]) for i in range(0, 16, 4)]
    rcon = 1
    for i in range(4, 44):
        t = words[i - 1]
        if i % 4 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = _double(rcon)
        words.append([a ^ b for a, b in zip(words[i - 4], t)])
    keys = [sum(words[4 * r:4 * r + 4], []) for r in range(11)]
    s = [a ^ b for a, b in zip(block, keys[0])]
    for r in range(1, 11):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if r < 10:
            mixed = []
            for c in range(0, 16, 4):
                col = s[c:c + 4]
                whole = col[0] ^ col[1] ^ col[2] ^ col[3]
                mixed += [col[i] ^ whole ^ _double(col[i] ^ col[(i + 1) % 4]) for i in range(4)]
            s = mixed
        s = [a ^ b for a, b in zip(s, keys[r])]
    return bytes(s)


def aes_cfb8(key, data):
    """Encryption with an IV of zeros, as the Netlogon credential has it."""
    register, out = bytes(16), b''
    for byte in data:
        c = bytes([byte ^ aes128(key, register)[0]])
        register = register[1:] + c
        out += c
    return out


# --- NTLMv2 ---


def ntlmv2_response(user, domain, password, challenge):
    """The NtChallengeResponse to a server's challenge."""
    key = hmac.new(nt_hash(password), (user.upper() + domain).encode('utf-16-le'), 'md5').digest()
    now = int((time.time() + 11644473600) * 10 ** 7)
    blob = b'\x01\x01' + bytes(6) + struct.pack('<Q', now) + os.urandom(8) + bytes(4) + bytes(8)
    return hmac.new(key, challenge + blob, 'md5').digest() + blob


# --- a raw attempt ---

NETLOGON = bytes.fromhex('785634123412cdabef0001234567cffb')
NDR = bytes.fromhex('045d888aeb1cc9119fe808002b104860')
TRUST_CHANNEL = 4  # TrustedDomainSecureChannel
AES_FLAGS = 0x610FFFFF
SUCCESS = 0
ACCESS_DENIED = 0xC0000022


class Calls:
    """A connection to Netlogon without security, for the two calls that begin a secure channel."""

    def __init__(self, address, port, timeout=5):
        self.sock = socket.create_connection((address, port), timeout)
        self.call_id = 0
        bind = struct.pack('<HHIBxxxHBx', 4280, 4280, 0, 1, 0, 1) + NETLOGON + \
            struct.pack('<HH', 1, 0) + NDR + struct.pack('<I', 2)
        if self._exchange(11, bind)[0] != 12:
            raise ConnectionError('the bind was not acknowledged')

    def close(self):
        self.sock.close()

    def _receive(self, size):
        data = b''
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise ConnectionError('the connection was closed')
            data += more
        return data

    def _exchange(self, kind, body):
        self.call_id += 1
        self.sock.sendall(struct.pack('<BBBBIHHI', 5, 0, kind, 3, 0x10, 16 + len(body), 0,
                                      self.call_id) + body)
        head = self._receive(16)
        return head[2], self._receive(struct.unpack_from('<H', head, 8)[0] - 16)

    def call(self, opnum, stub):
        kind, body = self._exchange(0, struct.pack('<IHH', len(stub), 0, opnum) + stub)
        if kind != 2:
            raise ConnectionError('the call got a PDU of type %d' % kind)
        return body[8:]


def string(out, text):
    out += bytes(-len(out) % 4)
    wide = (text + '\0').encode('utf-16-le')
    return out + struct.pack('<III', len(wide) // 2, 0, len(wide) // 2) + wide


def attempt(address, port, trusting, computer, password, flags=AES_FLAGS):
    """Offers a password as TRUSTING$, as that domain's controller would. Returns the NTSTATUS."""
    calls = Calls(address, port)
    try:
        head = string(struct.pack('<I', 0x20000), '\\\\X')
        client = os.urandom(8)
        answer = calls.call(4, string(head, computer) + client)
        server = answer[:8]
        if struct.unpack_from('<I', answer, 8)[0] != SUCCESS:
            return struct.unpack_from('<I', answer, 8)[0]
        key = hmac.new(nt_hash(password), client + server, hashlib.sha256).digest()[:16]
        stub = string(head, trusting + '$')
        stub += struct.pack('<H', TRUST_CHANNEL)
        stub = string(stub, computer) + aes_cfb8(key, client)
        stub += bytes(-len(stub) % 4) + struct.pack('<I', flags)
        answer = calls.call(26, stub)
        return struct.unpack_from('<I', answer, 16)[0]
    finally:
        calls.close()
