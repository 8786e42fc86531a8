# SPDX-License-Identifier: MIT
"""What the service manager hears: states that arrive, a line about the work that says what is wrong."""
import contextlib
import signal
import socket
import time

import pytest

both = pytest.mark.both
mock = pytest.mark.mock("the broker plays no part")
faults = pytest.mark.mock("faults are the mock's")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}


def clog(daemon):
    """Fills the queue of the notify socket, as a manager does that has no time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as other:
        other.connect(str(daemon.directory / "notify"))
        with contextlib.suppress(BlockingIOError):
            while True:
                other.send(b"NOISE=1")


@mock
def test_ready_is_said_until_it_is_taken(scene):
    daemon = scene.daemon(start=False, cluster=DEAD)
    clog(daemon)
    daemon.start(wait=False)
    daemon.wait_log("listens on")
    scene.hub.pump(0.1)
    daemon.wait_ready()
    assert scene.client().query("status")


@mock
def test_ready_after_a_reload_is_said_until_it_is_taken(scene):
    daemon = scene.daemon(cluster=DEAD)
    seen = len(daemon.notified())
    clog(daemon)
    daemon.signal(signal.SIGHUP)
    daemon.wait_log("reload: nothing changed")
    scene.wait_for(lambda: "READY=1" in daemon.notified()[seen:], 5, "READY=1")


@mock
def test_a_reload_says_when_it_began(scene):
    daemon = scene.daemon(cluster=DEAD)
    seen = len(daemon.notified())
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.reload()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    words = daemon.notified()[seen:]
    began = words[words.index("RELOADING=1") + 1]
    assert before <= int(began.removeprefix("MONOTONIC_USEC=")) <= after
    assert words.index("READY=1") > words.index("RELOADING=1")


@mock
def test_a_reload_that_failed_stands_in_the_status(scene):
    daemon = scene.daemon(cluster=DEAD)
    good = daemon.config_file.read_text(encoding="utf-8")
    daemon.config_file.write_text("[daemon]\nno.such.key = 1\n", encoding="ascii")
    daemon.reload()
    scene.wait_for(lambda: daemon.notified() and f"{daemon.config_file}:2" in daemon.status, 5,
                   "the error")
    assert "reload failed: " in daemon.status and daemon.status.startswith("0 groups")
    daemon.config_file.write_text(good, encoding="utf-8")
    daemon.reload()
    scene.wait_for(lambda: daemon.notified() and "failed" not in daemon.status, 5, "no error")


@faults
def test_a_group_that_is_not_ready_stands_in_the_status(scene):
    topic = scene.topic(1)
    scene.broker.down()
    daemon = scene.daemon()
    assert "READY=1" in daemon.notified()
    client = scene.consumer(topic)
    scene.wait_for(lambda: daemon.notified() and "g is not ready: connecting: " in daemon.status,
                   15, "why")
    scene.broker.up()
    client.wait_claims([(topic, 0)], timeout_s=30)
    scene.wait_for(lambda: daemon.notified() and "ready" not in daemon.status, 15, "it is joined")
    assert daemon.status.startswith("1 group, 1 partition, 1 client, lag 0")


@both
@pytest.mark.parametrize("age_s, shown", [(42, "42s"), (192, "3m12s"), (3 * 3600 + 125, "3h02m"),
                                          (2 * 86400 + 11100, "2d03h")])
def test_how_far_a_group_is_behind_stands_in_the_status(scene, age_s, shown):
    """The age of the oldest message that is not marked."""
    topic = scene.topic(1)
    sent_ms = (int(time.time()) - age_s) * 1000
    scene.witness.produce(topic, 0, [{"value": b"x", "timestamp": sent_ms}] * 3)
    daemon = scene.daemon()
    scene.consumer(topic).wait_messages(3)
    units = f"({shown[:-3]}" if len(shown) > 3 else "("  # its last digits go on
    scene.wait_for(lambda: daemon.notified() and f"lag 3 {units}" in daemon.status, 10, shown)
    assert daemon.status.endswith(f"{shown[-1]})"), daemon.status


@faults
def test_a_stop_says_so_with_the_time_that_it_needs(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    daemon = scene.daemon(daemon={"drain.timeout": "20s"})
    client = scene.consumer(topic, options={"auto_done": False})
    client.wait_messages(3)
    seen = len(daemon.notified())
    daemon.signal(signal.SIGTERM)

    def extended(times):
        words = daemon.notified()[seen:]
        return sum(word.startswith("EXTEND_TIMEOUT_USEC=") for word in words) >= times
    scene.wait_for(lambda: "STOPPING=1" in daemon.notified(), 5, "STOPPING=1")
    words = daemon.notified()
    at = words.index("STOPPING=1")
    assert int(words[at + 1].removeprefix("EXTEND_TIMEOUT_USEC=")) >= 5_000_000
    assert words[at + 2].startswith("STATUS=draining: 1 group, 1 partition")
    scene.wait_for(lambda: extended(3), 5, "it goes on needing time")
    client.disconnect()
    assert daemon.wait_exit(10) == 0
