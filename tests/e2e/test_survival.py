"""Snapshots that are restored, copied and cloned: what heals by itself does, and what does not is
said. Real ntrustd processes on loopback."""

import os
import shutil
import unittest

import world
from world import until


def events(domain, kind, subject=None):
    path = '/v1/events?max=200' + ('&subject=' + subject if subject else '')
    return [e for e in domain.api('GET', path)['events'] if e['kind'] == kind]


class Survival(world.TestCase):

    def setUp(self):
        super().setUp()
        self.accounts, self.resources = self.world.pair()
        world.establish(self.resources, self.accounts)

    def rotate(self, times=1):
        for _ in range(times):
            self.resources.ntrust('trust', 'rotate', 'ACCOUNTS')

    def logon_works(self):
        answer = self.resources.logon('ACCOUNTS', 'alice', 'Wonder1land')
        self.assertEqual(answer['status'], 'SUCCESS', answer)

    def backup(self, domain, name='copy.db'):
        domain.ntrust('backup', domain.path(name))
        return domain.path(name)

    def restore(self, domain, copy):
        domain.stop()
        out, _ = domain.ntrust('restore', copy, '--store', domain.store)
        self.assertIn('Restored', out)
        domain.start()


class RestoredStore(Survival):

    def test_a_store_in_use_is_not_restored_over(self):
        copy = self.backup(self.accounts)
        _, _, err = self.accounts.ntrust('restore', copy, '--store', self.accounts.store, code=None)
        self.assertIn('in use by process', err)
        self.logon_works()

    def test_a_restart_and_a_kill_are_no_false_alarm(self):
        for end in (self.resources.stop, self.resources.kill):
            self.rotate()
            end()
            self.resources.start()
            self.assertEqual(events(self.resources, 'store-restored'), [])
            self.assertEqual(events(self.resources, 'store-epoch-missing'), [])

    def test_a_copied_file_is_noticed_and_starts_the_checks(self):
        self.resources.stop()
        shutil.copy(self.resources.store, self.resources.path('old.db'))
        self.resources.start()
        self.rotate()
        self.resources.kill()  # its log stays: whoever copies a file over it must know
        for suffix in ('-wal', '-shm'):
            os.unlink(self.resources.store + suffix)
        shutil.copy(self.resources.path('old.db'), self.resources.store)
        self.resources.start()
        restored = events(self.resources, 'store-restored')
        self.assertEqual(len(restored), 1, restored)
        self.assertIn('1 trust is checked now', restored[0]['text'])
        # One change back: the trusted end's previous password lets it in; it adopts and rotates.
        until('the password is adopted and replaced', lambda: events(
            self.resources, 'trust-password-changed', 'ACCOUNTS'))
        self.assertTrue(events(self.resources, 'trust-end-reverted', 'ACCOUNTS'))
        self.logon_works()

    def test_a_missing_epoch_file_is_explained(self):
        self.resources.stop()
        os.unlink(self.resources.store + '.epoch')
        self.resources.start()
        missing = events(self.resources, 'store-epoch-missing')
        self.assertEqual(len(missing), 1, missing)
        self.assertIn('cannot be known', missing[0]['text'])
        self.logon_works()


class TrustedEnd(Survival):
    """The trusted end goes back: the trusting end heals it by itself."""

    def goes_back(self, changes, use):
        copy = self.backup(self.accounts, 'copy-%d.db' % changes)
        self.rotate(changes)
        version = self.resources.trust('ACCOUNTS')['version']
        self.restore(self.accounts, copy)
        self.assertEqual(self.accounts.permit('RESOURCES')['version'], version - changes)
        use()
        until('the trust is healed',
              lambda: self.accounts.permit('RESOURCES')['version'] == version)
        behind = until('that is told', lambda: events(self.resources, 'trust-peer-behind',
                                                      'ACCOUNTS'))[-1]['text']
        self.assertIn('is %d changes behind' % changes, behind)
        self.assertRegex(behind, r'in use until 20\d\d-')
        healed = until('and that it is healed', lambda: events(self.resources, 'trust-peer-healed',
                                                               'ACCOUNTS'))[-1]['text']
        self.assertIn('was %d changes behind' % changes, healed)
        self.logon_works()

    def test_it_heals_at_the_next_use_and_at_the_next_check(self):
        self.goes_back(3, self.logon_works)
        self.goes_back(8, lambda: self.resources.ntrust('check', 'ACCOUNTS'))
        self.assertEqual(len(events(self.accounts, 'store-restored')), 2)


class TrustingEnd(Survival):
    """The trusting end goes back."""

    def test_one_change_heals_by_itself(self):
        copy = self.backup(self.resources)
        self.rotate()
        self.restore(self.resources, copy)
        until('the password is adopted and replaced',
              lambda: self.resources.trust('ACCOUNTS')['version'] == 3)
        self.assertTrue(events(self.resources, 'store-restored'))
        self.assertTrue(events(self.resources, 'trust-end-reverted', 'ACCOUNTS'))
        self.assertTrue(events(self.accounts, 'trust-previous-used', 'RESOURCES'))
        self.assertEqual(self.resources.trust('ACCOUNTS')['state'], 'active')
        self.logon_works()

    def test_further_back_it_is_broken_and_names_the_backup(self):
        copy = self.backup(self.resources)
        self.rotate(2)
        self.restore(self.resources, copy)
        until('the trust is broken',
              lambda: self.resources.trust('ACCOUNTS')['state'] == 'broken')
        broken = events(self.resources, 'trust-broken', 'ACCOUNTS')[-1]['text']
        self.assertRegex(broken, 'password-mismatch: this end was restored from a backup of 20.*'
                                 'reset needed')
        trust = self.resources.trust('ACCOUNTS')
        self.assertEqual(trust['reason'], 'password-mismatch')
        self.assertIn('was restored from a backup of', trust['text'])
        code, out, _ = self.resources.ntrust('check', 'ACCOUNTS', code=None)
        self.assertEqual(code, 2)
        flat = ' '.join(out.split())
        self.assertRegex(flat, 'At fault: RESOURCES')
        self.assertRegex(flat, 'this end was restored from a backup of 20.*reset needed')
        behind = until('the trusted end recognises it', lambda: events(
            self.accounts, 'trust-end-behind', 'RESOURCES'))
        self.assertEqual(len(behind), 1, behind)
        self.assertIn('2 changes ago: that end was restored from an older copy', behind[0]['text'])
        self.assertIn('ntrust reset ACCOUNTS', behind[0]['text'])
        self.assertIn('2 changes ago', self.accounts.permit('RESOURCES')['text'])
        self.resources.ntrust('reset', 'ACCOUNTS', '-U', 'ACCOUNTS\\Administrator',
                              '--peer-password-fd', '0', stdin=world.ADMIN_PASSWORD)
        self.logon_works()

    def test_the_policy_can_widen_it(self):
        self.accounts.ntrust('policy', 'set', 'previous_accepted', '3')
        copy = self.backup(self.resources)
        self.rotate(3)
        self.restore(self.resources, copy)
        until('the password is adopted and replaced', lambda: events(
            self.resources, 'trust-password-changed', 'ACCOUNTS'))
        self.assertEqual(self.resources.trust('ACCOUNTS')['state'], 'active')
        self.logon_works()


class Clone(Survival):
    """Two controllers with one identity."""

    def test_a_clone_is_reported_and_does_not_fight(self):
        self.resources.stop()
        clone = self.world.domain('RESOURCES', 'RESPDC', init=False)
        for name in ('domain.db', 'domain.db.epoch', 'master.key'):
            shutil.copy(self.resources.path(name), clone.path(name))
        self.resources.start()
        clone.start()
        self.assertEqual(events(clone, 'store-restored'), [])  # nothing tells it apart yet
        clone.ntrust('trust', 'rotate', 'ACCOUNTS')
        self.resources.ntrust('check', 'ACCOUNTS')  # once: as if it had gone back
        until('it has changed the password', lambda: events(
            self.resources, 'trust-password-adopted', 'ACCOUNTS'))
        until('and replaced it', lambda: self.resources.trust('ACCOUNTS')['state'] == 'active' and
              self.resources.trust('ACCOUNTS')['changes'] >= 3)
        self.assertEqual(events(self.resources, 'trust-cloned', 'ACCOUNTS'), [])
        clone.ntrust('check', 'ACCOUNTS', code=None)
        until('the clone has changed it', lambda: clone.trust('ACCOUNTS')['changes'] >= 4)
        code, out, _ = self.resources.ntrust('check', 'ACCOUNTS', code=None)
        self.assertTrue(events(self.resources, 'trust-cloned', 'ACCOUNTS'))
        code, out, _ = self.resources.ntrust('check', 'ACCOUNTS', code=None)
        self.assertEqual(code, 2, out)
        self.assertIn('identity', ' '.join(out.split()))
        self.assertTrue(self.resources.trust('ACCOUNTS')['seen']['cloned'])
        # both go on working, and neither changes the password again at once
        version = self.accounts.permit('RESOURCES')['version']
        clone.ntrust('check', 'ACCOUNTS', code=None)
        self.resources.ntrust('check', 'ACCOUNTS', code=None)
        self.assertEqual(self.accounts.permit('RESOURCES')['version'], version)
        self.logon_works()


class SomeControllers(world.TestCase):
    """Two controllers of the trusted domain, one of which went back alone."""

    def test_the_one_that_lags_is_named_and_nothing_is_changed(self):
        accounts, resources = self.world.pair()
        lagging = self.world.domain('ACCOUNTS', 'ACCPDC', init=False)
        lagging.write_config({'listen': {'address': world.PROXY_ADDRESS}})
        servers = ['%s:%d' % (world.ADDRESS, accounts.epm_port),
                   '%s:%d' % (world.PROXY_ADDRESS, lagging.epm_port)]
        world.establish(resources, accounts)
        accounts.ntrust('backup', lagging.store)
        shutil.copy(accounts.key, lagging.key)
        for _ in range(3):
            resources.ntrust('trust', 'rotate', 'ACCOUNTS')
        lagging.start()
        resources.api('PATCH', '/v1/trusts/ACCOUNTS', {'servers': servers})
        version = accounts.permit('RESOURCES')['version']
        code, out, _ = resources.ntrust('check', 'ACCOUNTS', code=None)
        self.assertEqual(code, 1, out)
        self.assertIn('%s (3 changes behind)' % world.PROXY_ADDRESS, ' '.join(out.split()))
        named = events(resources, 'trust-controller-lags', 'ACCOUNTS')
        self.assertEqual(len(named), 1, named)
        self.assertIn('%s is 3 changes behind' % world.PROXY_ADDRESS, named[0]['text'])
        # neither is it repaired from here, nor is the password changed when that is due
        resources.ntrust('policy', 'set', 'change_interval_s', '3600')
        self.assertEqual(lagging.permit('RESOURCES')['version'], version - 3)
        self.assertEqual(accounts.permit('RESOURCES')['version'], version)
        # once it has caught up, that is seen, too
        lagging.stop()
        os.unlink(lagging.store)
        accounts.ntrust('backup', lagging.store)
        lagging.start()
        resources.ntrust('check', 'ACCOUNTS', code=0)
        self.assertEqual(resources.trust('ACCOUNTS')['seen']['laggards'], [])


if __name__ == '__main__':
    world.main()
