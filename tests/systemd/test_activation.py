# SPDX-License-Identifier: MIT
"""The socket is systemd's: who connects finds it, whether the daemon runs or not."""


def test_a_program_may_start_before_the_daemon(scene, service):
    """It waits, the daemon is started by it, and its messages come."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    service.listen()
    assert service.state() == "inactive"
    peer = scene.peer("lib", topic)
    assert [m.offset for m in peer.wait_messages(3)] == [0, 1, 2]
    assert service.state() == "active"
