#!/usr/bin/env python3
"""Compiles an interface definition into C types and the tables that src/ndr reads.

    compile.py --header netlogon.h --source netlogon.c netlogon.idl
    compile.py --registry interfaces.c netlogon.idl lsarpc.idl ...

The notation is that of the appendices of the protocol documents: [C706] chapter 6 with Microsoft's
additions. What the rest of this project cannot represent is refused with file and line. Names of C
follow src/ndr/ndr.h; the layout of the tables is src/ndr/ndr_table.h.

Two attributes of our own, for idl/dtyp.idl: native("C type"), format(how a value is printed).
"""

import argparse
import os
import re
import sys


class IdlError(Exception):
    pass


def fail(where, text):
    raise IdlError('%s:%d: %s' % (where[0], where[1], text))


# ---------------------------------------------------------------------------------------- tokens

TOKEN = re.compile(
    r'''(?P<space>[ \t\r\f]+) | (?P<line>\n) | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<define>\#[^\n]*)
    | (?P<uuid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})
    | (?P<number>(?:0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*) | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*") | (?P<char>'[^'\n]') | (?P<op><<|>>|[-+*/%&|(){}\[\],;:=.?~])
    ''', re.S | re.X)


class Token:
    def __init__(self, kind, text, where):
        self.kind, self.text, self.where = kind, text, where


def tokenize(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    name, line, at, out = os.path.basename(path), 1, 0, []
    while at < len(text):
        m = TOKEN.match(text, at)
        if m is None:
            fail((name, line), 'unexpected character %r' % text[at])
        if m.lastgroup not in ('space', 'line', 'comment'):
            out.append(Token(m.lastgroup, m.group(), (name, line)))
        line += m.group().count('\n')
        at = m.end()
    out.append(Token('end', 'end of file', (name, line)))
    return out


# --------------------------------------------------------------------------------------- the model

class Prim:
    """A type with one representation: kind is the engine's NDR_*; size 0 has no representation."""

    def __init__(self, kind, ctype, size, signed=False, fmt=None):
        self.kind, self.ctype, self.size, self.signed, self.fmt = kind, ctype, size, signed, fmt
        self.cname = ctype


PRIMS = {
    'byte': Prim('NDR_U8', 'uint8_t', 1),
    'boolean': Prim('NDR_U8', 'uint8_t', 1),
    'char': Prim('NDR_U8', 'uint8_t', 1),
    'small': Prim('NDR_U8', 'int8_t', 1, signed=True),
    'short': Prim('NDR_U16', 'int16_t', 2, signed=True),
    'long': Prim('NDR_U32', 'int32_t', 4, signed=True),
    'hyper': Prim('NDR_U64', 'int64_t', 8, signed=True),
    'unsigned small': Prim('NDR_U8', 'uint8_t', 1),
    'unsigned short': Prim('NDR_U16', 'uint16_t', 2),
    'unsigned long': Prim('NDR_U32', 'uint32_t', 4),
    'unsigned hyper': Prim('NDR_U64', 'uint64_t', 8),
    'wchar_t': Prim('NDR_U16', 'uint16_t', 2, fmt='text'),
    'context': Prim('NDR_CONTEXT', 'struct nt_ndr_context', 20),
    'guid': Prim('NDR_GUID', 'struct nt_uuid', 16),
    'void': Prim('NDR_NONE', 'void', 0),
    'handle_t': Prim('NDR_NONE', 'void', 0),
}
SAME = {'int': 'long', '__int8': 'small', '__int16': 'short', '__int32': 'long', '__int64': 'hyper',
        '__int3264': 'long', 'error_status_t': 'unsigned long', 'unsigned char': 'byte',
        'signed char': 'small'}
BASE_WORDS = {'unsigned', 'signed', 'char', 'small', 'short', 'long', 'int', 'hyper', 'byte',
              'boolean', 'wchar_t', 'void', 'handle_t', 'error_status_t', '__int8', '__int16',
              '__int32', '__int64', '__int3264'}
FORMATS = {'text', 'hex', 'number', 'time', 'ntstatus', 'sid', 'unicode', 'ansi'}


class Struct:
    def __init__(self, tag):
        self.tag, self.cname, self.members, self.attrs, self.where = tag, None, None, {}, None
        self.inner, self.meta = False, None  # inner: has its name from the member it types


class Union(Struct):
    """members are the arms; each has .cases, a list of expressions or None for the default."""
    switch = None


class Enum:
    def __init__(self, tag):
        self.tag, self.cname, self.items, self.v1 = tag, None, None, False


class Alias:
    """A typedef that is not the first name of a struct, union or enum."""

    def __init__(self, name, attrs, base, stars, dims):
        self.name, self.attrs, self.base, self.stars, self.dims = name, attrs, base, stars, dims
        self.cname = name


class Member:
    """A field, an arm or a parameter."""

    def __init__(self, attrs, base, stars, name, dims, where):
        self.attrs, self.base, self.stars, self.name = attrs, base, stars, name
        self.dims, self.where = dims, where
        self.cases = None


class Method:
    def __init__(self, name, attrs, base, stars, params, where):
        self.name, self.attrs, self.base, self.stars = name, attrs, base, stars
        self.params, self.where = params, where

    def reserved(self):
        return 'NotUsedOnWire' in self.name or re.fullmatch(r'(?i)opnum_?[0-9]+\w*', self.name)


class Module:
    def __init__(self, path):
        self.path, self.stem = path, os.path.splitext(os.path.basename(path))[0]
        self.imports, self.names, self.tags, self.consts = [], {}, {}, {}
        self.order, self.methods, self.attrs, self.interface = [], [], {}, None
        self.pointer_default = 'unique'


# ------------------------------------------------------------------------------------------ parser

class Parser:
    def __init__(self, path, folders=(), loaded=None):
        self.module, self.folders = Module(path), folders
        self.tokens, self.at = tokenize(path), 0
        self.loaded = loaded if loaded is not None else {}

    # -- tokens

    def peek(self, ahead=0):
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def next(self):
        t = self.peek()
        self.at += 1
        return t

    def accept(self, text):
        if self.peek().text == text and self.peek().kind != 'string':
            self.at += 1
            return True
        return False

    def expect(self, text):
        t = self.next()
        if t.text != text or t.kind == 'string':
            fail(t.where, "expected '%s', found '%s'" % (text, t.text))

    def name(self):
        t = self.next()
        if t.kind != 'name':
            fail(t.where, "expected a name, found '%s'" % t.text)
        return t.text

    # -- expressions: ('num', n), ('id', name), ('deref', name), ('op', op, left, right)

    LEVELS = [['|'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '%']]

    def expression(self, level=0):
        if level == len(self.LEVELS):
            return self.operand()
        left = self.expression(level + 1)
        while self.peek().kind == 'op' and self.peek().text in self.LEVELS[level]:
            op = self.next()
            right = self.expression(level + 1)
            if left[0] == 'num' and right[0] == 'num':
                left = ('num', self.fold(op, left[1], right[1]))
            else:
                left = ('op', op.text, left, right)
        return left

    def fold(self, op, a, b):
        if op.text in '/%' and b == 0:
            fail(op.where, 'division by zero')
        return {'|': lambda: a | b, '&': lambda: a & b, '<<': lambda: a << b, '>>': lambda: a >> b,
                '+': lambda: a + b, '-': lambda: a - b, '*': lambda: a * b, '/': lambda: a // b,
                '%': lambda: a % b}[op.text]()

    def operand(self):
        t = self.next()
        if t.kind == 'number':
            return ('num', int(t.text.rstrip('uUlL'), 0))
        if t.kind == 'char':
            return ('num', ord(t.text[1]))
        if t.text == '-':
            inner = self.operand()
            if inner[0] != 'num':
                fail(t.where, "'-' before something that is not a number")
            return ('num', -inner[1])
        if t.text == '*':
            return ('deref', self.name())
        if t.text == '(':
            inner = self.expression()
            self.expect(')')
            return inner
        if t.kind != 'name':
            fail(t.where, "expected an expression, found '%s'" % t.text)
        if t.text in ('TRUE', 'FALSE'):
            return ('num', int(t.text == 'TRUE'))
        if t.text in self.module.consts:
            return ('num', self.module.consts[t.text])
        return ('id', t.text)

    def constant(self):
        where = self.peek().where
        e = self.expression()
        if e[0] != 'num':
            fail(where, "'%s' is not a constant" % e[1])
        return e[1]

    # -- attributes

    EXPRESSIONS = {'size_is', 'length_is', 'switch_is', 'range', 'case', 'max_is', 'first_is',
                   'last_is', 'min_is'}

    def attributes(self):
        attrs = {}
        while self.accept('['):
            while not self.accept(']'):
                t = self.next()
                value = True
                if self.accept('('):
                    if t.text in self.EXPRESSIONS:
                        value = self.expression_list()
                    elif t.text == 'switch_type':
                        value = self.base_type()
                        self.expect(')')
                    else:
                        value = self.raw_arguments()
                if t.text in ('max_is', 'min_is', 'first_is', 'last_is', 'iid_is', 'pipe',
                              'transmit_as', 'represent_as', 'wire_marshal', 'byte_count',
                              'callback'):
                    fail(t.where, "attribute '%s' is not supported" % t.text)
                attrs[t.text] = value
                if not self.accept(','):
                    if self.peek().text != ']':
                        fail(self.peek().where, "expected ',' or ']' behind attribute '%s'" % t.text)
        return attrs

    def expression_list(self):
        """A list up to ')'; None where it has nothing, as in size_is(,*n)."""
        out = []
        while True:
            out.append(None if self.peek().text in (',', ')') else self.expression())
            if self.accept(')'):
                return out
            self.expect(',')

    def raw_arguments(self):
        out, depth = [], 1
        while True:
            t = self.next()
            if t.kind == 'end':
                fail(t.where, "')' is missing")
            depth += {'(': 1, ')': -1}.get(t.text, 0)
            if depth == 0:
                return out
            out.append(t.text)

    # -- types

    def base_type(self, attrs=None):
        """Reads what stands before the declarators: a Prim, Struct, Union, Enum or Alias."""
        while self.accept('const'):
            pass
        t = self.peek()
        if t.kind != 'name':
            fail(t.where, "expected a type, found '%s'" % t.text)
        if t.text in ('struct', 'union', 'enum'):
            found = self.tagged(attrs if attrs is not None else {})
        elif t.text in BASE_WORDS:
            found = self.base_words()
        else:
            self.next()
            found = self.module.names.get(t.text)
            if found is None:
                fail(t.where, "unknown type '%s'" % t.text)
        while self.accept('const'):
            pass
        return found

    def base_words(self):
        where, words = self.peek().where, []
        while self.peek().text in BASE_WORDS:
            words.append(self.next().text)
        sign = ''
        if 'unsigned' in words or 'signed' in words:
            sign = 'unsigned ' if 'unsigned' in words else 'signed '
            words = [w for w in words if w not in ('unsigned', 'signed')]
        if len(words) == 2 and 'int' in words:
            words.remove('int')
        if not words:
            words = ['int']
        if len(words) != 1:
            fail(where, "'%s' is not a type" % ' '.join(words))
        word = words[0]
        if sign + word in SAME:
            return PRIMS[SAME[sign + word]]
        word = SAME.get(word, word)
        if sign == 'unsigned ' and sign + word in PRIMS:
            return PRIMS[sign + word]
        if word not in PRIMS or sign == 'unsigned ':
            fail(where, "'%s%s' is not a type" % (sign, word))
        return PRIMS[word]

    def tagged(self, attrs):
        where, word = self.peek().where, self.next().text
        make = {'struct': Struct, 'union': Union, 'enum': Enum}[word]
        if word == 'union' and self.peek().text == 'switch':
            fail(where, 'encapsulated unions are not supported')
        tag = self.next().text if self.peek().kind == 'name' else None
        thing = self.module.tags.get(tag) if tag is not None else None
        if thing is not None and not isinstance(thing, make):
            fail(where, "'%s' is not a %s" % (tag, word))
        if self.peek().text != '{':
            if tag is None:
                fail(where, "expected a name or '{' behind '%s'" % word)
            if thing is None:
                thing = self.module.tags[tag] = make(tag)
            return thing
        if thing is None:
            thing = make(tag)
            if tag is not None:
                self.module.tags[tag] = thing
        elif (thing.items if word == 'enum' else thing.members) is not None:
            fail(where, "'%s %s' is defined twice" % (word, tag))
        thing.where = where
        self.expect('{')
        if word == 'enum':
            self.enum_body(thing, attrs)
        elif word == 'union':
            self.union_body(thing, attrs)
        else:
            thing.attrs = attrs
            thing.members = self.members()
        return thing

    def enum_body(self, thing, attrs):
        thing.v1, thing.items, value = 'v1_enum' in attrs, [], 0
        while not self.accept('}'):
            where, name = self.peek().where, self.name()
            if self.accept('='):
                value = self.constant()
            self.define_constant(name, value, where)
            if not -0x8000 <= value <= (0xFFFFFFFF if thing.v1 else 0xFFFF):
                fail(where, "'%s' does not fit an enumeration of %d bits"
                     % (name, 32 if thing.v1 else 16))
            thing.items.append((name, value & (0xFFFFFFFF if thing.v1 else 0xFFFF)))
            value += 1
            if not self.accept(',') and self.peek().text != '}':
                fail(self.peek().where, "expected ',' or '}' behind '%s'" % name)

    def define_constant(self, name, value, where):
        if name in self.module.consts or name in self.module.names:
            fail(where, "'%s' is defined twice" % name)
        self.module.consts[name] = value

    def members(self):
        out = []
        while not self.accept('}'):
            attrs = self.attributes()
            base = self.base_type(attrs)
            while True:
                out.append(self.declarator(attrs, base))
                if not self.accept(','):
                    break
            self.expect(';')
        return out

    def union_body(self, thing, attrs):
        thing.attrs, thing.members, thing.switch = attrs, [], attrs.get('switch_type')
        while not self.accept('}'):
            where, attrs, default, cases = self.peek().where, {}, False, []
            while self.peek().text == '[':
                for name, value in self.attributes().items():
                    if name == 'case':
                        cases += value
                    elif name == 'default':
                        default = True
                    else:
                        attrs[name] = value
            if not cases and not default:
                fail(where, 'an arm without [case] or [default]')
            for c in cases:
                if c is None or c[0] != 'num':
                    fail(where, "'%s' is not a constant" % (c[1] if c else ''))
            if self.peek().text == ';':
                arm = Member(attrs, PRIMS['void'], 0, None, [], where)
            else:
                base = self.base_type(attrs)
                if base is PRIMS['void'] and self.peek().text == ';':
                    arm = Member(attrs, base, 0, None, [], where)
                else:
                    arm = self.declarator(attrs, base)
            self.expect(';')
            arm.cases = [c[1] for c in cases] + ([None] if default else [])
            thing.members.append(arm)

    def declarator(self, attrs, base):
        stars = 0
        while True:
            if self.accept('*'):
                stars += 1
            elif not self.accept('const'):
                break
        where, name, dims = self.peek().where, self.name(), []
        while self.accept('['):
            if self.accept(']'):
                dims.append(None)
            elif self.peek().text == '*' and self.peek(1).text == ']':
                self.at += 2
                dims.append(None)
            else:
                dims.append(self.constant())
                if dims[-1] <= 0:
                    fail(where, 'an array without elements')
                self.expect(']')
        return Member(attrs, base, stars, name, dims, where)

    # -- declarations

    def typedef(self):
        where = self.peek().where
        attrs = self.attributes()
        base = self.base_type(attrs)
        if 'native' in attrs:
            base = self.native(base, attrs, where)
        fresh = isinstance(base, (Struct, Enum)) and base.cname is None
        while True:
            d = self.declarator(attrs, base)
            if 'context_handle' in attrs and d.base is PRIMS['void'] and d.stars > 0:
                d.base, d.stars = PRIMS['context'], d.stars - 1
            if d.name in self.module.names or d.name in self.module.consts:
                fail(d.where, "'%s' is defined twice" % d.name)
            if fresh and d.stars == 0 and not d.dims:
                base.cname, fresh = d.name, False
                if isinstance(base, Struct) and 'format' in attrs:
                    base.attrs['format'] = attrs['format']
                self.module.names[d.name] = base
                self.module.order.append(base)
            else:
                self.alias(d, attrs, where)
            if not self.accept(','):
                break
        self.expect(';')

    def native(self, base, attrs, where):
        ctype, fmt = attrs.pop('native')[0][1:-1], (attrs.get('format') or [None])[0]
        if isinstance(base, Struct) and ctype == 'struct nt_uuid':
            return PRIMS['guid']
        if not isinstance(base, Prim):
            fail(where, "native(%s) does not fit here" % ctype)
        return Prim(base.kind, ctype, base.size, False, fmt)

    def alias(self, d, attrs, where):
        if None in d.dims:
            fail(where, 'a typedef of an array without bounds')
        if d.stars == 0 and not d.dims and isinstance(d.base, Enum) and d.base.items is None:
            fail(where, 'an enumeration without a body')
        a = Alias(d.name, attrs, d.base, d.stars, d.dims)
        self.module.names[d.name] = a
        self.module.order.append(a)

    def const(self):
        self.base_type()
        while self.accept('*'):
            pass
        where, name = self.peek().where, self.name()
        self.expect('=')
        if self.peek().kind == 'string':
            self.next()
        else:
            value = self.constant()
            self.define_constant(name, value, where)
            self.module.order.append((name, value))
        self.expect(';')

    def define(self, t):
        m = re.match(r'#\s*define\s+(\w+)\s+\(?(-?(?:0[xX][0-9a-fA-F]+|[0-9]+))[uUlL]*\)?\s*$',
                     t.text)
        if m is None:
            fail(t.where, "only '#define NAME number' is understood of the preprocessor")
        self.define_constant(m.group(1), int(m.group(2), 0), t.where)
        self.module.order.append((m.group(1), int(m.group(2), 0)))

    def method(self, attrs):
        where = self.peek().where
        attrs.update(self.attributes())
        base, stars = self.base_type(), 0
        while self.accept('*'):
            stars += 1
        name, params = self.name(), []
        self.expect('(')
        if self.peek().text == 'void' and self.peek(1).text == ')':
            self.next()
        while not self.accept(')'):
            pattrs = self.attributes()
            pbase = self.base_type(pattrs)
            params.append(self.declarator(pattrs, pbase))
            if not self.accept(',') and self.peek().text != ')':
                fail(self.peek().where, "expected ',' or ')' behind parameter '%s'"
                     % params[-1].name)
        self.expect(';')
        if any(m.name == name for m in self.module.methods):
            fail(where, "method '%s' is defined twice" % name)
        self.module.methods.append(Method(name, attrs, base, stars, params, where))

    def do_import(self):
        while True:
            t = self.next()
            if t.kind != 'string':
                fail(t.where, 'import needs a file name in quotes')
            self.import_file(t)
            if not self.accept(','):
                break
        self.expect(';')

    def import_file(self, t):
        for folder in [os.path.dirname(self.module.path), *self.folders]:
            path = os.path.join(folder, t.text[1:-1])
            if os.path.exists(path):
                break
        else:
            fail(t.where, "no file '%s'" % t.text[1:-1])
        if path not in self.loaded:
            self.loaded[path] = None
            self.loaded[path] = Parser(path, self.folders, self.loaded).parse()
        other = self.loaded[path]
        if other is None:
            fail(t.where, 'the imports run in a circle')
        self.module.imports.append(other)
        for mine, theirs in ((self.module.names, other.names), (self.module.tags, other.tags),
                             (self.module.consts, other.consts)):
            for name, thing in theirs.items():
                if mine.setdefault(name, thing) is not thing and mine[name] != thing:
                    fail(t.where, "'%s' of '%s' is defined already" % (name, other.stem))

    def declaration(self, attrs, inside):
        t = self.peek()
        if t.kind == 'define':
            self.define(self.next())
        elif t.text == 'import':
            self.next()
            self.do_import()
        elif t.text == 'cpp_quote' or t.text == 'midl_pragma':
            while not self.accept(')'):
                if self.next().kind == 'end':
                    fail(t.where, "')' is missing")
            self.accept(';')
        elif t.text == 'typedef':
            self.next()
            self.typedef()
        elif t.text == 'const':
            self.next()
            self.const()
        elif t.text in ('struct', 'union', 'enum'):
            thing = self.base_type(attrs)
            if self.peek().text == ';':
                self.next()
                if thing.cname is None and getattr(thing, 'where', 1) is not None:
                    thing.cname = thing.tag
                    self.module.names[thing.tag] = thing
                    self.module.order.append(thing)
            else:
                fail(t.where, 'a method cannot return a structure')
        elif t.text == 'interface' and not inside:
            self.next()
            self.interface(attrs)
        elif inside:
            self.method(attrs)
        else:
            fail(t.where, "expected a declaration, found '%s'" % t.text)

    def interface(self, attrs):
        t = self.peek()
        if self.module.interface is not None:
            fail(t.where, 'a file has one interface')
        self.module.interface, self.module.attrs = self.name(), attrs
        self.module.pointer_default = (attrs.get('pointer_default') or ['unique'])[0]
        self.expect('{')
        while not self.accept('}'):
            if self.peek().kind == 'end':
                fail(t.where, "the interface's '}' is missing")
            if self.accept(';'):
                continue
            inner = self.attributes() if self.peek().text == '[' else {}
            self.declaration(inner, True)
        self.accept(';')

    def parse(self):
        while self.peek().kind != 'end':
            if self.accept(';'):
                continue
            attrs = self.attributes() if self.peek().text == '[' else {}
            self.declaration(attrs, False)
        return self.module


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
        self.levels, self.base, self.named = levels, base, named
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
        body += self.flags(flags) + self.format(fmt) + ' }'
        name = self.emit('n', 'struct nt_ndr_type', body)
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
                '.size_is = %s%s%s }' % (
                    meta.align, meta.least, meta.csize, ref,
                    self.expression(shape.switch_is, scope, shape.where),
                    self.fill(shape.switch_is, scope),
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
            extra = ', .length_is = %s%s' % (self.expression(lv.length_is, scope, shape.where),
                                             self.fill(lv.length_is, scope))
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
            extra += self.fill(lv.size_is, scope)
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
        rows = [(s.member.name, self.build(s, scope), '0') for s in shapes]
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
                rows.append('    { %s, %s, %d },\n' % (
                    '"%s"' % s.member.name if node else 'NULL', node.ref if node else 'NULL',
                    (case or 0) & width))
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
            s.base = s.named = PRIMS['unsigned long']
        return s

    def method(self, method, opnum):
        shapes = self.call_shapes(method)
        scope, rows = Scope(method.name, shapes, True), []
        for s in shapes:
            flags = [f for f, a in (('NDR_IN', 'in'), ('NDR_OUT', 'out')) if a in s.member.attrs]
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
