#!/usr/bin/python3
"""Each reason for which a trust is broken or degraded (design section 5) is brought about for real,
and told by name, with the end at fault and a remedy, in four places at each end that can see it:
the admin API, `ntrust status`, `ntrust check` and the events."""

import json
import shutil

import netlogon
import world as w
from fake_controller import TIME_DIFFERENCE, FakeController

ACC_ADDRESS, RES_ADDRESS, FAKE_ADDRESS = '127.0.0.21', '127.0.0.22', '127.0.0.23'
WEAK_FLAGS = 0x600FFFFF  # all but AES, [MS-NRPC] 3.1.4.2


class Reasons(w.TestCase):
    def domain(self, name, computer, address):
        domain = self.world.domain(name, computer)
        domain.address = address
        domain.write_config({'listen': {'address': address, 'epm_port': 135, 'rpc_port': 49155,
                                        'smb_port': 445}})
        return domain.start()

    def setUp(self):
        super().setUp()
        self.a = self.domain('ACCOUNTS', 'ACCPDC', ACC_ADDRESS)
        self.r = self.domain('RESOURCES', 'RESPDC', RES_ADDRESS)
        self.a.api('PATCH', '/v1/policy', {'check_interval_s': 5})
        w.establish(self.r, self.a, server=ACC_ADDRESS)

    # --- what is expected ---

    def trusting(self, reason, end, state='broken', words=''):
        """As the trusting end sees it. end: at fault, in the API's words."""
        fault = {'there': 'ACCOUNTS', 'here': 'RESOURCES', 'between': 'the network'}
        trust = self.r.api('POST', '/v1/trusts/ACCOUNTS/verify')
        told = (trust['reason'], trust['end_at_fault'], trust['state'], trust['degraded'])
        self.assertEqual(told, (reason, end, state, state != 'broken'), json.dumps(trust))
        self.assertTrue(trust['next'] and trust['last_error']['status'])
        self.everywhere(self.r, 'ACCOUNTS', 'trusting', reason, end)
        checked = self.check(self.r, 'ACCOUNTS')
        self.assertEqual(checked['reason'], reason, checked)
        if end in fault:
            self.assertEqual(checked['end_at_fault'], fault[end], checked)
        self.assertIn(words, checked['cause'] + trust['last_error']['text'])
        self.assertTrue(self.events(self.r, 'ACCOUNTS', reason), 'no event begins with ' + reason)

    def trusted(self, reason, end='here', permit=True, check=None, event=None):
        """As the trusted end sees it. event: its kind, where the reason is not its first word."""
        def seen():
            found = self.trouble(self.a, 'RESOURCES', 'trusted')
            return found if found and found['reason'] == reason else None
        w.until('status of the trusted end says ' + reason, seen)
        if permit:
            shown = self.a.permit('RESOURCES')
            self.assertEqual((shown['reason'], shown['end_at_fault']), (reason, end), shown)
            self.assertTrue(shown['next'] and shown['text'])
        self.everywhere(self.a, 'RESOURCES', 'trusted', reason, end)
        checked = self.check(self.a, 'RESOURCES')
        self.assertEqual(checked['reason'], check or reason, checked)
        kinds = self.events(self.a, 'RESOURCES', reason) + self.events(self.a, 'RESOURCES$', reason)
        kinds += [e['kind'] for s in ('RESOURCES', 'RESOURCES$')
                  for e in self.a.api('GET', '/v1/events?max=1000&subject=' + s.replace('$', '%24'))
                  ['events']]
        if event != '':
            self.assertIn(event or 'channel-refused', kinds)

    def everywhere(self, domain, other, this_end, reason, end):
        """The status, as JSON and as text."""
        trouble = self.trouble(domain, other, this_end)
        self.assertIsNotNone(trouble, 'the status says nothing of %s' % other)
        self.assertEqual((trouble['reason'], trouble['end_at_fault']), (reason, end), trouble)
        self.assertTrue(trouble['text'] and trouble['next'], trouble)
        out, _ = domain.ntrust('status')
        self.assertRegex(out, r'(?s)%s: .*%s.*at fault: %s.*Next: ' % (other, reason, end))

    def check(self, domain, other):
        def told():
            code, out, _ = domain.ntrust('check', other, '--json', code=None)
            return json.loads(out)['checks'][0] if code in (1, 2) else None
        found = w.until('the check of %s tells' % other, told, 5, 0.3)
        self.assertTrue(found['verdict'] and found['cause'] and found['next'], found)
        return found

    @staticmethod
    def trouble(domain, other, this_end):
        for t in domain.api('GET', '/v1/status')['troubles']:
            if (t['domain'], t['this_end']) == (other, this_end):
                return t
        return None

    @staticmethod
    def events(domain, subject, reason):
        events = domain.api('GET', '/v1/events?max=1000&subject=' + subject.replace('$', '%24'))
        return [e['kind'] for e in events['events'] if e['text'].startswith(reason + ': ')]

    # --- what is done ---

    def good(self):
        trust = self.r.api('POST', '/v1/trusts/ACCOUNTS/verify')
        self.assertEqual((trust['state'], trust['reason']), ('active', ''), trust)
        self.assertIsNone(self.trouble(self.r, 'ACCOUNTS', 'trusting'))
        self.assertEqual(self.a.permit('RESOURCES')['reason'], '')

    def permit(self, password='initial', **more):
        self.a.maybe('DELETE', '/v1/permits/RESOURCES')
        self.a.api('POST', '/v1/permits', dict(name='RESOURCES', password=password, **more))

    def renew(self, password='initial'):
        """Both ends are made anew; the trusting one with this password."""
        self.r.api('POST', '/v1/trusts/ACCOUNTS/reset', {'password': password})

    def servers(self, *hosts):
        self.r.api('PATCH', '/v1/trusts/ACCOUNTS', {'servers': list(hosts)})

    def revert(self):
        """The trusting end goes back by three changes."""
        self.r.stop()
        shutil.copy(self.r.store, self.r.path('old.db'))
        self.r.start()
        for _ in range(3):
            self.r.api('POST', '/v1/trusts/ACCOUNTS/rotate')
        self.r.stop()
        shutil.copy(self.r.path('old.db'), self.r.store)
        self.r.start()

    # --- the table ---

    def test_of_the_account(self):
        with self.subTest('account-disabled'):
            self.a.ntrust('permit', 'disable', 'RESOURCES')
            self.trusting('account-disabled', 'there', words='disabled')
            self.trusted('account-disabled', event='account-disabled')
            self.a.ntrust('permit', 'enable', 'RESOURCES')
            self.good()
        with self.subTest('removed-at-trusted-end'):
            self.a.api('DELETE', '/v1/permits/RESOURCES')
            self.trusting('removed-at-trusted-end', 'there', words='no account RESOURCES$')
            self.trusted('removed-at-trusted-end', permit=False)
        with self.subTest('wrong-account-type'):
            self.a.api('POST', '/v1/computers', {'name': 'RESOURCES', 'kind': 'workstation'})
            self.trusting('wrong-account-type', 'there', words='workstation')
            self.trusted('wrong-account-type', permit=False)
            self.a.api('DELETE', '/v1/computers/RESOURCES')
        with self.subTest('initial-password-burned: permitted anew at one end alone'):
            self.permit('another')
            self.trusting('initial-password-burned', 'there', words='anew')
            self.trusted('initial-password-burned', 'there', event='initial-password-burned')

    def test_of_the_passwords(self):
        with self.subTest('initial-password-burned'):
            self.permit()
            self.renew('wrong')
            self.trusting('initial-password-burned', 'here')
            self.trusted('initial-password-burned', 'there', event='initial-password-burned')
        with self.subTest('password-mismatch: of several attempts'):
            self.permit(attempts=3)
            self.renew('wrong')
            w.until('it is refused', lambda: self.r.trust('ACCOUNTS')['reason'])
            checked = self.check(self.r, 'ACCOUNTS')
            self.assertEqual(checked['reason'], 'password-mismatch', checked)
            self.assertEqual(self.a.permit('RESOURCES')['attempts_left'], 2)  # it costs none
            self.trusting('password-mismatch', 'both')
            self.trusted('password-mismatch', 'there', check='never-used',
                         event='initial-password-wrong')
        with self.subTest('password-mismatch: this end went back'):
            self.permit()
            self.renew()
            self.good()
            self.revert()
            self.trusting('password-mismatch', 'both')
            self.trusted('password-mismatch', 'there', event='trust-end-behind')
            self.permit()
            self.renew()
            self.good()

    def test_of_the_way_and_the_controller(self):
        with self.subTest('name-unresolvable'):
            self.servers('no-such-host.invalid')
            self.trusting('name-unresolvable', 'between', state='active')
        for reason, end, fake in (
                ('crypto-refused', 'both', {'flags': WEAK_FLAGS}),
                ('time-skew', 'both', {'status': TIME_DIFFERENCE}),
                ('denied', 'there', {'denies': True})):
            with self.subTest(reason):
                controller = FakeController(FAKE_ADDRESS, **fake)
                self.addCleanup(controller.close)
                self.servers(FAKE_ADDRESS)
                self.trusting(reason, end)
                controller.close()
        self.servers(ACC_ADDRESS)
        self.good()
        with self.subTest('crypto-refused, at the trusted end'):
            status = netlogon.attempt(ACC_ADDRESS, 49155, 'RESOURCES', 'RESPDC', 'any',
                                      flags=WEAK_FLAGS)
            self.assertEqual(status, 0xC0000388)
            self.trusted('crypto-refused', 'there')
            self.good()
        with self.subTest('peer-unreachable'):
            self.a.stop()
            self.trusting('peer-unreachable', 'between', state='active')
        with self.subTest('domain-changed'):
            self.a = self.domain('ACCOUNTS', 'ACCPDC', ACC_ADDRESS)
            self.trusting('domain-changed', 'there', words=self.a.api('GET', '/v1/domain')['sid'])
            self.trusted('removed-at-trusted-end', permit=False, check='not-permitted')

    def test_of_a_silent_partner(self):
        self.r.stop()
        self.trusted('silent', 'there', event='')


if __name__ == '__main__':
    w.main()
