#!/usr/bin/python3
"""Has Samba's own decoders read random calls of the IDL: an independent judge of what no capture
shows. Needs Debian's python3-samba; ends with 77 (skipped) where that is missing.

    samba_judge.py SEED COUNT

A call must be read to its last byte and packed to as many bytes again.
"""

import random
import sys

import random_calls

try:
    from samba.dcerpc import lsa, netlogon, samr, srvsvc, wkssvc
except ImportError:
    sys.exit(77)

MODULES = {'netlogon': netlogon, 'lsarpc': lsa, 'samr': samr, 'srvsvc': srvsvc, 'wkssvc': wkssvc}

# Buffers and strings whose content Samba takes apart while it reads them: they stay empty here.
# Samba also calls ten strings of NETLOGON_VALIDATION_SAM_INFO4 "unknown" numbers.
HOLLOW = {'SecurityDescriptor', 'ObjectName', 'LogonData', 'Data', 'TrustExtension', 'OsVersion',
          'OsName', 'DomainLockoutInformation', 'Parameters', 'UlongData', 'UnicodeStringData',
          'shi502_security_descriptor', 'shi1501_security_descriptor', 'ValidationData',
          } | {'ExpansionString%d' % i for i in range(1, 11)}
# Levels that this Samba does not have, or has otherwise than the specification: the roles are 32 bits
# there, the audit levels have more members, arms of bytes alone are not aligned.
SKIP = {'LSAPR_TRUSTED_DOMAIN_INFO': (14, 15), 'LSAPR_POLICY_INFORMATION': (6, 10, 11, 15),
        'LSAPR_POLICY_DOMAIN_INFORMATION': (1,), 'NETLOGON_LEVEL': (8,),
        'NETLOGON_VALIDATION': (7,), 'NETLOGON_WORKSTATION_INFORMATION': (2,),
        'SAMPR_DOMAIN_INFO_BUFFER': (7, 9), 'SAMPR_USER_INFO_BUFFER': (24, 26),
        'SHARE_ENUM_UNION': (502, 503), 'SHARE_INFO': (502, 503, 1501),
        None: (3, 4)}  # the forest trust record's union has no name
# Calls that Samba describes otherwise than [MS-NRPC]: the parameters' order; a log entry taken apart.
OTHERWISE = {('netlogon', 10), ('netlogon', 17)}


def judge(samba_class, request, response):
    """None, or what is wrong."""
    call = samba_class()
    for way, stub in (('in', request), ('out', response)):
        try:
            getattr(call, '__ndr_unpack_%s__' % way)(stub, allow_remaining=False)
            back = getattr(call, '__ndr_pack_%s__' % way)()
        except RuntimeError as e:
            return '%s: %s' % (way, e)
        if len(back) != len(stub):
            return '%s: packed to %d bytes, not %d' % (way, len(back), len(stub))
    return None


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    judged = bad = unknown = 0
    for interface, module in MODULES.items():
        classes = {c.opnum(): c for c in vars(module).values()
                   if isinstance(c, type) and hasattr(c, 'opnum')}
        for opnum, method in random_calls.methods(interface):
            if opnum not in classes or (interface, opnum) in OTHERWISE:
                unknown += 1
                continue
            judged += 1
            for k in range(count):
                rnd = random.Random('%d %s %d' % (seed, method.name, k))
                maker = random_calls.Maker(rnd, HOLLOW, SKIP, full=True)
                request, response = maker.call(method)
                problem = judge(classes[opnum], request, response)
                if problem is not None:
                    bad += 1
                    print('%s %d %s, call %d: %s' % (interface, opnum, method.name, k, problem))
    print('%d methods judged, %d calls each; %d calls refused; %d methods that Samba does not know'
          % (judged, count, bad, unknown))
    return 1 if bad or judged < 150 else 0


if __name__ == '__main__':
    sys.exit(main())
