"""What a domain has acknowledged: its users with their passwords, and how far the trust's password
was changed. A change whose answer never came may be there or not; one that was denied may not."""

import threading


class Value:
    """Of one thing that changes: None when it is not there."""

    def __init__(self, now=None):
        self.now = now
        self.maybe = set()   # asked for, no answer
        self.denied = set()  # refused since it was last seen

    def copy(self):
        value = Value(self.now)
        value.maybe, value.denied = set(self.maybe), set(self.denied)
        return value


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.users = {}   # name: Value of the password
        self.version = 0  # the newest of the trust's passwords that was acknowledged here
        self.acknowledged = self.denials = self.unanswered = self.returned = 0

    def ask(self, name, password):
        with self.lock:
            self.users.setdefault(name, Value()).maybe.add(password)

    def acknowledge(self, name, password):
        with self.lock:
            self.users[name] = Value(password)
            self.acknowledged += 1

    def deny(self, name, password):
        with self.lock:
            value = self.users[name]
            value.maybe.discard(password)
            value.denied.add(password)
            self.denials += 1

    def not_answered(self):
        with self.lock:
            self.unanswered += 1

    def rotated(self, version):
        with self.lock:
            self.version = max(self.version, version)
            self.acknowledged += 1

    def names(self):
        with self.lock:
            return sorted(n for n, v in self.users.items() if v.now is not None)

    def copy(self):
        """What holds after a revert to this moment."""
        with self.lock:
            return {n: v.copy() for n, v in self.users.items()}, self.version

    def go_back(self, copy):
        with self.lock:
            self.users = {n: v.copy() for n, v in copy[0].items()}
            self.version = copy[1]

    def check(self, names, opens):
        """names: the users that there are. opens(name, password): whether it does. Returns what is
        wrong, in words; afterwards what was seen is what holds."""
        wrong = []
        with self.lock:
            for name in names - set(self.users):
                wrong.append('%s is there, and nobody asked for it' % name)
            for name, value in sorted(self.users.items()):
                if name not in names:
                    seen = None
                else:
                    # what is acknowledged first; then what may be
                    order = [value.now] + sorted(value.maybe - {None, value.now}, key=str)
                    order += sorted(value.denied - {None, *order}, key=str)
                    seen = next((p for p in order if p is not None and opens(name, p)), '?')
                if seen == value.now or seen in value.maybe:
                    pass
                elif seen in value.denied:
                    self.returned += 1
                elif name not in names:
                    wrong.append('%s was acknowledged, and is gone' % name)
                elif value.now is None:
                    wrong.append('%s was removed, and is there' % name)
                else:
                    wrong.append('the acknowledged password of %s does not open it' % name)
                self.users[name] = Value(seen)
            self.users = {n: v for n, v in self.users.items() if v.now is not None}
        return wrong
