# SPDX-License-Identifier: MIT
"""A consumer that speaks the protocol by itself: what a client in any language has to do, and what
a bad one may do instead.

By default it behaves: it returns credit for what it reads, and answers RELEASE with DONE. Both can
be turned off by the test that wants to watch what happens then. It records every frame in `frames`,
and what they mean in `claims`, `messages`, `replies`, `errors`.
"""
import collections
import errno
import os
import socket

from harness import protocol
from harness.protocol import ERROR_NAMES, ERRORS, Record

READ_BYTES = 1 << 20
MAX_FRAME = 66 << 20

Message = collections.namedtuple(
    "Message", ["claim", "epoch", "topic", "partition", *Record._fields])


class ConnectionClosed(AssertionError):
    """The daemon closed the connection under a waiting request."""


class Refused(Exception):
    """A request was answered with an error code, or with one that ended the connection; `name` is
    the one of errors.def."""

    def __init__(self, answer):
        self.code, self.text = answer.code, answer.text
        self.fatal = getattr(answer, "fatal", False)
        self.name = ERROR_NAMES.get(answer.code, str(answer.code))
        super().__init__(f"{self.name}: {answer.text}")


class Claim:
    def __init__(self, assign):
        self.assign = assign
        self.id, self.topic, self.partition = assign.claim, assign.topic, assign.partition
        self.epoch = assign.epoch
        self.marked = self.metadata = self.release = None

    @property
    def place(self):
        return self.topic, self.partition


class Client:
    def __init__(self, hub, path, name="test", features=("notify", "query", "reset", "seek"),
                 max_frame=MAX_FRAME, hello=True, window=(10000, 64 << 20), auto_done=True,
                 consumer_id=None):
        self.hub, self.path, self.name = hub, str(path), name
        self.features, self.max_frame = list(features), max_frame
        self.window, self.auto_done = window, auto_done
        self.id = consumer_id or os.urandom(16)
        self.opened = None
        self._reset_connection()
        self.connect(hello)

    # ---- the connection ----

    def _reset_connection(self):
        self.socket, self.buffer = None, bytearray()
        self.frames, self.messages, self.claims, self.replies = [], [], {}, {}
        self.errors, self.states, self.verdicts, self.notified = [], [], {}, []
        self.ended = []  # claims that were released, in order
        self.sent, self.read = (0, 0), (0, 0)  # credit in totals: given, used up
        self.welcome, self.goaway = None, None
        self.closed, self.reading = False, True
        self.request = 0

    def connect(self, hello=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.hub.wait_for(self._connects, 10, "room in the queue of the socket")
        self.hub.add(self)
        if hello:
            self.send("hello", [1], self.features, self.name, "python/test", self.max_frame)
            self.wait_for(lambda: self.welcome, what="WELCOME")
        return self

    def _connects(self):
        try:
            self.socket.connect(self.path)
        except BlockingIOError:
            return False
        return True

    def disconnect(self):
        """Goes without a word, as a crash does."""
        self.hub.remove(self)
        if self.socket:
            self.socket.close()
        self.socket, self.closed = None, True

    def reconnect(self, resume=True):
        """Comes back with the same consumer id and says what was marked."""
        old = list(self.claims.values()) + self.ended
        cluster, group, topics, settings = self.opened
        self.disconnect()
        self._reset_connection()
        self.connect()
        self.open(group, topics, cluster=cluster, resume=old if resume else (), **settings)
        return self

    def fileno(self):
        return -1 if self.socket is None or self.closed else self.socket.fileno()

    def send_bytes(self, data):
        """Sends as it is; false if the daemon has already hung up."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            return False
        return True

    def send(self, name, *fields):
        return self.send_bytes(protocol.encode(name, *fields))

    # ---- what comes ----

    def on_readable(self):
        try:
            data = self.socket.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return
        self.buffer += data
        while (body := protocol.cut(self.buffer)) is not None:
            assert len(body) <= self.max_frame, "a frame larger than HELLO allows"
            self._on_frame(protocol.decode(body))

    def _on_frame(self, frame):
        self.frames.append(frame)
        handler = getattr(self, f"_on_{type(frame).__name__}", None)
        if handler:
            handler(frame)

    def _on_welcome(self, frame):
        self.welcome = frame

    def _on_reply(self, frame):
        assert frame.request not in self.replies, "a request was answered twice"
        self.replies[frame.request] = frame

    def _on_marked(self, frame):
        self.verdicts[frame.request] = frame.verdicts

    def _on_state(self, frame):
        self.states.append(frame)

    def _on_error(self, frame):
        self.errors.append(frame)

    def _on_notify(self, frame):
        self.notified.append(frame)

    def _on_goaway(self, frame):
        self.goaway = frame

    def _on_assign(self, frame):
        assert frame.claim not in self.claims, "a claim number was used twice"
        self.claims[frame.claim] = Claim(frame)

    def _on_epoch(self, frame):
        claim = self.claims[frame.claim]
        assert frame.epoch > claim.epoch, "an epoch did not grow"
        claim.epoch, claim.marked = frame.epoch, None  # marks of the old one are not resumed

    def _on_messages(self, frame):
        claim = self.claims.get(frame.claim)
        assert claim, f"messages of claim {frame.claim}, which is not ours"
        assert claim.release is None, "messages after RELEASE"
        assert frame.epoch == claim.epoch, "messages of an epoch that was not announced"
        records = [Record(*r) for r in frame.records]
        assert records, "a MESSAGES frame without messages"
        self.messages += [Message(claim.id, frame.epoch, claim.topic, claim.partition, *r)
                          for r in records]
        n_bytes = sum(record_bytes(r) for r in records)
        self.read = (self.read[0] + len(records), self.read[1] + n_bytes)
        self._return_credit()

    def _on_release(self, frame):
        self.claims[frame.claim].release = frame
        if self.auto_done:
            self.send("done", frame.claim)

    def _on_released(self, frame):
        claim = self.claims.pop(frame.claim)
        claim.released = frame
        self.ended.append(claim)

    # ---- requests ----

    def wait_for(self, condition, timeout_s=15.0, what=""):
        def condition_or_end():
            value = condition()
            if not value and self.closed:
                raise ConnectionClosed(f"waiting for {what or condition}; errors: {self.errors}")
            return value
        return self.hub.wait_for(condition_or_end, timeout_s, what)

    def ask(self, name, *fields, timeout_s=15.0):
        """Sends a request and waits for its answer: the result, or Refused."""
        try:
            reply = self.wait_reply(self.start(name, *fields), timeout_s)
        except ConnectionClosed as closed:
            if self.fatal:
                raise Refused(self.fatal) from closed
            raise
        if reply.code:
            raise Refused(reply)
        return reply.result

    def start(self, name, *fields):
        self.request += 1
        self.send(name, self.request, *fields)
        return self.request

    def wait_reply(self, request, timeout_s=15.0):
        return self.wait_for(lambda: self.replies.get(request), timeout_s, f"reply {request}")

    def open(self, group, topics, cluster="", resume=(), **settings):
        """Becomes a consumer. Settings: dots are written as underscores."""
        names = {key.replace("_", "."): value for key, value in settings.items()}
        self.opened = (cluster, group, list(topics), settings)
        self.ask("open", cluster, group, self.id, list(topics), names)
        for claim in resume:
            if claim.marked is not None:
                self.send("resume", claim.topic, claim.partition, claim.epoch, claim.marked,
                          claim.metadata, claim.assign.committed)
        self.send("resume_end")
        if self.window:
            self.credit(*self.window)
        return self

    def close_consumer(self, timeout_s=15.0):
        """CLOSE: what is marked is committed when it returns, and the claims are gone."""
        self.ask("close", timeout_s=timeout_s)
        self.ended += self.claims.values()
        self.claims = {}
        self.messages, self.sent, self.read = [], (0, 0), (0, 0)

    def commit(self, timeout_s=15.0):
        return self.ask("commit", timeout_s=timeout_s)

    def query(self, what, **arguments):
        return self.ask("query", what, arguments)

    def credit(self, messages, n_bytes):
        """Grants this much from now on, whatever was granted before."""
        self.sent = (max(self.sent[0], self.read[0] + messages),
                     max(self.sent[1], self.read[1] + n_bytes))
        self.send("credit", 0, *self.sent)

    def _return_credit(self):
        if not self.window:
            return
        left = [sent - read for sent, read in zip(self.sent, self.read)]
        if any(2 * have < want for have, want in zip(left, self.window)):
            self.credit(*self.window)

    def mark(self, message, metadata=None, answer=False):
        """Marks by message; with answer the verdict's number."""
        claim = self.claims.get(message.claim)
        if claim and message.epoch == claim.epoch and message.offset > (
                -1 if claim.marked is None else claim.marked):
            claim.marked, claim.metadata = message.offset, metadata
        return self.mark_entries([[message.claim, message.epoch, message.offset, metadata]], answer)

    def mark_entries(self, entries, answer=False):
        if not answer:
            self.send("mark", 0, entries)
            return None
        request = self.start("mark", entries)
        verdicts = self.wait_for(lambda: self.verdicts.get(request), what="MARKED")
        assert len(verdicts) == len(entries)
        return verdicts[0] if len(entries) == 1 else verdicts

    def mark_all(self):
        """Marks the last message of each claim."""
        for message in {m.claim: m for m in self.messages if m.claim in self.claims}.values():
            self.mark(message)

    # ---- conditions ----

    @property
    def fatal(self):
        """The ERROR that the daemon sent before it closed the connection."""
        return next((e for e in self.errors if e.fatal), None)

    def places(self):
        """The claimed topics and partitions, without those that are being released, sorted."""
        return sorted(c.place for c in self.claims.values() if not c.release)

    def wait_claims(self, expected, timeout_s=20.0):
        expected = sorted(expected)
        self.wait_for(lambda: self.places() == expected, timeout_s, f"claims {expected}")
        return self

    def claim(self, topic, partition):
        return next(c for c in self.claims.values() if c.place == (topic, partition))

    def wait_messages(self, n, timeout_s=20.0):
        """Waits until n messages in all have come on this connection."""
        self.wait_for(lambda: len(self.messages) >= n, timeout_s,
                      f"{n} messages, there are {len(self.messages)}")
        return self.messages

    def of(self, topic, partition=None):
        return [m for m in self.messages
                if m.topic == topic and partition in (None, m.partition)]

    def wait_error(self, name, timeout_s=20.0):
        """Waits for an ERROR event of that name."""
        def find():
            return next((e for e in self.errors if e.code == ERRORS[name]), None)
        return self.wait_for(find, timeout_s, f"error {name}")

    def wait_end(self, timeout_s=15.0):
        """Waits until the daemon has closed the connection; the fatal error it gave, or None."""
        self.hub.wait_for(lambda: self.closed, timeout_s, "end of the connection")
        return self.fatal and ERROR_NAMES[self.fatal.code]


def record_bytes(record):
    """What a message costs in credit: key, value, header names and header values."""
    n_bytes = len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        n_bytes += len(name.encode() if isinstance(name, str) else name) + len(value or b"")
    return n_bytes
