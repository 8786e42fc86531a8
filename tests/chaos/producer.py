# SPDX-License-Identifier: MIT
"""The producer of a run: producer.py LOG BOOTSTRAP RATE SEED TOPIC=PARTITIONS...

Writes RATE messages a second with acks=all, idempotent, to random partitions. A message's value is
its id, padded to a random length. What the cluster acknowledged stands in the log with its offset.
Commands on stdin: `TOPIC=PARTITIONS` when a topic has grown; end of file stops it: what is on its
way is waited for, and the exit status says whether all came through.
"""
import random
import select
import sys
import time

from confluent_kafka import KafkaException, Producer

from records import Log

FLUSH_S = 60
TURN_S = 0.01
SIZES = (20, 100, 100, 400, 1000)


class Source:
    def __init__(self, log, bootstrap, rate, seed, topics):
        self.log, self.rate, self.random = log, rate, random.Random(seed)
        self.topics = dict(topics)
        self.n_sent = 0
        self.producer = Producer({
            "bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True,
            "linger.ms": 5, "log_level": 2, "topic.metadata.refresh.interval.ms": 1000,
            "message.timeout.ms": 120000, "reconnect.backoff.max.ms": 500})

    def on_report(self, number):
        def report(error, message):
            if error:
                self.log.write("fail", number, str(error).replace(" ", "_"))
            else:
                place = f"{message.topic()}/{message.partition()}"
                # Sent twice and known to the broker already: it does not say where any more.
                kind = "ack" if message.offset() is not None else "there"
                self.log.write(kind, place, message.offset() or 0, number)
        return report

    def send(self):
        topic = self.random.choice(sorted(self.topics))
        partition = self.random.randrange(self.topics[topic])
        value = f"{self.n_sent}:".encode().ljust(self.random.choice(SIZES), b".")
        try:
            self.producer.produce(topic, partition=partition, value=value,
                                  on_delivery=self.on_report(self.n_sent))
        except (BufferError, KafkaException):
            return  # the cluster is away, or a new partition is not known here yet
        self.n_sent += 1

    def run(self):
        begin, due = time.monotonic(), 0
        while True:
            if select.select([sys.stdin], [], [], TURN_S)[0]:
                line = sys.stdin.readline()
                if not line:
                    break
                topic, _, n_partitions = line.strip().partition("=")
                self.topics[topic] = int(n_partitions)
            now = (time.monotonic() - begin) * self.rate
            due = max(due, now - self.rate)  # a pause of the host is not made up for in one go
            while due < now:
                self.send()
                due += 1
            self.producer.poll(0)
        return self.producer.flush(FLUSH_S)


def main():
    path, bootstrap, rate, seed, *topics = sys.argv[1:]
    pairs = [(name, int(n)) for name, _, n in (topic.partition("=") for topic in topics)]
    source = Source(Log(path), bootstrap, float(rate), int(seed), pairs)
    source.log.begin("producer", "-")
    left = source.run()
    source.log.write("end", left)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
