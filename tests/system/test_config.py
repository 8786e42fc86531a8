# SPDX-License-Identifier: MIT
"""A bad file: exit 78, every error with file:line and what to do; the daemon never half-starts."""
import pytest

from harness.daemon import run_check
from harness.library import newest_librdkafka

mock = pytest.mark.mock("the broker plays no part")

GOOD = """\
[daemon]
socket.path = /tmp/none/s
[cluster main]
allow.dynamic = yes
bootstrap.servers = 127.0.0.1:1
"""

# file, then what must be said: (line, words)
BAD = {
    "an unknown key": (GOOD + "[group g]\nseshun.timeout = 5s\n", [(7, ["seshun.timeout",
                                                                       "session.timeout"])]),
    "an unknown section": (GOOD + "[grup g]\n", [(6, ["grup"])]),
    "a duration without a unit": (GOOD + "[group g]\nsession.timeout = 30\n", [(7, ["30"])]),
    "a value out of range": (GOOD + "[group g]\ncommit.retries = 101\n", [(7, ["100"])]),
    "no such choice": (GOOD + "[group g]\nstrategy = sticky\n", [(7, ["roundrobin"])]),
    "heartbeat above a third of session": (
        GOOD + "[group g]\nsession.timeout = 6s\nheartbeat.interval = 3s\n", [(8, ["third"])]),
    "a cluster that is not there": (GOOD + "[group g]\ncluster = mars\n", [(7, ["mars"])]),
    "a key of Kafka's that is not there": (
        GOOD + "fetch.wait.max.mz = 50\n", [(6, ["fetch.wait.max.mz", "fetch.wait.max.ms"])]),
    "a value that Kafka's library refuses": (
        GOOD + "fetch.wait.max.ms = soon\n", [(6, ["fetch.wait.max.ms"])]),
    "a key that the daemon owns": (GOOD + "[group g]\nkafka.enable.auto.commit = true\n",
                                   [(7, ["enable.auto.commit"])]),
    "the same key twice": (GOOD + "[group g]\nleave.delay = 1s\nleave.delay = 1s\n",
                           [(8, ["already"])]),
    "several errors are all told": (GOOD + "[group g]\nx = 1\ny = 2\n", [(7, ["x"]), (8, ["y"])]),
    "no cluster": ("[daemon]\nname = a\n", [(None, ["cluster"])]),
}


@mock
@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_exits_78_and_says_where_and_why(builddir, tmp_path, what):
    text, expected = BAD[what]
    file = tmp_path / "k.conf"
    file.write_text(text, encoding="utf-8")
    status, said = run_check(builddir / "daemon/kgroupd", file)
    assert status == 78, said
    for line, words in expected:
        place = f"{file}:{line}:" if line else f"{file}"
        rows = [row for row in said.splitlines() if place in row]
        assert rows, said
        assert all(any(word in row for row in rows) for word in words), said


@mock
def test_a_good_file_is_told_to_be_good(builddir, tmp_path):
    file = tmp_path / "k.conf"
    file.write_text(GOOD, encoding="utf-8")
    status, said = run_check(builddir / "daemon/kgroupd", file)
    assert status == 0 and said == f"{file}: good, 1 cluster, 0 groups\n", said


@mock
def test_a_missing_file_exits_78(builddir, tmp_path):
    status, said = run_check(builddir / "daemon/kgroupd", tmp_path / "none.conf")
    assert status == 78
    assert "none.conf" in said


@mock
def test_a_drop_in_wins_and_its_errors_name_it(builddir, tmp_path):
    file = tmp_path / "k.conf"
    file.write_text(GOOD + "[group g]\nleave.delay = nonsense\n", encoding="utf-8")
    drop_in = tmp_path / "k.conf.d/10-more.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[group g]\nleave.delay = 10s\n", encoding="utf-8")
    program = builddir / "daemon/kgroupd"
    assert run_check(program, file)[0] == 0
    drop_in.write_text("[group g]\n\nleave.delay = 10 parsecs\n", encoding="utf-8")
    status, said = run_check(program, file)
    assert status == 78
    assert f"{drop_in}:3:" in said


@mock
def test_the_daemon_refuses_to_start_with_a_bad_file(scene):
    daemon = scene.daemon(start=False)
    daemon.sections["group g"]["no.such.key"] = "1"
    daemon.write_config()
    daemon.start(wait=False)
    assert daemon.wait_exit(5) == 78
    assert "no.such.key" in daemon.log()
    assert "READY=1" not in daemon.notified()


@mock
def test_a_secret_is_not_printed(scene):
    daemon = scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1", "sasl.mechanism": "PLAIN",
                                   "sasl.username": "u", "sasl.password": "hush-hush",
                                   "security.protocol": "SASL_PLAINTEXT"},
                          daemon={"log.level": "debug"})
    assert daemon.alive()
    status, said = run_check(daemon.program, daemon.config_file)
    assert status == 0
    assert "hush-hush" not in said + daemon.log()


@mock
@pytest.mark.parametrize("section", ["[group g]\nkafka.group.protocol = consumer\n",
                                     "[kafka]\ngroup.protocol = consumer\n"])
def test_kip_848_needs_a_librdkafka_that_has_it(builddir, tmp_path, section):
    """Debian 12's has it not; the one of the tests has."""
    file = tmp_path / "k.conf"
    file.write_text(GOOD + section, encoding="utf-8")
    status, said = run_check(builddir / "daemon/kgroupd", file)
    assert status == 78
    assert f"{file}:7: group.protocol: needs librdkafka 2.12.0, this is 2." in said
    status, said = run_check(builddir / "daemon/kgroupd", file, env=newest_librdkafka(tmp_path))
    assert status == 0, said
