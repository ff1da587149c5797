"""The other end of a secure channel: a member's or a trusting controller's Netlogon client, on
impacket's structures and our own cryptography (impacket 0.10 has no AES schannel)."""

import hashlib
import hmac
import os
import struct
import time

from impacket.dcerpc.v5 import nrpc
from Cryptodome.Cipher import ARC4, DES
from Cryptodome.Hash import MD4

import rpc
from security import AES_FLAG, cfb8, credential, des_key, nt_hash, session_key

AES_FLAGS, RC4_FLAGS, DES_FLAGS = 0x612FFFFF, 0x6007FFFF, 0x600001FF
WORKSTATION, INTERDOMAIN, SERVER = 2, 4, 6
NETWORK, INTERACTIVE = 2, 1

STATUS = {0: 'OK', 0xC0000022: 'ACCESS_DENIED', 0xC000006A: 'WRONG_PASSWORD',
          0xC000006D: 'LOGON_FAILURE', 0xC0000064: 'NO_SUCH_USER', 0xC0000003: 'INVALID_INFO_CLASS',
          0xC000018B: 'NO_TRUST_SAM_ACCOUNT', 0xC0000388: 'DOWNGRADE_DETECTED',
          0xC000000D: 'INVALID_PARAMETER', 0xC0000072: 'ACCOUNT_DISABLED',
          0xC0000234: 'ACCOUNT_LOCKED_OUT', 0xC00000BB: 'NOT_SUPPORTED',
          0xC0000002: 'NOT_IMPLEMENTED', 0xC0000384: 'SMARTCARD_LOGON_REQUIRED',
          0xC00000DF: 'NO_SUCH_DOMAIN'}


def name_of(status):
    return STATUS.get(status, '0x%08X' % status)


class Refused(Exception):
    def __init__(self, status):
        super().__init__(name_of(status))
        self.name = name_of(status)


def check(answer):
    if answer['ErrorCode'] != 0:
        raise Refused(answer['ErrorCode'])
    return answer


def ntlmv2(user, domain, password, challenge, server, server_domain):
    """The response that a client gave to the server named; and the session's base key."""
    pairs = b''.join(struct.pack('<HH', i, len(t) * 2) + t.encode('utf-16-le')
                     for i, t in ((1, server), (2, server_domain), (0, '')))
    key = hmac.new(nt_hash(password), (user.upper() + domain).encode('utf-16-le'),
                   hashlib.md5).digest()
    blob = struct.pack('<BBHIQ8sI', 1, 1, 0, 0, 0x01DA000000000000, os.urandom(8), 0)
    blob += pairs + bytes(4)
    proof = hmac.new(key, challenge + blob, hashlib.md5).digest()
    return proof + blob, hmac.new(key, proof, hashlib.md5).digest()


class Channel:
    """A secure channel of `computer` with the account `account` of a domain's controller."""

    def __init__(self, domain, computer, password=None, account=None, kind=WORKSTATION,
                 flags=AES_FLAGS, key_hash=None):
        self.domain, self.computer, self.kind = domain, computer, kind
        self.account = account or computer + '$'
        self.asked = self.flags = flags
        self.secret = key_hash or nt_hash(password)
        self.server = '\\\\' + domain.computer + '\0'
        self.port = rpc.port_of(domain.address, rpc.NETLOGON)
        self.key = self.seed = self.connection = self.rid = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    @property
    def aes(self):
        return bool(self.flags & AES_FLAG)

    # ------------------------------------------------------------------ setting up

    def authenticate(self, challenge=None, client_credential=None):
        """NetrServerReqChallenge and NetrServerAuthenticate3, on a connection without security."""
        with rpc.Connection(self.domain.address, self.port) as c:
            c.bind(rpc.NETLOGON)
            self.authenticate_on(c, challenge, client_credential)
        return self

    def authenticate_on(self, c, challenge=None, client_credential=None):
        challenge = challenge or os.urandom(8)
        q = nrpc.NetrServerReqChallenge()
        q['PrimaryName'] = self.server
        q['ComputerName'] = self.computer + '\0'
        q['ClientChallenge'] = challenge
        server = bytes(check(c.ask(q))['ServerChallenge'])
        key = session_key(self.secret, challenge, server, self.asked)
        mine = client_credential or credential(key, challenge, self.asked)
        q = nrpc.NetrServerAuthenticate3()
        q['PrimaryName'] = self.server
        q['AccountName'] = self.account + '\0'
        q['SecureChannelType'] = self.kind
        q['ComputerName'] = self.computer + '\0'
        q['ClientCredential'] = mine
        q['NegotiateFlags'] = self.asked
        a = check(c.ask(q))
        self.flags, self.rid = a['NegotiateFlags'], a['AccountRid']
        self.key, self.seed = key, mine
        if bytes(a['ServerCredential']) != credential(key, server, self.asked):
            raise AssertionError("the server's credential is not right")

    def connect(self, level=rpc.PRIVACY, interface=rpc.NETLOGON):
        """A new connection, protected by the channel."""
        self.close()
        c = rpc.Connection(self.domain.address, self.port)
        c.bind_channel(interface, self.key, self.aes, self.domain.name, self.computer, level)
        self.connection = c
        return self

    def open(self, level=rpc.PRIVACY):
        return self.authenticate().connect(level)

    # ------------------------------------------------------------------ the credential chain

    @staticmethod
    def plus(block, n):
        low = (struct.unpack('<I', block[:4])[0] + n) & 0xFFFFFFFF
        return struct.pack('<I', low) + block[4:]

    def authenticator(self, at=None):
        """The next one; the chain moves on when the answer is right (verify). at: seconds."""
        a = nrpc.NETLOGON_AUTHENTICATOR()
        stamp = int(time.time()) if at is None else at
        self.pending = self.plus(self.seed, stamp)
        a['Credential'] = credential(self.key, self.pending, self.flags)
        a['Timestamp'] = stamp
        return a

    def verify(self, answer):
        """Of an answer that came with success or with a status of its own."""
        got = answer['ReturnAuthenticator']
        if bytes(got['Credential']) != credential(self.key, self.plus(self.pending, 1),
                                                  self.flags):
            raise AssertionError("the returned authenticator is not right")
        self.seed = self.plus(self.pending, 1)

    def chained(self, request, authenticator=None):
        """A call with an authenticator."""
        request['Authenticator'] = authenticator or self.authenticator()
        answer = self.connection.ask(request)
        if answer['ErrorCode'] in (0xC0000022, 0xC0000003) and not any(
                bytes(answer['ReturnAuthenticator']['Credential'])):
            raise Refused(answer['ErrorCode'])  # the chain has not moved
        self.verify(answer)
        return check(answer)

    # ------------------------------------------------------------------ calls

    def capabilities(self, level=1, authenticator=None):
        q = nrpc.NetrLogonGetCapabilities()
        q['ServerName'] = self.server
        q['ComputerName'] = self.computer + '\0'
        q['ReturnAuthenticator']['Credential'] = bytes(8)
        q['ReturnAuthenticator']['Timestamp'] = 0
        q['QueryLevel'] = level
        return self.chained(q, authenticator)['ServerCapabilities']['ServerCapabilities']

    def crypt(self, data, encrypt=True):
        """What stands in sealed calls once more encrypted. [MS-NRPC] 3.1.4.4, 3.4.5.2.5-6"""
        if self.aes:
            stream = cfb8(self.key, bytes(16))
            return stream.encrypt(data) if encrypt else stream.decrypt(data)
        return ARC4.new(self.key).encrypt(data)

    def identity(self, info, user, domain, workstation):
        info['Identity']['LogonDomainName'] = domain
        info['Identity']['ParameterControl'] = 0
        info['Identity']['UserName'] = user
        info['Identity']['Workstation'] = workstation or self.computer

    def logon(self, how, user, domain, password, level=NETWORK, validation=3, authenticator=None,
              workstation=None, server=None):
        """how: 'Ex', 'WithFlags' or ''. server: whom the user logged on at (this computer).
        Gives the validation information, its session key, and the one that the user has."""
        q = {'Ex': nrpc.NetrLogonSamLogonEx, 'WithFlags': nrpc.NetrLogonSamLogonWithFlags,
             '': nrpc.NetrLogonSamLogon}[how]()
        q['LogonServer'] = self.server
        q['ComputerName'] = self.computer + '\0'
        q['LogonLevel'] = level
        q['LogonInformation']['tag'] = level
        key = None
        if level == NETWORK:
            challenge = os.urandom(8)
            response, key = ntlmv2(user, domain, password, challenge, server or self.computer,
                                   self.domain.name)
            info = nrpc.NETLOGON_NETWORK_INFO()
            self.identity(info, user, domain, workstation)
            info['LmChallenge'] = challenge
            info['NtChallengeResponse'] = response
            info['LmChallengeResponse'] = b''
            q['LogonInformation']['LogonNetwork'] = info
        else:
            info = nrpc.NETLOGON_INTERACTIVE_INFO()
            self.identity(info, user, domain, workstation)
            info['LmOwfPassword'] = b'\0' * 16
            info['NtOwfPassword'] = self.crypt(nt_hash(password))
            q['LogonInformation']['LogonInteractive'] = info
        q['ValidationLevel'] = validation
        if how != '':
            q['ExtraFlags'] = 0
        if how == 'Ex':
            answer = check(self.connection.ask(q))
        else:
            q['ReturnAuthenticator']['Credential'] = bytes(8)
            q['ReturnAuthenticator']['Timestamp'] = 0
            answer = self.chained(q, authenticator)
        name = {2: 'ValidationSam', 3: 'ValidationSam2', 6: 'ValidationSam4'}[validation]
        sam = answer['ValidationInformation'][name]
        got = sam['UserSessionKey']
        if any(got) and validation != 6:
            got = self.crypt(got, False)
        return sam, got, key

    def set_password(self, password, version=None, authenticator=None):
        """password: text or bytes"""
        raw = password if isinstance(password, bytes) else password.encode('utf-16-le')
        tail = raw
        if version is not None:  # NL_PASSWORD_VERSION, [MS-NRPC] 2.2.1.3.8
            tail = struct.pack('<III', 0, version, 0x02231968) + raw
        clear = os.urandom(512 - len(tail)) + tail + struct.pack('<I', len(raw))
        q = nrpc.NetrServerPasswordSet2()
        q['PrimaryName'] = self.server
        q['AccountName'] = self.account + '\0'
        q['SecureChannelType'] = self.kind
        q['ComputerName'] = self.computer + '\0'
        q['ClearNewPassword'] = self.crypt(clear)
        self.chained(q, authenticator)
        self.secret = MD4.new(raw).digest()

    def own(self, call):
        q = call()
        q['TrustedDcName'] = self.server
        q['AccountName'] = self.account + '\0'
        q['SecureChannelType'] = self.kind
        q['ComputerName'] = self.computer + '\0'
        answer = self.chained(q)
        return [self.open_owf(answer[n]) for n in ('EncryptedNewOwfPassword',
                                                    'EncryptedOldOwfPassword')], answer

    def open_owf(self, owf):
        """Two DES blocks under the session key. [MS-NRPC] 3.4.5.2 with [MS-SAMR] 2.2.11.1.1"""
        return b''.join(DES.new(des_key(k), DES.MODE_ECB).decrypt(d) for k, d in (
            (self.key[:7], owf[:8]), (self.key[7:14], owf[8:])))

    def trust_info(self):
        return self.own(nrpc.NetrServerGetTrustInfo)

    def trust_passwords(self):
        return self.own(nrpc.NetrServerTrustPasswordsGet)

