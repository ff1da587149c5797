#!/usr/bin/python3
"""A trust between two Active Directory forests of Samba's whose halves are broken in the ways of the
field: named by `ntrust check` with the end and the remedy, mended by `ntrust reset`. That it is
broken, and that it is good again, is what `samba-tool domain trust validate`, winbindd at every
controller and Kerberos say too."""

import os

import ad_case
import ad_lab
import lab
import samba_lab

WEST = EAST = SECOND = None
HOUR_S = 3600


def setUpModule():
    global WEST, EAST, SECOND
    lab.need('samba', 'samba-tool', 'kinit', 'kvno')
    WEST, EAST, SECOND = ad_lab.build_three()
    ad_case.use(WEST, EAST, SECOND)


class Halves(ad_case.Case):
    """The two halves of a trust, external or forest, and their passwords."""

    def mend_all(self, *options):
        self.mended(*options)
        self.all_agree()

    def test_deleted_at_one_end(self):
        EAST.delete_half(WEST)
        self.broken('removed', 'EAST')
        self.stock_fail('WESTDC validate', 'EASTDC validate', 'WESTDC wbinfo -t', 'WESTDC kvno')
        self.mend_all()

    def test_recreated_at_one_end_with_another_password(self):
        WEST.age_account(EAST, HOUR_S)
        EAST.recreate_half(WEST)
        self.broken('password-mismatch', 'EAST')
        self.stock_fail('WESTDC validate', 'EASTDC validate', 'WESTDC wbinfo -t',
                        'EASTDC wbinfo -t', 'WESTDC kvno', 'EASTDC kvno')
        self.mend_all()

    def test_password_set_at_one_end_only(self):
        WEST.age_account(EAST, HOUR_S)
        EAST.set_password(WEST, 'Typed.at.one.end')
        self.broken('password-mismatch', 'EAST')
        self.stock_fail('WESTDC validate', 'EASTDC validate', 'WESTDC wbinfo -t',
                        'EASTDC wbinfo -t')
        self.mend_all()

    def test_wrong_direction(self):
        EAST.half(WEST, trustDirection=1)
        self.broken('wrong-direction', 'EAST')
        self.stock_fail('EASTDC validate')
        self.mend_all()

    def test_sid_of_an_old_domain(self):
        WEST.half(EAST, securityIdentifier='S-1-5-21-1-2-3')
        seen = self.broken('domain-changed', 'WEST', 'ntrust reset --recreate WEST EAST')
        self.assertIn(EAST.sid, seen['cause'])
        # The stock tools of 4.17 see nothing of it, and users of that domain are taken for others.
        self.assertEqual(self.reset()[0], 1)
        self.mend_all('--recreate')

    def test_account_disabled(self):
        EAST.tool('user', 'disable', 'WEST$')
        self.broken('account-disabled', 'EAST')
        self.stock_fail('WESTDC validate', 'WESTDC wbinfo -t')
        self.mend_all()

    def test_account_deleted(self):
        EAST.drop_account(WEST)
        self.broken('account-missing', 'EAST')
        self.stock_fail('WESTDC validate', 'WESTDC wbinfo -t')
        self.mend_all()

    def test_back_from_a_backup(self):
        """WEST comes back, all of it, as it was three changes ago."""
        path = os.path.join(lab.ROOT, 'backup')
        WEST.age_account(EAST, HOUR_S)
        WEST.stop_samba()
        WEST.save(path)
        WEST.restart_samba()
        for _ in range(3):
            self.assertEqual(self.reset()[0], 0)
        WEST.stop_samba()
        WEST.revert(path)
        WEST.restart_samba()
        ad_lab.forget(EAST, SECOND)
        seen = self.broken('password-mismatch', 'EAST')
        self.assertIn('WEST came back from a backup', seen['cause'])
        self.stock_fail('WESTDC validate', 'EASTDC validate', 'WESTDC wbinfo -t',
                        'EASTDC wbinfo -t', 'EASTDC2 wbinfo -t', 'WESTDC kvno', 'EASTDC kvno')
        self.mend_all()

    def test_secret_of_one_direction(self):
        """EAST proves the one of before the last change."""
        old = EAST.save_half(WEST)
        self.assertEqual(self.reset()[0], 0)
        EAST.half(WEST, trustAuthOutgoing=old['trustAuthOutgoing'])
        self.broken('password-mismatch', '')
        self.mend_all()

    def test_encryption_types_that_do_not_meet(self):
        EAST.half(WEST, **{'msDS-SupportedEncryptionTypes': 4})
        self.broken('encryption-types', 'EAST')
        self.mend_all()


class ForestHalves(ad_case.Case):
    """A forest trust is mended as one, with the names that it is for."""

    KIND = 'forest'

    @classmethod
    def setUpClass(cls):
        ad_case.make_trust('forest')
        cls.names = cls.suffixes()

    @classmethod
    def tearDownClass(cls):
        ad_case.make_trust('external')

    @staticmethod
    def suffixes():
        return [here.tool('domain', 'trust', 'namespaces', there.realm)
                for here, there in ((WEST, EAST), (EAST, WEST))]

    def mend_all(self, *options, east=8):
        """east: the attributes there."""
        self.mended(*options)
        self.all_agree()
        self.assertEqual(self.suffixes(), self.names)
        self.assertEqual(WEST.secrets(EAST)['attributes'], 8)
        self.assertEqual(EAST.secrets(WEST)['attributes'], east)

    def test_deleted_at_one_end(self):
        EAST.delete_half(WEST)
        self.broken('removed', 'EAST')
        self.mend_all()

    def test_password_set_at_one_end_only(self):
        WEST.age_account(EAST, HOUR_S)
        EAST.set_password(WEST, 'Typed.at.one.end')
        self.broken('password-mismatch', 'EAST')
        self.stock_fail('WESTDC validate', 'EASTDC validate')
        self.mend_all()

    def test_sid_of_an_old_domain(self):
        WEST.half(EAST, securityIdentifier='S-1-5-21-1-2-3')
        self.broken('domain-changed', 'WEST', 'ntrust reset --recreate WEST EAST')
        self.mend_all('--recreate')

    def test_external_at_one_end(self):
        """Recreated there as the other kind."""
        EAST.recreate_half(WEST)
        self.broken('kinds-differ', '', 'ntrust reset --recreate WEST EAST')
        self.mend_all('--recreate', east=0xC)  # it keeps the SID filter of the external trust
        EAST.half(WEST, trustAttributes=8)


if __name__ == '__main__':
    samba_lab.main()
