# SPDX-License-Identifier: MIT
"""Bad peers: whatever one sends, or does not, it is answered with its code and cut off, and nobody
else notices. Each test keeps a bystander on another connection and asks it at the end."""
import contextlib
import json

import msgpack
import pytest

from harness import hostile, protocol
from harness.client import ConnectionClosed
from harness.hostile import attacked
from harness.protocol import ERRORS, encode, frame

both = pytest.mark.both
mock = pytest.mark.mock("the broker plays no part")

ID = b"i" * 16


@pytest.fixture
def daemon(scene):
    """A daemon that needs no broker, with a bystander who must not notice anything."""
    daemon = scene.daemon(daemon={"handshake.timeout": "700ms", "connections.per.user": "600"},
                          cluster={"bootstrap.servers": "127.0.0.1:1"})
    bystander = scene.client(name="bystander")
    yield daemon
    assert daemon.alive()
    assert not bystander.errors and not bystander.closed
    for client in scene.clients:
        if client is not bystander:
            client.disconnect()
    scene.wait_for(lambda: bystander.query("status")["daemon"]["n_connections"] == 1, 5,
                   "the connections of the bad peers are closed")


def code_of(client):
    """The code of the fatal error that ended the connection."""
    return client.wait_end(timeout_s=5)


HELLO = encode("hello", [1], [], "n", "l", 65536)
OPEN = encode("open", 1, "", "g", ID, ["t"], {})

# ---- malformed frames ---------------------------------------------------------------------------


def invalid_vectors():
    """What the project's own table of bad frames has for a client."""
    vectors = json.loads((protocol.PROTO / "vectors/invalid.json").read_text(encoding="utf-8"))
    return [pytest.param(v, id=v["name"]) for v in vectors if v["sender"] == "client"]


@mock
@pytest.mark.parametrize("vector", invalid_vectors())
def test_an_invalid_frame_is_answered_with_its_code(scene, daemon, vector):
    client = scene.client()
    client.send_bytes(bytes.fromhex(vector["frame"]))
    client.send_bytes(encode("query", 1, "status", {}))  # what follows is not looked at
    client.wait_end(timeout_s=5)
    assert client.fatal.code == vector["code"]
    assert client.fatal.text and not client.replies


@mock
@pytest.mark.parametrize("vector", invalid_vectors())
def test_an_invalid_frame_is_refused_before_hello_too(scene, daemon, vector):
    client = scene.client(hello=False)
    client.send_bytes(bytes.fromhex(vector["frame"]))
    client.wait_end(timeout_s=5)
    assert client.fatal.code in (vector["code"], ERRORS["OUT_OF_ORDER"])


@mock
@pytest.mark.parametrize("data, code", [
    (b"GET / HTTP/1.1\r\n\r\n", "MALFORMED"), (b"\x00" * 300_000, "MALFORMED"),
    (encode("open", 0, "", "g", ID, ["t"], {}), "FIELD"),
    (encode("open", 1, "", "g", ID[:15], ["t"], {}), "FIELD"),
    (encode("close", 0), None)], ids=["text", "zeros", "request 0", "short id", "close 0"])
def test_what_only_the_daemon_can_tell_is_answered_with_its_code(scene, daemon, data, code):
    client = scene.client()
    client.send_bytes(data)
    assert code_of(client) == (code or "OUT_OF_ORDER")


@mock
def test_every_split_of_a_good_conversation_is_understood(scene, daemon):
    query = encode("query", 7, "status", {})
    stream = encode("hello", [1], ["query"], "split", "l", 65536) + query
    for cut in range(1, len(stream), 3):
        client = scene.client(hello=False)
        client.send_bytes(stream[:cut])
        scene.hub.pump(0.001)
        client.send_bytes(stream[cut:])
        client.wait_reply(7)
        client.disconnect()


@mock
def test_further_fields_at_the_end_are_ignored(scene, daemon):
    client = scene.client(hello=False)
    client.send("hello", [1, 2, 99], ["query", "of tomorrow"], "n", "l", 65536, "new", [1, 2])
    client.wait_for(lambda: client.welcome)
    assert client.welcome.version == 1
    client.send("query", 1, "status", {}, {"new": True})
    client.wait_reply(1)


@mock
def test_an_advisory_message_is_ignored(scene, daemon):
    client = scene.client()
    client.send_bytes(frame(msgpack.packb([200, "whatever"])))
    assert client.query("status")


# ---- order --------------------------------------------------------------------------------------

OUT_OF_ORDER = {
    "a second hello": [HELLO],
    "a mark before open": [encode("mark", 0, [[1, 1, 1, None]])],
    "credit before open": [encode("credit", 0, 1, 1)],
    "a commit before open": [encode("commit", 1)],
    "close before open": [encode("close", 1)],
    "pause before open": [encode("pause", 1, [1], True)],
    "done before open": [encode("done", 1)],
    "resume before open": [encode("resume", "t", 0, 1, 1, None, -1)],
    "the end of resume before open": [encode("resume_end")],
    "open twice": [OPEN, encode("resume_end"), encode("open", 2, "", "g", ID, ["t"], {})],
    "resume after its end": [OPEN, encode("resume_end"), encode("resume", "t", 0, 1, 1, None, -1)],
    "the end of resume twice": [OPEN, encode("resume_end"), encode("resume_end")],
}


@mock
@pytest.mark.parametrize("what", OUT_OF_ORDER)
def test_a_message_that_is_not_allowed_now_is_an_error(scene, daemon, what):
    client = scene.client()
    for data in OUT_OF_ORDER[what]:
        client.send_bytes(data)
    assert code_of(client) == "OUT_OF_ORDER"


@mock
@pytest.mark.parametrize("late", ["close", "commit"])
def test_behind_close_nothing_is_left_without_an_answer(scene, late):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 1)
    scene.daemon()
    client = scene.consumer(topic)
    client.mark(client.wait_messages(1)[0])
    client.send_bytes(encode("close", 50) + encode(late, 51))
    assert code_of(client) == "OUT_OF_ORDER"


@mock
@pytest.mark.parametrize("data", [OPEN, encode("query", 1, "status", {})])
def test_nothing_comes_before_hello(scene, daemon, data):
    client = scene.client(hello=False)
    client.send_bytes(data)
    assert code_of(client) in ("OUT_OF_ORDER", "HANDSHAKE")


@mock
@pytest.mark.parametrize("feature, data", [
    ("query", encode("query", 1, "status", {})), ("reset", encode("reset", 1, [[1, 1, 1, None]])),
    ("seek", encode("seek", 1, [], "latest", 0)), ("partitions", encode("claim_close", 1, 1))])
def test_a_message_of_a_feature_that_was_not_named_is_an_error(scene, daemon, feature, data):
    client = scene.client(features=())
    client.send_bytes(data)
    assert code_of(client) == "UNSUPPORTED"


@mock
def test_no_common_version_is_an_error(scene, daemon):
    client = scene.client(hello=False)
    client.send("hello", [2, 3], [], "n", "l", 65536)
    assert code_of(client) == "VERSION"


@mock
def test_a_max_frame_below_the_least_is_an_error(scene, daemon):
    client = scene.client(hello=False)
    client.send("hello", [1], [], "n", "l", 65535)
    assert code_of(client) == "FIELD"


# ---- time ---------------------------------------------------------------------------------------


@mock
def test_no_hello_in_time_is_an_error(scene, daemon):
    client = scene.client(hello=False)
    assert code_of(client) == "HANDSHAKE"


@mock
def test_half_a_hello_is_no_hello(scene, daemon):
    client = scene.client(hello=False)
    client.send_bytes(HELLO[:-1])
    assert code_of(client) == "HANDSHAKE"


@mock
def test_a_byte_at_a_time_does_not_extend_the_handshake(scene, daemon):
    client = scene.client(hello=False)
    long_hello = encode("hello", [1], ["f" * 200] * 20, "n", "l", 65536)
    data = iter(long_hello)

    def trickle():
        client.send_bytes(bytes([next(data)]))
        return client.closed
    scene.wait_for(trickle, 5, "the end")
    assert code_of(client) == "HANDSHAKE"


@mock
def test_after_the_handshake_slowness_is_no_fault(scene, daemon):
    client = scene.client()
    data = iter(encode("query", 5, "status", {}))

    def trickle():
        for byte in data:
            client.send_bytes(bytes([byte]))
            break
        return client.replies.get(5)
    scene.wait_for(trickle, 10, "the reply")


# ---- number -------------------------------------------------------------------------------------


@mock
def test_500_connections_are_served(scene, daemon):
    clients = [scene.client(name=f"n{i}") for i in range(500)]
    status = clients[0].query("status")
    assert status["daemon"]["n_connections"] == 501
    for client in clients[1::50]:
        assert client.query("status")


@mock
def test_500_connections_that_never_say_hello_delay_nobody(scene, daemon):
    silent = [scene.client(hello=False) for _ in range(500)]
    assert scene.client().query("status")
    for client in silent:
        assert code_of(client) == "HANDSHAKE"


@mock
def test_100_connections_with_half_a_hello_cost_a_healthy_client_nothing(scene, daemon):
    """Each writes a byte more now and then, and none ever says hello."""
    good = scene.client(name="good")
    slow = [scene.client(hello=False) for _ in range(100)]
    long_hello = iter(encode("hello", [1], ["f" * 200] * 200, "n", "l", 65536))
    costs = []

    def trickle():
        byte = bytes([next(long_hello)])
        for client in slow:
            if client.fileno() >= 0:
                client.send_bytes(byte)
        before = daemon.loop_cpu_s()
        good.query("status")
        costs.append(daemon.loop_cpu_s() - before)
        return all(client.closed for client in slow)
    scene.wait_for(trickle, 10, "the end of all of them")
    assert {client.wait_end() for client in slow} == {"HANDSHAKE"}
    assert sorted(costs)[len(costs) * 99 // 100] < 0.05, "the loop was theirs"


@mock
def test_one_user_has_no_more_connections_than_allowed(scene):
    scene.daemon(daemon={"connections.per.user": "5"}, cluster={"bootstrap.servers": "127.0.0.1:1"})
    clients = [scene.client(user="nobody") for _ in range(5)]
    too_many = scene.client(user="nobody", hello=False)
    assert code_of(too_many) == "QUOTA"
    assert scene.client(user="daemon").query("status")
    clients[0].disconnect()
    scene.wait_for(lambda: not refused_for_quota(scene), 5, "a place that became free")


def refused_for_quota(scene):
    client = scene.client(user="nobody", hello=False)
    client.send_bytes(HELLO)
    scene.wait_for(lambda: client.welcome or client.closed)
    client.disconnect()
    return client.closed and not client.welcome


@mock
def test_the_daemon_has_no_more_connections_than_allowed(scene):
    scene.daemon(daemon={"connections.max": "5"}, cluster={"bootstrap.servers": "127.0.0.1:1"})
    clients = [scene.client() for _ in range(5)]
    too_many = scene.client(hello=False)
    assert too_many.wait_end() in ("QUOTA", None)
    assert all(c.query("status") for c in clients)


@mock
def test_a_name_cannot_forge_a_line_of_the_log(scene, daemon):
    client = scene.client(name="honest\n<0>kgroupd: forged\x1b[2J")
    client.send_bytes(b"\x00")
    assert code_of(client) == "MALFORMED"
    scene.hub.quiet(0.1)
    assert not any(line.startswith("<0>") for line in daemon.log().splitlines())
    assert "\x1b" not in daemon.log()


@mock
def test_names_from_open_cannot_forge_a_line_of_the_log(scene, daemon):
    client = scene.client()
    bad = "x\n<0>forged"
    for cluster, group, topic in ((bad, "g", "t"), ("", bad, "t"), ("", "g", bad)):
        client.send("open", 1, cluster, group, ID, [topic], {})
        scene.wait_for(lambda: client.replies or client.closed)
        client.replies.clear()
        if client.closed:
            client = scene.client()
    assert not any(line.startswith("<0>") for line in daemon.log().splitlines())


@mock
def test_bad_peers_are_logged_once_each(scene, daemon):
    before = len(daemon.log())
    client = scene.client(name="mischief")
    client.send_bytes(b"\x00" * 100_000)
    assert code_of(client) == "MALFORMED"
    assert daemon.log()[before:].count("KG-0001 malformed") == 1


# ---- with traffic -------------------------------------------------------------------------------


@both
def test_a_consumer_that_breaks_the_protocol_loses_its_claims_and_nothing_else(scene):
    topic = scene.topic(2)
    scene.daemon()
    good, bad = scene.consumer(topic), scene.consumer(topic)
    scene.wait_for(lambda: len(good.places()) == len(bad.places()) == 1)
    bad.send_bytes(b"\x00")
    assert code_of(bad) == "MALFORMED"
    good.wait_claims([(topic, 0), (topic, 1)], timeout_s=5)
    scene.witness.fill(topic, 0, 3)
    scene.witness.fill(topic, 1, 3)
    good.wait_messages(6)


@pytest.mark.slow(100)
@pytest.mark.mock("the broker plays no part, and it takes 35 s")
def test_a_reader_that_takes_nothing_of_a_large_message_is_disconnected(scene):
    """It comes again: the message was not marked."""
    topic = scene.topic(1)
    scene.witness.produce(topic, 0, [{"value": b"x" * (4 << 20)}])
    scene.daemon()
    slow = scene.consumer(topic, options={"window": None, "consumer_id": b"\0" * 16})
    slow.wait_claims([(topic, 0)])
    other = scene.consumer(topic, options={"consumer_id": b"\1" * 16})
    slow.reading = False
    slow.credit(10, 100 << 20)
    scene.hub.stays(lambda: not other.messages, 25)
    other.wait_messages(1, timeout_s=15)
    slow.reading = True
    slow.wait_end()



@mock
def test_two_thousand_connections_at_once(scene):
    daemon = scene.daemon(start=False, daemon={"connections.per.user": "3000",
                                               "connections.max": "3000"},
                          cluster={"bootstrap.servers": "127.0.0.1:1"})
    daemon.launcher = ["prlimit", "--nofile=1024:8192"]
    daemon.start()
    bystander = scene.client(name="bystander")
    crowd = [scene.client(hello=False) for _ in range(2000)]
    for client in crowd:
        client.send("hello", [1], [], "crowd", "python/test", 65536)
    for client in crowd:
        client.wait_for(lambda: client.welcome, what="WELCOME")  # noqa: B023  called at once
    assert bystander.query("status")["daemon"]["n_connections"] == 2001
    for client in crowd:
        client.disconnect()
        scene.clients.remove(client)
    scene.wait_for(lambda: bystander.query("status")["daemon"]["n_connections"] == 1, 15)
    assert daemon.n_fds() < 40


@mock
def test_running_out_of_descriptors_refuses_and_does_not_spin(scene):
    daemon = scene.daemon(start=False, cluster={"bootstrap.servers": "127.0.0.1:1"})
    daemon.launcher = ["prlimit", "--nofile=64:64"]
    daemon.start()
    bystander = scene.client(name="bystander")
    crowd = []
    while "out of file descriptors" not in daemon.log():
        assert len(crowd) < 100, "more connections than descriptors"
        crowd.append(scene.client(hello=False))
        scene.hub.pump(0.01)
    before = daemon.cpu_s()
    for _ in range(20):  # they wait in the queue of the socket, one is refused a second
        crowd.append(scene.client(hello=False))
    scene.hub.stays(lambda: daemon.alive(), 3)
    assert daemon.cpu_s() - before < 0.15, "it spins"
    assert daemon.log().count("out of file descriptors") <= 6, "a line for each refusal"
    assert bystander.query("status")["daemon"]["n_connections"] >= 2
    for client in crowd:
        client.disconnect()
        scene.clients.remove(client)
    with attacked(hostile.hellos, daemon, user="root"):  # who comes and goes as fast as it can
        for _ in range(50):
            assert bystander.query("status")["daemon"]["name"]
        assert daemon.alive()

    def come():
        with contextlib.suppress(ConnectionClosed):  # what is left of the attack is before it
            return scene.client(name="late")
    late = scene.wait_for(come, 15, "a place for one more")
    assert late.query("status")["daemon"]["name"]
