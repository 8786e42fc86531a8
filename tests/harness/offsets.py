# SPDX-License-Identifier: MIT
"""OffsetFetch by hand: the committed offset and its metadata, byte for byte.

confluent-kafka has a call for it, but its metadata may carry bytes beyond its end (the library's
copy has no terminator, the binding expects one), and a consumer for each group costs threads. One
request and one reply of fixed form are less.
"""
import collections
import socket
import struct
import time

OFFSET_FETCH, VERSION = 9, 2
UNDECIDED = (14, 15, 16)  # coordinator loading, not available, elsewhere: ask again
TIMEOUT_S = 20

Committed = collections.namedtuple("Committed", ["offset", "metadata"])


class OffsetFetch:
    def __init__(self, bootstrap):
        host, port = bootstrap.rsplit(":", 1)
        self.address = host, int(port)
        self.socket = None

    def committed(self, group, topic, partition):
        """Committed, or None when the group has no offset there."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            offset, metadata, error = self._ask(group, topic, partition)
            if error not in UNDECIDED or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        assert not error, f"OffsetFetch of {group} is answered with error {error}"
        return Committed(offset, metadata) if offset >= 0 else None

    def _ask(self, group, topic, partition):
        header = struct.pack(">hhi", OFFSET_FETCH, VERSION, 1) + _text("witness")
        request = header + _text(group) + struct.pack(">i", 1) + _text(topic) + struct.pack(
            ">ii", 1, partition)
        try:
            reply = self._exchange(request)
        except OSError:  # the broker was away, as some tests want it
            self.close()
            reply = self._exchange(request)
        return _parse(reply)

    def _exchange(self, request):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, TIMEOUT_S)
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        n_bytes, = struct.unpack(">i", self._read(4))
        return self._read(n_bytes)

    def _read(self, n_bytes):
        data = b""
        while len(data) < n_bytes:
            more = self.socket.recv(n_bytes - len(data))
            if not more:
                raise ConnectionResetError("the broker closed the connection")
            data += more
        return data

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


def _text(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _parse(reply):
    """(offset, metadata, error) of a reply about one partition."""
    correlation, n_topics = struct.unpack_from(">ii", reply)
    assert correlation == 1
    if n_topics == 0:
        return -1, None, struct.unpack_from(">h", reply, 8)[0]
    at = 8 + 2 + struct.unpack_from(">h", reply, 8)[0]
    n_partitions, _, offset, n_bytes = struct.unpack_from(">iiqh", reply, at)
    assert n_partitions == 1
    at += 18
    metadata = reply[at:at + n_bytes].decode() if n_bytes >= 0 else None
    errors = struct.unpack_from(">hh", reply, at + max(n_bytes, 0))
    return offset, metadata, errors[0] or errors[1]
