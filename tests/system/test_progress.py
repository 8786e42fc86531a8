# SPDX-License-Identifier: MIT
"""Why does nothing come? The daemon tells a slow application, an empty log and the rest apart."""
import pytest
from confluent_kafka import Producer

both = pytest.mark.both
real = pytest.mark.real

PATIENCE_S = 10


def progress(scene, topic):
    with scene.asking() as asking:
        rows = asking.query("lag")["groups"][0]["partitions"]
    return {row["partition"]: row["progress"] for row in rows if row["topic"] == topic}


@both
def test_the_reasons_for_silence_are_told_apart(scene):
    """0: handed out and never marked; 1: all marked; 2: paused; 3: empty; 4: no credit is left."""
    topic = scene.topic(5)
    for partition in (0, 1, 2):
        scene.witness.fill(topic, partition, 3)
    scene.witness.fill(topic, 4, 30)
    scene.daemon()
    client = scene.consumer(topic, mode="partitions", options={
        "features": ("query", "partitions"), "window": None})
    client.wait_claims([(topic, p) for p in range(5)])
    for partition, messages in ((0, 100), (1, 100), (2, 100), (3, 100), (4, 5)):
        client.send("credit", client.claim(topic, partition).id, messages, 1 << 30)
    client.wait_messages(14)
    client.ask("pause", [client.claim(topic, 2).id], True)
    client.mark(client.of(topic, 1)[-1])
    client.mark(client.of(topic, 2)[-1])
    client.mark(client.of(topic, 4)[-1])
    expected = {0: "slow application", 1: "no data", 2: "paused", 3: "no data",
                4: "slow application"}
    scene.wait_for(lambda: progress(scene, topic) == expected, PATIENCE_S + 10, expected)
    client.mark(client.of(topic, 0)[-1])
    scene.wait_for(lambda: progress(scene, topic)[0] == "no data", 15)
    assert scene.status()[1]["n_heals"] == 0


@real("the mock has no transactions")
@pytest.mark.slow(90)
def test_control_records_at_the_end_are_no_standstill(scene):
    topic = scene.topic(1)
    writer = Producer({"bootstrap.servers": scene.broker.bootstrap, "transactional.id": scene.name})
    writer.init_transactions(30)
    writer.begin_transaction()
    for _ in range(3):
        writer.produce(topic, partition=0, value=b"x")
    writer.commit_transaction(30)
    scene.daemon()
    client = scene.consumer(topic)
    client.mark(client.wait_messages(3)[-1])
    scene.hub.stays(lambda: scene.status()[1]["n_heals"] == 0, PATIENCE_S + 5)
    assert progress(scene, topic) == {0: "no data"}
