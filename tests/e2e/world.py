"""Domains for the end-to-end tests: real ntrustd processes on loopback, each with a folder and ports
of its own, and all that a test does to them."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import netlogon

NTRUST = os.environ.get('NTRUST', 'build/src/cli/ntrust')
NTRUSTD = os.environ.get('NTRUSTD', 'build/src/daemon/ntrustd')
ADMIN_PASSWORD = 'Passw0rd1'
START_S = 20  # with sanitizers on a busy machine
WAIT_S = 15
PROXY_ADDRESS = '127.0.0.2'
ADDRESS = '127.0.0.1'


class ApiError(Exception):
    """An answer of 4xx or 5xx."""

    def __init__(self, http_status, answer):
        error = answer.get('error', {}) if isinstance(answer, dict) else {}
        super().__init__('HTTP %d: %s' % (http_status, json.dumps(answer)))
        self.http = http_status
        self.error = error
        self.status = error.get('status')


class Unreachable(Exception):
    """No answer: the daemon is not there, or went before it answered."""


_ports_given = set()


def own_network():
    """Starts this program again in a network namespace where it may make one, so that programs that
    run at the same time cannot take each other's ports while a domain is down."""
    if os.geteuid() != 0 or os.environ.get('NTRUST_NETWORK') == 'own':
        return
    os.environ['NTRUST_NETWORK'] = 'own'
    up = 'ip link set lo up && exec "$@"'
    os.execvp('unshare', ['unshare', '--net', 'sh', '-c', up, 'sh', sys.executable] + sys.argv)


def free_port():
    """A port that is free on the addresses used here, below those that the system gives to
    connections. Not given twice."""
    while True:
        port = 10000 + int.from_bytes(os.urandom(2), 'big') % 22000
        if port in _ports_given:
            continue
        try:
            with socket.socket() as s:
                s.bind(('0.0.0.0', port))
        except OSError:
            continue
        _ports_given.add(port)
        return port


def until(what, condition, timeout=WAIT_S, step=0.01):
    """Waits for a true value of condition(), and returns it."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('waited %d s in vain: %s' % (timeout, what))
        time.sleep(step)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Domain:
    """One domain with one controller. Its folder has the store, the key, the configuration, the
    admin socket and the log; all of them can be spoiled by a test between stop() and start()."""

    def __init__(self, folder, name, computer, init=True):
        self.name, self.computer, self.folder = name, computer, folder
        self.epm_port, self.rpc_port, self.smb_port = free_port(), free_port(), free_port()
        self.process = None
        self.starts = 0
        self.env = {}
        self.preexec = None  # in the daemon's process before it is executed
        # It ends with this process, also when that is killed.
        self.command = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--', NTRUSTD]
        os.makedirs(folder, exist_ok=True)
        self.store = self.path('domain.db')
        self.key = self.path('master.key')
        self.socket = self.path('admin.sock')
        self.log = self.path('log')
        self.config = self.path('ntrustd.conf')
        self.write_config()
        if init:
            self.ntrust('domain', 'init', name, '--computer', computer, '--store', self.store,
                        '--password-fd', '0', stdin=ADMIN_PASSWORD)

    def path(self, name):
        return os.path.join(self.folder, name)

    def settings(self):
        return {'domain': {'store': self.store, 'master_key': self.key},
                'listen': {'address': ADDRESS, 'epm_port': self.epm_port,
                           'rpc_port': self.rpc_port, 'smb_port': self.smb_port, 'loops': 1},
                'admin': {'socket': self.socket},
                'log': {'level': 'debug'}}

    def write_config(self, changes=None):
        """The usual settings, and changes to them: {section: {key: value or None to leave out}}."""
        settings = self.settings()
        for section, keys in (changes or {}).items():
            settings.setdefault(section, {}).update(keys)
        with open(self.config, 'w') as f:
            for section, keys in settings.items():
                f.write('[%s]\n' % section)
                f.writelines('%s = %s\n' % kv for kv in keys.items() if kv[1] is not None)

    # --- the process ---

    def launch(self):
        """Starts the process without waiting."""
        assert self.process is None
        self.starts += 1
        env = dict(os.environ, **self.env)
        with open(self.log, 'ab') as log:
            log.write(b'--- start %d\n' % self.starts)
            log.flush()
            self.process = subprocess.Popen(self.command + ['-c', self.config], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=self.preexec)

    def wait_ready(self, timeout=START_S):
        end = time.monotonic() + timeout
        while True:
            code = self.process.poll()
            if code is not None:
                self.process = None
                raise AssertionError('%s: ntrustd ended with code %s:\n%s' %
                                     (self.name, code, self.log_tail(5)))
            try:
                return self.api('GET', '/v1/status', timeout=2)
            except Unreachable:
                if time.monotonic() > end:
                    raise AssertionError('%s: ntrustd does not become ready' % self.name)
                time.sleep(0.005)

    def start(self):
        self.launch()
        self.wait_ready()
        return self

    def kill(self):
        """SIGKILL, and gone when this returns. Any thread; a second time is harmless."""
        process = self.process
        if process is not None:
            process.kill()
            process.wait()
            self.process = None

    def stop(self, timeout=START_S):
        """SIGTERM; returns the exit code."""
        process = self.process
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            self.process = None
            raise AssertionError('%s: ntrustd does not stop on SIGTERM' % self.name)
        self.process = None
        return code

    def run_failing(self, timeout=START_S):
        """Starts a daemon that must refuse to: (exit code, what it said)."""
        env = dict(os.environ, **self.env)
        done = subprocess.run(self.command + ['-c', self.config], env=env, timeout=timeout,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, preexec_fn=self.preexec)
        return done.returncode, done.stdout.decode('utf-8', 'replace')

    def log_text(self):
        try:
            with open(self.log, errors='replace') as f:
                return f.read()
        except OSError:
            return ''

    def log_tail(self, lines=60):
        return '\n'.join(self.log_text().splitlines()[-lines:])

    # --- the admin API ---

    def raw_api(self, method, path, data=b'', timeout=90, headers=None):
        """(HTTP status, answer as it came)."""
        connection = _UnixConnection(self.socket, timeout)
        try:
            connection.request(method, path, body=data, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as e:
            raise Unreachable('%s %s at %s: %r' % (method, path, self.name, e)) from None
        finally:
            connection.close()

    def api(self, method, path, body=None, timeout=90):
        """The answer; ApiError for 4xx and 5xx, Unreachable when there is none."""
        data = b'' if body is None else json.dumps(body).encode()
        status, text = self.raw_api(method, path, data, timeout)
        answer = json.loads(text)
        if status != 200:
            raise ApiError(status, answer)
        return answer

    def maybe(self, method, path, body=None, timeout=90):
        """The answer, or None for 4xx."""
        try:
            return self.api(method, path, body, timeout)
        except ApiError as e:
            if e.http >= 500:
                raise
            return None

    def trust(self, name):
        return self.maybe('GET', '/v1/trusts/' + name)

    def permit(self, name):
        return self.maybe('GET', '/v1/permits/' + name)

    def logon(self, domain, user, password):
        """A network logon at this domain; the answer of the API."""
        challenge = os.urandom(8)
        response = netlogon.ntlmv2_response(user, domain, password, challenge)
        return self.api('POST', '/v1/logon', {'domain': domain, 'user': user,
                                              'challenge': challenge.hex(),
                                              'nt_response': response.hex()})

    # --- the command line ---

    def ntrust(self, *args, stdin='', code=0, pass_fds=(), timeout=90):
        """Runs ntrust against this domain. Its output (stdout, stderr); the exit code must be
        `code` unless that is None: then it is returned, too."""
        done = subprocess.run([NTRUST, '--socket', self.socket] + list(args), input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              text=True, errors='replace', pass_fds=pass_fds)
        if code is None:
            return done.returncode, done.stdout, done.stderr
        if done.returncode != code:
            raise AssertionError('ntrust %s: exit code %d, not %d\n%s%s' %
                                 (' '.join(args), done.returncode, code, done.stdout, done.stderr))
        return done.stdout, done.stderr


class World:
    """A folder of its own with domains in it, all ended and removed at the end."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='ntrust-e2e-')
        os.chmod(self.folder, 0o755)  # for the tests that become another user
        self.domains = []
        self.closers = []

    def domain(self, name, computer=None, **options):
        computer = computer or name[:11] + 'PDC'
        folder = os.path.join(self.folder, '%s-%d' % (name.lower(), len(self.domains)))
        domain = Domain(folder, name, computer, **options)
        self.domains.append(domain)
        return domain

    def pair(self):
        """ACCOUNTS with the user alice, and RESOURCES; both run."""
        accounts = self.domain('ACCOUNTS', 'ACCPDC').start()
        resources = self.domain('RESOURCES', 'RESPDC').start()
        accounts.api('POST', '/v1/users', {'name': 'alice', 'password': 'Wonder1land'})
        return accounts, resources

    def proxy(self, domain):
        proxy = Proxy(domain)
        self.closers.append(proxy.close)
        return proxy

    def logs(self, lines=60):
        return '\n'.join('===== log of %s (%s)\n%s' % (d.name, d.folder, d.log_tail(lines))
                         for d in self.domains)

    def close(self):
        for closer in self.closers:
            closer()
        for domain in self.domains:
            domain.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind not in (None, KeyboardInterrupt):
            print(self.logs(), file=sys.stderr)
        self.close()


def establish(trusting, trusted, password='initial', server=None):
    """A whole trust; returns it as the trusting end shows it."""
    trusted.api('POST', '/v1/permits', {'name': trusting.name, 'password': password})
    server = server or '%s:%d' % (ADDRESS, trusted.epm_port)
    trust = trusting.api('POST', '/v1/trusts', {'name': trusted.name, 'servers': [server],
                                                'password': password})
    if trust['state'] != 'active':
        raise AssertionError('the trust was not established: %s' % json.dumps(trust))
    return trust


class Proxy:
    """Stands between a trusting domain and a domain's two ports, on another address of loopback,
    and counts the PDUs of DCE/RPC in both directions: so that a test can act at the n-th."""

    def __init__(self, domain):
        self.domain = domain
        self.server = '%s:%d' % (PROXY_ADDRESS, domain.epm_port)
        self.lock = threading.Lock()
        self.count = 0
        self.point = None  # (n, before, act)
        self.closed = False
        self.connections = set()
        self.listeners = []
        for port in (domain.epm_port, domain.rpc_port):
            listener = socket.create_server((PROXY_ADDRESS, port), backlog=64)
            self.listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener, port), daemon=True).start()

    def arm(self, n, before, act):
        """Counting begins at 0 now. At the n-th PDU act() is called in the proxy's thread, before
        or after it is forwarded; one that act() comes before is forwarded no more."""
        with self.lock:
            self.count = 0
            self.point = (n, before, act)

    def disarm(self):
        """Returns the PDUs since arm."""
        with self.lock:
            self.point = None
            return self.count

    def close(self):
        self.closed = True
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self):
        """Ends all connections."""
        with self.lock:
            connections = list(self.connections)
        for s in connections:
            self.end(s)

    def end(self, s):
        with contextlib.suppress(OSError):
            s.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener, port):
        while not self.closed:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((ADDRESS, port), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one, other):
        data = b''
        with contextlib.suppress(OSError):
            while True:
                more = one.recv(65536)
                if not more:
                    break
                data += more
                while len(data) >= 16:
                    size = max(16, int.from_bytes(data[8:10], 'little'))
                    if len(data) < size:
                        break
                    if not self._forward(data[:size], other):
                        break
                    data = data[size:]
        self.end(other)
        self.end(one)
        with self.lock:
            self.connections.discard(one)
        one.close()

    def _forward(self, pdu, to):
        with self.lock:
            self.count += 1
            point = self.point if self.point is not None and self.count == self.point[0] else None
            if point is not None and point[1]:
                point[2]()
                return False
            to.sendall(pdu)
            if point is not None:
                point[2]()
        return True


class TestCase(unittest.TestCase):
    """With a world for each test; its logs are shown when the test fails."""

    def setUp(self):
        self.world = World()
        self.addCleanup(self.world.close)


class _Result(unittest.TextTestResult):
    def _show_logs(self, test):
        if hasattr(test, 'world'):
            print('\n%s: the logs\n%s' % (test.id(), test.world.logs()), file=sys.stderr)

    def addError(self, test, err):
        self._show_logs(test)
        super().addError(test, err)

    def addFailure(self, test, err):
        self._show_logs(test)
        super().addFailure(test, err)


def _on_terminate(number, frame):
    sys.exit('ended by signal %d' % number)


def end_cleanly():
    """A test that is ended from outside takes its domains with it."""
    signal.signal(signal.SIGTERM, _on_terminate)


def main():
    own_network()
    end_cleanly()
    runner = unittest.TextTestRunner(resultclass=_Result, verbosity=2)
    unittest.main(module='__main__', testRunner=runner)
