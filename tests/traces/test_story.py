"""The stories that `ntrust decode --pcap` tells of real captures: against sentences that must be in
them, and against tshark, which counts the same events by its own decoders."""
import collections
import json
import os
import subprocess
import sys
import tempfile
import unittest

NTRUST = os.environ['NTRUST']
TRACES = sys.argv.pop()
REFUSED = {'0xc0000022', '0xc000018b'}


def story(name, *options, path=None):
    out = subprocess.run([NTRUST, 'decode', '--json', '--pcap',
                          path or os.path.join(TRACES, name + '.pcap'), *options],
                         capture_output=True, text=True, timeout=60)
    return out.returncode, json.loads(out.stdout), out.stderr


def texts(name, *options):
    return ['%s %s: %s' % (line['tone'], line['protocol'], line['text'])
            for line in story(name, *options)[1]['lines']]


def tshark(name, condition, *fields):
    command = ['tshark', '-r', os.path.join(TRACES, name + '.pcap'), '-Y', condition, '-T', 'fields']
    for field in fields:
        command += ['-e', field]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return [line.split('\t') for line in out.stdout.splitlines()]


class Sentences(unittest.TestCase):
    def told(self, name, *sentences):
        lines = texts(name)
        for sentence in sentences:
            self.assertTrue(any(sentence in line for line in lines), (sentence, lines))

    def test_a_trust_is_opened(self):
        self.told('f6-trust-aes',
                  "good netlogon: REDPDC opens a trust's secure channel as RED$: granted (AES)",
                  'good netlogon: REDPDC of BLUE is bound by its secure channel, sealed',
                  '6 NetrLogonSamLogonEx')

    def test_a_wrong_password_is_named(self):
        self.told('f6-wrongpw', "bad netlogon: IMPWS opens a member's secure channel as impws$: "
                                'refused, 0xC0000022 ACCESS_DENIED')
        channel, = story('f6-wrongpw')[1]['channels']
        self.assertEqual((channel['granted'], channel['refused'], channel['last']),
                         (0, 1, 'ACCESS_DENIED'))
        self.assertIn('do not have the same password', channel['meaning'])

    def test_weak_cryptography_is_named(self):
        self.told('f6-rc4', 'granted (RC4, weak)')
        self.told('f6-des', 'granted (DES, weak)')

    def test_the_right_password_of_a_trust_account_is_no_failure(self):
        self.told('f2-establishU', 'good SMB: RED\\RED$ from REDPDC has the right password')

    def test_a_broken_channel_is_bad_though_the_call_is_good(self):
        self.told('f1-np-trusting', 'bad netlogon: has the server verify its channel to BLUE: '
                                    'broken, Win32 error 1355 NO_SUCH_DOMAIN')

    def test_encrypted_smb_is_counted(self):
        out = story('f1-np-smb3enc')[1]
        self.assertEqual(out['encrypted'],
                         len(tshark('f1-np-smb3enc', 'smb2.header.transform.msg_size', 'frame.number')))
        self.told('f1-np-smb3enc', 'from here on this connection is encrypted')

    def test_names_that_nobody_has(self):
        self.told('f5-nmbd-start', 'bad NetBIOS: BLUE<1b> (the primary controller) is not known')


class AgainstTshark(unittest.TestCase):
    def test_every_secure_channel_is_counted(self):
        for name in ('f3-join', 'f6-wrongpw', 'f6-imp-aes', 'f7-joinbdc', 'f5-authuser'):
            want = collections.Counter()
            for rc, in tshark(name, 'dcerpc.pkt_type == 2 && netlogon.opnum in {5, 15, 26} && '
                                    '!dcerpc.auth_level == 6', 'netlogon.rc'):
                want['refused' if rc.lower() in REFUSED else 'granted'] += 1
            got = collections.Counter()
            for channel in story(name)[1]['channels']:
                got['granted'] += channel['granted']
                got['refused'] += channel['refused']
            self.assertEqual(+got, +want, name)
            self.assertTrue(want, name)

    def test_every_smb_logon_is_told(self):
        for name in ('f3-join', 'f4-member', 'f5-authuser'):
            want = len(tshark(name, 'smb2.cmd == 1 && smb2.flags.response == 1 && '
                                    'smb2.nt_status == 0', 'frame.number'))
            got = sum(line['protocol'] == 'SMB' and 'is logged on' in line['text']
                      for line in story(name)[1]['lines'])
            self.assertEqual(got, want, name)


class Bad(unittest.TestCase):
    def test_a_capture_that_breaks_off_is_told_as_far_as_it_goes(self):
        with open(os.path.join(TRACES, 'f6-trust-aes.pcap'), 'rb') as f:
            data = f.read()
        with tempfile.NamedTemporaryFile() as cut:
            cut.write(data[:len(data) // 2])
            cut.flush()
            code, out, err = story(None, path=cut.name)
        self.assertEqual(code, 1)
        self.assertIn('breaks off', err)
        self.assertTrue(out['lines'])

    def test_what_is_no_capture_is_refused(self):
        for path in ('/dev/null', __file__, '/nonexistent'):
            out = subprocess.run([NTRUST, 'decode', '--pcap', path], capture_output=True, text=True)
            self.assertEqual(out.returncode, 1, path)
            self.assertIn('ntrust: ', out.stderr)


if __name__ == '__main__':
    unittest.main()
