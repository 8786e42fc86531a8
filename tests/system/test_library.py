# SPDX-License-Identifier: MIT
"""The same through libkgroup, in a C program: what an application sees of it all."""
import signal

import pytest

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock

WAYS = [(), ("--poll",), ("--batch",)]


def offsets(app, partition=None):
    return [m["offset"] for m in app.messages if partition in (None, m["partition"])]


@both
@pytest.mark.parametrize("way", WAYS, ids=["receive", "poll", "batch"])
def test_a_program_receives_marks_and_closes(scene, way):
    topic = scene.topic(2)
    records = [{"value": b"v%d" % i, "key": b"k", "headers": [("h", b"1"), ("n", None)],
                "timestamp": 1_600_000_000_000 + i} for i in range(50)]
    records[7] = {"value": None, "key": b"", "timestamp": 1_600_000_000_007}
    for partition in range(2):
        scene.witness.produce(topic, partition, records)
    scene.daemon(group={"commit.interval": "1h"})
    app = scene.app(topic, "--count", 100, *way)
    assert app.wait_exit() == 0
    assert app.of("end") == [{"type": "end", "code": 0, "value": 100}]
    for partition in range(2):
        got = [m for m in app.messages if m["partition"] == partition]
        assert [m["offset"] for m in got] == list(range(50))
        for message, record in zip(got, records):
            assert message["value"] == shown(record["value"])
            assert message["key"] == shown(record["key"])
            assert message["timestamp"] == record["timestamp"]
            assert message["headers"] == [[shown(name.encode()), shown(value)]
                                          for name, value in record.get("headers", [])]
        assert scene.committed(topic, partition) == 50


def shown(data):
    """As kgtest prints it."""
    return None if data is None else data.hex()


@both
def test_what_a_killed_program_had_not_marked_comes_to_its_sibling(scene):
    topic = scene.topic(2)
    scene.daemon()
    apps = [scene.app(topic), scene.app(topic)]
    for app in apps:
        app.wait_line("assigned")
    scene.wait_for(lambda: all(len(held(app)) == 1 for app in apps))
    victim, sibling = apps
    partition = held(victim).pop()
    scene.witness.fill(topic, partition, 1000)
    victim.wait_messages(10)
    victim.signal(signal.SIGKILL)
    victim.wait_exit()
    scene.wait_for(lambda: 999 in offsets(sibling, partition), 20, "the last message")
    assert set(offsets(victim, partition)) | set(offsets(sibling, partition)) == set(range(1000))
    scene.wait_committed(topic, partition, 1000)


def held(app):
    """Partitions by the events of assignment and release."""
    places = set()
    for line in app.lines:
        if line["type"] == "assigned":
            places.add(line["partition"])
        elif line["type"] in ("releasing", "released"):
            places.discard(line["partition"])
    return places


@both
def test_a_forked_child_that_holds_the_socket_does_not_keep_the_claims(scene):
    """The exit of the process counts, not the end of its socket."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon()
    first = scene.app(topic, "--no-mark", "--fork-holder")
    first.wait_messages(3)
    second = scene.app(topic)
    first.signal(signal.SIGKILL)
    second.wait_messages(3, timeout_s=10)


@both
def test_a_restart_of_the_daemon_is_invisible_but_for_redelivery(scene):
    topic = scene.topic(2)
    daemon = scene.daemon()
    app = scene.app(topic)
    scene.wait_for(lambda: held(app) == {0, 1})
    for partition in range(2):
        scene.witness.fill(topic, partition, 100)
    app.wait_messages(200)
    daemon.restart()
    for partition in range(2):
        scene.witness.fill(topic, partition, 100, first=100)
    scene.wait_for(lambda: {199} <= set(offsets(app, 0)) & set(offsets(app, 1)), 40, "all messages")
    for partition in range(2):
        assert sorted(set(offsets(app, partition))) == list(range(200))
        scene.wait_committed(topic, partition, 200)
    assert app.stop() == 0


@both
def test_nothing_marked_comes_again_after_a_crash_of_the_daemon(scene):
    topic = scene.topic(1)
    daemon = scene.daemon(group={"commit.interval": "1h"})
    scene.witness.fill(topic, 0, 100)
    app = scene.app(topic)
    app.wait_messages(100)
    scene.hub.quiet(0.3)
    daemon.kill()
    daemon.start()
    scene.witness.fill(topic, 0, 5, first=100)
    scene.wait_for(lambda: 104 in offsets(app), 40, "the newest message")
    assert offsets(app) == list(range(105))
    assert app.stop() == 0
    scene.wait_committed(topic, 0, 105)


@both
def test_a_program_may_start_before_the_daemon(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    daemon = scene.daemon(start=False)
    app = scene.app(topic, daemon=daemon)
    scene.hub.pump(0.2)
    daemon.start()
    app.wait_messages(3)


@both
def test_no_daemon_is_an_error_that_names_the_socket(scene):
    daemon = scene.daemon(start=False)
    app = scene.app("t", daemon=daemon, open_timeout="300ms")
    assert app.wait_exit() == 69
    refused = app.of("refused")[0]
    assert refused["code"] == -101 and str(daemon.socket_path) in refused["text"]
    assert refused["hint"]


@both
def test_a_refusal_reaches_the_program_by_name(scene):
    scene.daemon()
    app = scene.app("t", group="nowhere")
    assert app.wait_exit() == 69
    assert app.of("refused")[0]["code"] == -34


@both
def test_sigterm_drains_a_slow_program(scene):
    """What it holds is marked and committed; what it had not read is left for the next."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 500)
    daemon = scene.daemon(daemon={"drain.timeout": "20s"}, group={"commit.interval": "1h"})
    app = scene.app(topic, "--slow", 50)
    app.wait_messages(3)
    assert daemon.stop(timeout_s=5) == 0
    n_done = scene.committed(topic, 0)
    assert n_done >= 3
    assert n_done >= len(app.messages) - 2


@both
def test_verdicts_and_commits_by_request(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 20)
    scene.daemon(group={"commit.interval": "1h"})
    app = scene.app(topic, "--ask", "--commit-every", 5, "--metadata", "meta")
    app.wait_line("commit", 4, code=0)
    assert scene.witness.committed(scene.group_id, topic, 0) == (20, "meta")
    assert [line["value"] for line in app.of("mark")] == [0] * 20


@real("the mock keeps 5 MiB")
def test_a_message_of_20_mb_reaches_the_program(scene):
    topic = scene.topic(1)
    value = bytes(range(256)) * (20 * 4096)
    scene.witness.produce(topic, 0, [{"value": value}, {"value": b"after"}])
    scene.daemon()
    messages = scene.app(topic).wait_messages(2)
    assert [m["value_bytes"] for m in messages] == [len(value), 5]
    assert messages[0]["value_sum"] == sum(range(256)) * 20 * 4096


@both
def test_errors_reach_a_program_that_asks_for_them(scene):
    scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1"})
    app = scene.app("t", errors="yes", open_timeout="500ms")
    assert app.wait_line("error", code=-41)["context"]


@both
def test_an_unmarked_message_comes_again_to_the_next_program(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    first = scene.app(topic, "--no-mark", "--count", 5)
    assert first.wait_exit() == 0
    assert scene.committed(topic, 0) is None
    assert offsets_after(scene.app(topic, "--count", 5)) == [0, 1, 2, 3, 4]
    scene.wait_committed(topic, 0, 5)


def offsets_after(app):
    assert app.wait_exit() == 0
    return offsets(app)


@both
def test_thirteen_programs_with_quotas_read_each_message_once(scene):
    """F9, smaller: they come and go in waves; no loss and no duplicate under graceful closes."""
    topic = scene.topic(4)
    for partition in range(4):
        scene.witness.fill(topic, partition, 650)
    scene.daemon()
    apps = []
    for wave in (5, 4, 4):
        apps += [scene.app(topic, "--count", 200, "--slow", 1, credit_messages=20)
                 for _ in range(wave)]
        apps[-wave].wait_messages(100)
    for app in apps:
        assert app.wait_exit(40) == 0
    got = [(m["partition"], m["offset"]) for app in apps for m in app.messages]
    assert len(got) == 2600
    assert len(set(got)) == 2600
