"""A controller that refuses in a way of its own, for causes that no healthy ntrustd can be brought
to: it speaks just enough DCE/RPC (endpoint mapper and Netlogon) to answer a set-up of a channel.
[C706] 12.6.4, L; [MS-NRPC] 3.5.4.4.1-2."""

import contextlib
import socket
import struct
import threading

import netlogon

EPM_PORT, NETLOGON_PORT = 135, 49200
RESPONSE, FAULT, BIND_ACK = 2, 3, 12
ACCESS_DENIED, TIME_DIFFERENCE = 0xC0000022, 0xC0000133
FAULT_DENIED = 5


class FakeController:
    """denies: strangers get a fault. status, flags: the answer to NetrServerAuthenticate3."""

    def __init__(self, address, status=ACCESS_DENIED, flags=netlogon.AES_FLAGS, denies=False):
        self.address, self.status, self.flags, self.denies = address, status, flags, denies
        self.listeners = [socket.create_server((address, port)) for port in
                          (EPM_PORT, NETLOGON_PORT)]
        for listener in self.listeners:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self):
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError, struct.error), connection.makefile('rb') as f:
            while len(head := f.read(16)) == 16:
                length, _, call_id = struct.unpack_from('<HHI', head, 8)
                body = f.read(length - 16)
                kind, answer = self._bind(body) if head[2] == 11 else self._call(body)
                connection.sendall(struct.pack('<BBBBIHHI', 5, 0, kind, 3, 0x10, 16 + len(answer),
                                               0, call_id) + answer)

    @staticmethod
    def _bind(body):
        """The first context is accepted, the others (features) are not."""
        answer = struct.pack('<HHIH4s', 4280, 4280, 1, 4, b'135\0') + bytes(2)
        answer += struct.pack('<Bxxx', body[8])
        for i in range(body[8]):
            answer += struct.pack('<HH16sI', 2 if i else 0, 2 if i else 0,
                                  bytes(16) if i else netlogon.NDR, 0 if i else 2)
        return BIND_ACK, answer

    def _call(self, body):
        opnum = struct.unpack_from('<H', body, 6)[0]
        if opnum == 3:
            return self._response(self._mapped())
        if self.denies:
            return FAULT, struct.pack('<IHBxII', 0, 0, 0, FAULT_DENIED, 0)
        if opnum == 4:
            return self._response(b'CHALLENG' + bytes(4))
        return self._response(struct.pack('<8sIII', b'12345678', self.flags, 0, self.status))

    @staticmethod
    def _response(stub):
        return RESPONSE, struct.pack('<IHBx', len(stub), 0, 0) + stub

    def _mapped(self):
        """ept_map's answer: one tower, Netlogon over TCP."""
        floors = [(b'\x0d' + netlogon.NETLOGON + struct.pack('<H', 1), bytes(2)),
                  (b'\x0d' + netlogon.NDR + struct.pack('<H', 2), bytes(2)),
                  (b'\x0b', bytes(2)),
                  (b'\x07', struct.pack('>H', NETLOGON_PORT)),
                  (b'\x09', socket.inet_aton(self.address))]
        tower = struct.pack('<H', len(floors))
        for left, right in floors:
            tower += struct.pack('<H', len(left)) + left + struct.pack('<H', len(right)) + right
        stub = bytes(20) + struct.pack('<IIIIIII', 1, 4, 0, 1, 3, len(tower), len(tower)) + tower
        return stub + bytes(-len(stub) % 4) + bytes(4)
