# SPDX-License-Identifier: MIT
"""The partitions of this host among its consumers: who gets which, and what happens when one comes,
goes, crashes or is slow to let go. Kafka sees nothing of it."""
import pytest

from harness.client import Refused
from harness.protocol import VERDICTS

both = pytest.mark.both
real = pytest.mark.real

MIB = 1 << 20


def place_sets(consumers):
    """What each consumer holds, in the order in which the daemon sorts them: by id."""
    return [[p for _, p in c.places()] for c in sorted(consumers, key=lambda c: c.id)]


def wait_split(scene, consumers, expected):
    scene.wait_for(lambda: place_sets(consumers) == expected, 15, f"split {expected}")


@both
@pytest.mark.parametrize("n_partitions, expected", [
    (6, [[0, 1, 2], [3, 4, 5]]), (4, [[0], [1, 2], [3]]), (2, [[0], [], [1]]),
    (1, [[], [0], []])])
def test_range_gives_each_consumer_its_range(scene, n_partitions, expected):
    """E1, with its examples."""
    topic = scene.topic(n_partitions)
    scene.daemon()
    wait_split(scene, [scene.consumer(topic) for _ in expected], expected)


@both
def test_roundrobin_deals_the_partitions_out(scene):
    """E2."""
    topic = scene.topic(6)
    scene.daemon(group={"strategy": "roundrobin"})
    wait_split(scene, [scene.consumer(topic) for _ in range(2)], [[0, 2, 4], [1, 3, 5]])


@both
def test_each_message_comes_to_one_consumer_only(scene):
    topic = scene.topic(4)
    scene.daemon()
    consumers = [scene.consumer(topic) for _ in range(2)]
    wait_split(scene, consumers, [[0, 1], [2, 3]])
    for partition in range(4):
        scene.witness.fill(topic, partition, 500)
    scene.wait_for(lambda: sum(len(c.messages) for c in consumers) >= 2000)
    scene.hub.quiet()
    got = [(m.partition, m.offset) for c in consumers for m in c.messages]
    assert len(got) == len(set(got)) == 2000


@both
def test_the_surplus_consumer_idles_without_error_and_takes_over(scene):
    """C7, F2."""
    topic = scene.topic(4)
    scene.daemon()
    consumers = [scene.consumer(topic) for _ in range(5)]
    scene.wait_for(lambda: sorted(len(c.places()) for c in consumers) == [0, 1, 1, 1, 1])
    idle = next(c for c in consumers if not c.places())
    holder = next(c for c in consumers if c.places())
    consumers.remove(holder)
    holder.close_consumer()
    scene.wait_for(lambda: all(len(c.places()) == 1 for c in consumers))
    assert idle.places()
    assert not any(c.errors for c in consumers)


@both
def test_siblings_go_on_from_the_mark_of_a_consumer_that_vanished(scene):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon()
    consumers = [scene.consumer(topic) for _ in range(2)]
    scene.wait_for(lambda: all(len(c.places()) == 1 and len(c.of(topic, c.places()[0][1])) == 10
                               for c in consumers))
    gone, left = consumers
    partition = gone.places()[0][1]
    gone.mark(gone.of(topic, partition)[5])
    gone.disconnect()
    left.wait_claims([(topic, 0), (topic, 1)], timeout_s=5)
    epoch = left.claim(topic, partition).epoch
    scene.wait_for(lambda: [m.offset for m in left.of(topic, partition)
                            if m.epoch == epoch] == [6, 7, 8, 9])


@both
def test_a_newcomer_gets_its_share_after_what_was_handed_out_is_marked(scene):
    """E4: marks within the dwell count, `done` ends it early, nothing marked comes again."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon()
    first = scene.consumer(topic, dwell_time=15000, options={"auto_done": False})
    first.wait_messages(20)
    second = scene.consumer(topic)
    claim = scene.wait_for(lambda: next((c for c in first.claims.values() if c.release), None))
    assert 0 < claim.release.dwell_ms <= 15000
    first.mark(first.of(topic, claim.partition)[6])
    assert not second.claims
    first.send("done", claim.id)
    second.wait_claims([claim.place], timeout_s=5)
    assert [m.offset for m in second.wait_messages(3)] == [7, 8, 9]
    assert claim.id not in first.claims


@both
def test_a_consumer_that_does_not_let_go_is_waited_for_no_longer_than_its_dwell(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 3)
    scene.witness.fill(topic, 1, 3)
    scene.daemon()
    first = scene.consumer(topic, dwell_time=700, options={"auto_done": False})
    first.wait_messages(6)
    second = scene.consumer(topic)
    scene.wait_for(lambda: len(second.places()) == 1, 5)
    late = next(m for m in first.messages if m.claim not in first.claims)
    assert first.mark(late, answer=True) == VERDICTS["STALE"]
    assert len(second.wait_messages(3)) == 3
    assert second.messages[0].offset == 0


@both
def test_a_local_move_does_not_touch_the_claims_that_stay(scene):
    topic = scene.topic(2)
    scene.daemon()
    first = scene.consumer(topic).wait_claims([(topic, 0), (topic, 1)])
    ids = {c.place: c.id for c in first.claims.values()}
    second = scene.consumer(topic)
    scene.wait_for(lambda: len(second.places()) == 1)
    scene.hub.quiet()
    assert [c.id for c in first.claims.values()] == [ids[first.places()[0]]]


@real("the mock keeps no log of generations")
def test_kafka_sees_nothing_of_consumers_that_come_and_go(scene):
    topic = scene.topic(4)
    scene.daemon()
    first = scene.consumer(topic).wait_claims([(topic, p) for p in range(4)])
    generation = scene.witness.generation(scene.group_id)
    others = [scene.consumer(topic) for _ in range(3)]
    scene.wait_for(lambda: all(len(c.places()) == 1 for c in [first, *others]))
    for other in others:
        other.disconnect()
    first.wait_claims([(topic, p) for p in range(4)])
    assert scene.witness.generation(scene.group_id) == generation
    assert len(scene.witness.members(scene.group_id)) == 1


@both
def test_consumers_of_a_group_may_have_different_topics(scene):
    topics = [scene.topic(2), scene.topic(2)]
    scene.daemon()
    first = scene.consumer(topics[0]).wait_claims([(topics[0], 0), (topics[0], 1)])
    second = scene.consumer(topics[1]).wait_claims([(topics[1], 0), (topics[1], 1)], 30)
    first.wait_claims([(topics[0], 0), (topics[0], 1)])
    for topic in topics:
        scene.witness.fill(topic, 1, 4)
    first.wait_messages(4)
    second.wait_messages(4)
    assert first.of(topics[0], 1) and second.of(topics[1], 1)


# ---- one consumer, two connections --------------------------------------------------------------


@both
def test_a_reconnect_takes_over_from_a_connection_that_is_still_open(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    old = scene.consumer(topic)
    old.mark(old.wait_messages(10)[4])
    new = scene.client()
    new.id = old.id
    new.open("g", [topic])
    assert old.wait_end() == "REPLACED"
    assert [m.offset for m in new.wait_messages(5)] == [5, 6, 7, 8, 9]


@both
def test_another_user_cannot_take_a_consumer_over(scene):
    topic = scene.topic(1)
    scene.daemon()
    old = scene.consumer(topic).wait_claims([(topic, 0)])
    thief = scene.client(user="nobody")
    thief.id = old.id
    with pytest.raises(Refused) as refused:
        thief.open("g", [topic])
    assert refused.value.name == "DENIED"
    scene.witness.fill(topic, 0, 1)
    old.wait_messages(1)


# ---- cooperative-sticky -------------------------------------------------------------------------


@both
def test_cooperative_sticky_moves_no_more_than_it_must(scene):
    topic = scene.topic(6)
    daemon = scene.daemon(start=False, group={"strategy": "cooperative-sticky"})
    if not scene.newest:
        daemon.start(wait=False)
        daemon.wait_log("2.10.1")
        assert daemon.wait_exit() == 78
        return
    daemon.start()
    first = scene.consumer(topic).wait_claims([(topic, p) for p in range(6)])
    second = scene.consumer(topic)
    scene.wait_for(lambda: len(first.places()) == len(second.places()) == 3, 15, "3 and 3")
    assert len(first.ended) == 3 and not second.ended
    third = scene.consumer(topic)
    scene.wait_for(lambda: [len(c.places()) for c in (first, second, third)] == [2, 2, 2])
    assert len(first.ended) == 4 and len(second.ended) == 1
