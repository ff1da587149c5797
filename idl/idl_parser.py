"""Reads an interface definition into a model: see compile.py, which writes it out."""

import os
import re


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
FORMATS = {'text', 'hex', 'number', 'time', 'ntstatus', 'werror', 'sid', 'unicode', 'ansi'}


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
                if isinstance(base, Struct):
                    base.attrs.update({k: attrs[k] for k in ('format', 'secret') if k in attrs})
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
