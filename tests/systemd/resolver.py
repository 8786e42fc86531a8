# SPDX-License-Identifier: MIT
"""A name server of one name, for the machine: every other does not exist."""
import socket
import struct
import threading

NAME, ADDRESS = "kafka.test", "127.0.0.1"
TYPE_A, CLASS_IN = 1, 1
NO_SUCH_NAME = 3


class Resolver:
    """Answers on 127.0.0.1:53 of the network that its maker is in."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.asked = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            question, peer = self.socket.recvfrom(4096)
            if peer == self.socket.getsockname():
                return  # close() says so
            self.socket.sendto(self._answer(question), peer)

    def _answer(self, question):
        name, end = read_name(question)
        kind, = struct.unpack_from(">H", question, end)
        self.asked.append(name)
        known = name == NAME
        record = b""
        if known and kind == TYPE_A:
            record = struct.pack(">HHHIH", 0xC00C, TYPE_A, CLASS_IN, 1, 4)
            record += socket.inet_aton(ADDRESS)
        flags = 0x8180 if known else 0x8180 | NO_SUCH_NAME
        head = question[:2] + struct.pack(">HHHHH", flags, 1, bool(record), 0, 0)
        return head + question[12:end + 4] + record

    def close(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def read_name(question):
    """The name that is asked for, and where its type stands."""
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels).lower(), at + 1
