# SPDX-License-Identifier: MIT
"""A: opening and closing."""
import os
import re
from pathlib import Path

import pytest

from harness.broker import API_OFFSET_COMMIT
from harness.client import Refused
from harness.kgroup import Client, Consumer, KgError, Options
from harness.scene import as_user

both = pytest.mark.both
mock = pytest.mark.mock
real = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
NEVER = {"commit.interval": "1h"}
NOBODY = "127.0.0.1:1"  # a port where nobody listens
UNSAID = ("session.timeout", "heartbeat.interval", "initial.offset", "commit.interval")
LONG_TOPIC = "t" * 250


def n_connections(scene):
    """Of the daemon, without the one that asks."""
    return scene.status()[0]["daemon"]["n_connections"] - 1


def n_fds():
    return len(os.listdir("/proc/self/fd"))


def refused(opening, *args, **settings):
    with pytest.raises(Refused) as info:
        opening(*args, **settings)
    return info.value


# ---- A1 -----------------------------------------------------------------------------------------


@both
def test_a1_open_with_socket_cluster_group_topics_and_options(scene, peer):
    topics = [scene.topic(1), scene.topic(1)]
    for topic in topics:
        scene.witness.fill(topic, 0, 2)
    scene.daemon(cluster_other={"bootstrap.servers": NOBODY})
    one = peer(topics, cluster="main", name="the-first", dwell_time=700)
    one.wait_claims([(topic, 0) for topic in topics])
    one.wait_messages(4)
    row = scene.status()[1]["consumers"][0]
    assert (row["name"], sorted(row["topics"]), row["pid"]) == ("the-first", topics, os.getpid())
    assert refused(peer, topics, cluster="nowhere").name == "NO_CLUSTER"
    assert refused(peer, topics, group="nobody", cluster="main").name == "NO_GROUP"
    assert refused(peer, topics, cluster="other").name in ("NO_GROUP", "NO_CLUSTER")


@both
def test_a1_topics_may_be_empty_if_a_pattern_is_set(scene, peer):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 2)
    scene.daemon()
    assert refused(peer, []).name == "NO_TOPICS"
    one = peer([], topics_include=f"^{re.escape(topic)}$")
    one.wait_claims([(topic, 0)]).wait_messages(2)


# ---- A2 -----------------------------------------------------------------------------------------


@both
def test_a2_a_client_carries_one_consumer_after_the_other(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 4)
    daemon = scene.daemon()
    client = Client.open(scene.library, scene.hub.run_blocking, socket=daemon.socket_path,
                         name="two-in-a-row", dwell_time="700ms")
    try:
        assert client.get_option("dwell.time") in ("700", "700ms")
        assert client.get_option("name") == "two-in-a-row"
        assert client.get_option("socket") == str(daemon.socket_path)
        assert client.get_option("credit.messages") == "20000"
        assert client.get_option("strategy") is None and client.get_option("weather") is None
        assert n_connections(scene) == 1
        first = scene.peer("lib", topic, client=client)
        assert n_connections(scene) == 1
        assert refused(client.open_consumer, "g", [topic]).name == "BUSY"
        first.mark(first.wait_messages(4)[1])
        first.close_consumer()
        second = scene.peer("lib", topic, client=client)
        assert [m.offset for m in second.wait_messages(2)] == [2, 3]
        second.disconnect()
        third = scene.peer("lib", topic, client=client, dwell_time="300ms")
        third.wait_messages(2)
        assert client.get_option("dwell.time") in ("700", "700ms"), "the client's stay its own"
        assert n_connections(scene) == 1
        client.close()
        client.close()
        assert refused(client.open_consumer, "g", [topic]).name == "CLOSED"
        scene.wait_for(lambda: n_connections(scene) == 0, 5, "the end of the connection")
    finally:
        client.free()


@both
def test_a2_a_connection_carries_one_consumer_after_the_other(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 4)
    scene.daemon()
    wire = scene.peer("wire", topic)
    wire.mark(wire.wait_messages(4)[1])
    wire.close_consumer()
    wire.open("g", [topic])
    assert [m.offset for m in wire.wait_messages(6)[4:]] == [2, 3]
    assert refused(wire.open, "g", [topic]).name == "OUT_OF_ORDER"


# ---- A3 -----------------------------------------------------------------------------------------


@both
def test_a3_a_consumer_owns_its_connection_also_when_opening_fails(scene):
    topic = scene.topic(1)
    daemon = scene.daemon(group={"strategy": "range"})
    scene.peer("lib", topic).disconnect()  # whatever is loaded once is loaded
    scene.wait_for(lambda: n_connections(scene) == 0, 5, "no connection")
    fds = n_fds()
    for wrong in ({"group": "nobody"}, {"strategy": "roundrobin"}, {"cluster": "nowhere"},
                  {"topics": ["a b"]}, {"topics": [LONG_TOPIC]}):
        settings = {"socket": daemon.socket_path, **wrong}
        group, topics = settings.pop("group", "g"), settings.pop("topics", [topic])
        assert refused(Consumer.open, scene.library, group, topics, scene.hub.run_blocking,
                       **settings).name != "MEMORY"
        assert n_fds() == fds, wrong
    assert refused(Consumer.open, scene.library, "g", [topic], socket=f"{daemon.socket_path}-no",
                   open_timeout="100ms").name == "UNREACHABLE"
    assert n_fds() == fds
    scene.wait_for(lambda: n_connections(scene) == 0, 5, "no connection")
    for end in ("close_consumer", "disconnect"):
        one = scene.peer("lib", topic)
        assert n_connections(scene) == 1 and n_fds() > fds
        getattr(one, end)()
        scene.wait_for(lambda: n_connections(scene) == 0, 5, "the end of the connection")
        one.disconnect()
        assert n_fds() == fds


@both
def test_a3_a_refused_open_leaves_nothing_behind(scene):
    topic = scene.topic(1)
    scene.daemon()
    wire = scene.peer("wire", topic, opened=False)
    assert refused(wire.open, "g", ["a b"]).name == "BAD_TOPIC"
    assert refused(wire.open, "g", []).name == "NO_TOPICS"
    status, group = scene.status()
    assert status["daemon"]["n_connections"] == 2 and not (group and group["n_consumers"])
    wire.open("g", [topic]).wait_claims([(topic, 0)])
    wire.disconnect()
    scene.wait_for(lambda: n_connections(scene) == 0, 5, "the end of the connection")


# ---- A4 -----------------------------------------------------------------------------------------


@both
def test_a4_a_differing_group_setting_is_a_conflict_that_names_key_and_values(scene, peer):
    topic = scene.topic(1)
    scene.daemon(group={"initial.offset": "earliest"})
    first = peer(topic, commit_retries=5, dwell_time=500)
    for settings, words in (({"commit_retries": 4}, ("commit.retries", "4", "5")),
                            ({"initial_offset": "latest"}, ("initial.offset", "latest",
                                                            "earliest"))):
        error = refused(peer, topic, **settings)
        assert error.name == "CONFLICT"
        assert all(word in error.text for word in words), error.text
    peer(topic, commit_retries=5, dwell_time=800)  # equal, and a setting of the consumer's own
    peer(topic)
    first.wait_for(lambda: first.state()[0] == "joined", what="joined")


BROKEN_SETTINGS = [
    ({"commit_retries": -1}, "commit.retries"), ({"dwell_time": 0}, "dwell.time"),
    ({"dwell_time": 600_001}, "dwell.time"), ({"heartbeat_interval": 0}, "heartbeat.interval"),
    ({"heartbeat_interval": 3001, "session_timeout": 9000}, "heartbeat.interval"),
    ({"session_timeout": 0}, "session.timeout"), ({"initial_offset": "middle"}, "initial.offset"),
    ({"strategy": "random"}, "strategy"), ({"commit_interval": 1}, "commit.interval"),
    ({"mode": "sideways"}, "mode")]


@both
def test_a4_the_first_bad_setting_is_named_with_its_rule(scene, peer):
    """Each where it is opened. The file says nothing of them."""
    topic = scene.topic(1)
    scene.daemon(group={key: None for key in UNSAID})
    texts = set()
    for settings, name in BROKEN_SETTINGS:
        error = refused(peer, topic, **settings)
        assert error.name == "SETTING" and name in error.text, (settings, error)
        texts.add(error.text)
    assert len(texts) >= len(BROKEN_SETTINGS) - 1, "each has a text of its own"
    assert not (scene.status()[1] or {}).get("consumers")


@both
@pytest.mark.parametrize("settings, name", [*BROKEN_SETTINGS,
                                            ({"topics_include": "a(b"}, "topics.include"),
                                            ({"topics_include": "a", "topics_exclude": "[z-a]"},
                                             "topics.exclude")])
def test_a4_validate_names_the_first_bad_setting(scene, settings, name):
    """By the library alone where it can say it, by the daemon in any case."""
    daemon = scene.daemon(start=False)
    names = {key.replace("_", "."): value for key, value in settings.items()}
    if not name.startswith("topics"):
        with pytest.raises(KgError) as info:
            with Options(scene.library, **settings) as options:
                options.validate()
        assert info.value.name == "SETTING" and name in info.value.text
    daemon.start()
    wire = scene.peer("wire", [], opened=False)
    error = refused(wire.query, "validate", **names)
    assert error.name == "SETTING" and name in error.text
    client = Client.open(scene.library, scene.hub.run_blocking, socket=daemon.socket_path)
    try:
        error = refused(client.validate, **settings)
        assert error.name == "SETTING" and name in error.text
        client.validate(dwell_time="3s", topics_include="^a+$")
    finally:
        client.free()


@both
def test_a4_names_are_checked(scene, peer):
    scene.daemon(cluster={"allow.dynamic": "yes"})
    for topic in ("", "a b", "ä", LONG_TOPIC, ".", ".."):
        assert refused(peer, [topic]).name == "BAD_TOPIC", topic
    assert refused(peer, ["t"], group="").name in ("NO_GROUP", "FIELD", "ARGUMENT", "SETTING")
    assert refused(peer, ["t"], group="g" * 256).name in ("FIELD", "ARGUMENT")
    longest = f"{scene.name}-".ljust(249, "t")
    scene.broker.create_topic(longest, 1)
    peer([longest], group=f"{scene.name}-".ljust(255, "g")).wait_claims([(longest, 0)])


@both
def test_a4_the_defaults_are_sane(scene, peer):
    """Nothing is set, on a file that says no more than where the cluster is."""
    topic = scene.topic(1)
    own = {"instance.id": ""} if scene.broker.is_mock else {}
    daemon = scene.daemon(group_plain={"group.id": f"{scene.group_id}-plain", "cluster": "main",
                                       **own})
    one = peer(topic, group="plain")
    one.wait_claims([(topic, 0)])
    row = scene.status(group="plain")[1]
    assert (row["strategy"], row["initial_offset"]) == ("range", "latest")
    scene.witness.fill(topic, 0, 1)
    one.mark(one.wait_messages(1)[0])
    scene.wait_committed(topic, 0, 1, group=f"{scene.group_id}-plain")
    assert daemon.alive()


# ---- A5 -----------------------------------------------------------------------------------------


@both
def test_a5_close_commits_what_was_marked_and_no_more(scene, peer):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    scene.daemon(group=NEVER)
    one = peer(topic)
    one.wait_messages(10)
    one.mark(one.of(topic, 0)[2])
    one.close_consumer()
    assert (scene.committed(topic, 0), scene.committed(topic, 1)) == (3, None)
    scene.witness.fill(topic, 0, 1)
    scene.hub.quiet(0.2)
    assert len([t for t in one.taken if t[0] == "message"]) == 10, "delivered after close"
    assert one.places() == []


@both
def test_a5_closing_again_is_fine(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group=NEVER)
    one = scene.peer("lib", topic)
    one.mark(one.wait_messages(3)[1])
    for _ in range(3):
        one.close_consumer()
        assert scene.committed(topic, 0) == 2
    assert refused(one.mark, one.messages[2]).name == "CLOSED"
    assert one.state()[0] == "closed"


@both
def test_a5_close_is_not_notified(scene, peer):
    topic = scene.topic(1)
    scene.daemon()
    one = peer(topic, notifications=True)
    one.wait_notified("start", "ok")
    one.close_consumer()
    scene.hub.quiet(0.2)
    assert one.kinds() == ["start", "ok"]


@mock("faults are the mock's")
def test_a5_the_final_commit_is_tried_again(scene, peer):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={**NEVER, "commit.retries": 3})
    one = peer(topic)
    one.mark(one.wait_messages(3)[2])
    scene.broker.fail(API_OFFSET_COMMIT, "OFFSET_METADATA_TOO_LARGE", 2)
    one.close_consumer()
    assert scene.committed(topic, 0) == 3


@mock("faults are the mock's")
def test_a5_a_final_commit_that_fails_is_said(scene, peer):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={**NEVER, "commit.retries": 0})
    one = peer(topic)
    one.mark(one.wait_messages(3)[2])
    scene.broker.fail(API_OFFSET_COMMIT, "OFFSET_METADATA_TOO_LARGE", 1000)
    assert refused(one.close_consumer).name == "COMMIT"


# ---- A6 -----------------------------------------------------------------------------------------


@both
def test_a6_opening_resolves_when_the_group_is_joined(scene, peer):
    topic = scene.topic(1)
    scene.daemon()
    one = peer(topic)
    one.wait_for(lambda: one.state()[0] == "joined", what="joined")
    assert scene.status()[1]["state"] == "joined"


@both
def test_a6_a_broker_that_is_down_is_a_state_with_a_text(scene, peer):
    daemon = scene.daemon(cluster={"bootstrap.servers": NOBODY})
    one = peer("t", **peer.no_wait)
    one.wait_for(lambda: "1" in (one.state()[1] or "") and one.state()[0] in (
        "connecting", "failed"), what="a state that says why")
    assert NOBODY in one.wait_error_named("BROKER").text + one.state()[1]
    one.close_consumer()
    assert daemon.alive()


@mock("the real one serves other tests")
def test_a6_it_goes_on_when_the_broker_comes_back(scene, peer):
    topic = scene.topic(1)
    scene.broker.down()
    scene.daemon()
    one = peer(topic, **peer.no_wait)
    one.wait_error_named("BROKER")
    scene.broker.up()
    one.wait_claims([(topic, 0)], timeout_s=30)
    assert one.state()[0] == "joined"


# ---- A7 -----------------------------------------------------------------------------------------


class WireQueries:
    def __init__(self, wire):
        self.wire = wire

    def topics(self, group=None):
        rows = self.ask("topics", group)["topics"]
        return {row["name"]: row["partitions"] for row in rows}

    def partitions(self, topic, group=None):
        return [row["partition"] for row in self.ask("partitions", group, topic=topic)[
            "partitions"]]

    def offset(self, topic, partition, at, group=None):
        return self.ask("offset", group, topic=topic, partition=partition, at=at)["offset"]

    def refresh(self, group=None):
        self.ask("refresh", group)

    def ask(self, what, group, **arguments):
        return self.wire.query(what, **arguments, **({"group": group} if group else {}))


class LibQueries:
    def __init__(self, client):
        self.topics, self.partitions = client.get_topics, client.get_partitions
        self.offset, self.refresh = client.get_offset, client.refresh


@pytest.fixture
def asking(scene, kind):
    """Makes a client that is no consumer, and its queries."""
    clients = []

    def make():
        if kind == "wire":
            return WireQueries(scene.peer("wire", [], opened=False))
        clients.append(Client.open(scene.library, scene.hub.run_blocking,
                                   socket=scene.daemons[-1].socket_path))
        return LibQueries(clients[-1])
    yield make
    for client in clients:
        client.free()


@both
def test_a7_queries_without_a_consumer(scene, asking):
    topic = scene.topic(3)
    scene.witness.fill(topic, 1, 7)
    scene.daemon(cluster={"allow.dynamic": "yes"})
    queries = asking()
    assert queries.topics()[topic] == 3
    assert queries.partitions(topic) == [0, 1, 2]
    assert queries.offset(topic, 1, "earliest") == 0
    assert queries.offset(topic, 1, "latest") == 7
    assert queries.offset(topic, 0, "latest") == 0
    assert queries.topics(group="g")[topic] == 3
    assert queries.offset(topic, 1, "latest", group="g") == 7
    queries.refresh()
    assert refused(queries.offset, topic, 9, "latest").name in ("UNKNOWN_TOPIC", "BAD_QUERY")


@real("the mock finds no times, and makes every topic that is asked for")
def test_a7_an_offset_by_time_and_what_is_not_there(scene, asking):
    topic = scene.topic(1)
    scene.witness.produce(topic, 0, [{"value": b"", "timestamp": t} for t in (1000, 2000, 3000)])
    scene.daemon(cluster={"allow.dynamic": "yes"})
    queries = asking()
    assert [queries.offset(topic, 0, t) for t in (0, 1001, 3000, 3001)] == [0, 1, 2, 3]
    scene.broker.delete_records(topic, 0, 1)
    assert [queries.offset(topic, 0, at) for at in ("earliest", "latest")] == [1, 3]
    assert refused(queries.partitions, f"{topic}-no").name == "UNKNOWN_TOPIC"


@both
def test_a7_the_access_rules_apply(scene, asking):
    """Who may ask is who could open: a group that may be used, or a cluster that lets clients open
    theirs, and the topics that it names for them."""
    topic = scene.topic(1)
    daemon = scene.daemon(group={"allow.users": "games"}, group_open={
        "group.id": f"{scene.group_id}-open", "cluster": "main"})
    with as_user("nobody"):
        denied, allowed = asking(), asking()
    assert refused(allowed.topics).name == "NO_GROUP"
    assert refused(allowed.topics, group="unknown").name == "NO_GROUP"
    assert allowed.topics(group="open")[topic] == 1
    assert allowed.offset(topic, 0, "latest", group="open") == 0
    assert refused(denied.offset, topic, 0, "latest", group="g").name == "NO_GROUP"
    daemon.sections["cluster main"] |= {"allow.dynamic": "yes", "allow.topics": "shop-*"}
    daemon.write_config()
    daemon.reload()
    with as_user("nobody"):
        other = asking()
    assert topic not in other.topics()
    assert refused(other.offset, topic, 0, "latest").name == "UNKNOWN_TOPIC"


# ---- A8 -----------------------------------------------------------------------------------------


@both
def test_a8_every_field_of_the_ancestor_has_a_row():
    """docs/parity.md maps each to a key here, or says why there is none."""
    fields = [line.strip() for line in (Path(__file__).parent / "ancestor_fields.txt").read_text(
        encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]
    document = (ROOT / "docs/parity.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split("|") for line in document.splitlines() if line.startswith("|")]
    mapped = {name for row in rows if len(row) > 1 and row[1].strip()
              for name in re.findall(r"`([^`]+)`", row[0])}
    missing = [field for field in fields if field not in mapped]
    assert len(fields) > 60 and not missing, f"no row in docs/parity.md: {missing}"
