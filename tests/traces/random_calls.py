#!/usr/bin/python3
"""Makes random calls of every method that the IDL describes, in the format of extract.py.

    random_calls.py SEED COUNT > calls.txt    COUNT calls of each method
    random_calls.py --seeds DIRECTORY         one call a method, as inputs of tests/fuzz/fuzz_ndr.h

The encoder in here is a second reading of [C706] chapter 14: it shares the parser of idl/compile.py
with the engine, but neither its tables nor its code. Where both give the same bytes for what no
capture shows, a mistake would have to be made twice.
"""

import os
import random
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
IDL = os.path.join(HERE, '..', '..', 'idl')
sys.path.insert(0, IDL)
sys.dont_write_bytecode = True

import compile as idl  # noqa: E402

INTERFACES = ('dssetup', 'lsarpc', 'netlogon', 'samr', 'srvsvc', 'wkssvc')


class Stub:
    def __init__(self):
        self.data, self.referent = bytearray(), 0x20000

    def align(self, n):
        self.data += bytes(-len(self.data) % n)

    def number(self, value, size):
        self.align(size)
        self.data += (value & ((1 << 8 * size) - 1)).to_bytes(size, 'little')

    def pointer(self):
        self.number(self.referent, 4)
        self.referent += 4


def evaluate(e, values):
    if e[0] == 'num':
        return e[1]
    if e[0] in ('id', 'deref'):
        return values[e[1]]
    a, b = evaluate(e[2], values), evaluate(e[3], values)
    return {'+': a + b, '-': a - b, '*': a * b, '/': a // b}[e[1]]


def names_in(e):
    if e is None or e[0] == 'num':
        return []
    return [e[1]] if e[0] in ('id', 'deref') else names_in(e[2]) + names_in(e[3])


def shapes_of(thing):
    return [idl.Shape(m) for m in thing.members if m.name is not None]


def switch_base(union):
    return idl.Shape(idl.Member({}, union.switch, 0, 'switch', [], None)).base


def is_void(shape):
    return isinstance(shape.base, idl.Prim) and shape.base.kind == 'NDR_NONE'


def alignment(shape, level=0):
    """[C706] 14.2.2, 14.3: of what stands in place."""
    if level < len(shape.levels):
        here = shape.levels[level]
        return 4 if here.kind == 'ptr' or here.count is None else alignment(shape, level + 1)
    return base_alignment(shape.base)


def base_alignment(base):
    if isinstance(base, idl.Prim):
        return 4 if base.kind in ('NDR_CONTEXT', 'NDR_GUID') else base.size
    if isinstance(base, idl.Enum):
        return 4 if base.v1 else 2
    inner = [alignment(s) for s in shapes_of(base)]
    if isinstance(base, idl.Union):
        inner.append(base_alignment(switch_base(base)))
    return max(inner)


def conformant_end(base):
    """The shape of a structure's last member where that is a conformant array, else None."""
    if not isinstance(base, idl.Struct) or isinstance(base, idl.Union):
        return None
    last = idl.Shape(base.members[-1])
    return last if last.levels and last.levels[-1].kind == 'array' and \
        last.levels[-1].count is None else None


class Maker:
    """hollow: members (strings, buffers) that stay empty. skip: cases of unions, by their name, that
    are not chosen. full: counted strings have no room behind their text."""

    def __init__(self, rnd, hollow=(), skip=None, full=False):
        self.rnd, self.hollow, self.skip, self.full = rnd, hollow, skip or {}, full
        self.empty = False

    def bytes(self, n):
        return bytes(self.rnd.randrange(256) for _ in range(n))

    def letter(self):
        return 65 + self.rnd.randrange(26)

    # Values that decide about others are chosen first: counts, lengths, discriminants.

    def deciding(self, shapes):
        counts, switches = set(), {}
        for s in shapes:
            for level in s.levels:
                counts.update(names_in(level.size_is) + names_in(level.length_is))
            for name in names_in(s.switch_is) if s.switch_is is not None else []:
                switches.setdefault(name, []).append(s.base)
        values = {}
        for s in shapes:
            name = s.member.name
            if name in switches:
                values[name] = self.case(switches[name][0])
            elif name in counts:
                values[name] = self.count(s, shapes)
        if 'MaximumLength' in values and 'Length' in values:
            if self.empty:
                values['MaximumLength'] = 0
            most = values['MaximumLength']
            values['Length'] = most if self.full else min(values['Length'], most)
        return values

    def case(self, union):
        cases = [c for m in union.members for c in m.cases if c is not None]
        return self.rnd.choice([c for c in cases if c not in self.skip.get(union.cname, ())])

    def count(self, shape, shapes):
        name = shape.member.name
        if name == 'AclSize':  # the four bytes before the list count, too
            return 4 + self.rnd.randrange(5)
        if name == 'UnitsPerWeek':
            return 168
        users = [s for s in shapes for lv in s.levels
                 if name in names_in(lv.size_is) + names_in(lv.length_is)]
        if users and all(u.member.name in self.hollow for u in users):
            return 0
        value = 2 * self.rnd.randrange(4)
        return value if shape.range is None else min(value, evaluate(shape.range[1], {}))

    # What stands in place; pointers add what they point to to `later`.

    def value(self, stub, shape, level, values, later):
        if level == len(shape.levels):
            before, self.empty = self.empty, self.empty or shape.member.name in self.hollow
            self.base(stub, shape, values, later)
            self.empty = before
            return
        here = shape.levels[level]
        if here.kind == 'ptr':
            if self.null(shape, here, values):
                stub.number(0, 4)
            else:
                stub.pointer()
                later.append((shape, level + 1, values, self.empty))
            return
        times = here.count if here.count is not None else evaluate(here.size_is, values)
        for _ in range(times):
            self.value(stub, shape, level + 1, values, later)

    def null(self, shape, here, values):
        if here.cls == 'ref':
            return False
        if self.empty or shape.member.name in self.hollow:
            return True
        counted = here.size_is is not None and evaluate(here.size_is, values) > 0
        return not counted and self.rnd.random() < 0.2

    def base(self, stub, shape, values, later):
        base, chosen = shape.base, values.get(shape.member.name)
        if isinstance(base, idl.Prim) and base.kind == 'NDR_CONTEXT':
            stub.align(4)
            stub.data += bytes(4) + self.bytes(16)
        elif isinstance(base, idl.Prim) and base.kind == 'NDR_GUID' or base.cname == 'GUID':
            stub.align(4)
            stub.data += self.bytes(16)
        elif isinstance(base, idl.Prim):
            if chosen is None:
                chosen = evaluate(shape.range[0], {}) if shape.range else self.rnd.randrange(100)
            stub.number(chosen, base.size)
        elif isinstance(base, idl.Enum):
            if chosen is None:
                chosen = self.rnd.choice(base.items)[1]
            stub.number(chosen, 4 if base.v1 else 2)
        elif isinstance(base, idl.Union):
            self.union(stub, base, evaluate(shape.switch_is, values), later)
        else:
            shapes = shapes_of(base)
            self.members(stub, base, shapes, self.deciding(shapes), later)

    def members(self, stub, base, shapes, values, later):
        stub.align(base_alignment(base))
        for s in shapes:
            self.value(stub, s, 0, values, later)

    def union(self, stub, union, case, later):
        stub.number(case, base_alignment(switch_base(union)))
        arms = [m for m in union.members if case in m.cases] or \
            [m for m in union.members if None in m.cases]
        stub.align(max(alignment(s) for s in shapes_of(union)))
        if arms[0].name is not None:
            self.value(stub, idl.Shape(arms[0]), 0, {}, later)

    # What a pointer points to, and all that hangs on it.

    def pointee(self, stub, shape, level, values, empty=False):
        before, self.empty, later = self.empty, empty, []
        here = shape.levels[level - 1]
        end = conformant_end(shape.base) if level == len(shape.levels) else None
        if here.string:
            count = self.rnd.randrange(6)
            for n in (count + 1, 0, count + 1):
                stub.number(n, 4)
            for c in [self.letter() for _ in range(count)] + [0]:
                stub.number(c, shape.base.size)
        elif here.sized():
            self.sized(stub, shape, level, values, later)
        elif end is not None:
            shapes = shapes_of(shape.base)
            inner = self.deciding(shapes)
            stub.number(evaluate(end.levels[-1].size_is, inner), 4)
            self.members(stub, shape.base, shapes, inner, later)
        else:
            self.value(stub, shape, level, values, later)
        self.empty = before
        for one in later:
            self.pointee(stub, *one)

    def sized(self, stub, shape, level, values, later):
        here = shape.levels[level - 1]
        count = evaluate(here.size_is, values)
        stub.number(count, 4)
        if here.length_is is not None:
            count = evaluate(here.length_is, values)
            stub.number(0, 4)
            stub.number(count, 4)
        base = shape.base
        for _ in range(count):
            if level == len(shape.levels) and isinstance(base, idl.Prim) and base.size <= 2:
                stub.number(self.letter(), base.size)
            else:
                self.value(stub, shape, level, values, later)

    def call(self, method):
        """(stub of a request, stub of its response)"""
        shapes = [idl.Shape(m) for m in method.params]
        values = self.deciding(shapes)
        stubs = []
        for way in ('in', 'out'):
            stub = Stub()
            for s in shapes:
                if way in s.member.attrs and not is_void(s):
                    self.parameter(stub, s, values)
            if way == 'out':
                stub.number(0, 4)
            stubs.append(bytes(stub.data))
        return stubs

    def parameter(self, stub, shape, values):
        top = shape.levels[0] if shape.levels else None
        if top is not None and top.kind == 'ptr' and top.cls not in ('unique', 'ptr'):
            self.pointee(stub, shape, 1, values)
            return
        later = []
        self.value(stub, shape, 0, values, later)
        for one in later:
            self.pointee(stub, *one)


def methods(interface):
    """Yields (opnum, method) of what the interface describes."""
    module = idl.Parser(os.path.join(IDL, interface + '.idl')).parse()
    for opnum, method in enumerate(module.methods):
        if not method.reserved():
            yield opnum, method


def write_seeds(folder):
    for interface in INTERFACES:
        into = os.path.join(folder, 'ndr_' + interface)
        os.makedirs(into, exist_ok=True)
        for opnum, method in methods(interface):
            q, r = Maker(random.Random(method.name)).call(method)
            with open(os.path.join(into, '%02d-made' % opnum), 'wb') as f:
                f.write(struct.pack('<BBH', opnum, 2, len(q)) + q + r)


def main():
    if sys.argv[1] == '--seeds':
        write_seeds(sys.argv[2])
        return 0
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    for interface in INTERFACES:
        for opnum, method in methods(interface):
            for k in range(count):
                maker = Maker(random.Random('%d %s %d' % (seed, method.name, k)))
                for part, stub in zip('qr', maker.call(method)):
                    print('random-%d' % seed, interface, opnum, part, k, stub.hex() or '-')
    return 0


if __name__ == '__main__':
    sys.exit(main())
