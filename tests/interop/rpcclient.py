"""Samba's rpcclient, run as a program."""

import os

import lab


def config():
    """Our own smb.conf: whatever the system's says must not matter, and it writes where we may."""
    path = os.path.join(lab.ROOT, 'smb.conf')
    if not os.path.exists(path):
        os.mkdir(os.path.join(lab.ROOT, 'samba'))
        with open(path, 'w', encoding='utf-8') as f:
            f.write('[global]\n' + ''.join('%s directory = %s/samba\n' % (d, lab.ROOT) for d in (
                'lock', 'state', 'cache', 'pid')) + 'private dir = %s/samba\n' % lab.ROOT)
    return path


def rpcclient(domain, command, protection='seal', user=None, password=None, ok=True, options=()):
    """Runs one command against a domain's controller and gives its output. user: DOMAIN\\NAME
    (the Administrator unless given); '': anonymous."""
    if user is None:
        user, password = domain.name + '\\Administrator', domain.password
    binding = 'ncacn_ip_tcp:' + domain.address
    if protection:
        binding += '[%s]' % protection
    return lab.run(['rpcclient', '-s', config(), binding, '-U', '%s%%%s' % (user, password or ''),
                    *options, '-c', command], ok=ok)[1]


def answer(domain, command, call, **more):
    """The fields of the answer to `call` that rpcclient got, as its debugging output shows them:
    (name, value) in order. For what the command itself does not print."""
    text = rpcclient(domain, command, options=['-d', '10'], **more)
    start = text.rindex('out: struct %s\n' % call)
    fields = []
    for line in text[start:].splitlines()[1:]:
        if not line.startswith('    '):
            break
        name, colon, value = line.partition(':')
        if colon and value.strip() not in ('', '*'):
            fields.append((name.strip(), value.strip()))
    return fields
