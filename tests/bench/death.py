#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/bench/death.py [--builddir B] [--librdkafka newest] [--deaths N]: how long from a consumer's
SIGKILL until a sibling has what it left behind.

One real Kafka, one daemon with its defaults, a topic of 4 partitions, two consumers. The one that is
to die has 2 of the partitions and has been given a message of each, which it does not mark; nothing
else is in the log, so that the fetch under way has to wait for its whole time before the next can
go back. Then it is killed; every second one leaves a forked child behind that holds its socket.
Printed in milliseconds, until the sibling has both messages: median, p99, longest, and what the
longest is to be at most: fetch.wait.max.ms (50) + 50.
"""
import argparse
import gc
import random
import signal
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness import Kafka, Scene, Witness  # noqa: E402  the path comes first

N_PARTITIONS, FETCH_WAIT_S, MOST_MS = 4, 0.05, 50 + 50


def measure(scene, topic, sibling, options, phase_s):
    """Milliseconds from the kill to the last of the messages that the victim had."""
    victim = scene.app(topic, "--no-mark", *options)
    victim.wait_line("assigned", N_PARTITIONS // 2)
    partitions = {line["partition"] for line in victim.of("assigned")}
    for partition in partitions:
        scene.witness.fill(topic, partition, 1)
    victim.wait_messages(len(partitions))
    time.sleep(phase_s)  # so that the fetch under way is anywhere in its time
    before = len(sibling.messages)
    began = time.perf_counter()
    victim.signal(signal.SIGKILL)
    sibling.wait_for(lambda: len(sibling.messages) == before + len(partitions))
    took = (time.perf_counter() - began) * 1000
    assert {m.partition for m in sibling.messages[before:]} == partitions
    for message in sibling.messages[before:]:
        assert sibling.mark(message, answer=True) == 0
    victim.wait_exit()
    return took


def run(scene, n_deaths):
    topic = scene.topic(N_PARTITIONS)
    scene.daemon()
    sibling = scene.consumer(topic)
    sibling.wait_claims([(topic, p) for p in range(N_PARTITIONS)])
    time.sleep(1.5)  # past the second in which librdkafka may lose a seek and the daemon holds it
    gc.disable()  # its pauses would be measured
    chance = random.Random(1)
    return [measure(scene, topic, sibling, ["--fork-holder"] if i % 2 else [],
                    chance.random() * FETCH_WAIT_S) for i in range(n_deaths)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--builddir", default=str(ROOT / "build"))
    parser.add_argument("--librdkafka", choices=["linked", "newest"], default="linked")
    parser.add_argument("--deaths", type=int, default=100)
    args = parser.parse_args()
    broker = Kafka()
    witness = Witness(broker)
    scene = Scene(broker, witness, args.builddir, "death", newest=args.librdkafka == "newest")
    try:
        took = sorted(run(scene, args.deaths))
    finally:
        scene.close()
        witness.close()
        broker.close()
    p99 = took[int(len(took) * 0.99)]
    print(f"{len(took)} deaths: median {statistics.median(took):.1f} ms, p99 {p99:.1f} ms, "
          f"longest {took[-1]:.1f} ms; the longest is to be at most {MOST_MS} ms")
    return 0 if took[-1] <= MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
