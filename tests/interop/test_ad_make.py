#!/usr/bin/python3
"""A trust between two Active Directory forests of Samba's made, renewed, mended and removed by
ntrust, in either direction and both, one of them with two controllers. The stock tool and the
winbindds of both ends agree."""

import json
import os
import time
import unittest

import ad_lab
import lab
import samba_lab

WEST = EAST = EAST2 = ADMIN = None


def setUpModule():
    global WEST, EAST, EAST2, ADMIN
    lab.need('samba', 'samba-tool')
    WEST, EAST, EAST2 = ad_lab.build_three()
    ADMIN = private('admin', ad_lab.ADMIN)
    ntrust('remove', '--yes')


def private(name, password):
    path = os.path.join(lab.ROOT, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='utf-8') as f:
        f.write('username = Administrator\npassword = %s\n' % password)
    return path


def command(verb, *options, other=None):
    """The PDC of EAST is named last: changes go to it all the same. other: instead of EAST, by
    what is typed of it and its administrator's file."""
    end, admin = other or ('EAST@%s,%s' % (EAST2.address, EAST.address), ADMIN)
    return WEST.prefix + [lab.NTRUST, '--json', verb, 'WEST@' + WEST.address, end, '-A', ADMIN,
                          '-A', admin, *options]


def ntrust(verb, *options, other=None):
    """(exit code, what it says)"""
    code, out = lab.run(command(verb, *options, other=other), ok=None,
                        env=dict(os.environ, HOME=lab.ROOT))
    return code, json.loads(out)


class Trust(unittest.TestCase):
    def does(self, result, verb, *options, other=None):
        code, said = ntrust(verb, *options, other=other)
        self.assertEqual((code, said['result']), (1 if result == 'refused' else 0, result), said)
        return said

    def agree(self, *trusting):
        """Each winbindd of the trusting ends, and the stock tool where both are."""
        for forest in trusting:
            other = EAST if forest is WEST else WEST
            code, out = forest.ping(other)
            self.assertEqual(code, 0, out)
        if len(trusting) == 2:
            code, out = WEST.validate(EAST)
            self.assertEqual(code, 0, out)
        self.assertEqual(ntrust('check')[0], 0)

    def every_controller(self, said):
        """Told with the time that it took."""
        seen = {c['host']: c for c in said['controllers']}
        self.assertEqual(set(seen), {WEST.address, EAST.address, EAST2.address})
        for c in seen.values():
            self.assertTrue(c['proven'], seen)
            self.assertLessEqual(c['ms'], said['proven_ms'])

    def lists_nothing(self):
        for forest in (WEST, EAST, EAST2):
            self.assertNotIn('Name[', forest.tool('domain', 'trust', 'list'))
        self.assertNotIn('EAST$', WEST.tool('user', 'list'))
        self.assertNotIn('WEST$', EAST.tool('user', 'list'))

    def one_way(self, way, trusting, trusted):
        said = self.does('good', 'establish', '--direction', way)
        self.assertEqual(said['trusts'], [{'trusting': trusting.domain,
                                           'trusted': trusted.domain}])
        self.agree(trusting)
        self.does('refused', 'establish', '--direction', 'both')
        self.does('good', 'rotate')
        for deleted in (trusting, trusted):
            deleted.delete_half(trusted if deleted is trusting else trusting)
            self.assertEqual(ntrust('check')[1]['end_at_fault'], deleted.domain)
            self.does('refused', 'rotate')
            self.assertIn('a half is missing', self.does('refused', 'reset', '--only-password')
                          ['text'])
            self.does('good', 'reset')
        self.agree(trusting)
        self.every_controller(self.does('removed', 'remove', '--yes'))
        self.lists_nothing()

    def test_first_trusts_second(self):
        self.one_way('out', WEST, EAST)

    def test_second_trusts_first(self):
        self.one_way('in', EAST, WEST)

    def test_both_ways(self):
        self.assertEqual(self.does('planned', 'establish', '--direction', 'both', '--dry-run')
                         ['trusts'], [{'trusting': 'WEST', 'trusted': 'EAST'},
                                      {'trusting': 'EAST', 'trusted': 'WEST'}])
        self.lists_nothing()
        self.every_controller(self.does('good', 'establish', '--direction', 'both'))
        self.agree(WEST, EAST)
        # The systems themselves change what works; nothing is made anew.
        for verb in (['rotate'], ['reset', '--only-password']):
            before = WEST.secrets(EAST)
            said = self.does('good', *verb)
            self.every_controller(said)
            self.assertIn('have its controller change', said['plan'][0])
            west, east = WEST.secrets(EAST), EAST.secrets(WEST)
            self.assertEqual((west['in'], west['out']), (east['out'], east['in']))
            self.assertNotEqual(before['in'], west['in'])
            self.assertNotEqual(before['out'], west['out'])
        self.agree(WEST, EAST)
        self.does('removed', 'remove', '--yes')
        self.does('nothing', 'remove', '--yes')

    def test_secrets_alone_where_samba_keeps_the_old(self):
        """It says yes to new ones of an object that is there. No object is deleted for it."""
        self.does('good', 'establish', '--direction', 'both')
        WEST.half(EAST, trustAuthOutgoing=WEST.save_half(EAST)['trustAuthIncoming'])
        code, said = ntrust('reset', '--only-password')
        self.assertEqual(code, 1, said)
        self.assertIn('kept the old ones', said['error']['text'])
        self.assertEqual(ntrust('check')[1]['reason'], 'password-mismatch')
        self.does('good', 'reset')
        self.agree(WEST, EAST)
        self.does('removed', 'remove', '--yes')

    def test_forest(self):
        self.does('good', 'establish', '--direction', 'both', '--type', 'forest')
        self.agree(WEST, EAST)
        for forest, other in ((WEST, EAST), (EAST, WEST)):
            shown = forest.tool('domain', 'trust', 'show', other.realm)
            self.assertIn('FOREST_TRANSITIVE', shown)
            self.assertRegex(shown, r'TLN: Status\[Enabled\] +DNS\[\*\.%s\]' % other.realm)
        EAST.delete_half(WEST)
        self.does('good', 'reset')
        self.assertIn('TLN: Status[Enabled]', EAST.tool('domain', 'trust', 'show', WEST.realm))
        self.does('removed', 'remove', '--yes')

    def test_killed_anywhere(self):
        """Attributes stay, though an object may be gone when it happens."""
        self.does('good', 'establish', '--direction', 'both')
        WEST.half(EAST, trustAttributes=0x14)  # SID filter, selective authentication
        for ms in (70, 150, 230, 330):
            with lab.popen(command('reset', '--recreate'), stdout=-3, stderr=-3,
                           env=dict(os.environ, HOME=lab.ROOT)) as p:
                time.sleep(ms / 1000)
                p.kill()
            self.does('good', 'reset')
        self.assertEqual(WEST.secrets(EAST)['attributes'], 0x14)
        self.agree(WEST, EAST)
        self.does('removed', 'remove', '--yes')
        self.lists_nothing()

    def test_an_nt_style_domain_trusts_one_of_active_directory(self):
        res = samba_lab.Ntrust('RES', 'RESPDC', '10.78.0.31', ('alice',))
        res.machine.write('/etc/resolv.conf', 'nameserver %s\n' % WEST.address)
        with open(res.machine.path('/etc/hosts'), 'a', encoding='ascii') as f:
            f.write('%s %s\n' % (WEST.address, WEST.host))
        res.restart()
        other = 'RES@' + res.address, private('cred-res', samba_lab.PASSWORD)
        said = self.does('good', 'establish', '--direction', 'in', other=other)
        self.assertEqual(said['trusts'], [{'trusting': 'RES', 'trusted': 'WEST'}])
        self.assertEqual(res.json('trust', 'show', 'WEST')['state'], 'active')
        res.logon('WEST\\Administrator', ad_lab.ADMIN)
        self.assertEqual(ntrust('check', other=other)[0], 0)
        self.does('good', 'rotate', other=other)
        res.ntrust('trust', 'remove', 'WEST')
        self.assertEqual(ntrust('check', other=other)[1]['reason'], 'removed')
        self.does('good', 'reset', other=other)
        WEST.tool('domain', 'trust', 'delete', 'RES', '--delete-location=local')
        self.does('good', 'reset', other=other)
        res.logon('WEST\\Administrator', ad_lab.ADMIN)
        self.does('removed', 'remove', '--yes', other=other)
        self.lists_nothing()

    def test_an_account_of_that_name_is_in_the_way(self):
        EAST.tool('computer', 'create', 'WEST')
        said = self.does('refused', 'establish', '--direction', 'both')
        self.assertIn('WEST$ at EAST is a', said['text'])
        EAST.tool('computer', 'delete', 'WEST')
        EAST.tool('computer', 'create', 'WESTDC')
        said = self.does('refused', 'establish', '--direction', 'both')
        self.assertIn('EAST has a computer named WESTDC', said['text'])
        EAST.tool('computer', 'delete', 'WESTDC')
        self.lists_nothing()


if __name__ == '__main__':
    samba_lab.main()
