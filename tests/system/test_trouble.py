# SPDX-License-Identifier: MIT
"""Trouble with Kafka is a state with a text, in status, in the log and on the error stream; it is
tried again, and never the end of the daemon."""
import os
import time

import pytest

from harness.broker import (API_FETCH, API_FIND_COORDINATOR, API_HEARTBEAT, API_JOIN_GROUP,
                            API_OFFSET_COMMIT, API_OFFSET_FETCH)
from harness.client import Refused
from harness.protocol import ERROR_NAMES

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock


def wait_state(scene, *states, group="g", timeout_s=20):
    """The group's row once it is in one of these states."""
    def row():
        found = scene.status(group=group)[1]
        return found if found and found["state"] in states else None
    return scene.wait_for(row, timeout_s, f"state {states}")


# ---- the broker is away -------------------------------------------------------------------------


@mock("faults are the mock's")
def test_a_broker_that_is_down_at_the_start_is_a_state_and_heals(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.broker.down()
    daemon = scene.daemon()
    client = scene.consumer(topic)
    client.wait_error("BROKER")
    row = wait_state(scene, "connecting", "joining", "failed")
    assert row["text"]
    assert any(s.text for s in client.states)
    assert daemon.alive()
    scene.broker.up()
    client.wait_messages(3, timeout_s=30)
    assert client.states[-1].state == "joined"


@both
def test_a_port_where_nobody_listens_is_a_state(scene):
    scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1"})
    client = scene.consumer("t")
    client.wait_error("BROKER")
    row = wait_state(scene, "connecting", "joining", "failed")
    assert "127.0.0.1:1" in row["text"] or "127.0.0.1:1" in client.errors[0].text


@mock("faults are the mock's")
def test_a_broker_that_goes_and_comes_back_loses_nothing(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    client.mark(client.wait_messages(10)[3])
    scene.wait_committed(topic, 0, 4)
    scene.broker.down()
    client.mark(client.messages[7])
    client.wait_error("BROKER", timeout_s=30)
    scene.broker.up()
    scene.wait_committed(topic, 0, 8, timeout_s=30)
    scene.witness.fill(topic, 0, 2, first=10)
    scene.wait_for(lambda: client.messages[-1].offset == 11, 30, "the newest message")


@mock("faults are the mock's")
def test_a_broker_that_denies_an_offset_that_the_log_has_is_not_believed(scene):
    """A leader that was cut off answers so until it hears that it no longer leads."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(10)
    scene.broker.fail(API_FETCH, "OFFSET_OUT_OF_RANGE", 3)
    scene.witness.fill(topic, 0, 5, first=10)
    client.wait_messages(15)
    assert [m.offset for m in client.messages] == list(range(15))
    assert not client.errors


@mock("faults are the mock's")
def test_one_cluster_that_is_down_does_not_touch_another(scene):
    topic = scene.topic(1)
    scene.daemon(cluster_dead={"bootstrap.servers": "127.0.0.1:1"},
                 group_lost={"cluster": "dead", "session.timeout": "4500ms",
                             "heartbeat.interval": "500ms"})
    lost = scene.consumer(topic, group="lost")
    client = scene.consumer(topic)
    scene.witness.fill(topic, 0, 3)
    client.wait_messages(3)
    client.mark_all()
    scene.wait_committed(topic, 0, 3)
    lost.wait_error("BROKER")
    assert not client.errors


# ---- the group is refused -----------------------------------------------------------------------


@mock("faults are the mock's")
@pytest.mark.parametrize("api_key, error", [
    (API_JOIN_GROUP, "GROUP_AUTHORIZATION_FAILED"),
    (API_FIND_COORDINATOR, "GROUP_AUTHORIZATION_FAILED")])
def test_a_refused_group_is_a_state_with_kafkas_reason_and_heals(scene, api_key, error):
    topic = scene.topic(1)
    scene.broker.fail(api_key, error, 1000)
    scene.daemon()
    client = scene.consumer(topic)
    event = client.wait_error("GROUP")
    assert "uthoriz" in event.text or "access denied" in event.text.lower()
    assert wait_state(scene, "failed", "joining")["text"]
    scene.broker.mend()
    client.wait_claims([(topic, 0)], timeout_s=30)


@mock("faults are the mock's")
@pytest.mark.parametrize("session_s, was_away", [(10, True), (5, False)])
def test_a_member_fenced_by_its_own_ghost_comes_back_at_once(scene, session_s, was_away):
    """After its session timed out the other member can only be itself; otherwise it waits."""
    topic = scene.topic(1)
    scene.daemon(group={"session.timeout": f"{session_s}s", "kafka.reconnect.backoff.max.ms": 500})
    client = scene.consumer(topic)
    client.wait_claims([(topic, 0)])
    if was_away:
        scene.broker.down()
        scene.wait_for(lambda: "SESSTMOUT" in scene.daemons[0].log(), 25, "the session times out")
        scene.broker.fail(API_JOIN_GROUP, "FENCED_INSTANCE_ID", 1)
        scene.broker.up()
    else:
        scene.broker.fail(API_HEARTBEAT, "FENCED_INSTANCE_ID", 1)
    client.wait_error("FENCED", timeout_s=20)
    fenced = time.monotonic()
    scene.wait_for(lambda: client.states[-1].state == "failed", 5, "it is left")
    scene.wait_for(lambda: client.states[-1].state == "joining", 20, "it is tried again")
    waited = time.monotonic() - fenced
    assert waited < session_s / 2 if was_away else waited > session_s / 2
    client.wait_claims([(topic, 0)], timeout_s=20)


@mock("faults are the mock's")
@pytest.mark.parametrize("error", ["NOT_COORDINATOR", "UNKNOWN", "COORDINATOR_LOAD_IN_PROGRESS"])
def test_a_failed_fetch_of_committed_offsets_is_tried_again(scene, error):
    """librdkafka itself would never start the partition after some of these."""
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 5)
    scene.witness.commit(scene.group_id, topic, 0, 3)
    scene.broker.fail(API_OFFSET_FETCH, error, 2)
    scene.daemon()
    client = scene.consumer(topic)
    assert [m.offset for m in client.wait_messages(2)] == [3, 4]


# ---- credentials --------------------------------------------------------------------------------


@real("the mock has no SASL")
def test_a_consumer_works_over_sasl_ssl(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(cluster=scene.broker.sasl_config())
    client = scene.consumer(topic)
    client.wait_messages(3)
    client.mark_all()
    scene.wait_committed(topic, 0, 3)


@real("the mock has no SASL")
def test_a_wrong_password_is_a_state_with_a_text_and_is_never_printed(scene):
    daemon = scene.daemon(cluster=scene.broker.sasl_config(password="wr0ng-s3cret"))
    client = scene.consumer(scene.topic(1))
    error = client.wait_error("AUTH")
    assert "sasl" in error.text.lower() or "authentication" in error.text.lower()
    row = wait_state(scene, "failed", "connecting")
    assert "uthenti" in row["text"]
    assert daemon.alive()
    assert "wr0ng-s3cret" not in daemon.log() + repr(client.frames) + repr(scene.status())


@real("the mock has no SASL")
def test_a_certificate_that_is_not_trusted_is_a_state_with_a_text(scene):
    config = {k: v for k, v in scene.broker.sasl_config().items() if k != "ssl.ca.location"}
    scene.daemon(cluster=config)
    client = scene.consumer(scene.topic(1))
    scene.wait_for(lambda: any("certificate" in e.text.lower() or "ssl" in e.text.lower()
                               for e in client.errors), 20, "an error that names the certificate")


@real("the mock has no SASL")
def test_a_password_comes_from_a_credential_of_the_service_manager(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    folder = scene.directory / "credentials"
    folder.mkdir()
    config = scene.broker.sasl_config()
    (folder / "kafka-password").write_text(config["sasl.password"] + "\n", encoding="utf-8")
    scene.daemon(cluster={**config, "sasl.password": "@credential:kafka-password"},
                 env={"CREDENTIALS_DIRECTORY": str(folder)})
    scene.consumer(topic).wait_messages(3)


# ---- topics -------------------------------------------------------------------------------------


@real("the mock makes every topic that is asked for")
def test_an_unknown_topic_is_an_error_until_it_is_created(scene):
    missing, there = scene.topic(create=False), scene.topic(1)
    scene.witness.fill(there, 0, 2)
    daemon = scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "600"})
    client = scene.consumer([missing, there])
    error = client.wait_error("UNKNOWN_TOPIC")
    assert error.topic == missing and error.context == "topics" and not error.fatal
    client.wait_messages(2)
    assert missing in scene.status()[1]["text"] or missing in str(scene.status()[1]["last_error"])
    assert missing in daemon.log()
    scene.broker.create_topic(missing, 2)
    client.wait_claims([(missing, 0), (missing, 1), (there, 0)], timeout_s=20)
    scene.witness.fill(missing, 1, 2)
    client.wait_messages(4)


@real("the mock makes every topic that is asked for")
def test_new_partitions_are_picked_up(scene):
    """B3."""
    topic = scene.topic(1)
    scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "600"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    scene.broker.add_partitions(topic, 3)
    scene.witness.fill(topic, 2, 2)
    client.wait_claims([(topic, p) for p in range(3)], timeout_s=20)
    client.wait_messages(2)


@real("the mock cannot delete topics")
def test_a_deleted_topic_is_an_error_and_the_others_go_on(scene):
    topics = [scene.topic(1), scene.topic(1)]
    scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "600"})
    client = scene.consumer(topics).wait_claims([(t, 0) for t in topics])
    scene.broker.delete_topic(topics[0])
    assert client.wait_error("UNKNOWN_TOPIC").topic == topics[0]
    scene.witness.fill(topics[1], 0, 3)
    scene.wait_for(lambda: len(client.of(topics[1])) == 3)


# ---- asking -------------------------------------------------------------------------------------


@both
def test_lag_shows_committed_marked_end_and_holder(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic, options={"name": "holder"})
    client.mark(client.wait_messages(10)[3])
    scene.wait_committed(topic, 0, 4)

    def row():
        with scene.asking() as asking:
            groups = asking.query("lag")["groups"]
        rows = [p for g in groups if g["name"] == "g" for p in g["partitions"]]
        found = next((r for r in rows if (r["topic"], r["partition"]) == (topic, 0)), None)
        return found if found and found["committed"] == 4 and found["end"] == 10 else None
    found = scene.wait_for(row, 10, "committed 4, end 10")
    assert (found["marked"], found["lag"], found["in_flight"]) == (3, 6, 6)
    assert found["holder_pid"] == client_pid()


@both
def test_status_shows_the_consumers(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon()
    client = scene.consumer(topic, options={"name": "shown", "window": (500, 1 << 20)})
    client.wait_messages(10)
    scene.wait_for(lambda: scene.status()[0]["daemon"]["rss_bytes"] > 1 << 20, 3)
    status, group = scene.status()
    assert status["daemon"]["n_connections"] == 2
    assert group["state"] == "joined" and group["n_partitions"] == 2
    assert group["n_consumers"] == 1 and group["in_flight"] == 10
    row = group["consumers"][0]
    assert (row["name"], row["pid"], row["n_claims"]) == ("shown", client_pid(), 2)
    assert daemon.alive()


@both
def test_status_warns_of_messages_that_a_new_group_does_not_see(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon(group={"initial.offset": "latest"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    warning, = scene.status()[1]["warnings"]
    assert warning["text"].startswith("1 partition without")
    assert "[group g]" in warning["command"] and "restart" in warning["command"]
    scene.witness.fill(topic, 0, 1, first=10)
    client.mark(client.wait_messages(1)[0])
    scene.wait_for(lambda: not scene.status()[1]["warnings"], 10, "the end of the warning")


@both
def test_status_warns_of_a_group_without_a_program_and_advises_no_mark(scene):
    topic = scene.topic(1)
    scene.daemon(group={"leave.delay": "1m"})
    scene.consumer(topic).wait_claims([(topic, 0)]).disconnect()
    warning, = scene.wait_for(lambda: scene.status()[1]["warnings"], 10, "a warning")
    assert warning["command"].endswith("kgroupctl consume g --no-mark")


@both
def test_status_has_the_code_of_an_error_that_lasts(scene):
    scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1"})
    scene.consumer("t").wait_error("BROKER")
    assert ERROR_NAMES[scene.status()[1]["last_error_code"]] == "BROKER"


@mock("faults are the mock's")
def test_status_has_no_code_of_an_error_that_healed(scene):
    topic = scene.topic(1)
    scene.broker.down()
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_error("BROKER")
    scene.broker.up()
    client.wait_claims([(topic, 0)], timeout_s=30)
    row = scene.wait_for(lambda: (r := scene.status()[1])["last_error_code"] is None and r, 10,
                         "an error that healed")
    assert row["last_error"]


@both
def test_an_unknown_query_is_refused(scene):
    scene.daemon()
    client = scene.client()
    reply = client.wait_reply(client.start("query", "weather", {}))
    assert ERROR_NAMES[reply.code] == "BAD_QUERY"


def client_pid():
    """The peers are this process."""
    return os.getpid()


@mock("faults are the mock's")
def test_a_commit_asked_for_while_commits_are_suspended_waits_for_no_interval(scene):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 10)
    scene.daemon(group={"commit.interval": "1h"})
    client = scene.consumer(topic)
    client.wait_messages(10)
    client.mark(client.messages[3])
    scene.broker.fail(API_OFFSET_COMMIT, "REBALANCE_IN_PROGRESS")
    with pytest.raises(Refused, match="REBALANCE_IN_PROGRESS"):
        client.commit()
    client.mark(client.messages[5])
    client.commit(timeout_s=10)
    assert scene.committed(topic) == 6
