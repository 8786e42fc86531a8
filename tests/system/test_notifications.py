# SPDX-License-Identifier: MIT
"""NOTIFY: what a consumer that asked for it is told of rebalances, and when."""
import pytest

both = pytest.mark.both
mock = pytest.mark.mock

START, OK, ERROR = 1, 2, 3


def told(client):
    return [(n.kind, n.claimed, n.released, n.current) for n in client.notified]


def names(client):
    return [type(f).__name__ for f in client.frames]


def consumer(scene, topic, **more):
    return scene.consumer(topic, notifications=True, **more)


@both
def test_a_first_join(scene):
    """F4: start with nothing current, then OK with everything, before any message."""
    topic = scene.topic(4)
    scene.witness.fill(topic, 0, 3)
    scene.daemon()
    client = consumer(scene, topic)
    client.wait_messages(3)
    everything = [[topic, [0, 1, 2, 3]]]
    assert told(client) == [(START, [], [], []), (OK, everything, [], everything)]
    order = names(client)
    assert order.index("notify") < order.index("assign")
    assert order.index("messages") > len(order) - order[::-1].index("notify") - 1


@both
def test_a_local_move_tells_those_whose_claims_change(scene):
    topics = scene.topic(2), scene.topic(1)
    scene.daemon()
    other = consumer(scene, topics[1])
    other.wait_claims([(topics[1], 0)])
    first = consumer(scene, topics[0])
    first.wait_claims([(topics[0], 0), (topics[0], 1)])
    scene.wait_for(lambda: first.notified and first.notified[-1].kind == OK, 15, "OK")
    scene.wait_for(lambda: len(other.notified) == 4, 15, "OK of who was moved by the first")
    before = len(first.notified), len(other.notified)
    second = consumer(scene, topics[0])
    scene.wait_for(lambda: second.notified and second.notified[-1].kind == OK, 15, "OK")
    scene.wait_for(lambda: first.notified[-1].kind == OK and len(first.notified) > before[0])
    assert len(first.places()) == len(second.places()) == 1
    gone, kept = second.places()[0][1], first.places()[0][1]
    assert told(first)[before[0]:] == [
        (START, [], [], [[topics[0], [0, 1]]]),
        (OK, [], [[topics[0], [gone]]], [[topics[0], [kept]]])]
    assert told(second) == [(START, [], [], []),
                            (OK, [[topics[0], [gone]]], [], [[topics[0], [gone]]])]
    assert len(other.notified) == before[1]
    order = names(first)
    assert order.index("released") > [i for i, n in enumerate(order) if n == "notify"][before[0]]


@both
def test_a_rebalance_of_the_group_tells_all_and_marks_on_start_count(scene):
    topic = scene.topic(2)
    for partition in (0, 1):
        scene.witness.fill(topic, partition, 3)
    daemon = scene.daemon()
    client = consumer(scene, topic, options={"auto_done": False})
    client.wait_messages(6)
    before = len(client.notified)
    scene.consumer(topic, daemon=scene.daemon())
    scene.wait_for(lambda: len(client.notified) > before, 30, "START")
    assert told(client)[before] == (START, [], [], [[topic, [0, 1]]])
    for message in client.messages:
        if message.offset == 2:
            assert client.mark(message, answer=True) == 0
    for claim in list(client.claims.values()):
        client.send("done", claim.id)
    scene.wait_for(lambda: len(client.notified) > before + 1, 30, "OK")
    assert client.notified[-1].kind == OK
    kept = [partition for _, partition in client.places()]
    assert len(kept) == 1
    # The mock refuses commits while the group joins: who keeps the partition commits it then.
    for partition in kept if scene.broker.is_mock else (0, 1):
        scene.wait_committed(topic, partition, 3)
    assert "before the release was over" not in daemon.log()


@mock("the broker plays no part")
def test_who_does_not_ask_is_told_nothing(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_claims([(topic, 0)])
    client.hub.quiet()
    assert not client.notified


@both
def test_a_close_is_not_notified(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = consumer(scene, topic)
    client.wait_claims([(topic, 0)])
    scene.wait_for(lambda: len(client.notified) == 2)
    client.close_consumer()
    client.hub.quiet()
    assert len(client.notified) == 2
