# SPDX-License-Identifier: MIT
"""The processes of a run: brokers, proxy, daemons, consumers, producer; and how each is hurt.

All calls return at once; what takes time (a broker that starts) is asked for again with `healthy`.
Everything of a run lies in one directory: logs/ has the logs that the checker reads.
"""
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from harness.daemon import Daemon
from harness.hub import Hub
from harness.library import newest_librdkafka

HERE = Path(__file__).resolve().parent
KAFKA = HERE.parent / "kafka"
N_BROKERS = 3
GROUP = "chaos"
ANSWER_S = 10
YOUNG_S = 0.3  # a consumer that cannot open is not started anew at once


class Failed(RuntimeError):
    """The test's own machinery did not work: nothing can be said about the daemon."""


class Cluster:
    def __init__(self, directory, n_links):
        self.directory = directory / "kafka"
        self.proxy = subprocess.Popen([sys.executable, HERE / "proxy.py", str(n_links),
                                       str(N_BROKERS)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True, bufsize=1)
        self.proxy_ports = json.loads(self.proxy.stdout.readline())
        links = [word for ports in self.proxy_ports
                 for word in ("--link", ",".join(map(str, ports)))]
        subprocess.run([KAFKA / "cluster-up", self.directory, *links], check=True,
                       stdout=subprocess.DEVNULL, timeout=300)
        lines = (self.directory / "env").read_text(encoding="ascii").splitlines()
        env = dict(line.split("=", 1) for line in lines)
        self.bootstrap = shlex.split(env["BOOTSTRAP"])[0]
        for i in range(n_links):
            for broker, port in enumerate(env[f"LINK{i}"].split(",")):
                self.tell("target", i, broker, port)
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 2,
                                  "topic.metadata.refresh.interval.ms": 1000,
                                  "reconnect.backoff.max.ms": 500})
        self.starting = {}  # broker: kafka-up

    def bootstrap_of(self, link):
        return ",".join(f"127.0.0.1:{port}" for port in self.proxy_ports[link])

    def tell(self, *words):
        self.proxy.stdin.write(" ".join(map(str, words)) + "\n")

    # ---- topics and offsets ----

    def create_topic(self, name, n_partitions):
        new = NewTopic(name, num_partitions=n_partitions, replication_factor=N_BROKERS)
        self.admin.create_topics([new])[name].result(ANSWER_S)
        deadline = time.monotonic() + ANSWER_S
        while name not in self.admin.list_topics(timeout=ANSWER_S).topics:
            if time.monotonic() > deadline:
                raise Failed(f"topic {name} was created but is not there")
            time.sleep(0.05)

    def add_partitions(self, name, n_partitions):
        self.admin.create_partitions([NewPartitions(name, n_partitions)])[name].result(ANSWER_S)

    def committed(self):
        """{place: committed offset}, from Kafka; None when it does not answer now."""
        request = [ConsumerGroupTopicPartitions(GROUP)]
        try:
            answer = self.admin.list_consumer_group_offsets(request)[GROUP].result(ANSWER_S)
        except KafkaException:
            return None
        return {f"{p.topic}/{p.partition}": p.offset for p in answer.topic_partitions}

    def coordinator(self):
        """The number of the broker that coordinates the group, from 0; None: unknown now."""
        try:
            described = self.admin.describe_consumer_groups([GROUP], request_timeout=2)[GROUP]
            return described.result(2).coordinator.id - 1
        except (KafkaException, TimeoutError):
            return None

    def is_whole(self):
        """Every partition, internal ones too, has all its replicas in sync."""
        try:
            found = self.admin.list_topics(timeout=2)
        except KafkaException:
            return False
        return len(found.brokers) == N_BROKERS and all(
            len(p.isrs) == len(p.replicas) and p.leader > 0
            for topic in found.topics.values() for p in topic.partitions.values())

    # ---- brokers ----

    def home(self, broker):
        return self.directory / str(broker + 1)

    def pid(self, broker):
        return int((self.home(broker) / "kafka.pid").read_text(encoding="ascii"))

    def signal(self, broker, number):
        os.kill(self.pid(broker), number)

    def stop(self, broker, kill):
        """In order (in the background) or at once."""
        words = [KAFKA / "kafka-down", self.home(broker)] + (["--kill"] if kill else [])
        if kill:
            subprocess.run(words, check=True, timeout=30)
            return None
        return subprocess.Popen(words)

    def start(self, broker):
        self.starting[broker] = subprocess.Popen([KAFKA / "kafka-up", self.home(broker)],
                                                 stdout=subprocess.DEVNULL)

    def has_started(self, broker):
        process = self.starting[broker]
        if process.poll() is None:
            return False
        if process.returncode != 0:
            raise Failed(f"broker {broker} does not start again")
        return True

    def close(self):
        for process in self.starting.values():
            process.wait()
        subprocess.run([KAFKA / "cluster-down", self.directory, "--kill"], check=False, timeout=60)
        self.proxy.stdin.close()
        self.proxy.wait(10)
        self.proxy.stdout.close()


class Worker:
    """A consumer process that is started anew, under a new name, whenever it has ended."""

    def __init__(self, world, index, daemon, in_c, pace):
        self.world, self.index, self.daemon, self.in_c = world, index, daemon, in_c
        self.delay_us, self.mark_every, self.credit = pace
        self.n_lives, self.process, self.expected_end, self.began = 0, None, False, 0.0

    @property
    def name(self):
        return f"{'c' if self.in_c else 'p'}{self.index}.{self.n_lives}"

    def start(self, **environment):
        self.n_lives += 1
        if self.in_c and self.index % 3 == 0:
            environment = {"STREAMS": "yes", **environment}
        self.expected_end, self.began = False, time.monotonic()
        program = ([self.world.builddir / "tests/chaos/chaos-consumer"] if self.in_c
                   else [sys.executable, HERE / "consumer.py"])
        argv = [*program, self.daemon.socket_path, "g", self.world.logs / f"{self.name}.log",
                self.name, self.delay_us, self.mark_every, self.credit, *self.world.topics]
        with open(self.world.directory / "stderr", "ab") as errors:
            self.process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE,
                                            stderr=errors, env={**os.environ, **environment})

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def is_young(self):
        return time.monotonic() - self.began < YOUNG_S

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def tell(self, *words):
        try:
            self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
            self.process.stdin.flush()
        except OSError:
            pass  # it has just ended

    def close(self):
        if self.process is not None:
            if self.alive():
                self.process.kill()
            self.process.wait()
            self.process.stdin.close()


class World:
    def __init__(self, directory, builddir, shape, session_timeout="6s"):
        self.directory, self.builddir, self.shape = Path(directory), Path(builddir), shape
        self.session_timeout = session_timeout
        self.logs = self.directory / "logs"
        self.logs.mkdir(parents=True)
        self.hub = Hub()
        self.topics = {f"chaos-{i}": n for i, n in enumerate(shape.partitions)}
        self.cluster = Cluster(self.directory, shape.n_daemons)
        self.daemons, self.workers, self.producer = [], [], None

    def make(self):
        for name, n_partitions in self.topics.items():
            self.cluster.create_topic(name, n_partitions)
        self.daemons = [self.new_daemon(i) for i in range(self.shape.n_daemons)]
        for daemon in self.daemons:
            daemon.start()
        for index, (in_c, pace) in enumerate(self.shape.workers):
            daemon = self.daemons[index % len(self.daemons)]
            self.workers.append(Worker(self, index, daemon, in_c, pace))
            self.workers[-1].start()

    def new_daemon(self, index):
        directory = self.directory / f"d{index}"
        directory.mkdir()
        sections = {
            "daemon": {"name": f"d{index}", "socket.path": directory / "socket",
                       "drain.timeout": "2s", "log.target": "stderr", "log.level": "info",
                       "on.stop": self.shape.on_stop},
            "kafka": {"topic.metadata.refresh.interval.ms": "1000"},
            "cluster main": {"bootstrap.servers": self.cluster.bootstrap_of(index)},
            "group g": {"group.id": GROUP, "session.timeout": self.session_timeout,
                        "heartbeat.interval": "1s", "initial.offset": "earliest",
                        "commit.interval": "200ms", "leave.delay": "5s",
                        "strategy": self.shape.strategy, "cluster": "main"}}
        env = newest_librdkafka(self.directory) if self.shape.newest else {}
        return Daemon(self.hub, self.builddir / "daemon/kgroupd", directory, sections, env)

    def start_producer(self, rate, seed):
        topics = [f"{name}={n}" for name, n in self.topics.items()]
        self.producer = subprocess.Popen(
            [sys.executable, str(HERE / "producer.py"), str(self.logs / "producer.log"),
             self.cluster.bootstrap, str(rate), str(seed), *topics], stdin=subprocess.PIPE)

    def grow(self, name):
        self.topics[name] += 1
        self.cluster.add_partitions(name, self.topics[name])
        self.producer.stdin.write(f"{name}={self.topics[name]}\n".encode())
        self.producer.stdin.flush()

    def stop_producer(self):
        self.producer.stdin.close()
        if self.producer.wait(90) != 0:
            raise Failed("the producer could not write everything")

    def tick(self, seconds):
        """Lets time pass while what the daemons notify is read."""
        select.select([], [], [], seconds)
        for daemon in self.daemons:
            daemon.notified()

    def stop_workers(self):
        """In good order; the statuses that are not 0, by name."""
        for worker in self.workers:
            worker.expected_end = True
            worker.signal(signal.SIGTERM)
        return [f"{w.name} ended with {w.process.wait(60)}" for w in self.workers
                if w.process.wait(60) != 0]

    def close(self):
        for worker in self.workers:
            worker.close()
        broken = []
        for daemon in self.daemons:
            try:
                daemon.close()
            except AssertionError as reason:
                broken.append(f"{daemon.directory.name}: {reason}")
        if self.producer is not None and self.producer.poll() is None:
            self.producer.kill()
            self.producer.wait()
        self.cluster.close()
        return broken

