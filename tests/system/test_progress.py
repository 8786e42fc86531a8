# SPDX-License-Identifier: MIT
"""Why does nothing come? The daemon tells a slow application, an empty log and the rest apart."""
import pytest
from confluent_kafka import Producer

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock

PATIENCE_S = 10
REFRESH_S = 5  # the daemon asks for the ends of logs so often


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


def stuck_behind_five(scene, topic, until, **group):
    """A member whose fetcher stands behind the fifth message of ten; nobody else's fault."""
    scene.witness.fill(topic, 0, 5)
    scene.daemon(group=group, env={"LD_PRELOAD": str(scene.builddir / "tests/system/libkgstuck.so"),
                      "STUCK": f"5:{until}"})
    client = scene.consumer(topic)
    client.wait_messages(5)
    client.mark_all()
    scene.witness.fill(topic, 0, 5, first=5)
    return client


def check_healed(scene, client, topic, n_heals):
    client.wait_messages(10, timeout_s=REFRESH_S + 2 * PATIENCE_S)
    assert [m.offset for m in client.messages] == list(range(10)) and not client.errors
    client.mark_all()
    scene.wait_committed(topic, 0, 10)
    scene.wait_for(lambda: scene.status()[0]["daemon"]["ready"], 5, "ready")
    assert scene.status()[1]["n_heals"] == n_heals


@mock("the next one has a seek on Kafka, and it takes 10 s")
def test_a_fetcher_that_stands_still_is_sought_again(scene):
    topic = scene.topic(1)
    check_healed(scene, stuck_behind_five(scene, topic, "seek"), topic, 1)
    assert "the fetcher stands at 5, the log has 10: sought again" in scene.daemons[0].log()


@both
@pytest.mark.slow(60)
def test_where_a_seek_does_not_help_it_is_assigned_again(scene):
    """Ten seconds in which lag and readiness say what is wrong."""
    topic = scene.topic(1)
    client = stuck_behind_five(scene, topic, "assign")
    scene.wait_for(lambda: progress(scene, topic) == {0: "fetch stuck"},
                   REFRESH_S + PATIENCE_S + 5, "verdict")
    status, row = scene.status()
    assert not status["daemon"]["ready"]
    assert row["not_ready"] == f"1 of 1 partition delivers nothing: fetch stuck, as {topic}/0"
    check_healed(scene, client, topic, 2)


@mock("faults are the mock's")
@pytest.mark.slow(60)
def test_a_broker_that_is_away_is_no_standstill_to_be_healed(scene):
    topic = scene.topic(1)
    stuck_behind_five(scene, topic, "never", **{"session.timeout": "30s"})

    def end():
        with scene.asking() as asking:
            return asking.query("lag")["groups"][0]["partitions"][0]["end"]
    scene.wait_for(lambda: end() == 10, 8, "what is there")
    scene.broker.down()
    scene.wait_for(lambda: progress(scene, topic) == {0: "broker away"}, PATIENCE_S + 5, "verdict")
    status, row = scene.status()
    assert not status["daemon"]["ready"] and row["not_ready"] and row["n_heals"] == 0
    scene.broker.up()


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
