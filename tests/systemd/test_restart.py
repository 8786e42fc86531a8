# SPDX-License-Identifier: MIT
"""A restart is noticed by nobody: not by programs, not by the group, not by who connects."""
from pathlib import Path

import pytest

from conftest import FIGURES
from load import Load, connects

N_PARTITIONS = N_PROGRAMS = 8
MAX_SILENCE_S = 1.0
SESSION = {"session.timeout": "30s", "heartbeat.interval": "3s"}


@pytest.fixture
def load(scene, service):
    service.configure(scene.config(group=SESSION)).listen()
    return Load(scene, service.socket_path, N_PARTITIONS, N_PROGRAMS).start()


def check_unnoticed(load, service, figures, what, disturb):
    """Does it under load; the group, the programs and new ones must not notice."""
    scene, pid = load.scene, service.pid()
    generation = scene.witness.generation(scene.group_id)
    load.during(disturb)
    assert service.pid() != pid
    load.finish()
    figures.append(f"{what}: silent for {load.longest_silence_s():.2f} s, {load.n_connected} "
                   f"connections, {load.n_repeated()} of {8 * load.n_written} messages repeated")
    assert load.refusals == []
    assert scene.witness.generation(scene.group_id) == generation
    assert not any(program.error_events() for program in load.programs)
    assert load.longest_silence_s() <= MAX_SILENCE_S


def test_a_restart_under_load_is_not_noticed(load, service, pytestconfig):
    check_unnoticed(load, service, pytestconfig.stash[FIGURES], "restart", service.restart)


def test_a_killed_daemon_under_load_is_not_noticed(load, service, pytestconfig):
    def kill():
        pid = service.pid()
        service.kill("KILL")
        service.wait_pid_other_than(pid)
    check_unnoticed(load, service, pytestconfig.stash[FIGURES], "SIGKILL", kill)
    assert service.show("NRestarts") == "1"


def test_one_connects_after_a_stop_and_after_a_restart(scene, service):
    """RuntimeDirectory= would take the socket's file away with the service."""
    topic = scene.topic(1)
    service.listen().start()
    service.stop()
    assert service.state() == "inactive"
    assert connects(service.socket_path)
    service.wait_state("active")
    service.restart()
    assert connects(service.socket_path)
    scene.peer("lib", topic).wait_claims([(topic, 0)])


def test_a_program_that_comes_during_a_restart_waits(scene, service):
    """It connects while no daemon runs, and is served by the next one."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    service.drop_in("[Service]\nExecStartPre=/bin/sh -c "
                    "'until test -e /run/go; do sleep 0.05; done'\n")
    service.listen()
    service.machine.systemctl("start", "--no-block", service.unit)
    peer = scene.peer("lib", topic, opened=False)
    service.wait_state("activating")
    service.machine.write("/run/go", "")
    peer.open("g", [topic], "", errors=True)
    peer.wait_messages(3)


def test_a_stopped_socket_leaves_no_file(service):
    service.listen().start()
    service.machine.systemctl("stop", service.socket_unit)
    assert service.state() == "inactive"
    assert not Path(service.socket_path).exists()
    service.start()
    assert connects(service.socket_path), "the service brings its socket with it"
