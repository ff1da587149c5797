"""Samba's rpcclient, run as a program."""

import lab

NO_CONFIG = '/dev/null'  # whatever the system's smb.conf says must not matter


def rpcclient(domain, command, protection='seal', user=None, password=None, ok=True, options=()):
    """Runs one command against a domain's controller and gives its output. user: DOMAIN\\NAME
    (the Administrator unless given); '': anonymous."""
    if user is None:
        user, password = domain.name + '\\Administrator', domain.password
    binding = 'ncacn_ip_tcp:' + domain.address
    if protection:
        binding += '[%s]' % protection
    return lab.run(['rpcclient', '-s', NO_CONFIG, binding, '-U', '%s%%%s' % (user, password or ''),
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
