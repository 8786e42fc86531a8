# SPDX-License-Identifier: MIT
"""A lane: a mock cluster, a group of the daemon on it, a program that marks, and one fault.

Many lanes share a daemon and run at the same time, each at its own pace: a lane's script is a
generator that yields what it waits for. Each lane is judged alone: what one meets must not touch
another. A script meets its fault twice, while the group is joined and again while it runs, is moved
by a second program with another topic (which rebalances the group), and must end with everything
delivered, marked and committed.
"""
import time

from harness import Client, Mock
from harness.offsets import OffsetFetch
from harness.protocol import ERROR_NAMES

N = 20  # messages written to each partition at a time
PARTITIONS = 2
STATES = {"connecting", "joining", "joined", "failed", "leaving", "idle"}
API_HEARTBEAT, API_LEAVE_GROUP = 12, 13
SAMPLE_S, ANSWER_S = 0.25, 1.5  # whatever it waits for, it never stands still


class Reader(Client):
    """Marks what comes below `bound`, and checks that what comes may come."""

    def __init__(self, *args, **options):
        self.bound, self.floor = {}, {}  # by place: marked below, nothing comes again below
        self.last, self.seen, self.broken, self.n_again = {}, set(), [], 0
        super().__init__(*args, **options)

    def _on_messages(self, frame):
        n = len(self.messages)
        super()._on_messages(frame)
        for message in self.messages[n:]:
            self._check(message)
            if message.offset < self.bound.get((message.topic, message.partition), 0):
                self.mark(message)

    def _check(self, message):
        place = message.topic, message.partition
        before = self.last.get(place)
        if before and (before.claim, before.epoch) == (message.claim, message.epoch):
            if message.offset != before.offset + 1:
                self.broken.append(f"{message.offset} follows {before.offset} of {place}")
        if message.offset < self.floor.get(place, 0):
            self.broken.append(f"{message.offset} of {place} comes again, it was committed")
        self.n_again += (place, message.offset) in self.seen
        self.last[place] = message
        self.seen.add((place, message.offset))

    def raise_bound(self, topic, partition, bound):
        """Marks up to there; what came before the bound was raised too, unless its claim is over
        (then it comes again)."""
        self.bound[(topic, partition)] = bound
        last = self.last.get((topic, partition))
        if last and last.claim in self.claims and last.offset < bound:
            self.mark(last)

    def has(self, topic, partition, n):
        return {((topic, partition), offset) for offset in range(n)} <= self.seen


class Fault:
    """What a script meets. The mock lets members wait for a second less than the session timeout at
    each rebalance, and for ever when that is below 3 s."""

    session_timeout, step_timeout_s, refresh_ms = "3500ms", 25, 500

    def at_join(self, lane):
        """Before the group is joined."""

    def at_run(self, lane):
        """While it runs, with messages on their way and a rebalance to come."""

    def at_leave(self, _lane):
        """Whether the group shall be left, once more."""
        return False

    def is_over(self, lane):
        raise NotImplementedError


class Lane:
    def __init__(self, scene, name, fault, n_brokers=1):
        self.scene, self.name, self.fault = scene, name, fault
        self.mock = Mock(scene.builddir, n_brokers)
        self.fetches = [OffsetFetch(address) for address in self.mock.bootstrap.split(",")]
        self.group_id = f"{scene.name}-{name}"
        self.coordinator, self.n_written = 0, {}
        self.samples, self.readers, self.daemon = [], [], None
        self.failure, self.script = None, self._play()
        self.deadline, self.waits_for = 0, None
        for topic in ("t", "u"):
            self.mock.create_topic(topic, PARTITIONS)
            self.write(topic)  # the writer knows the topic now and asks no more
        if n_brokers > 1:
            self.mock.tell("coordinator", self.group_id, 1)

    def sections(self):
        """Of the daemon's file."""
        return {f"cluster_{self.name}": {"bootstrap.servers": self.mock.bootstrap},
                f"group_{self.name}": {
                    "cluster": self.name, "group.id": self.group_id, "instance.id": "",
                    "session.timeout": self.fault.session_timeout, "heartbeat.interval": "300ms",
                    "initial.offset": "earliest", "commit.interval": "100ms",
                    "leave.delay": "0s", "kafka.reconnect.backoff.max.ms": 1000,
                    "kafka.topic.metadata.refresh.interval.ms": self.fault.refresh_ms}}

    # ---- what it does ----

    def write(self, topic):
        for partition in range(PARTITIONS):
            self.mock.tell("produce", topic, partition, N, 10)
        self.n_written[topic] = self.n_written.get(topic, 0) + N

    def reader(self, topic):
        made = Reader(self.scene.hub, self.daemon.socket_path, name=f"{self.name}-{topic}")
        self.scene.clients.append(made)
        self.readers.append(made)
        for partition in range(PARTITIONS):
            made.raise_bound(topic, partition, self.n_written[topic] - 1)
        made.open(self.name, [topic], errors=True)
        return made

    def committed(self, topic, partition):
        found = self.fetches[self.coordinator].committed(self.group_id, topic, partition)
        return 0 if found is None else found.offset

    def _play(self):
        self.fault.at_join(self)
        first = self.reader("t")
        yield from self._finish(first, "t")
        self.write("t")
        self.fault.at_run(self)
        for partition in range(PARTITIONS):
            first.raise_bound("t", partition, self.n_written["t"] - 1)
        second = self.reader("u")
        yield from self._finish(first, "t")
        yield from self._finish(second, "u")
        yield from self._leave()
        yield "a healthy status", self._is_healthy

    def _finish(self, reader, topic):
        """Everything comes; what is marked is committed, and no more; then the rest."""
        places = [(topic, p) for p in range(PARTITIONS)]
        n = self.n_written[topic]
        yield "the end of the fault", lambda: self.fault.is_over(self)
        yield f"every message of {topic}", lambda: all(reader.has(*p, n) for p in places)
        yield f"commits of {topic}", lambda: all(self.committed(*p) >= n - 1 for p in places)
        for place in places:
            if self.committed(*place) != n - 1:
                reader.broken.append(f"{place} was committed beyond what was marked")
            reader.floor[place] = n - 1
            reader.raise_bound(*place, n)
        yield f"last commits of {topic}", lambda: all(self.committed(*p) == n for p in places)
        for place in places:
            reader.floor[place] = n

    def _leave(self):
        """Both go, and one comes back: it sees what is new, nothing else."""
        while self.fault.at_leave(self):
            for reader in self.readers:
                reader.close_consumer()
                reader.disconnect()
            self.readers = []
            yield "the group was left", lambda: self._state() == "idle"
            self.write("t")
            reader = self.reader("t")
            for partition in range(PARTITIONS):
                reader.floor["t", partition] = self.n_written["t"] - N
            n = self.n_written["t"]
            new = {(("t", p), o) for p in range(PARTITIONS) for o in range(n - N, n)}
            yield "what is new", lambda reader=reader, new=new: new <= reader.seen
            for partition in range(PARTITIONS):
                reader.raise_bound("t", partition, n)
            yield "its commits", lambda n=n: all(
                self.committed("t", p) == n for p in range(PARTITIONS))

    # ---- what the status says ----

    def sample(self, status):
        row = next((g for g in status["groups"] if g["name"] == self.name), None)
        if row is None:
            self.failure = self.failure or "its group is not in the status"
            return
        self.samples.append((row["state"], row["text"], row["last_error"], row["last_error_code"]))
        if row["state"] not in STATES or (row["state"] != "joined" and not row["text"]):
            self.failure = self.failure or f"the status says nothing: {self.samples[-1]}"

    def _state(self):
        return self.samples[-1][0] if self.samples else None

    def _is_healthy(self):
        return self.samples and (self.samples[-1][0], self.samples[-1][3]) == ("joined", None)

    # ---- running ----

    @property
    def is_running(self):
        return self.script is not None

    def step(self):
        """One look at what it waits for."""
        try:
            self._check()
            while self.waits_for is None or self.waits_for[1]():
                self.waits_for = next(self.script)
                self.deadline = time.monotonic() + self.fault.step_timeout_s
            assert time.monotonic() < self.deadline, f"no {self.waits_for[0]} in time"
        except StopIteration:
            self.script = None
        except Exception as error:  # its own failure: the others go on
            self.failure = f"{error or repr(error)}; {self._facts()}"
            self.script = None

    def _check(self):
        assert not self.failure, self.failure
        for reader in self.readers:
            assert not reader.broken, reader.broken
            assert not reader.closed, "the daemon closed the connection"
            assert all(e.text and not e.fatal for e in reader.errors), reader.errors

    def _facts(self):
        return (f"status {sorted(set(map(str, self.samples[-400:])))}, seen "
                f"{[len(r.seen) for r in self.readers]} of {self.n_written}, errors "
                f"{[[(ERROR_NAMES[e.code], e.text) for e in r.errors] for r in self.readers]}")

    def close(self):
        for fetch in self.fetches:
            fetch.close()
        self.mock.close()


def run(scene, lanes):
    """Plays all lanes to their ends on one daemon; what went wrong of each, by name."""
    sections = {}
    for lane in lanes:
        sections.update(lane.sections())
    daemon = scene.daemon(**sections)
    asking, sampled, slowest = scene.client(daemon, name="asking"), 0, 0
    for lane in lanes:
        lane.daemon = daemon
    while any(lane.is_running for lane in lanes):
        assert daemon.alive(), f"kgroupd ended, status {daemon.process.returncode}"
        if time.monotonic() - sampled > SAMPLE_S:
            sampled = time.monotonic()
            status = asking.query("status")
            slowest = max(slowest, time.monotonic() - sampled)
            for lane in lanes:
                lane.sample(status)
        for lane in lanes:
            if lane.is_running:
                lane.step()
        scene.hub.pump(0.02)
    assert slowest < ANSWER_S, f"the daemon once took {slowest:.1f} s to tell its status"
    return {lane.name: lane.failure for lane in lanes}
