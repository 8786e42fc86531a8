# SPDX-License-Identifier: MIT
"""B: topics and where to begin."""
import re
from pathlib import Path

import pytest

from harness.client import Refused

both = pytest.mark.both
real = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"topic.metadata.refresh.interval.ms": "600"}


def named_topics(scene, *endings):
    """Topics <scene>-topic-a and so on, with one partition."""
    names = {ending: f"{scene.name}-topic-{ending}" for ending in endings}
    for name in names.values():
        scene.broker.create_topic(name, 1)
    return names


def own(scene, pattern):
    """The pattern, kept to the topics of this test."""
    return f"^{re.escape(scene.name)}-{pattern}"


# ---- B1 -----------------------------------------------------------------------------------------


@both
def test_b1_several_topics_in_one_consumer(scene, peer):
    topics = [scene.topic(2) for _ in range(3)]
    for topic in topics:
        for partition in range(2):
            scene.witness.fill(topic, partition, 10)
    scene.daemon()
    one = peer(topics).wait_claims([(t, p) for t in topics for p in range(2)])
    one.wait_messages(60)
    for topic in topics:
        for partition in range(2):
            assert one.offsets(topic, partition) == list(range(10))


# ---- B2 -----------------------------------------------------------------------------------------


@both
def test_b2_the_blacklist_wins_over_the_whitelist(scene, peer):
    topics = named_topics(scene, "a", "b", "c", "d")
    scene.daemon()
    one = peer([], topics_include=own(scene, r"topic-\w+"), topics_exclude="[bcd]$")
    one.wait_claims([(topics["a"], 0)])
    scene.hub.quiet(0.5)
    assert one.places() == [(topics["a"], 0)]


@both
def test_b2_explicit_topics_are_never_filtered(scene, peer):
    topics = named_topics(scene, "a", "b", "c")
    scene.daemon()
    one = peer([topics["b"]], topics_include=own(scene, "topic-"), topics_exclude="[bc]$")
    one.wait_claims([(topics["a"], 0), (topics["b"], 0)])


@both
def test_b2_a_blacklist_alone_adds_nothing(scene, peer):
    topics = named_topics(scene, "a", "b")
    scene.daemon()
    with pytest.raises(Refused) as refused:
        peer([], topics_exclude="b$")
    assert refused.value.name == "NO_TOPICS"
    peer([topics["a"]], topics_exclude="a$").wait_claims([(topics["a"], 0)])


@both
def test_b2_the_search_is_not_anchored(scene, peer):
    topics = named_topics(scene, "one-needle-two", "hay")
    scene.daemon()
    needle = scene.name[-8:] + "-topic-one-nee"
    peer([], topics_include=needle).wait_claims([(topics["one-needle-two"], 0)])


# ---- B3 -----------------------------------------------------------------------------------------


@real("the mock makes every topic that is asked for")
def test_b3_a_new_topic_that_matches_is_picked_up(scene, peer):
    topics = named_topics(scene, "a")
    scene.daemon(kafka=QUICK)
    one = peer([], topics_include=own(scene, "topic-[a-m]$")).wait_claims([(topics["a"], 0)])
    topics |= named_topics(scene, "b", "z")
    scene.witness.fill(topics["b"], 0, 3)
    one.wait_claims([(topics["a"], 0), (topics["b"], 0)], timeout_s=15)
    one.wait_for(lambda: one.offsets(topics["b"], 0) == [0, 1, 2], what="its messages")


@real("the mock makes every topic that is asked for")
def test_b3_refresh_finds_a_new_topic_at_once(scene, peer):
    """Without waiting for the interval, which is long here."""
    topics = named_topics(scene, "a")
    scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "300000"})
    one = peer([], topics_include=own(scene, "topic-")).wait_claims([(topics["a"], 0)])
    topics |= named_topics(scene, "b")
    scene.hub.stays(lambda: one.places() == [(topics["a"], 0)], 1.5, "nothing new by itself")
    with scene.asking() as asking:
        asking.query("refresh", group="g")
    one.wait_claims([(topics["a"], 0), (topics["b"], 0)], timeout_s=15)


@real("the mock cannot add partitions")
def test_b3_a_new_partition_is_picked_up(scene, peer):
    topic = scene.topic(1)
    scene.daemon(kafka=QUICK)
    one = peer(topic).wait_claims([(topic, 0)])
    scene.broker.add_partitions(topic, 3)
    scene.witness.fill(topic, 2, 2)
    one.wait_claims([(topic, p) for p in range(3)], timeout_s=15)
    one.wait_for(lambda: one.offsets(topic, 2) == [0, 1], what="its messages")


@real("the mock cannot delete topics")
@pytest.mark.parametrize("by", ["name", "pattern"])
def test_b3_a_deleted_topic_is_an_error_and_the_rest_goes_on(scene, peer, by):
    topics = named_topics(scene, "a", "b")
    scene.daemon(kafka=QUICK)
    one = peer(list(topics.values())) if by == "name" else peer(
        [], topics_include=own(scene, "topic-"))
    one.wait_claims([(t, 0) for t in topics.values()])
    scene.broker.delete_topic(topics["a"])
    error = one.wait_error_named("UNKNOWN_TOPIC", topic=topics["a"])
    assert error.context in ("topics", "partition")
    scene.witness.fill(topics["b"], 0, 3)
    one.wait_for(lambda: one.offsets(topics["b"], 0) == [0, 1, 2], what="the rest")
    one.wait_claims([(topics["b"], 0)], timeout_s=30)


# ---- B4 -----------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("initial, start, offsets", [(None, 5, [5, 6]), ("latest", 5, [5, 6]),
                                                     ("earliest", 0, [0, 1, 2, 3, 4, 5, 6])])
def test_b4_without_a_committed_offset_it_begins_at_initial_offset(scene, peer, initial, start,
                                                                    offsets):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 5)
    daemon = scene.daemon(group={"initial.offset": None})
    settings = {"initial_offset": initial} if initial else {}
    one = peer(topic, **settings).wait_claims([(topic, 0)])
    info = one.info(topic, 0)
    assert (info.initial, info.start, info.committed) == (-2 if initial == "earliest" else -1,
                                                          start, -1)
    scene.witness.fill(topic, 0, 2, first=5)
    one.wait_messages(len(offsets))
    assert one.offsets(topic, 0) == offsets
    status = scene.status()[1]
    assert status["initial_offset"] == (initial or "latest")
    daemon.wait_log(rf"starts at {initial or 'latest'}")


@both
def test_b4_the_default_is_told_with_the_setting_that_changes_it(scene, peer):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 5)
    daemon = scene.daemon(group={"initial.offset": None})
    peer(topic).wait_claims([(topic, 0)])
    daemon.wait_log(r"initial\.offset")
    warning, = scene.status()[1]["warnings"]
    assert "initial.offset = latest" in warning["text"]
    assert "initial.offset = earliest" in warning["command"]


@both
def test_b4_it_is_the_first_entry_of_troubleshooting():
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    first = re.search(r"^## (.*?)$(.*?)^## ", text, re.M | re.S)
    assert first.group(1) == "I receive nothing"
    assert "initial.offset" in first.group(2).split("\n\n")[1]


# ---- B5 -----------------------------------------------------------------------------------------


@both
def test_b5_a_committed_offset_beyond_the_log(scene, peer):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 10)
    scene.witness.commit(scene.group_id, topic, 0, 5000)
    scene.daemon()
    one = peer(topic)
    error = one.wait_error_named("OFFSET_RESET")
    assert (error.topic, error.partition) == (topic, 0) and "5000" in error.text
    one.wait_messages(10)
    assert one.offsets(topic, 0) == list(range(10))


@real("the mock cannot delete records")
@pytest.mark.parametrize("initial", ["earliest", "latest"])
def test_b5_a_committed_offset_that_retention_took(scene, peer, initial):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 50)
    scene.witness.commit(scene.group_id, topic, 0, 10)
    scene.broker.delete_records(topic, 0, 30)
    scene.daemon(group={"initial.offset": initial})
    one = peer(topic)
    one.wait_error_named("OFFSET_RESET")
    scene.witness.fill(topic, 0, 1, first=50)
    one.wait_for(lambda: one.offsets(topic, 0)[-1:] == [50], what="the newest message")
    assert one.offsets(topic, 0) == list(range(30 if initial == "earliest" else 50, 51))


@real("the mock cannot delete records")
@pytest.mark.parametrize("initial, rest", [("earliest", list(range(90, 100))), ("latest", [])])
def test_b5_records_that_go_while_it_runs(scene, peer, initial, rest):
    """What is ahead of the position is deleted; it goes on where initial.offset says, with an
    event."""
    topic = scene.topic()
    for first in range(0, 100, 5):  # small batches: a batch is fetched as a whole
        scene.witness.fill(topic, 0, 5, 1000, first=first)
    scene.witness.commit(scene.group_id, topic, 0, 0)
    scene.daemon(group={"kafka.queued.min.messages": "5", "initial.offset": initial,
                        "kafka.fetch.message.max.bytes": "5000"})
    one = peer(topic, window=(2, 1 << 20))
    one.on_message = lambda message: setattr(one, "reading", False)
    one.wait_messages(1)
    scene.broker.delete_records(topic, 0, 90)
    one.on_message, one.reading = None, True
    one.wait_error_named("OFFSET_RESET")
    one.wait_for(lambda: one.offsets(topic, 0)[-len(rest):] == rest if rest else True,
                 what="the last messages")
    scene.witness.fill(topic, 0, 1, first=100)
    one.wait_for(lambda: one.offsets(topic, 0)[-1] == 100, what="the newest message")
    before = [offset for offset in one.offsets(topic, 0) if offset < 90]
    assert one.offsets(topic, 0) == before + rest + [100]
    assert before == list(range(len(before))) and len(before) < 90
