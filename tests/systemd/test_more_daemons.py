# SPDX-License-Identifier: MIT
"""More than the one daemon: kgroupd@NAME beside it, and a developer's own without root."""
import pytest

from service import Service

DEVELOPER = "dev"
RUNTIME = "/run/dev"  # their $XDG_RUNTIME_DIR
NAMELESS = {"name": None}
SESSION = {"session.timeout": "30s", "heartbeat.interval": "3s"}
MANAGER = f"""\
[Service]
Type=notify
User={DEVELOPER}
Delegate=yes
RuntimeDirectory=dev
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR={RUNTIME} HOME=/home/{DEVELOPER}
ExecStart=/lib/systemd/systemd --user
"""


# ---- kgroupd@NAME -----------------------------------------------------------------------------------


@pytest.fixture
def second(machine, scene, service):
    """kgroupd@second, beside kgroupd; both read the scene's group, as two hosts would. Their units
    give them their names."""
    service.configure(scene.config(daemon=NAMELESS))
    made = Service(machine, scene.hub, scene.directory, instance="second")
    made.configure(scene.config(daemon=NAMELESS))
    scene.daemons.append(made)
    return made


def place(scene, service):
    """group.instance.id: what the group knows this daemon by."""
    return scene.client(daemon=service).query("status")["groups"][0]["instance_id"]


def test_two_daemons_live_side_by_side(scene, service, second):
    """Each with its own socket, state and place in the group; one ends, the other does not mind."""
    topic = scene.topic(2)
    service.listen()
    second.listen()
    peers = [scene.peer("lib", topic, daemon=one) for one in (service, second)]
    scene.wait_for(lambda: [len(peer.places()) for peer in peers] == [1, 1], 40, "one each")
    assert service.socket_path != second.socket_path
    assert [place(scene, one) for one in (service, second)] == ["box-kgroupd", "box-second"]
    for folder in ("/run/kgroupd", "/run/kgroupd-second"):
        scene.wait_for(service.machine.path(f"{folder}/state").exists, 10, f"{folder}/state")
    pid = second.pid()
    service.restart()
    service.machine.systemctl("stop", service.socket_unit)
    assert (second.state(), second.pid()) == ("active", pid)
    scene.witness.fill(topic, peers[1].places()[0][1], 3)
    peers[1].wait_messages(3)


# ---- systemctl --user -------------------------------------------------------------------------------


class UserService(Service):
    """The same units' names, in the manager of a user."""

    def __init__(self, machine, hub, directory):
        super().__init__(machine, hub, directory)
        self.config_inside = f"/home/{DEVELOPER}/.config/kgroupd/kgroupd.conf"
        self.socket_inside = f"{RUNTIME}/kgroupd/kgroupd.sock"
        self.socket_path = str(machine.path(self.socket_inside))

    def systemctl(self, *words):
        return self.machine.run("runuser", "-u", DEVELOPER, "--", "env",
                                f"XDG_RUNTIME_DIR={RUNTIME}", "systemctl", "--user", *words)

    def listen(self):
        self.systemctl("start", self.socket_unit)
        return self

    def restart(self):
        self.systemctl("restart", self.unit)

    def show(self, *properties):
        values = self.systemctl("show", self.unit, "--value",
                                *(f"--property={name}" for name in properties)).splitlines()
        return values if len(values) > 1 else values[0]

    def log(self):
        return self.machine.journal("--since", self.born, "-t", "kgroupd", "-o", "cat")

    def close(self):
        self.systemctl("stop", self.socket_unit, self.unit)


@pytest.fixture
def own(machine, scene):
    """A developer with a manager of their own, as logging in starts it: by its unit's name the
    daemon knows that it is one. There is no bus of theirs."""
    machine.run("useradd", "--create-home", DEVELOPER)
    manager = f"user@{machine.run('id', '-u', DEVELOPER).strip()}.service"
    machine.write(f"/etc/systemd/system/{manager}", MANAGER)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", manager)
    made = UserService(machine, scene.hub, scene.directory)
    made.configure(scene.config(daemon=NAMELESS, group=SESSION))
    scene.daemons.append(made)
    yield made
    made.close()
    scene.daemons.remove(made)
    machine.systemctl("stop", manager)
    machine.remove(f"/etc/systemd/system/{manager}")
    machine.run("userdel", "--remove", DEVELOPER)


def test_a_developer_needs_no_root(scene, own):
    """Socket activation, messages, a restart that finds the state again; nobody else gets in."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    own.listen()
    peer = scene.peer("lib", topic)
    peer.wait_messages(3)
    peer.mark_all()
    scene.wait_committed(topic, 0, 3)
    uid = own.machine.run("id", "-u", DEVELOPER).strip()
    assert place(scene, own) == f"box-kgroupd-{uid}", "not that of the system's daemon"
    generation = scene.witness.generation(scene.group_id)
    own.restart()
    scene.witness.fill(topic, 0, 1, first=3)
    peer.wait_messages(4)
    assert scene.witness.generation(scene.group_id) == generation
    assert own.machine.path(own.socket_inside).stat().st_mode & 0o777 == 0o600
    status, _ = own.machine.run("runuser", "-u", "nobody", "--", "test", "-e", own.socket_inside,
                                check=False)
    assert status != 0


def test_a_developers_stop_is_no_restart(scene, own):
    """Their manager is asked, by its own socket where they have no bus."""
    topic = scene.topic(1)
    own.listen()
    peer = scene.peer("lib", topic).wait_claims([(topic, 0)])
    peer.close_consumer()
    peer.disconnect()
    scene.clients.remove(peer)
    assert len(scene.witness.members(scene.group_id)) == 1
    own.restart()
    assert "kept: the service manager restarts the unit" in own.log()
    assert len(scene.witness.members(scene.group_id)) == 1
    own.systemctl("stop", own.socket_unit)
    assert "given to other hosts: the service manager stops the unit" in own.log()
    scene.wait_for(lambda: not scene.witness.members(scene.group_id), 10, "an empty group")
