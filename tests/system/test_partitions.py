# SPDX-License-Identifier: MIT
"""Partitions mode: each claim is a stream of its own, with its own credit and its own end."""
import pytest

from harness.client import Refused

both = pytest.mark.both
mock = pytest.mark.mock

FEATURES = {"features": ("query", "partitions"), "window": None}
MUCH = (1 << 32, 1 << 32)


def consumer(scene, topic, **options):
    return scene.consumer(topic, options={**FEATURES, **options}, mode="partitions")


def everything(topic, n):
    return [(topic, p) for p in range(n)]


@both
def test_each_claim_has_its_own_credit(scene):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon()
    client = consumer(scene, topic)
    client.wait_claims(everything(topic, 2))
    client.hub.quiet()
    assert not client.messages
    client.send("credit", client.claim(topic, 1).id, 3, 1 << 20)
    client.wait_messages(3)
    client.hub.quiet()
    assert [(m.partition, m.offset) for m in client.messages] == [(1, 0), (1, 1), (1, 2)]
    client.send("credit", client.claim(topic, 0).id, *MUCH)
    client.wait_messages(13)
    assert len(client.of(topic, 0)) == 10
    client.send("credit", client.claim(topic, 1).id, 4, 1 << 20)
    assert client.wait_messages(14)[-1].offset == 3


@mock("the broker plays no part")
@pytest.mark.parametrize("mode, claim", [("partitions", 0), ("partitions", 9), ("multiplexed", 1)])
def test_credit_of_the_wrong_kind_is_refused(scene, mode, claim):
    scene.daemon()
    client = scene.consumer("t", options=FEATURES, mode=mode)
    client.send("credit", claim, 1, 1)
    assert client.wait_end() == "FIELD"


@both
def test_less_credit_of_a_claim_is_refused(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = consumer(scene, topic)
    claim = client.wait_claims([(topic, 0)]).claim(topic, 0)
    client.send("credit", claim.id, 5, 5)
    client.send("credit", claim.id, 4, 5)
    assert client.wait_end() == "CREDIT"


@both
def test_a_closed_claim_goes_to_the_sibling_and_does_not_come_back(scene):
    topic = scene.topic(4)
    scene.daemon()
    one = consumer(scene, topic)
    one.wait_claims(everything(topic, 4))
    two = consumer(scene, topic)
    scene.wait_for(lambda: len(one.places()) == len(two.places()) == 2, 15, "2 and 2")
    kept, given = (one.claim(*place) for place in one.places())
    one.ask("claim_close", given.id)
    scene.wait_for(lambda: given.place in two.places(), 15, "the sibling has it")
    assert one.places() == [kept.place]
    assert [c.released.reason for c in one.ended if c.place == given.place] == ["closed"]
    # A third one changes the distribution: the closed one still stays away.
    three = consumer(scene, topic)
    scene.wait_for(lambda: three.places(), 15, "the third has something")
    three.close_consumer()
    two.close_consumer()
    scene.wait_for(lambda: len(one.places()) == 3, 15, "all but the closed one")
    assert given.place not in one.places()
    with scene.asking() as asking:
        rows = asking.query("lag")["groups"][0]["partitions"]
    row = next(p for p in rows if p["partition"] == given.partition)
    assert row["state"] == "closed" and row["holder_pid"] is None


@both
def test_the_others_go_on_while_one_is_closed(scene):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    scene.daemon()
    client = consumer(scene, topic)
    client.wait_claims(everything(topic, 2))
    client.ask("claim_close", client.claim(topic, 0).id)
    client.wait_claims([(topic, 1)])
    client.send("credit", client.claim(topic, 1).id, *MUCH)
    assert {m.partition for m in client.wait_messages(5)} == {1}
    again = consumer(scene, topic)
    # Who did not close it may have it; the other one goes to whom the strategy says.
    scene.wait_for(lambda: (topic, 0) in again.places(), 15, "the new one has it")
    assert (topic, 0) not in client.places()


@both
def test_closing_lets_what_was_handed_out_be_marked(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    client = consumer(scene, topic, auto_done=False)
    claim = client.wait_claims([(topic, 0)]).claim(topic, 0)
    client.send("credit", claim.id, *MUCH)
    last = client.wait_messages(5)[-1]
    client.ask("claim_close", claim.id)
    client.wait_for(lambda: claim.release, what="RELEASE")
    client.mark(last)
    client.wait_for(lambda: claim in client.ended, what="RELEASED")
    scene.wait_committed(topic, 0, 5)


@both
def test_a_claim_that_is_not_held_cannot_be_closed(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = consumer(scene, topic).wait_claims([(topic, 0)])
    with pytest.raises(Refused) as refused:
        client.ask("claim_close", 99)
    assert refused.value.name == "NO_CLAIM"


@both
def test_a_closed_claim_stays_away_over_a_reconnect(scene):
    topic = scene.topic(2)
    scene.daemon()
    client = consumer(scene, topic).wait_claims(everything(topic, 2))
    client.ask("claim_close", client.claim(topic, 0).id)
    client.wait_claims([(topic, 1)])
    client.reconnect().wait_claims([(topic, 1)])
    client.hub.quiet()
    assert client.places() == [(topic, 1)]


@both
def test_reopening_gives_a_closed_claim_again(scene):
    topic = scene.topic(1)
    scene.daemon()
    client = consumer(scene, topic).wait_claims([(topic, 0)])
    client.ask("claim_close", client.claim(topic, 0).id)
    client.wait_claims([])
    client.close_consumer()
    client.open("g", [topic], mode="partitions")
    client.wait_claims([(topic, 0)])
