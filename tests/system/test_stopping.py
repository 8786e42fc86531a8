# SPDX-License-Identifier: MIT
"""on.stop = auto: why does systemd stop the unit? A private bus answers instead of it.

That a kept place stays ours and a place given up is another's at once is tried in test_restart.py,
with keep and leave; systemd's own answers are tried where one is booted.
"""
import contextlib
import signal
import subprocess
import time

import pytest

from harness import cgroups

mock = pytest.mark.mock("the broker plays no part")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}


class Manager:
    """kgtest-manager, with what it has been asked for."""

    def __init__(self, scene, job):
        self.path, self.log = scene.directory / "bus", scene.directory / "manager"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([scene.builddir / "tests/system/kgtest-manager",
                                             self.path, job], stdout=log)
        scene.wait_for(lambda: "listening" in self.asked(), 5, "the bus")

    def asked(self):
        return self.log.read_text(encoding="utf-8").splitlines()

    def close(self):
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def a_unit_of(scene, job):
    """A daemon in a unit, whose bus has this to say."""
    with cgroups.unit(f"kgt-{scene.name[-20:]}.service") as path:
        manager = Manager(scene, job)
        daemon = scene.daemon(start=False, cluster=DEAD,
                              env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={manager.path}"})
        daemon.launcher = cgroups.launcher(path)
        try:
            yield daemon.start(), manager
        finally:
            manager.close()
            if daemon.alive():
                daemon.stop()


def stopped(daemon):
    """What it said of its place, how long it took, and whether groups are remembered."""
    before = time.monotonic()
    assert daemon.stop() == 0
    seconds = time.monotonic() - before
    lines = [line for line in daemon.log().splitlines() if "the place in each group is" in line]
    assert len(lines) == 1
    return lines[0], seconds, (daemon.directory / "run/state").exists()


@mock
@pytest.mark.parametrize("job", ["restart", "try-restart", "start", "none", "reload"])
def test_a_restart_keeps_the_place(scene, job):
    with a_unit_of(scene, job) as (daemon, manager):
        scene.consumer("t")
        said, seconds, is_remembered = stopped(daemon)
        assert "is kept" in said and seconds < 8 and is_remembered
        assert any(line.endswith("_2eservice Job") for line in manager.asked())


@mock
def test_a_stop_gives_the_place_away(scene):
    with a_unit_of(scene, "stop") as (daemon, manager):
        scene.consumer("t")
        said, _, is_remembered = stopped(daemon)
        assert "given to other hosts" in said and not is_remembered
        assert manager.asked()[-1] == "/org/freedesktop/systemd1/job/7 JobType"


@mock
def test_a_bus_that_refuses_is_no_answer(scene):
    with a_unit_of(scene, "deny") as (daemon, _):
        said, seconds, _ = stopped(daemon)
        assert "is kept" in said and "does not say" in said and seconds < 1


@mock
def test_a_bus_that_says_nothing_delays_the_stop_by_a_second(scene):
    with a_unit_of(scene, "silent") as (daemon, _):
        said, seconds, _ = stopped(daemon)
        assert "is kept" in said and "does not say" in said and 0.9 < seconds < 3


@mock
def test_the_loop_turns_while_the_bus_says_nothing(scene):
    with a_unit_of(scene, "silent") as (daemon, manager):
        client = scene.client()
        daemon.signal(signal.SIGTERM)
        scene.wait_for(lambda: len(manager.asked()) > 1, 5, "the question")
        assert client.query("status")["daemon"]["state"] == "draining"
        assert daemon.wait_exit() == 0


@mock
def test_without_a_bus_the_place_is_kept(scene):
    with a_unit_of(scene, "stop") as (daemon, manager):
        manager.close()
        manager.path.unlink()
        said, seconds, _ = stopped(daemon)
        assert "is kept" in said and seconds < 1


@mock
def test_without_a_unit_nobody_is_asked(scene):
    manager = Manager(scene, "stop")
    try:
        daemon = scene.daemon(cluster=DEAD,
                              env={"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={manager.path}"})
        said, _, _ = stopped(daemon)
        assert "is kept" in said and len(manager.asked()) == 1
    finally:
        manager.close()


@mock
def test_what_the_file_says_needs_no_answer(scene):
    daemon = scene.daemon(cluster=DEAD, daemon={"on.stop": "leave"})
    said, _, _ = stopped(daemon)
    assert "given to other hosts" in said and "on.stop" in said


@mock
def test_a_second_signal_does_not_wait_for_the_answer(scene):
    with a_unit_of(scene, "silent") as (daemon, manager):
        daemon.signal(signal.SIGTERM)
        scene.wait_for(lambda: len(manager.asked()) > 1, 5, "the question")
        before = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - before < 0.9
