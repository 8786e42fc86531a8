# SPDX-License-Identifier: MIT
"""Groups and clusters: several in one daemon, declared or opened by clients, joined and left in
time, and shared with other hosts."""
import pytest

from harness.client import Refused

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock


@both
@pytest.mark.parametrize("setting", [{"notifications": True}, {"mode": "partitions"}])
def test_a_setting_of_a_feature_that_was_not_named_is_refused(scene, setting):
    topic = scene.topic(1)
    scene.daemon()
    client = scene.client(features=("query",))
    assert refusal(client, "g", [topic], **setting).name == "UNSUPPORTED"


def refusal(client, group, topics, cluster="", **settings):
    with pytest.raises(Refused) as refused:
        client.open(group, topics, cluster=cluster, **settings)
    return refused.value


@both
def test_several_groups_read_the_same_topic_independently(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    base = scene.config()["group g"]
    scene.daemon(group_two={**base, "group.id": f"{scene.name}-two"})
    one, two = scene.consumer(topic), scene.consumer(topic, group="two")
    one.mark(one.wait_messages(5)[4])
    two.mark(two.wait_messages(5)[1])
    scene.wait_committed(topic, 0, 5)
    scene.wait_committed(topic, 0, 2, group=f"{scene.name}-two")


@both
def test_several_clusters_in_one_daemon(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    base = scene.config()["group g"]
    scene.daemon(cluster_other={"bootstrap.servers": scene.broker.bootstrap},
                 group_far={**base, "group.id": f"{scene.name}-far", "cluster": "other"})
    near, far = scene.consumer(topic), scene.consumer(topic, group="far")
    near.wait_messages(5)
    far.wait_messages(5)
    with scene.asking() as client:
        clusters = {c["name"]: c["state"] for c in client.query("status")["clusters"]}
    assert set(clusters) == {"main", "other"}


@both
def test_a_group_is_found_by_its_group_id_too(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 2)
    scene.daemon()
    scene.consumer(topic, group=scene.group_id).wait_messages(2)


@both
def test_a_dynamic_group_works_where_it_is_allowed(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon(cluster={"allow.dynamic": "yes"})
    client = scene.consumer(topic, group=f"{scene.name}-dynamic", initial_offset="earliest",
                            session_timeout=4500, heartbeat_interval=500, commit_interval=100)
    client.mark(client.wait_messages(5)[2])
    scene.wait_committed(topic, 0, 3, group=f"{scene.name}-dynamic")


@both
def test_what_a_client_may_not_open_is_refused_by_name(scene):
    topic = scene.topic(1)
    scene.daemon(cluster={"allow.dynamic": "no"}, cluster_open={
        "bootstrap.servers": "127.0.0.1:1", "allow.dynamic": "yes", "allow.topics": "free-*"})
    client = scene.client()
    assert refusal(client, "nowhere", [topic], cluster="main").name == "NO_GROUP"
    assert refusal(client, "g", [topic], cluster="mars").name == "NO_CLUSTER"
    denied = refusal(scene.client(user="nobody"), "dyn", ["secret"], cluster="open")
    assert denied.name == "DENIED" and "secret" in denied.text


@both
def test_bad_requests_leave_the_connection_usable(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = scene.client()
    assert refusal(client, "g", []).name == "NO_TOPICS"
    assert refusal(client, "g", ["white space"]).name == "BAD_TOPIC"
    assert refusal(client, "g", [""]).name == "BAD_TOPIC"
    unknown = refusal(client, "g", [topic], no_such_setting=1)
    assert unknown.name == "SETTING" and "no.such.setting" in unknown.text
    wrong = refusal(client, "g", [topic], dwell_time=10_000_000)
    assert wrong.name == "SETTING" and "dwell.time" in wrong.text
    kafka = refusal(client, "g", [topic], kafka_debug="all")
    assert kafka.name == "SETTING"
    assert client.open("g", [topic]).wait_claims([(topic, 0)])


@both
def test_the_first_opener_fixes_group_settings_and_a_differing_one_is_a_conflict(scene):
    topic = scene.topic(1)
    scene.daemon(group={"commit.retries": None})
    first = scene.consumer(topic, commit_retries=5).wait_claims([(topic, 0)])
    second = scene.client()
    conflict = refusal(second, "g", [topic], commit_retries=7)
    assert conflict.name == "CONFLICT"
    assert all(word in conflict.text for word in ("commit.retries", "5", "7"))
    second.open("g", [topic], commit_retries=5)
    scene.client().open("g", [topic])
    assert not first.errors


@both
def test_the_file_wins_over_the_client(scene):
    topic = scene.topic(1)
    scene.daemon(group={"commit.interval": "250ms"})
    conflict = refusal(scene.client(), "g", [topic], commit_interval=300)
    assert conflict.name == "CONFLICT"
    assert "commit.interval" in conflict.text


# ---- joining and leaving ------------------------------------------------------------------------


@both
def test_join_always_joins_without_a_consumer(scene):
    topic = scene.topic(2)
    scene.daemon(group={"join": "always", "topics": topic})
    scene.wait_for(lambda: (scene.status()[1] or {}).get("state") == "joined", 20, "joined")
    assert scene.status()[1]["n_partitions"] == 2
    client = scene.consumer(topic).wait_claims([(topic, 0), (topic, 1)], timeout_s=2)
    client.close_consumer()
    client.disconnect()
    assert scene.status()[1]["state"] == "joined"


@both
def test_a_group_is_not_joined_before_somebody_opens_it(scene):
    daemon = scene.daemon()
    _, group = scene.status()
    assert group is None or group["state"] not in ("joined", "joining")
    assert "joined" not in daemon.log()


@real("the mock cannot describe groups")
def test_the_group_is_left_leave_delay_after_the_last_consumer(scene):
    topic = scene.topic(1)
    scene.daemon(group={"leave.delay": "700ms"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    assert len(scene.witness.members(scene.group_id)) == 1
    client.close_consumer()
    assert len(scene.witness.members(scene.group_id)) == 1
    # With KIP-848 a static member cannot leave: its place ends with the broker's session timeout.
    timeout_s = 4 if scene.protocol == "classic" else 12
    scene.wait_for(lambda: not scene.witness.members(scene.group_id), timeout_s, "an empty group")
    scene.consumer(topic).wait_claims([(topic, 0)])


@both
def test_after_leave_delay_a_group_is_opened_anew(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 4)
    scene.daemon(group={"leave.delay": "200ms"})
    client = scene.consumer(topic)
    client.mark(client.wait_messages(4)[1])
    client.close_consumer()
    client.disconnect()
    scene.wait_for(lambda: (scene.status()[1] or {}).get("state") != "joined", 10, "left")
    again = scene.consumer(topic)
    assert [m.offset for m in again.wait_messages(2, timeout_s=30)] == [2, 3]


@real("the mock keeps no log of generations")
def test_within_leave_delay_nothing_is_left(scene):
    topic = scene.topic(1)
    scene.daemon(group={"leave.delay": "20s"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    generation = scene.witness.generation(scene.group_id)
    client.close_consumer()
    client.disconnect()
    scene.consumer(topic).wait_claims([(topic, 0)], timeout_s=2)
    assert scene.witness.generation(scene.group_id) == generation


@real("the mock keeps no log of generations")
def test_a_topic_whose_consumers_are_gone_leaves_the_subscription(scene):
    topics = [scene.topic(1), scene.topic(1)]
    scene.daemon(group={"leave.delay": "500ms"})
    first = scene.consumer(topics[0])
    second = scene.consumer(topics[1]).wait_claims([(topics[1], 0)])
    second.close_consumer()

    def assigned():
        members = scene.witness.members(scene.group_id)
        return sorted(p.topic for m in members for p in m.assignment.topic_partitions)
    scene.wait_for(lambda: assigned() == [topics[0]], 10, "one topic left")
    scene.witness.fill(topics[0], 0, 3)
    first.wait_messages(3)


@both
def test_two_daemons_share_a_group_and_one_takes_over(scene):
    """F1 over two hosts."""
    topic = scene.topic(4)
    everything = [(topic, p) for p in range(4)]
    scene.daemon(daemon={"on.stop": "leave"})
    scene.daemon(daemon={"on.stop": "leave"})
    one = scene.consumer(topic, daemon=scene.daemons[0]).wait_claims(everything)
    two = scene.consumer(topic, daemon=scene.daemons[1])
    scene.wait_for(lambda: sorted(one.places() + two.places()) == everything
                   and len(two.places()) == 2, 20, "2 and 2")
    for partition in range(4):
        scene.witness.fill(topic, partition, 5)
    one.wait_messages(10)
    two.wait_messages(10)
    handed_over = {p for _, p in two.places()}
    two.mark_all()
    two.close_consumer()
    two.disconnect()
    scene.daemons[1].stop()
    one.wait_claims(everything, timeout_s=20)
    for partition in handed_over:
        scene.witness.fill(topic, partition, 1, first=5)
    scene.wait_for(lambda: {m.partition for m in one.messages} == {0, 1, 2, 3})
    assert {m.offset for m in one.messages if m.partition in handed_over} == {5}


@real("the mock ends a rebalance when the session timeout is over, whoever is missing")
def test_a_dwell_beyond_the_session_timeout_keeps_the_membership(scene):
    topic = scene.topic(2)
    for partition in (0, 1):
        scene.witness.fill(topic, partition, 3)
    daemon = scene.daemon()  # its session timeout is 4.5 s
    first = scene.consumer(topic, dwell_time=20000, options={"auto_done": False})
    first.wait_messages(6)
    second = scene.consumer(topic, daemon=scene.daemon())
    scene.wait_for(lambda: all(c.release for c in first.claims.values()), 20, "the releases")
    scene.hub.stays(lambda: not second.claims, 10)
    for message in first.messages:
        if message.offset == 2:
            assert first.mark(message, answer=True) == 0
    for claim in list(first.claims.values()):
        first.send("done", claim.id)
    scene.wait_for(lambda: len(second.claims) == len(first.places()) == 1, 20, "a claim each")
    for partition in (0, 1):
        scene.wait_committed(topic, partition, 3)
    assert not first.errors and "lost" not in daemon.log()


@real("the mock ignores static members")
def test_two_daemons_with_the_same_instance_id_are_named_and_one_works(scene):
    topic = scene.topic(1)
    same = {"instance.id": f"{scene.name}-same"}
    scene.daemon(group=same)
    scene.consumer(topic).wait_claims([(topic, 0)])
    second = scene.daemon(group=same)
    scene.consumer(topic, daemon=second)
    scene.wait_for(lambda: any("fenced" in d.log().lower() or "instance.id" in d.log()
                               for d in scene.daemons), 15, "a log line that names the clash")

    def failed():
        rows = [scene.status(d)[1] for d in scene.daemons]
        return [row for row in rows if row["state"] == "failed"]
    assert "instance" in scene.wait_for(failed, 10, "the state of the one")[0]["text"]
    scene.witness.fill(topic, 0, 1)
    scene.wait_for(lambda: any(c.messages for c in scene.clients), 10, "the other works")
