#!/usr/bin/python3
"""README's section "Use it with Samba": its commands are typed at terminals of machines with the
names that the prompts have, as they stand there, and the passwords when they are asked for. The
machines have no systemd; a systemctl of ours starts the daemons that it is told to restart."""

import os
import pty
import re
import select
import shutil
import time
import unittest

import lab
import samba_lab
from samba_lab import PASSWORD

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'README.md')
SECTION = '## Use it with Samba'
MACHINES, TERMINALS = {}, {}
ADDRESSES = {'accdc': '10.78.0.1', 'staffdc': '10.78.0.2', 'files': '10.78.0.3',
             'pc': '10.78.0.4'}

SYSTEMCTL = """#!/bin/sh
# systemctl restart UNIT...: returns when they answer, as those of Debian do.
shift
for unit; do
    case $unit in winbind) daemon=winbindd ;; *) daemon=$unit ;; esac
    if [ -e /run/samba/$daemon.pid ]; then
        pid=$(cat /run/samba/$daemon.pid)
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    fi
    $daemon -D || exit 1
done
case " $* " in *" winbind "*) until wbinfo -p >/dev/null 2>&1; do sleep 0.05; done ;; esac
case " $* " in *" smbd "*) until [ -e /run/samba/smbd.pid ]; do sleep 0.05; done ;; esac
"""


def section():
    with open(README, encoding='utf-8') as f:
        return f.read().split(SECTION + '\n', 1)[1].split('\n## ', 1)[0]


def commands():
    """(machine, command) in order."""
    return re.findall(r'^    (\w+)# (.*)$', section(), re.MULTILINE)


def smb_conf():
    return re.search(r'^    \[global\]\n(?:    .*\n)+', section(), re.MULTILINE).group(0)


class Terminal:
    """A shell at a terminal of a machine."""

    PROMPT = 'what next? '

    def __init__(self, machine, environment):
        pid, self.fd = pty.fork()
        if pid == 0:
            lab.die_with_parent()
            os.execvpe('nsenter', machine.prefix + ['bash', '--norc', '--noediting'],
                       dict(os.environ, PS1=self.PROMPT, TERM='dumb', **environment))
        self.until_prompt([])

    def until_prompt(self, passwords):
        """Reads to the next prompt of the shell, and types a password at each that asks for one."""
        text, answered = '', 0
        deadline = time.monotonic() + lab.STEP_S
        while not text.endswith(self.PROMPT):
            # not in the first line, which is the command's echo
            asked = re.search(r'\n[^\n]*(assword|again)[^\n]*: ?\Z', text)
            if asked and passwords and len(text) > answered:
                answered = len(text)
                os.write(self.fd, passwords.pop(0).encode() + b'\n')
            if not select.select([self.fd], [], [], 0.1)[0]:
                if time.monotonic() > deadline:
                    raise AssertionError('no prompt after:\n' + text)
                continue
            text += os.read(self.fd, 65536).decode(errors='replace').replace('\r', '')
        return text[:-len(self.PROMPT)]

    def type(self, command, passwords):
        """Gives the output; an error if the command fails."""
        os.write(self.fd, command.encode() + b'\n')
        out = self.until_prompt(passwords)
        os.write(self.fd, b'echo status $?\n')
        status = self.until_prompt([])
        lab.TRANSCRIPT.append(([command], out))
        if 'status 0' not in status:
            raise AssertionError('%s\n%s' % (command, out))
        return out


def setUpModule():
    accounts = samba_lab.Ntrust('ACCOUNTS', 'accdc', ADDRESSES['accdc'], ('alice',))
    staff = samba_lab.Controller('staffdc', ADDRESSES['staffdc'], 'STAFF', ('sam',))
    files = samba_lab.Machine('files', ADDRESSES['files'])
    MACHINES.update(accdc=accounts.machine, staffdc=staff, files=files,
                    pc=samba_lab.Machine('pc', ADDRESSES['pc']))
    files.write('/etc/samba/smb.conf', smb_conf())
    os.mkdir(files.path('/srv/data'))
    os.chmod(files.path('/srv/data'), 0o777)
    for machine in MACHINES.values():
        machine.knows(**ADDRESSES)
        os.mkdir(machine.path('/etc/lab'))
        machine.write('/etc/lab/systemctl', SYSTEMCTL)
        os.chmod(machine.path('/etc/lab/systemctl'), 0o755)
    staff.run('/etc/lab/systemctl restart nmbd smbd')
    path = '/etc/lab:%s:/usr/sbin:/usr/bin:/sbin:/bin' % os.path.dirname(shutil.which(lab.NTRUST))
    for name, machine in MACHINES.items():
        TERMINALS[name] = Terminal(machine, {'PATH': path, 'NTRUST_SOCKET': accounts.socket})


def passwords_for(command):
    """What the person at the terminal knows."""
    if 'trust add' in command:
        return ['Initial.pw1']
    if 'permit add' in command:
        return ['Initial.pw2'] * 2
    return [PASSWORD] * 2  # wbinfo -a asks twice


class Readme(unittest.TestCase):
    def test_the_commands_as_printed(self):
        listed = commands()
        self.assertGreater(len(listed), 15)
        self.assertEqual({name for name, _ in listed}, set(MACHINES))
        said = {command: TERMINALS[name].type(command, passwords_for(command))
                for name, command in listed}

        def saying(part):
            return next(out for command, out in said.items() if part in command)

        self.assertIn('IPC$', saying('smbclient -L'))
        self.assertIn('user:[alice]', saying('rpcclient accdc -U'))
        self.assertIn("Joined 'FILES' to domain 'ACCOUNTS'", saying('net rpc join'))
        self.assertIn('succeeded', saying('wbinfo -t'))
        self.assertIn('ACCOUNTS\\domain users', saying("id 'ACC"))
        self.assertIn('hello.txt', saying('//files/data'))
        self.assertIn('The initial password has been replaced', saying('ntrust trust add'))
        self.assertIn('STAFF\\sam is logged on', saying('ntrust logon'))
        self.assertIn('the trust works', saying('ntrust check'))
        self.assertIn('re-established at both ends', saying('ntrust reset'))
        self.assertIn('succeeded', saying('wbinfo -t --domain'))
        self.assertIn('challenge/response password authentication succeeded', saying('wbinfo -a'))


if __name__ == '__main__':
    samba_lab.main()
