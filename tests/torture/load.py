"""What goes on all the time: logons through the trust, and changes that are written into the ledger
when they are acknowledged. Each loop can be paused between two of its steps."""

import collections
import json
import random
import threading
import time

import world as w
from ledger import Ledger

USERS = 24    # of a domain, besides those that everybody has
ANSWER_S = 30  # longer than any disturbance: no answer by then is a fault of its own

# What a logon of a user that exists, with the right password, must never be told.
LIES = {'LOGON_FAILURE', 'WRONG_PASSWORD', 'NO_SUCH_USER', 'ACCOUNT_LOCKED_OUT',
        'ACCOUNT_DISABLED', 'PASSWORD_EXPIRED', 'NO_SUCH_DOMAIN'}


class Loop(threading.Thread):
    def __init__(self, pause_s):
        super().__init__(daemon=True)
        self.pause_s = pause_s
        self.may = threading.Event()
        self.between = threading.Lock()  # held during a step
        self.ended = False
        self.wrong = []

    def run(self):
        while not self.ended:
            self.may.wait()
            with self.between:
                if self.may.is_set() and not self.ended:
                    try:
                        self.step()
                    except Exception as e:  # tells the round
                        self.wrong.append('%s: %r' % (type(self).__name__, e))
            time.sleep(self.pause_s)

    def hold(self):
        self.may.clear()
        with self.between:  # until the step under way is over
            pass

    def end(self):
        self.ended = True
        self.may.set()

    def step(self):
        raise NotImplementedError


class Logons(Loop):
    def __init__(self, domain, trusted, user, password):
        super().__init__(0.004)
        self.domain, self.trusted, self.user, self.password = domain, trusted, user, password
        self.outcomes = collections.Counter()
        self.count = 0

    def step(self):
        self.count += 1
        wrong = self.count % 16 == 0
        try:
            answer = self.domain.logon(self.trusted, self.user,
                                       'Not-it-1' if wrong else self.password)
        except w.Unreachable:
            self.outcomes['no answer'] += 1
            return
        status = answer['status']
        self.outcomes['wrong password, ' + status if wrong else status] += 1
        if wrong and status == 'SUCCESS':
            self.wrong.append('a wrong password opens %s' % self.user)
        if not wrong and status in LIES:
            self.wrong.append('%s with the right password is told %s' % (self.user, status))


class Writer(Loop):
    """Adds users, changes their passwords, removes them."""

    def __init__(self, domain, ledger, seed):
        super().__init__(0.006)
        self.domain, self.ledger = domain, ledger
        self.rng = random.Random(seed)
        self.number = 0

    def step(self):
        self.number += 1
        names = [n for n in self.ledger.names() if n.startswith('u')]  # alice stays as she is
        dice = self.rng.random()
        password = 'Pw-%d-%d' % (self.number, self.rng.randrange(10 ** 6))
        if len(names) < 4 or (dice < 0.25 and len(names) < USERS):
            name = 'u%d' % self.number
            self.change(name, password, 'POST', '/v1/users', {'name': name, 'password': password})
        elif dice < 0.35:
            name = self.rng.choice(names)
            self.change(name, None, 'DELETE', '/v1/users/' + name, None)
        else:
            name = self.rng.choice(names)
            self.change(name, password, 'PATCH', '/v1/users/' + name, {'password': password})

    def change(self, name, value, method, path, body):
        self.ledger.ask(name, value)
        try:
            self.domain.api(method, path, body, timeout=ANSWER_S)
        except w.Unreachable as e:
            self.ledger.not_answered()
            if 'timed out' in str(e):
                raise AssertionError('no answer in %d s: %s' % (ANSWER_S, e)) from None
        except w.ApiError as e:
            self.ledger.deny(name, value)
            if e.http < 500 and not self.uncertain(name):
                raise
        else:
            self.ledger.acknowledge(name, value)

    def uncertain(self, name):
        """An earlier change may or may not have happened, so this one may not fit."""
        with self.ledger.lock:
            value = self.ledger.users.get(name)
            return value is not None and bool(value.maybe)


class Rotator(Loop):
    def __init__(self, domain, trusted, ledger):
        super().__init__(0.05)
        self.domain, self.trusted, self.ledger = domain, trusted, ledger

    def step(self):
        self.rotate()

    def rotate(self):
        """The version that is acknowledged, or None, and what was said."""
        code, said = self.domain.command_here('--json', 'trust', 'rotate', self.trusted)
        if code != 0:
            self.ledger.not_answered()
            return None, said
        version = json.loads(said)['version']
        self.ledger.rotated(version)
        return version, said


class Load:
    """All of it, for a trusting and a trusted domain."""

    def __init__(self, accounts, resources, seed):
        self.ledgers = {accounts: Ledger(), resources: Ledger()}
        self.logons = [Logons(resources, accounts.name, 'alice', 'Wonder1land') for _ in range(2)]
        self.rotator = Rotator(resources, accounts.name, self.ledgers[resources])
        self.writers = {d: Writer(d, ledger, '%s/%s' % (seed, d.name))
                        for d, ledger in self.ledgers.items()}
        self.loops = [*self.logons, self.rotator, *self.writers.values()]
        for loop in self.loops:
            loop.start()

    def go(self, *which):
        for loop in which or self.loops:
            loop.may.set()

    def hold(self, *which):
        for loop in which or self.loops:
            loop.may.clear()
        for loop in which or self.loops:
            loop.hold()

    def end(self):
        for loop in self.loops:
            loop.end()
        for loop in self.loops:
            loop.join(ANSWER_S)

    def wrong(self):
        found = []
        for loop in self.loops:
            found += loop.wrong
            loop.wrong = []
        return found

    def outcomes(self):
        total = collections.Counter()
        for loop in self.logons:
            total += loop.outcomes
        return total
