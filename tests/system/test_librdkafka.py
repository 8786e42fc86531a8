# SPDX-License-Identifier: MIT
"""What librdkafka does to its users, and the daemon's answer to it: what waits, rewinds, skips or
stalls there must not be seen by a program."""
import time

import pytest

from harness.broker import API_FETCH

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock


def assert_no_gap(client):
    """Within a claim's epoch each offset follows the one before."""
    last = {}
    for message in client.messages:
        key = message.claim, message.epoch
        assert message.offset == last.get(key, message.offset - 1) + 1, message
        last[key] = message.offset


def everything(topic, n_partitions, n):
    return {(topic, p, o) for p in range(n_partitions) for o in range(n)}


def seen(*clients):
    return {(m.topic, m.partition, m.offset) for client in clients for m in client.messages}


@both
def test_a_rebalance_in_full_flow_skips_nothing(scene):
    """A batch that meets a rebalance, a pause or a seek loses what it holds already (below 2.1.0)."""
    topics = [scene.topic(4), *(scene.topic(1) for _ in range(4))]
    for partition in range(4):
        scene.witness.fill(topics[0], partition, 2500)
    scene.daemon()
    client = scene.consumer(topics[0], options={"window": (100, 1 << 20)})
    others = []
    for n, topic in enumerate(topics[1:], 1):
        before, rebalances = len(client.messages), scene.status()[1]["n_rebalances"]
        client.wait_messages(before + 50)
        others.append(scene.consumer(topic))
        scene.wait_for(lambda r=rebalances: scene.status()[1]["n_rebalances"] > r, 20, "a rebalance")
        others[-1].wait_claims([(topic, 0)])
    client.window = (100000, 1 << 26)
    client.credit(*client.window)
    scene.wait_for(lambda: everything(topics[0], 4, 2500) <= seen(client), 30, "every message")
    assert_no_gap(client)


@both
def test_an_idle_member_is_not_evicted(scene):
    """A queue that only wakes its reader is, to librdkafka, a queue that nobody polls."""
    topic = scene.topic(1)
    scene.daemon(group={"kafka.max.poll.interval.ms": "5000"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    before = scene.status()[1]["n_rebalances"]
    scene.hub.stays(lambda: not client.errors and client.places() == [(topic, 0)], 8)
    assert scene.status()[1]["n_rebalances"] == before
    scene.witness.fill(topic, 0, 1)
    client.wait_messages(1)


@both
def test_partitions_that_are_paused_for_memory_go_on_when_there_is_some(scene):
    """A partition that is paused in its first moment, or resumed twice, would stand or go back; a
    queue that nobody reads holds whole fetches."""
    program = (scene.builddir / "daemon/kgroupd").read_bytes()
    if b"__asan_init" in program or b"__tsan_init" in program:
        pytest.skip("a sanitizer keeps what was freed")
    topic = scene.topic(16)
    for partition in range(16):
        scene.witness.fill(topic, partition, 2000, 1000)
    daemon = scene.daemon(daemon={"memory.limit": "40MiB"})
    client = scene.consumer(topic, options={"window": None})
    client.wait_claims([(topic, p) for p in range(16)])
    daemon.wait_log("paused [0-9]+ unread partitions?")
    scene.wait_for(lambda: daemon.rss_bytes() < 44 << 20, 20, "room in the memory")
    client.window = (100000, 64 << 20)
    client.credit(*client.window)
    scene.wait_for(lambda: everything(topic, 16, 2000) <= seen(client), 50, "every message")
    assert_no_gap(client)
    assert len(client.messages) == 16 * 2000


@mock("faults are the mock's")
def test_fetchers_that_fail_one_after_the_other_are_not_stopped_while_they_stop(scene):
    """Each has to be assigned again, with all others, which aborted the process."""
    topic = scene.topic(24)
    for partition in range(24):
        scene.witness.fill(topic, partition, 10)
    daemon = scene.daemon()
    client = scene.consumer(topic)
    client.wait_messages(240)
    for n in range(2):
        scene.broker.fail(API_FETCH, "OFFSET_OUT_OF_RANGE", 2)
        for partition in range(24):
            scene.witness.fill(topic, partition, 5, first=10 + 5 * n)
        scene.wait_for(lambda n=n: everything(topic, 24, 15 + 5 * n) <= seen(client), 40, "all")
    assert_no_gap(client)
    assert "Assertion" not in daemon.log()


@both
@pytest.mark.parametrize("marks", ["in time", "late", "never"])
def test_an_assign_that_does_not_wait_for_the_release_wedges_nothing(scene, marks):
    """librdkafka hears of the second program's topic, and joins again without our answer to the
    revoke, in which the first program has its time to mark."""
    first, second = scene.topic(2), scene.topic(1)
    for partition in range(2):
        scene.witness.fill(first, partition, 10)
    scene.daemon()
    client = scene.consumer(first, dwell_time=20000, options={"auto_done": False})
    client.wait_messages(20)
    message = client.of(first, 0)[7]
    rebalances = scene.status()[1]["n_rebalances"]
    scene.consumer(second).wait_for(lambda: client.claim(first, 0).release, 20, "RELEASE")
    if marks == "in time":
        client.mark(message)
    scene.wait_for(lambda: scene.status()[1]["n_rebalances"] == rebalances + 2, 20, "an assign")
    client.wait_claims([(first, 0), (first, 1)])
    if marks == "late":
        client.mark(message)  # of a claim that is over: it comes again
    expected = {(first, 0): 8 if marks == "in time" else 0, (first, 1): 0}
    for place, start in expected.items():
        again = [o for o in range(start, 10)]
        claim = client.claim(*place)
        scene.wait_for(lambda c=claim, a=again: [
            m.offset for m in client.messages if m.claim == c.id] == a, 10, f"{place} from {start}")
    client.mark_all()
    for partition in range(2):
        scene.wait_committed(first, partition, 10)


@both
def test_a_seek_away_from_a_full_queue_is_not_slept_over(scene):
    """Below 2.2.0 what a seek has voided counts as queued until it is taken; with more than
    queued.min.messages of it the fetcher sleeps for a second, about every second time."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 8000)
    scene.daemon()
    client = scene.client(window=(1, 1 << 20)).open("g", [topic])
    client.wait_messages(20)
    waits = []
    for _ in range(20):
        assert client.mark(client.messages[-1], answer=True) == 0
        client.disconnect()
        client.closed = True
        began = time.monotonic()
        client.reconnect()
        client.messages.clear()
        client.wait_messages(1)
        waits.append(time.monotonic() - began)
    assert sum(wait > 0.7 for wait in waits) < 3, waits


@real("the mock keeps 5 MB of a partition")
def test_a_queue_that_was_full_by_bytes_is_filled_again_at_once(scene):
    """Below 2.2.0 the fetcher sleeps for a second when a queue has reached its bounds, of messages
    or of bytes; a program that is faster than that would wait for it again and again."""
    n_messages = 500
    topic = scene.topic(1)
    for first in range(0, n_messages, 100):
        scene.witness.fill(topic, 0, 100, n_bytes=100_000, first=first)
    scene.daemon()
    client = scene.client(window=(4, 1 << 20)).open("g", [topic])
    came = []

    def handle():
        while len(came) < len(client.messages):
            came.append(time.monotonic())
            time.sleep(0.002)  # what the program does with it
        return len(came) == n_messages
    scene.wait_for(handle, 30, "all messages")
    waits = [after - before for before, after in zip(came, came[1:])]
    assert sum(wait > 0.4 for wait in waits) < 3, sorted(waits)[-8:]


@real("a rebalance of the mock takes 3.5 s")
def test_a_rebalance_with_a_full_queue_is_not_slept_over(scene):
    """Below 2.2.0 what an earlier assign has left counts as queued until it is taken, which nobody
    does who has no credit; with more than queued.min.messages of it the fetcher sleeps."""
    topics = [scene.topic(1) for _ in range(11)]  # one without a backlog would keep it awake
    for topic in topics:
        scene.witness.fill(topic, 0, 4000)
    scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "30000"})  # so would this
    client = scene.client(window=None).open("g", [topics[0]])
    client.wait_claims([(topics[0], 0)])

    def wait_for_a_message():
        began = time.monotonic()
        client.messages.clear()
        client.credit(1, 1 << 20)
        client.wait_messages(1)
        return time.monotonic() - began
    waits = []
    for topic in topics[1:]:
        wait_for_a_message()
        time.sleep(0.3)  # the queues fill
        old = client.claim(topics[0], 0)
        scene.client(window=None).open("g", [topic])
        client.wait_for(lambda o=old: client.places() and o.id not in client.claims, 20, "its end")
        time.sleep(0.05)  # the fetchers look at their queues
        waits.append(wait_for_a_message())
    assert sum(wait > 0.7 for wait in waits) < 3, waits


@both
def test_a_cluster_that_does_not_answer_does_not_hold_up_another(scene):
    """Calls that wait for a broker are made by the helper, never by the loop."""
    topic = scene.topic(1)
    scene.daemon(cluster_dead={"bootstrap.servers": "127.0.0.1:1"},
                 group_lost={"cluster": "dead"})
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    lost = scene.consumer("t", group="lost")
    for _ in range(5):
        lost.start("query", "topics", {"group": "lost"})
    slowest = 0.0
    for n in range(20):
        started = time.monotonic()
        scene.witness.fill(topic, 0, 1, first=n)
        client.wait_messages(n + 1)
        slowest = max(slowest, time.monotonic() - started)
    assert slowest < 1.5


@real("the mock cannot delete topics")
@pytest.mark.slow(120)
def test_a_topic_that_is_deleted_and_made_again_is_read_from_its_beginning(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 50)
    scene.daemon(kafka={"topic.metadata.refresh.interval.ms": "500"})
    client = scene.consumer(topic)
    client.wait_messages(50)
    client.mark_all()
    scene.wait_committed(topic, 0, 50)
    scene.broker.delete_topic(topic)
    scene.broker.create_topic(topic, 1)
    values = scene.witness.fill(topic, 0, 5, first=100)
    scene.wait_for(lambda: [m.value for m in client.messages[-5:]] == values, 60, "what is new")
    client.mark_all()
    scene.wait_committed(topic, 0, 5)
