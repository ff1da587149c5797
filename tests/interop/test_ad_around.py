#!/usr/bin/python3
"""A trust between two Active Directory forests of Samba's, with both halves good, in surroundings
that are not: a controller, DNS, a clock. `ntrust check` names the end and what helps; none of it is
mended by new secrets. The stock tools say so too, where they see it."""

import ad_case
import ad_lab
import lab
import samba_lab
from ad_case import check

WEST = EAST = SECOND = None


def setUpModule():
    global WEST, EAST, SECOND
    lab.need('samba', 'samba-tool', 'kinit', 'kvno')
    WEST, EAST, SECOND = ad_lab.build_three()
    ad_case.use(WEST, EAST, SECOND)


class Controllers(ad_case.Case):
    """One of two controllers."""

    def test_only_one_of_two_knows_the_new_password(self):
        SECOND.replicates(False)
        self.reset_without_second()
        seen = self.broken('not-replicated', 'EAST', 'samba-tool drs replicate')
        self.assertIn('%s is refused' % SECOND.address, seen['cause'])
        self.assertNotIn('ntrust reset', seen['next'])
        failed = ad_case.stock()
        self.assertEqual({name for name, _ in failed}, {'EASTDC2'}, failed)
        SECOND.replicates(True)
        command = seen['next'].split(' (or ')[0]
        WEST.run(command.split() + ['-U', EAST.admin])
        self.good()
        self.all_agree()

    def test_trust_that_came_by_replication(self):
        """Samba's winbindd reads the list of trusts when it starts."""
        EAST.delete_half(WEST)
        samba_lab.wait_until('the second one has no object either', self.second_has_none,
                             ad_case.PATIENCE_S)
        SECOND.restart_samba()
        self.reset_without_second()
        seen = self.broken('trust-not-loaded', 'EAST', 'restart samba-ad-dc at ' + SECOND.address)
        self.assertEqual({name for name, _ in ad_case.stock()}, {'EASTDC2'})
        SECOND.restart_samba()
        self.good()
        self.all_agree()

    def reset_without_second(self):
        code, out = ad_case.ntrust('reset', 'WEST@' + WEST.address, 'EAST@' + EAST.address,
                                   *ad_case.admin())
        self.assertEqual(code, 0, out)

    @staticmethod
    def second_has_none():
        return WEST.realm not in SECOND.tool('domain', 'trust', 'list')

    def test_one_of_two_is_down(self):
        SECOND.stop_samba()
        code, seen = check()
        self.assertEqual((code, seen['reason'], seen['end_at_fault']),
                         (1, 'controller-down', 'EAST'), seen)
        self.assertIn(SECOND.address, seen['next'])
        SECOND.restart_samba()
        self.good()
        self.all_agree()


class Surroundings(ad_case.Case):
    """What no new secret mends: the trust is good when the cause is gone."""

    def good_again(self):
        ad_lab.forget(WEST, EAST, SECOND)
        ad_case.until_good()
        self.all_agree()

    def test_server_down(self):
        WEST.stop_samba()
        seen = self.broken('unreachable', 'WEST', 'start the controller of WEST')
        self.stock_fail('EASTDC validate', 'EASTDC kvno')
        self.assertEqual(self.reset()[0], 1)
        WEST.restart_samba()
        self.good_again()

    def test_dns_forwarder_wrong(self):
        """It knows nothing of the other domain."""
        ignorant = ad_lab.IgnorantDns(samba_lab.OUR_ADDRESS)
        self.addCleanup(ignorant.close)
        EAST.set('dns forwarder', samba_lab.OUR_ADDRESS)
        EAST.restart_samba()
        seen = self.broken('name-resolution', 'EAST', '_ldap._tcp.dc._msdcs.west.test')
        self.stock_fail('EASTDC validate', 'EASTDC wbinfo -t', 'EASTDC kvno')
        EAST.set('dns forwarder', WEST.address)
        EAST.restart_samba()
        self.good_again()

    def test_clock_ten_minutes_off(self):
        WEST.restart_samba(ahead_s=600)
        seen = self.broken('time-skew', 'WEST', 'set the clock of')
        self.assertIn('10 min ahead', seen['cause'])
        self.stock_fail('EASTDC kvno', 'WESTDC kvno')
        WEST.restart_samba()
        self.good_again()


if __name__ == '__main__':
    samba_lab.main()
