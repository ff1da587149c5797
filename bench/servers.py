"""What bench/run and bench/samba share: the servers that are measured, on one core, and the load
generator on another.

The servers are ntrustd, and Samba's smbd as an NT-style controller. Both serve the domain BENCH with
the accounts that bench_netlogon expects.
"""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


def die(text):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {text}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def file_system(path):
    """The type of the file system that holds the path."""
    best, kind = "", "?"
    for line in open("/proc/mounts"):
        point, fstype = line.split()[1:3]
        if os.path.realpath(path).startswith(point.rstrip("/") + "/") and len(point) > len(best):
            best, kind = point, fstype
    return kind


def processor():
    return next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                 if line.startswith("model name")), "?")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def status_kib(pid, field):
    text = open(f"/proc/{pid}/status").read()
    return int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1))


def tree(root):
    """A process and all its descendants."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = open(f"/proc/{name}/stat").read()
            except OSError:
                continue  # it has just ended
            parents[int(name)] = int(text[text.rindex(")") + 2:].split()[1])
    found, more = set(), {root}
    while more:
        found |= more
        more = {pid for pid, parent in parents.items() if parent in found} - found
    return found


def pss_kib(root):
    """Proportional set size of a process with its descendants: shared pages count once."""
    sum_kib = 0
    for pid in tree(root):
        try:
            text = open(f"/proc/{pid}/smaps_rollup").read()
        except OSError:
            continue  # it has just ended
        sum_kib += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
    return sum_kib


def add_options(p):
    p.add_argument("--build", default="build", help="the build directory (release)")
    p.add_argument("--dir", help="where the stores are made: the disk to measure (default: build)")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=3, help="length of a round")
    p.add_argument("--nice", type=int, default=0, help="niceness of both (negative: ahead of others)")


def nice_session(pid, nice):
    """Niceness counts only inside a session where the kernel groups by them, sched(7) "The
    autogroup feature": so the session gets the same."""
    try:
        with open(f"/proc/{pid}/autogroup", "w") as f:
            f.write(str(nice))
    except OSError:
        pass  # it has just ended, or there is no such feature


def ahead_of_other_sessions(nice):
    try:
        os.setsid()
    except OSError:
        return  # the leader of a group, as a shell starts it: the session is not ours alone
    nice_session("self", nice)


class Runner:
    """The programs of a build, a directory for what they write, and where they run."""

    def __init__(self, args):
        self.args = args
        if args.nice:
            ahead_of_other_sessions(args.nice)
        self.build = os.path.abspath(args.build)
        self.ntrustd = self.built("src/daemon/ntrustd")
        self.program = self.built("bench/bench_netlogon")
        self.cores = sorted(os.sched_getaffinity(0))[:2]
        self.dir = tempfile.mkdtemp(prefix="ntrust-bench-", dir=args.dir or self.build)

    def built(self, name):
        path = os.path.join(self.build, name)
        if not os.access(path, os.X_OK):
            die(f"{path} is missing: build first (make build)")
        return path

    def pinned(self, index):
        """What stands before a command: 0 is the server's core, 1 the generator's."""
        command = ["taskset", "-c", str(self.cores[index % len(self.cores)])]
        if self.args.nice:
            command = ["nice", "-n", str(self.args.nice)] + command
        return command

    def generator(self, *args):
        r = subprocess.run(self.pinned(1) + [self.program, *args], capture_output=True, text=True,
                           timeout=360 + self.args.seconds)
        if r.returncode != 0:
            die(r.stderr.strip())
        return json.loads(r.stdout) if r.stdout else None


class Ntrustd:
    """A store on disk and the ntrustd that serves it."""

    def __init__(self, bench, name, computers, users, *link, smb=False, loops=1,
                 log="info"):
        self.bench, self.name = bench, "ntrustd"
        self.dir = os.path.join(bench.dir, name)
        os.mkdir(self.dir, 0o700)
        self.store = os.path.join(self.dir, "domain.db")
        self.key = os.path.join(self.dir, "master.key")
        self.port = free_port()
        self.smb_port = free_port() if smb else 0
        self.epm_port = free_port() if link == ("permits",) else 0
        bench.generator("fill", self.store, self.key, str(computers), str(users), *link)
        self.conf = os.path.join(self.dir, "ntrustd.conf")
        with open(self.conf, "w") as f:
            f.write(f"[domain]\nstore = {self.store}\nmaster_key = {self.key}\n"
                    f"[listen]\naddress = 127.0.0.1\nepm_port = {self.epm_port}\n"
                    f"rpc_port = {self.port}\nsmb_port = {self.smb_port}\n"
                    f"loops = {loops}\n[log]\nlevel = {log}\n"
                    f"[admin]\nsocket = {self.dir}/admin.sock\n")

    def start(self, env=None):
        """Starts ntrustd; gives the milliseconds until it said that it is ready."""
        path = os.path.join(self.dir, "notify")
        if os.path.exists(path):
            os.unlink(path)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(path)
        notify.settimeout(60)
        log = open(os.path.join(self.dir, "log"), "a")
        begun = time.monotonic()
        self.process = subprocess.Popen(
            self.bench.pinned(0) + [self.bench.ntrustd, "-c", self.conf], stdout=log, stderr=log,
            env=dict(os.environ, NOTIFY_SOCKET=path, **(env or {})))
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
        except socket.timeout:
            die(f"ntrustd did not start; see {self.dir}/log")
        notify.close()
        return (time.monotonic() - begun) * 1000

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        self.process.terminate()
        if self.process.wait(60) != 0:
            die(f"ntrustd ended with {self.process.returncode}; see {self.dir}/log")


SMB_CONF = """[global]
    workgroup = BENCH
    netbios name = BENCHPDC
    security = user
    domain logons = yes
    passdb backend = tdbsam
    log level = 0
    disable spoolss = yes
    load printers = no
    printcap name = /dev/null
    interfaces = 127.0.0.1/8
    bind interfaces only = yes
"""

# Run by the Python that Debian's python3-samba is for. Standard input: smbpasswd(5).
ADD_ACCOUNTS = """
import sys, time
from samba.dcerpc import samr
from samba.samba3 import param, passdb
param.get_context().load(sys.argv[1])
pdb = passdb.PDB('tdbsam')
for line in sys.stdin:
    name, _, _, nt_hash, flags = line.split(':')[:5]
    kind = samr.ACB_WSTRUST if 'W' in flags else samr.ACB_NORMAL
    pdb.create_user(name, kind)
    account = pdb.getsampwnam(name)
    account.acct_ctrl = kind
    account.nt_passwd = bytes.fromhex(nt_hash)
    account.pass_last_set_time = int(time.time())
    pdb.update_sam_account(account)
"""

STATE = {"/var/lib/samba": "lib", "/var/cache/samba": "cache", "/var/log/samba": "log"}


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def before_smbd():
    """samba-dcerpcd leaves its parent: so it, and its processor time, come back to smbd. A group of
    its own, because some of Samba's processes end with a signal to all of theirs."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def ended(pid):
    """Also buries it, if it was left to us as process 1."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass
    return not os.path.exists(f"/proc/{pid}")


class Samba:
    """An NT-style primary domain controller as Debian ships it. Its state is on the same disk as
    ntrustd's store, its locks on a tmpfs as everywhere; both are mounted over the system's places in
    our own mount namespace, as is a passwd file with its accounts."""

    smb_port = 445

    def __init__(self, bench, computers, users):
        self.bench, self.name = bench, "Samba"
        self.dir = os.path.join(bench.dir, "samba")
        os.mkdir(self.dir, 0o755)
        self.conf = os.path.join(self.dir, "smb.conf")
        with open(self.conf, "w") as f:
            f.write(SMB_CONF)
        accounts = subprocess.run([bench.program, "smbpasswd", str(computers), str(users)],
                                  check=True, capture_output=True, text=True).stdout
        self.own_unix(accounts)
        for place, name in STATE.items():
            os.mkdir(os.path.join(self.dir, name), 0o755)
            mount("--bind", os.path.join(self.dir, name), place)
        os.makedirs("/run/samba", exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=755", "samba", "/run/samba")
        self.add_accounts(accounts)

    def own_unix(self, accounts):
        """The accounts of the system; they are in files alone, which is the fastest."""
        passwd = open("/etc/passwd").read()
        for number, line in enumerate(accounts.splitlines(), 20000):
            passwd += f"{line.split(':')[0]}:x:{number}:100::/nonexistent:/bin/false\n"
        nsswitch = "passwd: files\ngroup: files\nhosts: files\n"
        for name, text in (("passwd", passwd), ("nsswitch.conf", nsswitch)):
            path = os.path.join(self.dir, name)
            with open(path, "w") as f:
                f.write(text)
            mount("--bind", path, f"/etc/{name}")

    def add_accounts(self, accounts):
        """In memory, since each account waits for the disk several times; then put on it."""
        private = "/var/lib/samba/private"
        os.makedirs(private, exist_ok=True)
        mount("-t", "tmpfs", "-o", "mode=700", "samba", private)
        r = subprocess.run(["/usr/bin/python3", "-B", "-c", ADD_ACCOUNTS, self.conf],
                           input=accounts, text=True, stderr=subprocess.PIPE)
        if r.returncode != 0:
            die(f"Samba's accounts could not be made: {r.stderr.strip()}")
        subprocess.run(["net", "-s", self.conf, "groupmap", "add", "ntgroup=Domain Users",
                        "unixgroup=users", "rid=513", "type=d"], check=True,
                       stdout=subprocess.DEVNULL)
        made = os.path.join(self.dir, "private")
        shutil.copytree(private, made)
        subprocess.run(["umount", private], check=True)
        shutil.copytree(made, private, dirs_exist_ok=True)

    def start(self):
        out = open(os.path.join(self.dir, "out"), "a")
        self.process = subprocess.Popen(
            self.bench.pinned(0) + ["smbd", "-s", self.conf, "--foreground", "--no-process-group"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=before_smbd)
        for _ in range(300):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.smb_port)) == 0:
                    return
            time.sleep(0.1)
        die(f"smbd did not start; see {self.dir}/out and {self.dir}/log")

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        pids = tree(self.pid)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        self.process.wait(60)
        for _ in range(300):
            pids = {pid for pid in pids if not ended(pid)}
            if not pids:
                return
            time.sleep(0.1)
        die(f"some of Samba's processes do not end: {sorted(pids)}")
