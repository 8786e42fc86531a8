# SPDX-License-Identifier: MIT
"""What Kafka itself has at the end of a run, saved beside the processes' logs.

`records.tsv`: every message of the topics (place, offset, id); `commits.tsv`: every value that the
group ever had committed, from the brokers' own log of them (__consumer_offsets), in its order:
milliseconds of the broker's clock, place, value, metadata. Both are read to their ends with
confluent-kafka, at the brokers, not through the proxy.
"""
import struct

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from harness.witness import KEYS_OFFSET, OFFSETS_PARTITIONS, OFFSETS_TOPIC, java_hash

READ_S = 30
TAGGED = 4  # from this version of an OffsetCommitValue on, strings are compact


def save(bootstrap, group, topics, directory):
    with open(directory / "records.tsv", "w", encoding="ascii") as file:
        places = [TopicPartition(t, i, OFFSET_BEGINNING)
                  for t, n in topics.items() for i in range(n)]
        for message in read_to_the_end(bootstrap, places):
            number = message.value().split(b":", 1)[0].decode()
            file.write(f"{message.topic()}/{message.partition()}\t{message.offset()}\t{number}\n")
    place = TopicPartition(OFFSETS_TOPIC, java_hash(group) % OFFSETS_PARTITIONS, OFFSET_BEGINNING)
    with open(directory / "commits.tsv", "w", encoding="utf-8") as file:
        for message in read_to_the_end(bootstrap, [place]):
            key = commit_key(message.key(), group)
            if key and message.value():
                value, metadata, at_ms = commit_value(message.value())
                file.write(f"{at_ms}\t{key}\t{value}\t{metadata}\n")


def read_to_the_end(bootstrap, places):
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "checker", "log_level": 2,
                       "enable.auto.commit": False, "enable.partition.eof": True,
                       "auto.offset.reset": "earliest"})
    try:
        reader.assign(places)
        left = len(places)
        while left:
            message = reader.poll(READ_S)
            if message is None:
                raise RuntimeError("no answer from the cluster while its topics are read")
            if message.error():
                left -= 1
            else:
                yield message
    finally:
        reader.close()


def commit_key(key, group):
    """The place that a key of __consumer_offsets is about; None: not a commit of this group."""
    version, n_bytes = struct.unpack_from(">hh", key)
    if version not in KEYS_OFFSET or key[4:4 + n_bytes].decode() != group:
        return None
    at = 4 + n_bytes
    n_bytes, = struct.unpack_from(">h", key, at)
    topic = key[at + 2:at + 2 + n_bytes].decode()
    return f"{topic}/{struct.unpack_from('>i', key, at + 2 + n_bytes)[0]}"


def commit_value(value):
    """(offset, metadata, milliseconds) of an OffsetCommitValue; 3 has the leader's epoch as well."""
    version, offset = struct.unpack_from(">hq", value)
    at = 10 + (4 if version >= 3 else 0)
    if version >= TAGGED:
        n_bytes, at = value[at] - 1, at + 1  # one byte: our metadata is short
    else:
        n_bytes, = struct.unpack_from(">h", value, at)
        at += 2
    metadata = value[at:at + n_bytes].decode()
    return offset, metadata, struct.unpack_from(">q", value, at + n_bytes)[0]
