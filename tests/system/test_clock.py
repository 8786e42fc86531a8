# SPDX-License-Identifier: MIT
"""Somebody sets the host's clock, by an hour, forward or back: nothing ends too early because of that,
and nothing waits for an hour."""
import struct

import pytest

both = pytest.mark.both

ACCEPTED = 0
HOUR_S = 3600


class Clock:
    """The daemon's time of day, see app/clock.c."""

    def __init__(self, scene):
        self.path = scene.directory / "clock"
        self.set(0)
        self.env = {"LD_PRELOAD": str(scene.builddir / "tests/system/libkgclock.so"),
                    "CLOCK_OFFSET": str(self.path)}

    def set(self, offset_s):
        with open(self.path, "r+b" if self.path.exists() else "wb", buffering=0) as file:
            file.write(struct.pack("=q", offset_s))


@pytest.fixture
def clock(scene):
    return Clock(scene)


@both
@pytest.mark.slow(60)
@pytest.mark.parametrize("offset_s", [HOUR_S, -HOUR_S], ids=["forward", "back"])
def test_a_clock_that_jumps_is_not_noticed(scene, clock, offset_s):
    topic = scene.topic(2)
    daemon = scene.daemon(env=clock.env)
    client = scene.consumer(topic).wait_claims([(topic, 0), (topic, 1)])
    rebalances = scene.status()[1]["n_rebalances"]

    def flow(n):
        """The n-th message of each partition comes, alone, and is committed."""
        before = len(client.messages)
        for partition in range(2):
            scene.witness.fill(topic, partition, 1, first=n)
        client.wait_messages(before + 2, timeout_s=5)
        assert [m.offset for m in client.messages[before:]] == [n, n]
        client.mark_all()
        for partition in range(2):
            scene.wait_committed(topic, partition, n + 1, timeout_s=5)
    flow(0)
    clock.set(offset_s)
    for n in range(1, 11):  # for longer than a session lasts without heartbeats
        flow(n)
        scene.hub.quiet(0.5)
    status, row = scene.status()
    assert 0 <= status["daemon"]["uptime_s"] < 600
    assert row["n_rebalances"] == rebalances and row["n_heals"] == 0 and not client.errors
    daemon.restart()
    client.reconnect().wait_claims([(topic, 0), (topic, 1)], timeout_s=30)
    flow(11)
    assert "left behind" not in daemon.log()


@both
def test_an_old_mark_undoes_no_reset_when_the_clock_was_set_back(scene, clock):
    """Epochs begin with the time of the start, yet those of a run that was killed are the lower."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(env=clock.env)
    old = scene.consumer(topic)
    old.mark(old.wait_messages(10)[8])
    scene.wait_committed(topic, 0, 9)
    last_epoch = old.claim(topic, 0).epoch
    clock.set(-HOUR_S)
    daemon.kill()
    daemon.start()
    new = scene.consumer(topic).wait_claims([(topic, 0)])
    assert new.claim(topic, 0).epoch > last_epoch
    request = new.start("reset", [[new.claim(topic, 0).id, new.claim(topic, 0).epoch, 3, None]])
    assert new.wait_for(lambda: new.verdicts.get(request), what="MARKED") == [ACCEPTED]
    scene.wait_committed(topic, 0, 4)
    old.reconnect()
    scene.hub.stays(lambda: scene.committed(topic, 0) == 4, 2)
