# SPDX-License-Identifier: MIT
"""What arrives: every byte, in order, as much as was asked for, from where it should begin."""
import pytest

from harness.client import record_bytes
from harness.protocol import ERROR_NAMES

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock

MIB = 1 << 20


def values_of(messages):
    return [m.value for m in messages]


def assert_ordered(messages):
    """Offsets of each partition grow by one from message to message."""
    last = {}
    for m in messages:
        place = m.topic, m.partition
        assert m.offset == last.get(place, m.offset - 1) + 1, f"gap or repetition at {place}"
        last[place] = m.offset


# ---- content ------------------------------------------------------------------------------------

ODD_RECORDS = [
    {"value": b"plain", "key": b"key", "timestamp": 1_500_000_000_123},
    {"value": None, "key": b"tombstone"},
    {"value": b"", "key": b""},
    {"value": b"no key", "key": None},
    {"value": bytes(range(256)), "key": bytes(reversed(range(256)))},
    {"value": b"h", "headers": [("a", b"1"), ("b", b""), ("a", b"2"), ("n", None), ("", b"x")]},
    {"value": "ключ".encode(), "headers": [("ключ", "да".encode()), ("bin", b"\xff\x00\xfe")]},
    {"value": b"many", "headers": [(f"h{i}", b"%d" % i) for i in range(1000)]},
    {"value": b"x" * 70000, "key": b"k" * 300},
    {"value": b"first", "timestamp": 1},
]


@both
def test_a_message_arrives_exactly_as_it_was_produced(scene):
    topic = scene.topic()
    offsets = scene.witness.produce(topic, 0, ODD_RECORDS)
    scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    got = client.wait_messages(len(ODD_RECORDS))
    for message, record, offset in zip(got, ODD_RECORDS, offsets, strict=True):
        assert (message.offset, message.key, message.value) == (
            offset, record.get("key"), record["value"])
        assert [tuple(h) for h in message.headers] == record.get("headers", [])
        assert message.timestamp_type == 1
        assert message.timestamp == record.get("timestamp", message.timestamp) > 0


@real("the mock has no topic configuration")
def test_log_append_time_is_told_as_such(scene):
    topic = scene.topic(message_timestamp_type="LogAppendTime")
    scene.witness.produce(topic, 0, [{"value": b"v", "timestamp": 1000}])
    scene.daemon()
    message = scene.consumer(topic).wait_messages(1)[0]
    assert message.timestamp_type == 2
    assert message.timestamp > 1_700_000_000_000


@both
def test_each_partition_is_complete_and_in_order(scene):
    topic = scene.topic(6)
    expected = {p: scene.witness.fill(topic, p, 3000, 100) for p in range(6)}
    scene.daemon()
    client = scene.consumer(topic)
    assert_ordered(client.wait_messages(18000))
    for partition, values in expected.items():
        assert values_of(client.of(topic, partition)) == values


@both
def test_several_topics_come_to_one_consumer(scene):
    topics = [scene.topic(2), scene.topic(1), scene.topic(3)]
    expected = [scene.witness.fill(topic, 0, 5) for topic in topics]
    scene.daemon()
    client = scene.consumer(topics)
    client.wait_claims([(topics[0], 0), (topics[0], 1), (topics[1], 0),
                        (topics[2], 0), (topics[2], 1), (topics[2], 2)])
    client.wait_messages(15)
    assert [values_of(client.of(topic)) for topic in topics] == expected


@both
def test_messages_that_are_produced_later_come_at_once(scene):
    topic = scene.topic()
    scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    for n in range(1, 6):
        scene.witness.fill(topic, 0, 1, first=n)
        client.wait_messages(n, timeout_s=2)


@both
def test_a_message_of_4_mb_arrives(scene):
    topic = scene.topic()
    value = bytes(range(256)) * (4 * 4096)
    scene.witness.produce(topic, 0, [{"value": value}])
    scene.daemon()
    client = scene.consumer(topic)
    assert client.wait_messages(1)[0].value == value
    scene.witness.fill(topic, 0, 1)
    client.wait_messages(2)


@real("the mock keeps 5 MiB")
def test_a_message_of_20_mb_arrives(scene):
    topic = scene.topic()
    value = bytes(range(256)) * (20 * 4096)
    scene.witness.produce(topic, 0, [{"value": b"before"}, {"value": value}, {"value": b"after"}])
    scene.daemon()
    got = scene.consumer(topic).wait_messages(3)
    assert values_of(got) == [b"before", value, b"after"]


@real("the mock keeps 5 MiB")
def test_a_message_of_60_mb_arrives(scene):
    topic = scene.topic(max_message_bytes=70_000_000)
    value = bytes(range(256)) * (60 * 4096)
    scene.witness.produce(topic, 0, [{"value": b"before"}, {"value": value}, {"value": b"after"}])
    scene.daemon()
    got = scene.consumer(topic).wait_messages(3, timeout_s=40)
    assert values_of(got) == [b"before", value, b"after"]


@both
def test_a_message_above_max_frame_stops_its_claim_and_no_other(scene):
    topic = scene.topic(2)
    values = [b"small", b"x" * 200_000, b"s"]
    scene.witness.produce(topic, 0, [{"value": value} for value in values])
    scene.daemon()
    client = scene.consumer(topic, options={"max_frame": 65536})
    error = client.wait_error("MESSAGE_TOO_LARGE")
    assert (error.topic, error.partition, error.fatal) == (topic, 0, False)
    assert "offset 1" in error.text and "65536" in error.text
    others = scene.witness.fill(topic, 1, 100)
    scene.wait_for(lambda: values_of(client.of(topic, 1)) == others)
    assert values_of(client.of(topic, 0)) == [b"small"]
    client.mark_all()
    scene.wait_committed(topic, 0, 1)


@both
def test_no_frame_is_larger_than_max_frame_by_a_single_byte(scene):
    """Values around the limit: each comes in a frame that fits, or stops the claim."""
    topic = scene.topic()
    sizes = range(65480, 65550)
    scene.witness.produce(topic, 0, [{"value": b"x" * n} for n in sizes])
    scene.daemon()
    client = scene.consumer(topic, options={"max_frame": 65536})
    error = client.wait_error("MESSAGE_TOO_LARGE")
    assert f"offset {len(client.messages)}" in error.text
    assert 0 < len(client.messages) < len(sizes)
    assert all(len(m.value) == n for m, n in zip(client.messages, sizes))


@both
@pytest.mark.parametrize("record", [
    {"value": None, "key": b"k" * 100_000}, {"value": b"", "key": b"k" * 100_000},
    {"value": None, "headers": [("h", b"v" * 100_000)]},
    {"value": b"v" * 40_000, "key": b"k" * 40_000}], ids=["key", "empty value", "header", "sum"])
def test_keys_and_headers_count_against_max_frame(scene, record):
    topic = scene.topic()
    scene.witness.produce(topic, 0, [{"value": b"before"}, record])
    scene.daemon()
    client = scene.consumer(topic, options={"max_frame": 65536})
    assert "offset 1" in client.wait_error("MESSAGE_TOO_LARGE").text
    assert values_of(client.wait_messages(1)) == [b"before"]
    larger = scene.client()
    client.close_consumer()
    larger.open("g", [topic])
    got = larger.wait_messages(2)[1]
    assert (got.value, got.key) == (record["value"], record.get("key"))


@both
def test_a_stopped_claim_goes_on_at_a_consumer_with_a_larger_frame(scene):
    topic = scene.topic()
    scene.witness.produce(topic, 0, [{"value": b"x" * 200_000}, {"value": b"after"}])
    scene.daemon()
    small = scene.consumer(topic, options={"max_frame": 65536})
    small.wait_error("MESSAGE_TOO_LARGE")
    small.close_consumer()
    large = scene.consumer(topic)
    assert [len(m.value) for m in large.wait_messages(2)] == [200_000, 5]


# ---- credit -------------------------------------------------------------------------------------


@both
def test_without_credit_nothing_is_sent(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic, options={"window": None}).wait_claims([(topic, 0)])
    scene.hub.stays(lambda: not client.messages, 0.5, "no message without credit")
    client.credit(10, MIB)
    client.wait_messages(10)


@both
def test_message_credit_is_never_exceeded(scene):
    topic = scene.topic(3)
    for partition in range(3):
        scene.witness.fill(topic, partition, 100)
    scene.daemon()
    client = scene.consumer(topic, options={"window": None})
    for total in (1, 2, 9, 150, 300):
        client.credit(total - len(client.messages), 10 * MIB)
        client.wait_messages(total)
        scene.hub.quiet(0.1)
        assert len(client.messages) == total
    assert_ordered(client.messages)


@both
def test_byte_credit_is_overshot_by_one_message_at_most(scene):
    topic = scene.topic()
    scene.witness.produce(topic, 0, [{"value": b"v" * 900, "key": b"k" * 80,
                                      "headers": [("name", b"h" * 16)]}] * 20)
    scene.daemon()
    client = scene.consumer(topic, options={"window": None})
    client.credit(1000, 1)  # one byte lets one message pass
    client.wait_messages(1)
    scene.hub.quiet(0.2)
    assert len(client.messages) == 1
    assert record_bytes(client.messages[0]) == 1000
    client.credit(1000, 2500)
    client.wait_messages(4)
    scene.hub.quiet(0.2)
    assert len(client.messages) == 4


@both
def test_a_smaller_credit_than_before_is_an_error(scene):
    topic = scene.topic()
    scene.daemon()
    client = scene.consumer(topic, options={"window": None})
    client.send("credit", 0, 10, 1000)
    client.send("credit", 0, 9, 1000)
    assert client.wait_end() == "CREDIT"


# ---- slow readers, pause ------------------------------------------------------------------------


@both
def test_a_slow_reader_stalls_only_itself_and_keeps_the_membership(scene):
    """C6: it does not read for longer than max.poll.interval.ms, with more than fits on the way."""
    topic = scene.topic(2)
    stalled_values = scene.witness.fill(topic, 0, 4000, 1000)
    scene.witness.fill(topic, 1, 1)
    daemon = scene.daemon(group={"kafka.max.poll.interval.ms": "5000"})
    clients = [scene.consumer(topic, dwell_time=1000, options={"window": None}) for _ in range(2)]
    scene.wait_for(lambda: all(len(c.places()) == 1 for c in clients), what="one claim each")
    slow, quick = sorted(clients, key=lambda c: c.places())
    scene.hub.quiet()
    log_length = len(daemon.log())
    slow.reading = False
    slow.credit(100_000, 100 * MIB)
    quick.credit(100_000, 100 * MIB)
    for n in range(1, 15):  # half a second each, well beyond the 5 s
        quick.wait_messages(n, timeout_s=2)
        scene.hub.stays(lambda: not quick.closed, 0.5)
        scene.witness.fill(topic, 1, 1, first=n)
    assert "rebalance" not in daemon.log()[log_length:].lower()
    slow.reading = True
    slow.wait_messages(4000)
    assert [m.offset for m in slow.of(topic, 0)] == list(range(4000))
    assert values_of(slow.of(topic, 0)) == stalled_values
    slow.mark_all()
    scene.wait_committed(topic, 0, 4000)


@both
def test_a_reader_that_stops_for_good_costs_bounded_memory(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 4500, 1000)
    daemon = scene.daemon(daemon={"output.limit": "256KiB"})
    before = daemon.rss_bytes()
    client = scene.consumer(topic, options={"window": None}).wait_claims([(topic, 0)])
    client.reading = False
    client.credit(1_000_000, 1000 * MIB)
    scene.hub.stays(daemon.alive, 2)
    assert daemon.rss_bytes() - before < 48 * MIB
    client.reading = True
    assert_ordered(client.wait_messages(4500))


@both
def test_pause_stops_at_once_and_resume_goes_on_without_a_gap(scene):
    topic = scene.topic(2)
    scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0), (topic, 1)])
    paused = client.claim(topic, 0)
    scene.witness.fill(topic, 0, 3)
    client.wait_messages(3)
    client.ask("pause", [paused.id], True)
    scene.witness.fill(topic, 0, 5, first=3)
    scene.witness.fill(topic, 1, 5)
    scene.wait_for(lambda: len(client.of(topic, 1)) == 5)
    scene.hub.quiet()
    assert len(client.of(topic, 0)) == 3
    client.ask("pause", [paused.id], False)
    client.wait_messages(13)
    assert_ordered(client.messages)


@both
def test_pause_of_a_claim_that_is_not_held_is_refused(scene):
    topic = scene.topic()
    scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    reply = client.wait_reply(client.start("pause", [4711], True))
    assert ERROR_NAMES[reply.code] == "NO_CLAIM"


# ---- where it begins ----------------------------------------------------------------------------


@both
def test_initial_offset_earliest_begins_at_the_first(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 5)
    scene.daemon(group={"initial.offset": "earliest"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    assign = client.claim(topic, 0).assign
    assert (assign.initial, assign.start, assign.committed, assign.metadata) == (-2, 0, -1, None)
    assert assign.high in (5, -1)
    assert client.wait_messages(5)[0].offset == 0


@both
def test_initial_offset_latest_begins_at_the_end(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 5)
    scene.daemon(group={"initial.offset": "latest"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    assert (client.claim(topic, 0).assign.initial, client.claim(topic, 0).assign.start) == (-1, 5)
    scene.witness.fill(topic, 0, 2, first=5)
    assert [m.offset for m in client.wait_messages(2)] == [5, 6]


@both
def test_initial_offset_is_latest_and_the_log_says_so(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 5)
    daemon = scene.daemon(group={"initial.offset": None})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    assert client.claim(topic, 0).assign.start == 5
    daemon.wait_log(r"initial\.offset")


@both
def test_a_committed_offset_wins_over_initial_offset(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 10)
    scene.witness.commit(scene.group_id, topic, 0, 7, "seven")
    scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    assign = client.claim(topic, 0).assign
    assert (assign.initial, assign.start, assign.committed) == (7, 7, 7)
    assert assign.metadata == "seven"
    assert [m.offset for m in client.wait_messages(3)] == [7, 8, 9]


@both
def test_an_offset_beyond_the_log_goes_on_at_initial_offset_with_an_error(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 10)
    scene.witness.commit(scene.group_id, topic, 0, 5000)
    scene.daemon()
    client = scene.consumer(topic)
    error = client.wait_error("OFFSET_RESET")
    assert (error.topic, error.partition) == (topic, 0)
    assert "5000" in error.text
    assert [m.offset for m in client.wait_messages(10)] == list(range(10))


@real("the mock cannot delete records")
def test_a_committed_offset_that_retention_took_goes_on_at_the_earliest(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 100)
    scene.witness.commit(scene.group_id, topic, 0, 10)
    scene.broker.delete_records(topic, 0, 60)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_error("OFFSET_RESET")
    assert [m.offset for m in client.wait_messages(40)] == list(range(60, 100))


@real("the mock cannot delete records")
def test_records_deleted_under_a_running_consumer_are_an_error_and_it_goes_on(scene):
    topic = scene.topic()
    for first in range(0, 100, 5):  # small batches: a batch is fetched as a whole
        scene.witness.fill(topic, 0, 5, 1000, first=first)
    scene.daemon(group={"kafka.queued.min.messages": "5", "kafka.fetch.message.max.bytes": "5000"})
    client = scene.consumer(topic, options={"window": None})
    client.credit(5, MIB)
    client.wait_messages(5)
    scene.broker.delete_records(topic, 0, 90)
    client.credit(1000, 100 * MIB)
    client.wait_error("OFFSET_RESET")
    scene.wait_for(lambda: client.messages[-1].offset == 99)
    scene.witness.fill(topic, 0, 1)
    scene.wait_for(lambda: client.messages[-1].offset == 100)


@mock("a real Kafka has no bound that a test reaches")
def test_messages_beyond_the_retention_are_an_error_and_it_goes_on(scene):
    """The mock drops the oldest batches of a partition above 5 MiB."""
    topic = scene.topic()
    scene.witness.commit(scene.group_id, topic, 0, 1)
    for _ in range(8):
        scene.witness.fill(topic, 0, 1, MIB)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_error("OFFSET_RESET")
    scene.wait_for(lambda: client.messages and client.messages[-1].offset == 7)
    assert_ordered(client.messages)


@both
def test_initial_offset_fail_reports_and_waits(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 3)
    scene.witness.fill(topic, 1, 3)
    scene.witness.commit(scene.group_id, topic, 1, 0)
    scene.daemon(group={"initial.offset": "fail"})
    client = scene.consumer(topic)
    error = client.wait_error("OFFSET_RESET")
    assert (error.topic, error.partition) == (topic, 0)
    scene.wait_for(lambda: len(client.of(topic, 1)) == 3)
    assert not client.of(topic, 0)


@real("the mock has no transactions that a reader sees")
def test_the_position_past_control_records_is_committed(scene):
    """D8: a transaction's end marker has an offset; without it lag would never be 0."""
    from confluent_kafka import Producer  # one test's need
    topic = scene.topic()
    writer = Producer({"bootstrap.servers": scene.broker.bootstrap, "transactional.id": scene.name})
    writer.init_transactions(30)
    for end in (writer.commit_transaction, writer.abort_transaction, writer.commit_transaction):
        writer.begin_transaction()
        for i in range(3):
            writer.produce(topic, value=b"%d" % i, partition=0)
        writer.flush(30)  # or an abort would only forget what was never sent
        end(30)
    scene.daemon(group={"kafka.isolation.level": "read_committed"})
    client = scene.consumer(topic)
    assert [m.offset for m in client.wait_messages(6)] == [0, 1, 2, 8, 9, 10]
    client.mark(client.messages[2])
    scene.wait_committed(topic, 0, 3)
    client.mark(client.messages[5])
    scene.wait_committed(topic, 0, 12)


@real("the mock does not compact")
def test_gaps_of_a_compacted_log_are_no_errors(scene):
    """Also when what is committed lies in one; the broker goes on behind it."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
    topic = scene.topic(1, cleanup_policy="compact", segment_ms=20, min_cleanable_dirty_ratio=0.01)
    for i in range(40):
        scene.witness.produce(topic, 0, [{"key": b"%d" % (i % 4), "value": b"%d" % i}])
    reader = Consumer({"bootstrap.servers": scene.broker.bootstrap, "group.id": "nobody"})

    def is_compacted():
        scene.witness.produce(topic, 0, [{"key": b"last", "value": b""}])  # closes a segment
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        first = reader.poll(5)
        return first is not None and first.offset() >= 36
    scene.wait_for(is_compacted, 60, "a compacted log")
    reader.close()
    scene.witness.commit(scene.group_id, topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    assert [m.offset for m in client.wait_messages(4)[:4]] == [36, 37, 38, 39]
    client.mark(client.messages[0])
    scene.wait_committed(topic, 0, 37)
    scene.witness.produce(topic, 0, [{"value": b"", "key": b"end"}])
    scene.wait_for(lambda: client.messages[-1].key == b"end", 20, "the newest")
    client.mark(client.messages[-1])
    scene.wait_committed(topic, 0, client.messages[-1].offset + 1)
    offsets = [m.offset for m in client.messages]
    assert offsets == sorted(set(offsets))
    assert not client.errors


@both
def test_what_comes_again_is_counted(scene):
    """After a death what was not marked, after a seek back what was, and never what is new."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    first = scene.consumer(topic)
    first.mark(first.wait_messages(10)[3])
    second = scene.consumer(topic)
    assert scene.status()[1]["n_redelivered"] == 0
    first.disconnect()
    assert [m.offset for m in second.wait_messages(6)] == [4, 5, 6, 7, 8, 9]
    scene.witness.fill(topic, 0, 5, first=10)
    second.wait_messages(11)
    assert scene.status()[1]["n_redelivered"] == 6
    with scene.asking() as asking:
        rows = asking.query("lag")["groups"][0]["partitions"]
    assert [row["redelivered"] for row in rows] == [6]
