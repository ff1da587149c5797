"""Two controllers of one domain: two ntrustd on one store, each with ports and a name of its own."""

import json
import os
import unittest

from world import ADDRESS, Domain, World, establish, until


class Controller(Domain):
    """Another controller of a domain that is there, on its store."""

    def __init__(self, folder, domain, computer):
        self.of = domain
        super().__init__(folder, domain.name, computer, init=False)

    def settings(self):
        settings = super().settings()
        settings['domain'] = {'store': self.of.store, 'master_key': self.of.key, 'shared': 'yes',
                              'computer': self.computer}
        return settings


class TwoControllers(unittest.TestCase):
    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)
        self.accounts = self.world.domain('ACCOUNTS', 'ACCPDC').start()
        self.accounts.api('POST', '/v1/users', {'name': 'alice', 'password': 'Wonder1land'})
        self.first = self.world.domain('RESOURCES', 'RES1')
        self.first.write_config({'domain': {'shared': 'yes'}})
        self.second = self.another(self.first, 'RES2')
        self.first.start()
        self.second.start()

    def another(self, domain, computer):
        folder = os.path.join(self.world.folder, computer.lower())
        controller = Controller(folder, domain, computer)
        self.world.domains.append(controller)
        return controller

    def logs_on(self, controller, password='Wonder1land'):
        return controller.logon('ACCOUNTS', 'alice', password)['status'] == 'SUCCESS'

    def test_each_has_a_name_of_its_own(self):
        self.assertEqual(self.first.api('GET', '/v1/status')['computer'], 'RES1')
        self.assertEqual(self.second.api('GET', '/v1/status')['computer'], 'RES2')

    def test_what_one_stores_the_other_has_at_once(self):
        for n in range(20):
            a, b = (self.first, self.second) if n % 2 else (self.second, self.first)
            a.api('POST', '/v1/users', {'name': 'user%d' % n, 'password': 'Secret%dword' % n})
            answer = b.logon('RESOURCES', 'user%d' % n, 'Secret%dword' % n)
            self.assertEqual(answer['status'], 'SUCCESS', answer)
            a.api('DELETE', '/v1/users/user%d' % n)
            self.assertIsNone(b.maybe('GET', '/v1/users/user%d' % n))

    def test_both_carry_logons_and_one_changes_the_password(self):
        establish(self.first, self.accounts)
        until('the second runs the trust', lambda: self.second.trust('ACCOUNTS'))
        for n in range(10):
            asked = (self.first, self.second)[n % 2]
            before = self.first.trust('ACCOUNTS')['version']
            asked.api('POST', '/v1/trusts/ACCOUNTS/rotate')
            for controller in (self.first, self.second):
                self.assertEqual(controller.trust('ACCOUNTS')['version'], before + 1)
                self.assertTrue(self.logs_on(controller))
        self.assertEqual(self.first.trust('ACCOUNTS')['state'], 'active')

    def test_when_one_is_killed_the_other_goes_on(self):
        establish(self.second, self.accounts)
        self.assertTrue(self.logs_on(self.first))
        for n in range(6):
            dies, lives = (self.first, self.second) if n % 2 else (self.second, self.first)
            dies.kill()
            self.assertTrue(self.logs_on(lives))
            lives.api('POST', '/v1/trusts/ACCOUNTS/rotate')
            dies.start()
            self.assertTrue(self.logs_on(dies))

    def test_the_trusted_end_may_be_two_controllers(self):
        """The trusting end changes the password at one and opens the next channel at the other."""
        self.accounts.stop()
        self.accounts.write_config({'domain': {'shared': 'yes'}})
        other = self.another(self.accounts, 'ACC2')
        self.accounts.start()
        other.start()
        establish(self.first, self.accounts)
        for n in range(6):
            to = (other, self.accounts)[n % 2]
            self.first.api('PATCH', '/v1/trusts/ACCOUNTS',
                           {'servers': ['%s:%d' % (ADDRESS, to.epm_port)]})
            self.first.api('POST', '/v1/trusts/ACCOUNTS/rotate')
            self.assertTrue(self.logs_on(self.first))
        events = self.first.api('GET', '/v1/events')['events']
        kinds = {e['kind'] for e in events}
        self.assertFalse(kinds & {'trust-broken', 'trust-controller-lags', 'trust-peer-behind'},
                         json.dumps(events))

    def test_a_store_is_shared_by_all_or_by_none(self):
        alone = self.another(self.first, 'RES3')
        alone.write_config({'domain': {'shared': 'no'}})
        code, said = alone.run_failing()
        self.assertNotEqual(code, 0)
        self.assertIn('is in use by process', said)
        self.first.stop()
        self.second.stop()
        alone.start()
        code, said = self.second.run_failing()
        self.assertNotEqual(code, 0)
        self.assertIn('does not share it', said)


if __name__ == '__main__':
    unittest.main(verbosity=2)
