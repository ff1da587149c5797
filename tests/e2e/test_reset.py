"""ntrust reset: with an administrator of the other domain, killed at every step and run again, for
every way in which a trust is lost; and by a code, which each administrator takes to their own end:
typing errors cost nothing, and it serves once, for a while."""

import json
import os
import re
import socket
import subprocess
import threading
import time

import clock
import netlogon
import world as w

AS_ADMIN = ('-U', 'Administrator', '--peer-password-fd', '0')
ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'


class ApiProxy:
    """Stands before an admin socket, and acts at the n-th request: before it is forwarded, or when
    its answer has come and nobody has got it."""

    def __init__(self, domain):
        self.domain = domain
        self.path = domain.path('proxy.sock')
        self.count, self.point = 0, (0, False, None)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, n, before, act):
        self.count, self.point = 0, (n, before, act)

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                self._serve(client)

    def _serve(self, client):
        self.count += 1
        count, (n, before, act) = self.count, self.point
        request = self._request(client)
        if request is None:
            return
        if count == n and before:
            act()
            return
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self.domain.socket)
            server.sendall(request)
            answer = b''
            while more := server.recv(65536):
                answer += more
        if count == n:
            act()
            return
        try:
            client.sendall(answer)
        except OSError:
            pass  # it was killed

    @staticmethod
    def _request(client):
        """None when the command was killed while it sent it."""
        data, size = b'', None
        while size is None or len(data) < size:
            more = client.recv(65536)
            if not more:
                return None
            data += more
            end = data.find(b'\r\n\r\n')
            if end >= 0 and size is None:
                length = re.search(rb'Content-Length: (\d+)', data[:end]).group(1)
                size = end + 4 + int(length)
        return data


class Resets(w.TestCase):
    def setUp(self):
        super().setUp()
        self.accounts, self.resources = self.world.pair()
        self.resources.api('POST', '/v1/users', {'name': 'bob', 'password': 'Builder1x'})
        for d in (self.accounts, self.resources):
            d.api('PATCH', '/v1/policy', {'retry_first_s': 1, 'retry_most_s': 1})

    # --- what is seen ---

    @staticmethod
    def settled(trusting, trusted):
        trust, permit = trusting.trust(trusted.name), trusted.permit(trusting.name)
        return (trust and permit and trust['state'] == 'active' and not trust['degraded'] and
                permit['state'] == 'active' and trust['version'] == permit['version'])

    def check_works(self, trusting, trusted):
        try:
            w.until('both ends are settled', lambda: self.settled(trusting, trusted))
        except AssertionError as e:
            raise AssertionError(e, trusting.trust(trusted.name),
                                 trusted.permit(trusting.name)) from None
        user = {'ACCOUNTS': ('alice', 'Wonder1land'), 'RESOURCES': ('bob', 'Builder1x')}
        logon = trusting.logon(trusted.name, *user[trusted.name])
        self.assertEqual(logon['status'], 'SUCCESS', logon)

    def opens(self, trusting, trusted, password):
        return netlogon.attempt(w.ADDRESS, trusted.rpc_port, trusting.name, trusting.computer,
                                password) == netlogon.SUCCESS

    # --- commands ---

    @staticmethod
    def server(domain):
        return '%s:%d' % (w.ADDRESS, domain.epm_port)

    def reset(self, here, there, *args, code=0):
        out, err = here.ntrust('reset', there.name, *AS_ADMIN, *args, stdin=w.ADMIN_PASSWORD,
                               code=code)
        return out + err

    def make(self, here, there, *args):
        out, _ = here.ntrust('reset', '--here', there.name, '--json', *args)
        last = json.loads(out.splitlines()[-1])
        self.assertRegex(last['code'], '^([%s]{5}-){4}[%s]{5}$' % (ALPHABET, ALPHABET))
        self.assertEqual(last['next'], 'at %s: ntrust reset --code %s' % (there.name, here.name))
        return last['code']

    def take(self, here, there, typed, *args, code=0):
        out, err = here.ntrust('reset', '--code', there.name, '--password-fd', '0', *args,
                               stdin=typed, code=code)
        return out + err


class BothEnds(Resets):
    """With an administrator of the other domain."""

    def start(self, here, there, socket_path, args):
        process = subprocess.Popen(
            [w.NTRUST, '--socket', socket_path, 'reset', there.name, *AS_ADMIN, '--json', *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        process.stdin.write(w.ADMIN_PASSWORD)
        process.stdin.close()
        return process

    def whole(self, here, there, args):
        """Undisturbed: the number of lines and of requests."""
        self.proxy.arm(0, False, None)
        process = self.start(here, there, self.proxy.path, args)
        lines = process.stdout.read().splitlines()
        process.stdout.close()
        self.assertEqual(process.wait(30), 0, lines)
        self.assertEqual(json.loads(lines[-1])['result'], 'good')
        return len(lines), self.proxy.count

    def interrupted(self, here, there, trusts, args):
        """Killed after each line that it prints (a half after the other is as good as alone), and
        when ntrustd has done what it was asked and the command does not know; run again, all works
        each time."""
        self.proxy = ApiProxy(here)
        self.addCleanup(self.proxy.close)
        lines, requests = self.whole(here, there, args)
        points = [('line', n) for n in range(1, lines)] if len(trusts) == 1 else []
        points += [('request', n) for n in range(1, requests + 1)]
        for kind, n in points:
            with self.subTest(kind=kind, n=n):
                hit = threading.Event()
                process = self.start(here, there, self.proxy.path, args) if kind == 'line' else None
                if kind == 'line':
                    for _ in range(n):
                        process.stdout.readline()
                    process.kill()
                else:
                    started = []

                    def act():
                        while not started:
                            time.sleep(0.001)
                        started[0].kill()
                        started[0].wait()
                        hit.set()
                    self.proxy.arm(n, False, act)
                    process = self.start(here, there, self.proxy.path, args)
                    started.append(process)
                    # How often it asks for the proof depends on how busy the machine is.
                    while not hit.wait(0.01) and process.poll() is None:
                        pass
                process.wait(20)
                process.stdout.close()
                self.proxy.arm(0, False, None)
                self.reset(here, there, *args)
                for trusting, trusted in trusts:
                    self.check_works(trusting, trusted)

    def test_interrupted_at_the_trusting_end(self):
        w.establish(self.resources, self.accounts)
        self.interrupted(self.resources, self.accounts, [(self.resources, self.accounts)], ())

    def test_interrupted_at_the_trusted_end(self):
        w.establish(self.resources, self.accounts)
        self.interrupted(self.accounts, self.resources, [(self.resources, self.accounts)],
                         ('--server', self.server(self.resources)))

    def test_interrupted_with_a_two_way_trust(self):
        w.establish(self.resources, self.accounts)
        w.establish(self.accounts, self.resources)
        self.interrupted(self.accounts, self.resources,
                         [(self.resources, self.accounts), (self.accounts, self.resources)], ())

    # --- ways to lose a trust ---

    def removed_there(self, trusting, trusted):
        trusted.api('DELETE', '/v1/permits/' + trusting.name)

    def removed_here(self, trusting, trusted):
        trusting.api('DELETE', '/v1/trusts/' + trusted.name)

    def permitted_anew(self, trusting, trusted):
        self.removed_there(trusting, trusted)
        trusted.api('POST', '/v1/permits', {'name': trusting.name, 'password': 'again'})

    def burned(self, trusting, trusted):
        self.permitted_anew(trusting, trusted)
        self.assertFalse(self.opens(trusting, trusted, 'wrong'))
        self.assertEqual(trusted.permit(trusting.name)['state'], 'burned')

    def other_password(self, trusting, trusted):
        trusting.api('POST', '/v1/trusts/%s/reset' % trusted.name, {'password': 'other'})

    def other_sid(self, trusting, trusted):
        trusting.api('POST', '/v1/trusts/%s/reset' % trusted.name,
                     {'password': 'x', 'sid': 'S-1-5-21-1-2-3'})

    def nowhere(self, trusting, trusted):
        trusting.api('PATCH', '/v1/trusts/' + trusted.name,
                     {'servers': ['%s:%d' % (w.ADDRESS, w.free_port())]})

    def test_every_way_to_lose_it(self):
        """From either end, one-way and two-way, in one command."""
        a, r = self.accounts, self.resources
        ways = (self.removed_there, self.removed_here, self.permitted_anew, self.burned,
                self.other_password, self.other_sid, self.nowhere)
        for two_way in (False, True):
            if two_way:
                w.establish(a, r)
            else:
                w.establish(r, a)
            for lose in ways:
                for here, there in ((r, a), (a, r)):
                    # Only the trusting end can look elsewhere, or be told where.
                    if here is a and (not two_way or lose in (self.nowhere, self.removed_here)):
                        continue
                    with self.subTest(two_way=two_way, lose=lose.__name__, here=here.name):
                        lose(r, a)
                        if here is a and lose == self.other_sid:
                            # Nor can the SID of its object be changed from outside.
                            out = self.reset(a, r, '--server', self.server(r), code=1)
                            self.assertIn('Next: at RESOURCES: ntrust reset ACCOUNTS -U', out)
                            here, there = r, a
                        self.reset(here, there, '--server', self.server(there))
                        self.check_works(r, a)
                        if two_way:
                            self.check_works(a, r)

    def test_a_computer_with_the_domains_name(self):
        """It is never taken for the trust's account, nor removed."""
        a, r = self.accounts, self.resources
        w.establish(r, a)
        self.removed_there(r, a)
        a.api('POST', '/v1/computers', {'name': 'RESOURCES', 'kind': 'workstation'})
        version = r.trust('ACCOUNTS')['version']
        out = self.reset(r, a, code=1)
        self.assertRegex(out, r'(?s)RESOURCES\$ is a workstation account there.*'
                              r'Nothing was changed at either end. Next: at ACCOUNTS: '
                              r'ntrust computer remove RESOURCES')
        out = self.reset(a, r, '--server', self.server(r), code=1)
        self.assertRegex(out, r'(?s)computer.*Next: ntrust computer remove RESOURCES')
        self.assertIn('not a trust', a.ntrust('reset', '--here', 'RESOURCES', '--as', 'trusted',
                                              code=1)[0])
        self.assertEqual(r.trust('ACCOUNTS')['version'], version)
        a.ntrust('computer', 'remove', 'RESOURCES')
        self.reset(r, a)
        self.check_works(r, a)

    def test_the_plan(self):
        a, r = self.accounts, self.resources
        w.establish(r, a)
        w.establish(a, r)
        before = [json.dumps(d.api('GET', '/v1/' + what)) for d in (a, r)
                  for what in ('trusts', 'permits')]
        out = self.reset(r, a, '--dry-run', '--json')
        lines = [json.loads(line) for line in out.splitlines()]
        plan = [(line['at'], line['step']) for line in lines if line['result'] == 'would']
        self.assertEqual(plan, [
            ('ACCOUNTS', 'remove RESOURCES$'),
            ('ACCOUNTS', 'make RESOURCES$ with a fresh random password'),
            ('RESOURCES', 'begin anew the trust with ACCOUNTS with the same password'),
            ('RESOURCES', 'prove it, and have the system replace the password'),
            ('RESOURCES', 'withdraw the permission of ACCOUNTS'),
            ('ACCOUNTS', 'give its object for RESOURCES a fresh random password'),
            ('RESOURCES', 'permit ACCOUNTS with the same password'),
            ('ACCOUNTS', 'prove it, and have the system replace the password')])
        self.assertEqual((lines[-1]['result'], lines[-1]['changes']), ('dry-run', 0))
        out = self.reset(r, a, '--dry-run', '--as', 'trusted')
        self.assertNotIn('remove RESOURCES$', out)
        self.assertRegex(out, r'(?s)  - RESOURCES: permit ACCOUNTS.*Nothing was changed')
        self.assertEqual(before, [json.dumps(d.api('GET', '/v1/' + what)) for d in (a, r)
                                  for what in ('trusts', 'permits')])


class Codes(Resets):
    """Each administrator at their own end."""

    def test_either_end_begins(self):
        a, r = self.accounts, self.resources
        for two_way in (False, True):
            w.establish(*((a, r) if two_way else (r, a)))
            for maker, taker in ((a, r), (r, a)):
                with self.subTest(two_way=two_way, maker=maker.name):
                    code = self.make(maker, taker)
                    typed = code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')
                    self.take(taker, maker, typed)
                    for trusting, trusted in ((r, a), (a, r))[:2 if two_way else 1]:
                        w.until('both ends agree', lambda: self.settled(trusting, trusted))
                        self.check_works(trusting, trusted)
                        self.assertFalse(self.opens(trusting, trusted, code), 'it serves once')
                        self.assertEqual(trusted.permit(trusting.name)['state'], 'active')
                    # Once more: nothing is changed, and all is well.
                    version = r.trust('ACCOUNTS')['version']
                    self.assertIn('typed here before', self.take(taker, maker, typed))
                    self.assertEqual(r.trust('ACCOUNTS')['version'], version)
                    for d in (a, r):
                        said = d.log_text() + json.dumps(d.api('GET', '/v1/events?max=1000'))
                        self.assertNotIn(code, said)
                        self.assertNotIn(typed, said)

    def test_nothing_is_left(self):
        """The code says which end the other one is."""
        a, r = self.accounts, self.resources
        out, _ = a.ntrust('reset', '--here', 'RESOURCES', code=1)
        self.assertIn('--as trusted', out)
        code = self.make(a, r, '--as', 'trusted')
        self.take(r, a, code, '--server', self.server(a))
        self.check_works(r, a)

    def test_interrupted(self):
        """What is made or taken is so at once; the last code counts."""
        a, r = self.accounts, self.resources
        w.establish(r, a)
        proxies = {d: ApiProxy(d) for d in (a, r)}
        for p in proxies.values():
            self.addCleanup(p.close)

        def run(domain, n, before, *args, stdin=''):
            """Killed at the n-th request."""
            started, hit = [], threading.Event()

            def act():
                while not started:
                    time.sleep(0.001)
                started[0].kill()
                started[0].wait()
                hit.set()
            proxies[domain].arm(n, before, act)
            process = subprocess.Popen([w.NTRUST, '--socket', proxies[domain].path, 'reset', *args],
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, text=True)
            process.stdin.write(stdin)
            process.stdin.close()
            started.append(process)
            while not hit.wait(0.01) and process.poll() is None:
                pass
            process.wait(20)

        for maker, taker in ((a, r), (r, a)):
            for before in (True, False):
                for n in range(1, 7) if maker is a else (4, 5):  # which waits for a second
                    with self.subTest(maker=maker.name, n=n, before=before):
                        if n <= 4:
                            run(maker, n, before, '--here', taker.name)
                        code = self.make(maker, taker)
                        # the domain, two halves, the code, two halves again
                        run(taker, n, before, '--code', maker.name, '--password-fd', '0',
                            stdin=code)
                        self.take(taker, maker, code)
                        self.check_works(r, a)

    def test_typing_errors_cost_nothing(self):
        a, r = self.accounts, self.resources
        w.establish(r, a)
        code = self.make(a, r)
        symbols = code.replace('-', '')
        wrong = [symbols[:i] + ALPHABET[(ALPHABET.index(c) + 1 + i) % 32] + symbols[i + 1:]
                 for i, c in enumerate(symbols)]
        wrong += [symbols[:i] + symbols[i + 1] + symbols[i] + symbols[i + 2:]
                  for i in range(24) if symbols[i] != symbols[i + 1]]
        places = ('first', 'second', 'third', 'fourth', 'fifth')
        for n, typed in enumerate(wrong):
            with self.assertRaises(w.ApiError) as e:
                r.api('POST', '/v1/reset/ACCOUNTS/code', {'code': typed})
            self.assertEqual(e.exception.error['mistake'], 'typing')
            self.assertIn(places[(n if n < 25 else n - 25) // 5] if n < 25 else 'group',
                          e.exception.error['text'])
        for typed, says in (('\n', '25 characters, not 0'), (code[:-1], 'not 24'),
                            (code + '7', 'not 26'), (code[:-1] + 'U', 'after 24 characters'),
                            (symbols[10:] + symbols[:10], 'mistyped, or is not one')):
            out = self.take(r, a, typed, code=1)
            self.assertIn(says, out)
            self.assertIn('Nothing was sent, and the code is as good as before', out)
        self.assertEqual(r.trust('ACCOUNTS')['state'], 'active')
        permit = a.permit('RESOURCES')
        self.assertEqual((permit['state'], permit['attempts_left'], permit['last_bad']),
                         ('permitted', 1, ''))
        self.assertNotEqual(permit['code_until'], '')
        self.take(r, a, code)
        self.check_works(r, a)

    def test_for_whom_it_is(self):
        a, r = self.accounts, self.resources
        third = self.world.domain('THIRD').start()
        w.establish(r, a)
        w.establish(r, third)
        code = self.make(a, r)
        self.assertRegex(self.take(r, third, code, code=1),
                         '(?s)a code of ACCOUNTS, not of THIRD.*ntrust reset --code ACCOUNTS')
        self.assertRegex(self.take(a, r, code, code=1),
                         '(?s)was made here.*at RESOURCES: ntrust reset --code ACCOUNTS')
        self.assertIn('is not one', self.take(third, a, code, code=1))
        self.take(r, a, code)
        self.check_works(r, a)

    def test_a_wrong_one_burns_it(self):
        a, r = self.accounts, self.resources
        w.establish(r, a)
        code = self.make(a, r)
        self.assertFalse(self.opens(r, a, 'WRONG-WRONG'))
        self.assertEqual(a.permit('RESOURCES')['state'], 'burned')
        out = self.take(r, a, code, code=1)
        self.assertRegex(out, '(?s)burned.*Next: at ACCOUNTS: ntrust reset --here RESOURCES')
        self.assertEqual(r.trust('ACCOUNTS')['reason'], 'initial-password-burned')
        # and so does one that was made before the last
        old, last = self.make(a, r), self.make(a, r)
        self.assertIn('not the last one that was made', self.take(r, a, old, code=1))
        self.assertIn('not the last one that was made', self.take(r, a, last, code=1))
        self.take(r, a, self.make(a, r))
        self.check_works(r, a)

    def test_on_a_terminal(self):
        """It is asked for, and after a typing error asked for again."""
        import pty
        a, r = self.accounts, self.resources
        w.establish(r, a)
        code = self.make(a, r)
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(w.NTRUST, [w.NTRUST, '--socket', r.socket, 'reset', '--code', 'ACCOUNTS'])
        said, typed = b'', [code[:-2] + '\n', code.lower() + '\n']
        try:
            while more := os.read(fd, 4096):
                said += more
                if said.endswith(b'Reset code from ACCOUNTS: ') and typed:
                    os.write(fd, typed.pop(0).encode())
        except OSError:
            pass  # the terminal's end
        os.close(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, said)
        self.assertRegex(said.decode(), '(?s)not 23.*Reset code.*re-established at both ends')
        self.check_works(r, a)


class Expiry(clock.TestCase):
    DAY = 86400

    def setUp(self):
        super().setUp()
        self.accounts = self.shifted('ACCOUNTS', 'ACCPDC')
        self.resources = self.shifted('RESOURCES', 'RESPDC')
        w.establish(self.resources, self.accounts)

    def both(self, seconds):
        self.set_clock(self.accounts, seconds)
        self.set_clock(self.resources, seconds)

    @staticmethod
    def make(here, there):
        out, _ = here.ntrust('reset', '--here', there.name, '--json')
        return json.loads(out.splitlines()[-1])['code']

    def take(self, here, there, code):
        exit_code, out, err = here.ntrust('reset', '--code', there.name, '--password-fd', '0',
                                          stdin=code, code=None)
        return exit_code, out + err

    @staticmethod
    def state(domain, other):
        half = domain.permit(other.name) or domain.trust(other.name)
        return half['state'], half['version'], half['changed']

    def test_it_expires(self):
        a, r = self.accounts, self.resources
        for maker, taker in ((a, r), (r, a)):
            with self.subTest(maker=maker.name):
                self.both(0)
                r.maybe('DELETE', '/v1/trusts/ACCOUNTS')
                a.maybe('DELETE', '/v1/permits/RESOURCES')
                w.establish(r, a)
                code = self.make(maker, taker)
                before = self.state(taker, maker)
                self.both(self.DAY + 700)
                exit_code, out = self.take(taker, maker, code)
                self.assertEqual(exit_code, 1)
                self.assertRegex(out, '(?s)expired at.*Nothing was changed.*at %s: ntrust reset '
                                      '--here %s' % (maker.name, taker.name))
                self.assertEqual(self.state(taker, maker), before)
                half = maker.permit(taker.name) or maker.trust(taker.name)
                self.assertRegex(half['text'], 'expired at .*, unused')
                self.assertIn('ntrust reset --here ' + taker.name, half['next'])

    def test_its_maker_decides(self):
        """The taker's clock is behind: it offers the code, and is refused."""
        a, r = self.accounts, self.resources
        code = self.make(a, r)
        self.set_clock(a, self.DAY + 700)
        exit_code, out = self.take(r, a, code)
        self.assertEqual(exit_code, 1)
        self.assertIn('at ACCOUNTS: ntrust reset --here RESOURCES', out)
        self.assertEqual(a.permit('RESOURCES')['proven'], '')
        self.assertNotEqual(r.trust('ACCOUNTS')['state'], 'active')

    def test_its_lifetime_is_a_setting(self):
        a, r = self.accounts, self.resources
        a.ntrust('policy', 'set', 'reset_code_lifetime_s', '7d')
        code = self.make(a, r)
        self.both(7 * self.DAY - 60)
        self.assertEqual(self.take(r, a, code)[0], 0)


if __name__ == '__main__':
    w.main()
