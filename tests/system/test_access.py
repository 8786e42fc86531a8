# SPDX-License-Identifier: MIT
"""Who may: the socket's mode and group, users and groups of a group. Root always may."""
import grp
import os
import stat

import pytest

from harness.client import Refused
from harness.scene import as_user

mock = pytest.mark.mock("the broker plays no part")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}


def may_open(scene, user, groups=(), group="g", topic="t"):
    client = scene.client(user=user, groups=groups)
    try:
        client.open(group, [topic])
    except Refused as refused:
        assert refused.name == "DENIED"
        assert f"group {group}" in refused.text
        assert f"KG-0010 denied: {refused.text}" in scene.daemons[-1].log()
        return False
    return True


@mock
def test_the_socket_has_the_mode_and_group_of_the_file(scene):
    daemon = scene.daemon(daemon={"socket.mode": "0620", "socket.group": "games"}, cluster=DEAD)
    found = os.stat(daemon.socket_path)
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o620
    assert found.st_gid == grp.getgrnam("games").gr_gid


@mock
def test_who_may_not_write_to_the_socket_does_not_connect(scene):
    daemon = scene.daemon(daemon={"socket.mode": "0660", "socket.group": "games"}, cluster=DEAD)
    with pytest.raises(PermissionError):
        scene.client(daemon, user="nobody")
    assert scene.client(daemon, user="nobody", groups=["games"]).welcome


@mock
def test_the_socket_is_gone_after_the_stop(scene):
    daemon = scene.daemon(cluster=DEAD)
    daemon.stop()
    assert not os.path.exists(daemon.socket_path)


@mock
def test_a_socket_left_by_a_crash_is_replaced_and_a_living_one_is_not(scene):
    daemon = scene.daemon(cluster=DEAD)
    daemon.kill()
    assert os.path.exists(daemon.socket_path)
    daemon.start()
    assert scene.client().query("status")
    second = scene.daemon(start=False, daemon={"socket.path": daemon.socket_path}, cluster=DEAD)
    second.start(wait=False)
    assert second.wait_exit() != 0
    assert str(daemon.socket_path) in second.log()
    assert scene.client(daemon).query("status")


@mock
def test_without_rules_everybody_may(scene):
    scene.daemon(cluster=DEAD)
    assert may_open(scene, "nobody")


@mock
def test_allow_users_names_the_users(scene):
    scene.daemon(cluster=DEAD, group={"allow.users": "daemon, games"})
    assert may_open(scene, "daemon")
    assert may_open(scene, "games")
    assert not may_open(scene, "nobody")
    assert may_open(scene, None)


@mock
def test_a_user_that_is_not_there_is_named_at_the_start(scene):
    daemon = scene.daemon(cluster=DEAD, group={"allow.users": "nosuchuser"})
    assert "nosuchuser" in daemon.log()
    assert not may_open(scene, "nobody")


@mock
def test_allow_groups_counts_every_group_of_the_peer(scene):
    scene.daemon(cluster=DEAD, group={"allow.groups": "games"})
    assert may_open(scene, "games")  # its primary group
    assert may_open(scene, "nobody", groups=["audio", "games"])
    assert not may_open(scene, "nobody", groups=["audio"])


@mock
def test_a_denied_peer_is_told_closed_and_logged_once(scene):
    daemon = scene.daemon(cluster=DEAD, group={"allow.users": "daemon"})
    client = scene.client(user="nobody")
    with pytest.raises(Refused) as refused:
        client.open("g", ["t"])
    assert refused.value.fatal
    assert client.wait_end() == "DENIED"
    scene.hub.quiet(0.1)
    assert daemon.log().count("KG-0010 denied") == 1


@mock
def test_a_dynamic_group_belongs_to_its_opener_while_it_is_open(scene):
    scene.daemon(cluster={**DEAD, "allow.dynamic": "yes"}, group={"leave.delay": "0s"})
    assert may_open(scene, "daemon", group="dyn")
    assert not may_open(scene, "nobody", group="dyn")
    assert may_open(scene, "daemon", group="dyn")


@mock
def test_allow_topics_is_about_dynamic_groups(scene):
    scene.daemon(cluster={**DEAD, "allow.dynamic": "yes", "allow.topics": "a, b-*"})
    assert may_open(scene, "daemon", group="dyn", topic="a")
    assert may_open(scene, "daemon", group="dyn", topic="b-1")
    with pytest.raises(Refused) as refused:
        scene.client(user="daemon").open("dyn", ["c"])
    assert refused.value.name == "DENIED" and "c" in refused.value.text
    assert may_open(scene, "daemon", group="g", topic="c")


@mock
def test_the_credentials_are_those_of_the_connect(scene):
    """A peer that drops its privileges is still who it was; one that gains some is not more."""
    scene.daemon(cluster=DEAD, group={"allow.users": "daemon"})
    client = scene.client(user="nobody")
    with as_user("daemon"), pytest.raises(Refused):
        client.open("g", ["t"])
