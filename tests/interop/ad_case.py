"""What the tests of ntrust on Active Directory forests have in common: how it is called, and what
the stock tools say of a trust."""

import json
import os
import time
import unittest

import ad_lab
import lab
import samba_lab

WEST = EAST = SECOND = None  # see use()
PATIENCE_S = 60  # for what Samba does in its own time


def use(west, east, second=None):
    """The controllers of the laboratory; second: another one of EAST."""
    global WEST, EAST, SECOND
    WEST, EAST, SECOND = west, east, second


def credentials(user, password):
    return 'username = %s\npassword = %s\n' % (user, password)


def write_private(name, text):
    path = os.path.join(lab.ROOT, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w',
              encoding='utf-8') as f:
        f.write(text)
    return path


def admin():
    path = write_private('admin', credentials('Administrator', ad_lab.ADMIN))
    return ['-A', path, '-A', path]


def ends():
    """Both, by the addresses of all their controllers."""
    east = ','.join(c.address for c in (EAST, SECOND) if c is not None)
    return ['WEST@' + WEST.address, 'EAST@' + east]


def ntrust(*args, stdin=None, env=None):
    """(exit code, output), on the controller of WEST."""
    return lab.run(WEST.prefix + [lab.NTRUST, *args], stdin=stdin, ok=None,
                   env=dict(os.environ, HOME=lab.ROOT, **(env or {})))


def check(*args, who=None, **more):
    """(exit code, what `ntrust check` says)"""
    code, out = ntrust('--json', 'check', *(args or ends()),
                       *(who if who is not None else admin()), **more)
    return code, read(out)


def read(out):
    try:
        return json.loads(out)
    except ValueError:
        raise AssertionError('not JSON: ' + out) from None


def pairs():
    """Each controller that has a trust to prove, and the one of the other domain."""
    both = [(WEST, EAST), (EAST, WEST)]
    return both + [(SECOND, WEST)] if SECOND is not None else both


def tools(here, there):
    """What can be asked of a trust with Samba's own tools and Kerberos."""
    asked = {'wbinfo --ping-dc': here.ping, 'wbinfo -t': here.prove, 'kvno': here.ticket}
    if here is not SECOND:
        asked['validate'] = here.validate
    return {(here.name, name): (tool, there) for name, tool in asked.items()}


def stock(only=None):
    """Those that fail, or what of `only` does: {(name of the controller, tool): output}."""
    failed = {}
    for here, there in pairs():
        for key, (tool, other) in tools(here, there).items():
            code, out = tool(other) if only is None or key in only else (0, '')
            if code != 0:
                failed[key] = out
    return failed


def controllers():
    return [c for c in (WEST, EAST, SECOND) if c is not None]


def heal(kind):
    """After a test that failed, and may have left anything behind."""
    for c, forwarder in ((WEST, EAST), (EAST, WEST)):
        c.set('dns forwarder', forwarder.address)
    for c in controllers():
        c.set('ntlm auth', 'ntlmv2-only')
        c.stop_samba()
    ad_lab.start(WEST, EAST)
    ad_lab.trust(WEST, EAST, kind)
    if SECOND is not None:  # it learns of trusts when it starts
        SECOND.tool('drs', 'replicate', SECOND.host, EAST.host, SECOND.base, '-P', '--local')
        ad_lab.start(SECOND)
        SECOND.replicates(True)
        SECOND.replicate_both_ways()
    until_good()


def until_good():
    samba_lab.wait_until('the trust is good', lambda: check()[0] == 0, PATIENCE_S,
                         lambda: str(check()))


def make_trust(kind):
    """'external' or 'forest', in place of what is there."""
    ad_lab.trust(WEST, EAST, kind)
    until_good()


class Case(unittest.TestCase):
    """Each test begins with a trust that is good."""

    RESET = 'ntrust reset WEST EAST'
    KIND = 'external'
    sound = True  # as the test before left it

    def setUp(self):
        if not Case.sound:
            heal(self.KIND)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        Case.sound = len(result.failures) + len(result.errors) == before

    def good(self):
        code, seen = check()
        self.assertEqual((code, seen['result'], seen['reason']), (0, 'good', ''), seen)

    def broken(self, reason, end, remedy=RESET):
        """Once all controllers of an end have heard of what a test did to one."""
        deadline = time.monotonic() + PATIENCE_S
        code, seen = check()
        while seen['reason'] != reason and time.monotonic() < deadline:
            time.sleep(0.5)
            code, seen = check()
        self.assertEqual((code, seen['reason'], seen['end_at_fault']), (2, reason, end), seen)
        self.assertIn(remedy, seen['next'])
        return seen

    def reset(self, *options):
        """(exit code, what `ntrust reset` says)"""
        code, out = ntrust('--json', 'reset', *ends(), *admin(), *options)
        return code, read(out)

    def mended(self, *options):
        """By ntrust, and all agree."""
        code, done = self.reset(*options)
        self.assertEqual((code, done['result']), (0, 'good'), done)
        self.good()
        return done

    def all_agree(self):
        """So do the tools of Samba, at both ends."""
        samba_lab.wait_until('the stock tools agree that the trust is good', lambda: not stock(),
                             PATIENCE_S, lambda: str(stock()))

    def stock_fail(self, *names):
        """These tools see that the trust is broken, each at a controller: 'WESTDC validate'."""
        names = {tuple(name.split(' ', 1)) for name in names}
        samba_lab.wait_until('%s fail' % sorted(names), lambda: set(stock(names)) == names,
                             PATIENCE_S, lambda: str(stock(names)))
