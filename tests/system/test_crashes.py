# SPDX-License-Identifier: MIT
"""At least once, whatever dies: every message is handed out, what is committed was marked, order
holds within a claim. Crashes come at counts drawn from a seed that is printed, so that a run can be
had again."""
import os
import random
import signal

import pytest

both = pytest.mark.both

N_PARTITIONS = 4


@pytest.fixture
def chance():
    seed = int(os.environ.get("KGROUP_TEST_SEED") or random.randrange(1 << 32))
    print(f"KGROUP_TEST_SEED={seed}")
    return random.Random(seed)


def assert_in_order(app):
    """Between an assignment and its end, offsets of a partition only rise, without gaps."""
    last = {}
    for line in app.lines:
        if line["type"] == "assigned":
            last.pop((line["topic"], line["partition"]), None)
        elif line["type"] == "message":
            place = line["topic"], line["partition"]
            assert line["offset"] == last.get(place, line["offset"] - 1) + 1, f"{place}: {line}"
            last[place] = line["offset"]


def handed_out(apps):
    return {(m["partition"], m["offset"]) for app in apps for m in app.messages}


def fill(scene, topic, n, first):
    for partition in range(N_PARTITIONS):
        scene.witness.fill(topic, partition, n, first=first)


def wait_everything(scene, apps, topic, n):
    everything = {(p, o) for p in range(N_PARTITIONS) for o in range(n)}
    scene.wait_for(lambda: everything <= handed_out(apps), 40, "every message at least once")
    for partition in range(N_PARTITIONS):
        scene.wait_committed(topic, partition, n)


@both
def test_a_daemon_that_is_killed_again_and_again_loses_nothing(scene, chance):
    topic = scene.topic(N_PARTITIONS)
    daemon = scene.daemon()
    apps = [scene.app(topic) for _ in range(2)]
    n = 0
    for _ in range(3):
        fill(scene, topic, 250, first=n)
        n += 250
        enough = len(handed_out(apps)) + chance.randrange(1, 900)
        scene.wait_for(lambda: len(handed_out(apps)) >= enough, 30, f"{enough} messages")
        daemon.kill()
        daemon.start()
    wait_everything(scene, apps, topic, n)
    for app in apps:
        assert_in_order(app)
        assert app.stop() == 0
    n_again = sum(len(app.messages) for app in apps) - len(handed_out(apps))
    assert n_again <= 3 * 4 * 250, "more came again than can have been in flight"


@both
def test_programs_that_are_killed_again_and_again_lose_nothing(scene, chance):
    topic = scene.topic(N_PARTITIONS)
    scene.daemon()
    apps = [scene.app(topic) for _ in range(2)]
    n = 0
    for _ in range(4):
        fill(scene, topic, 250, first=n)
        n += 250
        victim = apps[-1]
        enough = chance.randrange(1, 300)
        apps.append(scene.app(topic))
        scene.wait_for(lambda: len(handed_out([victim])) >= enough
                       or len(handed_out(apps)) == N_PARTITIONS * n, 20, f"{enough} messages")
        victim.signal(signal.SIGKILL)
    wait_everything(scene, apps, topic, n)
    for app in apps:
        assert_in_order(app)


@both
def test_a_stopped_program_stalls_only_itself(scene):
    """SIGSTOP with credit open: its siblings' partitions go on and the group does not notice, for
    longer than max.poll.interval.ms; it goes on after SIGCONT."""
    n_apps = 8
    topic = scene.topic(n_apps)
    daemon = scene.daemon(group={"kafka.max.poll.interval.ms": "5000"})
    apps = [scene.app(topic, dwell_time=1000) for _ in range(n_apps)]
    scene.wait_for(lambda: all(len(app.of("assigned")) == len(app.of("released")) + 1
                               for app in apps), 20, "one claim each")
    frozen, others = apps[0], apps[1:]
    scene.hub.quiet()
    rebalances, before = scene.status()[1]["n_rebalances"], daemon.rss_bytes()
    frozen.signal(signal.SIGSTOP)
    try:
        for partition in range(n_apps):
            scene.witness.fill(topic, partition, 2000, 1000)  # twice its credit
        for app in others:
            app.wait_messages(2000)
        for n in range(1, 13):  # half a second each, well beyond the 5 s
            for partition in range(n_apps):
                scene.witness.fill(topic, partition, 1, first=1999 + n)
            for app in others:
                app.wait_messages(2000 + n, timeout_s=2)
            scene.hub.stays(daemon.alive, 0.5)
        assert scene.status()[1]["n_rebalances"] == rebalances
        assert daemon.rss_bytes() - before < 64 << 20
    finally:
        frozen.signal(signal.SIGCONT)
    frozen.wait_messages(2012)
    for app in apps:
        assert_in_order(app)
        assert len(app.messages) == 2012
