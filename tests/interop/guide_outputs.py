#!/usr/bin/python3
"""Makes the outputs in docs/guide-lost-trust.md and README.md anew, from real domains: no test, a tool, run as root
when what the commands print has changed. Needs some minutes.

    NTRUST=$PWD/build/src/cli/ntrust NTRUSTD=$PWD/build/src/daemon/ntrustd tests/interop/guide_outputs.py [NAME...]

There a comment "<!-- output: NAME -->" stands before each block that is made here; the block
is replaced. Two forests of Samba's with three controllers (ad_lab.py), and a Samba member of a domain
of ntrustd's; each is broken as the function of that name says.
"""

import os
import re
import shlex
import sys
import tempfile

import ad_case
import ad_lab
import lab
import samba_lab

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
PAGES = [os.path.join(ROOT, 'docs', 'guide-lost-trust.md'), os.path.join(ROOT, 'README.md')]
HOUR_S = 3600
WEST = EAST = SECOND = None
BLOCKS = {}
# What a person sees of it without the table in the middle.
TABLE = re.compile(r'\n\n( {10,}.*?)\n\n(  (?:Verdict|Result):)', re.S)


def shown(out, short):
    out = re.sub(r'\x1b\[[0-9;]*[mK]|\r', '', out).rstrip('\n')
    if short:
        out = TABLE.sub(r'\n  ...\n\2', out)
    return '\n'.join(l.rstrip() for l in out.split('\n') if not l.startswith('$ '))


class Block:
    """What a person types and sees, one command after another."""

    def __init__(self, name):
        self.lines = []
        BLOCKS[name] = self.lines

    def run(self, typed, machine=None, short=True, stdin=None, only=None, real=None):
        """typed: as the guide shows it; ntrust is the one under test."""
        machine = machine or WEST
        words = shlex.split(real or typed)
        if words[0] == 'ntrust':
            words[0] = lab.NTRUST
        code, out = lab.run(machine.prefix + words, stdin=stdin, ok=None,
                            env=dict(os.environ, HOME=lab.ROOT, NO_COLOR='1'))
        text = shown(out, short)
        if only:
            text = '\n'.join(l for l in text.split('\n') if re.search(only, l))
        self.lines.append('$ ' + typed)
        self.lines += text.split('\n')
        return code, out

    def validate(self):
        """What the stock tool says of it, at most its last words."""
        typed = 'samba-tool domain trust validate east.test -U Administrator@EAST.TEST'
        _, out = WEST.outcome(shlex.split(typed)[:-1] + [EAST.admin])
        self.lines += ['$ ' + typed, *[l for l in shown(out, False).split('\n') if l]]


def settle():
    ad_lab.forget(WEST, EAST, SECOND)
    samba_lab.wait_until('the trust is good again', lambda: ad_case.check()[0] == 0,
                         ad_case.PATIENCE_S, lambda: str(ad_case.check()))


def mend(b, *options):
    typed = ' '.join(('ntrust reset west east', *options))
    b.run(typed)
    settle()


def good():
    b = Block('good')
    b.run('ntrust check west east', short=False)


def dry_run():
    b = Block('dry-run')
    b.run('ntrust reset west east --dry-run')


def removed():
    b = Block('removed-stock')
    EAST.delete_half(WEST)
    b.validate()
    b = Block('removed')
    b.run('ntrust check west east', short=False)
    b = Block('removed-short')
    b.run('ntrust check west east')
    b = Block('removed-mended')
    mend(b)


def recreated():
    b = Block('recreated-stock')
    WEST.age_account(EAST, HOUR_S)
    EAST.recreate_half(WEST)
    b.validate()
    b = Block('recreated')
    b.run('ntrust check west east')
    mend(b)


def account():
    b = Block('account-stock')
    EAST.drop_account(WEST)
    b.validate()
    b = Block('account')
    b.run('ntrust check west east')
    mend(b)


def disabled():
    EAST.tool('user', 'disable', 'WEST$')
    b = Block('disabled')
    b.run('ntrust check west east')
    mend(b)


def direction():
    EAST.half(WEST, trustDirection=1)
    b = Block('direction')
    b.run('ntrust check west east')
    mend(b)


def rebuilt():
    WEST.half(EAST, securityIdentifier='S-1-5-21-1-2-3')
    b = Block('rebuilt')
    b.run('ntrust check west east')
    b.run('ntrust reset west east')
    mend(b, '--recreate')


def encryption():
    EAST.half(WEST, **{'msDS-SupportedEncryptionTypes': 4})
    b = Block('encryption')
    b.run('ntrust check west east')
    mend(b)


def backup():
    path = os.path.join(lab.ROOT, 'backup')
    WEST.age_account(EAST, HOUR_S)
    WEST.stop_samba()
    WEST.save(path)
    WEST.restart_samba()
    for _ in range(3):
        ad_case.ntrust('reset', *ad_case.ends(), *ad_case.admin())
    WEST.stop_samba()
    WEST.revert(path)
    WEST.restart_samba()
    ad_lab.forget(EAST, SECOND)
    b = Block('backup')
    b.run('ntrust check west east')
    mend(b)


def one_controller():
    SECOND.replicates(False)
    ad_case.ntrust('reset', 'WEST@' + WEST.address, 'EAST@' + EAST.address, *ad_case.admin())
    b = Block('one-controller')
    b.run('ntrust check west east')
    SECOND.replicates(True)
    SECOND.replicate(SECOND, EAST)
    settle()


def controller_down():
    SECOND.stop_samba()
    b = Block('controller-down')
    b.run('ntrust check west east')
    SECOND.restart_samba()
    settle()


def unreachable():
    WEST.stop_samba()
    b = Block('unreachable')
    b.run('ntrust check west@%s east' % WEST.address, machine=EAST)
    WEST.restart_samba()
    settle()


def dns():
    ignorant = ad_lab.IgnorantDns(samba_lab.OUR_ADDRESS)
    EAST.set('dns forwarder', samba_lab.OUR_ADDRESS)
    EAST.restart_samba()
    b = Block('dns')
    b.run('ntrust check west east@%s' % EAST.address)
    EAST.set('dns forwarder', WEST.address)
    EAST.restart_samba()
    ignorant.close()
    settle()


def clock():
    WEST.restart_samba(ahead_s=600)
    b = Block('clock')
    b.run('ntrust check west east')
    WEST.restart_samba()
    settle()


def ntlm():
    EAST.option('ntlm auth', 'disabled')
    SECOND.option('ntlm auth', 'disabled')
    samba_lab.wait_until('refused', lambda: ad_case.check()[1]['reason'] == 'ntlm-blocked')
    b = Block('ntlm')
    b.run('ntrust check west east')
    for c in (EAST, SECOND):
        c.option('ntlm auth', 'ntlmv2-only')
    samba_lab.wait_until('taken again', lambda: ad_case.check()[0] == 0, ad_case.PATIENCE_S)


def credentials():
    ad_case.write_private('east.cred', ad_case.credentials('EAST\\Administrator', 'wrong'))
    b = Block('credentials')
    b.run('ntrust check west east')
    EAST.outcome(['samba-tool', 'user', 'create', 'joe', ad_lab.ADMIN])
    ad_case.write_private('east.cred', ad_case.credentials('EAST\\joe', ad_lab.ADMIN))
    b = Block('rights')
    b.run('ntrust check west east@%s' % EAST.address)
    b.run('ntrust reset west east@%s' % EAST.address)
    ad_case.write_private('east.cred', ad_case.credentials('EAST\\Administrator', ad_lab.ADMIN))


def others():
    b = Block('rotate')
    b.run('ntrust rotate west east')
    b = Block('remove')
    b.run('ntrust remove west east --yes')
    b = Block('establish')
    b.run('ntrust establish west east --direction both')
    settle()


def explain():
    b = Block('explain')
    b.run('ntrust explain 0xC000018B')
    b.run('ntrust explain event 3210')


def ends_file():
    """west and east, by DNS, as the guide has it in its beginning."""
    for name, f in (('west', WEST), ('east', EAST)):
        ad_case.write_private(name + '.cred', ad_case.credentials(
            '%s\\Administrator' % f.domain, ad_lab.ADMIN))
    os.makedirs(os.path.join(lab.ROOT, '.config', 'ntrust'), exist_ok=True)
    path = os.path.join('.config', 'ntrust', 'ends.ini')
    ad_case.write_private(path, ''.join(
        '[end %s]\ndomain = %s\ncredentials = ../../%s.cred\n' % (f.domain.lower(), f.realm,
                                                                 f.domain.lower())
        for f in (WEST, EAST)))


SCENES = (good, dry_run, removed, recreated, account, disabled, direction, rebuilt, encryption, backup,
          one_controller, controller_down, unreachable, dns, clock, ntlm, credentials, others,
          explain)


def member():
    """A Samba member whose secret went back."""
    import test_computer as t
    t.setUpModule()
    m, b = t.REDMEM, Block('member')
    t.save(m, days=3)
    m.run(['net', 'rpc', 'changetrustpw', '-S', m.pdc])
    t.revert(m)
    b.run('wbinfo -t', machine=m)
    for command in 'check', 'reset':
        typed = 'ntrust computer %s -A red.cred' % command
        b.run(typed, machine=m, real='ntrust computer %s -d RED@%s -A %s' % (command, m.pdc, m.cred))
    b.run('wbinfo -t', machine=m)


def own():
    """Two domains of ntrustd's: the trusted one takes its permission back."""
    sys.path.insert(0, os.path.join(ROOT, 'tests', 'e2e'))
    import world as w
    b = Block('own')

    def run(typed, stdin=''):
        words = ['--peer-password-fd', '0'] if '-U' in typed else []
        _, out, err = r.ntrust(*shlex.split(typed)[1:], *words, stdin=stdin, code=None)
        b.lines.append('resources$ ' + typed)
        b.lines.extend((shown(out, False) + shown(err, False)).split('\n'))
    with w.World() as world:
        a, r = world.pair()
        w.establish(r, a)
        a.ntrust('permit', 'remove', 'RESOURCES')
        run('ntrust check ACCOUNTS')
        run("ntrust reset ACCOUNTS -U 'ACCOUNTS\\Administrator'", w.ADMIN_PASSWORD)


def write():
    used = set()
    for path in PAGES:
        with open(path, encoding='utf-8') as f:
            text = f.read()
        for name, lines in BLOCKS.items():
            block = '<!-- output: %s -->\n```console\n%s\n```\n' % (name, '\n'.join(lines))
            text, n = re.subn(r'<!-- output: %s -->\n```console\n.*?```\n' % re.escape(name),
                              lambda m, b=block: b, text, flags=re.S)
            used |= {name} if n else set()
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
    print('not in any page:', *(set(BLOCKS) - used), file=sys.stderr)


def main():
    global WEST, EAST, SECOND
    lab.ROOT = tempfile.mkdtemp(prefix='ntrust-', dir=samba_lab.enter_namespaces())
    wanted = sys.argv[1:]
    try:
        if not set(wanted) or set(wanted) - {'member', 'own'}:
            WEST, EAST, SECOND = ad_lab.build_three()
            ad_case.use(WEST, EAST, SECOND)
            ends_file()
            settle()
            for scene in SCENES:
                if not wanted or scene.__name__ in wanted:
                    print('...', scene.__name__, file=sys.stderr)
                    scene()
        if not wanted or 'member' in wanted:
            member()
        if not wanted or 'own' in wanted:
            own()
    finally:
        for name, lines in BLOCKS.items():
            print('=== %s\n%s' % (name, '\n'.join(lines)))
        write()


if __name__ == '__main__':
    main()
