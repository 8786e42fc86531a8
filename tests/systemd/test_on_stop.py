# SPDX-License-Identifier: MIT
"""on.stop = auto, with a real systemd to ask: who restarts keeps its place, who stops gives it to
other hosts at once. The session would last 30 s, so a place that is kept is seen to be kept.
"""
import pytest

AT_ONCE_S = 10
TARGETS = {"end": "DefaultDependencies=no\nAllowIsolate=yes",
           "again": "Requires=basic.target dbus.socket\nAllowIsolate=yes"}
SESSION = {"session.timeout": "30s", "heartbeat.interval": "3s"}


@pytest.fixture
def member(scene, service):
    """The service as a member of the group; the program that made it join is gone again."""
    topic = scene.topic(1)
    service.configure(scene.config(group=SESSION)).listen()
    peer = scene.peer("lib", topic).wait_claims([(topic, 0)])
    peer.close_consumer()
    peer.disconnect()
    scene.clients.remove(peer)
    assert len(scene.witness.members(scene.group_id)) == 1
    return service


@pytest.mark.parametrize("unit", ["kgroupd.service", "kgroupd.socket"])
def test_a_stop_gives_the_partitions_away(scene, member, unit):
    """The socket's stop is one of the service as well."""
    member.machine.systemctl("stop", unit)
    assert member.state() == "inactive"
    scene.wait_for(lambda: not scene.witness.members(scene.group_id), AT_ONCE_S, "an empty group")


def test_the_bus_is_there_when_it_is_asked(service):
    """Nobody else may have needed it. Started by the question it would wait for the end of the stop."""
    service.machine.systemctl("stop", "dbus.service")
    service.listen().start()
    service.stop()
    assert "given to other hosts: the service manager stops the unit" in service.log()


@pytest.mark.parametrize("verb", ["restart", "try-restart"])
def test_a_restart_keeps_the_place(scene, member, verb):
    generation = scene.witness.generation(scene.group_id)
    member.machine.systemctl(verb, member.unit)
    member.wait_state("active")
    assert len(scene.witness.members(scene.group_id)) == 1
    assert scene.witness.generation(scene.group_id) == generation


def test_a_signal_is_no_stop(scene, member):
    """Somebody's kill says nothing about the host: as before a restart."""
    member.kill("TERM")
    member.wait_state("inactive")
    assert len(scene.witness.members(scene.group_id)) == 1


@pytest.fixture
def shut_down(machine):
    """Stops all units, the bus among them, in the order in which the end of the machine does; what
    belongs to no unit, such as the broker, goes on. All is there again after the test."""
    for name, text in TARGETS.items():
        machine.write(f"/etc/systemd/system/{name}.target", f"[Unit]\n{text}\n")
    machine.systemctl("daemon-reload")
    yield lambda: machine.systemctl("isolate", "end.target")
    machine.systemctl("isolate", "again.target")
    for name in TARGETS:
        machine.remove(f"/etc/systemd/system/{name}.target")
    machine.systemctl("daemon-reload")


def test_the_end_of_the_machine_gives_the_partitions_away(scene, member, shut_down):
    """The bus stops after the daemon, which asks over it."""
    shut_down()
    scene.wait_for(lambda: not scene.witness.members(scene.group_id), AT_ONCE_S, "an empty group")
    member.wait_state("inactive")
    assert "the service manager stops the unit" in member.log()
