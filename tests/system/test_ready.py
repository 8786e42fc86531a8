# SPDX-License-Identifier: MIT
"""Readiness: a group that does not do what it is there for says why; a slow program is no reason."""
import pytest

from harness.broker import API_OFFSET_COMMIT

both = pytest.mark.both
mock = pytest.mark.mock


def readiness(scene, group="g"):
    """(of the daemon, why the group is not)"""
    status, row = scene.status(group=group)
    return status["daemon"]["ready"], row["not_ready"]


@both
def test_a_joined_group_is_ready_whatever_its_programs_do(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 30)
    scene.daemon()
    assert readiness(scene) == (True, None)  # nobody uses it
    client = scene.consumer(topic, options={"window": (5, 1 << 30)})
    client.wait_messages(5)
    assert readiness(scene) == (True, None)
    client.close_consumer()
    scene.wait_for(lambda: readiness(scene) == (True, None), 10, "nobody, and still joined")


@mock("faults are the mock's")
def test_a_group_without_its_broker_is_not_ready_and_says_so(scene):
    topic = scene.topic(1)
    scene.broker.down()
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_error("BROKER")
    ready, why = readiness(scene)
    assert not ready and why.startswith("connecting: ")
    scene.broker.up()
    client.wait_claims([(topic, 0)], timeout_s=30)
    scene.wait_for(lambda: readiness(scene) == (True, None), 10, "it is joined")
    scene.witness.fill(topic, 0, 3)
    client.wait_messages(3)
    scene.broker.down()
    scene.wait_for(lambda: not readiness(scene)[0], 30, "the broker is away")


@mock("faults are the mock's")
def test_a_group_that_cannot_commit_is_not_ready(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={"commit.retries": 1})
    client = scene.consumer(topic)
    client.wait_messages(3)
    scene.broker.fail(API_OFFSET_COMMIT, "OFFSET_METADATA_TOO_LARGE", 1000)
    client.mark(client.messages[2])
    client.wait_error("COMMIT")
    ready, why = readiness(scene)
    assert not ready and why.startswith("nothing is committed: ")
    scene.broker.mend()
    scene.wait_committed(topic, 0, 3)
    scene.wait_for(lambda: readiness(scene) == (True, None), 10, "it commits again")
