# SPDX-License-Identifier: MIT
"""C: what is delivered, and what holds it up."""
import pytest

from harness.client import Refused
from harness.kgroup import KgError

both = pytest.mark.both
real = pytest.mark.real

MIB = 1 << 20
MUCH = (100_000, 100 * MIB)
KEEP = {"kafka.max.poll.interval.ms": "5000"}  # a reader may be slower than this


def everything(topic, n):
    return [(topic, p) for p in range(n)]


def released(one, place):
    return ("released", place) in one.taken


# ---- C1 -----------------------------------------------------------------------------------------


@both
def test_c1_one_stream_with_order_kept_within_a_partition(scene, peer):
    topics = [scene.topic(3), scene.topic(2)]
    places = [(t, p) for t, n in zip(topics, (3, 2)) for p in range(n)]
    for place in places:
        scene.witness.fill(*place, 200)
    scene.daemon()
    one = peer(topics)
    one.wait_messages(1000)
    for place in places:
        assert one.offsets(*place) == list(range(200))
    kinds = [what for what, _ in one.taken]
    assert kinds.count("message") == 1000 and kinds.count("assigned") == 5


# ---- C2 -----------------------------------------------------------------------------------------


@both
def test_c2_a_partition_has_its_own_place_messages_marks_and_resets(scene, peer):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 20)
    scene.witness.commit(scene.group_id, topic, 1, 5, "five")
    scene.daemon()
    one = peer(topic, mode="partitions").wait_claims(everything(topic, 2))
    infos = [one.info(topic, p) for p in range(2)]
    assert (infos[0].initial, infos[0].start, infos[0].committed) == (-2, 0, -1)
    assert (infos[1].initial, infos[1].committed, infos[1].metadata) == (5, 5, b"five")
    one.wait_messages(35)
    assert one.offsets(topic, 0) == list(range(20))
    assert one.offsets(topic, 1) == list(range(5, 20))
    one.mark(one.of(topic, 0)[9], "nine")
    one.mark(one.last(topic, 1))
    scene.wait_committed(topic, 0, 10)
    scene.wait_committed(topic, 1, 20)
    one.reset(one.of(topic, 0)[4], "back")
    scene.wait_committed(topic, 0, 5)
    assert scene.witness.committed(scene.group_id, topic, 0).metadata == "back"
    assert scene.committed(topic, 1) == 20


@both
def test_c2_a_partition_that_nobody_reads_stalls_no_other(scene, peer):
    topic = scene.topic(2)
    scene.daemon()
    one = peer(topic, mode="partitions", window=(50, MIB)).wait_claims(everything(topic, 2))
    one.hold_back(topic, 0)
    scene.witness.fill(topic, 0, 2000)
    scene.witness.fill(topic, 1, 2000)
    one.wait_for(lambda: len(one.of(topic, 1)) == 2000, what="all of the other")
    assert len(one.of(topic, 0)) <= 50
    one.let_go(topic, 0)
    one.wait_for(lambda: len(one.of(topic, 0)) == 2000, what="all of the one that was held back")
    assert one.offsets(topic, 0) == list(range(2000))


@both
def test_c2_at_a_rebalance_old_streams_end_and_new_ones_come(scene, peer):
    topic = scene.topic(4)
    scene.daemon()
    first = peer(topic, mode="partitions").wait_claims(everything(topic, 4))
    second = peer(topic, mode="partitions").wait_n_claims(2)
    first.wait_n_claims(2)
    gone = second.places()
    assert all(released(first, place) for place in gone)
    if peer.kind == "lib":
        scene.wait_for(lambda: sorted(first.streams) == first.places(), 5, "ended streams")
    for place in everything(topic, 4):
        scene.witness.fill(*place, 3)
    first.wait_messages(6)
    second.wait_messages(6)
    assert {(m.topic, m.partition) for m in second.messages} == set(gone)
    second.close_consumer()
    first.wait_claims(everything(topic, 4))
    first.wait_for(lambda: all(first.offsets(*place) == [0, 1, 2] for place in gone),
                   what="what nobody had marked")


@both
@pytest.mark.parametrize("wait", [True, False], ids=["close", "close without waiting"])
def test_c2_a_closed_partition_goes_to_a_sibling_and_stays_there(scene, peer, wait):
    topic = scene.topic(4)
    scene.daemon()
    first = peer(topic, mode="partitions").wait_claims(everything(topic, 4))
    second = peer(topic, mode="partitions").wait_n_claims(2)
    first.wait_n_claims(2)
    for place in everything(topic, 4):
        scene.witness.fill(*place, 5)
    first.wait_messages(10)
    second.wait_messages(10)
    given, kept = first.places()
    first.mark(first.of(*given)[1])
    mine = first.info(*kept)
    first.close_claim(*given, wait=wait)
    second.wait_n_claims(3)
    first.wait_claims([kept])
    second.wait_for(lambda: second.offsets(*given) == [2, 3, 4], what="what was not marked")
    assert first.info(*kept) == mine and not released(first, kept)
    scene.witness.fill(*kept, 1)
    first.wait_for(lambda: len(first.of(*kept)) == 6, what="the one that was kept goes on")
    # Another one that comes and goes changes the distribution: the closer is still left out.
    third = peer(topic, mode="partitions")
    third.wait_for(lambda: len(third.places()) > 0, what="something for the third")
    third.close_consumer()
    second.close_consumer()
    first.wait_n_claims(3)
    assert given not in first.places()


@both
def test_c2_without_a_sibling_it_stops_and_status_says_so(scene, peer):
    topic = scene.topic(2)
    scene.daemon()
    one = peer(topic, mode="partitions").wait_claims(everything(topic, 2))
    one.close_claim(topic, 0)
    one.wait_claims([(topic, 1)])
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    one.wait_for(lambda: len(one.of(topic, 1)) == 5, what="the rest")
    scene.hub.quiet(0.3)
    assert not one.of(topic, 0)
    with scene.asking() as asking:
        rows = asking.query("lag")["groups"][0]["partitions"]
    row = next(r for r in rows if r["partition"] == 0)
    assert row["state"] == "closed" and row["holder_pid"] is None
    one.close_consumer()
    again = peer(topic, mode="partitions").wait_claims(everything(topic, 2))
    again.wait_for(lambda: len(again.of(topic, 0)) == 5, what="its messages")


@both
def test_c2_errors_of_a_partition_come_with_it(scene, peer):
    """A message that is larger than this program takes: its partition says so, the other goes on."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    scene.witness.produce(topic, 1, [{"value": b"x" * 100_000}])
    scene.daemon()
    one = peer(topic, mode="partitions", max_frame=65536).wait_claims(everything(topic, 2))
    one.wait_messages(10)
    if peer.kind == "wire":
        error = one.wait_error_named("MESSAGE_TOO_LARGE")
        assert (error.topic, error.partition, error.context) == (topic, 1, "partition")
    else:
        error = scene.wait_for(lambda: one.stream(topic, 1).next_error(), 15, "its error")
        assert error.name == "MESSAGE_TOO_LARGE" and error.text
        assert one.stream(topic, 0).next_error() is None
    scene.witness.fill(topic, 0, 5)
    one.wait_messages(15)
    assert len(one.of(topic, 1)) == 5


@both
def test_c2_high_water_mark_of_a_partition(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 7)
    scene.daemon()
    one = scene.peer("lib", topic, mode="partitions").wait_claims([(topic, 0)])
    stream = one.stream(topic, 0)
    scene.wait_for(lambda: stream.get_high_water_mark() == 7, 5, "7")
    assert stream.get_claim().partition == 0
    with pytest.raises(KgError) as info:  # in this mode messages come by partition only
        one.consumer.next()
    assert info.value.name == "ARGUMENT"


@both
def test_c2_a_stream_ends_with_released_and_what_was_taken_can_be_marked(scene):
    """An end that the application takes its time for: marks count until it frees the handle."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    one = scene.peer("lib", topic, mode="partitions", auto_done=False, dwell_time="15s")
    one.wait_messages(5)
    stream = one.stream(topic, 0)
    stream.close_start()

    def has_ended():
        try:
            return stream.next() is not None
        except KgError as error:
            return error.name == "RELEASED"
    scene.wait_for(has_ended, 5, "RELEASED")
    stream.mark(3)
    stream.free()
    del one.streams[topic, 0]
    scene.wait_committed(topic, 0, 4, timeout_s=5)


@both
def test_c2_closing_what_is_not_held_is_refused(scene):
    topic = scene.topic(1)
    scene.daemon()
    wire = scene.peer("wire", topic, mode="partitions").wait_claims([(topic, 0)])
    with pytest.raises(Refused) as refused:
        wire.ask("claim_close", 4711)
    assert refused.value.name == "NO_CLAIM"


# ---- C3 -----------------------------------------------------------------------------------------

ODD_RECORDS = [
    {"value": b"plain", "key": b"key", "timestamp": 1_500_000_000_123},
    {"value": None, "key": b"tombstone"}, {"value": b"", "key": b""},
    {"value": b"no key", "key": None},
    {"value": bytes(range(256)), "key": bytes(reversed(range(256)))},
    {"value": b"h", "headers": [("a", b"1"), ("b", b""), ("a", b"2"), ("n", None), ("", b"x")]},
    {"value": "ключ".encode(), "headers": [("ключ", "да".encode()), ("bin", b"\xff\x00\xfe")]},
    {"value": b"many", "headers": [(f"h{i}", b"%d" % i) for i in range(500)]},
    {"value": b"first", "timestamp": 1}]


@both
@pytest.mark.parametrize("mode", ["multiplexed", "partitions"])
def test_c3_a_message_is_what_was_produced(scene, peer, mode):
    topic = scene.topic()
    offsets = scene.witness.produce(topic, 0, ODD_RECORDS)
    scene.daemon()
    got = peer(topic, mode=mode).wait_messages(len(ODD_RECORDS))
    for message, record, offset in zip(got, ODD_RECORDS, offsets, strict=True):
        assert (message.topic, message.partition, message.offset) == (topic, 0, offset)
        assert (message.key, message.value) == (record.get("key"), record["value"])
        assert [tuple(h) for h in message.headers] == record.get("headers", [])
        assert message.timestamp_type == 1
        assert message.timestamp == record.get("timestamp", message.timestamp) > 0


@real("the mock has no topic configuration")
def test_c3_the_type_of_a_timestamp(scene, peer):
    topic = scene.topic(1, message_timestamp_type="LogAppendTime")
    scene.witness.produce(topic, 0, [{"value": b"", "timestamp": 1000}])
    scene.daemon()
    message, = peer(topic).wait_messages(1)
    assert message.timestamp_type == 2 and message.timestamp > 1_500_000_000_000


@real("the mock keeps 5 MiB")
def test_c3_a_payload_of_the_largest_size_that_the_broker_takes(scene, peer):
    topic = scene.topic()
    value = bytes(range(256)) * (60 * 4096)
    scene.witness.produce(topic, 0, [{"value": value}, {"value": b"after"}])
    scene.daemon(daemon={"memory.limit": "1GiB"})
    large, after = peer(topic).wait_messages(2, timeout_s=40)
    assert large.value == value and after.value == b"after"


# ---- C4 -----------------------------------------------------------------------------------------


@both
def test_c4_high_water_marks_of_all_claims_in_one_call(scene, peer):
    topics = [scene.topic(2), scene.topic(1)]
    scene.witness.fill(topics[0], 1, 12)
    scene.witness.fill(topics[1], 0, 3)
    scene.daemon()
    one = peer(topics).wait_claims([(topics[0], 0), (topics[0], 1), (topics[1], 0)])
    one.wait_for(lambda: one.high_water_marks() == {
        (topics[0], 0): 0, (topics[0], 1): 12, (topics[1], 0): 3}, what="the marks")


@both
@pytest.mark.parametrize("why", ["stalled", "paused"])
def test_c4_they_are_right_where_nothing_is_fetched(scene, peer, why):
    """The library under the daemon forgets to look: its own value goes stale there."""
    topic = scene.topic(1)
    scene.daemon()
    window = (5, MIB) if why == "stalled" else (10000, MIB)
    one = peer(topic, window=window, mode="partitions" if why == "stalled" else "multiplexed")
    one.wait_claims([(topic, 0)])
    scene.witness.fill(topic, 0, 5)
    one.wait_messages(5)
    if why == "stalled":
        one.hold_back(topic, 0)
    else:
        one.pause(topic, 0)
    for first in (5, 2005, 4005):
        scene.witness.fill(topic, 0, 2000, 100, first=first)
        one.wait_for(lambda n=first + 2000: one.high_water_marks() == {(topic, 0): n},
                     5, f"high water mark {first + 2000}")


# ---- C5 -----------------------------------------------------------------------------------------


@both
def test_c5_subscriptions_are_sorted_and_empty_after_close(scene, peer):
    topics = sorted(scene.topic(2) for _ in range(2))
    scene.daemon()
    one = peer(list(reversed(topics)))
    one.wait_n_claims(4)
    assert one.places() == [(t, p) for t in topics for p in range(2)]
    one.close_consumer()
    assert one.places() == []


@both
def test_c5_what_is_being_released_is_not_in_them(scene, peer):
    """A local move: the rest stays. It is held up by a message that is not marked."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 1)
    scene.daemon()
    first = peer(topic, auto_done=False, dwell_time=15000).wait_claims(everything(topic, 2))
    first.wait_messages(2)
    second = peer(topic)
    first.wait_n_claims(1)
    gone = next(p for p in everything(topic, 2) if p not in first.places())
    assert not released(first, gone) and not second.places()
    first.mark(first.last(*gone))
    second.wait_claims([gone], timeout_s=5)


@real("the mock refuses commits while several hosts rebalance")
def test_c5_a_rebalance_of_the_group_takes_all_of_them(scene, peer):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 1)
    scene.daemon()
    first = peer(topic, auto_done=False, dwell_time=15000).wait_claims(everything(topic, 2))
    first.wait_messages(2)
    scene.daemon()
    second = peer(topic, **peer.no_wait)
    if scene.protocol == "classic":  # eager
        first.wait_claims([], timeout_s=20)
        assert not any(released(first, place) for place in everything(topic, 2))
    else:
        first.wait_n_claims(1)
    for message in first.messages:
        first.mark(message)
    first.wait_n_claims(1)
    second.wait_n_claims(1)


# ---- C6 -----------------------------------------------------------------------------------------


@both
def test_c6_a_slow_reader_stalls_only_itself(scene, peer):
    """Longer than max.poll.interval.ms, with more than fits on the way."""
    topic = scene.topic(2)
    daemon = scene.daemon(group=KEEP)
    slow, quick = [peer(topic, dwell_time=1000, window=MUCH) for _ in range(2)]
    scene.wait_for(lambda: len(slow.places()) == len(quick.places()) == 1, what="one claim each")
    stalled, moving = slow.places()[0], quick.places()[0]
    scene.hub.quiet()
    length = len(daemon.log())
    slow.reading = False
    scene.witness.fill(*stalled, 4000, 1000)
    for n in range(1, 15):  # half a second each, well beyond the 5 s
        scene.witness.fill(*moving, 1, first=n)
        quick.wait_messages(n, timeout_s=2)
        scene.hub.stays(lambda: scene.status()[1]["state"] == "joined", 0.5, "joined")
    assert "rebalance" not in daemon.log()[length:].lower()
    slow.reading = True
    slow.wait_messages(4000)
    assert slow.offsets(*stalled) == list(range(4000))
    slow.mark(slow.messages[-1])
    scene.wait_committed(*stalled, 4000)


# ---- C7 -----------------------------------------------------------------------------------------


@both
def test_c7_the_surplus_consumer_idles_and_takes_over(scene, peer):
    topic = scene.topic(2)
    scene.daemon()
    peers = [peer(topic) for _ in range(3)]
    scene.wait_for(lambda: sorted(len(p.places()) for p in peers) == [0, 1, 1], what="1, 1, 0")
    idle = next(p for p in peers if not p.places())
    holder = next(p for p in peers if p.places())
    peers.remove(holder)
    holder.close_consumer()
    scene.wait_for(lambda: all(len(p.places()) == 1 for p in peers), what="1, 1")
    scene.witness.fill(*idle.places()[0], 3)
    idle.wait_messages(3)
    assert idle.state()[0] == "joined"
    assert not any(p.error_events() for p in peers)


# ---- C8 -----------------------------------------------------------------------------------------


@both
def test_c8_pause_stops_at_once_and_resume_goes_on_without_a_gap(scene, peer):
    topic = scene.topic(2)
    scene.daemon()
    one = peer(topic).wait_claims(everything(topic, 2))
    scene.witness.fill(topic, 0, 3)
    one.wait_messages(3)
    one.pause(topic, 0)

    def state():
        with scene.asking() as asking:
            rows = asking.query("lag")["groups"][0]["partitions"]
        return next(r["state"] for r in rows if r["partition"] == 0)
    scene.wait_for(lambda: state() == "paused", 5, "paused in status")
    scene.witness.fill(topic, 0, 5, first=3)
    scene.witness.fill(topic, 1, 5)
    one.wait_for(lambda: len(one.of(topic, 1)) == 5, what="the other goes on")
    scene.hub.quiet()
    assert len(one.of(topic, 0)) == 3
    one.resume(topic, 0)
    one.wait_messages(13)
    assert one.offsets(topic, 0) == list(range(8))
    scene.wait_for(lambda: state() == "claimed", 5, "claimed in status")


@both
def test_c8_a_pause_is_gone_with_its_claim(scene, peer):
    topic = scene.topic(1)
    scene.daemon()
    first = peer(topic).wait_claims([(topic, 0)])
    first.pause(topic, 0)
    scene.witness.fill(topic, 0, 3)
    scene.hub.quiet()
    assert not first.messages
    first.close_consumer()
    second = peer(topic)
    second.wait_messages(3)


@both
def test_c8_pause_of_what_is_not_held_is_refused(scene, kind):
    topic = scene.topic(1)
    scene.daemon()
    one = scene.peer(kind, topic).wait_claims([(topic, 0)])
    with pytest.raises(Refused) as refused:
        if kind == "wire":
            one.ask("pause", [4711], True)
        else:
            one.pause(topic, 7)
    assert refused.value.name == "NO_CLAIM"
