# SPDX-License-Identifier: MIT
"""The brokers that tests run on: librdkafka's mock cluster in a process of its own, or a real
Kafka.

Both have `bootstrap`, `create_topic()` and `close()`, so a test need not know which one it has.
What only one can do is in its class: faults are the mock's, Admin and SASL are Kafka's.
"""
import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec

from harness.library import newest_librdkafka

TESTS = Path(__file__).resolve().parents[1]
ANSWER_TIMEOUT_S = 30
MOCK_BROKER = 1  # its only one
API_FETCH = 1
API_OFFSET_COMMIT, API_OFFSET_FETCH, API_FIND_COORDINATOR, API_JOIN_GROUP = 8, 9, 10, 11
API_HEARTBEAT = 12


class BrokerFailed(RuntimeError):
    """A broker did not do as it was told: the test cannot say anything about the daemon."""


class Mock:
    """kgroup-mock --stdin. Runs on the newest librdkafka at hand, whose first join takes 0.1 s."""

    is_mock = True

    def __init__(self, builddir, n_brokers=1):
        self.directory = tempfile.mkdtemp(prefix="kgroup-mock-")
        program = Path(builddir) / "client-lib/ctl/mock/kgroup-mock"
        self.process = subprocess.Popen(
            [program, "--stdin", "--with-parent", "--brokers", str(n_brokers)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1, env=dict(os.environ, **newest_librdkafka(self.directory)))
        word, self.bootstrap = self._line().split()
        assert word == "bootstrap"
        self.hurt = set()  # API keys with errors waiting
        self.is_down = False

    def _line(self):
        if not select.select([self.process.stdout], [], [], ANSWER_TIMEOUT_S)[0]:
            raise BrokerFailed("the mock cluster does not answer")
        line = self.process.stdout.readline()
        if not line:
            raise BrokerFailed(f"the mock cluster ended, status {self.process.wait()}")
        return line.strip()

    def tell(self, *words):
        """One command, see tests/kafka/README.md; what the answer says after its "ok"."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        answer = self._line()
        if not answer.startswith("ok"):
            raise BrokerFailed(f"{words}: {answer}")
        return answer[3:]

    def create_topic(self, name, n_partitions):
        self.tell("topic", name, n_partitions)

    def fail(self, api_key, error, n=1):
        """The next n requests of this kind are answered with the error."""
        self.hurt.add(api_key)
        self.tell("errors", api_key, n, error)

    def fail_counted(self, api_key, error, n=1):
        """As fail(), but errors_left() tells how many were met; only that takes them away."""
        self.tell("broker-errors", MOCK_BROKER, api_key, n, error)

    def errors_left(self, api_key):
        return int(self.tell("errors-left", MOCK_BROKER, api_key).removeprefix("count="))

    def down(self):
        self.is_down = True
        self.tell("down", MOCK_BROKER)

    def up(self):
        self.is_down = False
        self.tell("up", MOCK_BROKER)

    def mend(self):
        """Takes back every fault."""
        while self.hurt:
            self.tell("clear-errors", self.hurt.pop())
        if self.is_down:
            self.up()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.directory)


class Kafka:
    """A one-node Apache Kafka with a plain and a SASL_SSL listener. $KGROUP_TEST_KAFKA names the
    folder of one that runs already (tests/kafka/kafka-up DIR --sasl); it is then left running."""

    is_mock = False

    def __init__(self):
        self.directory = os.environ.get("KGROUP_TEST_KAFKA")
        self.ours = not self.directory
        if self.ours:
            self.directory = tempfile.mkdtemp(prefix="kgroup-kafka-")
            subprocess.run([TESTS / "kafka/kafka-up", self.directory, "--sasl"], check=True,
                           stdout=subprocess.DEVNULL, timeout=300)
        self.env = self._read_env()
        self.bootstrap = self.env["BOOTSTRAP"]
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap})

    def _read_env(self):
        lines = (Path(self.directory) / "env").read_text(encoding="utf-8").splitlines()
        pairs = (line.split("=", 1) for line in lines)
        return {key: "".join(shlex.split(value)) for key, value in pairs}

    def create_topic(self, name, n_partitions, **config):
        config = {key.replace("_", "."): str(value) for key, value in config.items()}
        new = NewTopic(name, num_partitions=n_partitions, replication_factor=1, config=config)
        self.admin.create_topics([new])[name].result(ANSWER_TIMEOUT_S)
        self._wait_topic(name, n_partitions)

    def _wait_topic(self, name, n_partitions):
        """Created is not yet known to the broker that answers Metadata; and what is known is not
        yet led: writes that are tried again then may change their order."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while time.monotonic() < deadline:
            found = self.admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics.get(name)
            if found and len(found.partitions) == n_partitions and self._is_led(name, n_partitions):
                return
            time.sleep(0.02)
        raise BrokerFailed(f"topic {name} was created but is not there")

    def _is_led(self, name, n_partitions):
        asked = {TopicPartition(name, i): OffsetSpec.latest() for i in range(n_partitions)}
        try:
            for answer in self.admin.list_offsets(asked).values():
                answer.result(ANSWER_TIMEOUT_S)
        except KafkaException:
            return False
        return True

    def add_partitions(self, name, n_partitions):
        self.admin.create_partitions([NewPartitions(name, n_partitions)])[name].result(
            ANSWER_TIMEOUT_S)
        self._wait_topic(name, n_partitions)

    def delete_topic(self, name):
        self.admin.delete_topics([name])[name].result(ANSWER_TIMEOUT_S)

    def delete_records(self, topic, partition, before):
        place = TopicPartition(topic, partition, before)
        self.admin.delete_records([place])[place].result(ANSWER_TIMEOUT_S)

    def sasl_config(self, password=None):
        """Keys of a [cluster] that reach this broker over SASL_SSL."""
        return {"bootstrap.servers": self.env["BOOTSTRAP_SASL_SSL"],
                "security.protocol": "SASL_SSL", "ssl.ca.location": self.env["CA_FILE"],
                "sasl.mechanism": "PLAIN", "sasl.username": self.env["SASL_USER"],
                "sasl.password": password or self.env["SASL_PASSWORD"]}

    def close(self):
        if self.ours:
            subprocess.run([TESTS / "kafka/kafka-down", self.directory], check=True, timeout=60)
            shutil.rmtree(self.directory)
