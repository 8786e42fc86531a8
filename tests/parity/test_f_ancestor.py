# SPDX-License-Identifier: MIT
"""F: the cases of the ancestor's own suite, with all consumers on one daemon and each on its own."""
import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.protocol import VERDICTS

both = pytest.mark.both
real = pytest.mark.real
slow = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
N_PARTITIONS = 4
QUOTAS = [1500, 2000, 1500, 200, 100, 300, 400, 1000, 2000, 4000, 500, 500, 1000]  # 15,000
WAVES = [(0, 5), (5, 10), (10, 13)]
WAVE_AFTER = [0, 1500, 7000]  # so many messages read
TURN_S, MOST_A_TURN = 0.01, 30  # a reader's pace: it is at work while others come and go


def everything(*topics):
    return sorted((t, p) for t in topics for p in range(N_PARTITIONS))


def filled(scene, n=1000, n_topics=1):
    """Topics with n messages each."""
    topics = [scene.topic(N_PARTITIONS) for _ in range(n_topics)]
    for topic in topics:
        for partition in range(N_PARTITIONS):
            scene.witness.fill(topic, partition, n // N_PARTITIONS)
    return topics[0] if n_topics == 1 else topics


def shares(peers):
    return sorted(len(p.places()) for p in peers)


# ---- F1 -----------------------------------------------------------------------------------------


@both
def test_f1_a_second_consumer_gets_its_half_and_gives_it_back(scene, hosts):
    topics = filled(scene, n_topics=2)
    group = hosts()
    first = group.consumer(topics).wait_claims(everything(*topics))
    second = group.consumer(topics)

    def halved():
        return all(len([p for p in one.places() if p[0] == t]) == 2
                   for one in (first, second) for t in topics)
    scene.wait_for(halved, 30, "2 of each topic for each")
    assert sorted(first.places() + second.places()) == everything(*topics)
    second.close_consumer()
    first.wait_claims(everything(*topics), timeout_s=30)
    assert not first.error_events()


# ---- F2 -----------------------------------------------------------------------------------------


@both
def test_f2_the_fifth_takes_over(scene, hosts):
    topic = filled(scene)
    group = hosts()
    peers = [group.consumer(topic) for _ in range(5)]
    scene.wait_for(lambda: shares(peers) == [0, 1, 1, 1, 1], 40, "one each for four")
    fifth = next(p for p in peers if not p.places())
    holder = next(p for p in peers if p.places())
    peers.remove(holder)
    holder.close_consumer()
    scene.wait_for(lambda: shares(peers) == [1, 1, 1, 1], 30, "one each")
    assert fifth.places()
    assert not any(p.error_events() for p in [*peers, holder])


# ---- F3 -----------------------------------------------------------------------------------------


@both
def test_f3_the_example_of_patterns(scene, hosts):
    topics = {x: f"{scene.name}-topic-{x}" for x in "abcd"}
    for name in topics.values():
        scene.broker.create_topic(name, N_PARTITIONS)
    group = hosts()
    settings = {"topics_include": rf"^{re.escape(scene.name)}-topic-\w+",
                "topics_exclude": "[bcd]$"}
    first = group.consumer([], **settings).wait_claims(everything(topics["a"]))
    second = group.consumer([], **settings)
    scene.wait_for(lambda: shares([first, second]) == [2, 2], 30, "2 and 2")
    assert sorted(first.places() + second.places()) == everything(topics["a"])


# ---- F4 -----------------------------------------------------------------------------------------


@both
def test_f4_notifications_of_the_first_join(scene, hosts):
    topic = filled(scene)
    one = hosts().consumer(topic, notifications=True)
    one.wait_messages(1000)
    all_of_it = everything(topic)
    assert [tuple(n) for n in one.notifications] == [
        ("start", [], [], []), ("ok", all_of_it, [], all_of_it)]
    before = [what for what, _ in one.taken[:one.taken.index(("notify", one.notifications[1]))]]
    assert "message" not in before


@both
def test_f4_notifications_when_another_joins(scene, hosts):
    """What is gone is released, what stays is current, on one host and on two."""
    topic = filled(scene)
    group = hosts()
    first = group.consumer(topic, notifications=True)
    first.wait_messages(1000)
    first.mark_all()
    second = group.consumer(topic, notifications=True)
    scene.wait_for(lambda: shares([first, second]) == [2, 2], 30, "2 and 2")
    for one in (first, second):
        one.wait_for(lambda o=one: o.kinds()[-1:] == ["ok"] and o.notifications[-1].current ==
                     o.places(), 20, "OK with what is held")
        assert one.kinds() == ["start", "ok"] * (len(one.kinds()) // 2)


# ---- F5 -----------------------------------------------------------------------------------------


@both
def test_f5_marks_then_resets(scene, hosts):
    topic = filled(scene)
    group = hosts()
    peers = [group.consumer(topic) for _ in range(2)]
    scene.wait_for(lambda: shares(peers) == [2, 2], 30, "2 and 2")

    def holder(partition):
        return next(p for p in peers if (topic, partition) in p.places())

    def committed():
        return [scene.committed(topic, p) for p in range(N_PARTITIONS)]
    assert holder(0).mark_at(topic, 0, 3, "a", answer=True) == VERDICTS["ACCEPTED"]
    assert holder(3).mark_at(topic, 3, 4, "b", answer=True) == VERDICTS["ACCEPTED"]
    scene.wait_for(lambda: committed() == [4, None, None, 5], 15, "4 and 5")
    holder(0).reset_at(topic, 0, 2, "c")
    holder(3).reset_at(topic, 3, 3, "d")
    scene.wait_for(lambda: committed() == [3, None, None, 4], 15, "3 and 4")
    for one in peers:
        for verb in (one.mark_at, one.reset_at):
            verb("never-subscribed", 0, 100)
            assert verb("never-subscribed", 0, 100, answer=True) == VERDICTS["NOT_OWNED"]
        one.commit()
        assert one.state()[0] == "joined"
    assert committed() == [3, None, None, 4]


# ---- F6 -----------------------------------------------------------------------------------------


@both
def test_f6_a_handler_that_dies_without_marking(scene, hosts):
    """It takes a message and nothing more; what closes is what its program has for that."""
    topic = filled(scene)
    group = hosts()
    peers = [group.consumer(topic) for _ in range(2)]
    dead = set()

    def die_of(one):
        def die(_):
            dead.add(one)
            one.taking = False
        return die
    for one in peers:
        one.on_message = die_of(one)
    scene.wait_for(lambda: shares(peers) == [2, 2], 30, "2 and 2")
    scene.witness.produce_each(topic, N_PARTITIONS, b"deadly")
    scene.wait_for(lambda: len(dead) == 2, 20, "both handlers to die")
    for one in peers:
        one.close_consumer()
    assert [scene.committed(topic, p) for p in range(N_PARTITIONS)] == [None] * 4
    assert all(d.alive() for d in scene.daemons)


@both
def test_f6_a_process_that_dies_without_marking(scene):
    """A C program, killed in the middle: what it held comes to its sibling, none is committed."""
    topic = filled(scene)
    scene.daemon()
    app = scene.app(topic, "--no-mark", "--die-after", 50)
    assert app.wait_exit() == -signal.SIGKILL
    assert [scene.committed(topic, p) for p in range(N_PARTITIONS)] == [None] * 4
    scene.peer("lib", topic).wait_messages(1000)


# ---- F7 -----------------------------------------------------------------------------------------


@both
def test_f7_three_consumers_in_partitions_mode(scene, hosts):
    topic = scene.topic(N_PARTITIONS)
    group = hosts()
    peers = [group.consumer(topic, mode="partitions") for _ in range(3)]
    got = set()

    def on_message(one):
        def take(message):
            got.add((message.partition, message.offset))
            one.mark(message)
        return take
    for one in peers:
        one.on_message = on_message(one)
    scene.wait_for(lambda: shares(peers) == [1, 1, 2], 30, "4 partitions among 3")
    for partition in range(N_PARTITIONS):
        scene.witness.fill(topic, partition, 600)
    scene.wait_for(lambda: len(got) == 2400, 30, "2400 messages")
    assert all(p.messages for p in peers)
    for one in peers:
        one.close_consumer()
    assert [scene.committed(topic, p) for p in range(N_PARTITIONS)] == [600] * 4


# ---- F8 -----------------------------------------------------------------------------------------


@both
@slow(120)
def test_f8_a_long_dwell_does_not_hold_up_a_close(scene, hosts):
    """Two consumers that commit on every message."""
    topic = filled(scene)
    group = hosts({"commit.interval": "1h"})
    peers = [group.consumer(topic, dwell_time=10000) for _ in range(2)]
    scene.wait_for(lambda: shares(peers) == [2, 2], 40, "2 and 2")
    for one in peers:
        one.wait_for(lambda o=one: len(o.messages) >= 100, 20, "100 messages")
    marked = {one: 0 for one in peers}
    for _ in range(30):
        scene.witness.produce_each(topic, N_PARTITIONS, b"more")
        for one in peers:
            mine = [m for m in one.messages if (m.topic, m.partition) in one.places()]
            for message in mine[marked[one]:marked[one] + 3]:
                one.mark(message)
                one.commit()
                marked[one] += 1
    for one in peers:
        assert marked[one] >= 50
        one.mark_all()
    for one in peers:
        began = time.monotonic()
        one.close_consumer(timeout_s=30)
        assert time.monotonic() - began < 30
    committed = [scene.committed(topic, p) for p in range(N_PARTITIONS)]
    assert all(offset is not None and offset >= 250 for offset in committed), committed


@both
@slow(120)
def test_f8_nor_does_a_process_that_marks_nothing(scene, hosts):
    """It is asked to let go and does not: the close of the other still ends in time."""
    topic = filled(scene)
    group = hosts()
    first = group.consumer(topic, dwell_time=10000, auto_done=False)
    first.wait_messages(1000)
    second = group.consumer(topic, dwell_time=10000)
    for one in (second, first):
        began = time.monotonic()
        one.close_consumer(timeout_s=30)
        assert time.monotonic() - began < 30


# ---- F9 -----------------------------------------------------------------------------------------


class Reader:
    """Takes and marks up to its quota in bursts, then closes: a program that is at work."""

    def __init__(self, group, topics, quota):
        self.quota, self.got, self.burst, self.closed = quota, [], 0, False
        self.peer = group.consumer(topics, window=(50, 1 << 20), dwell_time=10000, **group.no_wait)
        self.peer.taking = False

    def work(self, burst):
        """So many more messages from here on."""
        self.burst = min(burst, self.quota - len(self.got))
        self.peer.on_message, self.peer.taking = self.take, False
        if self.burst:
            self.peer.take_again()

    def take(self, message):
        self.burst -= 1
        self.got.append((message.topic, message.partition, message.offset))
        self.peer.mark(message)
        self.peer.taking = self.burst > 0

    def close_if_done(self):
        if not self.closed and len(self.got) == self.quota:
            self.closed = True
            self.peer.close_consumer(timeout_s=40)


@both
@slow(200)
def test_f9_13_consumers_in_waves_read_15000_messages_once(scene, hosts):
    assert sum(QUOTAS) == 15000
    seed = os.environ.get("KGROUP_TEST_SEED", str(time.time_ns()))
    print(f"KGROUP_TEST_SEED={seed}")
    chance = random.Random(seed)
    topics = filled(scene, n=7500, n_topics=2)
    group = hosts()
    readers, waves, next_s = [], list(zip(WAVES, WAVE_AFTER)), 0.0

    def turn():
        nonlocal next_s
        if time.monotonic() < next_s:
            return False
        next_s = time.monotonic() + TURN_S
        if waves and sum(len(r.got) for r in readers) >= waves[0][1]:
            (begin, end), _ = waves.pop(0)
            for quota in QUOTAS[begin:end]:
                readers.append(Reader(group, topics, quota))
        for reader in readers:
            if not reader.closed:
                reader.work(chance.randint(0, MOST_A_TURN))
            reader.close_if_done()
        return not waves and all(reader.closed for reader in readers)
    scene.wait_for(turn, 150, "the end of all 13")
    got = [place for reader in readers for place in reader.got]
    assert len(got) == 15000
    assert len(set(got)) == 15000, f"{15000 - len(set(got))} came twice"
    assert sum(scene.committed(t, p) for t, p in everything(*topics)) == 15000


# ---- F10 ----------------------------------------------------------------------------------------


@both
def test_f10_close_again_and_again(scene, hosts):
    topic = filled(scene)
    group = hosts()
    peers = [group.consumer(topic) for _ in range(2)]
    scene.wait_for(lambda: shares(peers) == [2, 2], 30, "2 and 2")
    peers[0].wait_for(lambda: peers[0].messages, what="a message")
    for one in peers:
        one.close_consumer()
        if one.kind == "lib":
            one.close_consumer()
            one.close_consumer()
            one.disconnect()
            one.disconnect()
        else:
            one.open("g", [topic])
            one.wait_for(lambda o=one: o.places(), 30, "claims again")
            one.close_consumer()


# ---- F11: kgroupctl consume ---------------------------------------------------------------------


class Tool:
    """kgroupctl consume as a child."""

    def __init__(self, scene, builddir, *arguments, socket=True, env=None):
        self.scene, path = scene, scene.directory
        self.out, self.err = path / f"out-{len(scene.apps)}", path / f"err-{len(scene.apps)}"
        environment = {**os.environ, **(env or {})}
        if socket:
            environment["KGROUP_SOCKET"] = str(scene.daemons[-1].socket_path)
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(
                [builddir / "client-lib/ctl/kgroupctl", "consume", *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment)
        scene.apps.append(self)

    def lines(self):
        return self.out.read_text(encoding="utf-8").splitlines()

    def words(self):
        return self.err.read_text(encoding="utf-8")

    def wait_lines(self, n):
        self.scene.wait_for(lambda: len(self.lines()) >= n, 20, f"{n} lines")
        return self.lines()

    def wait_exit(self, timeout_s=20):
        self.scene.wait_for(lambda: self.process.poll() is not None, timeout_s, "its end")
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def consume(scene, builddir):
    def start(*arguments, **options):
        return Tool(scene, builddir, *arguments, **options)
    return start


@both
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_f11_it_prints_marks_and_ends_with_a_signal(scene, consume, number):
    topic = scene.topic(2)
    values = [[v.decode() for v in scene.witness.fill(topic, p, 10)] for p in range(2)]
    scene.daemon(group={"commit.interval": "1h"})
    tool = consume("g", topic)
    lines = tool.wait_lines(20)
    assert sorted(lines) == sorted(f"{topic}/{p}/{i}\t{values[p][i]}"
                                   for p in range(2) for i in range(10))
    tool.process.send_signal(number)
    assert tool.wait_exit() == 0
    assert [scene.committed(topic, p) for p in range(2)] == [10, 10]


@both
@pytest.mark.parametrize("option, n", [("--earliest", 13), ("--oldest", 13), ("--latest", 3),
                                       ("--newest", 3)])
def test_f11_where_it_begins(scene, consume, option, n):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon(group={"initial.offset": None})
    tool = consume("g", topic, option, "-v")
    scene.wait_for(lambda: "claimed" in tool.words(), 20, "claimed")
    scene.witness.fill(topic, 0, 3, first=10)
    lines = tool.wait_lines(n)
    assert lines[-1].startswith(f"{topic}/0/12\t") and len(lines) == n


@both
def test_f11_rebalances_and_errors_are_told(scene, consume):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 3)
    scene.witness.commit(scene.group_id, topic, 0, 5000)
    scene.daemon()
    tool = consume("g", topic, "--verbose")
    tool.wait_lines(3)
    other = scene.peer("lib", topic).wait_n_claims(1)
    scene.wait_for(lambda: tool.words().count("claimed") >= 2 and "released" in tool.words(), 20,
                   "claims that come and go")
    assert "5000" in tool.words() and "KG-0044" in tool.words()
    other.close_consumer()


@both
@pytest.mark.parametrize("arguments", [(), ("g", "--no-such-option"), ("g", "-c", "many")])
def test_f11_a_usage_error_exits_64(scene, consume, arguments):
    scene.daemon()
    tool = consume(*arguments)
    assert tool.wait_exit() == 64
    assert tool.lines() == [] and "kgroupctl" in tool.words()


@both
def test_f11_failing_to_start_exits_69(scene, consume):
    topic = scene.topic(1)
    scene.daemon()
    for arguments, env in ((("nobody", topic), None),
                           (("g", topic, "--timeout", "300ms"),
                            {"KGROUP_SOCKET": str(scene.directory / "no-socket")})):
        tool = consume(*arguments, socket=env is None, env=env)
        assert tool.wait_exit() == 69, tool.words()
        assert tool.lines() == [] and tool.words()


@both
@pytest.mark.parametrize("hosts", ["one daemon", "own daemons"])  # in place of the fixture
def test_f11_two_of_them_share_and_one_takes_over(scene, consume, hosts):
    topic = scene.topic(N_PARTITIONS)
    settings = {"leave.delay": "0s", "commit.interval": "1h"}
    scene.daemon(group=settings)
    first = consume("g", topic, "-v")
    scene.wait_for(lambda: first.words().count("claimed ") >= N_PARTITIONS, 20, "4 claims")
    if hosts == "own daemons":
        scene.daemon(group=settings)
    second = consume("g", topic, "-v")
    scene.wait_for(lambda: second.words().count("kgroupctl: claimed ") == 2, 30, "2 claims")
    for partition in range(N_PARTITIONS):
        scene.witness.fill(topic, partition, 5)
    scene.wait_for(lambda: len(first.lines()) == len(second.lines()) == 10, 20, "10 lines each")
    second.process.send_signal(signal.SIGTERM)
    assert second.wait_exit() == 0
    for partition in range(N_PARTITIONS):
        scene.witness.fill(topic, partition, 5, first=5)
    first.wait_lines(30)
    first.process.send_signal(signal.SIGTERM)
    assert first.wait_exit() == 0
    places = sorted(line.split("\t")[0] for line in first.lines() + second.lines())
    assert places == sorted(f"{topic}/{p}/{i}" for p in range(N_PARTITIONS) for i in range(10))
    assert [scene.committed(topic, p) for p in range(N_PARTITIONS)] == [10] * N_PARTITIONS


@both
def test_f11_socket_and_cluster_by_option(scene, consume):
    """In place of brokers; the option wins over the environment. Rebalances are told with -v."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 2)
    daemon = scene.daemon(cluster_other={"bootstrap.servers": "127.0.0.1:1"})
    elsewhere = {"KGROUP_SOCKET": str(scene.directory / "no-socket")}
    tool = consume("--socket", str(daemon.socket_path), "--cluster", "main", "g", topic, "-c", "2",
                   socket=False, env=elsewhere)
    assert tool.wait_exit() == 0, tool.words()
    assert [line.split("\t")[0] for line in tool.lines()] == [f"{topic}/0/0", f"{topic}/0/1"]
    assert "claimed" not in tool.words() and "rebalance" not in tool.words()
    assert scene.committed(topic) == 2
    tool = consume("g", topic, "--cluster", "other")
    assert tool.wait_exit() == 69 and "other" in tool.words()


@both
def test_f11_options_of_the_library_and_json(scene, consume):
    topic = scene.topic(1)
    scene.witness.produce(topic, 0, [{"value": b"v", "key": b"k", "headers": [("h", b"x")]}])
    scene.daemon()
    tool = consume("g", topic, "--json", "-c", "1", "--set", "dwell.time=2s")
    assert tool.wait_exit() == 0
    row = json.loads(tool.lines()[0])
    assert (row["topic"], row["partition"], row["offset"], row["key"], row["value"]) == (
        topic, 0, 0, "k", "v")
    assert scene.committed(topic) == 1


# ---- F12 ----------------------------------------------------------------------------------------


@both
@slow(300)
def test_f12_the_examples_are_compiled_and_run_by_the_tests(builddir):
    """Multiplexed, partitions mode and patterns, by tests/examples on the mock cluster."""
    examples = {path.stem for path in (ROOT / "client-lib/c/examples").glob("*.c")}
    assert {"consume", "partitions_poll", "partitions_threads", "patterns"} <= examples
    tests = "".join(path.read_text(encoding="utf-8")
                    for path in (ROOT / "tests/examples").glob("test_*.py"))
    missing = [name for name in examples if not re.search(rf'["-]{name}"', tests)]
    assert not missing, f"tests/examples runs no {missing}"
    done = subprocess.run([ROOT / "tests/examples/run", "--builddir", builddir, "-k",
                           "test_programs"], capture_output=True, text=True, timeout=280,
                          check=False)
    assert done.returncode == 0, done.stdout[-3000:]
