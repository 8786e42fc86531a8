# SPDX-License-Identifier: MIT
"""From the start to a clean stop nothing is read that was not written, nothing is lost, and no
descriptor is left: of the daemon, of a program with libkgroup, and of the tool."""
import re
import subprocess

import pytest

SLOW = 10  # times slower than a processor
mock = pytest.mark.mock("the mock cluster is enough, and quick")

ERRORS = re.compile(r"ERROR SUMMARY: (\d+) errors")
# valgrind's own log is one that it was given.
DESCRIPTOR = re.compile(r"(Open .*)\n==\d+==    (?!<inherited from parent>)")


def valgrind(log):
    """A launcher. jemalloc's functions are replaced as libc's are."""
    return ["valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--track-fds=yes",
            "--errors-for-leak-kinds=definite", "--soname-synonyms=somalloc=libjemalloc*",
            "--num-callers=30", f"--log-file={log}"]


def assert_clean(log):
    text = log.read_text(encoding="utf-8", errors="replace")
    assert ERRORS.search(text), f"valgrind has not finished:\n{text[-3000:]}"
    assert ERRORS.search(text).group(1) == "0", text[-8000:]
    assert "FILE DESCRIPTORS:" in text
    assert not DESCRIPTOR.search(text), text[-8000:]


@pytest.fixture
def daemon(scene):
    made = scene.daemon(start=False, daemon={"drain.timeout": "20s"})
    made.launcher = valgrind(made.directory / "valgrind")
    return made


def start(scene, daemon):
    daemon.start(wait=False)
    scene.wait_for(lambda: "READY=1" in daemon.notified(), 15 * SLOW, "READY=1")


@mock
@pytest.mark.slow(200)
def test_a_session_of_the_daemon(scene, daemon):
    """Two programs and one more of another topic: claims move, the group rebalances; marks, resets,
    seeks, pauses, questions; a program that dies; one that breaks the protocol."""
    topics = [scene.topic(4), scene.topic(1)]
    for partition in range(4):
        scene.witness.fill(topics[0], partition, 30, 2000)
    start(scene, daemon)
    first = scene.consumer(topics[0], notifications=True)
    first.wait_messages(120, timeout_s=60)
    second = scene.consumer(topics[0])
    scene.wait_for(lambda: len(first.places()) == len(second.places()) == 2, 60, "two claims each")
    third = scene.consumer(topics[1]).wait_claims([(topics[1], 0)], timeout_s=60)
    scene.wait_for(lambda: len(first.places()) == len(second.places()) == 2, 60, "and once more")
    scene.witness.fill(topics[1], 0, 3)
    third.mark(third.wait_messages(3, timeout_s=60)[2], answer=True)
    third.commit(timeout_s=60)
    claim = next(iter(first.claims.values()))
    first.ask("pause", [claim.id], True)
    first.ask("pause", [claim.id], False)
    for what in ("status", "lag", "topics"):
        third.query(what, **({"group": "g"} if what == "topics" else {}))
    n_fds = daemon.n_fds()  # valgrind does not see every way to a descriptor
    stranger = scene.client()
    stranger.send_bytes(b"\x00" * 64)
    stranger.wait_end()
    scene.wait_for(lambda: daemon.n_fds() == n_fds, 20, "the stranger's descriptors are closed")
    second.disconnect()
    first.wait_claims([(topics[0], p) for p in range(4)], timeout_s=60)
    daemon.reload()
    first.close_consumer(timeout_s=60)
    assert daemon.stop(timeout_s=60) == 0
    assert_clean(daemon.directory / "valgrind")


@mock
@pytest.mark.slow(120)
def test_a_daemon_whose_broker_is_away(scene, daemon):
    topic = scene.topic(1)
    scene.broker.down()
    start(scene, daemon)
    client = scene.consumer(topic)
    client.wait_error("BROKER", timeout_s=60)
    scene.broker.up()
    client.wait_claims([(topic, 0)], timeout_s=60)
    assert daemon.stop(timeout_s=60) == 0
    assert_clean(daemon.directory / "valgrind")


@mock
@pytest.mark.slow(120)
@pytest.mark.parametrize("way", [[], ["--poll"], ["--batch"]], ids=str)
def test_a_program_with_libkgroup(scene, way):
    topic = scene.topic(4)
    for partition in range(4):
        scene.witness.fill(topic, partition, 10, 2000)
    daemon = scene.daemon()
    log = scene.directory / "app"
    app = scene.app(topic, *way, launcher=valgrind(log))
    app.wait_messages(40, timeout_s=60)
    sibling = scene.app(topic)  # takes half of the claims
    sibling.wait_line("assigned", timeout_s=60)
    daemon.restart()
    scene.witness.fill(topic, 0, 5, first=10)
    scene.wait_for(lambda: len(app.messages) + len(sibling.messages) >= 45, 60, "what is new")
    assert sibling.stop() == 0
    assert app.stop() == 0
    assert_clean(log)


@mock
@pytest.mark.slow(60)
def test_the_tool(scene, builddir):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    daemon = scene.daemon()
    for status, words in ((0, ["status"]), (0, ["consume", "g", topic, "-c", "3"]),
                          (0, ["topics", "--group", "g"]), (64, ["no-command"])):
        log = scene.directory / f"tool-{words[0]}"
        done = subprocess.run([*valgrind(log), builddir / "client-lib/ctl/kgroupctl", "-S",
                               daemon.socket_path, *words], check=False, timeout=50,
                              stdout=subprocess.DEVNULL)
        assert done.returncode == status, words
        assert_clean(log)
