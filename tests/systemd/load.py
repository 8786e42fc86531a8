# SPDX-License-Identifier: MIT
"""A group at work while something is done to its daemon, and what its programs notice of it.

One thread writes a message to each partition every EVERY_S, another connects to the socket all the
time, and programs with libkgroup mark what they are given. Then it is known what was refused, what
was lost, what came again, and how long the longest silence of a partition was.
"""
import socket
import threading
import time
from pathlib import Path

EVERY_S = 0.01
CONNECT_EVERY_S = 0.002


class Load:
    def __init__(self, scene, socket_path, n_partitions, n_programs):
        self.scene, self.socket_path, self.n_partitions = scene, socket_path, n_partitions
        self.topic = scene.topic(n_partitions)
        self.arrivals = {partition: [] for partition in range(n_partitions)}  # (time, offset)
        self.ending = threading.Event()
        self.n_written, self.n_connected, self.refusals = 0, 0, []
        self.programs = [self._program() for _ in range(n_programs)]
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self._write, self._connect)]

    def _program(self):
        peer = self.scene.peer("lib", self.topic)

        def handle(message):
            self.arrivals[message.partition].append((time.monotonic(), message.offset))
            peer.mark(message)
        peer.on_message = handle
        return peer

    def _write(self):
        while not self.ending.is_set():
            for partition in range(self.n_partitions):
                self.scene.witness.producer.produce(self.topic, partition=partition, value=b"x")
            self.n_written += 1
            self.scene.witness.producer.poll(0)
            self.ending.wait(EVERY_S)
        self.scene.witness.producer.flush(20)

    def _connect(self):
        while not self.ending.is_set():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(5)
                try:
                    sock.connect(self.socket_path)
                    self.n_connected += 1
                except OSError as error:
                    self.refusals.append(error)
            self.ending.wait(CONNECT_EVERY_S)

    # ---- from the start to the end ----

    def start(self):
        """Runs when each partition has a holder and messages flow."""
        for thread in self.threads:
            thread.start()
        self.wait_flow()
        return self

    def wait_flow(self, n=20):
        """Until n more messages of each partition have arrived."""
        before = {p: len(a) for p, a in self.arrivals.items()}
        self.scene.wait_for(
            lambda: all(len(a) >= before[p] + n for p, a in self.arrivals.items()), 40, "a flow")

    def during(self, function, *args):
        """Does something while the group works, and waits until it works again."""
        self.scene.hub.run_blocking(function, *args)
        self.wait_flow()

    def finish(self):
        """Nothing is written any more, and all that was is there, and committed."""
        self.ending.set()
        for thread in self.threads:
            self.scene.hub.run_blocking(thread.join)
        self.scene.wait_for(lambda: not any(self.lost().values()), 20, "all that was written")
        for partition in range(self.n_partitions):
            self.scene.wait_committed(self.topic, partition, self.n_written)

    # ---- what is known then ----

    def lost(self):
        """Per partition how many messages never came."""
        return {p: self.n_written - len({offset for _, offset in a})
                for p, a in self.arrivals.items()}

    def error_events(self):
        """Of all programs. A topic that is seconds old may have brought some before it flowed:
        Kafka says NOT_LEADER_FOR_PARTITION until its leader knows."""
        return [error for program in self.programs for error in program.error_events()]

    def n_repeated(self):
        return sum(len(a) - len({offset for _, offset in a}) for a in self.arrivals.values())

    def longest_silence_s(self, since):
        """Between two arrivals of one partition, the later one after this time."""
        return max(later - sooner for a in self.arrivals.values()
                   for (sooner, _), (later, _) in zip(a, a[1:]) if later > since)


def connects(path):
    """Whether somebody listens; no waiting for an answer."""
    if not Path(path).exists():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        try:
            sock.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True
