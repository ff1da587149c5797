"""The kinds of fault. Each is a function of the torture (which has the laboratory, the load and the
dice of the round); it disturbs for a while, may leave disturbances on, which are calmed afterwards,
and says what it did. What it returns is what the trust must be afterwards: WORKS or the reason for
which it must be broken.
"""

import errno
import time

import faulty

ALL = faulty.WRITE | faulty.SYNC | faulty.TRUNCATE
WORKS = 'works'
MISMATCH = 'password-mismatch'


def victims(t):
    """One of the two, or both."""
    lab = t.lab
    return t.rng.choice(([lab.accounts], [lab.resources], [lab.accounts], [lab.resources],
                         [lab.accounts, lab.resources]))


def names(controllers):
    return '+'.join(c.name for c in controllers)


def wait_dead(controllers, seconds):
    """Until they are; who still lives then is killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(c.is_up() for c in controllers):
        time.sleep(0.002)
    for c in controllers:
        c.kill()


# --- processes ---


def kill(t):
    """SIGKILL at a moment, or before or after the n-th operation on the store's files."""
    who, down_s = victims(t), t.rng.choice((0, 0, 0.05, 0.3))
    if t.rng.random() < 0.5:
        t.say('SIGKILL of %s, down for %.2f s', names(who), down_s)
        for c in who:
            c.kill()
    else:
        what = t.rng.choice((faulty.KILL_BEFORE, faulty.KILL_AFTER))
        ops = t.rng.choice((faulty.SYNC, faulty.WRITE, faulty.WRITE | faulty.SYNC))
        after = t.rng.randrange(40)
        t.say('of %s, operation %d (kind %d) %s; down for %.2f s', names(who), after + 1, ops,
              faulty.NAMES[what], down_s)
        for c in who:
            c.faults.arm(what, ops, after)
        wait_dead(who, 1)
        for c in who:
            c.faults.calm()
    time.sleep(down_s)
    return WORKS


def freeze(t):
    """SIGSTOP, and SIGCONT after a while."""
    who, seconds = victims(t), 0.1 + t.rng.random()
    t.say('SIGSTOP of %s for %.2f s', names(who), seconds)
    for c in who:
        c.freeze()
    time.sleep(seconds)
    return WORKS


# --- disks ---


def full(t):
    """No space left; some are killed then, and started again before there is."""
    who, left = victims(t), t.rng.choice((0, 0, t.rng.randrange(65536)))
    seconds, killed = 0.2 + 0.6 * t.rng.random(), t.rng.random() < 0.3
    t.say('the disk of %s is full but for %d bytes, for %.2f s%s', names(who), left, seconds,
          ', and it is killed and started then' if killed else '')
    for c in who:
        c.fill(left)
    time.sleep(seconds)
    t.denied_may_return = killed
    for c in who if killed else ():
        c.kill()
        before = len(c.log_text())
        try:
            c.start()
        except AssertionError:
            said = c.log_text()[before:]
            if 'space' not in said and 'full' not in said:
                raise AssertionError('%s does not start on a full disk, and says: %s' %
                                     (c.name, said)) from None
    return WORKS


def fail(t):
    """Writes and syncs of the store that fail, for a while; some are killed right afterwards, or
    lose power, and with it what a failed sync has lost."""
    who, seconds = victims(t), 0.1 + 0.5 * t.rng.random()
    what = t.rng.choice((faulty.FAIL, faulty.FAIL, faulty.SHORT))
    ops = t.rng.choice((faulty.WRITE, faulty.SYNC, faulty.SYNC, faulty.WRITE | faulty.SYNC,
                        ALL))
    if what == faulty.SHORT:
        ops |= faulty.WRITE
    after, times = t.rng.randrange(30), t.rng.choice((1, 1, 2, 5, 10 ** 6))
    error, end = t.rng.choice((errno.EIO, errno.ENOSPC)), t.rng.choice((None, None, 'kill', 'cut'))
    t.say('of %s, operation %d (kind %d) %s, and %d in all, with %s%s', names(who), after + 1, ops,
          faulty.NAMES[what], times, errno.errorcode[error],
          {'kill': '; then SIGKILL', 'cut': '; then a power cut', None: ''}[end])
    for c in who:
        c.faults.arm(what, ops, after, times, error)
    time.sleep(seconds)
    if end:
        t.denied_may_return = True
    if end == 'cut':
        for c in who:
            c.faults.arm(faulty.POWER_CUT, ALL, t.rng.randrange(20),
                         random=1 + t.rng.randrange(2 ** 31))
        wait_dead(who, 1)
    for c in who if end == 'kill' else ():
        c.kill()
    return WORKS


def power_cut(t):
    """The machine loses power: of what was not synced, the disk has any part."""
    who, after = victims(t), t.rng.randrange(60)
    ops = t.rng.choice((faulty.SYNC, faulty.SYNC, faulty.WRITE, faulty.WRITE | faulty.SYNC,
                        faulty.TRUNCATE | faulty.SYNC))
    t.say('of %s, operation %d (kind %d) %s', names(who), after + 1, ops,
          faulty.NAMES[faulty.POWER_CUT])
    for c in who:
        c.faults.arm(faulty.POWER_CUT, ops, after, random=1 + t.rng.randrange(2 ** 31))
    wait_dead(who, 1)
    return WORKS


# --- the network ---


def packets(t):
    """Lost, late, out of order, twice."""
    rules = {'loss': t.rng.choice((0, 0.02, 0.1, 0.3)), 'double': t.rng.choice((0, 0.05, 0.3)),
             'delay_ms': t.rng.choice((0, 1, 20, 100)), 'jitter_ms': t.rng.choice((0, 5, 50)),
             'seed': t.rng.randrange(2 ** 31)}
    if not any((rules['loss'], rules['double'], rules['jitter_ms'])):
        rules['loss'] = 0.2
    seconds = 0.3 + 0.6 * t.rng.random()
    t.say('packets for %.2f s: %s', seconds, rules)
    t.lab.wire.set(**rules)
    time.sleep(seconds)
    return WORKS


def partition(t):
    """The line is cut, in one direction or both."""
    cut, seconds = t.rng.choice(((0,), (1,), (0, 1), (0, 1))), 0.2 + t.rng.random()
    t.say('%s not heard for %.2f s', names([t.lab.both[i] for i in cut]), seconds)
    t.lab.wire.set(cut=cut)
    time.sleep(seconds)
    return WORKS


def resets(t):
    """Connections end in the middle of a segment, and so of a PDU."""
    count = t.rng.randint(1, 6)
    t.say('%d connections are reset in the middle of a segment', count)
    t.lab.wire.set(reset=count)
    time.sleep(0.1 + 0.3 * t.rng.random())
    return WORKS


# --- several at once ---


def mixed(t):
    """A bad line, and something else meanwhile."""
    rules = t.rng.choice(({'cut': (0, 1)}, {'cut': (0,)}, {'cut': (1,)}, {'reset': 3},
                          {'loss': 0.2, 'delay_ms': 10, 'jitter_ms': 20, 'double': 0.1}))
    t.say('the line: %s', rules)
    t.lab.wire.set(**rules)
    time.sleep(0.15 * t.rng.random())
    return t.rng.choice((kill, kill, freeze, fail, power_cut, full))(t)


# --- snapshots ---


def rotate(t, count):
    """So many changes of the trust's password, undisturbed."""
    for _ in range(count):
        version, said = t.load.rotator.rotate()
        if version is None:
            raise AssertionError('an undisturbed change of the password fails: %s' % said)


def put_back(t, controllers, copies, changed):
    killed, quiet = t.rng.random() < 0.5, t.rng.random() < 0.15
    if quiet:
        t.say('with nobody who logs on')
        t.load.hold()
    for c in controllers:
        if killed:
            c.kill()
        elif c.stop() != 0:
            raise AssertionError('%s does not end well' % c.name)
    for c, copy in zip(controllers, copies):
        t.went_back(c, copy, changed)
        c.put_back(copy.folder)
    for c in controllers:
        c.start()
    t.quiet = quiet


def undisturbed(t):
    """No changes but ours, and a trust that works, so that steps can be counted."""
    t.load.hold(t.load.rotator, *t.load.writers.values())
    t.settle(WORKS)


def revert_trusted(t):
    """The store of the trusted end is from before n changes, up to more than the other remembers;
    or of some earlier round."""
    undisturbed(t)
    kept = t.history_kept
    earlier = [c for c in t.copies if c.controller is t.lab.accounts]
    if earlier and t.rng.random() < 0.3:
        copy = t.rng.choice(earlier)
    else:
        copy = t.take_copy(t.lab.accounts)
    changes = t.rng.choice((0, 1, 1, 2, 3, kept - 1, kept, kept + 1))
    behind = t.version() + changes - copy.version
    heals = copy.generation == t.generation and behind <= kept
    t.say('ACCOUNTS goes back by %s (%s)', '%d changes' % behind if
          copy.generation == t.generation else 'a reset', copy.how)
    rotate(t, changes)
    put_back(t, [t.lab.accounts], [copy], behind != 0)
    if heals and behind > 0:
        t.expect(t.lab.resources, 'trust-peer-behind')
        t.expect(t.lab.resources, 'trust-peer-healed')
    return WORKS if heals else MISMATCH


def revert_trusting(t):
    """The store of the trusting end is from before n changes; the trusted end still knows the one
    before its newest."""
    undisturbed(t)
    copy = t.take_copy(t.lab.resources)
    changes = t.rng.choice((0, 1, 1, 1, 2, 3, 8))
    t.say('RESOURCES goes back by %d changes (%s)', changes, copy.how)
    rotate(t, changes)
    put_back(t, [t.lab.resources], [copy], changes > 0)
    t.branch()
    if 0 < changes <= t.previous_accepted:
        t.expect(t.lab.resources, 'trust-end-reverted')
    return WORKS if changes <= t.previous_accepted else MISMATCH


def revert_both(t):
    """Both stores are of one moment."""
    undisturbed(t)
    copies = [t.take_copy(c) for c in t.lab.both]
    changes = t.rng.choice((0, 1, 3, 12))
    t.say('both go back by %d changes (%s)', changes, copies[0].how)
    rotate(t, changes)
    put_back(t, t.lab.both, copies, changes > 0)
    t.branch()
    return WORKS


# --- the repair ---


def reset(t):
    """ntrust reset of a trust that works, and something happens in the middle of it. What was
    interrupted is run again when all is calm, and finishes."""
    t.load.hold(t.load.rotator, *t.load.writers.values())
    answer = t.begin_reset()
    time.sleep(0.06 * t.rng.random())
    t.rng.choice((kill, kill, freeze, fail, power_cut, full, partition, resets, packets))(t)
    t.lab.calm()
    code, said = answer()
    t.say('the reset ended with %d', code)
    if code != 0:
        if 'ntrust' not in said:
            raise AssertionError('an interrupted reset does not say what to do: %s' % said)
        code, said = t.begin_reset()()
        if code != 0:
            raise AssertionError('run again, ntrust reset ends with %d: %s' % (code, said))
    t.was_reset()
    return WORKS


KINDS = {f.__name__.replace('_', '-'): f for f in (
    kill, freeze, full, fail, power_cut, packets, partition, resets, mixed, revert_trusted,
    revert_trusting, revert_both, reset)}

# Each kind comes up as often as it stands here, in an order of the dice.
DECK = ['kill', 'kill', 'freeze', 'full', 'fail', 'fail', 'power-cut', 'power-cut', 'packets',
        'partition', 'resets', 'mixed', 'mixed', 'revert-trusted', 'revert-trusted',
        'revert-trusting', 'revert-trusting', 'revert-both', 'reset']
