#!/usr/bin/python3
"""A trust between two Active Directory forests of Samba's, which ntrust does not run: seen by
`ntrust check A B` and renewed by `ntrust reset A B`, with credentials of every kind, with rights and
without. How trusts break, and are mended: test_ad_breaks.py."""

import os
import signal
import subprocess

import ad_case
import ad_lab
import lab
import samba_lab
from ad_case import admin, check, credentials, ends, ntrust, read, write_private

WEST = EAST = SECOND = None


def setUpModule():
    global WEST, EAST, SECOND
    lab.need('samba', 'samba-tool')
    WEST, EAST, SECOND = ad_lab.build_three()
    ad_case.use(WEST, EAST, SECOND)


class Trust(ad_case.Case):
    def test_good(self):
        code, out = WEST.validate(EAST)
        self.assertEqual(code, 0, out)
        code, seen = check()
        self.assertEqual(code, 0, seen)
        west, east = (e['controllers'][0] for e in seen['ends'])
        self.assertEqual(west['object']['sid'], EAST.sid)
        self.assertEqual(east['object']['sid'], WEST.sid)
        self.assertEqual(west['channel']['code'], 0)
        self.assertIn(west['channel']['controller'], (EAST.host, SECOND.host))
        self.assertEqual(east['account']['type'], 'interdomain trust')
        self.assertLess(abs(east['clock_ahead_s']), 5)

    def test_text(self):
        code, out = ntrust('check', *ends(), *admin())
        self.assertEqual(code, 0, out)
        self.assertIn('the trust between WEST and EAST is good', out)
        self.assertNotIn(ad_lab.ADMIN, out)

    def test_controllers_found_by_dns(self):
        code, seen = check('west.test', 'east.test')
        self.assertEqual(code, 0, seen)

    def test_ends_file(self):
        write_private('one.cred', credentials('Administrator', ad_lab.ADMIN))
        path = write_private('ends.ini', ''.join(
            '[end %s]\ndomain = %s\nservers = %s\ncredentials = one.cred\n'
            % (name, f.realm, f.address) for name, f in (('here', WEST), ('there', EAST))))
        code, seen = check('here', 'there', '--ends', path, who=[])
        self.assertEqual(code, 0, seen)

    def test_credentials_of_each_kind(self):
        env = {'NTRUST_USER': 'Administrator', 'NTRUST_PASSWORD': ad_lab.ADMIN}
        self.assertEqual(check(who=[], env=env)[0], 0)
        typed = ['-U', 'Administrator', '-U', 'EAST\\Administrator', '--peer-password-fd', '0']
        self.assertEqual(check(who=typed, stdin='%s\n%s\n' % (ad_lab.ADMIN, ad_lab.ADMIN))[0], 0)

    def test_credentials_file_that_others_can_read(self):
        path = write_private('open', credentials('Administrator', ad_lab.ADMIN))
        os.chmod(path, 0o644)
        code, out = ntrust('check', *ends(), '-A', path, '-A', path)
        self.assertEqual(code, 3)
        self.assertIn('its mode has to be 0600', out)

    def test_options_of_the_other_form_are_refused(self):
        for command, options, code in (('check', ['--server', 'x'], 3), ('reset', ['--here'], 2)):
            got, out = ntrust(command, *ends(), *options)
            self.assertEqual(got, code, out)
            self.assertIn('one DOMAIN', out)
        got, out = ntrust('reset', 'WEST', '--ends', '/nonexistent')
        self.assertEqual(got, 2, out)
        self.assertIn('two domains', out)

    def ends_file(self):
        write_private('one.cred', credentials('Administrator', ad_lab.ADMIN))
        return write_private('many.ini', ''.join(
            '[end %s]\ndomain = %s\nservers = %s\ncredentials = one.cred\n'
            % (name, domain, f.address) for name, domain, f in (('here', WEST.realm, WEST),
                                                               ('there', EAST.domain, EAST))))

    def test_every_trust_of_one_end_and_of_the_file(self):
        path = self.ends_file()
        for typed in (['--all', '--ends', path], ['here', '--ends', path]):
            code, seen = check(*typed, who=[])
            self.assertEqual((code, seen['result'], len(seen['trusts'])), (0, 'good', 1), seen)
            self.assertEqual(seen['trusts'][0]['trust'], ['WEST', 'EAST'])
            self.assertEqual(seen['not_listed'], [])
        code, seen = check(ends()[0], who=admin()[:2])  # nobody is administrator of its partner
        self.assertEqual((code, seen['trusts'][0]['reason']), (3, 'not-seen'), seen)
        code, out = ntrust('check', 'here', '--ends', path)
        self.assertEqual((code, out), (0, 'good      WEST - EAST\n'))

    def test_watch_tells_what_is_other_than_before(self):
        watch = lab.popen(WEST.prefix + [lab.NTRUST, '--json', 'check', '--watch=1', 'here',
                                         'there', '--ends', self.ends_file()],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.assertEqual(read(watch.stdout.readline())['before'], None)
            EAST.tool('user', 'disable', 'WEST$')
            line = read(watch.stdout.readline())
            self.assertEqual((line['before'], line['result'], line['reason']),
                             ('good', 'critical', 'account-disabled'))
            EAST.tool('user', 'enable', 'WEST$')
            self.assertEqual(read(watch.stdout.readline())['result'], 'good')
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(lab.STEP_S), 0)
        finally:
            watch.kill()
            watch.stdout.close()

    def test_kerberos_where_ntlm_is_disabled(self):
        """One ticket for each realm, in a collection of caches."""
        WEST.knows_host(EAST)
        WEST.knows_host(SECOND)
        caches = os.path.join(lab.ROOT, 'caches')
        os.mkdir(caches, 0o700)
        env = {'KRB5CCNAME': 'DIR:' + caches}
        for realm in ('WEST.TEST', 'EAST.TEST'):
            lab.run(WEST.prefix + ['kinit', 'Administrator@' + realm], stdin=ad_lab.ADMIN + '\n',
                    env=dict(os.environ, **env))
        for c in (EAST, SECOND):
            c.option('ntlm auth', 'disabled')
        samba_lab.wait_until('EAST refuses NTLM', lambda: check()[1]['reason'] == 'ntlm-blocked',
                             ad_case.PATIENCE_S)
        named = ['WEST@' + WEST.host, 'EAST@%s,%s' % (EAST.host, SECOND.host)]
        code, seen = check(*named, who=['-k'], env=env)
        self.assertEqual((code, seen['result']), (0, 'good'), seen)
        code, out = ntrust('--json', 'reset', *named, '-k', env=env)
        self.assertEqual((code, read(out)['result']), (0, 'good'), out)
        # The stock validation knows no other way.
        self.assertEqual({tool for _, tool in ad_case.stock()}, {'validate'})
        for c in (EAST, SECOND):
            c.option('ntlm auth', 'ntlmv2-only')
        samba_lab.wait_until('EAST takes NTLM again', lambda: check()[0] == 0)
        self.all_agree()

    def test_wrong_credentials_are_unknown(self):
        wrong = write_private('wrong', credentials('Administrator', 'no'))
        code, seen = check(who=admin()[:2] + ['-A', wrong])
        self.assertEqual((code, seen['end_at_fault']), (3, ''), seen)
        self.assertEqual(seen['reason'], 'credentials')
        self.assertIn('does not accept the logon', seen['cause'])

    def test_no_administrator_of_one_end(self):
        code, seen = check(who=admin()[:2])
        self.assertEqual(code, 3, seen)
        self.assertEqual(seen['ends'][0]['controllers'][0]['channel']['code'], 0)
        self.assertIsNone(seen['ends'][1]['controllers'][0]['channel'])

    def test_missing_rights_are_unknown(self):
        EAST.outcome(['samba-tool', 'user', 'create', 'joe', ad_lab.ADMIN])
        joe = write_private('joe', credentials('joe', ad_lab.ADMIN))
        code, seen = check('WEST@' + WEST.address, 'EAST@' + EAST.address, who=admin()[:2] + ['-A', joe])
        self.assertEqual(code, 3, seen)
        self.assertIn('An administrator of that domain is needed', seen['cause'])

    # -- reset

    def test_a_good_one_gets_new_secrets(self):
        before = WEST.secrets(EAST), EAST.secrets(WEST)
        code, out = ntrust('reset', *ends(), *admin(), '--dry-run')
        self.assertEqual(code, 0, out)
        self.assertIn('would, at WEST: give its trusted domain object new incoming and outgoing '
                      'secrets', out)
        self.assertEqual((WEST.secrets(EAST), EAST.secrets(WEST)), before)
        self.mended()
        west, east = WEST.secrets(EAST), EAST.secrets(WEST)
        self.assertEqual((west['in'], west['out']), (east['out'], east['in']))
        self.assertEqual(len(bytes.fromhex(west['in'])), 240)
        self.assertNotIn(west['in'], str(before))
        self.assertNotEqual(west['in'], west['out'])
        self.all_agree()

    def test_attributes_stay(self):
        WEST.half(EAST, trustAttributes=0x14)  # SID filter, selective authentication
        self.mended()
        self.assertEqual(WEST.secrets(EAST)['attributes'], 0x14)
        WEST.half(EAST, trustAttributes=0x4)

    def test_name_suffixes_of_a_forest_trust_stay(self):
        ad_case.make_trust('forest')
        words = ['domain', 'trust', 'namespaces', EAST.realm]
        WEST.tool(*words, '--add-tln-ex=secret.' + EAST.realm)
        WEST.tool(*words, '--disable-tln=' + EAST.realm)
        before = sorted(WEST.tool(*words).splitlines())
        self.mended()
        self.assertEqual(sorted(WEST.tool(*words).splitlines()), before)
        self.assertIn('secret.east.test', str(before))
        ad_case.make_trust('external')

    def test_rights_are_tried_before_anything_is_touched(self):
        EAST.outcome(['samba-tool', 'user', 'create', 'joe', ad_lab.ADMIN])
        joe = write_private('joe', credentials('joe', ad_lab.ADMIN))
        before = WEST.secrets(EAST), EAST.secrets(WEST)
        code, out = ntrust('--json', 'reset', *ends(), *admin()[:2], '-A', joe)
        self.assertEqual((code, read(out)['result']), (1, 'refused'), out)
        self.assertEqual((WEST.secrets(EAST), EAST.secrets(WEST)), before)

    # -- the same from another program: those of examples/, with libntrust

    def example(self, name, *options, code=0):
        env = dict(os.environ, HOME=lab.ROOT, NTRUST_USER='Administrator',
                   NTRUST_PASSWORD=ad_lab.ADMIN)
        path = os.path.join(os.path.dirname(lab.NTRUST), '..', '..', 'examples', name)
        got, out = lab.run(WEST.prefix + [path, *options], ok=None, env=env)
        self.assertEqual(got, code, out)
        return out

    def test_by_the_library(self):
        WEST.age_account(EAST, 3600)
        EAST.recreate_half(WEST)
        self.broken('password-mismatch', 'EAST')
        self.assertIn('\nnext: ntrust reset WEST EAST\n',
                      self.example('check-trust', *ends(), code=2))
        self.assertIn('at EAST: ', self.example('change-trust', 'reset', *ends()))
        self.broken('password-mismatch', 'EAST')
        self.assertIn('done, and shown by every controller after ',
                      self.example('change-trust', 'reset', *ends(), '--yes'))
        self.assertIn('good: the trust between WEST and EAST is good\n',
                      self.example('check-trust', *ends()))
        self.all_agree()

    def test_each_change_by_the_library(self):
        for goal, code, text in (('establish', 1, 'change-trust: '), ('rotate', 0, 'done, '),
                                 ('remove', 0, 'done, '), ('remove', 0, 'nothing to do'),
                                 ('rotate', 1, 'change-trust: '), ('establish', 0, 'done, ')):
            self.assertIn(text, self.example('change-trust', goal, *ends(), '--yes', code=code))
        self.all_agree()


if __name__ == '__main__':
    samba_lab.main()
