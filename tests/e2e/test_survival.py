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


if __name__ == '__main__':
    world.main()
