# SPDX-License-Identifier: MIT
"""Debian packages, from the build to the purge, on a machine of their own: the tests stand in the
order of a package's life, and those after `installed` need what came before only by that.
"""
import ctypes
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from conftest import FIGURES, need_root
from debian import NAMES, Packages, Repository, as_nobody, done, raised
from harness import Kafka, Witness
from least import LeastRoot
from load import Load
from machine import CLONE_NEWNET, Machine
from service import Service
from test_restart import SESSION, check_unnoticed

CONFIG = "/etc/kgroupd/kgroupd.conf"
UNITS = ("kgroupd.socket", "kgroupd.service")
KGROUPCTL = "/usr/bin/kgroupctl"
NO_PERMISSION = 77
# What apt, dpkg, ldconfig and the journal write for themselves, whoever was installed; and us.
OF_OTHERS = re.compile(
    r"/run/(systemd|lock|user|credentials|udev|log|dbus)\b|/var/(log|cache)/|"
    r"/var/lib/(dpkg|apt|kafka|systemd/(timers|catalog|linger))\b|"
    r"/var/tmp/systemd-private-|"
    r"/etc/(ld\.so\.cache|\.pwd\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-)$")


class PackagedMachine(Machine):
    """A machine to which nothing of this project was installed. Its user billing may one day use
    the daemon, mallory not."""

    def _install(self):
        self.remove("/usr/sbin/policy-rc.d")  # a container's: services are started here
        for user in ("billing", "mallory"):
            self.run("useradd", "--system", user)
        self.repository = Repository(self)
        self.before = self.files()

    def files(self):
        """{path: what it is} of what packages may write; of /etc, the content as well."""
        rows = self.run("find", "/usr", "-xdev", "-printf", r"%p\t%y\n")
        rows += self.run("find", "/etc", "/var", "/run", "-xdev", "-printf",
                         r"%p\t%y %#m %u:%g %l\n")
        found = dict(line.split("\t", 1) for line in rows.splitlines() if line.startswith("/"))
        sums = self.run("sh", "-c", "find /etc -type f -exec sha256sum {} +")
        for line in sums.splitlines():
            digest, path = line.split(None, 1)
            found[path] += f" {digest}"
        return {path: what for path, what in found.items() if not OF_OTHERS.match(path)}

    def is_active(self, unit):
        return self.systemctl("is-active", unit, check=False)[1].strip()


class InstalledService(Service):
    """The unit as the package brings it, with a configuration that was changed."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        file = self.machine.path(self.config_inside)
        self.original = file.read_text(encoding="utf-8") if file.exists() else None

    def close(self):
        self.stop()
        if self.original is not None:
            self.machine.write(self.config_inside, self.original)


# ---- what there is for all tests -----------------------------------------------------------------


@pytest.fixture(scope="module")
def packages():
    directory = Path(tempfile.mkdtemp(prefix="kgroup-packages-"))
    directory.chmod(0o755)  # who builds is not who runs the tests, whose folders are his own
    try:
        yield Packages(directory)
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def machine(builddir):
    """Beside the machine of the other tests. Theirs is this process's network again at the end."""
    need_root()
    kafka = os.environ.get("KGROUP_TEST_KAFKA")
    with open("/proc/thread-self/ns/net", encoding="ascii") as network:
        made = PackagedMachine(builddir)
        made.join_network()
        yield made
        assert ctypes.CDLL(None).setns(network.fileno(), CLONE_NEWNET) == 0
    os.environ.pop("KGROUP_TEST_KAFKA", None)
    if kafka:
        os.environ["KGROUP_TEST_KAFKA"] = kafka
    made.close()


@pytest.fixture(scope="module")
def broker(machine):
    machine.start_kafka()
    made = Kafka()
    yield made
    made.admin = None  # or it complains of the machine's end


@pytest.fixture(scope="module")
def witness(broker):
    made = Witness(broker)
    made.commit("warm-up", broker_topic(broker), 0, 0)  # a new broker makes its topic of offsets
    yield made
    made.close()


def broker_topic(broker):
    broker.create_topic("warm-up", 1)
    return "warm-up"


@pytest.fixture(scope="module")
def installed(machine, packages):
    """By apt, from the folder."""
    machine.repository.offer(packages.folder.glob("*.deb"))
    machine.repository.apt("install", *NAMES)
    return machine.repository


@pytest.fixture
def service(installed, machine, scene):
    made = InstalledService(machine, scene.hub, scene.directory)
    scene.daemons.append(made)
    return made.configure(scene.config())


@pytest.fixture
def second(installed, machine, scene):
    """An instance, kgroupd@two, which is there until the purge."""
    made = InstalledService(machine, scene.hub, scene.directory, instance="two")
    made.configure(scene.config())
    machine.systemctl("enable", "--now", made.socket_unit, made.unit)
    return made


# ---- the packages themselves ----------------------------------------------------------------------


def test_lintian_has_nothing_to_say(packages):
    changes = next(packages.folder.glob("*.changes"))
    assert done(*as_nobody("lintian", "--fail-on", "error,warning", changes), timeout=120) == ""


def test_each_package_has_what_belongs_into_it(packages):
    daemon, tool, library, development = map(packages.files, NAMES)
    man, units = "/usr/share/man", "/lib/systemd/system"
    assert {"/usr/sbin/kgroupd", CONFIG, f"{man}/man8/kgroupd.8.gz",
            f"{man}/man5/kgroupd.conf.5.gz",
            f"{units}/kgroupd.service", f"{units}/kgroupd@.socket",
            "/usr/lib/systemd/user/kgroupd.socket", "/usr/lib/sysusers.d/kgroupd.conf",
            "/usr/lib/tmpfiles.d/kgroupd.conf",
            "/usr/lib/systemd/catalog/kgroupd.catalog"} <= daemon
    assert {KGROUPCTL, f"{man}/man1/kgroupctl.1.gz"} <= tool
    assert any(re.fullmatch(r"/usr/lib/.*/libkgroup\.so\.0", path) for path in library)
    assert {"/usr/include/kgroup.h", f"{man}/man3/libkgroup.3.gz",
            f"{man}/man7/kgroup-protocol.7.gz", "/usr/share/kgroup/vectors/valid.json",
            "/usr/share/kgroup/vectors/invalid.json",
            "/usr/share/doc/libkgroup-dev/examples/consume.c"} <= development
    assert packages.deb("kgroupd-dbgsym") and packages.deb("libkgroup0-dbgsym")


def test_the_bus_is_recommended(packages):
    """Over it the daemon asks whether this is a restart, on.stop; it does without, so no more."""
    assert "dbus-system-bus" in packages.field("kgroupd", "Recommends")
    assert "dbus" not in packages.field("kgroupd", "Depends")


def test_the_configuration_is_a_conffile(packages, tmp_path):
    done("dpkg-deb", "-e", packages.deb("kgroupd"), tmp_path / "control")
    assert (tmp_path / "control/conffiles").read_text(encoding="utf-8") == f"{CONFIG}\n"


def test_what_they_depend_on_is_all_they_need(packages, tmp_path):
    """On a Debian that has that, what is essential, and nothing else."""
    need_root("a root of another kind needs root")
    least = LeastRoot(tmp_path, [packages.deb(name) for name in NAMES])
    try:
        check_works(least)
    finally:
        least.close()


def check_works(least):
    """Programs find their libraries, scripts their commands."""
    assert "gcc" not in least.names and "librdkafka1" in least.names
    assert re.match(r"kgroupd [0-9.]+, librdkafka", least.run("kgroupd", "--version"))
    least.run("kgroupd", "--check")
    assert "KG-0010" in least.run("kgroupctl", "explain", "KG-0010")
    libraries = least.run("sh", "-c", "ldd /usr/lib/*/libkgroup.so.0 /usr/libexec/kgroupd/*")
    assert "not found" not in libraries
    assert least.run("id", "-gn", "kgroupd").strip() == "kgroupd"


# ---- installed ------------------------------------------------------------------------------------


def test_it_runs_once_it_is_installed(installed, machine, packages):
    assert installed.installed("kgroupd") == packages.version
    for unit in UNITS:
        assert machine.is_active(unit) == "active"
        assert machine.systemctl("is-enabled", unit).strip() == "enabled"
    owner = machine.run("stat", "-c", "%U:%G %a", "/run/kgroupd/kgroupd.sock").strip()
    assert owner == "kgroupd:kgroupd 660"
    assert "kgroupd" in machine.run(KGROUPCTL, "status")


def test_the_journal_explains_its_messages(installed, machine):
    assert "KG-0010" in machine.run("journalctl", "--no-pager", "--dump-catalog")


def test_the_demo_needs_nothing_but_the_packages(installed, machine):
    """Its daemon and its broker are where kgroupctl looks for them."""
    shown = machine.run("timeout", "40", KGROUPCTL, "demo", "--count", "5")
    assert len(re.findall(r"order \d+: \d+ x ", shown)) >= 5


def test_nobody_gets_a_daemon_of_his_own_unasked(installed, machine):
    status, words = machine.systemctl("--global", "is-enabled", "kgroupd.socket", check=False)
    assert words.strip() == "disabled", status


def test_the_configuration_is_good_and_so_are_its_examples(installed, machine):
    """As it is, and with every commented key and section in force."""
    machine.run("kgroupd", "--check")
    text = machine.path(CONFIG).read_text(encoding="utf-8")
    examples = re.sub(r"^#(?=[a-z\[])", "", text, flags=re.M)
    assert examples.count("\n[group ") == 1 and "\nsasl.password = @credential" in examples
    machine.write("/tmp/examples.conf", examples)
    machine.write("/tmp/credentials/kafka-password", "secret", mode=0o600)
    machine.run("env", "CREDENTIALS_DIRECTORY=/tmp/credentials", "kgroupd", "--check", "--config",
                "/tmp/examples.conf")


@pytest.fixture
def password(scene, machine):
    """Where the unit's credential comes from, without a word about it in the unit."""
    inside = "/etc/credstore/kafka-password"
    machine.write(inside, scene.broker.env["SASL_PASSWORD"], mode=0o600)
    yield "@credential:kafka-password"
    machine.remove(inside)


@pytest.fixture
def program(installed, machine):
    """An example, built with what libkgroup-dev brings."""
    inside = "/usr/local/bin/consume"
    machine.run("sh", "-euc", 'cc -o "$0" "$1" $(pkg-config --cflags --libs libkgroup)', inside,
                "/usr/share/doc/libkgroup-dev/examples/consume.c")
    yield inside
    machine.systemctl("stop", "billing-7", check=False)
    machine.remove(inside)


def test_a_users_own_program_consumes_with_sasl_ssl(scene, service, password, program):
    """As a user of the group: the socket starts the daemon, which has the unit's credential."""
    machine, topic = service.machine, scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    service.configure(scene.config(cluster=scene.broker.sasl_config(password)))
    machine.run("usermod", "-aG", "kgroupd", "billing")
    machine.systemctl("stop", *UNITS)
    machine.systemctl("enable", "--now", "kgroupd.socket")
    machine.run("systemd-run", "--unit=billing-7", "--uid=billing", program, "g", topic)
    scene.wait_committed(topic, 0, 3, timeout_s=30)
    printed = machine.journal("-u", "billing-7", "-o", "cat")
    assert re.findall(r"/0/(\d)\t", printed) == ["0", "1", "2"]
    assert machine.is_active("kgroupd.service") == "active"


def test_another_user_is_told_how_to_get_in(installed, machine):
    status, words = machine.run("runuser", "-u", "mallory", "--", KGROUPCTL, "status", check=False)
    assert status == NO_PERMISSION and "sudo usermod -aG kgroupd mallory" in words


# ---- later ----------------------------------------------------------------------------------------


@pytest.mark.slow(120)
def test_an_upgrade_under_load_is_not_noticed(scene, service, second, packages, tmp_path,
                                              pytestconfig):
    """A restart, for the instances as well, whose sockets stay; the configuration is as it was."""
    machine, repository = service.machine, service.machine.repository
    service.configure(scene.config(group=SESSION)).restart()
    mine = machine.path(CONFIG).read_text(encoding="utf-8")
    sockets, other = socket_inodes(service, second), second.pid()
    load = Load(scene, service.socket_path, 8, 8).start()

    versions = []

    def upgrade():  # again, if the clock was not ours
        versions.append(f"{packages.version}+{len(versions) + 1}")
        repository.offer(raised(packages, versions[-1], tmp_path / versions[-1]))
        repository.apt("upgrade")
    check_unnoticed(load, service, pytestconfig.stash[FIGURES], "upgrade", upgrade)
    assert {repository.installed(name) for name in NAMES} == {versions[-1]}
    assert second.wait_state("active").pid() not in (0, other)
    assert socket_inodes(service, second) == sockets
    assert machine.path(CONFIG).read_text(encoding="utf-8") == mine


def socket_inodes(*services):
    return [os.stat(service.socket_path).st_ino for service in services]


def test_removed_and_purged_it_leaves_nothing(installed, machine):
    """Removed, it is gone with what runs, and the configuration waits; purged, that as well."""
    machine.write(f"{CONFIG}.d/mine.conf", "[daemon]\n")
    machine.systemctl("enable", "--now", "kgroupd@three.socket")
    installed.apt("remove", *NAMES)
    for unit in (*UNITS, "kgroupd@three.socket"):
        assert machine.is_active(unit) == "inactive"
    assert not list(machine.path("/run").glob("kgroupd*"))
    assert machine.path(CONFIG).exists() and "kgroupd" in machine.run("getent", "passwd", "kgroupd")
    installed.apt("purge", *NAMES)
    machine.run("systemctl", "daemon-reload")
    after = machine.files()
    assert {path: what for path, what in after.items() if machine.before.get(path) != what} == {}
    assert machine.before.keys() - after.keys() == set()
    assert "KG-0010" not in machine.run("journalctl", "--no-pager", "--dump-catalog")
    assert not machine.systemctl("list-unit-files", "kgroupd*", check=False)[1].count("kgroupd")
