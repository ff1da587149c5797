"""kill -9 of either daemon, of both, or of the command that resets, at seeded points while a trust is
established, rotated or reset, or burned by a wrong password. After the restart the trust works, or its state says what to
do; the invariants of the lifecycle hold; and every change that was acknowledged is still there.

A point is either a PDU between the two domains (a proxy counts them and kills before or after the
n-th), or a moment after the action began. The same seed gives the same points.
"""

import argparse
import collections
import os
import random
import subprocess
import threading
import time

import netlogon
import world as w

SETTLE_S = 12  # retry_first_s is 1: a few attempts, on a busy machine
KINDS = ('establish', 'rotate', 'reset-trusting', 'reset-trusted', 'burn')
WEIGHTS = (34, 30, 14, 14, 8)


def check(condition, text, *values):
    if not condition:
        raise AssertionError(text % values if values else text)


class Writer(threading.Thread):
    """Goes on changing a user's comment, and remembers what was acknowledged."""

    def __init__(self, domain, user):
        super().__init__(daemon=True)
        self.domain, self.user = domain, user
        self.acknowledged = 0
        self.ended = False

    def run(self):
        n = 0
        while not self.ended:
            n += 1
            try:
                self.domain.api('PATCH', '/v1/users/' + self.user, {'comment': str(n)}, timeout=20)
                self.acknowledged = n
            except w.Unreachable:
                pass
            time.sleep(0.004)

    def check(self):
        acknowledged = self.acknowledged
        have = int(self.domain.api('GET', '/v1/users/' + self.user)['comment'] or 0)
        check(have >= acknowledged, '%s: change %d of %s was acknowledged, but %d is there',
              self.domain.name, acknowledged, self.user, have)


class Action(threading.Thread):
    """Steps, each a call that is either acknowledged or not. Ends at the first that is not."""

    def __init__(self, steps):
        super().__init__(daemon=True)
        self.steps = steps
        self.done = 0  # steps that were acknowledged
        self.answer = None
        self.failure = None

    def run(self):
        for step in self.steps:
            try:
                self.answer = step()
            except (w.Unreachable, w.ApiError, AssertionError) as e:
                self.failure = e
                return
            self.done += 1

    def acknowledged(self):
        return self.done == len(self.steps)


class Command:
    """ntrust, to be killed as the daemons are."""

    name = 'ntrust'

    def __init__(self):
        self.process = None
        self.killed = False

    def run(self, domain, *args):
        self.process = subprocess.Popen([w.NTRUST, '--socket', domain.socket, *args], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.killed = False
        try:
            out, _ = self.process.communicate(w.ADMIN_PASSWORD, timeout=60)
        finally:
            self.process.kill()
        check(self.process.returncode == 0, 'ntrust %s: exit code %d\n%s', ' '.join(args),
              self.process.returncode, out)
        return out

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.killed = True

    def start(self):
        pass


class Point:
    """When to kill, and whom."""

    def __init__(self, rng, victims, pdus, seconds):
        self.victims = rng.choices(victims, weights=(45, 45, 10, 35)[:len(victims)])[0]
        self.by_pdu = pdus > 0 and rng.random() < 0.6
        self.n = rng.randint(1, max(1, pdus))
        self.before = rng.random() < 0.4
        self.pause = rng.choice((0, 0, rng.random() * 0.004))
        self.after_s = rng.random() * seconds * 1.1
        self.down_s = rng.choice((0, 0, 0.05, 0.4))  # until the restart
        self.hit = threading.Event()

    def __str__(self):
        when = ('%s PDU %d, %.1f ms later' % ('before' if self.before else 'after', self.n,
                                              self.pause * 1000) if self.by_pdu
                else 'after %.1f ms' % (self.after_s * 1000))
        return '%s %s' % ('+'.join(d.name for d in self.victims), when)

    def kill(self):
        if self.by_pdu and self.pause:
            time.sleep(self.pause)
        for victim in self.victims:
            victim.kill()
        self.hit.set()


class Rounds:
    def __init__(self, seed, verbose):
        self.rng = random.Random(seed)
        self.verbose = verbose
        self.world = w.World()
        self.trusted, self.trusting = self.world.pair()
        self.proxy = self.world.proxy(self.trusted)
        self.trusting.api('POST', '/v1/users', {'name': 'bob', 'password': 'Builder1x'})
        for d in (self.trusted, self.trusting):
            d.api('PATCH', '/v1/policy', {'retry_first_s': 1, 'retry_most_s': 1,
                                          'lockout_threshold': 0})
        self.command = Command()
        self.size = {}  # of each kind: PDUs, seconds
        self.password = None  # the newest initial one
        self.tally = collections.Counter()
        w.establish(self.trusting, self.trusted, 'first', self.proxy.server)
        self.password = 'first'
        self.writers = [Writer(self.trusted, 'alice'), Writer(self.trusting, 'bob')]
        for writer in self.writers:
            writer.start()

    def close(self):
        for writer in self.writers:
            writer.ended = True
        for writer in self.writers:
            writer.join()
        self.world.close()

    # --- what is seen ---

    def trust(self):
        return self.trusting.trust(self.trusted.name)

    def permit(self):
        return self.trusted.permit(self.trusting.name)

    def offer(self, password):
        """A raw attempt with this password; True when it opens a secure channel."""
        status = netlogon.attempt(w.ADDRESS, self.trusted.rpc_port, self.trusting.name,
                                  self.trusting.computer, password)
        return status == netlogon.SUCCESS

    def settled(self):
        """Both ends say that all is well, and mean the same password."""
        trust, permit = self.trust(), self.permit()
        if (trust and permit and trust['state'] == 'active' and not trust['degraded'] and
                permit['state'] == 'active' and trust['version'] == permit['version']):
            return trust
        check(not trust or trust['state'] != 'broken', 'the trust is broken: %s\npermit: %s', trust,
              permit)
        check(not permit or permit['state'] != 'burned', 'burned: %s', permit)
        return None

    def check_works(self):
        try:
            trust = w.until('both ends agree', self.settled, SETTLE_S)
        except AssertionError as e:
            raise AssertionError('%s\ntrust: %s\npermit: %s' %
                                 (e, self.trust(), self.permit())) from None
        logon = self.trusting.logon(self.trusted.name, 'alice', 'Wonder1land')
        check(logon['status'] == 'SUCCESS', 'alice is refused: %s', logon)
        check(not self.offer(self.password), 'I3: the initial password still opens the channel')
        check(self.permit()['state'] == 'active', 'a wrong attempt harmed a live trust')
        for writer in self.writers:
            writer.check()
        return trust

    # --- steps ---

    def remove_trust(self):
        return self.trusting.api('DELETE', '/v1/trusts/' + self.trusted.name)

    def remove_permit(self):
        return self.trusted.api('DELETE', '/v1/permits/' + self.trusting.name)

    def add_permit(self):
        return self.trusted.api('POST', '/v1/permits', {'name': self.trusting.name,
                                                        'password': self.password})

    def add_trust(self, password=None):
        return self.trusting.api('POST', '/v1/trusts', {
            'name': self.trusted.name, 'servers': [self.proxy.server],
            'password': self.password if password is None else password})

    def rotate(self):
        return self.trusting.api('POST', '/v1/trusts/%s/rotate' % self.trusted.name)

    def reset(self, kind):
        if kind == 'reset-trusting':
            here, there, server = self.trusting, self.trusted, []
        else:  # this end does not know where the other one's controllers are
            here, there = self.trusted, self.trusting
            server = ['--server', '%s:%d' % (w.ADDRESS, there.epm_port)]
        return self.command.run(here, 'reset', there.name, '-U', 'Administrator',
                                '--peer-password-fd', '0', *server)

    def steps(self, kind):
        if kind == 'rotate':
            return [self.rotate]
        if kind in ('reset-trusting', 'reset-trusted'):
            return [lambda: self.reset(kind)]
        self.password = 'initial-%d' % self.rng.randrange(10 ** 9)
        last = self.add_trust if kind == 'establish' else (lambda: self.add_trust('wrong'))
        return [self.remove_trust, self.remove_permit, self.add_permit, last]

    # --- after the restart ---

    def go_on(self, action):
        """What was acknowledged is there. Then the administrator repeats the step that was not,
        and does the rest. That step may have been done, though: the repetition says so then."""
        trust, permit = self.trust(), self.permit()
        removed, added = action.done in (1, 2), action.done == 4
        check(not removed or trust is None, 'the removed trust is there: %s', trust)
        check(not added or trust is not None, 'the acknowledged trust is gone')
        check(action.done < 3 or permit is not None, 'the acknowledged permission is gone')
        for number, step in enumerate(action.steps[action.done:]):
            try:
                step()
            except w.ApiError as e:
                check(number == 0 and e.http in (404, 409), 'cannot go on: %s', e)

    def after_establish(self, action):
        self.go_on(action)
        self.check_works()

    def after_rotate(self, action, before):
        trust, permit = self.trust(), self.permit()
        check(trust is not None and permit is not None, 'an end is gone')
        check(permit['version'] - trust['version'] in (0, 1),
              'more than one unproven password: trusting end %d, trusted end %d', trust['version'],
              permit['version'])
        trust = self.check_works()
        check(trust['version'] in (before, before + 1), 'version %d after %d', trust['version'],
              before)
        check(not action.acknowledged() or trust['version'] == before + 1,
              'the acknowledged change is gone')

    def after_reset(self, action, kind):
        if not action.acknowledged():
            text = str(action.failure)
            told = 'ntrust reset' in text or 'ntrustd does not answer' in text
            check(self.command.killed or told, 'the interrupted reset does not say what to do: %s',
                  text)
            trust = self.trust()
            check(trust is not None, 'the trusting end is gone')
            if trust['state'] == 'broken':
                check(trust['next'] != '', 'broken, without a next step: %s', trust)
            self.reset(kind)
        self.check_works()

    def after_burn(self, action):
        self.go_on(action)

        def burned():
            trust, permit = self.trust(), self.permit()
            check(permit['state'] in ('permitted', 'burned'), 'a wrong password: %s', permit)
            return (trust if permit['state'] == 'burned' and trust['state'] == 'broken' else None)
        try:
            trust = w.until('both ends say that it was burned', burned, SETTLE_S)
        except AssertionError as e:
            raise AssertionError('%s\ntrust: %s\npermit: %s' %
                                 (e, self.trust(), self.permit())) from None
        check(trust['reason'] == 'initial-password-burned', 'the reason is %s', trust['reason'])
        for end in (trust, self.permit()):
            check('permit remove' in end['next'], 'no next step: %s', end)
        check(not self.offer(self.password), 'I3: a burned initial password opens the channel')
        check(not self.offer('wrong'), 'a wrong password opens the channel')
        for writer in self.writers:
            writer.check()
        self.remove_trust()
        self.remove_permit()
        self.add_permit()
        self.add_trust()
        self.check_works()

    # --- a round ---

    def run_whole(self, kind):
        """Once without a kill, for the number of PDUs and the time it takes."""
        before = self.trust()['version']
        self.proxy.arm(0, False, None)
        start = time.monotonic()
        action = Action(self.steps(kind))
        action.run()
        self.size[kind] = self.proxy.disarm(), time.monotonic() - start
        check(action.acknowledged(), '%s fails undisturbed: %s', kind, action.failure)
        self.after(kind, action, before)

    def after(self, kind, action, before):
        if kind == 'establish':
            self.after_establish(action)
        elif kind == 'rotate':
            self.after_rotate(action, before)
        elif kind == 'burn':
            self.after_burn(action)
        else:
            self.after_reset(action, kind)

    def run(self, kind):
        victims = [[self.trusted], [self.trusting], [self.trusting, self.trusted]]
        if kind.startswith('reset'):
            victims.append([self.command])
        before = self.trust()['version']
        action = Action(self.steps(kind))
        point = Point(self.rng, victims, *self.size[kind])
        self.describe = '%s, kill %s' % (kind, point)
        if point.by_pdu:
            self.proxy.arm(point.n, point.before, point.kill)
        action.start()
        if point.by_pdu:
            while action.is_alive() and not point.hit.is_set():
                point.hit.wait(0.01)
            self.proxy.disarm()  # waits for a kill that has begun
        else:
            time.sleep(point.after_s)
        during = action.is_alive() or point.hit.is_set()
        if not point.hit.is_set():
            point.kill()
        time.sleep(point.down_s)
        for victim in point.victims:
            victim.start()
        action.join()
        self.tally[kind, 'during' if during else 'behind'] += 1
        if self.verbose:
            print('  %s: %s' % (self.describe, action.failure or 'acknowledged'))
        self.after(kind, action, before)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=200)
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(3), 'big'))
    parser.add_argument('--kind', choices=KINDS)
    parser.add_argument('--verbose', action='store_true')
    options = parser.parse_args()
    w.own_network()
    w.end_cleanly()
    print('seed %d' % options.seed, flush=True)
    start = time.monotonic()
    rounds = Rounds(options.seed, options.verbose)
    kinds = [options.kind] if options.kind else KINDS
    i = 0
    rounds.describe = 'undisturbed'
    try:
        for kind in kinds:
            rounds.run_whole(kind)
            print('%s: %d PDUs, %.0f ms' % (kind, rounds.size[kind][0],
                                            rounds.size[kind][1] * 1000), flush=True)
        for i in range(1, options.rounds + 1):
            kind = options.kind or rounds.rng.choices(KINDS, WEIGHTS)[0]
            rounds.run(kind)
            if i % 50 == 0:
                print('%d rounds, %.0f s' % (i, time.monotonic() - start), flush=True)
    except BaseException:
        print('%s\nFAILED in round %d (%s); again: --seed %d --rounds %d' %
              (rounds.world.logs(120), i, rounds.describe, options.seed, options.rounds),
              flush=True)
        raise
    finally:
        rounds.close()
    for (kind, when), n in sorted(rounds.tally.items()):
        print('%4d %s, killed %s it' % (n, kind, when))
    print('good: %d kills in %.0f s' % (options.rounds, time.monotonic() - start))


if __name__ == '__main__':
    main()
