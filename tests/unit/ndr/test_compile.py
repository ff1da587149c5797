#!/usr/bin/env python3
"""What the IDL compiler refuses, and where it says the mistake is."""

import os
import subprocess
import sys
import tempfile

HEAD = '[uuid(0badcafe-1234-5678-9abc-def012345678), version(1.0)] interface bad {\n'

# what is wrong, the text from line 2 on, the line that must be named, words of the message
CASES = [
    ('an unknown type', 'void m([in] NOWHERE x);', 2, "unknown type 'NOWHERE'"),
    ('a name twice', 'typedef long X;\ntypedef short X;', 3, "'X' is defined twice"),
    ('a tag twice', 'typedef struct _S { long a; } S;\nstruct _S { long b; };', 3, 'defined twice'),
    ('a constant twice', 'typedef enum { A, B } E;\nconst long A = 3;', 3, "'A' is defined twice"),
    ('a method twice', 'void m([in] long a);\nvoid m([in] long a);', 3, "'m' is defined twice"),
    ('a count that does not exist', 'typedef struct { [size_is(n)] long *p; } S;', 2, "'n' is not"),
    ('a count that comes too late',
     'typedef [switch_type(long)] union { [case(1)] long a; } U;\n'
     'typedef struct { [switch_is(k)] U u; long k; } S;', 3, 'which follows it'),
    ('a count behind a pointer',
     'typedef struct { long *n; [size_is(*n)] long *p; } S;', 2, 'the shape of a count'),
    ('an array without a size', 'typedef struct { long a[]; } S;', 2, 'size_is'),
    ('an open array in the middle',
     'typedef struct { long n; [size_is(n)] long a[]; long b; } S;', 2, 'must be the last'),
    ('a union without switch_is',
     'typedef [switch_type(long)] union { [case(1)] long a; } U;\nvoid m([in] U *u);', 3,
     'switch_is'),
    ('an arm without a case', 'typedef [switch_type(long)] union { long a; } U;', 2, '[case]'),
    ('a case twice', 'typedef [switch_type(long)] union {\n[case(1)] long a;\n[case(1)] long b; } U;',
     4, 'same case twice'),
    ('a direction left out', 'void m(long a);', 2, '[in] or [out]'),
    ('an [out] value', 'void m([out] long a);', 2, 'not a pointer'),
    ('a structure that holds itself', 'typedef struct _S { long a; struct _S b; } S;', 2,
     'never defined|contains itself'),
    ('a division by zero', 'typedef struct { long n; [size_is(n / 0)] long *p; } S;', 2, 'positive'),
    ('a string of structures', 'typedef struct { long a; } T;\nvoid m([in, string] T *x);', 3,
     'no characters'),
    ('an import that is not there', 'import "nothing.idl";', 2, 'nothing.idl'),
    ('a brace that is missing', 'typedef struct { long a; ', 3, ''),
    ('an enumerator too large', 'typedef enum { A = 0x10000 } E;', 2, '16 bits'),
    ('a pipe', 'void m([in, transmit_as(long)] long a);', 2, 'not supported'),
]


def main():
    failed = 0
    for what, text, line, words in CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'bad.idl')
            with open(path, 'w', encoding='utf-8') as f:
                f.write(HEAD + text + ('\n}\n' if 'brace' not in what else '\n'))
            run = subprocess.run(
                [sys.executable, sys.argv[1], '--header', os.path.join(folder, 'bad.h'),
                 '--source', os.path.join(folder, 'bad.c'), path],
                capture_output=True, text=True, check=False)
            good = run.returncode == 1 and 'bad.idl:%d:' % line in run.stderr and \
                any(w in run.stderr for w in words.split('|')) and \
                not os.path.exists(os.path.join(folder, 'bad.c'))
            print('%s %s: %s' % ('ok' if good else 'FAILED', what, run.stderr.strip()))
            failed += not good
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
