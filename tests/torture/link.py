"""The wire between two machines of the torture: passes packets from one TUN device to the other, and
drops, delays, reorders and doubles them, cuts the line in either direction, or ends a connection in
the middle of a segment. It does what the kernel's netem does, and needs no module of the kernel:
CI's has none. And its dice are seeded.

Runs as a process of its own (a Wire in the test); its commands are lines of JSON on standard input,
each answered by a line of figures.
"""

import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

CALM = {'loss': 0.0, 'double': 0.0, 'delay_ms': 0.0, 'jitter_ms': 0.0, 'cut': (), 'reset': 0}
PACKET = 65536
ACK, RST = 0x10, 0x04


class Wire:
    """The process, seen from the test. The two descriptors are the ends' TUN devices."""

    def __init__(self, left, right):
        self.process = subprocess.Popen(
            [sys.executable, '-B', os.path.abspath(__file__), str(left), str(right)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(left, right), text=True)
        self.set()

    def set(self, **changes):
        """What happens from now on (see CALM), all else being calm. cut: ends that are no longer
        heard, 0 and 1. reset: connections to end, at the next segments with data. Returns the
        figures so far."""
        self.process.stdin.write(json.dumps(dict(CALM, **changes)) + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


# --- packets ---


def checksum(data):
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack('>%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_packet(source, target, ports, seq, ack, flags, window, payload=b''):
    """A segment without options in an IPv4 packet."""
    tcp = ports + struct.pack('>IIBBHHH', seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, window,
                              0, 0) + payload
    pseudo = source + target + struct.pack('>BBH', 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack('>H', checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack('>BBHIBBH', 0x45, 0, 20 + len(tcp), 0, 64, 6, 0) + source + target
    return head[:10] + struct.pack('>H', checksum(head)) + head[12:] + tcp


def broken_off(packet):
    """A segment with data: (its first half and a reset for its receiver, a reset for its sender).
    None for any other packet."""
    if packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    start = 4 * (packet[0] & 15)
    source, target = packet[12:16], packet[16:20]
    tcp = packet[start:struct.unpack_from('>H', packet, 2)[0]]
    ports, (seq, ack) = tcp[:4], struct.unpack_from('>II', tcp, 4)
    flags, window = tcp[13], struct.unpack_from('>H', tcp, 14)[0]
    payload = tcp[4 * (tcp[12] >> 4):]
    if len(payload) < 2 or not flags & ACK:
        return None
    half = payload[:len(payload) // 2]
    onward = [tcp_packet(source, target, ports, seq, ack, ACK, window, half),
              tcp_packet(source, target, ports, seq + len(half), ack, RST | ACK, 0)]
    back = tcp_packet(target, source, ports[2:] + ports[:2], ack, seq + len(half), RST | ACK, 0)
    return onward, back


# --- the process ---


class Relay:
    def __init__(self, ends):
        self.ends = ends
        self.rules = dict(CALM)
        self.rng = random.Random(0)
        self.waiting = []  # (when, order, end, packet)
        self.order = 0
        self.figures = {'passed': 0, 'lost': 0, 'doubled': 0, 'late': 0, 'reset': 0}

    def command(self, line):
        self.rules = json.loads(line)
        if 'seed' in self.rules:
            self.rng = random.Random(self.rules['seed'])
        print(json.dumps(self.figures), flush=True)

    def write(self, end, packet):
        try:
            os.write(self.ends[end], packet)
        except OSError:
            pass  # a packet may always be lost

    def pass_on(self, end, packet):
        """Towards `end`, in time."""
        rules = self.rules
        delay = rules['delay_ms'] + rules['jitter_ms'] * self.rng.random()
        self.figures['passed'] += 1
        if delay == 0:
            self.write(end, packet)
            return
        self.figures['late'] += 1
        self.order += 1
        heapq.heappush(self.waiting, (time.monotonic() + delay / 1000, self.order, end, packet))

    def take(self, start, packet):
        """A packet from this end."""
        rules, end = self.rules, 1 - start
        if start in rules['cut'] or (rules['loss'] and self.rng.random() < rules['loss']):
            self.figures['lost'] += 1
            return
        if rules['reset']:
            broken = broken_off(packet)
            if broken is not None:
                rules['reset'] -= 1
                self.figures['reset'] += 1
                for part in broken[0]:
                    self.write(end, part)
                self.write(start, broken[1])
                return
        self.pass_on(end, packet)
        if rules['double'] and self.rng.random() < rules['double']:
            self.figures['doubled'] += 1
            self.pass_on(end, packet)

    def run(self):
        poll = select.poll()
        for fd in (0, *self.ends):
            poll.register(fd, select.POLLIN)
        while True:
            wait = None
            if self.waiting:
                wait = max(0, self.waiting[0][0] - time.monotonic()) * 1000
            for fd, _ in poll.poll(wait):
                if fd == 0:
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self.command(line)
                else:
                    self.take(self.ends.index(fd), os.read(fd, PACKET))
            now = time.monotonic()
            while self.waiting and self.waiting[0][0] <= now:
                _, _, end, packet = heapq.heappop(self.waiting)
                self.write(end, packet)


if __name__ == '__main__':
    Relay([int(fd) for fd in sys.argv[1:3]]).run()
