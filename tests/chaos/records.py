# SPDX-License-Identifier: MIT
"""The logs of a run: what writes them, what reads them. No line is shared with the daemon.

Every process of a run appends to a file of its own, NAME.log, one line for each thing it did, before
it did it: nanoseconds of CLOCK_MONOTONIC, a kind, its fields. One write a line, so a process that is
killed leaves whole lines, but perhaps the last. Consumers write (topic and partition are one field,
"topic/partition"):

    begin    name daemon real_ns         the clock of the host at the same moment
    assign   place epoch start committed epoch 0: not known, it is that of the next delivery
    epoch    place epoch offset          EPOCH: the claim goes on there
    deliver  place epoch offset id
    mark     place epoch offset
    badmark  place epoch offset          of an ended epoch, on purpose: may never count
    reset    place epoch offset
    seek     place offset                about to ask for it
    resume   place epoch offset committed
    release  place epoch / released place epoch / state word / end status

the producer: `ack place offset id`, `there place 0 id` (at an offset that is not known), `fail id`;
the driver: `fault name what for_s`, `over name`.
"""
import collections
import time
from pathlib import Path

Line = collections.namedtuple("Line", ["t", "who", "kind", "place", "values"])
WITHOUT_PLACE = ("begin", "state", "end", "fault", "over", "phase", "fail")


class Log:
    """Appends to the log of this process."""

    def __init__(self, path):
        self.file = open(path, "ab", buffering=0)

    def write(self, kind, *fields):
        text = " ".join(str(field) for field in fields)
        self.file.write(f"{time.monotonic_ns()} {kind} {text}\n".encode())

    def begin(self, name, daemon):
        self.write("begin", name, daemon, time.time_ns())


def read(path):
    """The lines of one log; numbers as numbers, seconds as float. A torn last line is left out."""
    who = Path(path).stem
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield parse(who, line)


def parse(who, line):
    t, kind, *fields = line.split()
    if kind in WITHOUT_PLACE:
        return Line(int(t) / 1e9, who, kind, None, tuple(fields))
    return Line(int(t) / 1e9, who, kind, fields[0], tuple(int(field) for field in fields[1:]))
