#!/usr/bin/python3
"""Takes the calls out of the captures in tests/data/traces and prints them for test_traces.c.

    extract.py DIRECTORY > calls.txt
    extract.py --pdus DIRECTORY > pdus.txt
    extract.py --smb DIRECTORY > smb.txt

With --pdus each line is one PDU as it was sent, CAPTURE FRAME HEX. With --smb each line is one SMB
message as it was sent, CAPTURE CONNECTION FRAME c|s HEX (from the client or the server), and before
the one that brings an NTLM response the session key that this makes, with k. Otherwise one line a
part of a call, the request first:

    CAPTURE INTERFACE OPNUM q FRAME HEX     the stub of a request
    CAPTURE INTERFACE OPNUM r FRAME HEX     the stub of its response
    CAPTURE INTERFACE OPNUM f FRAME STATUS  a fault instead
    CAPTURE INTERFACE OPNUM x FRAME REASON  a call that could not be opened

Stubs are whole (fragments joined), opened with the laboratory's passwords and verified against their
checksums, without authentication padding; a verification trailer stays behind the request's data.
"""

import os
import sys
import uuid

import rpc
import security
import smb2
from streams import Framer, netbios_session, tcp_data

PASSWORDS = ['Passw0rd1', 'Trust.pw1', 'Trust.pw2', 'Impws.pw1', 'Impws.pw2', 'Impws.pw3']
HASHES = [bytes.fromhex(h) for h in (
    'a07cddd61d38872863acc4fa1d809dae',   # REDMEM$, generations 1 to 4
    '152d025b0c562961ff5da1592ec0215b',
    'b3ab905f88e01b5306fcdd8fb17003c3',
    'de774577a635dd2d0a5e06bc22794cfa',
    '2b8831e5e98dc4fb346fa20981bbef57',   # REDBDC$, join and rejoin
    'dd0e4661228695ca05d02dee1b5a6d0c')]
# Session id to session key, of the captures with SMB encryption.
SMB_KEYS = {bytes.fromhex(i): bytes.fromhex(k) for i, k in (
    ('9eb5885400000000', '15c02577dfe6db76941dca99cc00af48'),
    ('07017cbb00000000', '133d2353777bd00c4fe7ad9413c8000d'),
    ('90ef4af300000000', '2fb346a9cfb81eb326c961fe5ab6702b'),
    ('6e3c487a00000000', 'fb263b3ed16d3a3c6d65ae1fcccde0a0'))}
INTERFACES = {uuid.UUID(u): n for u, n in (
    ('12345678-1234-abcd-ef00-01234567cffb', 'netlogon'),
    ('12345778-1234-abcd-ef00-0123456789ab', 'lsarpc'),
    ('12345778-1234-abcd-ef00-0123456789ac', 'samr'),
    ('e1af8308-5d1f-11c9-91a4-08002b14a0fa', 'epm'),
    ('4b324fc8-1670-01d3-1278-5a47bf6ee188', 'srvsvc'),
    ('6bffd098-a112-3610-9833-46c3f87e345a', 'wkssvc'),
    ('3919286a-b10c-11d0-9ba8-00c04fd92ef5', 'dssetup'))}
SMB_PORTS = (139, 445)


def calls(path, lab, pdus):
    """Yields every call of a capture, in the order of their ends; collects the PDUs."""
    smb, pipes = {}, {}
    for frame, connection, client, data in tcp_data(path):
        if connection[0] in SMB_PORTS:
            if connection not in smb:
                smb[connection] = smb2.Connection(SMB_KEYS)
            parts = smb[connection].feed(frame, client, data)
        else:
            parts = [(frame, None, client, data, 'tcp')]
        for frame, handle, client, piece, name in parts:
            key = (connection, handle)
            if key not in pipes:
                pipes[key] = rpc.Connection(lab, name)
            yield from pipes[key].feed(frame, client, piece)
    for pipe in pipes.values():
        yield from pipe.calls.values()
        pdus += pipe.pdus


def smb_messages(path, hashes):
    """Yields (connection, frame, c, s or k, bytes)."""
    framers, ntlm = {}, {}
    for frame, connection, client, data in tcp_data(path):
        if connection[0] != 445:  # on 139 the captures have only SMB1's browsing
            continue
        framer = framers.setdefault((connection, client), Framer(netbios_session))
        for message in framer.feed(data):
            body = message[4:]
            if body[:4] == b'\xfeSMB' and body[12:14] == b'\x01\x00':
                context = ntlm.setdefault(connection, security.Ntlm(hashes))
                context.key = None
                try:
                    context.token(body)
                except security.WrongKey:
                    pass  # one capture is about that
                if context.key is not None:
                    yield connection[1], frame, 'k', context.key
            yield connection[1], frame, 'c' if client else 's', body


def show(capture, call, out):
    name = 'unknown'
    if call.interface is not None:
        name = INTERFACES.get(call.interface[0], str(call.interface[0]))
    head = '%s %s %d' % (capture, name, call.opnum)
    if call.problem is not None:
        out.write('%s x %d %s\n' % (head, call.frame, call.problem))
        return
    out.write('%s q %d %s\n' % (head, call.frame, call.request.hex() or '-'))
    if call.fault is not None:
        out.write('%s f %d %08x\n' % (head, call.answered, call.fault))
    elif call.answered:
        out.write('%s r %d %s\n' % (head, call.answered, call.response.hex() or '-'))


def main():
    folder, want_pdus = sys.argv[-1], '--pdus' in sys.argv[1:-1]
    hashes = [security.nt_hash(p) for p in PASSWORDS] + HASHES
    lab = security.Lab(hashes)
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.pcap'):
            continue
        capture, pdus = name[:-5], []
        if '--smb' in sys.argv[1:-1]:
            for connection, frame, kind, data in sorted(
                    smb_messages(os.path.join(folder, name), hashes), key=lambda m: m[0]):
                sys.stdout.write('%s %d %d %s %s\n' % (capture, connection, frame, kind, data.hex()))
            continue
        for call in calls(os.path.join(folder, name), lab, pdus):
            if not want_pdus:
                show(capture, call, sys.stdout)
        if want_pdus:
            for frame, pdu in sorted(pdus):
                sys.stdout.write('%s %d %s\n' % (capture, frame, pdu.hex()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
