# SPDX-License-Identifier: MIT
"""What Kafka says about us, by confluent-kafka: a client that shares no line with the daemon.

It writes messages as exactly as Kafka allows, and reads committed offsets (offsets.py), members,
and the group's generation. The last has no request: it is read where the broker keeps it, in
__consumer_offsets.
"""
import struct
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from harness.offsets import OffsetFetch

TIMEOUT_S = 20
LOADING = (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE,
           KafkaError.NOT_COORDINATOR)
OFFSETS_TOPIC, OFFSETS_PARTITIONS = "__consumer_offsets", 4  # tests/kafka/kafka-up
KEYS_OFFSET, KEY_GROUP, KEY_KIP848 = (0, 1), 2, 3  # versions of its keys


class Witness:
    def __init__(self, broker):
        self.broker = broker
        self.base = {"bootstrap.servers": broker.bootstrap, "log_level": 2}
        # One request at a time: a retry in a new topic's first moment may not change the order.
        self.producer = Producer({**self.base, "linger.ms": 2, "acks": "all",
                                  "max.in.flight.requests.per.connection": 1,
                                  "message.max.bytes": 200_000_000,
                                  "queue.buffering.max.kbytes": 1_000_000})
        self.known = set()  # topics
        self.fetch = OffsetFetch(broker.bootstrap)

    # ---- writing ----

    def produce(self, topic, partition, records):
        """Writes dicts with value, and if wanted key, headers, timestamp; their offsets."""
        self._know(topic)
        reports = [None] * len(records)
        for number, record in enumerate(records):
            self.producer.produce(topic, partition=partition,
                                  on_delivery=_reporter(reports, number), **record)
            self.producer.poll(0)
        assert self.producer.flush(TIMEOUT_S) == 0, "messages were not written in time"
        assert reports == sorted(reports), "the producer changed the order"
        return reports

    def _know(self, topic):
        """What is produced to a topic while it is being learned of may change its order."""
        if topic not in self.known:
            self.producer.list_topics(topic, TIMEOUT_S)
            self.known.add(topic)

    def fill(self, topic, partition, n, n_bytes=0, first=0):
        """Writes n messages "<topic>/<partition>/<number>", padded to n_bytes."""
        values = [f"{topic}/{partition}/{i}".encode().ljust(n_bytes, b".")
                  for i in range(first, first + n)]
        self.produce(topic, partition, [{"value": value} for value in values])
        return values

    def produce_each(self, topic, n_partitions, value):
        """Writes one message to each partition, all at the same time."""
        for partition in range(n_partitions):
            self.producer.produce(topic, partition=partition, value=value)
        assert self.producer.flush(TIMEOUT_S) == 0, "messages were not written in time"

    # ---- reading ----

    def committed(self, group, topic, partition):
        """The committed offset with its metadata; None when there is none."""
        return self.fetch.committed(group, topic, partition)

    def committed_offset(self, group, topic, partition):
        found = self.committed(group, topic, partition)
        return None if found is None else found.offset

    def commit(self, group, topic, partition, offset, metadata=None):
        """Commits from outside, for a group without members."""
        place = TopicPartition(topic, partition, offset, metadata or "")
        writer = Consumer({**self.base, "group.id": group, "enable.auto.commit": False})
        deadline = time.monotonic() + TIMEOUT_S
        try:
            while not _committed(writer, place, deadline):
                time.sleep(0.1)
        finally:
            writer.close()

    def commit_bytes(self, group, topic, partition, offset, metadata):
        """The same with metadata of any kind."""
        self.fetch.commit(group, topic, partition, offset, metadata)

    def describe(self, group):
        """Kafka's description of a group (real Kafka only)."""
        return self.broker.admin.describe_consumer_groups([group])[group].result(TIMEOUT_S)

    def members(self, group):
        return self.describe(group).members

    def generation(self, group):
        """The group's newest generation that the broker has stored (real Kafka only)."""
        epochs = [struct.unpack_from(">i", value, 2)[0]
                  for value in self._stored(group, KEY_KIP848) if value]
        classic = [g for g in map(_generation, self._stored(group, KEY_GROUP)) if g is not None]
        return (epochs or classic)[-1]

    def n_commits(self, group):
        """How many commits of single partitions the broker has stored (real Kafka only)."""
        return len(self._stored(group, *KEYS_OFFSET))

    def _stored(self, group, *key_versions):
        """The values of this group in the broker's own log, oldest first."""
        place = TopicPartition(OFFSETS_TOPIC, java_hash(group) % OFFSETS_PARTITIONS, 0)
        reader = Consumer({**self.base, "group.id": "witness", "enable.auto.commit": False,
                           "enable.partition.eof": True})
        values = []
        try:
            reader.assign([place])
            _, end = reader.get_watermark_offsets(place, TIMEOUT_S)  # a busy log has no other end
            while True:
                message = reader.poll(TIMEOUT_S)
                assert message is not None, "no answer from __consumer_offsets"
                if message.error():
                    return values
                if _key(message.key()) in [(version, group) for version in key_versions]:
                    values.append(message.value())
                if message.offset() >= end - 1:
                    return values
        finally:
            reader.close()

    def close(self):
        self.fetch.close()


def _committed(writer, place, deadline):
    """False if it is to be tried again: a new broker's coordinator is loading for some time."""
    try:
        writer.commit(offsets=[place], asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() not in LOADING or time.monotonic() > deadline:
            raise
        return False
    return True


def _reporter(reports, number):
    def report(error, message):
        if error:
            raise RuntimeError(f"not written: {error}")
        reports[number] = message.offset()
    return report


def _key(key):
    """(version, group) of a key in __consumer_offsets."""
    version, n_bytes = struct.unpack_from(">hh", key)
    return version, key[4:4 + n_bytes].decode()


def _generation(value):
    """Of a GroupMetadata: version, protocol type, generation; None of one that was deleted."""
    if not value:
        return None
    type_bytes = struct.unpack_from(">h", value, 2)[0]
    return struct.unpack_from(">i", value, 4 + type_bytes)[0]


def java_hash(text):
    """String.hashCode() without its sign, as Kafka turns a group's name into a partition."""
    number = 0
    for character in text:
        number = (31 * number + ord(character)) & 0xFFFFFFFF
    return abs(number - (1 << 32) if number >> 31 else number)
