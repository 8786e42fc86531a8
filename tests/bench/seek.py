#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/bench/seek.py [--builddir B] [--librdkafka newest] [--seeks N]: how long from SEEK to the
first message of the new place.

One real Kafka, one daemon with its defaults, a topic of 4 partitions with 50,000 messages each. The
consumer seeks one partition after another to a random offset and waits for that offset; half of the
seeks go ahead of what was fetched, half back. Printed in milliseconds: median, p99, longest, and
what it is to be at most: fetch.wait.max.ms (50) + 50.
"""
import argparse
import gc
import random
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness import Kafka, Scene, Witness  # noqa: E402  the path comes first

N_PARTITIONS, N_MESSAGES, MOST_MS = 4, 50_000, 50 + 50


def measure(client, claim, offset):
    """Milliseconds from the request to the first message, which is the one that was asked for."""
    client.messages.clear()
    client.frames.clear()
    began = time.perf_counter()
    client.start("seek", [claim.id], "offset", offset)
    epoch = claim.epoch
    client.wait_for(lambda: claim.epoch > epoch and any(
        m.claim == claim.id and m.epoch == claim.epoch for m in client.messages))
    took = (time.perf_counter() - began) * 1000
    first = next(m for m in client.messages if m.claim == claim.id and m.epoch == claim.epoch)
    assert first.offset == offset, f"asked for {offset}, got {first.offset}"
    return took


def run(scene, n_seeks):
    topic = scene.topic(N_PARTITIONS)
    for partition in range(N_PARTITIONS):
        scene.witness.fill(topic, partition, N_MESSAGES, n_bytes=100)
    scene.daemon()
    client = scene.consumer(topic, options={"window": (500, 1 << 20)})
    client.wait_claims([(topic, p) for p in range(N_PARTITIONS)])
    client.wait_messages(N_PARTITIONS * 2)
    time.sleep(1.5)  # past the second in which librdkafka may lose a seek and the daemon holds it
    gc.disable()  # its pauses would be measured
    chance = random.Random(1)
    claims = [client.claim(topic, p) for p in range(N_PARTITIONS)]
    return [measure(client, claims[i % N_PARTITIONS], chance.randrange(N_MESSAGES))
            for i in range(n_seeks)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--builddir", default=str(ROOT / "build"))
    parser.add_argument("--librdkafka", choices=["linked", "newest"], default="linked")
    parser.add_argument("--seeks", type=int, default=400)
    args = parser.parse_args()
    broker = Kafka()
    witness = Witness(broker)
    scene = Scene(broker, witness, args.builddir, "seek", newest=args.librdkafka == "newest")
    try:
        took = sorted(run(scene, args.seeks))
    finally:
        scene.close()
        witness.close()
        broker.close()
    p99 = took[int(len(took) * 0.99)]
    print(f"{len(took)} seeks: median {statistics.median(took):.1f} ms, p99 {p99:.1f} ms, "
          f"longest {took[-1]:.1f} ms; p99 is to be at most {MOST_MS} ms")
    return 0 if p99 <= MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
