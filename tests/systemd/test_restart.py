# SPDX-License-Identifier: MIT
"""A restart is noticed by nobody: not by programs, not by the group, not by who connects."""
import time
from pathlib import Path

import pytest

from conftest import FIGURES
from load import Load, connects

N_PARTITIONS = N_PROGRAMS = 8
MAX_SILENCE_S, MAX_ROUNDS, CALM_MESSAGES = 1.0, 3, 50
SESSION = {"session.timeout": "30s", "heartbeat.interval": "3s"}


@pytest.fixture
def load(scene, service):
    service.configure(scene.config(group=SESSION)).listen()
    return Load(scene, service.socket_path, N_PARTITIONS, N_PROGRAMS).start()


def check_unnoticed(load, service, figures, what, disturb):
    """Does it under load; the group, the programs and new ones must not notice. On a machine that
    is busy with other things the clock may tell more about those, so it gets a second and a third
    chance; nothing else does."""
    generation, errors = load.scene.witness.generation(load.scene.group_id), load.error_events()
    rounds = []
    while not any(silent_s <= most_s for silent_s, most_s in rounds) and len(rounds) < MAX_ROUNDS:
        rounds.append(disturb_once(load, service, disturb))
    load.finish()
    shown = ", ".join(f"{silent_s:.2f} s (at most {most_s:.2f})" for silent_s, most_s in rounds)
    figures.append(f"{what}: silent for {shown}; {load.n_connected} connections, "
                   f"{load.n_repeated()} of {N_PARTITIONS * load.n_written} messages repeated")
    assert load.refusals == []
    assert load.scene.witness.generation(load.scene.group_id) == generation
    assert load.error_events() == errors
    assert rounds[-1][0] <= rounds[-1][1], shown


def disturb_once(load, service, disturb):
    """(how long a partition was silent, how long one might be): the broker's part is not ours, nor
    is the silence that this machine had just before, when nothing was done."""
    pid, before = service.pid(), time.monotonic()
    load.wait_flow(CALM_MESSAGES)
    calm_s, since = load.longest_silence_s(before), time.monotonic()
    load.during(disturb)
    assert service.pid() != pid
    return load.longest_silence_s(since), MAX_SILENCE_S + broker_time_s(service) + calm_s


def broker_time_s(service):
    """How long the last daemon waited for its place in the group, by the journal's clock."""
    lines = service.timed_log()
    listens = max(at for at, text in lines if "listens on" in text)
    return max(at for at, text in lines if text.startswith("assigned")) - listens


def test_a_restart_under_load_is_not_noticed(load, service, pytestconfig):
    check_unnoticed(load, service, pytestconfig.stash[FIGURES], "restart", service.restart)


def test_a_killed_daemon_under_load_is_not_noticed(load, service, pytestconfig):
    def kill():
        pid = service.pid()
        service.kill("KILL")
        service.wait_pid_other_than(pid)
    check_unnoticed(load, service, pytestconfig.stash[FIGURES], "SIGKILL", kill)
    assert service.show("Result", "ActiveState") == ["success", "active"]


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
    """It connects after the end of one daemon, and is served by the next."""
    topic, machine = scene.topic(1), service.machine
    scene.witness.fill(topic, 0, 3)
    service.drop_in("[Service]\nExecStartPre=/bin/sh -c "
                    "'until test -e /run/go; do sleep 0.05; done'\n")
    machine.write("/run/go", "")
    service.listen().start()
    machine.remove("/run/go")
    machine.systemctl("restart", "--no-block", service.unit)
    service.wait_state("activating")
    peer = scene.peer("lib", topic, opened=False)
    machine.write("/run/go", "")
    peer.open("g", [topic], "", errors=True)
    peer.wait_messages(3)


def test_a_stopped_socket_leaves_no_file(service):
    service.listen().start()
    service.machine.systemctl("stop", service.socket_unit)
    assert service.state() == "inactive"
    assert not Path(service.socket_path).exists()
    service.start()
    assert connects(service.socket_path), "the service brings its socket with it"
