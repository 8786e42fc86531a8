# SPDX-License-Identifier: MIT
"""OffsetFetch by hand: the committed offset and its metadata, byte for byte. And OffsetCommit, for
metadata that no client of ours would write.

confluent-kafka has a call for it, but its metadata may carry bytes beyond its end (the library's
copy has no terminator, the binding expects one), and a consumer for each group costs threads. One
request and one reply of fixed form are less.
"""
import collections
import socket
import struct
import time

OFFSET_FETCH, OFFSET_COMMIT, VERSION = 9, 8, 2  # of both
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

    def commit(self, group, topic, partition, offset, metadata):
        """Commits from outside, for a group without members; the metadata is bytes of any kind."""
        deadline = time.monotonic() + TIMEOUT_S
        request = _header(OFFSET_COMMIT) + _text(group) + struct.pack(">i", -1) + _text("")
        request += struct.pack(">qi", -1, 1) + _text(topic) + struct.pack(
            ">iiq", 1, partition, offset) + _text(metadata)
        while True:
            error, = struct.unpack(">h", self._request(request)[-2:])
            if error not in UNDECIDED or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        assert not error, f"OffsetCommit of {group} is answered with error {error}"

    def _ask(self, group, topic, partition):
        return _parse(self._request(_header(OFFSET_FETCH) + _text(group) + struct.pack(
            ">i", 1) + _text(topic) + struct.pack(">ii", 1, partition)))

    def _request(self, request):
        try:
            reply = self._exchange(request)
        except OSError:  # the broker was away, as some tests want it
            self.close()
            reply = self._exchange(request)
        return reply

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


def _header(api):
    return struct.pack(">hhi", api, VERSION, 1) + _text("witness")


def _text(text):
    data = text if isinstance(text, bytes) else text.encode()
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
    metadata = _as_text(reply[at:at + n_bytes]) if n_bytes >= 0 else None
    errors = struct.unpack_from(">hh", reply, at + max(n_bytes, 0))
    return offset, metadata, errors[0] or errors[1]


def _as_text(data):
    """Bytes where it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
