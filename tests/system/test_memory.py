# SPDX-License-Identifier: MIT
"""The memory budget: what the file says, what the cgroup leaves, and pressure.

Limits stand in a folder that is mounted over /sys/fs/cgroup for the daemon alone; the last test has
a cgroup of the kernel's, where there is one with the memory controller.
"""
import os
import subprocess
import time

import pytest

from harness import cgroups

both = pytest.mark.both
mock = pytest.mark.mock("the broker plays no part")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}
MIB = 1 << 20


class Limits:
    """A hierarchy with nothing but the cgroup that this process, and so the daemon, is in."""

    def __init__(self, scene):
        if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
            pytest.skip("no mount namespace: limits of a cgroup cannot be played")
        self.root = scene.directory / "cgroup"
        self.own = self.root / (cgroups.own() or "/").strip("/")
        self.own.mkdir(parents=True)
        (self.own / "cgroup.controllers").touch()

    def launcher(self):
        return ["unshare", "-m", "sh", "-c",
                f'mount --bind -o ro {self.root} /sys/fs/cgroup && exec "$@"', "sh"]

    def set(self, name, value):
        fresh = self.own / "fresh"
        fresh.write_text(f"{value}\n", encoding="ascii")
        fresh.rename(self.own / name)


@pytest.fixture
def limits(scene):
    return Limits(scene)


def start(scene, limits, **sections):
    daemon = scene.daemon(start=False, cluster=DEAD, **sections)
    daemon.launcher = limits.launcher()
    return daemon.start()


def told(scene):
    daemon = scene.status()[0]["daemon"]
    return daemon["memory_limit_bytes"] // MIB, daemon["memory_limit_by"]


@mock
def test_without_a_limit_the_default_counts(scene, limits):
    start(scene, limits)
    assert told(scene) == (512, "the default of memory.limit")


@mock
def test_the_limit_of_the_cgroup_is_followed_while_it_changes(scene, limits):
    limits.set("memory.max", 800 * MIB)
    daemon = start(scene, limits)
    assert told(scene) == (700, "the limit of the cgroup")
    limits.set("memory.max", 80 * MIB)
    scene.wait_for(lambda: told(scene)[0] == 70, 5, "the lower limit")
    limits.set("memory.high", 40 * MIB)
    scene.wait_for(lambda: told(scene)[0] == 40, 5, "the lower of the two")
    limits.set("memory.high", "max")
    limits.set("memory.max", "max")
    scene.wait_for(lambda: told(scene) == (512, "the default of memory.limit"), 5, "no limit")
    assert "the memory budget is 40 MiB: the limit of the cgroup" in daemon.log()


@mock
def test_what_the_file_says_counts_unless_the_cgroup_allows_less(scene, limits):
    limits.set("memory.max", 800 * MIB)
    daemon = start(scene, limits, daemon={"memory.limit": "100MiB"})
    assert told(scene) == (100, "memory.limit")
    limits.set("memory.max", 80 * MIB)
    scene.wait_for(lambda: told(scene) == (70, "the limit of the cgroup"), 5, "the lower limit")
    daemon.sections["daemon"]["memory.limit"] = "50MiB"
    daemon.write_config()
    daemon.reload()
    assert told(scene) == (50, "memory.limit")


@mock
def test_without_a_hierarchy_all_is_as_without_a_limit(scene):
    daemon = scene.daemon(start=False, cluster=DEAD)
    daemon.launcher = ["unshare", "-m", "sh", "-c",
                       f'mount --bind {daemon.directory} /sys/fs/cgroup && exec "$@"', "sh"]
    daemon.start()
    assert told(scene) == (512, "the default of memory.limit")
    assert scene.status()[0]["daemon"]["memory_pressure_watch"] == "none"


@both
def test_a_budget_that_cannot_be_kept_stops_nobody(scene):
    """Each partition in turn, also where some of the paused ones have nothing to deliver."""
    topic = scene.topic(6)
    for partition in range(3, 6):
        scene.witness.fill(topic, partition, 50)
    daemon = scene.daemon(daemon={"memory.limit": "32MiB"}, env={
        "LD_PRELOAD": str(scene.builddir / "tests/system/libkgballast.so"), "BALLAST_MIB": "40"})
    client = scene.consumer(topic, options={"window": None})
    client.wait_claims([(topic, i) for i in range(6)])
    scene.wait_for(lambda: scene.status()[0]["daemon"]["n_paused_for_memory"] == 6, 20, "a pause")
    client.credit(100_000, 100 * MIB)
    client.wait_messages(150, timeout_s=40)
    for partition in range(3, 6):
        assert [m.offset for m in client.of(topic, partition)] == list(range(50))
    assert "MiB of 32 MiB (memory.limit) are used" in daemon.log()


# ---- pressure -----------------------------------------------------------------------------------


@pytest.fixture
def pressure(scene):
    """A FIFO in the place of memory.pressure, as systemd hands it over: tell it, and it was told."""
    path = scene.directory / "pressure"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR)
    yield path, lambda: os.write(fd, b"x")
    os.close(fd)


@both
def test_pressure_pauses_what_is_unread_and_nothing_is_lost(scene, pressure):
    path, tell = pressure
    topic = scene.topic(4)
    for partition in range(4):
        scene.witness.fill(topic, partition, 2000, 200)
    daemon = scene.daemon(env={"MEMORY_PRESSURE_WATCH": str(path)})
    client = scene.consumer(topic, options={"window": None})
    client.wait_claims([(topic, i) for i in range(4)])
    client.credit(100, MIB)
    client.wait_messages(100)
    row = scene.status()[0]["daemon"]
    assert row["memory_pressure_watch"] == "told" and row["n_memory_pressures"] == 0

    def one_more_is_paused():
        tell()
        return scene.status()[0]["daemon"]["n_paused_for_memory"]
    scene.wait_for(one_more_is_paused, 10, "a paused partition")
    scene.hub.stays(lambda: scene.status()[0]["daemon"]["n_paused_for_memory"] > 0, 3)
    assert scene.status()[0]["daemon"]["n_memory_pressures"] > 0
    client.credit(100_000, 100 * MIB)

    def all_is_read_while_it_lasts():
        tell()
        return len(client.messages) >= 8000
    scene.wait_for(all_is_read_while_it_lasts, 40, "whoever waits is served under pressure too")
    assert daemon.log().count("memory is short, the kernel says") == 1
    scene.wait_for(lambda: scene.status()[0]["daemon"]["n_paused_for_memory"] == 0, 20, "its end")
    for partition in range(4):
        offsets = [m.offset for m in client.of(topic, partition)]
        assert offsets == list(range(2000))


@both
def test_who_comes_to_read_what_pressure_has_paused_waits_for_no_tick(scene, pressure):
    path, tell = pressure
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 2000)
    scene.daemon(env={"MEMORY_PRESSURE_WATCH": str(path)})
    client = scene.consumer(topic, options={"window": None})
    client.wait_claims([(topic, 0)])
    client.credit(1, MIB)
    client.wait_messages(1)

    def is_paused():
        tell()
        return scene.status()[0]["daemon"]["n_paused_for_memory"]
    waits = []
    for n in range(16):
        scene.wait_for(is_paused, 10, "a paused partition")
        time.sleep(0.07 * n % 1)  # anywhere between two ticks
        began = time.monotonic()
        client.credit(1, MIB)
        client.wait_messages(n + 2)
        waits.append(time.monotonic() - began)
    assert [m.offset for m in client.messages] == list(range(17))
    assert sum(wait > 0.5 for wait in waits) < 4, waits


@mock
def test_pressure_that_may_only_be_read_is_noticed(scene, limits):
    def stall(us):
        text = f"some avg10=0.00 avg60=0.00 avg300=0.00 total={us}\n"
        (limits.own / "memory.pressure").write_text(text, encoding="ascii")
    stall(0)
    start(scene, limits)
    assert scene.status()[0]["daemon"]["memory_pressure_watch"] == "read"
    stall(400_000)
    scene.wait_for(lambda: scene.status()[0]["daemon"]["n_memory_pressures"] == 1, 5, "pressure")


@mock
def test_a_cgroup_of_the_kernel_is_followed(scene):
    root = cgroups.mount_point()
    controllers = (root / "cgroup.controllers").read_text(encoding="ascii") if root else ""
    if "memory" not in controllers.split():
        pytest.skip("no cgroup v2 with the memory controller: its own limits cannot be tried")
    with cgroups.unit("kgt-memory.service") as path:
        for parent in (root, path.parent):
            (parent / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
        (path / "memory.max").write_text(str(80 * MIB), encoding="ascii")
        daemon = scene.daemon(start=False, cluster=DEAD)
        daemon.launcher = cgroups.launcher(path)
        daemon.start()
        assert told(scene) == (70, "the limit of the cgroup")
        assert scene.status()[0]["daemon"]["memory_pressure_watch"] == "told"
        daemon.stop()
