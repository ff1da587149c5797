#!/usr/bin/python3
"""The laboratory itself: Samba with Samba, without ntrust. What works here and not in the tests
beside it is ours to mend."""

import unittest

import samba_lab
from samba_lab import PASSWORD

RED = BLUE = MEMBER = None


def setUpModule():
    global RED, BLUE, MEMBER
    RED = samba_lab.Controller('REDPDC', '10.78.0.1', 'RED', ('alice',))
    BLUE = samba_lab.Controller('BLUEPDC', '10.78.0.2', 'BLUE', ('bob',))
    MEMBER = samba_lab.Member('REDMEM', '10.78.0.3', 'RED')
    MEMBER.knows(REDPDC=RED.address, **{'RED#1b': RED.address, 'RED#1c': RED.address})
    RED.knows(BLUEPDC=BLUE.address, **{'BLUE#1b': BLUE.address, 'BLUE#1c': BLUE.address})
    RED.start('nmbd', 'smbd')
    BLUE.start('nmbd', 'smbd')
    BLUE.permit('RED', 'Trust.pw1')
    RED.store_trust('BLUE', BLUE.sid, 'Trust.pw1')
    RED.run(['net', 'setauthuser', '-U', 'BLUE\\bob%' + PASSWORD])
    RED.start('winbindd')
    MEMBER.run(['net', 'rpc', 'join', '-S', RED.address, '-U', 'RED\\root%' + PASSWORD])
    MEMBER.start('nmbd', 'smbd', 'winbindd')


class Laboratory(unittest.TestCase):
    def test_member(self):
        MEMBER.run('net rpc testjoin')
        MEMBER.run('wbinfo -t')
        MEMBER.run(['wbinfo', '-a', 'RED\\alice%' + PASSWORD])

    def test_trust(self):
        RED.run('wbinfo -t --domain=BLUE')
        RED.run(['wbinfo', '-a', 'BLUE\\bob%' + PASSWORD])

    def test_files(self):
        for user in ('RED\\alice', 'BLUE\\bob'):
            BLUE.run(['smbclient', '//%s/data' % MEMBER.address, '-U', user + '%' + PASSWORD,
                      '-c', 'put /etc/hostname %s' % user.split('\\')[1]])


if __name__ == '__main__':
    samba_lab.main()
