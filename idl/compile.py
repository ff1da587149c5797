#!/usr/bin/env python3
"""Compiles an interface definition into C types and the tables that src/ndr reads.

    compile.py --header netlogon.h --source netlogon.c netlogon.idl
    compile.py --registry interfaces.c netlogon.idl lsarpc.idl ...

The notation is that of the appendices of the protocol documents: [C706] chapter 6 with Microsoft's
additions. What the rest of this project cannot represent is refused with file and line. Names of C
follow src/ndr/ndr.h; the layout of the tables is src/ndr/ndr_table.h.

Attributes of our own, explained in idl/dtyp.idl: native("C type"), format(how a value is printed),
secret.
"""

import argparse
import os
import re
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is
from idl_parser import (  # noqa: E402
    PRIMS, FORMATS, Alias, Enum, IdlError, Member, Parser, Prim, Struct, Union, fail)


# ----------------------------------------------------------------------------------------- layouts

class Level:
    """One step from a declared name to its base type: a pointer or an array."""

    def __init__(self, kind, count=None):
        self.kind, self.count = kind, count  # kind 'ptr' or 'array'; count None: conformant
        self.cls = self.size_is = self.length_is = None
        self.string = False

    def sized(self):
        return self.size_is is not None or self.length_is is not None


class Shape:
    """A member taken apart: levels from the outside in, the base, and what C calls the base."""

    def __init__(self, member):
        attrs, base = member.attrs, member.base
        self.member, self.where, self.elided = member, member.where, False
        levels = self.steps(member.dims, member.stars)
        named, string, fmt, self.range = base, 'string' in attrs, attrs.get('format'), None
        if isinstance(attrs.get('range'), list):
            self.range = attrs['range']
        while isinstance(base, Alias):
            more = self.steps(base.dims, base.stars)
            self.set_class(more, base.attrs)
            levels += more
            string = string or 'string' in base.attrs
            fmt = fmt or base.attrs.get('format')
            self.range = self.range or base.attrs.get('range')
            if more:
                named = base.base
            base = base.base
        self.set_class(levels, attrs)
        self.levels, self.base, self.named, self.shown = levels, base, named, None
        self.format = fmt[0] if fmt else None
        self.switch_is = attrs.get('switch_is', [None])[0]
        self.spread('size_is')
        self.spread('length_is')
        if string:
            if not levels or not isinstance(base, Prim) or base.kind not in ('NDR_U8', 'NDR_U16'):
                fail(self.where, "[string] on '%s', which has no characters" % member.name)
            levels[-1].string = True
        if self.format is not None and self.format not in FORMATS:
            fail(self.where, "unknown format '%s'" % self.format)

    @staticmethod
    def steps(dims, stars):
        return [Level('array', d) for d in dims] + [Level('ptr') for _ in range(stars)]

    @staticmethod
    def set_class(levels, attrs):
        cls = [c for c in ('ref', 'unique', 'ptr') if c in attrs]
        pointers = [lv for lv in levels if lv.kind == 'ptr']
        if cls and pointers:
            pointers[0].cls = cls[0]

    def spread(self, what):
        for i, e in enumerate(self.member.attrs.get(what, [])):
            if e is None:
                continue
            if i >= len(self.levels):
                fail(self.where, "%s of '%s' has more parts than the type" % (what, self.member.name))
            setattr(self.levels[i], what, e)

    def secret(self):
        return 'secret' in self.member.attrs or \
            isinstance(self.base, Struct) and 'secret' in self.base.attrs

    def declare(self, name):
        """The C declaration of `name`, without a semicolon."""
        text, last = name, None
        for lv in self.levels:
            if lv.kind == 'ptr':
                text = '*' + text
            else:
                if last == 'ptr':
                    text = '(' + text + ')'
                text += '[]' if lv.count is None else '[%d]' % lv.count
            last = lv.kind
        return c_name(self.named, self.levels) + ' ' + text


def c_name(named, levels=()):
    base = named
    while isinstance(base, Alias):
        base = base.base
    if levels and levels[-1].string and isinstance(base, Prim) and base.kind == 'NDR_U8':
        return 'char'
    if isinstance(named, Union):
        return 'union ' + named.cname
    if isinstance(named, Struct):
        return 'struct ' + named.cname
    return named.cname if named.cname is not None else 'uint32_t' if named.v1 else 'uint16_t'


class Node:
    """A table to refer to: its C expression and what the tables around it must know."""

    def __init__(self, ref, align, least, csize, pointers=False, conformant=False):
        self.ref, self.align, self.least, self.csize = ref, align, least, csize
        self.pointers, self.conformant = pointers, conformant


class Scope:
    """Where an expression's names are looked up: the members of one structure in C."""

    def __init__(self, ctype, shapes, call=False):
        self.ctype, self.shapes, self.call = ctype, shapes, call
        self.index = {s.member.name: i for i, s in enumerate(shapes)}


class Layout:
    """Builds the tables of a module as C text."""

    def __init__(self, module):
        self.module, self.lines, self.known = module, [], {}

    def emit(self, prefix, ctype, body):
        """One static table or function, written once; returns its name."""
        if (prefix, body) not in self.known:
            name = '%s%d' % (prefix, len(self.known))
            self.known[(prefix, body)] = name
            self.lines.append('static const %s %s%s;' % (ctype, name, body))
        return self.known[(prefix, body)]

    # -- expressions

    def said(self, e, inner=False):
        """An expression as the IDL has it, for people."""
        if e[0] != 'op':
            return str(e[1])
        text = '%s %s %s' % (self.said(e[2], True), e[1], self.said(e[3], True))
        return '(%s)' % text if inner else text

    def expression(self, e, scope, where):
        text = self.c_expression(e, scope, where)
        key = ('x', scope.ctype + text)
        if key not in self.known:
            name = self.known[key] = 'x%d' % len(self.known)
            use = 's' if 's->' in text else None
            self.lines.append('static int64_t %s(const void *p)\n{\n%s    return %s;\n}' % (
                name, '    const struct %s *s = p;\n' % scope.ctype if use else '    (void)p;\n',
                text))
        return self.known[key]

    def c_expression(self, e, scope, where):
        if e[0] == 'num':
            return 'INT64_C(%d)' % e[1]
        if e[0] == 'op':
            _, op, left, right = e
            if op == '*' and 'num' not in (left[0], right[0]):
                fail(where, 'a product of two variables is not supported')
            if op in ('<<', '>>', '/', '%') and (right[0] != 'num' or right[1] <= 0):
                fail(where, "'%s' needs a positive constant on its right" % op)
            if any(x[0] == 'num' and abs(x[1]) > 0x7FFFFFFF for x in (left, right)) or \
                    op in ('<<', '>>') and right[1] > 16:
                fail(where, 'the constant is too large')
            return '(%s %s %s)' % (self.c_expression(left, scope, where), op,
                                   self.c_expression(right, scope, where))
        if e[1] not in scope.index:
            fail(where, "'%s' is not a member here, nor a constant" % e[1])
        shape = scope.shapes[scope.index[e[1]]]
        base = shape.base
        if not isinstance(base, (Prim, Enum)) or isinstance(base, Prim) and (
                base.size not in (1, 2, 4) or base.ctype == 'ntstatus'):
            fail(where, "'%s' is not an integer of up to 32 bits" % e[1])
        if not shape.levels and (e[0] == 'id' or shape.elided):
            return '(int64_t)s->%s' % e[1]
        # Inside a structure the pointee comes later than its value is needed.
        if len(shape.levels) == 1 and shape.levels[0].kind == 'ptr' and e[0] == 'deref' and scope.call:
            return '(s->%s != NULL ? (int64_t)*s->%s : -1)' % (e[1], e[1])
        fail(where, "'%s' does not have the shape of a count" % e[1])

    def fill(self, e, scope):
        """Where the decoder may put a value that only the request carries."""
        if not scope.call or e[0] not in ('id', 'deref'):
            return ''
        shape = scope.shapes[scope.index[e[1]]]
        if shape.levels or 'out' in shape.member.attrs:
            return ''
        return ', .fill_size = sizeof(((struct %s *)0)->%s), .fill_offset = offsetof(struct %s, %s)' % (
            scope.ctype, e[1], scope.ctype, e[1])

    def order(self, e, scope, shape):
        """What lies inside a structure must be known before it is reached."""
        if scope.call or e[0] == 'num':
            return
        if e[0] == 'op':
            self.order(e[2], scope, shape)
            self.order(e[3], scope, shape)
        elif scope.index.get(e[1], -1) >= scope.index.get(shape.member.name, -1):
            fail(shape.where, "'%s' depends on '%s', which follows it" % (shape.member.name, e[1]))

    # -- types

    def primitive(self, prim, shape=None):
        fmt = shape.format if shape is not None and shape.format else prim.fmt
        body = ' = { .kind = %s, .align = %d, .least = %d, .size = %d' % (
            prim.kind, min(prim.size, 8) if prim.kind not in ('NDR_GUID', 'NDR_CONTEXT') else 4,
            prim.size, prim.size)
        flags = ['NDR_SIGNED'] if prim.signed else []
        if shape is not None and shape.range is not None:
            lo, hi = (e[1] if e and e[0] == 'num' else fail(shape.where, 'range needs constants')
                      for e in shape.range)
            flags.append('NDR_RANGE')
            body += ', .lo = %d, .hi = %d' % (lo, hi)
        body += self.flags(flags) + self.format(fmt)
        shown = shape.shown or shape.named if shape is not None else None
        if isinstance(shown, Alias):
            body += ', .name = "%s"' % shown.name
        name = self.emit('n', 'struct nt_ndr_type', body + ' }')
        align = 4 if prim.kind in ('NDR_GUID', 'NDR_CONTEXT') else prim.size
        return Node('&' + name, align, prim.size, str(prim.size))

    @staticmethod
    def flags(flags):
        return ', .flags = ' + ' | '.join(flags) if flags else ''

    @staticmethod
    def format(fmt):
        return ', .format = NDR_FORMAT_%s' % fmt.upper() if fmt else ''

    def base(self, shape, scope):
        base = shape.base
        if isinstance(base, Prim):
            if base.kind == 'NDR_NONE':
                fail(shape.where, "'%s' has no type that can be sent" % shape.member.name)
            return self.primitive(base, shape)
        if isinstance(base, Enum):
            return self.enumeration(base, shape)
        if base.members is None:
            fail(shape.where, "the type of '%s' is never defined" % shape.member.name)
        meta = self.measure(base)
        if isinstance(base, Union):
            if shape.switch_is is None:
                fail(shape.where, "the union '%s' needs [switch_is]" % shape.member.name)
            if not any(lv.kind == 'ptr' for lv in shape.levels):
                self.order(shape.switch_is, scope, shape)
            ref = '&ndr_type_' + base.cname
            body = ' = { .kind = NDR_SWITCH, .align = %d, .least = %d, .size = %s, .elem = %s, ' \
                '.size_is = %s%s, .said = "%s"%s }' % (
                    meta.align, meta.least, meta.csize, ref,
                    self.expression(shape.switch_is, scope, shape.where),
                    self.fill(shape.switch_is, scope), self.said(shape.switch_is),
                    self.flags(['NDR_POINTERS'] if meta.pointers else []))
            return Node('&' + self.emit('n', 'struct nt_ndr_type', body), meta.align, meta.least,
                        meta.csize, meta.pointers)
        return Node('&ndr_type_' + base.cname, meta.align, meta.least, meta.csize, meta.pointers,
                    meta.conformant)

    def enumeration(self, enum, shape):
        size = 4 if enum.v1 else 2
        if shape.range is None and enum.cname is not None:
            return Node('&ndr_type_' + enum.cname, size, size, str(size))
        prim = Prim('NDR_U%d' % (size * 8), c_name(enum), size)
        return self.primitive(prim, shape)

    def build(self, shape, scope, at=0, inline=True, parameter=False):
        """The table for the levels from `at` on."""
        if at == len(shape.levels):
            return self.base(shape, scope)
        lv, name = shape.levels[at], shape.member.name
        if lv.kind == 'ptr':
            return self.pointer(shape, scope, at, parameter)
        if lv.count is None:
            if at != 0 or not inline:
                fail(shape.where, "'%s': only the first dimension can be conformant" % name)
            return self.conformant(shape, scope, at)
        elem = self.build(shape, scope, at + 1, False)
        if elem.conformant:
            fail(shape.where, "'%s': an array of conformant elements" % name)
        flags = ['NDR_POINTERS'] if elem.pointers else []
        least, extra, kind = lv.count * elem.least, '', 'NDR_ARRAY'
        align = elem.align
        if lv.string:
            kind, least, align = 'NDR_FIXED_STRING', 8, max(4, align)
        elif lv.length_is is not None:
            self.order(lv.length_is, scope, shape)
            flags.append('NDR_VARYING')
            least, align = 8, max(4, align)
            extra = ', .length_is = %s%s, .said = "%s"' % (
                self.expression(lv.length_is, scope, shape.where), self.fill(lv.length_is, scope),
                self.said(lv.length_is))
        csize = '%d * %s' % (lv.count, elem.csize)
        body = ' = { .kind = %s, .align = %d, .least = %d, .size = %s, .elem = %s, .length = %d%s%s }' \
            % (kind, align, least, csize, elem.ref, lv.count, extra, self.flags(flags))
        return Node('&' + self.emit('n', 'struct nt_ndr_type', body), align, least, csize,
                    elem.pointers)

    def conformant(self, shape, scope, at):
        """An array whose size stands before it: what a pointer leads to, or a structure's end."""
        lv, inside = shape.levels[at], shape.levels[at].kind == 'array' and not scope.call
        if lv.string:
            kind, elem = 'NDR_STRING', self.base(shape, scope)
        else:
            kind, elem = 'NDR_CONFORMANT', self.build(shape, scope, at + 1, False)
            if lv.size_is is None:
                fail(shape.where, "'%s' needs [size_is]" % shape.member.name)
        if elem.conformant:
            fail(shape.where, "'%s': an array of conformant elements" % shape.member.name)
        flags, extra = (['NDR_POINTERS'] if elem.pointers else []), ''
        for what in ('size_is', 'length_is'):
            e = getattr(lv, what)
            if e is None:
                continue
            if inside:
                self.order(e, scope, shape)
            extra += ', .%s = %s' % (what, self.expression(e, scope, shape.where))
        if lv.size_is is not None:
            extra += '%s, .said = "%s"' % (self.fill(lv.size_is, scope),
                                           self.said(lv.length_is or lv.size_is))
        if lv.length_is is not None:
            flags.append('NDR_VARYING')
        if inside:
            flags.append('NDR_INSIDE')
        # Inside a structure the count has been read before its first member.
        least = (0 if inside else 4) + (8 if lv.length_is is not None else 0)
        body = ' = { .kind = %s, .align = %d, .least = %d, .size = %s, .elem = %s%s%s }' % (
            kind, max(4, elem.align), least, elem.csize, elem.ref, extra, self.flags(flags))
        return Node('&' + self.emit('n', 'struct nt_ndr_type', body), max(4, elem.align), least,
                    elem.csize, elem.pointers, True)

    def pointer(self, shape, scope, at, parameter):
        lv, name = shape.levels[at], shape.member.name
        top = parameter and at == 0 and lv.cls in (None, 'ref')
        if lv.sized() or lv.string:
            if lv.string and at != len(shape.levels) - 1:
                fail(shape.where, "[string] on '%s', which has no characters" % name)
            target = self.conformant(shape, scope, at)
        else:
            if at == len(shape.levels) - 1 and isinstance(shape.base, Struct):
                if shape.base.members is None:
                    fail(shape.where, "the type of '%s' is never defined" % name)
                # Through a pointer a type may contain itself, so it is not measured here.
                target = self.base(shape, scope) if isinstance(shape.base, Union) else \
                    Node('&ndr_type_' + shape.base.cname, 0, 0, '')
            else:
                target = self.build(shape, scope, at + 1, False)
        cls = lv.cls or self.module.pointer_default
        flags = ['NDR_POINTERS']
        if top:
            flags.append('NDR_TOP')
        elif cls == 'ref':
            flags.append('NDR_REF')
        body = ' = { .kind = NDR_POINTER, .align = %d, .least = %d, .size = sizeof(void *), ' \
            '.elem = %s%s }' % (1 if top else 4, 0 if top else 4, target.ref, self.flags(flags))
        return Node('&' + self.emit('n', 'struct nt_ndr_type', body), 4, 4, 'sizeof(void *)', True)

    # -- structures, unions, calls

    def shapes(self, thing):
        """The members taken apart; anonymous types inside get names after their owner."""
        out = []
        for m in thing.members:
            if isinstance(m.base, (Struct, Enum)) and m.base.cname is None and \
                    (m.base.members if isinstance(m.base, Struct) else m.base.items) is not None:
                if isinstance(m.base, Struct):
                    m.base.cname, m.base.inner = '%s_%s' % (thing.cname, m.name), True
            out.append(Shape(m))
        return out

    def measure(self, thing):
        """Alignment, least size and content of a structure or union, wherever it was defined."""
        if thing.meta is not None:
            if thing.meta is True:
                fail(thing.where, "'%s' contains itself" % thing.cname)
            return thing.meta
        thing.meta = True
        quiet = Layout(self.module)  # only measures: its tables are dropped
        shapes = quiet.shapes(thing)
        scope = Scope(thing.cname, shapes)
        nodes = [quiet.build(s, scope) for s in shapes if s.member.name is not None]
        prefix = 'union' if isinstance(thing, Union) else 'struct'
        align = max([n.align for n in nodes], default=1)
        least = sum(n.least for n in nodes)
        if prefix == 'union':
            tag = self.tag(thing)
            align, least = max(align, tag.align), tag.least
        for s, n in zip(shapes, nodes):
            if n.conformant and (prefix == 'union' or s is not shapes[-1]):
                fail(s.where, "'%s': a conformant member must be the last of a structure"
                     % s.member.name)
            if n.conformant and not s.levels:
                fail(s.where, "'%s': a conformant structure inside another is not supported"
                     % s.member.name)
        if prefix == 'struct' and not nodes:
            fail(thing.where, "'%s' has no members" % thing.cname)
        thing.meta = Node('', align, least, 'sizeof(%s %s)' % (prefix, thing.cname),
                          any(n.pointers for n in nodes), any(n.conformant for n in nodes))
        return thing.meta

    def tag(self, union):
        if union.switch is None:
            fail(union.where, "the union '%s' needs [switch_type]" % union.cname)
        m = Member({}, union.switch, 0, 'switch', [], union.where)
        s = Shape(m)
        if s.levels or not isinstance(s.base, (Prim, Enum)) or \
                isinstance(s.base, Prim) and s.base.size not in (1, 2, 4):
            fail(union.where, "switch_type of '%s' is not an integer" % union.cname)
        return self.base(s, Scope('', []))

    def struct(self, thing):
        meta, shapes = self.measure(thing), self.shapes(thing)
        scope = Scope(thing.cname, shapes)
        rows = [(s.member.name, self.build(s, scope), 'NDR_SECRET' if s.secret() else '0')
                for s in shapes]
        fields = self.fields(thing.cname, rows)
        fmt = thing.attrs.get('format')
        flags = (['NDR_POINTERS'] if meta.pointers else []) + \
            (['NDR_CONFORMANT_END'] if meta.conformant else [])
        self.lines.append(
            'const struct nt_ndr_type ndr_type_%s = { .kind = NDR_STRUCT, .align = %d, .least = %d, '
            '.size = %s, .name = "%s", .fields = %s, .count = %d%s%s };' % (
                thing.cname, meta.align, meta.least, meta.csize, thing.cname, fields, len(rows),
                self.flags(flags), self.format(fmt[0] if fmt else None)))

    def fields(self, ctype, rows):
        body = '[] = {\n' + ''.join(
            '    { "%s", %s, offsetof(struct %s, %s), %s },\n' % (name, node.ref, ctype, name, flags)
            for name, node, flags in rows) + '}'
        return self.emit('f', 'struct nt_ndr_field', body)

    def union(self, thing):
        meta, shapes = self.measure(thing), self.shapes(thing)
        scope, tag, rows, seen, default = Scope(thing.cname, shapes), self.tag(thing), [], set(), -1
        width = (1 << (8 * tag.least)) - 1
        for s in shapes:
            node = self.build(s, scope) if s.member.name is not None else None
            for case in s.member.cases:
                if case in seen:
                    fail(s.where, "'%s' has the same case twice" % thing.cname)
                seen.add(case)
                if case is None:
                    default = len(rows)
                rows.append('    { %s, %s, %d, %s },\n' % (
                    '"%s"' % s.member.name if node else 'NULL', node.ref if node else 'NULL',
                    (case or 0) & width, 'NDR_SECRET' if node and s.secret() else '0'))
        arms = self.emit('a', 'struct nt_ndr_arm', '[] = {\n' + ''.join(rows) + '}')
        inner = max([self.build(s, scope).align for s in shapes if s.member.name], default=1)
        self.lines.append(
            'const struct nt_ndr_type ndr_type_%s = { .kind = NDR_UNION, .align = %d, .least = %d, '
            '.size = %s, .name = "%s", .elem = %s, .arms = %s, .count = %d, .arm_align = %d, '
            '.default_arm = %d%s };' % (
                thing.cname, meta.align, meta.least, meta.csize, thing.cname, tag.ref, arms,
                len(rows), inner, default, self.flags(['NDR_POINTERS'] if meta.pointers else [])))

    def enum(self, thing):
        rows = ''.join('    { "%s", 0x%x },\n' % i for i in thing.items)
        items = self.emit('e', 'struct nt_ndr_enumerator', '[] = {\n' + rows + '}')
        size = 4 if thing.v1 else 2
        self.lines.append(
            'const struct nt_ndr_type ndr_type_%s = { .kind = NDR_U%d, .align = %d, .least = %d, '
            '.size = %d, .name = "%s", .enumerators = %s, .count = %d };' % (
                thing.cname, size * 8, size, size, size, thing.cname, items, len(thing.items)))

    def call_shapes(self, method):
        """Parameters as they stand in the struct of the call, and the result."""
        out = []
        for p in method.params:
            s = Shape(p)
            if s.base is PRIMS['handle_t']:
                continue
            if 'in' not in p.attrs and 'out' not in p.attrs:
                fail(p.where, "parameter '%s' needs [in] or [out]" % p.name)
            if s.base is PRIMS['void'] and 'context_handle' in p.attrs and s.levels:
                s.base = s.named = PRIMS['context']
                s.levels.pop()
            if p.name == 'result' or any(o.member.name == p.name for o in out):
                fail(p.where, "parameter name '%s' is taken" % p.name)
            first = s.levels[0] if s.levels else None
            if first is not None and first.kind == 'array' and first.count is None:
                first.kind, first.cls = 'ptr', 'ref'
            elif first is not None and first.kind == 'ptr' and first.cls in (None, 'ref') and \
                    not first.sized() and not first.string and not (
                        len(s.levels) == 1 and type(s.base) is Struct and
                        s.base.members is not None and self.measure(s.base).conformant):
                s.levels.pop(0)
                s.elided = True
            elif 'out' in p.attrs and first is None:
                fail(p.where, "an [out] parameter that is not a pointer: '%s'" % p.name)
            out.append(s)
        return out

    def result_shape(self, method):
        if method.base is PRIMS['void'] and method.stars == 0:
            return None
        s = Shape(Member({}, method.base, method.stars, 'result', [], method.where))
        if s.levels or not isinstance(s.base, (Prim, Enum)) or \
                isinstance(s.base, Prim) and s.base.size != 4 or isinstance(s.base, Enum):
            fail(method.where, "the result of '%s' is not an integer of 32 bits" % method.name)
        if s.base.ctype != 'ntstatus':
            s.shown = s.named
            s.base = s.named = PRIMS['unsigned long']
        return s

    def method(self, method, opnum):
        shapes = self.call_shapes(method)
        scope, rows = Scope(method.name, shapes, True), []
        for s in shapes:
            flags = [f for f, a in (('NDR_IN', 'in'), ('NDR_OUT', 'out')) if a in s.member.attrs]
            if s.secret():
                flags.append('NDR_SECRET')
            rows.append((s.member.name, self.build(s, scope, 0, True, not s.elided),
                         ' | '.join(flags)))
        result = self.result_shape(method)
        if result is not None:
            rows.append(('result', self.build(result, scope), 'NDR_OUT'))
        fields = self.fields(method.name, rows) if rows else 'NULL'
        body = ' = { .kind = NDR_CALL, .align = 1, .size = sizeof(struct %s), .name = "%s", ' \
            '.fields = %s, .count = %d }' % (method.name, method.name, fields, len(rows))
        layout = self.emit('c', 'struct nt_ndr_type', body)
        self.lines.append('const struct nt_ndr_op ndr_%s = { "%s", %d, sizeof(struct %s), &%s };' % (
            method.name, method.name, opnum, method.name, layout))


# ------------------------------------------------------------------------------------------ output

def interface_value(module):
    raw = module.attrs.get('uuid')
    version = ''.join(module.attrs.get('version') or ['0.0'])
    where = (os.path.basename(module.path), 1)
    text = ''.join(raw).strip('"') if raw else ''
    if re.fullmatch(r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}', text) is None:
        fail(where, "the interface needs a uuid")
    m = re.fullmatch(r'([0-9]+)(?:\.([0-9]+))?', version)
    if m is None:
        fail(where, "version '%s' is not MAJOR.MINOR" % version)
    a, b, c, d, e = text.split('-')
    tail = ', '.join('0x' + (d + e)[i:i + 2] for i in range(0, 16, 2))
    return '{ 0x%s, 0x%s, 0x%s, { %s } }, %s, %s' % (a, b, c, tail, m.group(1), m.group(2) or '0')


def definition(layout, thing, out, done):
    """The C definition of a structure or union, after what it holds by value."""
    if thing in done or thing.members is None:
        return
    done.append(thing)
    shapes = layout.shapes(thing)
    for s in shapes:
        if isinstance(s.base, Struct) and s.base.inner:
            definition(layout, s.base, out, done)
    word = 'union' if isinstance(thing, Union) else 'struct'
    out.append('%s %s {' % (word, thing.cname))
    named = [s for s in shapes if s.member.name is not None]
    out.extend('    %s;' % s.declare(s.member.name) for s in named)
    if not named:
        out.append('    uint8_t none;')
    out += ['};', '']


def header(module):
    layout, out, done = Layout(module), [], []
    guard = 'NT_IDL_%s_H' % module.stem.upper()
    out += ['/* Generated from %s by idl/compile.py. */' % os.path.basename(module.path),
            '#ifndef ' + guard, '#define ' + guard, '', '#include <stddef.h>', '#include <stdint.h>',
            '', '#include "ndr/ndr.h"']
    out += ['#include "idl/%s.h"' % m.stem for m in module.imports] + ['']
    structs = [t for t in module.order if isinstance(t, Struct)]
    for t in structs:
        word = 'union' if isinstance(t, Union) else 'struct'
        out.append('typedef %s %s %s;' % (word, t.cname, t.cname))
    out.append('')
    for t in module.order:
        if isinstance(t, tuple):
            out.append('enum { %s = %s };' % t if -2**31 <= t[1] < 2**31 else
                       '#define %s %#xu' % t)
        elif isinstance(t, Enum):
            out.append('typedef %s %s;' % ('uint32_t' if t.v1 else 'uint16_t', t.cname))
            constants(t, out)
        elif isinstance(t, Alias):
            if t.base is PRIMS['handle_t'] or t.base is PRIMS['void'] and t.stars == 0:
                continue
            s = Shape(Member({k: v for k, v in t.attrs.items() if k == 'string'}, t.base, t.stars,
                             t.name, t.dims, (module.stem, 0)))
            out.append('typedef %s;' % s.declare(t.name))
        else:
            definition(layout, t, out, done)
    out.append('')
    for i, m in enumerate(module.methods):
        if m.reserved():
            continue
        shapes = layout.call_shapes(m)
        result = layout.result_shape(m)
        out += ['/* opnum %d */' % i, 'struct %s {' % m.name]
        for s in shapes:
            way = '/'.join(a for a in ('in', 'out') if a in s.member.attrs)
            out.append('    %s; /* %s */' % (s.declare(s.member.name), way))
        if result is not None:
            out.append('    %s;' % result.declare('result'))
        elif not shapes:
            out.append('    uint8_t none;')
        out += ['};', 'enum { OPNUM_%s = %d };' % (m.name, i),
                'extern const struct nt_ndr_op ndr_%s;' % m.name, '']
    for t in done + [t for t in module.order if isinstance(t, Enum)]:
        out.append('extern const struct nt_ndr_type ndr_type_%s;' % t.cname)
    if module.methods:
        out.append('extern const struct nt_ndr_interface ndr_%s;' % module.stem)
    out += ['', '#endif', '']
    return '\n'.join(out), done


def constants(enum, out):
    if any(v > 0x7FFFFFFF for _, v in enum.items):
        out.extend('#define %s %#xu' % i for i in enum.items)
    else:
        out.append('enum {')
        out.extend('    %s = %d,' % i for i in enum.items)
        out += ['};', '']


def source(module, done, folder):
    layout = Layout(module)
    for t in done:
        layout.measure(t)
    for t in module.order:
        if isinstance(t, Enum):
            layout.enum(t)
    for t in done:
        (layout.union if isinstance(t, Union) else layout.struct)(t)
    for i, m in enumerate(module.methods):
        if not m.reserved():
            layout.method(m, i)
    out = ['/* Generated from %s by idl/compile.py. */' % os.path.basename(module.path),
           '#include "%s/%s.h"' % (folder, module.stem), '', '#include "ndr/ndr_table.h"', '']
    out += layout.lines
    if module.methods:
        out += ['', 'static const struct nt_ndr_op *const ops[] = {']
        out += ['    %s,' % ('NULL' if m.reserved() else '&ndr_' + m.name) for m in module.methods]
        out += ['};', 'const struct nt_ndr_interface ndr_%s = { "%s", %s, ops, %d };' % (
            module.stem, module.stem, interface_value(module), len(module.methods))]
    return '\n'.join(out) + '\n'


def registry(stems):
    out = ['/* Generated by idl/compile.py. */', '#include "ndr/ndr.h"', '']
    out += ['extern const struct nt_ndr_interface ndr_%s;' % s for s in stems]
    out += ['', 'const struct nt_ndr_interface *const nt_ndr_interfaces[] = {']
    out += ['    &ndr_%s,' % s for s in stems] + ['    NULL,', '};', '']
    return '\n'.join(out)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def main():
    p = argparse.ArgumentParser(description='Compiles an interface definition to C.')
    p.add_argument('--header')
    p.add_argument('--source')
    p.add_argument('--registry', help='write the list of the interfaces of all files')
    p.add_argument('--folder', default='idl', help='of the header, as #include has it')
    p.add_argument('--import', dest='folders', action='append', default=[],
                   help='another folder to look for imported files')
    p.add_argument('idl', nargs='+')
    args = p.parse_args()
    try:
        if args.registry:
            modules = [Parser(i, args.folders).parse() for i in args.idl]
            write(args.registry, registry([m.stem for m in modules if m.methods]))
            return 0
        module = Parser(args.idl[0], args.folders).parse()
        text, done = header(module)
        tables = source(module, done, args.folder)
        write(args.header, text)
        write(args.source, tables)
    except IdlError as e:
        print('idl: %s' % e, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
