# SPDX-License-Identifier: MIT
"""Queries: what a client can ask of the cluster, who may, and that nobody waits for it."""
import time

import pytest

from harness.client import Refused
from harness.protocol import ERROR_NAMES

both = pytest.mark.both
mock = pytest.mark.mock
real = pytest.mark.real

OPEN = {"allow.dynamic": "yes"}
NOWHERE = {"bootstrap.servers": "127.0.0.1:1", **OPEN}


def refused(client, what, **arguments):
    with pytest.raises(Refused) as answer:
        client.query(what, **arguments)
    return answer.value


# ---- a7: without a consumer ----------------------------------------------------------------------


@both
def test_a7_topics_and_partitions(scene):
    one, three = scene.topic(1), scene.topic(3)
    scene.daemon(cluster=OPEN)
    client = scene.client()
    topics = client.query("topics")["topics"]
    assert [t["name"] for t in topics] == sorted(t["name"] for t in topics)
    found = {t["name"]: t["partitions"] for t in topics}
    assert (found[one], found[three]) == (1, 3)
    partitions = client.query("partitions", topic=three, cluster="main")["partitions"]
    assert [p["partition"] for p in partitions] == [0, 1, 2]
    assert all(isinstance(p["leader"], int) for p in partitions)


@both
def test_a7_offsets(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 1, 7)
    scene.daemon()
    client = scene.client()

    def offset(at, partition=1):
        return client.query("offset", group="g", topic=topic, partition=partition, at=at)["offset"]
    assert (offset("earliest"), offset("latest")) == (0, 7)
    assert (offset("earliest", 0), offset("latest", 0)) == (0, 0)
    assert offset(int(time.time() * 1000) + 3600000) == 7


@real("the mock looks for no time")
def test_a7_offset_at_a_time(scene):
    topic = scene.topic(1)
    scene.witness.produce(topic, 0, [{"value": b"v", "timestamp": ms} for ms in (1000, 2000, 3000)])
    scene.daemon()
    client = scene.client()
    place = {"group": "g", "topic": topic, "partition": 0}
    for at, offset in ((0, 0), (1000, 0), (1001, 1), (3000, 2), (3001, 3)):
        assert client.query("offset", at=at, **place)["offset"] == offset


@both
def test_a7_with_a_group_that_is_joined_and_one_that_is_not(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 3)
    base = scene.config()["group g"]
    scene.daemon(group_own={**base, "group.id": f"{scene.name}-own", "kafka.client.id": "own"})
    client = scene.consumer(topic).wait_claims([(topic, 0), (topic, 1)])
    for group in ("g", scene.group_id, "own"):
        asked = {"group": group, "topic": topic}
        assert len(client.query("partitions", **asked)["partitions"]) == 2
        assert client.query("offset", partition=0, at="latest", **asked)["offset"] == 3


@both
def test_a7_what_is_asked_wrongly_is_named(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = scene.client()
    place = {"group": "g", "topic": topic, "partition": 0, "at": "latest"}
    for wrong, word in (({"partition": -1}, "partition"), ({"partition": 2**31}, "partition"),
                        ({"partition": "0"}, "partition"), ({"at": "middle"}, "at"),
                        ({"at": -5}, "at"), ({"at": True}, "at"), ({"topic": 7}, "topic"),
                        ({"topik": "x"}, "topik"), ({"group": "x" * 256}, "group")):
        answer = refused(client, "offset", **{**place, **wrong})
        assert answer.name == "BAD_QUERY" and word in answer.text, wrong
    for missing in ("topic", "partition", "at"):
        answer = refused(client, "offset", **{k: v for k, v in place.items() if k != missing})
        assert answer.name == "BAD_QUERY" and missing in answer.text
    assert refused(client, "offset", **{**place, "topic": "white space"}).name == "BAD_TOPIC"
    assert refused(client, "weather").name == "BAD_QUERY"
    assert refused(client, "topics", topic=topic).name == "BAD_QUERY"
    assert client.query("offset", **place)["offset"] == 0


@both
def test_a7_what_the_cluster_does_not_have(scene):
    topic = scene.topic(1)
    scene.daemon(cluster=OPEN)
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    nothing = f"{scene.name}-nothing"
    for group in ({"group": "g"}, {}):
        assert refused(client, "partitions", topic=nothing, **group).name == "UNKNOWN_TOPIC"
        for where in ({"topic": nothing, "partition": 0}, {"topic": topic, "partition": 9}):
            answer = refused(client, "offset", at="latest", **where, **group)
            assert answer.name == "UNKNOWN_TOPIC", answer
            assert where["topic"] in answer.text
    topics = [t["name"] for t in client.query("topics")["topics"]]
    assert nothing not in topics, "it was made by asking"


@both
def test_a7_a_request_zero_is_refused(scene):
    scene.daemon()
    client = scene.client()
    client.send("query", 0, "status", {})
    assert client.wait_end() == "FIELD"


# ---- who may -------------------------------------------------------------------------------------


@both
def test_queries_obey_the_rules_of_access(scene):
    mine, other = (f"{scene.name}-{word}" for word in ("mine", "other"))
    for name in (mine, other):
        scene.broker.create_topic(name, 1)
    scene.daemon(cluster={**OPEN, "allow.topics": f"{scene.name}-m*"},
                 group={"allow.users": "root"})
    client = scene.client(user="nobody")
    assert refused(client, "topics", group="g").name == "NO_GROUP"
    assert [t["name"] for t in client.query("topics")["topics"]] == [mine]
    assert client.query("partitions", topic=mine)["partitions"]
    assert refused(client, "partitions", topic=other).name == "UNKNOWN_TOPIC"
    assert refused(client, "offset", topic=other, partition=0, at=0).name == "UNKNOWN_TOPIC"
    root = scene.client()
    assert root.query("partitions", topic=other, group="g")["partitions"]


@both
def test_without_allow_dynamic_a_group_must_be_named(scene):
    scene.daemon(cluster={"allow.dynamic": "no"}, cluster_two={
        "bootstrap.servers": scene.broker.bootstrap, **OPEN, "allow.users": "root"})
    client = scene.client(user="nobody")
    assert refused(client, "topics", cluster="main").name == "NO_GROUP"
    assert refused(client, "topics", cluster="two").name == "NO_GROUP"
    assert refused(client, "topics", cluster="mars").name == "NO_CLUSTER"
    assert refused(client, "topics").name == "NO_CLUSTER"
    assert client.query("topics", group="g")["topics"]
    assert scene.client().query("topics", cluster="two")["topics"]


# ---- nobody waits --------------------------------------------------------------------------------


@both
def test_a_cluster_that_is_away_is_the_answer_and_nobody_waits_for_it(scene):
    topic = scene.topic(1)
    scene.daemon(cluster_nowhere=NOWHERE)
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    asked = client.start("query", "topics", {"cluster": "nowhere"})
    scene.witness.fill(topic, 0, 5)
    client.mark(client.wait_messages(5, timeout_s=3)[4])
    client.commit(timeout_s=3)
    client.query("status")
    assert asked not in client.replies
    assert ERROR_NAMES[client.wait_reply(asked).code] == "BROKER"


@both
def test_queries_go_with_their_connection(scene):
    scene.daemon(cluster=OPEN, cluster_nowhere=NOWHERE)
    for _ in range(5):
        client = scene.client()
        for _ in range(20):
            client.start("query", "topics", {"cluster": "nowhere"})
        client.disconnect()
    client = scene.client()
    started = time.monotonic()
    assert client.query("topics", cluster="main")
    assert refused(client, "topics", cluster="nowhere").name == "BROKER"
    assert time.monotonic() - started < 14, "the queries of the dead were made"


@both
def test_too_many_queries_that_wait(scene):
    scene.daemon(cluster_nowhere=NOWHERE)
    client = scene.client()
    for _ in range(257):
        client.start("query", "topics", {"cluster": "nowhere"})
    assert client.wait_end() == "QUOTA"


@mock("the broker plays no part")
def test_too_many_queries_of_one_user_on_many_connections(scene):
    """All wait for a cluster that is away; another user's question is taken."""
    scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1", "allow.dynamic": "yes"})
    clients = [scene.client(user="nobody") for _ in range(6)]
    for client in clients:
        for _ in range(200):
            client.start("query", "topics", {})
    scene.wait_for(lambda: any(c.closed for c in clients), 5, "one that asked too much")
    assert {c.wait_end() for c in clients if c.closed} == {"QUOTA"}
    other = scene.client(user="daemon")
    other.start("query", "topics", {})
    rows = other.query("status")["daemon"]["users"]
    assert max(row["queries"] for row in rows) <= 1024 and not other.closed


@real("the mock has no passwords")
def test_refused_credentials_are_the_answer(scene):
    scene.daemon(cluster_locked={**scene.broker.sasl_config("wrong"), **OPEN})
    assert refused(scene.client(), "topics", cluster="locked").name == "AUTH"


# ---- c4: high water marks ------------------------------------------------------------------------


def high(client):
    return {(p["topic"], p["partition"]): p["high"]
            for p in client.query("high.water.marks")["partitions"]}


@both
def test_c4_high_water_marks_of_all_claims(scene):
    topics = sorted(scene.topic(2) for _ in range(2))
    scene.witness.fill(topics[1], 1, 4)
    scene.daemon()
    client = scene.consumer(topics)
    client.wait_claims([(t, p) for t in topics for p in range(2)])
    rows = client.query("high.water.marks")["partitions"]
    places = [(row["topic"], row["partition"]) for row in rows]
    assert places == sorted(client.places())
    assert high(client)[topics[1], 1] == 4


@both
def test_c4_high_water_marks_of_a_stalled_and_a_paused_claim_are_not_stale(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 10)
    scene.daemon(cluster={"queued.min.messages": "1"})
    client = scene.consumer(topic, options={"window": None})
    client.wait_claims([(topic, 0), (topic, 1)])
    client.credit(1, 1 << 20)
    client.wait_messages(1)
    client.ask("pause", [client.claim(topic, 1).id], True)
    assert high(client) == {(topic, 0): 10, (topic, 1): 0}
    scene.witness.fill(topic, 0, 5, first=10)
    scene.witness.fill(topic, 1, 3)
    now = {(topic, 0): 15, (topic, 1): 3}
    scene.wait_for(lambda: high(client) == now, 1.5, "high water marks a second later")
    assert len(client.messages) == 1


@both
def test_c4_without_a_consumer(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = scene.client()
    assert refused(client, "high.water.marks").name == "BAD_QUERY"
    client.open("g", [topic]).wait_claims([(topic, 0)])
    assert high(client) == {(topic, 0): 0}


# ---- refresh, validate ---------------------------------------------------------------------------


@both
def test_b3_refresh_finds_new_topics_now(scene):
    scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "600000"})
    client = scene.consumer([], topics_include=f"^{scene.name}")
    assert client.query("refresh") == {}
    name = f"{scene.name}-new"
    scene.broker.create_topic(name, 1)
    assert client.query("refresh", group="g") == {}
    assert scene.status()[1]["topics"] == [name]
    client.wait_claims([(name, 0)])


@both
def test_refresh_of_nothing_is_answered(scene):
    scene.daemon(group={"allow.users": "root"})
    client = scene.client()
    assert client.query("refresh") == {}
    assert client.query("refresh", group="g") == {}
    assert refused(client, "refresh", group="nowhere").name == "NO_GROUP"
    assert refused(scene.client(user="nobody"), "refresh", group="g").name == "NO_GROUP"


@both
def test_a4_validate(scene):
    scene.daemon()
    client = scene.client()

    def validate(**settings):
        return client.ask("query", "validate",
                          {key.replace("_", "."): value for key, value in settings.items()})
    assert validate() == {}
    assert validate(topics_include="^a", session_timeout="30s", errors=True) == {}
    for settings, word in (({"topics_include": "a("}, "topics.include"),
                           ({"topics_exclude": "[b"}, "topics.exclude"),
                           ({"dwell_time": "11m"}, "dwell.time"),
                           ({"heartbeat_interval": 5000, "session_timeout": 6000}, "heartbeat"),
                           ({"commit_retries": -1}, "commit.retries"),
                           ({"initial_offset": "middle"}, "initial.offset"),
                           ({"no_such": 1}, "no.such")):
        with pytest.raises(Refused) as answer:
            validate(**settings)
        assert answer.value.name == "SETTING" and word in answer.value.text


@both
def test_e5_status_has_the_user_data(scene):
    base = scene.config()["group g"]
    scene.daemon(group={"user.data": "rack 7"}, group_plain={**base, "group.id": "plain"})
    assert scene.status()[1]["user_data"] == "rack 7"
    assert scene.status(group="plain")[1]["user_data"] is None
