# SPDX-License-Identifier: MIT
"""Topics by pattern: what is matched, when new topics count, and what bad patterns cost."""
import pytest

from harness.client import Refused
from harness.protocol import ERRORS

both = pytest.mark.both
real = pytest.mark.real

# No divisor of the time after which the mock answers a member that joins again, session.timeout - 1 s:
# librdkafka starts over when a refresh falls between that answer and its assignment.
REFRESH_MS = {"topic.metadata.refresh.interval.ms": "600"}


def named(scene, suffix, n_partitions=1):
    name = f"{scene.name}-{suffix}"
    scene.broker.create_topic(name, n_partitions)
    return name


def topics_of(client):
    return sorted({topic for topic, _ in client.places()})


def row(scene, client):
    _, group = scene.status()
    return next(c for c in group["consumers"] if c["id"] == client.id.hex())


@both
def test_b2_exclude_wins_over_include(scene):
    """The example of the ancestor: only topic-a."""
    names = [named(scene, f"topic-{letter}") for letter in "abcd"]
    scene.daemon()
    client = scene.consumer([], topics_include=f"{scene.name}-topic-\\w+", topics_exclude="[bcd]$")
    client.wait_claims([(names[0], 0)])
    scene.witness.fill(names[0], 0, 2)
    client.wait_messages(2)
    status = row(scene, client)
    assert status["topics"] == [names[0]]
    assert status["topics_exclude"] == "[bcd]$"


@both
def test_b2_exclude_does_not_touch_named_topics(scene):
    names = [named(scene, f"topic-{letter}") for letter in "abc"]
    scene.daemon()
    client = scene.consumer([names[1]], topics_include=f"{scene.name}-topic", topics_exclude="b$")
    client.wait_claims([(name, 0) for name in names])


@both
def test_b2_exclude_alone_adds_nothing(scene):
    topic = named(scene, "topic-a")
    scene.daemon()
    client = scene.client()
    with pytest.raises(Refused) as refused:
        client.open("g", [], topics_exclude="b$")
    assert refused.value.name == "NO_TOPICS"
    client.open("g", [topic], topics_exclude="a$").wait_claims([(topic, 0)])


@both
def test_b2_the_search_is_unanchored_and_a_topic_counts_once(scene):
    topic = named(scene, "middle-of-it", 2)
    scene.daemon()
    client = scene.consumer([topic], topics_include=f"{scene.name}.*dle-o")
    client.wait_claims([(topic, 0), (topic, 1)])
    assert row(scene, client)["topics"] == [topic]


@both
def test_topics_of_kafka_itself_are_matched_only_by_name(scene):
    topic = named(scene, "a")
    scene.witness.commit(scene.group_id, topic, 0, 0)  # so that there is one
    scene.daemon()
    client = scene.consumer([], topics_include=".", topics_exclude=f"^(?!{scene.name}|__)")
    client.wait_claims([(topic, 0)])


@both
def test_b3_a_new_topic_is_found_in_time(scene):
    first = named(scene, "a")
    scene.daemon(kafka=REFRESH_MS)
    client = scene.consumer([], topics_include=f"^{scene.name}").wait_claims([(first, 0)])
    second = named(scene, "b", 2)
    client.wait_claims([(first, 0), (second, 0), (second, 1)], timeout_s=10)
    assert not client.errors


@both
def test_b3_nothing_matches_yet_is_a_state(scene):
    scene.daemon(kafka=REFRESH_MS)
    client = scene.consumer([], topics_include=f"^{scene.name}-later")
    scene.wait_for(lambda: client.states, 5, "STATE")
    assert client.states[-1].state == "joining"
    assert "no topic matches" in client.states[-1].text
    topic = named(scene, "later")
    client.wait_claims([(topic, 0)])
    scene.witness.fill(topic, 0, 1)
    client.wait_messages(1)


@both
def test_a_group_whose_patterns_match_nothing_is_left_with_its_consumer(scene):
    scene.daemon()
    client = scene.consumer([], topics_include=f"^{scene.name}-never")
    scene.wait_for(lambda: client.states, 5, "STATE")
    client.close_consumer()
    client.disconnect()
    scene.wait_for(lambda: scene.status()[1]["state"] == "idle", 15, "idle")
    topic = scene.topic(1)
    scene.consumer(topic).wait_claims([(topic, 0)])


@both
def test_consumers_with_patterns_share(scene):
    names = [named(scene, letter, 2) for letter in "ab"]
    everything = sorted((name, p) for name in names for p in range(2))
    scene.daemon()
    include = f"^{scene.name}"
    one = scene.consumer([], topics_include=include).wait_claims(everything)
    two = scene.consumer([], topics_include=include, topics_exclude="b$")
    scene.wait_for(lambda: len(two.places()) == 1 and sorted(one.places() + two.places())
                   == everything, 15, "a shared, b whole")
    assert topics_of(two) == [names[0]]
    two.close_consumer()
    one.wait_claims(everything)


@both
def test_a_restart_with_patterns_goes_on(scene):
    topic = named(scene, "a")
    scene.witness.fill(topic, 0, 4)
    daemon = scene.daemon()
    client = scene.consumer([], topics_include=f"^{scene.name}")
    client.mark(client.wait_messages(4)[1])
    scene.wait_committed(topic, 0, 2)
    daemon.restart()
    client.reconnect().wait_claims([(topic, 0)])
    assert [m.offset for m in client.wait_messages(2)] == [2, 3]


@both
def test_patterns_obey_allow_topics(scene):
    mine, other = named(scene, "mine"), named(scene, "other")
    scene.daemon(cluster={"allow.dynamic": "yes", "allow.topics": f"{scene.name}-m*"})
    client = scene.consumer([], group=f"{scene.name}-dyn", topics_include=f"^{scene.name}")
    client.wait_claims([(mine, 0)])
    _, group = scene.status(group=f"{scene.name}-dyn")
    assert other not in group["topics"]


# ---- real Kafka only --------------------------------------------------------------------------------


@real("the mock cannot delete topics")
def test_b3_a_deleted_topic_is_an_error_and_the_rest_go_on(scene):
    names = [named(scene, letter) for letter in "ab"]
    scene.daemon(kafka=REFRESH_MS)
    client = scene.consumer([], topics_include=f"^{scene.name}")
    client.wait_claims([(name, 0) for name in names])
    scene.broker.delete_topic(names[1])
    error = client.wait_error("UNKNOWN_TOPIC")
    assert (error.context, error.topic) == ("topics", names[1])
    client.wait_claims([(names[0], 0)])
    scene.witness.fill(names[0], 0, 3)
    client.wait_messages(3)
    scene.wait_for(lambda: scene.status()[1]["topics"] == [names[0]], 10, "one topic left")
    scene.wait_for(lambda: scene.status()[1]["last_error_code"] is None, 10, "no error any more")


@real("the mock cannot add partitions")
def test_b3_new_partitions_of_a_known_topic_are_picked_up(scene):
    topic = named(scene, "a")
    scene.daemon(kafka=REFRESH_MS)
    client = scene.consumer([], topics_include=f"^{scene.name}").wait_claims([(topic, 0)])
    scene.broker.add_partitions(topic, 3)
    client.wait_claims([(topic, p) for p in range(3)])
    scene.witness.fill(topic, 2, 1)
    client.wait_messages(1)


# ---- bad input -----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("setting", ["topics.include", "topics.exclude"])
def test_a_pattern_that_does_not_compile_is_refused_with_its_place(scene, setting):
    scene.daemon()
    client = scene.client()
    settings = {"topics_include": "a", setting.replace(".", "_"): "ab(c"}
    with pytest.raises(Refused) as refused:
        client.open("g", [], **settings)
    assert refused.value.name == "SETTING"
    assert setting in refused.value.text and "at byte 4" in refused.value.text
    with pytest.raises(Refused) as refused:
        client.open("g", [], topics_include="a" * 1025)
    assert refused.value.name == "SETTING" and "1024" in refused.value.text
    topic = named(scene, "a")
    client.open("g", [], topics_include=f"{scene.name}-a|" + "x" * (1024 - len(scene.name) - 3))
    client.wait_claims([(topic, 0)])


@both
def test_a_hostile_pattern_delays_nobody(scene):
    """300 topics of the longest names: by hand it would take 49 ms each on this pattern."""
    long = [f"{scene.name}-{i:03}-".ljust(249, "a") for i in range(300)]
    for name in long:
        scene.broker.create_topic(name, 1)
    topic = named(scene, "z")
    scene.daemon(kafka=REFRESH_MS)
    victim = scene.consumer(topic).wait_claims([(topic, 0)])
    hostile = scene.consumer([], topics_include=scene.name + "-[0-9]+-.*?(a?){13}[%&]")
    error = hostile.wait_error("SETTING")
    assert error.context == "topics" and "too long" in error.text
    scene.witness.fill(topic, 0, 100)
    victim.wait_messages(100, timeout_s=2)
    assert not [e for e in victim.errors if e.code == ERRORS["SETTING"]]
    assert row(scene, hostile)["topics_slow"] == 300
    assert hostile.places() == []
