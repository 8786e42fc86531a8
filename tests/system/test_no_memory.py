# SPDX-License-Identifier: MIT
"""No memory: the n-th allocation of the daemon's loop fails in a session, for every n until none
does. The program is answered with an error or loses its connection, and the next one is served."""
import mmap
import os
import struct

import pytest

from harness import ConnectionClosed
from harness.client import Refused

mock = pytest.mark.mock("the broker has no part in it")

N = 12
MOST = 3000  # allocations of a session are fewer


class Countdown:
    def __init__(self, path):
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8)

    def start(self, n):
        self.map[:] = struct.pack("=II", n, 0)

    def stop(self):
        """Whether one failed."""
        failed = struct.unpack("=II", self.map)[1]
        self.map[:] = bytes(8)
        return failed > 0


def session(scene, topic, cut):
    """From HELLO to CLOSE, or with `cut` to the end of the connection."""
    client = scene.client(name="session")
    try:
        client.open("g", [topic], errors=True, notifications=True)
        client.wait_claims([(topic, 0), (topic, 1)])
        client.ask("seek", [], "earliest", 0)
        claims = list(client.claims.values())
        client.wait_for(lambda: all([m.offset for m in client.messages if m.epoch == c.epoch]
                                    == list(range(N)) for c in claims), 5, "every message")
        client.mark(client.of(topic, 1)[-1], metadata="m" * 40, answer=True)
        client.ask("pause", [claims[0].id], True)
        client.ask("pause", [claims[0].id], False)
        client.query("status")
        client.query("lag")
        client.query("partitions", topic=topic, group="g")
        client.commit()
        if not cut:
            client.close_consumer()
    finally:
        client.disconnect()
        scene.clients.remove(client)


@mock
@pytest.mark.slow(300)
@pytest.mark.parametrize("cut", [True, False], ids=["cut", "closed"])
def test_every_allocation_of_a_session_may_fail(scene, cut):
    if "KGROUP_TEST_PRELOAD" in os.environ:
        pytest.skip("something else is preloaded")
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, N)
    countdown = Countdown(scene.directory / "countdown")
    # The linker's own, which LSan knows only when nothing stands in between.
    (scene.directory / "known").write_text("leak:allocate_dtv\n", encoding="ascii")
    daemon = scene.daemon(env={
        "LD_PRELOAD": str(scene.builddir / "tests/system/libkgfail.so"),
        "KGROUP_TEST_FAIL": str(scene.directory / "countdown"),
        "LSAN_OPTIONS": f"print_suppressions=0:suppressions={scene.directory}/known"})
    session(scene, topic, cut=True)
    for n in range(1, MOST):
        countdown.start(n)
        try:
            session(scene, topic, cut)
        except (ConnectionClosed, Refused):
            pass
        failed = countdown.stop()
        assert daemon.alive(), f"allocation {n} ended the daemon: {daemon.process.poll()}"
        if not failed:
            break
        with scene.asking() as asking:
            asking.query("status")
    print(f"{n - 1} allocations")
    assert 50 < n < MOST - 1
    last = scene.consumer(topic)
    last.wait_claims([(topic, 0), (topic, 1)])
    scene.witness.fill(topic, 0, 1, first=N)
    scene.wait_for(lambda: last.messages and last.of(topic, 0)[-1].offset == N, 10, "the newest")
