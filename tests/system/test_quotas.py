# SPDX-License-Identifier: MIT
"""What one user may hold and ask for, and that another does not notice when it tries for more.

The limits are in [daemon]. At a limit of what is held a request is refused or a connection closed;
at a limit of the rate, or of messages in flight, the daemon waits, and says so in the status.
"""
import json
import multiprocessing
import os
import socket
import time

import pytest

from harness import hostile, protocol
from harness.client import Refused
from harness.hostile import attacked
from harness.protocol import encode

both = pytest.mark.both
mock = pytest.mark.mock("the broker plays no part")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}
NOBODY = 65534
FAIR_S = 0.05  # a burst of 10 ms, a long frame, and as much again


def user_of(client, uid):
    """What the status says of a user; it is there while it holds or owes something."""
    rows = client.query("status")["daemon"]["users"]
    return next((row for row in rows if row["uid"] == uid), None)


def worst_loop_s(daemon, client, n=150):
    """How long the loop worked for others while this client waited for a small answer, at the 99th
    percentile: processor time, which does not count how busy the machine is."""
    took = []
    for _ in range(n):
        start = daemon.loop_cpu_s()
        with pytest.raises(Refused):
            client.query("nonsense")
        took.append(daemon.loop_cpu_s() - start)
    return sorted(took)[n * 99 // 100]


# ---- who attacks hurts itself -------------------------------------------------------------------


@pytest.mark.slow(120)
@pytest.mark.mock("the broker plays no part, and the bounds are those of the daemon alone")
@pytest.mark.parametrize("attack", hostile.ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_of_one_user_delays_no_other(scene, attack):
    """It is attacked where it is weakest: the attacker may open the group as well."""
    topic = scene.topic(3)
    daemon = scene.daemon(daemon={"log.level": "err"})
    good = scene.consumer(topic, options={"name": "good"})
    good.wait_claims([(topic, p) for p in range(3)])
    with attacked(attack, daemon):
        scene.wait_for(lambda: user_of(good, NOBODY), 10, "the attacker")
        delay = worst_loop_s(daemon, good)
        for partition in range(3):
            scene.witness.fill(topic, partition, 50)
        good.wait_messages(150, timeout_s=10)
        good.mark_all()
        good.commit(timeout_s=10)
        assert not good.errors
    assert [scene.committed(topic, p) for p in range(3)] == [50, 50, 50]
    assert delay < FAIR_S, f"{attack.__name__}: {delay * 1000:.1f} ms for others"
    scene.wait_for(lambda: user_of(good, NOBODY) is None, 10, "nothing of the attacker is left")


@mock
def test_who_asks_too_much_waits_and_is_not_refused(scene):
    scene.daemon(daemon={"requests.per.user": "2000"}, cluster=DEAD)
    good, busy = scene.client(), scene.client(user="nobody").open("g", ["t"])
    start = time.monotonic()
    for _ in range(400):
        busy.send_bytes(encode("mark", 0, [[1, 1, 1, None]]) * 10)
        scene.hub.pump()
    assert good.query("status")  # meanwhile
    assert busy.mark_entries([[1, 1, 1, None]], answer=True) == 3
    took = time.monotonic() - start
    assert took > 4000 / 2000 - 0.1, "faster than it may"
    row = user_of(good, NOBODY)
    assert row["requests"] >= 4000 and row["requests_waits"] >= 1
    assert not busy.errors and not busy.closed


@mock
def test_a_mark_of_many_claims_counts_as_many(scene):
    scene.daemon(cluster=DEAD)
    client = scene.client(user="nobody").open("g", ["t"])
    watcher = scene.client()
    before = user_of(watcher, NOBODY)["requests"]
    client.mark_entries([[claim, 1, 1, None] for claim in range(1, 1001)], answer=True)
    assert 1000 <= user_of(watcher, NOBODY)["requests"] - before < 1100


@mock
def test_a_debt_is_not_left_behind_with_the_connection(scene):
    scene.daemon(daemon={"requests.per.user": "1000"}, cluster=DEAD)
    watcher, client = scene.client(), scene.client(user="nobody").open("g", ["t"])
    client.send_bytes(encode("mark", 0, [[claim, 1, 1, None] for claim in range(1, 3001)]))
    scene.wait_for(lambda: user_of(watcher, NOBODY)["requests_waits"], 5, "it owes")
    client.disconnect()
    start = time.monotonic()
    again = scene.client(user="nobody", hello=False)
    again.send_bytes(hostile.HELLO)
    again.wait_for(lambda: again.welcome, what="WELCOME")
    assert time.monotonic() - start > 0.3


@mock
def test_who_waits_for_its_debt_is_not_late_with_its_hello(scene):
    scene.daemon(daemon={"requests.per.user": "1000", "handshake.timeout": "300ms"}, cluster=DEAD)
    watcher, client = scene.client(), scene.client(user="nobody").open("g", ["t"])
    client.send_bytes(encode("mark", 0, [[claim, 1, 1, None] for claim in range(1, 3001)]))
    scene.wait_for(lambda: user_of(watcher, NOBODY)["requests_waits"], 5, "it owes")
    again = scene.client(user="nobody", hello=False)
    again.send_bytes(hostile.HELLO)
    again.wait_for(lambda: again.welcome, what="WELCOME")
    silent = scene.client(user="nobody", hello=False)
    assert silent.wait_end() == "HANDSHAKE"


@mock
def test_a_rate_changes_with_a_reload(scene):
    daemon = scene.daemon(daemon={"requests.per.user": "1000"}, cluster=DEAD)
    daemon.sections["daemon"]["requests.per.user"] = "700000"
    daemon.write_config()
    assert "requests.per.user" in daemon.reload()
    assert scene.client().query("status")["daemon"]["limits_per_user"]["requests_per_s"] == 700000


@mock
def test_a_long_frame_on_many_connections_does_not_stop_the_loop(scene):
    """50 connections with 1 MiB of marks each, at once."""
    daemon = scene.daemon(cluster=DEAD)
    good = scene.client()
    with attacked(hostile.long_marks, daemon):
        scene.wait_for(lambda: (user_of(good, NOBODY) or {}).get("requests_waits"), 10, "a debt")
        start, before = time.monotonic(), user_of(good, NOBODY)["requests"]
        for _ in range(50):
            good.query("lag")
        asked, took = user_of(good, NOBODY)["requests"] - before, time.monotonic() - start
    assert asked < 700_000 * took + 200_000, "more than its share of the loop"


# ---- what was said before the end ---------------------------------------------------------------


def _die_and_write_on(path, said):
    s = hostile.dial(path, hostile.HELLO)
    if os.fork():
        said.wait(10)
        os._exit(0)
    said.set()
    try:
        while True:
            s.sendall(encode("query", 1, "status", {}) * 1000)
    except OSError:
        os._exit(0)


@mock
def test_who_is_dead_and_writes_on_is_not_heard_for_ever(scene):
    """A child has the socket and goes on; the process that connected is gone."""
    daemon = scene.daemon(cluster=DEAD)
    good = scene.client()
    fork = multiprocessing.get_context("fork")
    said = fork.Event()
    dying = fork.Process(target=_die_and_write_on, args=(str(daemon.socket_path), said))
    dying.start()
    scene.wait_for(lambda: not dying.is_alive(), 10)
    dying.join()
    scene.wait_for(lambda: good.query("status")["daemon"]["n_connections"] == 1, 5, "its end")
    assert worst_loop_s(daemon, good) < FAIR_S


@mock
def test_the_last_words_of_many_processes_are_one_users_too(scene):
    """Each is gone at once, and behind it are 3000 times OPEN and CLOSE."""
    daemon = scene.daemon(daemon={"log.level": "err"}, cluster=DEAD)
    good = scene.client()
    with attacked(hostile.deaths, daemon):
        scene.wait_for(lambda: user_of(good, NOBODY), 10, "the attacker")
        assert worst_loop_s(daemon, good, 100) < FAIR_S


# ---- bytes --------------------------------------------------------------------------------------


@mock
def test_half_frames_of_one_user_are_bounded(scene):
    daemon = scene.daemon(daemon={"memory.limit": "64MiB"}, cluster=DEAD)
    good = scene.client()
    halves = [scene.client(user="nobody", hello=False) for _ in range(12)]
    for client in halves:
        client.send_bytes(hostile.HELLO + hostile.HALF + bytes((1 << 20) - 2))
    scene.wait_for(lambda: sum(c.closed for c in halves) >= 4, 10, "those that are too many")
    assert {c.wait_end() for c in halves if c.closed} == {"QUOTA"}
    row = user_of(good, NOBODY)
    assert 6 << 20 < row["buffered_bytes"] <= 8 << 20
    assert sum(not c.closed for c in halves) >= 7, "the others of that user stay"
    good.send("query", 4000, "status", {}, bytes(900_000))  # of another user, as large
    assert not good.wait_reply(4000).code
    for client in halves:
        client.disconnect()
    scene.wait_for(lambda: user_of(good, NOBODY) is None, 5, "given back")
    assert daemon.alive()


@mock
def test_answers_that_one_user_does_not_read_are_bounded(scene):
    daemon = scene.daemon(daemon={"memory.limit": "64MiB", "output.limit": "8MiB"}, cluster=DEAD)
    good = scene.client()
    silent = [scene.client(user="nobody") for _ in range(10)]
    for client in silent:
        client.reading = False
    ask = encode("query", 1, "status", {}) * 2000
    share = 8 << 20

    def ask_more():
        for client in silent:
            if client.fileno() >= 0:
                client.socket.setblocking(False)
                try:
                    client.send_bytes(ask)
                except BlockingIOError:
                    pass
        assert (user_of(good, NOBODY) or {"buffered_bytes": 0})["buffered_bytes"] < share * 1.2
        return "SLOW_READER" in daemon.log() or "slow reader" in daemon.log()
    scene.wait_for(ask_more, 20, "one of them to be too slow")
    assert worst_loop_s(daemon, good) < FAIR_S
    for client in silent:
        client.disconnect()


# ---- in flight ----------------------------------------------------------------------------------


def progress(client, topic):
    group = next(g for g in client.query("lag")["groups"] if g["name"] == "g")
    return {row["partition"]: row["progress"] for row in group["partitions"]
            if row["topic"] == topic}


@both
def test_at_the_limit_in_flight_nothing_more_comes_until_something_is_marked(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 40)
    scene.daemon(daemon={"in.flight.per.user": "16"})
    holder, watcher = scene.consumer(topic), scene.client()
    holder.wait_messages(16)
    scene.wait_for(lambda: progress(watcher, topic) == {0: "in flight quota"}, 5, "the verdict")
    scene.hub.stays(lambda: len(holder.messages) == 16, 1.5)
    row = user_of(watcher, 0)
    assert row["in_flight"] == 16 and row["in_flight_waits"] >= 1
    holder.mark(holder.messages[9])
    holder.wait_messages(26)
    scene.hub.stays(lambda: len(holder.messages) == 26, 1.2)
    holder.mark_all()
    holder.wait_messages(40)
    assert [m.offset for m in holder.messages] == list(range(40)) and not holder.errors
    holder.mark_all()
    scene.wait_committed(topic, 0, 40)
    assert user_of(watcher, 0)["in_flight"] == 0


@both
def test_a_mark_that_is_said_again_makes_room_at_once(scene):
    """Who held the partition before comes back late, when another holds it."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 40)
    scene.daemon(daemon={"in.flight.per.user": "16"})
    holder, late = scene.consumer(topic), scene.client()
    holder.wait_messages(16)
    claim = holder.claim(topic, 0)
    late.ask("open", "", "g", late.id, [topic], {})
    late.send("resume", topic, 0, claim.epoch, 15, None, claim.assign.committed)
    holder.wait_messages(32)


@both
def test_what_one_user_has_in_flight_is_no_limit_of_another(scene):
    mine, yours = scene.topic(2), scene.topic(1)
    for partition in range(2):
        scene.witness.fill(mine, partition, 20)
    scene.witness.fill(yours, 0, 10)
    scene.daemon(daemon={"in.flight.per.user": "10"},
                 group_h={"group.id": f"{scene.group_id}-h", "cluster": "main",
                          "instance.id": "", "initial.offset": "earliest"})
    holders = [scene.client(user="nobody").open("g", [mine]) for _ in range(2)]
    scene.wait_for(lambda: sum(len(h.messages) for h in holders) == 10, 20, "the limit of both")
    other = scene.client(user="daemon").open("h", [yours])
    other.wait_messages(10)
    scene.hub.stays(lambda: sum(len(h.messages) for h in holders) == 10, 1.2)
    for holder in holders:
        holder.disconnect()  # what it held is in flight no more
    third = scene.client(user="nobody").open("g", [mine])
    third.wait_messages(10)


@both
def test_without_a_limit_nothing_needs_to_be_marked(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 500)
    scene.daemon()
    scene.consumer(topic).wait_messages(500)


# ---- what is another's --------------------------------------------------------------------------


@both
def test_the_claims_and_the_id_of_another_are_not_for_the_taking(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 5)
    scene.daemon()
    owner = scene.client(user="daemon", consumer_id=b"\0" * 16).open("g", [topic])
    owner.wait_messages(5)
    claim = owner.claim(topic, 0)
    thief = scene.client(user="nobody", consumer_id=b"\1" * 16).open("g", [topic])
    entries = [[claim.id, claim.epoch, 4, None], [claim.id + 1, claim.epoch, 4, None]]
    assert thief.mark_entries(entries, answer=True) == [3, 3]
    with pytest.raises(Refused, match="NO_CLAIM"):
        thief.ask("seek", [claim.id], "earliest", 0)
    with pytest.raises(Refused, match="NO_CLAIM"):
        thief.ask("pause", [claim.id], True)
    thief.send("done", claim.id)
    with pytest.raises(Refused, match="DENIED"):
        scene.client(user="nobody", consumer_id=owner.id).open("g", [topic])
    scene.witness.fill(topic, 0, 5)
    owner.wait_messages(10)
    owner.commit()
    assert scene.committed(topic) in (None, -1001)
    owner.mark_all()
    owner.commit()
    assert scene.committed(topic) == 10


@both
def test_what_another_group_reads_can_be_seen_and_not_read(scene):
    """kgroup-protocol(7): the status is everybody's who may connect, the cluster is not."""
    topic = scene.topic(1)
    scene.daemon(group={"allow.users": "daemon"})
    scene.client(user="daemon").open("g", [topic]).wait_claims([(topic, 0)])
    stranger = scene.client(user="nobody")
    assert [g["name"] for g in stranger.query("lag", group="g")["groups"]] == ["g"]
    for what, more in (("topics", {}), ("partitions", {"topic": topic}),
                       ("offset", {"topic": topic, "partition": 0, "at": "latest"})):
        with pytest.raises(Refused, match="NO_GROUP"):
            stranger.query(what, group="g", **more)
    with pytest.raises(Refused, match="DENIED"):
        stranger.open("g", [topic])
