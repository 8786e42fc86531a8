# SPDX-License-Identifier: MIT
"""E: the group: strategies, timing, user data, notifications, errors."""
import base64
import json
import re
import signal
import subprocess
import time

import pytest

from harness.broker import API_HEARTBEAT, API_JOIN_GROUP
from harness.client import Refused
from harness.foreign import Foreign
from harness.protocol import VERDICTS

both = pytest.mark.both
mock = pytest.mark.mock
real = pytest.mark.real

IDS = [name.encode().ljust(16, b".") for name in ("M1", "M2", "M3")]
# The ancestor's, with further ones of docs/parity.md. (Its "uneven ratio" has partitions 0, 2, 4, 6
# and 8, which no topic has: the index among them counts, and the unit tests have gaps.)
RANGE = [(3, [[0], [1], [2]]), (2, [[0], [], [1]]), (1, [[], [0], []]), (4, [[0], [1, 2], [3]]),
         (5, [[0, 1], [2], [3, 4]]), (6, [[0, 1, 2], [3, 4, 5]])]
ROUNDROBIN = [(3, [[0], [1], [2]]), (2, [[0], [1], []]), (1, [[0], [], []]),
              (4, [[0, 3], [1], [2]]), (5, [[0, 3], [1, 4], [2]]), (6, [[0, 2, 4], [1, 3, 5]])]


def split(peers):
    return [[partition for _, partition in p.places()] for p in peers]


def wait_split(scene, peers, expected):
    scene.wait_for(lambda: split(peers) == expected, 20, f"split {expected}")


def everything(topic, n):
    return [(topic, p) for p in range(n)]


# ---- E1, E2: the twelve cases -------------------------------------------------------------------


def try_table(scene, strategy, n_partitions, expected, order):
    """Consumers with fixed ids, opened in an order of their own."""
    topic = scene.topic(n_partitions)
    scene.daemon(group={"strategy": strategy})
    peers = {}
    for i in order:
        peers[i] = scene.peer("wire", topic, consumer_id=IDS[i])
    wait_split(scene, [peers[i] for i in range(len(expected))], expected)


@both
@pytest.mark.parametrize("n_partitions, expected", RANGE)
def test_e1_range_on_one_host(scene, n_partitions, expected):
    try_table(scene, "range", n_partitions, expected, range(len(expected)))


@both
def test_e1_the_order_of_ids_counts(scene):
    try_table(scene, "range", 3, [[0], [1], [2]], (2, 0, 1))


@both
@pytest.mark.parametrize("n_partitions, expected", ROUNDROBIN)
def test_e2_roundrobin_on_one_host(scene, n_partitions, expected):
    try_table(scene, "roundrobin", n_partitions, expected, range(len(expected)))


@both
def test_e2_the_order_of_ids_counts(scene):
    try_table(scene, "roundrobin", 3, [[0], [1], [2]], (2, 0, 1))


@both
@pytest.mark.parametrize("strategy, expected", [("range", [[0, 1, 2], [3, 4, 5]]),
                                                ("roundrobin", [[0, 2, 4], [1, 3, 5]])])
def test_e1_the_library_gets_the_same(scene, strategy, expected):
    """Its ids are its own: the daemon's status tells them."""
    topic = scene.topic(6)
    scene.daemon()
    peers = scene.by_id([scene.peer("lib", topic, strategy=strategy) for _ in range(2)])
    wait_split(scene, peers, expected)
    assert scene.status()[1]["strategy"] == strategy


@both
def test_e1_each_topic_counts_for_itself(scene, peer):
    topics = sorted(scene.topic(3) for _ in range(2))
    scene.daemon()
    peers = scene.by_id([peer(topics) for _ in range(2)])
    scene.wait_for(lambda: [p.places() for p in peers] == [
        [(t, p) for t in topics for p in (0, 1)], [(t, 2) for t in topics]], 20, "2 and 1 of each")


# ---- E1, E2: what the group sees ----------------------------------------------------------------


@real("the mock balances by itself")
@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_e2_a_foreign_member_of_the_same_strategy_shares(scene, strategy):
    """Two hosts and a member of other software: each gets 2 of 6, by Kafka's strategy."""
    scene.newest = strategy == "cooperative-sticky"  # it needs librdkafka 2.10.1
    topics = sorted(scene.topic(3) for _ in range(2))
    peers = []
    for _ in range(2):
        scene.daemon(group={"strategy": strategy})
        peers.append(scene.peer("wire", topics))
    foreign = Foreign(scene, topics, strategy)
    places = sorted((t, p) for t in topics for p in range(3))

    def shared():
        held = [p.places() for p in peers] + [foreign.places]
        return sorted(sum(held, [])) == places and [len(h) for h in held] == [2, 2, 2] and held
    held = scene.wait_for(shared, 30, "2 each")
    assert scene.witness.describe(scene.group_id).partition_assignor == strategy
    if strategy == "cooperative-sticky":
        return  # who has which depends on who came first
    by_strategy = {"range": [[(t, p) for t in topics] for p in range(3)],
                   "roundrobin": [places[i::3] for i in range(3)]}
    assert sorted(held) == sorted(by_strategy[strategy])


@real("the mock takes any strategy")
@pytest.mark.parametrize("strategy, other", [("roundrobin", "range"), ("range", "roundrobin")])
def test_e2_a_foreign_member_of_another_strategy_is_refused(scene, strategy, other):
    topic = scene.topic(2)
    scene.daemon(group={"strategy": strategy})
    one = scene.peer("wire", topic).wait_claims(everything(topic, 2))
    foreign = Foreign(scene, [topic], other)
    scene.wait_for(lambda: "INCONSISTENT_GROUP_PROTOCOL" in foreign.error_names(), 20,
                   "InconsistentGroupProtocol")
    assert foreign.places == [] and one.places() == everything(topic, 2)


@real("the mock takes any strategy")
def test_e2_the_strategy_may_come_from_the_first_consumer(scene, peer):
    topic = scene.topic(2)
    scene.daemon()
    peer(topic, strategy="roundrobin").wait_claims(everything(topic, 2))
    assert scene.witness.describe(scene.group_id).partition_assignor == "roundrobin"
    with pytest.raises(Refused) as refused:
        peer(topic, strategy="range")
    assert refused.value.name == "CONFLICT"


@real("the mock knows no cooperative rebalance")
def test_e2_cooperative_sticky_moves_no_more_than_it_must(scene, peer):
    """Among the processes, then across hosts."""
    scene.newest = True  # it needs librdkafka 2.10.1
    topic = scene.topic(6)
    sticky = {"strategy": "cooperative-sticky"}
    scene.daemon(group=sticky)
    first = peer(topic).wait_claims(everything(topic, 6))
    second = peer(topic).wait_n_claims(3)
    first.wait_n_claims(3)

    def lost(p):
        return [place for what, place in p.taken if what == "released"]
    assert len(lost(first)) == 3 and not lost(second)
    scene.daemon(group=sticky)
    third = peer(topic).wait_n_claims(3, timeout_s=30)
    scene.wait_for(lambda: len(first.places()) + len(second.places()) == 3, 20, "3 left here")
    assert sorted(first.places() + second.places() + third.places()) == everything(topic, 6)
    moved = {place for p in (first, second) for place in lost(p)}
    assert len(lost(first)) + len(lost(second)) <= 3 + 3 + 1  # one may settle it among the two
    assert {*third.places()} <= moved
    assert scene.witness.describe(scene.group_id).partition_assignor == "cooperative-sticky"


# ---- E3 -----------------------------------------------------------------------------------------


@both
def test_e3_the_defaults(scene, builddir):
    daemon = scene.daemon(start=False, group={"session.timeout": None, "heartbeat.interval": None})
    done = subprocess.run([builddir / "daemon/kgroupd", "--config", daemon.config_file, "--print"],
                          capture_output=True, text=True, timeout=20, check=True)
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert any(line.startswith("session.timeout = 30s") for line in lines), done.stdout
    assert any(line.startswith("heartbeat.interval = 3s") for line in lines)


@real("the mock knows no static members")
def test_e3_after_the_session_timeout_another_host_takes_over(scene, peer):
    """A host that dies keeps its place so long, and no longer."""
    topic = scene.topic(2)
    settings = {"session.timeout": "3s", "heartbeat.interval": "500ms"}
    dies = scene.daemon(group=settings)
    first = peer(topic).wait_claims(everything(topic, 2))
    scene.daemon(group=settings)
    second = peer(topic).wait_n_claims(1, timeout_s=30)
    first.wait_n_claims(1)
    first.disconnect()
    dies.signal(signal.SIGKILL)
    dies.wait_exit()
    died = time.monotonic()
    second.wait_claims(everything(topic, 2), timeout_s=30)
    assert 2 < time.monotonic() - died < 9


@mock("the real one fences nobody at a word")
@pytest.mark.parametrize("by", ["file", "opener"])
@pytest.mark.parametrize("interval_ms, least_s, most_s", [(500, 0, 1.8), (4000, 2, 6)])
def test_e3_heartbeats_come_at_their_interval(scene, peer, by, interval_ms, least_s, most_s):
    """From the one at the join to the next, which is answered with an error that is told."""
    topic = scene.topic(1)
    settings = {"session.timeout": 13000, "heartbeat.interval": interval_ms}
    scene.daemon(group={key: f"{value}ms" if by == "file" else None
                        for key, value in settings.items()})
    one = peer(topic, **({key.replace(".", "_"): value for key, value in settings.items()}
                         if by == "opener" else {})).wait_claims([(topic, 0)])
    joined = time.monotonic()
    scene.hub.quiet(0.3)
    scene.broker.fail(API_HEARTBEAT, "FENCED_INSTANCE_ID", 1)
    one.wait_error_named("FENCED", timeout_s=10)
    assert least_s < time.monotonic() - joined < most_s


@real("the mock knows no static members")
def test_e3_they_may_come_from_the_first_consumer(scene, peer):
    topic = scene.topic(2)
    own = {"session.timeout": None, "heartbeat.interval": None}
    dies = scene.daemon(group=own)
    peer(topic, session_timeout=3000, heartbeat_interval=600).wait_claims(everything(topic, 2))
    scene.clients[-1].disconnect()
    dies.signal(signal.SIGKILL)
    dies.wait_exit()
    scene.daemon(group=own)
    peer(topic, session_timeout=3000).wait_claims(everything(topic, 2), timeout_s=12)


# ---- E4 -----------------------------------------------------------------------------------------


@both
def test_e4_a_process_has_the_dwell_time_to_mark(scene, peer):
    """It does not let go; its marks within the time count, later ones are stale."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon()
    first = peer(topic, dwell_time=1500, auto_done=False)
    first.wait_messages(20)
    second = peer(topic)
    first.wait_n_claims(1)
    began = time.monotonic()
    gone = next(p for p in everything(topic, 2) if p not in first.places())
    first.mark(first.of(*gone)[3])
    second.wait_claims([gone], timeout_s=10)
    assert 1.0 < time.monotonic() - began < 4
    first.mark(first.of(*gone)[8])
    second.wait_messages(6)
    assert second.offsets(*gone) == [4, 5, 6, 7, 8, 9]
    scene.wait_committed(*gone, 4)
    if peer.kind == "wire":
        assert first.mark(first.of(*gone)[8], answer=True) == VERDICTS["STALE"]


@both
@pytest.mark.parametrize("how", ["done", "marked"])
def test_e4_done_ends_it_early(scene, peer, how):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon()
    first = peer(topic, dwell_time=30000, auto_done=False)
    first.wait_messages(20)
    second = peer(topic)
    first.wait_n_claims(1)
    gone = next(p for p in everything(topic, 2) if p not in first.places())
    scene.hub.quiet(0.3)
    assert not second.places()
    if how == "done":
        first.mark(first.of(*gone)[6])
        if peer.kind == "wire":
            first.send("done", next(c.id for c in first.claims.values() if c.place == gone))
        else:
            first.done(*gone)
    else:
        first.mark(first.last(*gone))
    second.wait_claims([gone], timeout_s=5)
    scene.wait_committed(*gone, 7 if how == "done" else 10)


@real("the mock refuses commits while several hosts rebalance")
def test_e4_across_hosts_the_final_commit_comes_before_the_release(scene, peer):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon(group={"commit.interval": "1h"})
    first = peer(topic, dwell_time=1500, auto_done=False)
    first.wait_messages(20)
    first.on_release = lambda topic, partition: first.mark(first.of(topic, partition)[6])
    scene.daemon(group={"commit.interval": "1h"})
    second = peer(topic)
    (_, partition), = second.wait_n_claims(1, timeout_s=30).places()
    second.wait_messages(3)
    assert second.offsets(topic, partition) == [7, 8, 9]
    assert scene.committed(topic, partition) == 7


@both
@pytest.mark.parametrize("poll_ms, most_ms, default_ms", [
    (6000, 3000, 3000), (None, 30_000, 5000), (1_200_000, 600_000, 5000)])
def test_e4_its_bounds(scene, peer, poll_ms, most_ms, default_ms):
    """Half of max.poll.interval.ms and 10 minutes; the smaller one of that half and 5 s."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 1)
    scene.daemon(group={"kafka.max.poll.interval.ms": poll_ms and str(poll_ms)})
    with pytest.raises(Refused) as refused:
        peer(topic, dwell_time=most_ms + 1)
    assert refused.value.name == "SETTING" and "dwell.time" in refused.value.text
    if most_ms < 600_000:
        assert "half" in refused.value.text
    peer(topic, dwell_time=most_ms).close_consumer()
    first = peer(topic, auto_done=False)
    first.wait_messages(2)
    second = peer(topic)
    first.wait_n_claims(1)
    if peer.kind == "wire":
        claim = next(c for c in first.claims.values() if c.release)
        assert claim.release.dwell_ms == default_ms
    else:
        event = next(e for e in first.events if e.type == "releasing")
        assert default_ms - 1000 < event.dwell_ms <= default_ms
    for message in first.messages:
        first.mark(message)
    second.wait_n_claims(1, timeout_s=8)


# ---- E5 -----------------------------------------------------------------------------------------


def client_ids(scene):
    return [member.client_id for member in scene.witness.members(scene.group_id)]


USER_DATA = "rack=7; wëight=3"


@real("the mock describes no groups")
@pytest.mark.parametrize("by", ["file", "opener"])
def test_e5_user_data_is_read_by_any_tool(scene, peer, builddir, by):
    data = USER_DATA
    topic = scene.topic(1)
    daemon = scene.daemon(group={"user.data": data if by == "file" else None})
    peer(topic, **({"user_data": data} if by == "opener" else {})).wait_claims([(topic, 0)])
    client_id, = client_ids(scene)
    name, _, text = client_id.partition(";ud=")
    assert name == "kgroupd" and len(text) <= 4 * 128 // 3 + 4
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode() == data
    done = subprocess.run([builddir / "client-lib/ctl/kgroupctl", "-S", daemon.socket_path, "-J",
                           "status"], capture_output=True, text=True, timeout=20, check=True)
    group, = json.loads(done.stdout)["groups"]
    assert group.get("user_data") == data


@real("the mock describes no groups")
def test_e5_it_is_off_by_default(scene):
    topic = scene.topic(1)
    scene.daemon()
    scene.peer("wire", topic).wait_claims([(topic, 0)])
    client_id, = client_ids(scene)
    assert ";ud=" not in client_id


@both
def test_e5_it_is_a_setting_of_the_group(scene, peer):
    topic = scene.topic(2)
    plain = {"cluster": "main", **({"instance.id": ""} if scene.broker.is_mock else {})}
    daemon = scene.daemon(group_file={**plain, "group.id": f"{scene.group_id}-f", "user.data": "dc1"},
                          group_named={**plain, "group.id": f"{scene.group_id}-n",
                                       "kafka.client.id": "shop"})
    first = peer(topic, user_data=USER_DATA).wait_claims(everything(topic, 2))
    peer(topic).wait_n_claims(1)
    peer(topic, user_data=USER_DATA)
    for group, value, word in (("g", "rack=8", USER_DATA), ("g", "", USER_DATA),
                               ("file", "dc2", "dc1")):
        with pytest.raises(Refused) as refused:
            peer(topic, group=group, user_data=value)
        assert refused.value.name == "CONFLICT"
        assert all(text in refused.value.text for text in ("user.data", f"'{value}'", word))
    for group, value, word in (("g", "x" * 129, "128"), ("named", "dc1", "client.id")):
        with pytest.raises(Refused) as refused:
            peer(topic, group=group, user_data=value)
        assert refused.value.name == "SETTING"
        assert "user.data" in refused.value.text and word in refused.value.text
    peer(topic, group="named", user_data="")
    assert scene.status()[1]["user_data"] == USER_DATA
    for one in scene.clients:
        one.disconnect()
    daemon.restart()
    assert scene.status()[1]["user_data"] == USER_DATA, "it rejoins as it was"
    first = peer(topic, user_data="rack=8").wait_claims(everything(topic, 2))
    assert first.state()[0] == "joined" and scene.status()[1]["user_data"] == "rack=8"


@both
def test_e5_at_most_128_bytes(scene, builddir):
    for n, status in ((128, 0), (129, 78)):
        daemon = scene.daemon(start=False, group={"user.data": "x" * n})
        done = subprocess.run([builddir / "daemon/kgroupd", "--config", daemon.config_file,
                               "--check"], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == status, done.stdout + done.stderr
    assert "user.data" in done.stdout + done.stderr


# ---- E6 -----------------------------------------------------------------------------------------


@both
def test_e6_start_comes_first_and_ok_before_messages_of_new_claims(scene, peer):
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 5)
    scene.daemon()
    one = peer(topic, notifications=True)
    one.wait_messages(10)
    assert [(n.kind, n.claimed, n.released, n.current) for n in one.notifications] == [
        ("start", [], [], []), ("ok", everything(topic, 2), [], everything(topic, 2))]
    order = [(what, thing.kind if what == "notify" else "") for what, thing in one.taken]
    assert order[0] == ("notify", "start")
    assert order.index(("notify", "ok")) < order.index(("message", ""))


@both
def test_e6_a_local_move_notifies_only_those_whose_claims_change(scene, peer):
    moving, staying = scene.topic(2), scene.topic(1)
    scene.daemon()
    other = peer(staying, notifications=True).wait_claims([(staying, 0)])
    first = peer(moving, notifications=True).wait_claims(everything(moving, 2))
    first.wait_for(lambda: first.kinds()[-1:] == ["ok"], what="OK")
    other.wait_for(lambda: other.kinds()[-1:] == ["ok"], what="OK")
    scene.hub.quiet(0.3)
    before = len(first.notifications), len(other.notifications)
    second = peer(moving, notifications=True).wait_n_claims(1)
    first.wait_for(lambda: len(first.notifications) == before[0] + 2, what="start and OK")
    second.wait_notified("start", "ok")
    (kept,), (gone,) = first.places(), second.places()
    assert [tuple(n) for n in first.notifications[before[0]:]] == [
        ("start", [], [], everything(moving, 2)), ("ok", [], [gone], [kept])]
    assert tuple(second.notifications[-1]) == ("ok", [gone], [], [gone])
    assert len(other.notifications) == before[1]
    order = [what for what, thing in first.taken
             if what == "released" or (what == "notify" and thing in first.notifications[-2:])]
    assert order == ["notify", "released", "notify"]


@real("the mock refuses commits while several hosts rebalance")
def test_e6_a_rebalance_notifies_all_and_marks_on_start_count(scene, peer):
    topic = scene.topic(4)
    for partition in range(4):
        scene.witness.fill(topic, partition, 5)
    scene.daemon(group={"commit.interval": "1h"})
    peers = [peer(topic, notifications=True, auto_done=False, dwell_time=5000) for _ in range(2)]
    scene.wait_for(lambda: all(len(p.places()) == 2 and p.kinds()[-1:] == ["ok"] for p in peers),
                   20, "2 each")
    scene.wait_for(lambda: all(len({(m.partition, m.offset) for m in p.messages if (
        topic, m.partition) in p.places()}) == 10 for p in peers), 20, "all messages")
    before = [len(p.notifications) for p in peers]
    scene.daemon(group={"commit.interval": "1h"})
    newcomer = peer(topic, **peer.no_wait)
    for one, n in zip(peers, before):
        one.wait_for(lambda o=one, n=n: len(o.notifications) > n, 20, "start")
        start = one.notifications[n]
        assert (start.kind, start.claimed, start.released) == ("start", [], [])
        assert len(start.current) == 2
        for place in start.current:
            one.mark(one.of(*place)[2])
        for place in start.current:
            one.mark(one.of(*place)[4])  # all of it: nothing holds the release up
    newcomer.wait_for(lambda: len(newcomer.places()) >= 1, 30, "something for the other host")
    for one, n in zip(peers, before):
        one.wait_for(lambda o=one, n=n: len(o.notifications) > n + 1, 20, "OK")
        assert one.notifications[-1].kind == "ok"
        assert one.notifications[-1].current == one.places()
    for place in newcomer.places():
        assert scene.committed(*place) == 5


def assert_lost(one, places):
    """Error with everything released; the end of what the last start began."""
    one.wait_for(lambda: "error" in one.kinds(), 30, "error")
    error = one.notifications[one.kinds().index("error")]
    assert (error.claimed, error.released, error.current) == ([], places, [])


@real("the mock has no second host that fences")
@pytest.mark.classic("with KIP-848 the one that comes is refused, not the one that is there")
def test_e6_an_error_when_another_host_has_the_same_instance_id(scene, peer):
    topic = scene.topic(2)
    scene.daemon(group={"instance.id": "twin"})
    one = peer(topic, notifications=True).wait_claims(everything(topic, 2))
    one.wait_notified("start", "ok")
    scene.daemon(group={"instance.id": "twin"})
    other = peer(topic)
    assert_lost(one, everything(topic, 2))
    assert one.wait_error_named("FENCED")
    other.wait_claims(everything(topic, 2), timeout_s=20)


@real("the mock forgets no members")
def test_e6_an_error_when_the_host_was_away_for_too_long(scene, peer):
    """Its partitions are another's by then; it joins again by itself."""
    topic = scene.topic(2)
    away = scene.daemon()
    one = peer(topic, notifications=True).wait_claims(everything(topic, 2))
    one.wait_notified("start", "ok")
    away.signal(signal.SIGSTOP)
    scene.daemon()
    other = peer(topic, **peer.no_wait)
    other.wait_claims(everything(topic, 2), timeout_s=30)
    away.signal(signal.SIGCONT)
    assert_lost(one, everything(topic, 2))
    assert one.wait_error_named("LOST").context == "rebalance"
    scene.wait_for(lambda: len(one.places()) == len(other.places()) == 1, 40, "1 and 1")
    one.wait_for(lambda: one.kinds()[-1:] == ["ok"], what="OK")
    assert one.notifications[-1].current == one.places()
    assert one.kinds()[:5] == ["start", "ok", "start", "error", "start"]


@both
def test_e6_not_reading_them_blocks_nothing_and_not_asking_means_none(scene, peer):
    """With libkgroup the deaf one goes on to take messages; on the wire it takes nothing at all."""
    topic = scene.topic(4)
    scene.daemon()
    deaf = peer(topic, notifications=True, dwell_time=200).wait_claims(everything(topic, 4))
    silent = peer(topic, dwell_time=200).wait_n_claims(2)
    deaf.wait_for(lambda: deaf.kinds()[-1:] == ["ok"] and len(deaf.places()) == 2, what="2 and 2")
    before = len(deaf.notifications)
    hear = deafen(scene, deaf)
    for _ in range(10):
        third = peer(topic, notifications=True)
        third.wait_notified("start", "ok", timeout_s=10)
        third.close_consumer()
    scene.wait_for(lambda: holders(scene) == sorted([deaf.name, silent.name] * 2), 15, "2 and 2")
    silent.wait_n_claims(2)
    seen = len(deaf.messages)
    for partition in range(4):
        scene.witness.fill(topic, partition, 5)
    for place in silent.places():
        end = high(scene, *place)
        silent.wait_for(lambda p=place, end=end: silent.offsets(*p)[-1:] == [end], what="all")
    if peer.kind == "lib":
        deaf.wait_messages(seen + 10)
    assert len(deaf.notifications) == before and silent.notifications == []
    hear()
    deaf.wait_for(lambda: deaf.kinds()[-1:] == ["ok"] and len(deaf.notifications) > before and
                  deaf.notifications[-1].current == deaf.places(), what="OK with what it holds")
    assert deaf.kinds() == ["start", "ok"] * (len(deaf.kinds()) // 2)
    deaf.wait_messages(seen + 10)


def holders(scene):
    """The names of who holds what, once nothing moves."""
    with scene.asking() as asking:
        rows = asking.query("lag")["groups"][0]["partitions"]
    return sorted(row["holder_name"] if row["state"] == "claimed" else "" for row in rows)


def high(scene, topic, partition):
    """The offset of the newest message."""
    with scene.asking() as asking:
        place = {"topic": topic, "partition": partition}
        return asking.query("offset", group="g", at="latest", **place)["offset"] - 1


# ---- E7 -----------------------------------------------------------------------------------------


@real("the mock makes every topic that is asked for, and bounds no metadata")
def test_e7_each_error_has_a_context_and_stops_nothing(scene, peer):
    missing, topic = scene.topic(create=False), scene.topic(2)
    scene.witness.fill(topic, 0, 10)
    scene.witness.commit(scene.group_id, topic, 0, 5000)
    scene.daemon(group={"commit.retries": 0})
    one = peer([topic, missing])
    assert one.wait_error_named("UNKNOWN_TOPIC").context == "topics"
    error = one.wait_error_named("OFFSET_RESET")
    assert (error.context, error.topic, error.partition) == ("partition", topic, 0)
    one.wait_messages(10)
    one.mark(one.messages[0], "m" * 5000)
    assert one.wait_error_named("COMMIT").context == "commit"
    scene.witness.fill(topic, 1, 5)
    one.wait_messages(15)
    one.mark(one.messages[9])
    scene.wait_committed(topic, 0, 10)


@both
def test_e7_a_broker_that_was_never_there_is_of_the_rebalance(scene, peer):
    scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1"})
    one = peer("t", **peer.no_wait)
    error = one.wait_error_named("BROKER")
    assert (error.context, error.topic, error.partition) == ("rebalance", None, -1)


@mock("faults are the mock's")
def test_e7_a_broker_that_goes_is_of_the_heartbeat(scene, peer):
    topic = scene.topic(1)
    scene.daemon()
    one = peer(topic).wait_claims([(topic, 0)])
    scene.broker.down()
    error = one.wait_error_named("BROKER")
    assert (error.context, error.topic, error.partition) == ("heartbeat", None, -1)
    scene.broker.up()
    scene.witness.fill(topic, 0, 3)
    one.wait_messages(3, timeout_s=30)


@mock("faults are the mock's")
def test_e7_a_group_that_refuses_is_of_the_rebalance(scene, peer):
    topic = scene.topic(1)
    scene.broker.fail(API_JOIN_GROUP, "GROUP_AUTHORIZATION_FAILED", 1000)
    scene.daemon()
    one = peer(topic, **peer.no_wait)
    assert one.wait_error_named("GROUP").context == "rebalance"
    scene.broker.mend()
    one.wait_claims([(topic, 0)], timeout_s=30)


@both
def test_e7_who_does_not_ask_gets_none_and_the_log_has_them(scene, peer):
    topic = scene.topic()
    scene.witness.fill(topic, 0, 10)
    scene.witness.commit(scene.group_id, topic, 0, 5000)
    daemon = scene.daemon()
    one = peer(topic, errors=False)
    one.wait_messages(10)
    assert one.error_events() == []
    assert "5000" in daemon.log()


def n_counted(one):
    """Errors that it has heard of: each, or as a count of those that were dropped."""
    errors = one.error_events()
    dropped = [int(re.search(r"\d+", e.text).group()) for e in errors if e.name == "OVERFLOW"]
    return sum(e.name == "COMMIT" for e in errors) + sum(dropped), sum(dropped)


@real("the mock does not bound the metadata")
def test_e7_not_reading_them_blocks_nothing_and_overflow_is_counted(scene, peer):
    """Commits that fail, one after the other, each an error for everybody."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    scene.daemon(group={"commit.retries": 0, "commit.interval": "1h"})
    deaf, busy = peer(topic), peer(topic)
    scene.wait_for(lambda: len(deaf.places()) == len(busy.places()) == 1, 20, "1 and 1")
    place, = busy.places()
    busy.wait_for(lambda: len(busy.of(*place)) == 10, what="its messages")
    hear = deafen(scene, deaf)

    def fail_to_commit(n):
        """An error that goes on is told once: each of these is one of its own."""
        for _ in range(n):
            busy.reset_at(*place, 3, "m" * 5000)
            with pytest.raises(Refused):
                busy.commit()
            busy.reset_at(*place, 3, "short")
            busy.commit()
    busy.mark_at(*place, 3)
    busy.commit()
    n = 300 if peer.kind == "lib" else 20
    fail_to_commit(n)
    busy.mark(busy.last(*place))
    busy.commit()
    assert scene.committed(*place) == 10
    hear()
    scene.hub.quiet(0.2)
    fail_to_commit(1)
    deaf.wait_for(lambda: n_counted(deaf)[0] > n, 20, "each error, or its count")
    assert n_counted(deaf)[0] == n + 1 and n_counted(deaf)[1] > 0


def deafen(scene, one):
    """It takes messages, and no events; on the wire it takes nothing, with more on the way than the
    kernel buffers. What is returned ends it."""
    def hear_again():
        one.take_events = True
        one.turn()  # what waits there wakes nobody
    if one.kind == "lib":
        one.take_events = False
        return hear_again
    one.reading = False
    for _ in range(4):
        scene.witness.fill(*one.places()[0], 1000, 1000)
    scene.hub.quiet()
    return lambda: setattr(one, "reading", True)
