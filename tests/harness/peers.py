# SPDX-License-Identifier: MIT
"""Consumers of both kinds, with one vocabulary, so that one test can be run with either.

    WirePeer   speaks the protocol by itself (client.py)
    LibPeer    a program with libkgroup (kgroup.py)

Both: messages, places(), claim(), mark(), mark_at(), reset(), reset_at(), seek(), commit(), pause(),
resume(), high_water_marks(), close_claim(), close_consumer(), disconnect(), wait_...(). `taken` is
what the application was given, in its order: messages, notifications, claims that came and went.
`on_message`, if set, is the application: it is called with each message, and may end taking
by `taking` = False, until take_again(); `on_release` is called with topic and partition of what will end. What is released is let go at once, unless `auto_done` is off.
"""
import collections
import os
import time

from harness.client import Client
from harness.kgroup import Consumer, KgError
from harness.protocol import ERROR_NAMES

FEATURES = ("notify", "query", "reset", "seek", "partitions")
KINDS = ("unknown", "start", "ok", "error")  # of NOTIFY, by number

Notification = collections.namedtuple("Notification", ["kind", "claimed", "released", "current"])
Error = collections.namedtuple("Error", ["name", "context", "topic", "partition", "text"])
ClaimInfo = collections.namedtuple("ClaimInfo", ["initial", "start", "committed", "metadata",
                                                 "high", "paused"])


class Peer:
    """What is the same for both."""

    def start_application(self, auto_done):
        self.auto_done, self.taking, self.on_message, self.on_release = auto_done, True, None, None
        self.taken, self.notifications = [], []
        self.take_events = True  # of libkgroup only

    def on_notification(self, kind, claimed, released, current):
        self.notifications.append(Notification(kind, claimed, released, current))
        self.taken.append(("notify", self.notifications[-1]))

    def on_releasing(self, topic, partition):
        self.taken.append(("releasing", (topic, partition)))
        if self.on_release:
            self.on_release(topic, partition)

    def on_taken(self, message):
        self.taken.append(("message", message))
        if self.on_message and self.taking:
            self.on_message(message)

    def of(self, topic, partition=None):
        return [m for m in self.messages
                if m.topic == topic and partition in (None, m.partition)]

    def offsets(self, topic, partition):
        return [m.offset for m in self.of(topic, partition)]

    def last(self, topic, partition):
        return self.of(topic, partition)[-1]

    def kinds(self):
        return [n.kind for n in self.notifications]

    def wait_claims(self, expected, timeout_s=20.0):
        expected = sorted(expected)
        self.wait_for(lambda: self.places() == expected, timeout_s, f"claims {expected}")
        return self

    def wait_n_claims(self, n, timeout_s=20.0):
        self.wait_for(lambda: len(self.places()) == n, timeout_s, f"{n} claims")
        return self

    def wait_messages(self, n, timeout_s=20.0):
        self.wait_for(lambda: len(self.messages) >= n, timeout_s, f"{n} messages")
        return self.messages

    def wait_error_named(self, name, timeout_s=20.0, topic=None):
        """An error event, as Error."""
        def find():
            return next((e for e in self.error_events()
                         if e.name == name and topic in (None, e.topic)), None)
        return self.wait_for(find, timeout_s, f"error {name}, there are {self.error_events()}")

    def wait_notified(self, *kinds, timeout_s=20.0):
        """Waits until the kinds of all notifications are these."""
        return self.wait_for(lambda: self.kinds() == list(kinds) and self.notifications,
                             timeout_s, f"notifications {kinds}")

    def mark_all(self):
        """Marks the last message of each claim that is held."""
        held = self.places()
        for message in {(m.topic, m.partition): m for m in self.messages}.values():
            if (message.topic, message.partition) in held:
                self.mark(message)


class WirePeer(Peer, Client):
    kind = "wire"

    def __init__(self, hub, path, mode="multiplexed", auto_done=True, window=(10000, 64 << 20),
                 **options):
        self.mode, self.claim_window, self.held_back = mode, window, set()
        self.unread = collections.deque()  # messages that arrived and were not taken
        self.claim_credit = {}  # number -> [messages sent, bytes sent, messages read, bytes read]
        self.start_application(auto_done)
        super().__init__(hub, path, features=FEATURES, auto_done=auto_done,
                         window=window if mode == "multiplexed" else None, **options)

    def open(self, group, topics, cluster="", resume=(), **settings):
        if self.mode != "multiplexed":
            settings["mode"] = self.mode
        super().open(group, topics, cluster, resume, **settings)
        return self

    # ---- what comes ----

    def _on_assign(self, frame):
        super()._on_assign(frame)
        self.taken.append(("assigned", (frame.topic, frame.partition)))
        if self.mode == "partitions" and self.claim_window:
            self.claim_credit[frame.claim] = [0, 0, 0, 0]
            self._grant(frame.claim)

    def _grant(self, number):
        """Half of the window at a time, as the page advises."""
        claim, credit = self.claims.get(number), self.claim_credit.get(number)
        if not (claim and credit and self.taking) or claim.place in self.held_back:
            return
        wanted = [credit[2] + self.claim_window[0], credit[3] + self.claim_window[1]]
        if wanted[0] - credit[0] > self.claim_window[0] // 2 or (
                wanted[1] - credit[1] > self.claim_window[1] // 2):
            credit[:2] = wanted
            self.send("credit", number, *wanted)

    def hold_back(self, topic, partition):
        """Reads no more of one partition: nobody grants anything."""
        self.held_back.add((topic, partition))

    def let_go(self, topic, partition):
        self.held_back.discard((topic, partition))
        self._grant(self.claim(topic, partition).id)

    def _return_credit(self):
        if self.taking:
            super()._return_credit()

    def take_again(self):
        """Undoes `taking` = False."""
        self.taking = True
        self._take()
        self._return_credit()
        for number in list(self.claim_credit):
            self._grant(number)

    def _on_messages(self, frame):
        before, read = len(self.messages), self.read
        super()._on_messages(frame)
        self.unread += self.messages[before:]
        del self.messages[before:]
        credit = self.claim_credit.get(frame.claim)
        if credit:
            credit[2] += self.read[0] - read[0]
            credit[3] += self.read[1] - read[1]
            self._grant(frame.claim)
        self._take()

    def _take(self):
        while self.taking and self.unread:
            self.messages.append(self.unread.popleft())
            self.on_taken(self.messages[-1])

    def _void(self, number):
        """What was not taken of a claim that ends or goes on elsewhere is void."""
        self.unread = collections.deque(m for m in self.unread if m.claim != number)

    def _on_epoch(self, frame):
        self._void(frame.claim)
        super()._on_epoch(frame)

    def _on_notify(self, frame):
        super()._on_notify(frame)
        self.on_notification(KINDS[frame.kind], *(
            sorted((topic, p) for topic, ids in places for p in ids)
            for places in (frame.claimed, frame.released, frame.current)))

    def _on_release(self, frame):
        self._void(frame.claim)
        self.on_releasing(*self.claims[frame.claim].place)
        super()._on_release(frame)

    def _on_released(self, frame):
        self._void(frame.claim)
        self.taken.append(("released", self.claims[frame.claim].place))
        super()._on_released(frame)

    def error_events(self):
        return [Error(ERROR_NAMES[e.code], e.context, e.topic, e.partition, e.text)
                for e in self.errors]

    def state(self):
        return (self.states[-1].state, self.states[-1].text) if self.states else ("none", None)

    # ---- what it does ----

    def close_consumer(self, timeout_s=15.0):
        messages = self.messages
        super().close_consumer(timeout_s)
        self.messages = messages  # the application's
        self.unread.clear()

    def info(self, topic, partition):
        a = self.claim(topic, partition).assign
        metadata = a.metadata.encode() if isinstance(a.metadata, str) else a.metadata
        return ClaimInfo(a.initial, a.start, a.committed, metadata, a.high, None)

    def mark_at(self, topic, partition, offset, metadata=None, answer=False):
        return self._entry("mark", topic, partition, offset, metadata, answer)

    def reset_at(self, topic, partition, offset, metadata=None, answer=False):
        return self._entry("reset", topic, partition, offset, metadata, answer)

    def reset(self, message, metadata=None):
        self.send("reset", 0, [[message.claim, message.epoch, message.offset, metadata]])

    def _entry(self, verb, topic, partition, offset, metadata, answer):
        """Of a partition that is not held the number is one that was never given."""
        held = [c for c in self.claims.values() if c.place == (topic, partition)]
        number, epoch = (held[0].id, held[0].epoch) if held else (4711, 1)
        entries = [[number, epoch, offset, metadata]]
        if not answer:
            self.send(verb, 0, entries)
            return None
        request = self.start(verb, entries)
        return self.wait_for(lambda: self.verdicts.get(request), what="MARKED")[0]

    def seek(self, whence, value=0, places=()):
        self.ask("seek", [self.claim(*place).id for place in places], whence, value)

    def pause(self, topic, partition):
        self.ask("pause", [self.claim(topic, partition).id], True)

    def resume(self, topic, partition):
        self.ask("pause", [self.claim(topic, partition).id], False)

    def done(self, topic, partition):
        self.send("done", self.claim(topic, partition).id)

    def close_claim(self, topic, partition, wait=True):
        claim = self.claim(topic, partition)
        self.ask("claim_close", claim.id)
        if wait:
            self.wait_for(lambda: claim in self.ended, what="RELEASED")

    def high_water_marks(self):
        rows = self.query("high.water.marks")["partitions"]
        return {(row["topic"], row["partition"]): row["high"] for row in rows}


class LibPeer(Peer):
    kind = "lib"

    def __init__(self, hub, library, path, mode="multiplexed", auto_done=True, name=None,
                 window=(10000, 64 << 20), client=None, **settings):
        self.hub, self.library, self.mode = hub, library, mode
        self.start_application(auto_done)
        self.settings = {"socket": str(path), "name": name or f"lib-{os.urandom(4).hex()}",
                         "credit_messages": window[0], "credit_bytes": window[1], **settings}
        if mode != "multiplexed":
            self.settings["mode"] = mode
        self.client = client  # whose connection it uses; None: its own
        self.consumer, self.reading = None, False
        self.messages, self.events, self.errors, self.streams = [], [], [], {}
        self.held_back, self.broken, self.committed, self.turned = set(), None, {}, 0.0

    @property
    def name(self):
        return self.settings["name"]

    def open(self, group, topics, cluster="", **settings):
        if cluster:
            settings["cluster"] = cluster
        settings = {**self.settings, **settings}
        if self.consumer:
            self.consumer.free()
        if self.client:
            self.consumer = self.client.open_consumer(group, topics, **{
                key: value for key, value in settings.items() if key not in ("socket", "name")})
        else:
            self.consumer = Consumer.open(self.library, group, topics, self.run, **settings)
        self.consumer.run = self.run
        if self not in self.hub.members:
            self.hub.add(self)
        self.reading, self.broken = True, None
        return self

    def run(self, function, *args):
        """A call that may block: one thread at a time uses a consumer, so it is left alone."""
        before, self.reading = self.reading, False
        try:
            return self.hub.run_blocking(function, *args)
        finally:
            self.reading = before

    # ---- the hub ----

    def fileno(self):
        return self.consumer.get_fd() if self.consumer and not self.broken else -1

    def on_readable(self):
        self.turn()

    def on_turn(self):
        """Something is buffered, or a timer of the library is due."""
        timeout_ms = self.consumer.get_timeout_ms() if not self.broken else -1
        due = timeout_ms >= 0 and time.monotonic() - self.turned >= timeout_ms / 1000
        return due and self.turn()

    def turn(self):
        """What a program with a loop of its own does; true if there was anything."""
        if self.broken:
            return False
        before, self.turned = len(self.taken) + len(self.events), time.monotonic()
        try:
            self.consumer.process()
            self._take_events()
            if self.mode == "partitions":
                self._take_partitions()
            else:
                self._take_messages()
        except KgError as error:
            self.broken, self.reading = error, False
        return len(self.taken) + len(self.events) > before

    def _take_messages(self):
        while self.taking and self.reading and (message := self.consumer.next()):
            self._take_events()  # what came before it is told before it
            self.messages.append(message)
            self.on_taken(message)

    def _take_events(self):
        while self.take_events and (event := self.consumer.next_event()) is not None:
            self.events.append(event)
            getattr(self, f"_on_{event.type}", lambda _: None)(event)

    def _on_notification(self, event):
        self.on_notification(event.notification, event.claimed, event.released, event.current)

    def _on_assigned(self, event):
        self.taken.append(("assigned", (event.topic, event.partition)))

    def _on_releasing(self, event):
        self.on_releasing(event.topic, event.partition)
        if self.auto_done:
            try:
                self.consumer.done(event.topic, event.partition)
            except KgError as error:
                assert error.name in ("NO_CLAIM", "CLOSED"), error  # it has ended meanwhile

    def _on_released(self, event):
        self.taken.append(("released", (event.topic, event.partition)))

    def _on_error(self, event):
        self.errors.append(event)

    def _on_committed(self, event):
        self.committed[event.request] = event

    # ---- partitions mode ----

    def _take_partitions(self):
        while (stream := self.consumer.next_partition()) is not None:
            stream.run = self.run
            claim = stream.get_claim()
            self.streams[claim.topic, claim.partition] = stream
        for place, stream in list(self.streams.items()):
            self._take_stream(place, stream)

    def _take_stream(self, place, stream):
        try:
            while self.taking and place not in self.held_back and (message := stream.next()):
                self._take_events()
                self.messages.append(message)
                self.on_taken(message)
        except KgError as error:
            assert error.name == "RELEASED", error
            if self.auto_done:
                stream.free()
                del self.streams[place]

    def stream(self, topic, partition):
        """The handle of a claim, once it was taken."""
        return self.wait_for(lambda: self.streams.get((topic, partition)), 5, "its partition")

    def hold_back(self, topic, partition):
        self.held_back.add((topic, partition))

    def let_go(self, topic, partition):
        self.held_back.discard((topic, partition))
        self.turn()  # what waits there makes no event

    def close_claim(self, topic, partition, wait=True):
        stream = self.stream(topic, partition)
        if wait:
            stream.close()
        else:
            stream.close_start()

    # ---- conditions ----

    def take_again(self):
        self.taking = True

    def wait_for(self, condition, timeout_s=15.0, what=""):
        def condition_or_end():
            value = condition()
            assert value or not self.broken, f"waiting for {what or condition}: {self.broken}"
            return value
        return self.hub.wait_for(condition_or_end, timeout_s, what)

    def places(self):
        return [(c.topic, c.partition) for c in self.consumer.assignment()]

    def error_events(self):
        return [Error(e.name, e.context, e.topic, e.partition, e.text) for e in self.errors]

    def state(self):
        return self.consumer.state()

    def info(self, topic, partition):
        c = next(c for c in self.consumer.assignment() if (c.topic, c.partition) == (
            topic, partition))
        return ClaimInfo(c.initial, c.start, c.committed, c.metadata, c.high, bool(c.paused))

    # ---- what it does ----

    def mark(self, message, metadata=None):
        if self.mode == "partitions":
            return self.stream(message.topic, message.partition).mark(message.offset, metadata)
        return self.consumer.mark(message, metadata)

    def reset(self, message, metadata=None):
        if self.mode == "partitions":
            return self.stream(message.topic, message.partition).reset(message.offset, metadata)
        return self.consumer.reset(message, metadata)

    def mark_at(self, topic, partition, offset, metadata=None, answer=False):
        return self.consumer.mark_offset(topic, partition, offset, metadata, ask=answer)

    def reset_at(self, topic, partition, offset, metadata=None, answer=False):
        return self.consumer.reset_offset(topic, partition, offset, metadata, ask=answer)

    def commit(self):
        self.consumer.commit()

    def seek(self, whence, value=0, places=((None, -1),)):
        for topic, partition in places:
            self.consumer.seek(topic, partition, whence, value)

    def pause(self, topic, partition):
        self.consumer.pause(topic, partition)

    def resume(self, topic, partition):
        self.consumer.resume(topic, partition)

    def done(self, topic, partition):
        self.consumer.done(topic, partition)

    def high_water_marks(self):
        return {(t, p): high for t, p, high in self.consumer.get_high_water_marks()}

    def close_consumer(self, timeout_s=None):
        self.reading = False
        self.consumer.close()
        self._take_events()
        self._free_streams()

    def _free_streams(self):
        while self.streams:
            self.streams.popitem()[1].free()

    def disconnect(self):
        """Goes without a close; what a program does that forgets it."""
        self.hub.remove(self)
        self.reading = False
        if self.consumer:
            self._free_streams()
            self.consumer.free()
        self.consumer = None
