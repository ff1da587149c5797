#!/usr/bin/python3
"""libntrust as another program meets it: installed into a folder, found by pkg-config, compiled and
linked with, and asked about two running domains."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(ROOT, 'tests', 'e2e'))
import world as w  # noqa: E402

BUILD = os.environ.get('BUILD', 'build')
CC = os.environ.get('CC', 'cc')
# Programs that are linked with a sanitized library need its run-time, too.
FLAGS = os.environ.get('NTRUST_CFLAGS', '').split()
NODE = 'NTRUST_1.0'


def run(*argv, code=0, **more):
    """What it says; the exit code must be `code`."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False, **more)
    if done.returncode != code:
        raise AssertionError('%s: exit code %d, not %d\n%s'
                             % (' '.join(argv), done.returncode, code, done.stdout))
    return done.stdout


class Installed:
    """The library and its header in a folder of their own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='ntrust-lib-')
        self.dest = os.path.join(self.folder, 'dest')
        log = os.path.join(BUILD, 'meson-logs', 'install-log.txt')
        kept = open(log, 'rb').read() if os.path.exists(log) else None
        run('meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir', self.dest)
        with open(log) as f:
            self.files = [l.strip() for l in f if not l.startswith('#')]
        os.unlink(log)  # `ninja uninstall` goes by it: it is of the real installation alone
        if kept is not None:
            with open(log, 'wb') as f:
                f.write(kept)
        pc = [f for f in self.files if f.endswith('/libntrust.pc')]
        self.env = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=self.dest,
                        PKG_CONFIG_LIBDIR=os.path.dirname(pc[0]))
        self.flags = run('pkg-config', '--cflags', '--libs', 'libntrust', env=self.env).split()
        self.libdir = [f[2:] for f in self.flags if f.startswith('-L')][0]
        self.lib = os.path.join(self.libdir, 'libntrust.so')
        self.env['LD_LIBRARY_PATH'] = self.libdir

    def example(self, name, *flags):
        out = os.path.join(self.folder, name)
        run(CC, '-Wall', '-Wextra', '-Wpedantic', '-Werror', *flags, *FLAGS,
            os.path.join(ROOT, 'examples', name + '.c'), *self.flags, '-o', out, env=self.env)
        return out


INSTALLED = None


def setUpModule():
    global INSTALLED
    INSTALLED = Installed()


def tearDownModule():
    shutil.rmtree(INSTALLED.folder)


def promised():
    """The symbols of the map."""
    with open(os.path.join(ROOT, 'src', 'lib', 'libntrust.map')) as f:
        return sorted(re.findall(r'^ +(ntrust_\w+);', f.read(), re.M))


class Library(unittest.TestCase):
    def test_symbols(self):
        """Only what is promised is to be seen, under its version; and the header declares it all."""
        seen = [l.split() for l in run('nm', '-D', '--defined-only', INSTALLED.lib).splitlines()]
        self.assertEqual(sorted(s[2] for s in seen if s[1] != 'A'),
                         ['%s@@%s' % (name, NODE) for name in promised()])
        self.assertEqual([s[2] for s in seen if s[1] == 'A'], [NODE])
        with open(os.path.join(ROOT, 'include', 'ntrust', 'ntrust.h')) as f:
            text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
        declared = re.findall(r'^[a-z][^;{(]*?\b\*?(ntrust_\w+)\(', text, re.M)
        self.assertEqual(sorted(set(declared) - {'ntrust_progress_fn'}), promised())

    def test_soname(self):
        self.assertRegex(run('readelf', '-d', INSTALLED.lib), r'SONAME.*\[libntrust\.so\.1\]')
        self.assertTrue(os.path.islink(INSTALLED.lib))

    def test_all_that_is_installed_is_in_the_log(self):
        """By which `make uninstall` goes."""
        there = [os.path.join(d, f) for d, _, fs in os.walk(INSTALLED.dest) for f in fs]
        self.assertEqual([f for f in there if f not in INSTALLED.files], [])

    def test_header_in_each_language(self):
        header = os.path.join(INSTALLED.dest, 'x.c')
        with open(header, 'w') as f:
            f.write('#include <ntrust/ntrust.h>\nint main() { return ntrust_version() == 0; }\n')
        flags = [f for f in INSTALLED.flags if f.startswith('-I')]
        run(CC, '-std=c99', '-Wpedantic', '-Wall', '-Wextra', '-Werror', '-fsyntax-only', header, *flags)
        if shutil.which('clang'):
            run('clang', '-x', 'c++', '-std=c++11', '-Wpedantic', '-Wall', '-Wextra', '-Werror',
                '-fsyntax-only', header, *flags)
        os.unlink(header)

    def test_nothing_is_used_that_prints_or_exits(self):
        """Of libc's: no call that would, nor any that replaces a signal's handler. (abort is what is
        left without randomness, which ntrust_new makes sure of.)"""
        used = {l.split()[-1].split('@')[0]
                for l in run('nm', '-D', '--undefined-only', INSTALLED.lib).splitlines()}
        for name in ('exit', '_exit', 'printf', 'puts', 'putchar', 'stdout', 'signal', 'sigaction',
                     'perror', 'system', 'popen', 'fork'):
            self.assertNotIn(name, used)


class Trust(unittest.TestCase):
    """RESOURCES trusts ACCOUNTS; both are ntrustd's."""

    @classmethod
    def setUpClass(cls):
        cls.world = w.World()
        cls.addClassCleanup(cls.world.close)
        cls.accounts, cls.resources = cls.world.pair()
        w.establish(cls.resources, cls.accounts)
        cls.ends = ['%s@smb:%s:%d' % (d.name, w.ADDRESS, d.smb_port)
                    for d in (cls.accounts, cls.resources)]
        cls.env = dict(INSTALLED.env, NTRUST_USER='Administrator', HOME=INSTALLED.folder,
                       NTRUST_PASSWORD=w.ADMIN_PASSWORD)

    def test_good(self):
        check = INSTALLED.example('check-trust', '-std=c99')
        out = run(check, *self.ends, env=self.env)
        self.assertIn('good: the trust between ACCOUNTS and RESOURCES is good\n', out)
        self.assertRegex(out, r'(?m)^  passwords  good ')
        self.assertIn("  127.0.0.1: has the other's account\n", out)
        self.assertIn('  127.0.0.1: secure channel good\n', out)
        self.assertNotIn(w.ADMIN_PASSWORD, out)

    def test_broken(self):
        check = INSTALLED.example('check-trust')
        self.accounts.ntrust('permit', 'disable', 'RESOURCES')
        try:
            out = run(check, *self.ends, code=2, env=self.env)
        finally:
            self.accounts.ntrust('permit', 'enable', 'RESOURCES')
        self.assertIn('at fault: ACCOUNTS\n', out)
        self.assertIn('\nnext: ', out)
        run(check, *self.ends, env=self.env)

    def test_ends_that_are_down_or_not_told(self):
        check = INSTALLED.example('check-trust')
        out = run(check, 'ACCOUNTS@smb:127.0.0.1:1', self.ends[1], code=2, env=self.env)
        self.assertIn('the controller of ACCOUNTS cannot be reached', out)
        out = run(check, 'ACCOUNTS@', self.ends[1], code=3, env=self.env)
        self.assertEqual(out, "check-trust: there is no server behind '@'\n")

    def test_reset(self):
        """With forests it is proven in interop/test_ad_trust.py."""
        change, check = INSTALLED.example('change-trust'), INSTALLED.example('check-trust')
        out = run(change, 'reset', *self.ends, env=self.env)
        self.assertIn('at RESOURCES: give its trusted domain object a new secret\n', out)
        self.assertNotIn('done', out)
        self.accounts.ntrust('permit', 'remove', 'RESOURCES')
        run(check, *self.ends, code=2, env=self.env)
        out = run(change, 'reset', *self.ends, '--yes', env=self.env)
        self.assertIn('127.0.0.1: proving its secure channel\n', out)
        self.assertIn('done, and shown by every controller after ', out)
        run(check, *self.ends, env=self.env)


if __name__ == '__main__':
    w.own_network()
    unittest.main(verbosity=2)
