# SPDX-License-Identifier: MIT
"""Bytes in pieces: frames cut anywhere, sockets that take a few bytes, writes that fail. What was
whole before is whole after it, in order, and what ended comes again."""
import json

import pytest

from harness import protocol
from harness.protocol import encode

both = pytest.mark.both
mock = pytest.mark.mock("the broker plays no part")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}
HELLO = encode("hello", [1], ["query", "reset", "seek", "notify", "partitions"], "n", "l", 65536)


def invalid_frames():
    vectors = json.loads((protocol.PROTO / "vectors/invalid.json").read_text(encoding="utf-8"))
    return [(v["code"], bytes.fromhex(v["frame"])) for v in vectors if v["sender"] == "client"]


def refusal(scene, *pieces):
    """The code that a connection ends with which sends these pieces, one in each round of the
    daemon's loop."""
    client = scene.client(hello=False)
    for piece in pieces:
        client.send_bytes(piece)
        scene.hub.pump(0.0005)
    client.wait_end(timeout_s=5)
    client.disconnect()
    scene.clients.remove(client)
    return client.fatal.code


@pytest.mark.slow(120)
@pytest.mark.mock("the broker plays no part, and it is slow enough once")
def test_a_bad_frame_is_as_bad_at_every_cut(scene):
    scene.daemon(daemon={"log.level": "err", "requests.per.user": "100000000"}, cluster=DEAD)
    n = 0
    for code, data in invalid_frames():
        cuts = range(1, len(data)) if len(data) < 200 else (1, 4, 5, 6, 7, len(data) - 1)
        for cut in cuts:
            assert refusal(scene, HELLO + data[:cut], data[cut:]) == code, (data.hex(), cut)
            n += 1
    assert n > 300, "the table has become short"


@mock
def test_a_truncated_frame_is_no_frame_at_any_length(scene):
    """Nothing is done before it is whole: it ends with the connection, and is no mistake."""
    daemon = scene.daemon(daemon={"log.level": "debug"}, cluster=DEAD)
    good = encode("query", 1, "status", {"group": "g"})
    for size in range(1, len(good)):
        client = scene.client()
        client.send_bytes(good[:size])
        client.disconnect()
        scene.clients.remove(client)
    watcher = scene.client()
    scene.wait_for(lambda: watcher.query("status")["daemon"]["n_connections"] == 1, 5)
    assert "KG-00" not in daemon.log()


@both
def test_a_whole_session_a_byte_at_a_time(scene):
    """Both ways: every byte of the client in a write of its own, the daemon's socket at its least."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 20)
    preload(scene, "short:1")
    client = scene.client()

    def send_bytes(data):
        for byte in data:
            client.socket.sendall(bytes([byte]))
        return True
    client.send_bytes = send_bytes
    client.open("g", [topic], errors=True)
    client.wait_messages(20)
    assert [m.offset for m in client.messages] == list(range(20))
    client.mark_all()
    client.commit()
    assert scene.committed(topic) == 20 and not client.errors


def preload(scene, fault):
    module = scene.builddir / "tests/system/libshort_io.so"
    return scene.daemon(env={"LD_PRELOAD": str(module), "SHORT_IO": fault})


@both
@pytest.mark.parametrize("fault", ["short:2", "again:2", "interrupted:2", "again:7"])
def test_writes_that_take_less_or_nothing_lose_nothing(scene, fault):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 300)
    scene.witness.produce(topic, 0, [{"value": bytes(300_000)}])  # it travels by reference
    preload(scene, fault)
    client = scene.consumer(topic)
    client.wait_messages(601, timeout_s=30)
    for partition, n in ((0, 301), (1, 300)):
        assert [m.offset for m in client.of(topic, partition)] == list(range(n))
    assert client.of(topic, 0)[-1].value == bytes(300_000)
    client.mark_all()
    client.commit()
    assert not client.errors


@both
@pytest.mark.parametrize("fault", ["pipe:11", "reset:13", "pipe:17"])
def test_writes_that_end_the_connection_lose_nothing(scene, fault):
    """The client comes back as often as it must, says what it marked, and misses nothing."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 400)
    daemon = preload(scene, fault)
    client = scene.client(window=(25, 1 << 20))
    seen, n_ends = [], 0

    def take():
        seen.extend(m.offset for m in client.messages if m.offset >= len(seen))
        client.mark_all()

    def come():
        client.reconnect() if client.opened else client.open("g", [topic])
    while len(seen) < 400:
        try:
            come()
            while len(seen) < 400:
                client.wait_for(lambda: client.messages and client.messages[-1].offset >= len(seen),
                                10, "more")
                take()
        except AssertionError:
            assert client.closed and daemon.alive(), "it waits and is not told why"
            take()
            n_ends += 1
    assert seen == list(range(400))
    assert n_ends, "no write failed"


@pytest.mark.slow(120)
@pytest.mark.mock("the broker plays no part, and it is slow enough once")
@pytest.mark.parametrize("kind", ["short", "again", "interrupted", "pipe", "reset"])
def test_a_write_may_go_wrong_at_each_n(scene, kind):
    """A hundred faults, the nth behind n good writes: with a message in each, every place of a
    conversation is met. Those that end it are counted; the others nobody may see."""
    n_faults, n_messages = 100, 5500
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, n_messages)
    daemon = preload(scene, f"{kind}:each")
    client = scene.client(window=(1, 1 << 20))
    seen, n_ends = 0, 0

    def see():
        nonlocal seen
        for message in client.messages:
            assert message.offset <= seen, "a message was left out"
            seen = max(seen, message.offset + 1)
        if client.messages and not client.closed:
            client.mark(client.messages[-1])
        client.messages.clear()
        return seen == n_messages
    while seen < n_messages:
        try:
            client.reconnect() if client.opened else client.open("g", [topic])
            client.wait_for(see, 60, "all messages")
        except AssertionError:
            assert client.closed and daemon.alive(), "it waits and is not told why"
            see()
            n_ends += 1
    assert f"the last of {n_faults} faults" in daemon.log(), "too few writes for all of them"
    assert n_ends == (n_faults if kind in ("pipe", "reset") else 0)
