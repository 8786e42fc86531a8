# SPDX-License-Identifier: MIT
"""From a user's program to a real Kafka with TLS and a password, through the hardened unit: the
whole way that an administrator has to trust, and who is kept out of it.
"""
import pytest

from resolver import NAME, Resolver

CREDENTIAL = "@credential:kafka-password"
KGROUPCTL = "/usr/local/bin/kgroupctl"
NO_PERMISSION = 77


@pytest.fixture(scope="module")
def users(machine):
    """billing may connect, mallory may not."""
    machine.run("useradd", "--system", "--groups", "kgroupd", "billing")
    machine.run("useradd", "--system", "mallory")


@pytest.fixture
def resolver(machine):
    machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1\n")
    machine.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    made = Resolver()
    yield made
    made.close()


@pytest.fixture
def secret(machine):
    """Makes files that only root may read, and takes them away again."""
    made = []

    def write(inside, text):
        made.append(inside)
        machine.write(inside, text, mode=0o600)
    yield write
    for inside in made:
        machine.remove(inside)


def sasl(scene, **more):
    """A cluster with SASL_SSL whose password is the unit's credential."""
    keys = scene.broker.sasl_config(CREDENTIAL)
    port = keys["bootstrap.servers"].rpartition(":")[2]
    return {**keys, "bootstrap.servers": f"{NAME}:{port}", **more}


def consume(machine, user, topic, n=3, group="g"):
    """kgroupctl consume as this user: (exit status, what it said)."""
    return machine.run("timeout", "40", "runuser", "-u", user, "--", KGROUPCTL, "consume", group,
                       topic, "--count", n, "--format", "%o ", check=False)


def filled_topic(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    return topic


def check_consumes(scene, machine, topic):
    status, words = consume(machine, "billing", topic)
    assert status == 0 and "0 1 2 " in words, words
    scene.wait_committed(topic, 0, 3)


def test_a_user_of_the_group_consumes_with_sasl_ssl(scene, service, users, resolver, secret):
    """Socket activation, LoadCredential=, the resolver, TLS, SASL, the journal: all of it."""
    machine, topic = service.machine, filled_topic(scene)
    secret("/etc/credstore/kafka-password", scene.broker.env["SASL_PASSWORD"] + "\n")
    service.configure(scene.config(cluster=sasl(scene))).listen()
    check_consumes(scene, machine, topic)
    assert NAME in resolver.asked
    assert service.state() == "active"
    log = service.log()
    assert scene.broker.env["SASL_PASSWORD"] not in log.split()
    fields = machine.journal("-u", service.unit, "-o", "json", "--output-fields=KGROUP_GROUP")
    assert '"KGROUP_GROUP":"g"' in fields


def test_an_encrypted_credential_is_as_good(scene, service, users, resolver, secret):
    """systemd-creds encrypt: the file on disk is of no use on another host."""
    machine, topic = service.machine, filled_topic(scene)
    secret("/run/plain", scene.broker.env["SASL_PASSWORD"])
    inside = "/etc/credstore.encrypted/kafka-password"
    machine.run("systemd-creds", "encrypt", "--with-key=host", "--name=kafka-password",
                "/run/plain", inside)
    assert scene.broker.env["SASL_PASSWORD"] not in machine.path(inside).read_text()
    service.drop_in(f"[Service]\nLoadCredentialEncrypted=kafka-password:{inside}\n")
    service.configure(scene.config(cluster=sasl(scene))).listen()
    check_consumes(scene, machine, topic)
    machine.remove(inside)


def test_a_missing_credential_is_named(scene, service):
    service.configure(scene.config(cluster=sasl(scene))).listen()
    service.machine.systemctl("start", service.unit, check=False)
    service.wait_log("kafka-password")
    assert service.show("ExecMainStatus") == "78"


def test_another_user_is_refused_and_told_how_to_get_in(scene, service, users):
    topic = filled_topic(scene)
    service.listen()
    status, words = consume(service.machine, "mallory", topic)
    assert status == NO_PERMISSION
    assert "mallory" in words and "sudo usermod -aG kgroupd mallory" in words
    assert service.state() == "inactive", "who may not connect starts nothing"


def test_a_group_may_be_kept_from_who_may_connect(scene, service, users):
    topic = filled_topic(scene)
    service.configure(scene.config(group={"allow.users": "root"})).listen()
    status, words = consume(service.machine, "billing", topic)
    assert status != 0
    assert "KG-0010" in words and "allow.users" in words


def consume_in_unit(machine, unit, topic, n=3):
    """The same as user billing, within a unit of this name."""
    return machine.run("timeout", "40", "systemd-run", "--wait", "--pipe", "--quiet", "--collect",
                       f"--unit={unit}", "--uid=billing", KGROUPCTL, "consume", "g", topic,
                       "--count", n, check=False)


def test_units_may_be_let_in_once_the_daemon_may_see_them(scene, service, users):
    """As the unit is, it sees no other user's processes: then it refuses, and says what it needs.
    On a kernel that does not say for certain who connected it goes on refusing."""
    machine, topic = service.machine, filled_topic(scene)
    service.configure(scene.config(group={"allow.units": "billing@*.service"})).listen()
    status, words = consume_in_unit(machine, "billing@7", topic)
    assert status == NO_PERMISSION and "allow.units" in words, words
    service.wait_log("allow.units lets nobody in: ")
    if "SO_PEERPIDFD" in words:
        pytest.skip("this kernel has no SO_PEERPIDFD: the rest cannot be shown")
    assert "ProtectProc=default" in words
    service.drop_in("[Service]\nProtectProc=default\n").restart()
    status, words = consume_in_unit(machine, "other@7", topic)
    assert status == NO_PERMISSION and "unit other@7.service is not in allow.units" in words, words
    status, words = consume_in_unit(machine, "billing@7", topic)
    assert status == 0, words


def test_status_names_the_unit_of_a_program(scene, service, users):
    """The daemon does not see other users' processes; kgroupctl looks for itself."""
    machine, topic = service.machine, filled_topic(scene)
    service.listen()
    machine.run("systemd-run", "--unit=billing-7", "--uid=billing", KGROUPCTL, "consume", "g", topic)
    try:
        scene.wait_for(lambda: "billing-7" in machine.run(KGROUPCTL, "lag", "g", check=False)[1],
                       30, "the unit's name")
    finally:
        machine.systemctl("stop", "billing-7")


def test_the_daemon_writes_its_own_folder_only(service):
    """What the unit leaves: tried from inside of its mounts, as its user, where all others may."""
    service.listen().start()
    machine = service.machine
    machine.run("install", "-d", "-m", "1777", "/var/open", "/srv/open")
    inside = ["nsenter", "--target", service.pid(), "--mount", "runuser", "-u", "kgroupd", "--"]
    machine.run(*inside, "touch", "/run/kgroupd/probe")
    for folder in ("/var/open", "/srv/open", "/etc/kgroupd", "/run"):
        status, words = machine.run(*inside, "touch", f"{folder}/probe", check=False)
        assert status != 0, f"{folder} {words}"
    status, words = machine.run(*inside, "ls", "/proc/1", check=False)
    assert status != 0, words
