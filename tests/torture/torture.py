"""The real programs, tortured: two ntrustd with a trust, logons through it and changes all the time,
and in each round one fault at a moment of the dice. After each round everything calms down; within a
bounded time the trust works, or is broken with the right reason where the fault demands that (and
`ntrust reset` mends it); and every change that was acknowledged since the store last went back
is there. The same seed rolls the same faults; --round plays one of them alone.
"""

import argparse
import collections
import os
import shutil
import signal
import sys
import threading
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)),
                os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e')]

import faults
import netlogon
import places
import world as w
from load import Load

SETTLE_S = 25  # more than the longest time-out of a call, 15 s
COPIES_KEPT = 6
INITIAL = 'first-password'
POLICY = {'retry_first_s': 1, 'retry_most_s': 1, 'check_interval_s': 5, 'lockout_threshold': 0}


# Events that say that something went wrong with a trust or a store. A round that does not expect
# them must not bring them: a false alarm is a fault.
ALARMS = {'trust-broken', 'trust-peer-behind', 'trust-peer-healed', 'trust-end-reverted',
          'trust-changed-elsewhere', 'trust-cloned', 'trust-controller-lags', 'store-restored',
          'store-epoch-missing'}


def newest_event(controller):
    events = controller.api('GET', '/v1/events?max=1')['events']
    return events[-1]['id'] if events else 0


class Copy:
    """A store of earlier, and what holds when it is put back."""

    def __init__(self, torture, controller, how):
        self.controller, self.how = controller, how
        self.folder = torture.lab.room_for_copy()
        self.version, self.generation = torture.version(), torture.generation
        self.ledger = torture.load.ledgers[controller].copy()
        self.event = newest_event(controller)


class Torture:
    def __init__(self, seed, verbose):
        self.seed, self.verbose = seed, verbose
        self.lab = places.Lab()
        self.accounts, self.resources = self.lab.both
        self.rng = None
        self.said = 'before the first round'
        self.copies = []
        self.generation = 0  # counts resets: passwords of different ones have nothing in common
        self.denied_may_return = self.quiet = False
        self.expected, self.allowed = set(), set()  # (controller, kind of event)
        self.seen_event = {}  # the newest that was looked at
        self.restores = collections.Counter()
        self.tally = collections.Counter()
        self.settle_s = []
        for c in self.lab.both:
            c.start()
            c.api('PATCH', '/v1/policy', POLICY)
        policy = self.resources.api('GET', '/v1/policy')
        self.history_kept = policy['history_kept']
        self.previous_accepted = policy['previous_accepted']
        w.establish(self.resources, self.accounts, INITIAL, self.accounts.place.address)
        self.load = Load(self.accounts, self.resources, seed)
        self.accounts.api('POST', '/v1/users', {'name': 'alice', 'password': 'Wonder1land'})
        self.load.ledgers[self.accounts].acknowledge('alice', 'Wonder1land')
        self.load.go()

    def close(self):
        self.lab.wire.set()
        for c in self.lab.both:
            c.thaw()
        self.load.end()
        self.lab.close()

    # --- for the faults ---

    def say(self, text, *values):
        self.said += (': ' if not self.said.count(':') else '; ') + text % values

    def version(self):
        return self.resources.trust('ACCOUNTS')['version']

    def take_copy(self, controller):
        """Of a moment at which nothing changes there; in one of the ways in which people do it."""
        how = self.rng.choice(('ntrust backup', 'files of a stopped daemon',
                               'snapshot of the machine'))
        copy = Copy(self, controller, how)
        if how == 'ntrust backup':
            controller.backup(copy.folder)
        elif how == 'snapshot of the machine':
            controller.copy_store(copy.folder, frozen=True)
        else:
            controller.stop()
            controller.copy_store(copy.folder)
            controller.start()
            self.settle(faults.WORKS)
        self.forget(self.copies[:-COPIES_KEPT])
        self.copies.append(copy)
        return copy

    def forget(self, copies):
        self.copies = [c for c in self.copies if c not in copies]
        for copy in copies:
            shutil.rmtree(copy.folder)

    def branch(self):
        """From here the trust's passwords go another way: steps from earlier copies cannot be
        counted any more."""
        self.forget(self.copies)

    def expect(self, controller, kind):
        self.expected.add((controller, kind))

    def went_back(self, controller, copy, changed):
        """The daemon is down, and its store is about to be the copy; `changed`: another one than
        it has now, for sure."""
        self.load.ledgers[controller].go_back(copy.ledger)
        self.seen_event[controller] = copy.event
        # One way to know is a file beside the store; a disk that failed may have cost it.
        life = controller.log_text().rpartition('--- start')[2]
        kept = life.rfind('epoch file is written again') >= life.rfind('epoch file cannot')
        self.allowed.add((controller, 'store-restored'))
        if changed and kept:
            self.expect(controller, 'store-restored')
        self.restores['without a change' if not changed else 'noticed' if kept else
                      'perhaps not noticed, since the disk had failed'] += 1

    def begin_reset(self):
        """Returns a function that waits for its end: (exit code, all that it said)."""
        result = []

        def run():
            result.append(self.resources.command_here(
                'reset', 'ACCOUNTS', '-U', 'Administrator', '--peer-password-fd', '0',
                stdin=w.ADMIN_PASSWORD))
        thread = threading.Thread(target=run)
        thread.start()

        def end():
            thread.join()
            return result[0]
        return end

    def was_reset(self):
        self.generation += 1
        self.load.ledgers[self.resources].version = 0
        self.allowed |= {(self.resources, kind) for kind in ALARMS}

    # --- what must be afterwards ---

    def ends(self):
        return 'logon: %s\ntrust: %s\npermit: %s' % (
            self.resources.logon('ACCOUNTS', 'alice', 'Wonder1land'),
            self.resources.trust('ACCOUNTS'), self.accounts.permit('RESOURCES'))

    def works(self):
        """A logon through it, and both ends mean the same password. In a quiet round nobody logs on
        before they do."""
        if self.quiet and not self.agree():
            return False
        self.quiet = False
        answer = self.resources.logon('ACCOUNTS', 'alice', 'Wonder1land')
        return answer['status'] == 'SUCCESS' and self.agree()

    def agree(self):
        trust, permit = self.resources.trust('ACCOUNTS'), self.accounts.permit('RESOURCES')
        return (trust['state'] == 'active' and not trust['degraded'] and
                permit['state'] == 'active' and trust['version'] == permit['version'])

    def broken(self, reason):
        trust = self.resources.trust('ACCOUNTS')
        return trust['state'] == 'broken' and trust['reason'] == reason

    def settle(self, outcome):
        """Waits until it is as it must be; returns how long that took."""
        begun = time.monotonic()
        try:
            if outcome == faults.WORKS:
                w.until('the trust works', self.works, SETTLE_S, 0.02)
            else:
                w.until('the trust is broken: ' + outcome, lambda: self.broken(outcome), SETTLE_S,
                        0.02)
        except AssertionError as e:
            raise AssertionError('%s\n%s' % (e, self.ends())) from None
        return time.monotonic() - begun

    def check_verdict(self, outcome):
        code, said = self.resources.command_here('check', 'ACCOUNTS')
        if outcome == faults.WORKS:
            if code != 0:
                raise AssertionError('ntrust check says, with exit code %d: %s' % (code, said))
        elif code != 2 or 'ntrust reset' not in said:
            raise AssertionError('ntrust check of a broken trust says, with exit code %d: %s' %
                                 (code, said))

    def mend(self):
        code, said = self.begin_reset()()
        if code != 0:
            raise AssertionError('ntrust reset ends with %d: %s' % (code, said))
        self.was_reset()
        self.settle(faults.WORKS)
        self.check_verdict(faults.WORKS)

    def initial_opens_nothing(self):
        status = self.accounts.place.call(
            netlogon.attempt, self.accounts.place.address, places.RPC_PORT, 'RESOURCES',
            self.resources.computer, INITIAL)
        if status == netlogon.SUCCESS:
            raise AssertionError('the initial password still opens the channel')

    @staticmethod
    def users(controller):
        found, after = set(), 0
        while True:
            page = controller.api('GET', '/v1/users?after=%d' % after)
            found |= {u['name'] for u in page['users']}
            if not page['more']:
                return found - {'Administrator', 'Guest'}
            after = page['users'][-1]['rid']

    def no_false_alarm(self, outcome):
        """What went wrong was noticed, and nothing else."""
        if outcome != faults.WORKS:
            self.expect(self.resources, 'trust-broken')
        for c in self.lab.both:
            seen = set()
            # of the domain itself, and of the other: what belongs to the trust
            for subject in (c.name, 'ACCOUNTS'):
                seen |= {(c, e['kind']) for e in c.api(
                    'GET', '/v1/events?after=%d&max=1000&subject=%s' %
                    (self.seen_event.get(c, 0), subject))['events'] if e['kind'] in ALARMS}
            self.seen_event[c] = newest_event(c)
            for controller, kind in self.expected:
                if controller is c and (c, kind) not in seen:
                    raise AssertionError('%s: there is no event %s' % (c.name, kind))
            for _, kind in seen - self.expected - self.allowed:
                raise AssertionError('%s: a false alarm: %s' % (c.name, kind))
        self.expected, self.allowed = set(), set()

    def nothing_lost(self):
        """All that was acknowledged is there: users by the list, passwords by a logon (those of
        ACCOUNTS through the trust), changes of the trust's password by its version."""
        wrong = self.load.wrong()
        for c in self.lab.both:
            ledger = self.load.ledgers[c]
            returned = ledger.returned
            wrong += ['%s: %s' % (c.name, text) for text in ledger.check(
                self.users(c), lambda name, password, c=c:
                self.resources.logon(c.name, name, password)['status'] == 'SUCCESS')]
            if ledger.returned > returned and not self.denied_may_return:
                wrong.append('%s: a change that was denied is there' % c.name)
        version, acknowledged = self.version(), self.load.ledgers[self.resources].version
        if version < acknowledged:
            wrong.append('change %d of the trust\'s password was acknowledged, and it is at %d' %
                         (acknowledged, version))
        if wrong:
            raise AssertionError('\n'.join(wrong))

    # --- a round ---

    def kind_of(self, number):
        """From a deck that is shuffled anew when it is through."""
        deck = list(faults.DECK)
        places.dice(self.seed, 'deck', (number - 1) // len(deck)).shuffle(deck)
        return deck[(number - 1) % len(deck)]

    def run(self, number, kind=None):
        kind = kind or self.kind_of(number)
        self.rng = places.dice(self.seed, number, kind)
        self.said = 'round %d, %s' % (number, kind)
        self.denied_may_return = self.quiet = False
        time.sleep(0.15 + 0.25 * self.rng.random())
        outcome = faults.KINDS[kind](self)
        self.lab.calm()
        self.load.rotator.may.clear()  # amid one change after the other the ends differ for moments
        took = self.settle(outcome)
        self.load.hold()
        self.check_verdict(outcome)
        self.no_false_alarm(outcome)
        if outcome != faults.WORKS:
            self.mend()
            self.no_false_alarm(faults.WORKS)
        self.nothing_lost()
        self.initial_opens_nothing()
        self.settle_s.append(took)
        self.tally[kind, outcome] += 1
        if self.verbose:
            print('%s -> %s after %.2f s' % (self.said, outcome, took), flush=True)
        self.load.go()

    def report(self, seconds):
        for (kind, outcome), n in sorted(self.tally.items()):
            print('%5d %-16s %s' % (n, kind, 'works' if outcome == faults.WORKS else
                                    'broken: %s, and reset' % outcome))
        ledgers = self.load.ledgers.values()
        times = sorted(self.settle_s)
        print('%d changes acknowledged, 0 lost; %d denied, of which %d came back; %d without an '
              'answer' % tuple(sum(getattr(x, what) for x in ledgers) for what in
                               ('acknowledged', 'denials', 'returned', 'unanswered')))
        print('logons through the trust: ' + ', '.join(
            '%d %s' % (n, status) for status, n in self.load.outcomes().most_common()))
        print('packets: ' + ', '.join('%d %s' % (n, what) for what, n in
                                      self.lab.wire.set().items()))
        print('disk operations that failed: %d of %d' % tuple(
            sum(getattr(c.faults, what)() for c in self.lab.both) for what in ('hits', 'seen')))
        print('stores set back: ' + ', '.join('%d %s' % (n, what) for what, n in
                                              self.restores.items()))
        print('until it is as it must be: median %.2f s, longest %.2f s' %
              (times[len(times) // 2], times[-1]))
        print('good: %d rounds in %.0f s' % (len(times), seconds))


def main():
    places.enter()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=40)
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(3), 'big'))
    parser.add_argument('--round', type=int, help='only this one')
    parser.add_argument('--kind', choices=sorted(faults.KINDS), help='only faults of this kind')
    parser.add_argument('--verbose', action='store_true')
    options = parser.parse_args()
    w.end_cleanly()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print('seed %d' % options.seed, flush=True)
    begun = time.monotonic()
    torture = Torture(options.seed, options.verbose)
    numbers = [options.round] if options.round else range(1, options.rounds + 1)
    number = 0
    try:
        for number in numbers:
            torture.run(number, options.kind)
            if number % 50 == 0:
                print('%d rounds, %.0f s' % (number, time.monotonic() - begun), flush=True)
    except BaseException:
        for c in torture.lab.both:
            print('===== log of %s\n%s' % (c.name, c.log_tail(60)))
        again = '--kind %s ' % options.kind if options.kind else ''
        print('FAILED with seed %d in %s\nagain: --seed %d %s--rounds %d, or it alone: --round %d' %
              (options.seed, torture.said, options.seed, again, number, number), flush=True)
        raise
    else:
        torture.report(time.monotonic() - begun)
    finally:
        torture.close()


if __name__ == '__main__':
    main()
