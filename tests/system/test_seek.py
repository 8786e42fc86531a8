# SPDX-License-Identifier: MIT
"""Resets move what will be committed, seeks move the delivery."""
import pytest

from harness.client import Refused
from harness.protocol import ERROR_NAMES

both = pytest.mark.both
mock = pytest.mark.mock
real = pytest.mark.real

ACCEPTED, IGNORED, STALE, NOT_OWNED, OUT_OF_RANGE = range(5)


def reset(client, claim, offset, metadata=None, epoch=None):
    request = client.start("reset", [[claim.id, epoch or claim.epoch, offset, metadata]])
    return client.wait_for(lambda: client.verdicts.get(request), what="MARKED")[0]


def seek(client, whence, value=0, claims=()):
    client.ask("seek", [c.id for c in claims], whence, value)


def epochs(client):
    return [f for f in client.frames if type(f).__name__ == "epoch"]


# ---- reset --------------------------------------------------------------------------------------


@both
def test_a_reset_moves_the_committed_offset_back_and_not_the_delivery(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    client.mark(client.wait_messages(10)[7])
    scene.wait_committed(topic, 0, 8)
    claim = client.claim(topic, 0)
    assert reset(client, claim, 3, "back") == ACCEPTED
    scene.wait_committed(topic, 0, 4)
    assert scene.witness.committed(scene.group_id, topic, 0)[1] == "back"
    assert reset(client, claim, 5) == IGNORED
    assert client.mark_entries([[claim.id, claim.epoch, 8, None]], answer=True) == ACCEPTED
    scene.wait_committed(topic, 0, 9)
    assert len(client.messages) == 10


@both
def test_a_reset_counts_where_nothing_was_committed(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(10)
    claim = client.claim(topic, 0)
    assert reset(client, claim, 10) == OUT_OF_RANGE
    assert reset(client, claim, 4) == ACCEPTED
    scene.wait_committed(topic, 0, 5)


@both
def test_a_reset_of_what_is_not_held_is_answered(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = scene.consumer(topic)
    claim = client.wait_claims([(topic, 0)]).claim(topic, 0)
    assert reset(client, claim, -1) == OUT_OF_RANGE
    assert reset(client, claim, 0, epoch=claim.epoch - 1) == STALE
    request = client.start("reset", [[99, claim.epoch, 0, None]])
    assert client.wait_for(lambda: client.verdicts.get(request)) == [NOT_OWNED]


# ---- seek ---------------------------------------------------------------------------------------


@both
def test_a_seek_goes_to_an_offset_and_voids_what_was_before(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic)
    old = client.wait_messages(10)[9]
    client.mark(client.messages[5])
    scene.wait_committed(topic, 0, 6)
    seek(client, "offset", 2)
    assert [(e.offset, e.reason) for e in epochs(client)] == [(2, "seek")]
    messages = client.wait_messages(18)[10:]
    assert [m.offset for m in messages] == list(range(2, 10))
    assert client.mark(old, answer=True) == STALE
    assert scene.committed(topic) == 6, "the seek committed something"
    assert client.mark(messages[0], answer=True) == ACCEPTED
    scene.wait_committed(topic, 0, 3)


@both
def test_a_seek_finds_the_ends_and_so_many_back(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 6)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(6)
    client.mark(client.messages[4])
    scene.wait_committed(topic, 0, 5)
    for whence, value, offset in (("earliest", 0, 0), ("latest", 0, 6), ("offset", 6, 6),
                                  ("offset", 5, 5), ("back", 2, 3), ("back", 100, 0)):
        seek(client, whence, value)
        assert epochs(client)[-1].offset == offset, whence


@real("the mock finds no times")
def test_a_seek_finds_a_time(scene):
    topic = scene.topic(1)
    scene.witness.produce(topic, 0, [{"value": b"", "timestamp": t} for t in (1000, 2000, 3000)])
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(3)
    for time_ms, offset in ((0, 0), (1000, 0), (1001, 1), (3000, 2), (3001, 3)):
        seek(client, "time", time_ms)
        assert epochs(client)[-1].offset == offset, time_ms


@both
def test_a_seek_ahead_skips(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon()
    client = scene.consumer(topic, options={"window": (2, 1 << 20)})
    client.wait_messages(2)
    seek(client, "offset", 8)
    client.hub.quiet()
    assert [m.offset for m in client.messages if m.epoch == epochs(client)[-1].epoch][:1] == [8]


@both
def test_a_seek_is_made_for_all_claims_or_none(scene):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 3)
    scene.witness.fill(topic, 1, 5)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(8)
    with pytest.raises(Refused) as refused:
        seek(client, "offset", 4)  # partition 0 ends at 3
    assert refused.value.name == "OFFSET_OUT_OF_RANGE"
    assert "0 to 3" in refused.value.text
    claim = client.claim(topic, 1)
    with pytest.raises(Refused) as refused:
        client.ask("seek", [claim.id, 77], "earliest", 0)
    assert refused.value.name == "NO_CLAIM"
    assert not epochs(client)
    seek(client, "offset", 4, [claim])
    assert [e.claim for e in epochs(client)] == [claim.id]
    seek(client, "earliest")
    assert len(epochs(client)) == 3


@mock("the broker plays no part")
def test_a_seek_of_nothing_is_done_and_a_wrong_word_is_refused(scene):
    scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1"})
    client = scene.consumer("t")
    seek(client, "earliest")
    client.send("seek", 7, [], "sideways", 0)
    assert client.wait_end() == "FIELD"


@both
def test_a_seek_right_after_the_join_is_not_lost(scene):
    """The fetcher may lose a seek within a second of an assign: it is held, and made."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.witness.commit(scene.group_id, topic, 0, 5)
    scene.daemon()
    client = scene.consumer(topic)
    client.wait_claims([(topic, 0)])
    seek(client, "offset", 1)
    assert [m.offset for m in client.wait_messages(4, timeout_s=5)] == [1, 2, 3, 4]


@both
def test_a_mark_told_again_does_not_undo_a_seek(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    scene.daemon(group={"commit.interval": "60s"})
    client = scene.consumer(topic)
    client.mark(client.wait_messages(10)[9])
    seek(client, "offset", 2)
    client.wait_messages(18)
    client.reconnect()
    assert client.wait_messages(8)[0].offset == 2


@both
def test_a_seek_lifts_the_stop_at_a_message_that_is_too_large(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 1)
    scene.witness.produce(topic, 0, [{"value": b"x" * 100000}])
    scene.witness.fill(topic, 0, 1)
    scene.daemon()
    client = scene.consumer(topic, options={"max_frame": 65536})
    client.wait_error("MESSAGE_TOO_LARGE")
    seek(client, "offset", 2)
    assert client.wait_messages(2)[1].offset == 2
    assert ERROR_NAMES[client.errors[0].code] == "MESSAGE_TOO_LARGE"
