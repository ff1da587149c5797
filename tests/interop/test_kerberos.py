#!/usr/bin/python3
"""An administrator's session by Kerberos: the ticket cache, against Samba's Active Directory
controller. The session's key, of AES-256, hides the password that is set through it."""

import json
import os
import subprocess
import unittest

import lab
import samba_lab

ADMIN = 'Passw0rd1x!'  # Active Directory's policy wants more of it
AD = HOST = D = None
CACHE = 'FILE:/run/lab/tickets'


# Makes there the trusted domain object for RES, as `netdom` would.
MAKE_TRUST = '''
from samba import credentials, param
from samba.dcerpc import lsa, security
lp = param.LoadParm()
lp.load_default()
creds = credentials.Credentials()
creds.guess(lp)
creds.set_username('Administrator')
creds.set_password(%r)
creds.set_kerberos_state(credentials.DONT_USE_KERBEROS)
c = lsa.lsarpc('ncacn_np:10.78.0.5', lp, creds)
attributes = lsa.ObjectAttribute()
attributes.sec_qos = lsa.QosInfo()
policy = c.OpenPolicy2('', attributes, security.SEC_FLAG_MAXIMUM_ALLOWED)
info = lsa.DomainInfo()
info.name = lsa.StringLarge()
info.name.string = 'RES'
info.sid = security.dom_sid(%r)
c.CreateTrustedDomain(policy, info, security.SEC_STD_DELETE)
'''


def setUpModule():
    global AD, HOST, D
    lab.need('samba', 'samba-tool', 'kinit')
    AD = samba_lab.Machine('ADC', '10.78.0.5')
    HOST = samba_lab.Machine('RESPDC', '10.78.0.9')
    for machine in (AD, HOST):
        machine.write('/etc/hosts', '127.0.0.1 localhost\n10.78.0.5 adc.ad.test adc\n')
    os.unlink(AD.path('/etc/samba/smb.conf'))
    AD.run(['samba-tool', 'domain', 'provision', '--realm=AD.TEST', '--domain=ADDOM',
            '--server-role=dc', '--dns-backend=SAMBA_INTERNAL', '--adminpass=' + ADMIN,
            '--host-ip=10.78.0.5', '--option=interfaces=10.78.0.5/24',
            '--option=bind interfaces only=yes'])
    with open('/run/lab/samba.out', 'wb') as out:
        lab.popen(AD.prefix + ['samba', '--foreground', '--no-process-group'],
                  stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    HOST.write('/etc/krb5.conf', '[libdefaults]\n default_realm = AD.TEST\n'
               ' dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n'
               ' default_ccache_name = %s\n'
               '[realms]\n AD.TEST = {\n  kdc = 10.78.0.5\n }\n'
               '[domain_realm]\n .ad.test = AD.TEST\n' % CACHE)
    samba_lab.wait_until('the controller gives tickets and has its pipes', lambda: (
        AD.listens(445) and
        HOST.outcome('kinit Administrator', stdin=ADMIN + '\n')[0] == 0), 60)
    D = lab.Domain('RES', 'RESPDC', address='10.78.0.9', machine=HOST)
    D.ntrust('permit', 'add', 'ADDOM', password='Initial.pw1')


def check(*args, password=''):
    out = lab.run(D.prefix + [lab.NTRUST, '--socket', D.socket, '--json', 'check', 'ADDOM', *args],
                  stdin=password, ok=None)[1]
    return json.loads(out)['checks'][0]['there']


class Kerberos(unittest.TestCase):
    def test_ticket(self):
        there = check('-k', '--server', 'adc.ad.test')
        self.assertNotIn('error', there)
        self.assertIn('cifs/adc.ad.test@AD.TEST', HOST.run('klist'))

    def test_same_as_with_a_password(self):
        by_ticket = check('-k', '--server', 'adc.ad.test')
        by_password = check('-U', 'Administrator', '--server', '//adc.ad.test',
                            '--peer-password-fd', '0', password=ADMIN)
        for seen in (by_ticket, by_password):
            seen.pop('user', None)
        self.assertEqual(by_ticket, by_password)

    def test_password_under_the_key(self):
        """The trusted domain object there gets another password. The controller takes only one
        that it can decrypt: a blob under another key does not parse."""
        AD.run(['/usr/bin/python3', '-B', '-c', MAKE_TRUST % (ADMIN, D.sid)])
        out = lab.run(D.prefix + [lab.NTRUST, '--socket', D.socket, 'reset', 'ADDOM', '-k',
                                  '--server', 'adc.ad.test'], ok=None)[1]
        self.assertIn('ADDOM: its trust with RES begins anew with a fresh random password', out)

    def test_any_call(self):
        out = lab.run(D.prefix + [lab.NTRUST, 'rpc', 'adc.ad.test', 'lsarpc',
                                  'LsarQueryInformationPolicy2', 'InformationClass=12', '-k',
                                  '--json'])[1]
        info = json.loads(out)['reply']['PolicyInformation']['PolicyDnsDomainInfo']
        self.assertEqual((info['Name'], info['DnsDomainName']), ('ADDOM', 'ad.test'))
        out = lab.run(D.prefix + [lab.NTRUST, 'rpc', 'tcp:adc.ad.test', 'samr', 'SamrConnect2',
                                  '-k'], ok=False)[1]
        self.assertIn('Kerberos goes over SMB only', out)

    def test_name_that_the_kdc_does_not_know(self):
        error = check('-k', '--server', '10.78.0.5')['error']
        self.assertEqual(error['kind'], 'name')
        self.assertIn('cifs/10.78.0.5', error['text'])


if __name__ == '__main__':
    samba_lab.main()
