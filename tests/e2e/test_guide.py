"""docs/guide-lost-trust.md is true: what it says of each code is what `ntrust explain` says, every
command in it (and in README.md) is one that ntrust takes, every link in it leads somewhere. That its
outputs are real is the business of tests/interop/guide_outputs.py, which makes them."""

import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest

import world as w

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


def read(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as f:
        return f.read()


GUIDE = read('docs', 'guide-lost-trust.md')


def explain(*words):
    out = subprocess.run([w.NTRUST, 'explain', *words, '--json'], capture_output=True, text=True,
                         check=True).stdout
    return json.loads(out)


def rows(first):
    """The cells of each row of the table whose first column has that title."""
    table = re.search(r'^\| %s \|.*\n\| ---.*\n((?:\|.*\n)+)' % first, GUIDE, re.M).group(1)
    return [[c.strip() for c in line.strip('|').split('|')] for line in table.splitlines()]


class Guide(unittest.TestCase):
    def same(self, row, said):
        self.assertEqual(row[2:4], [said['means'], said['end_at_fault']], row)

    def test_codes(self):
        for row in rows('code'):
            number, _, status = row[0].partition(' · ')
            for word in filter(None, (number, status, '0x' + status if status else '', row[1],
                                      'NT_STATUS_' + row[1])):
                said = explain(word)
                self.assertEqual((said['kind'], said['number'], said['status'], said['name']),
                                 ('code', int(number), int(status or '0', 16), row[1]), word)
                self.same(row, said)

    def test_events_and_kerberos(self):
        for row in rows('event'):
            first, _, last = row[0].partition('–')
            said = explain('event', last or first)
            self.assertEqual((said['number'], said['last'], said['name']),
                             (int(first), int(last or first), row[1]))
            self.same(row, said)
        for row in rows('Kerberos'):
            said = explain('KDC', row[0])
            self.assertEqual(said['name'], row[1])
            self.same(row, said)

    def test_all_that_is_known_is_in_it(self):
        known = re.findall(r'^ +(?:CODE|EVENTS?|KERBEROS)\(', read('src', 'repair', 'symptoms.c'), re.M)
        self.assertEqual(len(known), sum(len(rows(t)) for t in ('code', 'event', 'Kerberos')))

    def test_links(self):
        heads = {re.sub(r'[^a-z0-9 -]', '', h.lower()).replace(' ', '-')
                 for h in re.findall(r'^#+ (.*)$', GUIDE, re.M)}
        for name in re.findall(r'\]\(#([^)]+)\)', GUIDE):
            self.assertIn(name, heads)
        for text, at in ((GUIDE, 'docs'), (read('README.md'), '')):
            for path in re.findall(r'\]\((?!http|#)([^)#]+)', text):
                self.assertTrue(os.path.exists(os.path.join(ROOT, at, path)), path)

    def test_outputs(self):
        """Each block was made, and by something that is there."""
        by = read('tests', 'interop', 'guide_outputs.py')
        pages = GUIDE + read('README.md')
        blocks = re.findall(r'^<!-- output: (\S+) -->\n```console\n(.*?)```', pages, re.M | re.S)
        for name, text in blocks:
            self.assertIn("Block('%s')" % name, by)
            self.assertRegex(text, r'^\w*\$ ', name)
        self.assertEqual(len(blocks), pages.count('<!-- output:'))

    def test_commands(self):
        """None is refused for its form. Nobody is there to answer them."""
        typed = set(re.findall(r'^ *(?:[a-z#]*[$#] )(ntrust .*)$', GUIDE + read('README.md'), re.M))
        typed |= set(re.findall(r'`(ntrust [a-z][^`]* [^`]+)`', GUIDE))
        self.assertGreater(len(typed), 20)
        with tempfile.TemporaryDirectory() as home:
            path = os.path.join(home, '.config', 'ntrust')
            os.makedirs(path)
            with open(os.path.join(path, 'ends.ini'), 'w', encoding='ascii') as f:
                for name in ('west', 'east', 'west.test', 'west.example', 'east.example', 'EAST', 'WEST'):
                    f.write('[end %s]\nservers = smb:127.0.0.1:1\n' % name)
            for command in sorted(typed):
                with self.subTest(command=command):
                    self.taken(shlex.split(command, comments=True)[1:], home)

    def taken(self, words, home):
        env = dict(os.environ, HOME=home, NTRUST_SOCKET=os.path.join(home, 'none'))
        try:
            done = subprocess.run([w.NTRUST, *words], env=env, cwd=home, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=5, check=False)
        except subprocess.TimeoutExpired:
            return # it waits for something: it was taken
        self.assertNotRegex(done.stderr, 'ntrust: usage|Try .ntrust|does not take|there is no command')


if __name__ == '__main__':
    w.own_network()
    unittest.main(verbosity=2)
