# SPDX-License-Identifier: MIT
"""Marks and commits: what was marked stands in Kafka, and nothing else does."""
import pytest

from harness.broker import API_OFFSET_COMMIT
from harness.protocol import VERDICTS

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock

NEVER = {"commit.interval": "1h"}
ACCEPTED, IGNORED, STALE = (VERDICTS[n] for n in ("ACCEPTED", "IGNORED", "STALE"))
NOT_OWNED, OUT_OF_RANGE = VERDICTS["NOT_OWNED"], VERDICTS["OUT_OF_RANGE"]


@both
def test_a_mark_is_committed_as_mark_plus_one_by_itself(scene):
    """D5, F5: marks 3 and 4 on two partitions are committed as 4 and 5, the others have none."""
    topic = scene.topic(4)
    for partition in range(4):
        scene.witness.fill(topic, partition, 10)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(40)
    client.mark(client.of(topic, 0)[3])
    client.mark(client.of(topic, 1)[4])
    scene.wait_committed(topic, 0, 4)
    scene.wait_committed(topic, 1, 5)
    assert scene.committed(topic, 2) is None
    assert scene.committed(topic, 3) is None


@both
def test_what_is_not_marked_comes_again(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    first = scene.consumer(topic)
    first.mark(first.wait_messages(10)[3])
    first.disconnect()
    second = scene.consumer(topic)
    assert [m.offset for m in second.wait_messages(6)] == [4, 5, 6, 7, 8, 9]


@both
def test_marks_sent_just_before_the_connection_breaks_count(scene):
    """The socket of a process that went is read to its end."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    first = scene.consumer(topic)
    for message in first.wait_messages(10)[:8]:
        first.mark(message)
    first.disconnect()
    second = scene.consumer(topic)
    assert [m.offset for m in second.wait_messages(2)] == [8, 9]
    scene.wait_committed(topic, 0, 8)


@both
def test_a_commit_is_answered_when_kafka_has_it(scene):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    scene.daemon(group=NEVER)
    client = scene.consumer(topic)
    client.wait_messages(10)
    client.mark(client.of(topic, 0)[1])
    client.mark(client.of(topic, 1)[4])
    scene.hub.quiet()
    assert scene.committed(topic, 0) is None
    client.commit()
    assert (scene.committed(topic, 0), scene.committed(topic, 1)) == (2, 5)
    client.commit()  # nothing new: answered all the same


@both
def test_many_commits_at_once_are_each_answered(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 50)
    scene.daemon(group=NEVER)
    client = scene.consumer(topic)
    requests = []
    for message in client.wait_messages(50):
        client.mark(message)
        requests.append(client.start("commit"))
    assert [client.wait_reply(r).code for r in requests] == [0] * 50
    assert scene.committed(topic, 0) == 50


@both
def test_close_commits_what_was_marked_and_no_more(scene):
    """A5."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    scene.daemon(group=NEVER)
    client = scene.consumer(topic)
    client.wait_messages(10)
    client.mark(client.of(topic, 0)[2])
    client.close_consumer()
    assert (scene.committed(topic, 0), scene.committed(topic, 1)) == (3, None)


@both
def test_a_connection_can_open_again_after_a_close(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    client = scene.consumer(topic)
    client.mark(client.wait_messages(5)[1])
    client.close_consumer()
    client.open("g", [topic])
    assert [m.offset for m in client.wait_messages(3)] == [2, 3, 4]


@both
def test_metadata_is_committed_and_comes_back_with_the_claim(scene):
    """D7."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    first = scene.consumer(topic)
    first.mark(first.wait_messages(5)[2], metadata="état 2 ✓")
    scene.wait_committed(topic, 0, 3)
    assert scene.witness.committed(scene.group_id, topic, 0).metadata == "état 2 ✓"
    first.close_consumer()
    second = scene.consumer(topic).wait_claims([(topic, 0)])
    assign = second.claim(topic, 0).assign
    assert (assign.committed, assign.metadata) == (3, "état 2 ✓")


@both
@pytest.mark.parametrize("verb", ["mark", "reset", "resume"])
def test_metadata_with_a_nul_is_refused(scene, verb):
    """librdkafka would copy the text to its NUL, and so many bytes of our heap as the rest had."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(5)
    claim = client.claim(topic, 0)
    bad = "a\0" + "x" * 2000
    if verb == "resume":
        claim.marked, claim.metadata = 3, bad
        client.reconnect()
    else:
        client.send(verb, 0, [[claim.id, claim.epoch, 2, "good"], [claim.id, claim.epoch, 3, bad]])
    assert client.wait_end() == "FIELD"
    scene.hub.quiet(0.3)
    assert scene.committed(topic) is None


@both
def test_metadata_survives_a_restart_of_the_daemon(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    daemon = scene.daemon()
    first = scene.consumer(topic)
    first.mark(first.wait_messages(5)[2], metadata="kept")
    first.close_consumer()
    first.disconnect()
    daemon.restart()
    second = scene.consumer(topic).wait_claims([(topic, 0)])
    assert second.claim(topic, 0).assign.metadata == "kept"


@both
def test_marks_go_forward_only_and_say_what_became_of_them(scene):
    """D1, D4."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    messages = client.wait_messages(10)
    claim = client.claim(topic, 0)
    assert client.mark(messages[5], answer=True) == ACCEPTED
    assert client.mark(messages[5], answer=True) == IGNORED
    assert client.mark(messages[2], answer=True) == IGNORED
    entries = [[claim.id, claim.epoch, 7, None], [claim.id + 1000, claim.epoch, 7, None],
               [claim.id, claim.epoch - 1, 8, None], [claim.id, claim.epoch, 10, None],
               [claim.id, claim.epoch, 9, None], [claim.id, claim.epoch, -1, None]]
    assert client.mark_entries(entries, answer=True) == [
        ACCEPTED, NOT_OWNED, STALE, OUT_OF_RANGE, ACCEPTED, OUT_OF_RANGE]
    scene.wait_committed(topic, 0, 10)


@both
def test_a_mark_at_the_end_is_refused_until_the_message_exists(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(3)
    claim = client.claim(topic, 0)
    assert client.mark_entries([[claim.id, claim.epoch, 3, None]], answer=True) == OUT_OF_RANGE
    scene.witness.fill(topic, 0, 1)
    assert client.mark_entries([[claim.id, claim.epoch, 3, None]], answer=True) == ACCEPTED
    scene.wait_committed(topic, 0, 4)


@both
def test_marking_does_not_need_delivery(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic, options={"window": None}).wait_claims([(topic, 0)])
    claim = client.claim(topic, 0)
    assert client.mark_entries([[claim.id, claim.epoch, 4, None]], answer=True) == ACCEPTED
    scene.wait_committed(topic, 0, 5)


@both
@pytest.mark.parametrize("how", ["commit", "close", "disconnect"])
def test_a_mark_whose_end_has_to_be_asked_for_is_covered_by_what_follows_it(scene, how):
    """The daemon has to ask the broker whether the mark is valid: it may not be overtaken."""
    topic = scene.topic(1)
    scene.daemon(group=NEVER)
    client = scene.consumer(topic, options={"window": None}).wait_claims([(topic, 0)])
    claim = client.claim(topic, 0)
    scene.witness.fill(topic, 0, 10)
    client.mark_entries([[claim.id, claim.epoch, 9, None]])
    if how == "commit":
        client.commit()
        assert scene.committed(topic, 0) == 10
    elif how == "close":
        client.close_consumer()
        assert scene.committed(topic, 0) == 10
    else:
        client.disconnect()
        scene.daemons[0].stop()
        assert scene.committed(topic, 0) == 10


@both
def test_each_mark_of_a_long_list_is_checked_against_the_end(scene):
    topic = scene.topic(40)
    scene.daemon()
    client = scene.consumer(topic, options={"window": None})
    client.wait_claims([(topic, p) for p in range(40)])
    claims = sorted(client.claims.values(), key=lambda c: c.partition)
    entries = [[c.id, c.epoch, 0, None] for c in claims]
    assert client.mark_entries(entries, answer=True) == [OUT_OF_RANGE] * 40
    for offset in range(15):  # at once after the message is there, before the fetchers know
        scene.witness.produce_each(topic, 40, b"x")
        entries = [[c.id, c.epoch, offset, None] for c in claims]
        assert client.mark_entries(entries, answer=True) == [ACCEPTED] * 40


@real("the mock's log of commits cannot be read")
def test_nothing_new_marked_is_no_commit_request(scene):
    """D5: the broker's log of commits does not grow while nothing is marked."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={"commit.interval": "10ms"})
    client = scene.consumer(topic)
    client.mark(client.wait_messages(3)[2])
    scene.wait_committed(topic, 0, 3)
    scene.hub.quiet(0.2)
    before = scene.witness.n_commits(scene.group_id)
    client.mark(client.messages[2])
    scene.hub.stays(lambda: not client.closed, 1)
    assert scene.witness.n_commits(scene.group_id) == before


# ---- commits that fail --------------------------------------------------------------------------


@mock("faults are the mock's")
def test_a_failed_commit_is_tried_again(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={"commit.retries": 3})
    client = scene.consumer(topic)
    client.wait_messages(3)
    scene.broker.fail(API_OFFSET_COMMIT, "OFFSET_METADATA_TOO_LARGE", 2)
    client.mark(client.messages[2])
    scene.wait_committed(topic, 0, 3)
    assert not client.errors


@mock("faults are the mock's")
def test_a_commit_that_keeps_failing_is_an_error_and_the_marks_are_kept(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={"commit.retries": 1})
    client = scene.consumer(topic)
    client.wait_messages(3)
    scene.broker.fail(API_OFFSET_COMMIT, "OFFSET_METADATA_TOO_LARGE", 1000)
    client.mark(client.messages[2])
    error = client.wait_error("COMMIT")
    assert error.context == "commit" and not error.fatal
    assert "too large" in error.text.lower() or "OFFSET_METADATA_TOO_LARGE" in error.text
    assert scene.committed(topic, 0) is None
    scene.broker.mend()
    scene.wait_committed(topic, 0, 3)


@mock("faults are the mock's")
def test_a_commit_request_that_fails_is_answered_with_kafkas_reason(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={**NEVER, "commit.retries": 0})
    client = scene.consumer(topic)
    client.mark(client.wait_messages(3)[2])
    scene.broker.fail(API_OFFSET_COMMIT, "OFFSET_METADATA_TOO_LARGE", 1000)
    reply = client.wait_reply(client.start("commit"))
    assert reply.code == 40
    assert "metadata" in reply.text.lower()
    scene.broker.mend()
    client.commit()
    assert scene.committed(topic, 0) == 3


@real("the mock does not bound the metadata")
def test_metadata_that_kafka_refuses_is_an_error_and_a_shorter_one_heals_it(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    scene.daemon(group={"commit.retries": 0})
    client = scene.consumer(topic)
    client.wait_messages(3)
    client.mark(client.messages[0], metadata="m" * 5000)
    error = client.wait_error("COMMIT")
    assert (error.context, error.topic, error.partition) == ("commit", topic, 0)
    assert "METADATA_TOO_LARGE" in error.text
    client.mark(client.messages[1], metadata="short")
    scene.wait_committed(topic, 0, 2)
