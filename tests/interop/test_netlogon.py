#!/usr/bin/python3
"""A Netlogon client on impacket's structures: what a member, a BDC and a trusting controller do
with ntrustd, and what an attacker tries."""

import os
import struct
import threading
import unittest

import lab
import netlogon
import rpc
from netlogon import DES_FLAGS, INTERACTIVE, INTERDOMAIN, NETWORK, RC4_FLAGS, SERVER, Channel
from netlogon import Refused
from security import nt_hash

D = None
ALICE = 'Alice.pw1'


def setUpModule():
    global D
    D = lab.Domain('ACCOUNTS', 'ACCPDC')
    D.ntrust('user', 'add', 'alice', '--full-name', 'Alice Adams', password=ALICE)
    D.ntrust('computer', 'add', 'WS1', password='Ws1.pw')
    D.ntrust('computer', 'add', 'BDC1', '--kind', 'server', password='Bdc1.pw')
    D.ntrust('computer', 'add', 'OLD1', '--weak', password='Old1.pw')


class Case(unittest.TestCase):
    def refused(self, status, call, *args, **more):
        with self.assertRaises(Refused) as e:
            call(*args, **more)
        self.assertEqual(e.exception.name, status)

    def fault(self, status, call, *args, **more):
        with self.assertRaises(rpc.Fault) as e:
            call(*args, **more)
        self.assertEqual('0x%08X' % e.exception.status, '0x%08X' % status)

    def channel(self, computer='WS1', password='Ws1.pw', **more):
        c = Channel(D, computer, password, **more)
        self.addCleanup(c.close)
        return c

    def permit(self, name, password='Initial.pw1', **more):
        """A channel of the trusting domain `name`, not yet opened."""
        D.ntrust('permit', 'add', name, password=password)
        self.addCleanup(D.ntrust, 'permit', 'remove', name, ok=None)
        return self.channel(name + 'DC', password, account=name + '$', kind=INTERDOMAIN, **more)


class SetUp(Case):
    def test_of_a_member(self):
        c = self.channel().open()
        self.assertTrue(c.aes)
        self.assertEqual(c.rid, D.json('computer', 'show', 'WS1')['rid'])
        self.assertEqual(c.capabilities(), c.flags)

    def test_of_another_controller(self):
        c = self.channel('BDC1', 'Bdc1.pw', kind=SERVER).open()
        self.assertEqual(c.capabilities(), c.flags)

    def test_a_wrong_password(self):
        self.refused('ACCESS_DENIED', self.channel(password='wrong').authenticate)
        self.channel().open()

    def test_an_account_that_is_not_there_or_of_another_kind(self):
        self.refused('NO_TRUST_SAM_ACCOUNT', self.channel('NOBODY').authenticate)
        self.refused('NO_TRUST_SAM_ACCOUNT', self.channel(kind=SERVER).authenticate)
        self.refused('NO_TRUST_SAM_ACCOUNT', self.channel(kind=INTERDOMAIN).authenticate)
        self.refused('NO_TRUST_SAM_ACCOUNT', self.channel(password=ALICE,
                                                          account='alice').authenticate)

    def test_a_disabled_account(self):
        D.ntrust('computer', 'disable', 'WS1')
        self.addCleanup(D.ntrust, 'computer', 'enable', 'WS1')
        self.refused('NO_TRUST_SAM_ACCOUNT', self.channel().authenticate)

    def test_a_computer_with_another_name(self):
        self.refused('ACCESS_DENIED', self.channel('WS2', account='WS1$').authenticate)

    def test_weak_cryptography_is_refused(self):
        for flags in (RC4_FLAGS, DES_FLAGS, 0):
            self.refused('DOWNGRADE_DETECTED', self.channel(flags=flags).authenticate)

    def test_weak_cryptography_works_where_it_is_allowed(self):
        for flags in (RC4_FLAGS, DES_FLAGS):
            with self.subTest('%08x' % flags):
                c = self.channel('OLD1', 'Old1.pw', flags=flags).open()
                self.assertFalse(c.aes)
                self.assertEqual(c.capabilities(), c.flags)
                _, got, key = c.logon('WithFlags', 'alice', 'ACCOUNTS', ALICE)
                self.assertEqual(got, key)
                c.logon('Ex', 'alice', 'ACCOUNTS', ALICE, INTERACTIVE)
                c.set_password('Old1.pw')
                c.open()

    def test_zero_challenges_prove_nothing(self):
        """The attack of 2020: with a zero challenge and credential every 256th key fits."""
        c = self.channel()
        with rpc.Connection(D.address, c.port) as connection:
            connection.bind(rpc.NETLOGON)
            for _ in range(2000):
                self.refused('ACCESS_DENIED', c.authenticate_on, connection, bytes(8), bytes(8))
        for challenge in (b'\x55' * 8, b'\0\0\0\0\0\1\2\3'):
            self.refused('ACCESS_DENIED', c.authenticate, challenge)
        self.channel().open().capabilities()

    def test_a_challenge_serves_once(self):
        c = self.channel()
        with rpc.Connection(D.address, c.port) as connection:
            connection.bind(rpc.NETLOGON)
            c.authenticate_on(connection)
            q = netlogon.nrpc.NetrServerAuthenticate3()
            q['PrimaryName'] = c.server
            q['AccountName'] = c.account + '\0'
            q['SecureChannelType'] = c.kind
            q['ComputerName'] = c.computer + '\0'
            q['ClientCredential'] = c.seed
            q['NegotiateFlags'] = c.asked
            self.refused('ACCESS_DENIED', lambda: netlogon.check(connection.ask(q)))

    def test_two_computers_on_one_connection(self):
        """Challenges are kept by computer."""
        one, two = self.channel(), self.channel('BDC1', 'Bdc1.pw', kind=SERVER)
        with rpc.Connection(D.address, one.port) as connection:
            connection.bind(rpc.NETLOGON)
            one.authenticate_on(connection)
            two.authenticate_on(connection)
        self.assertEqual(one.connect().capabilities(), one.flags)
        self.assertEqual(two.connect().capabilities(), two.flags)


class Chain(Case):
    """The credential chain under replays and reordering."""

    def test_a_replayed_authenticator_is_refused_and_the_chain_goes_on(self):
        c = self.channel().open()
        a = c.authenticator()
        c.capabilities(authenticator=a)
        self.refused('ACCESS_DENIED', c.capabilities, authenticator=a)
        self.assertEqual(c.capabilities(), c.flags)

    def test_an_authenticator_from_the_future_is_refused(self):
        c = self.channel().open()
        now = c.authenticator()
        seed, pending = c.seed, c.pending
        c.seed = c.plus(pending, 1)  # as if the first call had been made
        self.refused('ACCESS_DENIED', c.capabilities, authenticator=c.authenticator())
        c.seed, c.pending = seed, pending
        c.capabilities(authenticator=now)
        c.capabilities()

    def test_a_forged_authenticator_is_refused(self):
        c = self.channel().open()
        a = c.authenticator()
        a['Credential'] = os.urandom(8)
        self.refused('ACCESS_DENIED', c.capabilities, authenticator=a)
        a['Credential'] = bytes(8)
        self.refused('ACCESS_DENIED', c.capabilities, authenticator=a)
        c.capabilities()

    def test_the_clock_does_not_matter(self):
        c = self.channel().open()
        for at in (0, 0xFFFFFFFF, 12345):
            c.capabilities(authenticator=c.authenticator(at))

    def test_what_is_refused_for_its_level_moves_nothing(self):
        c = self.channel().open()
        a = c.authenticator()
        self.fault(rpc.INVALID_TAG, c.capabilities, 77, authenticator=a)
        c.capabilities(authenticator=a)

    def test_a_second_setup_begins_a_new_chain(self):
        old = self.channel().open()
        new = self.channel().open()
        new.capabilities()
        self.refused('ACCESS_DENIED', old.capabilities)
        new.capabilities()


class Logons(Case):
    def test_in_every_form(self):
        c = self.channel().open()
        for how in ('Ex', 'WithFlags', ''):
            for level in (NETWORK, INTERACTIVE):
                for validation in (2, 3, 6):
                    with self.subTest(how=how, level=level, validation=validation):
                        sam, got, key = c.logon(how, 'alice', 'ACCOUNTS', ALICE, level, validation)
                        self.assertEqual(sam['EffectiveName'], 'alice')
                        self.assertEqual(sam['FullName'], 'Alice Adams')
                        self.assertEqual(sam['LogonDomainName'], 'ACCOUNTS')
                        self.assertEqual(sam['LogonServer'], 'ACCPDC')
                        self.assertEqual(sam['LogonDomainId'].formatCanonical(), D.sid)
                        self.assertEqual(sam['UserId'], D.json('user', 'show', 'alice')['rid'])
                        self.assertEqual(sam['PrimaryGroupId'], 513)
                        self.assertEqual([g['RelativeId'] for g in sam['GroupIds']], [513])
                        self.assertEqual(got, key or bytes(16))

    def test_that_fail(self):
        c = self.channel().open()
        for how in ('Ex', 'WithFlags', ''):
            for level in (NETWORK, INTERACTIVE):
                with self.subTest(how=how, level=level):
                    self.refused('WRONG_PASSWORD', c.logon, how, 'alice', 'ACCOUNTS', 'no', level)
                    self.refused('NO_SUCH_USER', c.logon, how, 'nobody', 'ACCOUNTS', 'no', level)
                    c.logon(how, 'alice', 'ACCOUNTS', ALICE, level)

    def test_of_a_response_made_for_another_server(self):
        c = self.channel().open()
        self.refused('LOGON_FAILURE', c.logon, 'Ex', 'alice', 'ACCOUNTS', ALICE, server='WS9')

    def test_of_a_disabled_user(self):
        D.ntrust('user', 'add', 'dora', password='Dora.pw1')
        D.ntrust('user', 'disable', 'dora')
        self.addCleanup(D.ntrust, 'user', 'remove', 'dora')
        c = self.channel().open()
        self.refused('ACCOUNT_DISABLED', c.logon, 'Ex', 'dora', 'ACCOUNTS', 'Dora.pw1')

    def test_lockout(self):
        D.ntrust('policy', 'set', 'lockout_threshold', '3')
        D.ntrust('user', 'add', 'lola', password='Lola.pw1')
        try:
            c = self.channel().open()
            for _ in range(3):
                self.refused('WRONG_PASSWORD', c.logon, 'Ex', 'lola', 'ACCOUNTS', 'no')
            self.refused('ACCOUNT_LOCKED_OUT', c.logon, 'Ex', 'lola', 'ACCOUNTS', 'Lola.pw1')
            D.ntrust('user', 'unlock', 'lola')
            c.logon('Ex', 'lola', 'ACCOUNTS', 'Lola.pw1')
        finally:
            D.ntrust('policy', 'set', 'lockout_threshold', '0')
            D.ntrust('user', 'remove', 'lola')

    def test_only_over_a_sealed_channel(self):
        c = self.channel().open(rpc.INTEGRITY)
        for how in ('Ex', 'WithFlags', ''):
            self.refused('ACCESS_DENIED', c.logon, how, 'alice', 'ACCOUNTS', ALICE)
        c.connection.close()
        c.connection = rpc.Connection(D.address, c.port)
        c.connection.bind(rpc.NETLOGON)
        for how in ('Ex', 'WithFlags', ''):
            self.refused('ACCESS_DENIED', c.logon, how, 'alice', 'ACCOUNTS', ALICE)

    def test_many_on_one_channel(self):
        c = self.channel().open()
        for i in range(200):
            c.logon('Ex' if i % 2 else 'WithFlags', 'alice', 'ACCOUNTS', ALICE)


class Passwords(Case):
    def test_of_a_member_changes(self):
        c = self.channel().open()
        c.set_password('Ws1.next')
        self.assertEqual(c.capabilities(), c.flags)  # the old channel lives on
        self.refused('ACCESS_DENIED', self.channel(password='Ws1.pw').authenticate)
        c.open()
        c.set_password(os.urandom(200))  # members choose what is no text
        c.open()
        c.set_password('Ws1.pw')
        self.channel().open()

    def test_of_before_are_recognised_and_open_nothing(self):
        """A member that went back to an older copy of itself."""
        D.ntrust('computer', 'add', 'GOESBACK', password='Back0.pw')
        old = 'Back0.pw'
        for new in ('Back1.pw' * 4, 'Back2.pw' * 4):
            c = self.channel('GOESBACK', old).open()
            c.set_password(new)
            old = new
        self.assertEqual(D.json('computer', 'show', 'GOESBACK')['password'], '')
        self.refused('ACCESS_DENIED', self.channel('GOESBACK', 'Back0.pw').authenticate)
        shown = D.json('computer', 'show', 'GOESBACK')
        self.assertEqual(shown['password'], 'behind')
        self.assertRegex(shown['text'], '2 changes ago: it was restored from an older copy')
        self.assertRegex(D.ntrust('computer', 'list'), r'GOESBACK\$ .* behind ')
        events = D.json('events', '--subject', 'GOESBACK$')['events']
        behind = [e for e in events if e['kind'] == 'member-behind']
        self.assertEqual(len(behind), 1)
        self.assertIn('join it again', behind[0]['text'])
        # one that guesses is nothing of the kind, and the right one ends it
        self.refused('ACCESS_DENIED', self.channel('GOESBACK', 'guess').authenticate)
        self.channel('GOESBACK', old).open()
        self.assertEqual(D.json('computer', 'show', 'GOESBACK')['password'], '')
        events = D.json('events', '--subject', 'GOESBACK$')['events']
        self.assertEqual([e['kind'] for e in events][-1], 'member-recovered')

    def test_that_a_restored_store_does_not_know(self):
        """This end went back: a member has changed its password since."""
        D.ntrust('computer', 'add', 'GOESON', password='On0.pw')
        copy = D.dir + '/copy.db'
        D.ntrust('backup', copy)
        c = self.channel('GOESON', 'On0.pw').open()
        c.set_password('On1.pw' * 4)
        c.close()
        D.stop()
        D.ntrust('restore', copy, '--store', D.dir + '/domain.db')
        D.start()
        self.refused('ACCESS_DENIED', self.channel('GOESON', 'On1.pw' * 4).authenticate)
        shown = D.json('computer', 'show', 'GOESON')
        self.assertEqual(shown['password'], 'ahead')
        self.assertIn('this store was restored from a backup', shown['text'])
        events = D.json('events', '--subject', 'GOESON$')['events']
        self.assertEqual(len([e for e in events if e['kind'] == 'member-ahead']), 1)
        # it falls back to the one of before, as members do, and changes it
        c = self.channel('GOESON', 'On0.pw').open()
        c.set_password('On2.pw' * 4)
        self.assertEqual(D.json('computer', 'show', 'GOESON')['password'], '')

    def test_need_a_sealed_channel(self):
        c = self.channel().open(rpc.INTEGRITY)
        self.refused('ACCESS_DENIED', c.set_password, 'Stolen.pw1')
        self.channel().open()

    def test_sent_in_the_clear_are_refused(self):
        c = self.channel().open()
        c.crypt = lambda data, encrypt=True: bytes(516)
        self.refused('ACCESS_DENIED', c.set_password, 'x')
        self.channel().open()

    def test_of_another_account_stay(self):
        c = self.channel().open()
        c.account = 'BDC1$'
        self.refused('INVALID_PARAMETER', c.set_password, 'Stolen.pw1')
        self.channel('BDC1', 'Bdc1.pw', kind=SERVER).open()

    def test_the_evidence_for_a_member(self):
        c = self.channel().open()
        hashes, _ = c.trust_passwords()
        self.assertEqual(hashes[0], nt_hash('Ws1.pw'))
        hashes, _ = c.trust_info()
        self.assertEqual(hashes[0], nt_hash('Ws1.pw'))


class Trust(Case):
    """As a trusting domain's controller."""

    def state(self, name):
        return D.json('permit', 'show', name)['state']

    def test_from_permission_to_use(self):
        c = self.permit('EAST')
        self.assertEqual(self.state('EAST'), 'permitted')
        c.open()
        self.assertEqual(self.state('EAST'), 'proven')
        self.assertEqual(c.capabilities(), c.flags)
        hashes, _ = c.trust_info()
        self.assertEqual(hashes, [nt_hash('Initial.pw1')] * 2)

        second = os.urandom(60)
        c.set_password(second, version=7)
        c.open()
        self.assertEqual(self.state('EAST'), 'active')
        permit = D.json('permit', 'show', 'EAST')
        self.assertEqual(permit['version'], 7)
        self.refused('ACCESS_DENIED', self.channel(
            'EASTDC', 'Initial.pw1', account='EAST$', kind=INTERDOMAIN).authenticate)

        c.open()
        hashes, answer = c.trust_info()
        self.assertEqual(hashes[0], c.secret)
        self.assertEqual(answer['TrustInfo']['UlongEntryCount'], 1)
        hashes, _ = c.trust_passwords()
        self.assertEqual(hashes[0], c.secret)
        sam, got, key = c.logon('Ex', 'alice', 'ACCOUNTS', ALICE)
        self.assertEqual((sam['EffectiveName'], got), ('alice', key))
        c.logon('WithFlags', 'alice', 'ACCOUNTS', ALICE, INTERACTIVE)

    def test_the_previous_password_opens_until_the_next_is_proven(self):
        c = self.permit('SOUTH')
        c.open()
        c.set_password('Second.pw2', version=1)
        c.open()
        c.set_password('Third.pw3', version=2)
        self.channel('SOUTHDC', 'Second.pw2', account='SOUTH$', kind=INTERDOMAIN).authenticate()
        c.open()
        self.refused('ACCESS_DENIED', self.channel(
            'SOUTHDC', 'Initial.pw1', account='SOUTH$', kind=INTERDOMAIN).authenticate)

    def test_a_wrong_initial_password_burns_the_permission(self):
        c = self.permit('WEST')
        c.secret = nt_hash('wrong')
        self.refused('ACCOUNT_LOCKED_OUT', c.authenticate)
        permit = D.json('permit', 'show', 'WEST')
        self.assertEqual((permit['state'], permit['burned_from'].split(':')[0]),
                         ('burned', '127.0.0.1'))
        c.secret = nt_hash('Initial.pw1')
        self.refused('ACCOUNT_LOCKED_OUT', c.authenticate)
        D.ntrust('permit', 'remove', 'WEST')
        D.ntrust('permit', 'add', 'WEST', password='Initial.pw1')
        c.open()

    def test_once_proven_wrong_passwords_burn_nothing(self):
        c = self.permit('NORTH')
        c.open()
        c.set_password('Second.pw2', version=1)
        right = c.secret
        for _ in range(20):
            c.secret = os.urandom(16)
            self.refused('ACCESS_DENIED', c.authenticate)
        c.secret = right
        c.open()

    def test_attempts_that_prove_nothing_cost_none(self):
        c = self.permit('LIMBO')
        self.refused('ACCESS_DENIED', c.authenticate, bytes(8), bytes(8))
        weak = self.channel('LIMBODC', 'wrong', account='LIMBO$', kind=INTERDOMAIN,
                            flags=RC4_FLAGS)
        self.refused('DOWNGRADE_DETECTED', weak.authenticate)
        self.assertEqual(self.state('LIMBO'), 'permitted')
        c.open()

    def test_logons_are_not_passed_on(self):
        c = self.permit('CHAIN')
        c.open()
        with self.assertRaises(Refused) as e:
            c.logon('Ex', 'someone', 'ELSEWHERE', 'pw')
        self.assertIn(e.exception.name, ('NO_SUCH_USER', 'NO_SUCH_DOMAIN'))

    def test_attempts_at_once_burn_once(self):
        self.permit('RUSH')
        results = []

        def attempt():
            c = Channel(D, 'RUSHDC', 'wrong', account='RUSH$', kind=INTERDOMAIN)
            try:
                c.authenticate()
                results.append('opened')
            except Refused as e:
                results.append(e.name)

        threads = [threading.Thread(target=attempt) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(results, ['ACCOUNT_LOCKED_OUT'] * 16)
        self.assertEqual(self.state('RUSH'), 'burned')


class Calls(Case):
    def test_that_are_not_served(self):
        c = self.channel().open()
        for opnum in (1, 7, 16, 22, 47, 48, 60, 1000):
            self.fault(rpc.OP_RANGE, c.connection.call, opnum, bytes(64))
        self.assertEqual(c.capabilities(), c.flags)

    def test_that_do_not_decode(self):
        c = self.channel().open()
        for opnum in (2, 4, 26, 30, 39, 45):
            for stub in (b'', b'\xff' * 5, b'\xff' * 400, struct.pack('<III', 1, 0xFFFFFFF0, 0)):
                with self.subTest(opnum=opnum, stub=len(stub)):
                    with self.assertRaises(rpc.Fault):
                        c.connection.call(opnum, stub)
        self.assertEqual(c.capabilities(), c.flags)

    def test_lookups_over_the_channel(self):
        """LookupNames4 and LookupSids3, which are for secure channels alone."""
        from impacket.dcerpc.v5 import lsat  # pylint: disable=import-outside-toplevel
        c = self.channel().authenticate().connect(interface=rpc.LSARPC)
        q = lsat.LsarLookupNames4()
        q['Count'] = 1
        name = netlogon.nrpc.RPC_UNICODE_STRING()
        name['Data'] = 'alice'
        q['Names'].append(name)
        q['TranslatedSids']['Sids'] = lsat.NULL
        q['LookupLevel'] = 1
        q['LookupOptions'] = 0
        q['ClientRevision'] = 2
        answer = netlogon.check(c.connection.ask(q))
        sid = answer['TranslatedSids']['Sids'][0]['Sid'].formatCanonical()
        self.assertEqual(sid, D.json('user', 'show', 'alice')['sid'])
        self.assertEqual(answer['ReferencedDomains']['Domains'][0]['Name'], 'ACCOUNTS')


class Seals(Case):
    """What is protected cannot be changed, left out or moved."""

    def request(self, c):
        """A protected GetCapabilities."""
        q = netlogon.nrpc.NetrLogonGetCapabilities()
        q['ServerName'] = c.server
        q['ComputerName'] = c.computer + '\0'
        q['Authenticator'] = c.authenticator()
        q['ReturnAuthenticator']['Credential'] = bytes(8)
        q['ReturnAuthenticator']['Timestamp'] = 0
        q['QueryLevel'] = 1
        c.connection.call_id += 1
        return q.getData()

    def test_a_changed_bit(self):
        for at in (24, 40, -1, -20, -40, -50):
            with self.subTest(at=at):
                c = self.channel().open()
                data = bytearray(c.connection.request_pdu(21, self.request(c)))
                data[at if at > 0 else len(data) + at] ^= 1
                c.connection.send(bytes(data))
                if at in (-1, -20):  # of the token's reserved part: nothing stands there
                    continue
                with self.assertRaises((rpc.Fault, rpc.Closed)):
                    c.connection.answer()

    def test_no_verifier(self):
        c = self.channel().open()
        stub = self.request(c)
        c.connection.sealer = None
        c.connection.send(c.connection.request_pdu(21, stub))
        self.fault(rpc.FAULT_DENIED, c.connection.answer)
        self.assertTrue(c.connection.closed_by_peer())

    def test_a_second_fragment_without_verifier(self):
        c = self.channel().open()
        stub = self.request(c)
        c.connection.send(c.connection.request_pdu(21, stub[:32], rpc.FIRST))
        c.connection.sealer = None
        c.connection.send(c.connection.request_pdu(21, stub[32:], rpc.LAST))
        self.fault(rpc.FAULT_DENIED, c.connection.answer)
        self.assertTrue(c.connection.closed_by_peer())

    def test_a_request_sent_twice(self):
        c = self.channel().open()
        data = c.connection.request_pdu(21, self.request(c))
        c.connection.send(data)
        c.connection.answer()
        c.connection.send(data)
        with self.assertRaises((rpc.Fault, rpc.Closed)):
            c.connection.answer()

    def test_a_level_below_the_one_agreed_on(self):
        c = self.channel().open()
        stub = self.request(c)
        c.connection.level = rpc.INTEGRITY
        c.connection.send(c.connection.request_pdu(21, stub))
        with self.assertRaises((rpc.Fault, rpc.Closed)):
            c.connection.answer()

    def test_fragments_large_and_small(self):
        c = self.channel().open()
        for size in (8, 16, 40, 4000):
            with self.subTest(size=size):
                q = netlogon.nrpc.NetrLogonGetCapabilitiesResponse(
                    c.connection.call(21, self.request(c), fragment=size))
                c.verify(q)
                self.assertEqual(q['ErrorCode'], 0)

    def test_a_bind_for_a_computer_without_a_channel(self):
        c = self.channel().authenticate()
        c.computer = 'WS7'
        with self.assertRaises((rpc.Fault, rpc.Closed, rpc.Nak)):
            c.connect()
            c.capabilities()

    def test_a_bind_with_another_key(self):
        c = self.channel().authenticate()
        c.key = os.urandom(16)
        c.connect()
        with self.assertRaises((rpc.Fault, rpc.Closed)):
            c.connection.call(21, self.request(c))


if __name__ == '__main__':
    lab.main()
