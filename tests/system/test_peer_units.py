# SPDX-License-Identifier: MIT
"""Peers by the systemd unit of their process: in status, and in access rules (allow.units)."""
import contextlib
import os
import signal
import socket

import pytest

from harness import cgroups
from harness.client import Client, ConnectionClosed, Refused
from harness.scene import as_user

mock = pytest.mark.mock("the broker plays no part")

DEAD = {"bootstrap.servers": "127.0.0.1:1"}
SO_PEERPIDFD = 77


def kernel_knows():
    ours, other = socket.socketpair(socket.AF_UNIX)
    with ours, other:
        try:
            os.close(ours.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD))
        except OSError:
            return False
    return True


new_kernel = pytest.mark.skipif(not kernel_knows(), reason="a kernel before 6.5: no SO_PEERPIDFD")


@contextlib.contextmanager
def from_unit(scene, name, below="", **options):
    """A peer of user nobody whose process belongs to the unit; the unit goes with it."""
    with cgroups.unit(name) as path:
        inner = path
        for part in below.split("/") if below else []:
            inner = inner / part
            inner.mkdir()
        with cgroups.inside(inner):
            client = scene.client(user="nobody", **options)
        try:
            yield client
        finally:
            while inner != path:
                inner.rmdir()
                inner = inner.parent


def refusal(client):
    with pytest.raises(Refused) as refused:
        client.open("g", ["t"])
    assert refused.value.name == "DENIED"
    return refused.value.text


@mock
def test_status_and_lag_name_the_unit(scene):
    topic = scene.topic(1)
    scene.daemon()
    with from_unit(scene, "kgt-billing@1.service") as client:
        client.open("g", [topic]).wait_claims([(topic, 0)])
        row = scene.status()[1]["consumers"][0]
        assert row["unit"] == "kgt-billing@1.service"
        with scene.asking() as asking:
            partition = asking.query("lag")["groups"][0]["partitions"][0]
        assert partition["holder_unit"] == "kgt-billing@1.service"


@mock
def test_a_process_without_a_unit_has_no_name(scene):
    scene.daemon(cluster=DEAD)
    root = cgroups.mount_point()
    if root is None or cgroups.own() != "/":
        pytest.skip("this process is in a unit itself")
    scene.consumer("t")
    assert scene.status()[1]["consumers"][0]["unit"] is None


@mock
@new_kernel
def test_units_that_match_may_and_others_may_not(scene):
    scene.daemon(cluster=DEAD, group={"allow.units": "kgt-billing@*.service, kgt-x.service"})
    for name in ("kgt-billing@1.service", "kgt-billing@2.service", "kgt-x.service"):
        with from_unit(scene, name) as client:
            client.open("g", ["t"])
    with from_unit(scene, "kgt-other.service") as client:
        assert "unit kgt-other.service is not in allow.units" in refusal(client)
    scene.client().open("g", ["t"])  # root always may


@mock
@new_kernel
def test_what_a_unit_makes_below_itself_is_not_believed(scene):
    scene.daemon(cluster=DEAD, group={"allow.units": "kgt-billing@*.service"})
    with from_unit(scene, "kgt-evil.service", "system.slice/kgt-billing@1.service") as client:
        assert "unit kgt-evil.service" in refusal(client)
    with from_unit(scene, "user@7.service", "app.slice/kgt-billing@1.service") as client:
        assert "unit user@7.service" in refusal(client)


@mock
@new_kernel
def test_one_rule_that_fits_suffices(scene):
    scene.daemon(cluster=DEAD, group={"allow.units": "kgt-x.service", "allow.users": "daemon"})
    scene.client(user="daemon").open("g", ["t"])
    with from_unit(scene, "kgt-x.service") as client:
        client.open("g", ["t"])
    assert "allow.units" in refusal(scene.client(user="nobody"))


@mock
@new_kernel
def test_groups_that_clients_open_can_be_for_units(scene):
    scene.daemon(cluster={**DEAD, "allow.dynamic": "yes", "allow.units": "kgt-x.service"})
    with from_unit(scene, "kgt-x.service") as client:
        client.open("dyn", ["t"])
    with from_unit(scene, "kgt-y.service") as client, pytest.raises(Refused) as refused:
        client.open("dyn", ["t"])
    assert refused.value.name == "DENIED" and "kgt-y.service" in refused.value.text


class Adopted(Client):
    """A peer on a connection that a process made which is gone."""

    def __init__(self, hub, made):
        self.made = made
        super().__init__(hub, "")

    def connect(self, hello=True):
        self.socket = self.made
        self.hub.add(self)
        self.send("hello", [1], self.features, self.name, "python/test", self.max_frame)
        return self.wait_for(lambda: self.welcome, what="WELCOME")


def connect_and_end(path, daemon):
    """A connected socket whose process, of user nobody in that unit, has ended."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    pid = os.fork()
    if not pid:
        with cgroups.inside(path), as_user("nobody"):
            made = socket.socket(socket.AF_UNIX)
            made.connect(str(daemon.socket_path))
            socket.send_fds(theirs, [b"x"], [made.fileno()])
        os._exit(0)
    with ours, theirs:
        made = socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0])
        os.waitpid(pid, 0)
    made.settimeout(10)
    return made


@mock
@new_kernel
def test_a_process_that_has_gone_is_in_no_unit(scene):
    daemon = scene.daemon(cluster=DEAD, group={"allow.units": "kgt-x.service"})
    daemon.signal(signal.SIGSTOP)
    with cgroups.unit("kgt-x.service") as path:
        made = connect_and_end(path, daemon)
        daemon.signal(signal.SIGCONT)
        with pytest.raises((Refused, ConnectionClosed)):  # closed at once, if the kernel tells
            Adopted(scene.hub, made).open("g", ["t"])
    made.close()
    assert not scene.status()[1]["consumers"]


@mock
def test_a_kernel_that_does_not_say_who_connected_lets_no_unit_in(scene):
    old = scene.builddir / "tests/system/libkgtest-old-kernel.so"
    daemon = scene.daemon(cluster=DEAD, env={"LD_PRELOAD": str(old)},
                          group={"allow.units": "kgt-x.service", "allow.users": "daemon"})
    assert "allow.units lets nobody in: this kernel has no SO_PEERPIDFD" in daemon.log()
    with from_unit(scene, "kgt-x.service") as client:
        assert "SO_PEERPIDFD, Linux 6.5" in refusal(client)
    scene.client(user="daemon").open("g", ["t"])
    row = scene.status()[1]["consumers"][0]
    assert row["uid"] == 1 and row["name"]


@mock
def test_status_names_the_unit_on_such_a_kernel_too(scene):
    old = scene.builddir / "tests/system/libkgtest-old-kernel.so"
    scene.daemon(cluster=DEAD, env={"LD_PRELOAD": str(old)})
    with from_unit(scene, "kgt-x.service") as client:
        client.open("g", ["t"])
        assert scene.status()[1]["consumers"][0]["unit"] == "kgt-x.service"
