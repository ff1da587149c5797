#!/usr/bin/python3
"""NetBIOS with Samba: nmblookup, net and winbindd find ntrustd; nmbd is WINS server, neighbour and
rival; ntrustd finds Samba's controller, by every road, also where a trust names no server. In the end
tshark has nothing to complain of."""

import os
import subprocess
import unittest

import lab
import samba_lab
from samba_lab import PASSWORD, wait_until

RED = BLUE = EAST = HOST = CAPTURE = RECORDER = None
CAST = '10.78.0.255'


def record(path):
    """Records all of the laboratory's bridge from now on."""
    recorder = lab.popen(['dumpcap', '-q', '-i', samba_lab.BRIDGE, '-f', 'udp', '-w', path],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until('dumpcap records', lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    return recorder


def names(domain):
    return {n['name']: n for n in domain.json('status')['netbios']['names']}


def held(domain, road):
    return all(n[road] == 'held' for n in names(domain).values())


def setUpModule():
    global RED, BLUE, EAST, HOST, CAPTURE, RECORDER
    lab.need('nmblookup', 'dumpcap', 'tshark')
    CAPTURE = os.path.join(lab.ROOT, 'netbios.pcapng')
    RECORDER = record(CAPTURE)
    RED = samba_lab.Controller('REDPDC', '10.78.0.1', 'RED', ('alice',),
                               settings={'wins support': 'yes'})
    RED.start('nmbd', 'smbd')
    HOST = samba_lab.Machine('bluehost', '10.78.0.2')
    HOST.write('/etc/lmhosts.test', '10.78.0.1 REDPDC #PRE #DOM:RED\n')
    BLUE = lab.Domain('BLUE', 'BLUEPDC', HOST.address, machine=HOST,
                      settings={'netbios': {'wins': RED.address}})
    BLUE.ntrust('user', 'add', 'bob', password=PASSWORD)
    wait_until('BLUE has its names', lambda: held(BLUE, 'broadcast') and held(BLUE, 'wins'),
               detail=BLUE.log)


class Names(unittest.TestCase):
    def test_every_name_is_held_on_both_roads(self):
        self.assertEqual(set(names(BLUE)), {'BLUEPDC<00>', 'BLUEPDC<20>', 'BLUE<00>', 'BLUE<1c>',
                                            'BLUE<1b>'})
        for n in names(BLUE).values():
            self.assertEqual((n['broadcast'], n['wins'], n['wins_server']),
                             ('held', 'held', RED.address))

    def test_nmblookup_by_broadcast_and_alone(self):
        for name in ('BLUE#1b', 'BLUE#1c', 'BLUE#00', 'BLUEPDC#20', 'bluepdc#00'):
            for how in (['-B', CAST], ['-U', HOST.address]):
                self.assertIn(HOST.address + ' ', RED.run(['nmblookup', *how, name]))
        RED.outcome(['nmblookup', '-U', HOST.address, 'NOBODY#1b'], ok=False)

    def test_nmblookup_at_wins(self):
        for name in ('BLUE#1b', 'BLUE#1c', 'BLUEPDC#20'):
            self.assertIn(HOST.address + ' ', RED.run(
                ['nmblookup', '--recursion', '-U', RED.address, name]))

    def test_node_status(self):
        out = RED.run(['nmblookup', '-A', HOST.address])
        for line in ('BLUEPDC         <00> -         H <ACTIVE>', 'BLUE            <1c> - <GROUP> H',
                     'BLUE            <1b> -         H'):
            self.assertIn(line, out)

    def test_net_finds_the_controller(self):
        for what in ('dc', 'pdc'):
            self.assertIn(HOST.address, RED.run(['net', 'lookup', what, 'BLUE']))
        out = RED.run(['net', 'rpc', 'info', '-w', 'BLUE', '-U', 'BLUE\\Administrator%' + PASSWORD])
        self.assertIn(BLUE.sid, out)

    def test_a_rival_is_told_and_does_not_get_the_name(self):
        rival = samba_lab.Samba('BLUEPDC', '10.78.0.9', 'OTHER', {})
        rival.start('nmbd')
        try:
            wait_until('the conflict is told',
                       lambda: names(BLUE)['BLUEPDC<00>']['conflict'] == rival.address,
                       detail=BLUE.log)
            self.assertIn('netbios name conflict name=BLUEPDC<00> by=broadcast peer=10.78.0.9',
                          BLUE.log())
            self.assertIn('CONFLICT with 10.78.0.9', BLUE.ntrust('status'))
            out = RED.run(['nmblookup', '-B', CAST, 'BLUEPDC#20'])
            self.assertIn(HOST.address, out)
            self.assertNotIn(rival.address, out)
        finally:
            rival.stop()


class Locating(unittest.TestCase):
    def locate(self, *args, domain=None):
        return {c['host']: c for c in (domain or BLUE).json('locate', *args)['controllers']}

    def test_sambas_controller_is_found_by_wins_and_broadcast(self):
        # Samba's nmbd becomes domain master, RED<1b>, some seconds after its start.
        wait_until('RED<1c> is there', lambda: RED.address in self.locate('RED'), detail=BLUE.log)
        found = self.locate('RED')[RED.address]
        self.assertEqual(found['methods'], ['wins', 'broadcast'])
        self.assertEqual((found['computer'], found['answers'], found['answer']),
                         ('REDPDC', True, 'port 445'))

    def test_who_asked_in_vain_is_told_all_names(self):
        out = BLUE.ntrust('locate', 'NOWHERE', ok=False)
        for text in ('wins        NOWHERE<1b>: no such name', 'wins        NOWHERE<1c>: no such name',
                     'broadcast   NOWHERE<1b>: no answer', 'broadcast   NOWHERE<1c>: no answer',
                     'lmhosts     /etc/ntrust/lmhosts: no such file', 'dns         NOWHERE'):
            self.assertIn(text, out)
        BLUE.ntrust('trust', 'add', 'NOWHERE', password='Initial.pw1', ok=False)
        trust = BLUE.json('trust', 'show', 'NOWHERE')
        self.assertEqual(trust['reason'], 'name-unresolvable')
        self.assertIn('wins NOWHERE<1c> (no such name)', trust['last_error']['text'])
        self.assertIn('broadcast NOWHERE<1b> (no answer)', trust['last_error']['text'])
        BLUE.ntrust('trust', 'remove', 'NOWHERE')

    def test_a_trust_without_servers_with_samba(self):
        RED.permit('BLUE', 'Trust.pw1')
        BLUE.ntrust('trust', 'add', 'RED', password='Trust.pw1')
        trust = BLUE.json('trust', 'show', 'RED')
        self.assertEqual((trust['state'], trust['servers'], trust['controller']),
                         ('active', [], RED.address))
        BLUE.logon('RED\\alice', PASSWORD)
        BLUE.ntrust('trust', 'verify', 'RED')

    def test_lmhosts_alone_is_enough(self):
        """Without WINS and broadcast, and with another ntrustd."""
        host = samba_lab.Machine('easthost', '10.78.0.3')
        host.write('/etc/lmhosts.east', '10.78.0.2 BLUEPDC #PRE #DOM:BLUE\n')
        east = lab.Domain('EAST', 'EASTPDC', host.address, machine=host, settings={
            'netbios': {'name_port': 0}, 'locate': {'lmhosts': '/etc/lmhosts.east', 'dns': 'no'}})
        BLUE.ntrust('permit', 'add', 'EAST', password='Initial.pw1')
        east.ntrust('trust', 'add', 'BLUE', password='Initial.pw1')
        self.assertEqual(east.json('trust', 'show', 'BLUE')['state'], 'active')
        self.assertEqual(self.locate('BLUE', domain=east)[HOST.address]['methods'], ['lmhosts'])
        east.logon('BLUE\\bob', PASSWORD)

    def test_winbindd_finds_ntrustd(self):
        """As the member of its domain, told nothing but a WINS server."""
        member = samba_lab.Member('BLUEMEM', '10.78.0.4', 'BLUE', {'wins server': RED.address})
        member.run(['net', 'rpc', 'join', '-U', 'BLUE\\Administrator%' + PASSWORD])
        member.start('nmbd', 'winbindd')
        member.run('wbinfo -t')
        self.assertIn('BLUEPDC', member.run('wbinfo --dsgetdcname=BLUE').upper())
        member.run(['wbinfo', '-a', 'BLUE\\bob%' + PASSWORD])


class Zz(unittest.TestCase):
    """Last: what was said by all of them."""

    def test_tshark_has_nothing_to_complain_of(self):
        RECORDER.terminate()
        RECORDER.wait(lab.STEP_S)
        ours = '(ip.src == %s) and (nbns or nbdgm)' % HOST.address

        def count(expression):
            return len(subprocess.run(
                ['tshark', '-r', CAPTURE, '-Y', expression, '-T', 'fields', '-e', 'frame.number'],
                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                timeout=lab.STEP_S).stdout.split())
        self.assertGreater(count(ours), 50)
        self.assertGreater(count(ours + ' and smb_netlogon.command == 0x13'), 0)
        self.assertEqual(count(ours + ' and (_ws.malformed or _ws.expert.severity >= 0x800000)'), 0)


if __name__ == '__main__':
    samba_lab.main()
