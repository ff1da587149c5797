"""Capture files to messages: pcap, Ethernet, IPv4, TCP in order, and the framing of SMB2 over TCP."""

import struct


def packets(path):
    """Yields (frame number, Ethernet frame) of a classic little-endian pcap file."""
    with open(path, 'rb') as f:
        data = f.read()
    if data[:4] != b'\xd4\xc3\xb2\xa1' or struct.unpack_from('<I', data, 20)[0] != 1:
        raise ValueError('%s: not a little-endian pcap of Ethernet frames' % path)
    at, number = 24, 0
    while at + 16 <= len(data):
        length = struct.unpack_from('<I', data, at + 8)[0]
        number += 1
        yield number, data[at + 16:at + 16 + length]
        at += 16 + length


def tcp_segments(path):
    """Yields (frame, source, destination, flags, sequence number, payload)."""
    for number, frame in packets(path):
        if len(frame) < 34 or frame[12:14] != b'\x08\x00' or frame[23] != 6:
            continue
        ip = frame[14:14 + struct.unpack_from('>H', frame, 16)[0]]
        head = (ip[0] & 15) * 4
        sport, dport, seq = struct.unpack_from('>HHI', ip, head)
        offset = (ip[head + 12] >> 4) * 4
        yield (number, (ip[12:16], sport), (ip[16:20], dport), ip[head + 13], seq,
               ip[head + offset:])


class Half:
    """One direction of a connection: segments in, bytes in order out."""

    def __init__(self, seq):
        self.next, self.waiting = seq, {}

    def feed(self, seq, payload):
        if payload:
            self.waiting[seq] = payload
        out = b''
        progress = True
        while progress:
            progress = False
            for start in sorted(self.waiting):
                ahead = (self.next - start) & 0xFFFFFFFF
                piece = self.waiting[start]
                if ahead < 0x80000000:
                    del self.waiting[start]
                    if ahead < len(piece):
                        out += piece[ahead:]
                        self.next = (self.next + len(piece) - ahead) & 0xFFFFFFFF
                    progress = True
                    break
        return out


def tcp_data(path):
    """Yields (frame, connection, from the client?, bytes); connection is (server port, counter)."""
    live, counter = {}, 0
    for number, src, dst, flags, seq, payload in tcp_segments(path):
        key = (src, dst) if (src, dst) in live else (dst, src)
        if flags & 0x12 == 0x02:  # SYN without ACK: a new connection
            counter += 1
            key = (src, dst)
            live[key] = [(dst[1], counter), Half((seq + 1) & 0xFFFFFFFF), None]
            continue
        if key not in live:
            # One that the capture did not see begin: the lower port serves.
            counter += 1
            key = (src, dst) if dst[1] < src[1] else (dst, src)
            live[key] = [(key[1][1], counter), None, None]
        side = 1 if key == (src, dst) else 2
        if live[key][side] is None:
            live[key][side] = Half((seq + (1 if flags & 0x02 else 0)) & 0xFFFFFFFF)
        data = live[key][side].feed(seq, payload)
        if data:
            yield number, live[key][0], side == 1, data


class Framer:
    """Cuts a byte stream at lengths that `measure(buffer)` tells; None: not enough to tell."""

    def __init__(self, measure):
        self.measure, self.buffer = measure, b''

    def feed(self, data):
        self.buffer += data
        while True:
            length = self.measure(self.buffer)
            if length is None or len(self.buffer) < length:
                return
            message, self.buffer = self.buffer[:length], self.buffer[length:]
            yield message


def netbios_session(buffer):
    """RFC 1002 4.3.1, as SMB on port 445 uses it."""
    return 4 + int.from_bytes(buffer[1:4], 'big') if len(buffer) >= 4 else None


def rpc_pdu(buffer):
    """[C706] 12.6.3.1: frag_length at 8, in the byte order of the data representation at 4."""
    if len(buffer) < 10:
        return None
    return int.from_bytes(buffer[8:10], 'little' if buffer[4] & 0x10 else 'big')
