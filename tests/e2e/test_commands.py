"""Every command of ntrust once for real, as text and with --json. The JSON has the keys that
docs/api.md promises; every command has a help text; exit codes are what the manual says."""

import glob
import json
import os
import re
import socket
import subprocess
import threading

import world as w

HERE = os.path.dirname(os.path.abspath(__file__))
API = os.path.join(HERE, '..', '..', 'docs', 'api.md')


def documented():
    """{"permit": {keys}, "GET /v1/status": {keys}, ...} from docs/api.md."""
    with open(API) as f:
        text = f.read()
    keys = {}
    # "**permit**: `name` (...), `account` ..." up to the empty line or the next of them
    for match in re.finditer(r'^\*\*(\w+)\*\*: (.*?)(?=^\*\*|\n\n|\Z)', text, re.M | re.S):
        body = re.sub(r'\([^)]*\)|\{[^}]*\}|\[[^]]*\]', '', match.group(2))
        keys[match.group(1)] = set(re.findall(r'`([a-z_]+)`', body))
    for match in re.finditer(r'^\| (GET|POST) `([^`]+)` \|[^|]*\|([^|]*)\|', text, re.M):
        body = re.sub(r'\{[^}]*\}|\[[^]]*\]|\([^)]*\)', '', match.group(3))
        found = set(re.findall(r'`([a-z_]+)`', body))
        if found:
            keys['%s %s' % match.group(1, 2)] = found
    return keys


class Commands(w.TestCase):
    def setUp(self):
        super().setUp()
        self.keys = documented()
        self.accounts, self.resources = self.world.pair()
        self.used = set()

    def run_both(self, domain, *args, has=None, text='.', code=0, stdin='', again=True):
        """Once as text, once with --json (unless not again: then --json alone). The JSON."""
        words = [a for a in args if not a.startswith('-')]
        self.used.add(' '.join(words[:2]))
        self.used.add(words[0])
        if again:
            out, err = domain.ntrust(*args, stdin=stdin, code=code)
            self.assertRegex(out + err, '(?s)' + text, args)
            self.assertNotIn('\x1b', out, 'colours are for terminals only')
        out, _ = domain.ntrust(*args, '--json', stdin=stdin, code=code)
        answer = json.loads(out)
        if has:
            self.assertLessEqual(self.keys[has], set(answer), '%s: %s' % (args, out))
        return answer

    def test_all(self):
        a, r = self.accounts, self.resources
        server = '%s:%d' % (w.ADDRESS, a.epm_port)

        # the trust, both ends
        out, _ = a.ntrust('permit', 'add', 'RESOURCES', '--password-fd', '0', stdin='Initial-1')
        self.assertRegex(out, 'RESOURCES may now trust this one')
        out, _ = r.ntrust('trust', 'add', 'ACCOUNTS', '--server', server, '--password-fd', '0',
                          stdin='Initial-1')
        self.assertRegex(out, 'established')
        permit = self.run_both(a, 'permit', 'add', 'NORTH', '--generate', '--attempts', '3',
                               again=False, has='permit')
        self.assertRegex(permit['generated_password'], '^([a-z2-9]{5}-){4}[a-z2-9]{5}$')
        self.assertEqual(permit['attempts_left'], 3)
        self.run_both(a, 'permit', 'add', 'SOUTH', '--empty-password', again=False, has='permit')
        for p in self.run_both(a, 'permit', 'list', text='RESOURCES +active')['permits']:
            self.assertLessEqual(self.keys['permit'], set(p))
            self.assertNotIn('generated_password', p)
        self.run_both(a, 'permit', 'show', 'resources', has='permit', text='RESOURCES.*active')
        self.assertTrue(self.run_both(a, 'permit', 'disable', 'NORTH', text='disabled')['disabled'])
        self.assertFalse(self.run_both(a, 'permit', 'enable', 'NORTH')['disabled'])
        a.ntrust('permit', 'remove', 'NORTH')
        self.assertEqual(self.run_both(a, 'permit', 'remove', 'SOUTH', again=False), {})
        for t in self.run_both(r, 'trust', 'list', text='ACCOUNTS +active')['trusts']:
            self.assertLessEqual(self.keys['trust'], set(t))
        trust = self.run_both(r, 'trust', 'show', 'ACCOUNTS', has='trust', text='ACCOUNTS.*active')
        self.assertEqual(set(trust['last_error']), {'status', 'code', 'text', 'time'})
        self.run_both(r, 'trust', 'verify', 'ACCOUNTS', has='trust', text='active')
        before = trust['version']
        trust = self.run_both(r, 'trust', 'rotate', 'ACCOUNTS', has='trust', text='active')
        self.assertEqual(trust['version'], before + 2)
        trust = self.run_both(r, 'trust', 'servers', 'ACCOUNTS', '--server', server, '--server',
                              'localhost:%d' % a.epm_port, has='trust')
        self.assertEqual(len(trust['servers']), 2)
        found = self.run_both(r, 'locate', 'ACCOUNTS', has='GET /v1/locate/NAME',
                              text='127.0.0.1 .*configured .*answers on port %d' % a.epm_port)
        for c in found['controllers']:
            self.assertLessEqual(self.keys['controller'], set(c))
            self.assertEqual((c['methods'], c['answers']), (['configured'], True))
        found = self.run_both(r, 'locate', 'NOWHERE', code=1, text='NOWHERE.*not asked')
        self.assertEqual(found['controllers'], [])
        # a trust that is not established: exit code 1
        trust = self.run_both(r, 'trust', 'add', 'NOWHERE', '--server',
                              '127.0.0.1:%d' % w.free_port(), '--empty-password', code=1,
                              again=False, has='trust')
        self.assertTrue(trust['degraded'])
        r.ntrust('trust', 'remove', 'NOWHERE')
        trust = self.run_both(r, 'trust', 'add', 'NOWHERE2', '--server', 'localhost:1', '--weak',
                              '--empty-password', code=1, again=False)
        self.assertTrue(trust['allow_weak_crypto'])
        self.assertEqual(self.run_both(r, 'trust', 'remove', 'NOWHERE2', again=False), {})

        # the domain
        out, _ = a.ntrust('domain', 'init', 'THIRD', '--store', a.path('third.db'), '--key',
                          a.path('third.key'), '--password-fd', '0', '--json', stdin='Passw0rd1')
        self.used.add('domain init')
        self.assertEqual(set(json.loads(out)), {'name', 'computer', 'sid', 'store', 'master_key'})
        self.assertEqual(os.stat(a.path('third.key')).st_mode & 0o777, 0o600)
        self.run_both(a, 'domain', 'show', has='GET /v1/domain', text='ACCOUNTS.*ACCPDC.*S-1-5-21')
        policy = self.run_both(a, 'policy', 'show', text='trust_attempts +1')
        self.assertEqual(policy['trust_attempts'], 1)
        policy = self.run_both(a, 'policy', 'set', 'check_interval_s', '2h',
                               text='check_interval_s +7200')
        self.assertEqual(policy['check_interval_s'], 7200)
        status = self.run_both(a, 'status', has='GET /v1/status', text='ACCOUNTS.*permits')
        self.assertEqual(status['permits'], {'active': 1})

        # accounts
        self.run_both(a, 'group', 'add', 'writers', '--comment', 'who write', again=False,
                      has='group')
        self.run_both(a, 'group', 'add', 'local', '--kind', 'alias', again=False, has='group')
        user = self.run_both(a, 'user', 'add', 'bob', '--password-fd', '0', '--full-name',
                             'Bob B.', '--comment', 'builds', '--group', 'writers', again=False,
                             stdin='Builder1x', has='user')
        self.assertEqual((user['full_name'], user['comment']), ('Bob B.', 'builds'))
        self.assertIn('writers', user['groups'])
        self.run_both(a, 'user', 'show', 'BOB', has='user', text='bob.*S-1-5-21.*writers')
        users = self.run_both(a, 'user', 'list', text='alice.*bob')['users']
        self.assertLessEqual({'alice', 'bob'}, {u['name'] for u in users})
        self.run_both(a, 'user', 'password', 'bob', '--password-fd', '0', stdin='Builder2x',
                      has='user')
        self.assertTrue(self.run_both(a, 'user', 'disable', 'bob')['disabled'])
        self.assertFalse(self.run_both(a, 'user', 'enable', 'bob')['disabled'])
        self.assertFalse(self.run_both(a, 'user', 'unlock', 'bob')['locked'])
        group = self.run_both(a, 'group', 'join', 'writers', 'alice', has='group', again=False)
        self.assertLessEqual({'alice', 'bob'}, {m['name'] for m in group['members']})
        group = self.run_both(a, 'group', 'join', 'local', user['sid'], has='group', again=False)
        self.assertEqual(group['members'], [{'name': 'bob', 'sid': user['sid']}])
        self.run_both(a, 'group', 'show', 'writers', has='group', text='writers.*alice')
        groups = self.run_both(a, 'group', 'list', text='writers')['groups']
        self.assertLessEqual({'writers', 'local', 'Domain Users'}, {g['name'] for g in groups})
        group = self.run_both(a, 'group', 'leave', 'writers', 'alice', again=False)
        self.assertNotIn('alice', {m['name'] for m in group['members']})
        computer = self.run_both(a, 'computer', 'add', 'WS1', '--kind', 'server', again=False,
                                 has='computer')
        self.assertEqual(computer['kind'], 'server')
        self.run_both(a, 'computer', 'add', 'WS2', '--password-fd', '0', '--weak', again=False,
                      stdin='Machine1x', has='computer')
        self.run_both(a, 'computer', 'show', 'ws1', has='computer', text='WS1')
        computers = self.run_both(a, 'computer', 'list', text='WS1.*WS2')['computers']
        self.assertEqual(len(computers), 2)
        self.assertTrue(self.run_both(a, 'computer', 'disable', 'WS1')['disabled'])
        self.assertFalse(self.run_both(a, 'computer', 'enable', 'WS1')['disabled'])
        a.ntrust('computer', 'remove', 'WS1')
        self.assertEqual(self.run_both(a, 'computer', 'remove', 'WS2', again=False), {})

        # logons
        logon = self.run_both(r, 'logon', r'ACCOUNTS\alice', '--password-fd', '0',
                              '--workstation', 'WS9', stdin='Wonder1land',
                              has='POST /v1/logon', text='alice is logged on')
        self.assertEqual(logon['status'], 'SUCCESS')
        self.assertTrue(logon['user_sid'].startswith(a.api('GET', '/v1/domain')['sid']))
        logon = self.run_both(a, 'logon', 'ACCOUNTS/bob', '--password-fd', '0', stdin='wrong',
                              code=1, text='refused.*WRONG_PASSWORD')
        self.assertEqual(logon['status'], 'WRONG_PASSWORD')
        a.ntrust('user', 'remove', 'bob')
        self.run_both(a, 'user', 'remove', 'alice2', again=False, code=1)
        a.ntrust('group', 'remove', 'writers')
        self.assertEqual(self.run_both(a, 'group', 'remove', 'local', again=False), {})

        # events
        events = self.run_both(r, 'events', '--max', '5', text='trust')['events']
        self.assertEqual(len(events), 5)
        self.assertEqual(set(events[0]), {'id', 'time', 'level', 'kind', 'subject', 'peer', 'text'})
        events = self.run_both(r, 'events', '--subject', 'ACCOUNTS')['events']
        self.assertEqual({e['subject'] for e in events}, {'ACCOUNTS'})
        self.check_follow(r)

        # copies
        self.assertEqual(self.run_both(a, 'backup', a.path('copy.db'), again=False), {})
        out, _ = a.ntrust('backup', a.path('copy2.db'))
        self.assertRegex(out, 'master key is not in it')
        self.assertNotEqual(a.ntrust('backup', '/nonexistent/copy.db', code=None)[0], 0)
        self.check_copy(a.path('copy.db'))
        copy = self.run_both(a, 'backup', a.path('copy3.db'), '--store', a.store, again=False)
        self.assertEqual(copy, {})
        _, err = a.ntrust('restore', a.path('copy3.db'), '--store', a.store, code=1)
        self.assertRegex(err, 'in use by process')
        copy = self.run_both(a, 'restore', a.path('copy3.db'), '--store', a.path('new.db'),
                             again=False)
        self.assertEqual(copy, {'store': a.path('new.db'), 'aside': ''})

        # check and reset
        self.check_check_and_reset()
        self.check_both_ends()
        self.run_both(a, 'rpc', '--list', text='netlogon')
        self.check_decode()
        self.check_rpc()
        answer = self.run_both(a, 'explain', '0xC000018B', text='NO_TRUST_SAM_ACCOUNT.*trusted domain')
        self.assertEqual((answer['number'], answer['end_at_fault']), (1787, 'the trusted domain'))
        self.assertEqual(self.all_commands() - self.used, set(), 'commands that were not tried')

    def check_follow(self, domain):
        follow = subprocess.Popen([w.NTRUST, '--socket', domain.socket, 'events', '--follow',
                                   '--json', '--max', '1'], stdout=subprocess.PIPE, text=True)
        try:
            first = json.loads(follow.stdout.readline())
            domain.api('POST', '/v1/users', {'name': 'followed', 'password': 'Passw0rd1'})
            later = []
            reader = threading.Thread(target=lambda: later.append(follow.stdout.readline()))
            reader.start()
            reader.join(10)
            event = json.loads(later[0])
            self.assertGreater(event['id'], first['id'])
            self.assertEqual(event['subject'], 'followed')
        finally:
            follow.terminate()
            follow.wait()
            follow.stdout.close()

    def check_copy(self, copy):
        """The copy is a whole store: another ntrustd starts with it and the same key."""
        other = self.world.domain('COPY', 'ACCPDC', init=False)
        other.write_config({'domain': {'store': copy, 'master_key': self.accounts.key}})
        other.start()
        self.assertEqual(other.api('GET', '/v1/domain')['name'], 'ACCOUNTS')
        self.assertIsNotNone(other.maybe('GET', '/v1/users/alice'))
        self.assertEqual(other.stop(), 0)

    def check_check_and_reset(self):
        a, r = self.accounts, self.resources
        as_admin = ('-U', 'Administrator', '--peer-password-fd', '0')
        answer = self.run_both(r, 'check', text='ACCOUNTS')
        self.assertEqual((answer['result'], answer['code']), ('good', 0))
        answer = self.run_both(r, 'check', 'ACCOUNTS', *as_admin, stdin=w.ADMIN_PASSWORD,
                               text='ACCOUNTS')
        self.assertEqual(answer['code'], 0, answer)
        self.run_both(a, 'check', 'RESOURCES')
        # the trusted end removes the trust: the other end says so, and what to do
        a.ntrust('permit', 'remove', 'RESOURCES')
        out, err = r.ntrust('trust', 'verify', 'ACCOUNTS', code=1)
        self.assertRegex(out, 'broken')
        self.assertRegex(out, 'ntrust reset ACCOUNTS')
        answer = self.run_both(r, 'check', 'ACCOUNTS', code=2, text='ntrust reset')
        self.assertEqual((answer['result'], answer['code']), ('critical', 2))
        self.assertEqual(r.ntrust('logon', r'ACCOUNTS\alice', '--password-fd', '0',
                                  stdin='Wonder1land', code=None)[0], 1)
        # permitting again at one end does not repair it
        a.ntrust('permit', 'add', 'RESOURCES', '--generate')
        self.assertEqual(r.ntrust('trust', 'verify', 'ACCOUNTS', code=None)[0], 1)
        out, _ = r.ntrust('reset', 'ACCOUNTS', '--dry-run', *as_admin, stdin=w.ADMIN_PASSWORD)
        self.assertRegex(out, 'Nothing was changed')
        out, _ = r.ntrust('reset', 'ACCOUNTS', *as_admin, stdin=w.ADMIN_PASSWORD)
        self.assertRegex(out, 're-established at both ends')
        self.assertEqual(r.logon('ACCOUNTS', 'alice', 'Wonder1land')['status'], 'SUCCESS')
        # from the other end, as JSON: a line a step, the last says how it ended
        out, _ = a.ntrust('reset', 'RESOURCES', *as_admin, '--server', '%s:%d' %
                          (w.ADDRESS, r.epm_port), '--json', stdin=w.ADMIN_PASSWORD)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((lines[-1]['result'], lines[-1]['next']), ('good', ''))
        # a wrong administrator's password changes nothing
        version = r.trust('ACCOUNTS')['version']
        out, err = r.ntrust('reset', 'ACCOUNTS', *as_admin, stdin='wrong', code=1)
        self.assertRegex(out + err, 'Nothing was changed at either end')
        self.assertEqual(r.trust('ACCOUNTS')['version'], version)
        self.assertEqual(r.logon('ACCOUNTS', 'alice', 'Wonder1land')['status'], 'SUCCESS')
        self.used |= {'reset', 'check'}

    def check_both_ends(self):
        """The commands that need no daemon, by the controllers' pipes alone."""
        a, r = self.accounts, self.resources
        who = a.path('administrator')
        with open(os.open(who, os.O_WRONLY | os.O_CREAT, 0o600), 'w') as f:
            f.write('username = Administrator\npassword = %s\n' % w.ADMIN_PASSWORD)
        both = ['%s@smb:%s:%d' % (d.name, w.ADDRESS, d.smb_port) for d in (a, r)]
        both += ['-A', who, '-A', who]
        self.run_both(r, 'rotate', *both, text='has new secrets')
        self.assertEqual(self.run_both(r, 'remove', *both, '--yes', again=False)['result'],
                         'removed')
        out, _ = r.ntrust('remove', *both, '--yes')
        self.assertRegex(out, 'nothing to remove')
        there = ['--domain', both[0], '-A', who, '--secret-file', a.path('secret')]
        a.ntrust('computer', 'add', 'DESK', '--password-fd', '0', stdin='Old-secret1')
        answer = self.run_both(a, 'computer', 'reset', 'DESK', *there, again=False)
        self.assertNotIn('Old-secret1', str(answer))
        self.run_both(a, 'computer', 'check', 'DESK', *there, text='DESK')
        # made for real where controllers can be found: tests/interop
        answer = self.run_both(r, 'establish', *both, '--direction', 'in', '--dry-run',
                               text='RESOURCES trusts ACCOUNTS')
        self.assertEqual(answer['result'], 'planned')

    def check_decode(self):
        """A NetrServerReqChallenge, by hand."""
        stub = self.challenge_stub()
        path = self.accounts.path('stub')
        with open(path, 'wb') as f:
            f.write(stub)
        args = ['decode', '--interface', 'netlogon', '--opnum', '4', '--request']
        text = subprocess.run([w.NTRUST] + args + [path], capture_output=True, text=True, check=True)
        self.assertRegex(text.stdout, r'(?s)NetrServerReqChallenge.*RESPDC')
        answer = subprocess.run([w.NTRUST] + args + ['-', '--hex', '--json'], input=stub.hex(':'),
                                capture_output=True, text=True, check=True)
        self.assertIn('RESPDC', json.dumps(json.loads(answer.stdout)))
        self.used.add('decode')

    def check_rpc(self):
        """The same call, written down; tests/interop/test_rpc_client.py has real ones."""
        done = subprocess.run([w.NTRUST, 'rpc', 'ACCPDC', 'netlogon', 'NetrServerReqChallenge',
                               'ComputerName=RESPDC', 'ClientChallenge.data=0001020304050607',
                               '--dry-run', '--hex', '--json'],
                              capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        self.assertEqual(answer['request_hex'], self.challenge_stub().hex())
        self.assertEqual(answer['request']['PrimaryName'], '\\\\ACCPDC')
        self.used.add('rpc')

    @staticmethod
    def challenge_stub():
        head = w.netlogon.string(b'\0\0\2\0', '\\\\ACCPDC')
        return w.netlogon.string(head, 'RESPDC') + bytes(range(8))

    @staticmethod
    def all_commands():
        out = subprocess.run([w.NTRUST, '--help'], capture_output=True, text=True, check=True).stdout
        return {' '.join(word for word in line[2:].split('  ')[0].split() if word.islower())
                for line in out.splitlines() if re.match('  [a-z]', line)}


class Help(w.TestCase):
    """Needs no domain."""

    def run_ntrust(self, *args):
        return subprocess.run([w.NTRUST] + list(args), capture_output=True, text=True, timeout=20)

    def test_help(self):
        commands = Commands.all_commands()
        self.assertGreater(len(commands), 35)
        for command in sorted(commands):
            with self.subTest(command=command):
                done = self.run_ntrust(*command.split(), '--help')
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertRegex(done.stdout, '(?s)^usage: ntrust %s.*Options:.*--json' % command)
                self.assertEqual(self.run_ntrust('-h', *command.split()).stdout, done.stdout)
                self.assertLessEqual(max(map(len, done.stdout.splitlines())), 104)

    def test_version(self):
        for program in (w.NTRUST, w.NTRUSTD):
            done = subprocess.run([program, '--version'], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, r'^ntrustd? \d+\.\d+')
        done = subprocess.run([w.NTRUSTD, '--help'], capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, '--check-config')


class Ready(w.TestCase):
    """What the service manager is told."""

    def test_notify(self):
        domain = self.world.domain('ACCOUNTS', 'ACCPDC')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(domain.path('notify'))
            s.settimeout(20)
            domain.env = {'NOTIFY_SOCKET': domain.path('notify')}
            domain.launch()
            self.assertRegex(s.recv(1000), b'READY=1')
            self.assertEqual(domain.api('GET', '/v1/status')['domain'], 'ACCOUNTS')
            self.assertEqual(domain.stop(), 0)
            self.assertRegex(s.recv(1000), b'STOPPING=1')


class Secrets(w.TestCase):
    """What was typed is in no log, no answer and no event; and no hash of it."""

    PASSWORDS = ('Initial-Planted-1', 'Alice-Planted-2', 'Wrong-Planted-3', w.ADMIN_PASSWORD)

    def test_nowhere(self):
        a, r = self.world.pair()
        initial, user, wrong, _ = self.PASSWORDS
        said = []
        run = lambda d, *args, **kw: said.extend(map(str, d.ntrust(*args, code=None, **kw)))
        run(a, 'user', 'password', 'alice', '--password-fd', '0', stdin=user)
        run(a, 'permit', 'add', 'RESOURCES', '--password-fd', '0', stdin=initial)
        server = '%s:%d' % (w.ADDRESS, a.epm_port)
        run(r, 'trust', 'add', 'ACCOUNTS', '--server', server, '--password-fd', '0', stdin=wrong)
        run(r, 'check', 'ACCOUNTS')
        run(r, 'reset', 'ACCOUNTS', '-U', 'Administrator', '--peer-password-fd', '0',
            stdin=w.ADMIN_PASSWORD)
        run(r, 'logon', r'ACCOUNTS\alice', '--password-fd', '0', stdin=user)
        run(r, 'logon', r'ACCOUNTS\alice', '--password-fd', '0', stdin=wrong)
        for d in (a, r):
            for path in ('status', 'domain', 'policy', 'permits', 'trusts', 'users', 'computers',
                         'groups', 'events?max=1000'):
                said.append(json.dumps(d.api('GET', '/v1/' + path)))
            d.raw_api('POST', '/v1/users', b'{"name": "x", "password": "%s", ' % wrong.encode())
            said.append(d.log_text())
            self.assertEqual(d.stop(), 0)
        files = [p for d in (a, r) for p in glob.glob(d.path('*')) if os.path.isfile(p)]
        held = [(p, open(p, 'rb').read()) for p in files]
        for password in self.PASSWORDS:
            marks = [password.encode(), password.encode('utf-16-le'),
                     w.netlogon.nt_hash(password), w.netlogon.nt_hash(password).hex().encode()]
            for text in said:
                for mark in marks:
                    self.assertNotIn(mark, text.encode(), 'a secret was shown')
                self.assertNotIn(w.netlogon.nt_hash(password).hex().upper(), text)
            for path, data in held:
                for mark in marks:
                    self.assertNotIn(mark, data, '%s holds a secret in the clear' % path)


if __name__ == '__main__':
    w.main()
