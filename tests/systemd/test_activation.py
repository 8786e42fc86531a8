# SPDX-License-Identifier: MIT
"""The socket is systemd's: who connects finds it, whether the daemon runs or not."""
from load import connects


def test_a_program_may_start_before_the_daemon(scene, service):
    """It waits, the daemon is started by it, and its messages come."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    service.listen()
    assert service.state() == "inactive"
    peer = scene.peer("lib", topic)
    assert [m.offset for m in peer.wait_messages(3)] == [0, 1, 2]
    assert service.state() == "active"


def test_enabling_makes_it_start_at_boot(service):
    """The socket alone, or the service with its socket; an instance by its name."""
    machine = service.machine
    wanted = {"kgroupd.socket": ["kgroupd.socket"],
              "kgroupd.service": ["kgroupd.service", "kgroupd.socket"],
              "kgroupd@x.service": ["kgroupd@x.service", "kgroupd@x.socket"]}
    for unit, enabled in wanted.items():
        machine.systemctl("enable", unit)
        for name in enabled:
            assert machine.systemctl("is-enabled", name).strip() == "enabled"
        machine.systemctl("disable", *enabled)
        assert machine.run("systemctl", "is-enabled", unit, check=False)[1].strip() == "disabled"


def test_a_program_that_only_connects_starts_the_daemon(scene, service):
    service.machine.systemctl("enable", "--now", service.socket_unit)
    assert connects(service.socket_path)
    service.wait_state("active")
    service.machine.systemctl("disable", service.socket_unit)


def test_the_boot_starts_what_was_enabled(service):
    """sockets.target, which every boot reaches, brings it; the service comes with its first program."""
    machine = service.machine
    machine.systemctl("enable", service.socket_unit)
    assert machine.show(service.socket_unit, "ActiveState") == "inactive"
    machine.systemctl("start", "sockets.target")
    assert machine.show(service.socket_unit, "ActiveState") == "active"
    assert service.state() == "inactive"
    machine.systemctl("disable", service.socket_unit)
