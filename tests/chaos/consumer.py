# SPDX-License-Identifier: MIT
"""A consumer of the chaos test on raw msgpack: consumer.py SOCKET GROUP LOG NAME DELAY_US MARK_EVERY
CREDIT TOPIC...

Does what consumer.c does, without a line of libkgroup: the protocol's page is all it knows. It comes
back over lost connections with the same id and says RESUME. Besides, it takes commands on stdin, a
line each, and picks the claim by itself:

    seek N     goes N messages back (N below 0: ahead)       reset N   resets N messages back
    stale      sends a mark of an epoch that has ended       pause MS  pauses a claim for that long
"""
import collections
import random
import select
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.client import Client, ConnectionClosed, Refused, record_bytes  # noqa: E402
from harness.hub import Hub, WaitTimeout  # noqa: E402
from harness.protocol import Record  # noqa: E402
from records import Log  # noqa: E402

IDLE_S = 0.05
TURN_MESSAGES = 50
BACKOFF_S = (0.02, 0.05, 0.1, 0.2, 0.5)
RESUME_FOR_S = 5.0  # how long the marks of an ended claim are "not surely committed"
CREDIT_BYTES = 8 << 20
AGAIN = ("STOPPING", "TIMEOUT", "BROKER", "QUOTA")  # refusals that pass

Item = collections.namedtuple("Item", ["claim", "epoch", "record"])


class Consumer(Client):
    """The harness's client, but what it reads waits in a queue and costs credit until it is
    handed out, and what is void is dropped."""

    def __init__(self, log, name, credit, path, group, topics):
        self.log, self.label, self.wanted = log, name, (group, topics)
        self.queue = collections.deque()
        self.last = {}  # claim number: (epoch, offset) handed out and not marked
        self.old = {}   # place: claims that ended, youngest last, for RESUME and stale marks
        super().__init__(Hub(), path, name, window=(credit, CREDIT_BYTES), hello=False)

    # ---- the connection ----

    def connect(self, hello=True):
        """The first call comes from the constructor: connecting is come()'s."""
        return self if self.opened is None else super().connect(hello)

    def come(self):
        """Connects and opens; false if that has to be tried again."""
        group, topics = self.wanted
        self._reset_connection()
        self.opened = ("", group, topics, {"dwell_time": "1s"})
        try:
            super().connect()
            self.ask("open", "", group, self.id, topics, {"dwell.time": "1s"})
        except (OSError, ConnectionClosed, WaitTimeout):
            self.go()
            return False
        except Refused as refused:
            self.go()
            if refused.name not in AGAIN:
                raise
            return False
        self.log.write("state", "open")
        for claim in self.to_resume():
            self.log.write("resume", where(claim), claim.epoch, claim.marked,
                           claim.assign.committed)
            self.send("resume", claim.topic, claim.partition, claim.epoch, claim.marked,
                      claim.metadata, claim.assign.committed)
        self.send("resume_end")
        self.credit(*self.window)
        return True

    def to_resume(self):
        young = time.monotonic() - RESUME_FOR_S
        for claims in self.old.values():
            if claims[-1].marked is not None and claims[-1].ended_s > young:
                yield claims[-1]

    def go(self):
        """The connection is lost: its claims have ended, what is unread is void."""
        for claim in list(self.claims.values()):
            self.end_of(claim)
        self.queue.clear()
        self.last.clear()
        self.disconnect()
        self._reset_connection()
        self.closed = True

    def end_of(self, claim):
        claim.ended_s = time.monotonic()
        self.old.setdefault(claim.place, []).append(claim)
        del self.old[claim.place][:-3]

    # ---- what comes ----

    def _on_frame(self, frame):
        super()._on_frame(frame)
        self.frames.clear()
        self.states.clear()

    def _return_credit(self):
        """Not when it is read: when it is handed out, or void."""

    def _on_assign(self, frame):
        super()._on_assign(frame)
        self.log.write("assign", where(frame), frame.epoch, frame.start, frame.committed)

    def _on_messages(self, frame):
        before = self.read
        super()._on_messages(frame)
        self.read = before
        self.messages.clear()
        self.queue.extend(Item(frame.claim, frame.epoch, Record(*r)) for r in frame.records)

    def _on_epoch(self, frame):
        claim = self.claims[frame.claim]
        self.void(claim)
        ended = type(claim)(claim.assign)  # a shadow of what ends, for stale marks
        ended.epoch = claim.epoch
        self.end_of(ended)
        super()._on_epoch(frame)
        self.log.write("epoch", where(claim), frame.epoch, frame.offset)

    def _on_release(self, frame):
        claim = self.claims[frame.claim]
        self.log.write("release", where(claim), claim.epoch)
        self.void(claim, keep_last=True)
        self.mark_last(claim.id)
        super()._on_release(frame)

    def _on_released(self, frame):
        claim = self.claims[frame.claim]
        self.log.write("released", where(claim), claim.epoch)
        self.void(claim)
        self.end_of(claim)
        super()._on_released(frame)
        self.ended.clear()

    def void(self, claim, keep_last=False):
        kept = collections.deque()
        for item in self.queue:
            if item.claim == claim.id:
                self.used(item.record)
            else:
                kept.append(item)
        self.queue = kept
        if not keep_last:
            self.last.pop(claim.id, None)
        self.refill()

    # ---- credit, delivery, marks ----

    def used(self, record):
        self.read = (self.read[0] + 1, self.read[1] + record_bytes(record))

    def refill(self):
        if not self.closed:
            Client._return_credit(self)

    def hand_out(self):
        """The next message, written into the log; None: none."""
        if not self.queue:
            return None
        item = self.queue.popleft()
        claim = self.claims[item.claim]
        number = item.record.value.split(b":", 1)[0].decode()
        self.log.write("deliver", where(claim), item.epoch, item.record.offset, number)
        self.last[item.claim] = (item.epoch, item.record.offset)
        claim.delivered = item.record.offset
        self.used(item.record)
        self.refill()
        return item.claim

    def mark_last(self, number):
        epoch, offset = self.last.pop(number, (None, None))
        if offset is None:
            return
        claim = self.claims[number]
        self.log.write("mark", where(claim), epoch, offset)
        metadata = f"{self.label}:{epoch}"
        if claim.marked is None or offset > claim.marked:
            claim.marked, claim.metadata = offset, metadata
        self.mark_entries([[number, epoch, offset, metadata]])

    def mark_all_last(self):
        for number in list(self.last):
            self.mark_last(number)


def where(thing):
    return f"{thing.topic}/{thing.partition}"


class Program:
    def __init__(self, argv):
        path, group, log, name, delay_us, mark_every, credit, *topics = argv
        self.delay_s, self.mark_every = int(delay_us) / 1e6, int(mark_every)
        self.log = Log(log)
        self.log.begin(name, path)
        self.random = random.Random(name)
        self.consumer = Consumer(self.log, name, int(credit), path, group, topics)
        self.consumer.closed = True
        self.unmarked = collections.Counter()
        self.paused, self.stopping, self.n_tries, self.next_try = {}, False, 0, 0.0
        signal.signal(signal.SIGTERM, self.on_stop)

    def on_stop(self, _number, _frame):
        self.stopping = True

    def run(self):
        while not self.stopping:
            try:
                self.turn()
            except (ConnectionClosed, OSError):
                self.consumer.closed = True
        return self.close()

    def turn(self):
        self.commands()
        if self.consumer.closed:
            self.reconnect()
            return
        self.consumer.hub.pump(0 if self.consumer.queue else IDLE_S)
        self.end_pauses()
        handed = [self.consumer.hand_out() for _ in range(TURN_MESSAGES) if self.consumer.queue]
        for number in handed:
            self.unmarked[number] += 1
            if self.unmarked[number] >= self.mark_every:
                self.unmarked[number] = 0
                self.consumer.mark_last(number)
        if handed and self.delay_s:
            time.sleep(self.delay_s * len(handed))
        if not handed:
            self.consumer.mark_all_last()

    def reconnect(self):
        if self.consumer.socket:
            self.log.write("state", "lost")
            self.consumer.go()
        if self.stopping or time.monotonic() < self.next_try:
            select.select([sys.stdin], [], [], 0.01)
            return
        self.unmarked.clear()
        self.paused.clear()
        self.n_tries = 0 if self.consumer.come() else self.n_tries + 1
        wait_s = BACKOFF_S[min(self.n_tries, len(BACKOFF_S) - 1)]
        self.next_try = time.monotonic() + wait_s * self.random.uniform(0.5, 1.5)

    def close(self):
        status = 0
        try:
            if not self.consumer.closed:
                self.consumer.mark_all_last()
                self.consumer.close_consumer(timeout_s=20)
        except (ConnectionClosed, OSError):
            pass
        except (Refused, WaitTimeout) as reason:
            self.log.write("state", f"close-{type(reason).__name__}")
        self.log.write("end", status)
        return status

    # ---- commands ----

    def commands(self):
        while select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                self.stopping = True
                return
            word, *values = line.split()
            if not self.consumer.closed:
                getattr(self, word)(*map(int, values))

    def pick(self, condition):
        found = [c for c in self.consumer.claims.values() if not c.release and condition(c)]
        return self.random.choice(found) if found else None

    def seek(self, n_back):
        claim = self.pick(lambda c: getattr(c, "delivered", None) is not None)
        if not claim:
            return
        offset = max(0, claim.delivered - n_back)
        self.log.write("seek", where(claim), offset)
        try:
            self.consumer.ask("seek", [claim.id], "offset", offset)
        except (Refused, WaitTimeout) as reason:
            self.log.write("state", f"seek-{getattr(reason, 'name', 'timeout')}")

    def reset(self, n_back):
        claim = self.pick(lambda c: c.marked is not None)
        if not claim:
            return
        offset = max(0, claim.marked - n_back)
        self.log.write("reset", where(claim), claim.epoch, offset)
        claim.marked = None  # a RESUME must not undo it
        request = self.consumer.start(
            "reset", [[claim.id, claim.epoch, offset, f"{self.consumer.label}:{claim.epoch}:r"]])
        verdict = self.consumer.wait_for(lambda: self.consumer.verdicts.get(request), what="MARKED")
        self.log.write("state", f"reset-verdict-{verdict[0]}")

    def stale(self):
        """Far ahead, so that it would be seen if it counted."""
        for place, claims in sorted(self.consumer.old.items()):
            now = next((c for c in self.consumer.claims.values() if c.place == place), None)
            if now is None or now.epoch == claims[-1].epoch:
                continue
            offset = getattr(now, "delivered", 0) + 7
            self.log.write("badmark", where(now), claims[-1].epoch, offset)
            self.consumer.mark_entries([[now.id, claims[-1].epoch, offset, "stale:0"]])

    def pause(self, ms):
        claim = self.pick(lambda c: c.id not in self.paused)
        if claim:
            self.paused[claim.id] = time.monotonic() + ms / 1000
            self.consumer.send("pause", 0, [claim.id], True)

    def end_pauses(self):
        for number, until in list(self.paused.items()):
            if time.monotonic() > until:
                del self.paused[number]
                if number in self.consumer.claims:
                    self.consumer.send("pause", 0, [number], False)


if __name__ == "__main__":
    sys.exit(Program(sys.argv[1:]).run())
