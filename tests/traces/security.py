"""The security contexts of DCE/RPC that the captures use, opened with the laboratory's passwords:
NTLMSSP (raw and in SPNEGO) and the Netlogon secure channel (AES, RC4 and DES keys). Every message
that is opened here is also verified against its checksum, so a wrong key cannot go unnoticed."""

import hashlib
import hmac
import struct

from Cryptodome.Cipher import AES, ARC4, DES
from Cryptodome.Hash import MD4


class WrongKey(Exception):
    pass


def nt_hash(password):
    return MD4.new(password.encode('utf-16-le')).digest()


def hmac_md5(key, data):
    return hmac.new(key, data, hashlib.md5).digest()


def cfb8(key, iv):
    return AES.new(key, AES.MODE_CFB, iv=iv, segment_size=8)


# ---------------------------------------------------------------- NTLMSSP, [MS-NLMP] 3.3.2, 3.4

KEY_EXCH, SEAL_128, SEAL_56 = 0x40000000, 0x20000000, 0x80000000


class NtlmSide:
    """One direction. The RC4 stream runs on from message to message."""

    def __init__(self, key, flags, client):
        who = b'client-to-server' if client else b'server-to-client'
        self.flags = flags
        self.sign = hashlib.md5(key + b'session key to ' + who +
                                b' signing key magic constant\x00').digest()
        strength = key if flags & SEAL_128 else key[:7] if flags & SEAL_56 else key[:5]
        self.seal = hashlib.md5(strength + b'session key to ' + who +
                                b' sealing key magic constant\x00').digest()
        self.stream = ARC4.new(self.seal)

    def checksum(self, sequence, data):
        mac = hmac_md5(self.sign, struct.pack('<I', sequence) + data)[:8]
        return self.stream.encrypt(mac) if self.flags & KEY_EXCH else mac

    def restart(self):
        self.stream = ARC4.new(self.seal)


class Ntlm:
    """hashes: the NT hashes to try; the response of the client tells which is right."""

    def __init__(self, hashes):
        self.hashes, self.challenge, self.sides, self.header_signing = hashes, None, None, False
        self.key = None

    def token(self, data):
        """A token of either side, alone or inside SPNEGO."""
        at = data.find(b'NTLMSSP\x00')
        if at < 0:
            return
        message = data[at:]
        kind = struct.unpack_from('<I', message, 8)[0]
        if kind == 2:
            self.challenge = message[24:32]
        elif kind == 3:
            self.authenticate(message)

    def authenticate(self, message):
        def field(offset):
            length, _, start = struct.unpack_from('<HHI', message, offset)
            return message[start:start + length]

        response, domain, user = field(20), field(28), field(36)
        sent_key, flags = field(52), struct.unpack_from('<I', message, 60)[0]
        if not response and not user:
            base = bytes(16)
        else:
            name = (user.decode('utf-16-le').upper() + domain.decode('utf-16-le')).encode(
                'utf-16-le')
            for candidate in self.hashes:
                owf = hmac_md5(candidate, name)
                if hmac_md5(owf, self.challenge + response[16:]) == response[:16]:
                    base = hmac_md5(owf, response[:16])
                    break
            else:
                raise WrongKey('no password fits the NTLM response of %s'
                               % user.decode('utf-16-le'))
        key = ARC4.new(base).decrypt(sent_key) if flags & KEY_EXCH else base
        self.key = key
        self.sides = {c: NtlmSide(key, flags, c) for c in (True, False)}

    def open(self, client, level, header, stub, trailer, token):
        """The plain stub of a protected PDU. header and trailer are what header signing covers."""
        side = self.sides[client]
        if level < 4:
            return stub
        sequence = struct.unpack_from('<I', token, 12)[0]
        # mechListMIC in SPNEGO was the first message of its own; after it the streams begin anew
        # ([MS-SPNG] 3.3.5.1). The first message is where this shows.
        if sequence == 0:
            side.restart()
        plain = side.stream.encrypt(stub) if level == 6 else stub
        covered = header + plain + trailer if self.header_signing else plain
        want = token[4:12]
        if side.checksum(sequence, covered) != want:
            raise WrongKey('NTLM checksum of message %d' % sequence)
        return plain


# ------------------------------------------------- the Netlogon secure channel, [MS-NRPC] 3.1.4, 3.3.4

AES_FLAG, STRONG_FLAG = 0x01000000, 0x00004000


def des_key(seven):
    bits = int.from_bytes(seven, 'big')
    return bytes((bits >> (49 - 7 * i) & 0x7F) << 1 for i in range(8))


def des(seven, block):
    return DES.new(des_key(seven), DES.MODE_ECB).encrypt(block)


def session_key(secret, client, server, flags):
    """[MS-NRPC] 3.1.4.3."""
    if flags & AES_FLAG:
        return hmac.new(secret, client + server, hashlib.sha256).digest()[:16]
    if flags & STRONG_FLAG:
        return hmac_md5(secret, hashlib.md5(bytes(4) + client + server).digest())
    total = b''.join(
        struct.pack('<I', (struct.unpack_from('<I', client, i)[0] +
                           struct.unpack_from('<I', server, i)[0]) & 0xFFFFFFFF) for i in (0, 4))
    return des(secret[9:16], des(secret[:7], total)) + bytes(8)


def credential(key, block, flags):
    """[MS-NRPC] 3.1.4.4."""
    if flags & AES_FLAG:
        return cfb8(key, bytes(16)).encrypt(block)
    return des(key[7:14], des(key[:7], block))


class Channel:
    """Schannel protection with one session key. [MS-NRPC] 3.3.4.2."""

    def __init__(self, key, aes):
        self.key, self.aes, self.header_signing = key, aes, False

    def open(self, client, level, header, stub, trailer, token):
        sequence = self.sequence(token)
        masked = bytes(b ^ 0xF0 for b in self.key)
        confounder, plain = b'', stub
        if level == 6:
            if self.aes:
                stream = cfb8(masked, sequence * 2)
                confounder = stream.decrypt(token[24:32])
                plain = stream.decrypt(stub)
            else:
                key = hmac_md5(hmac_md5(masked, bytes(4)), sequence)
                confounder = ARC4.new(key).decrypt(token[24:32])
                plain = ARC4.new(key).decrypt(stub)
        covered = header + plain + trailer if self.header_signing else plain
        if self.checksum(token[:8] + confounder + covered) != token[16:24]:
            raise WrongKey('schannel checksum')
        return plain

    def sequence(self, token):
        if self.aes:
            return cfb8(self.key, token[16:24] * 2).decrypt(token[8:16])
        key = hmac_md5(hmac_md5(self.key, bytes(4)), token[16:24])
        return ARC4.new(key).decrypt(token[8:16])

    def checksum(self, data):
        if self.aes:
            return hmac.new(self.key, data, hashlib.sha256).digest()[:8]
        return hmac_md5(self.key, hashlib.md5(bytes(4) + data).digest())[:8]


class Lab:
    """What is known of the laboratory: its hashes, and the session keys that captures negotiate,
    newest last, by computer name."""

    def __init__(self, hashes):
        self.hashes, self.keys, self.challenges = hashes, {}, {}

    def challenge(self, computer, client, server):
        self.challenges[computer.upper()] = (client, server)

    def authenticate(self, computer, client_credential, flags):
        client, server = self.challenges[computer.upper()]
        for secret in self.hashes:
            key = session_key(secret, client, server, flags)
            if credential(key, client, flags) == client_credential:
                self.keys.setdefault(computer.upper(), []).append((key, bool(flags & AES_FLAG)))
                return True
        return False


class Schannel:
    """The context of one bind: the newest key of the computer, or an older one if only that fits."""

    def __init__(self, lab, computer):
        self.candidates = [Channel(k, a) for k, a in reversed(lab.keys.get(computer.upper(), []))]
        self.computer, self.channel, self.header_signing = computer, None, False

    def open(self, client, level, header, stub, trailer, token):
        for c in [self.channel] if self.channel else self.candidates:
            c.header_signing = self.header_signing
            try:
                plain = c.open(client, level, header, stub, trailer, token)
            except WrongKey:
                continue
            self.channel = c
            return plain
        raise WrongKey('no session key of %s fits' % self.computer)
