# SPDX-License-Identifier: MIT
"""kgroupctl consume: data on stdout, and on stderr why there is none."""
import json
import os
import signal
import subprocess

import pytest

from examples.programs import Program

DEAD = {"bootstrap.servers": "127.0.0.1:1"}


@pytest.fixture
def consume(scene, builddir):
    """Starts it on the group of the scene's daemon; stdout goes to scene.directory / "data"."""
    def start(*arguments):
        tool = [builddir / "client-lib/ctl/kgroupctl", "consume", "g", *arguments]
        return Program(scene, ["sh", "-c", 'exec "$@" >data', "sh", *tool],
                       {"KGROUP_SOCKET": str(scene.daemons[0].socket_path)})
    return start


def data(scene):
    return (scene.directory / "data").read_text(encoding="utf-8")


def test_a_broker_that_is_down_is_told_while_it_waits(scene, consume):
    """Long before --timeout, with the remedy, and Ctrl-C still ends it in order."""
    scene.daemon(cluster=DEAD)
    program = consume("t", "--timeout", "60s")
    program.wait_output("127.0.0.1:1", "(KG-0041)", "mend: ", timeout_s=10)
    assert program.stop(signal.SIGINT) == 0
    assert data(scene) == ""


def test_what_it_waits_for_is_told_without_being_an_error(scene, consume):
    """Nothing fails here: the daemon has gone, and comes back."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 1)
    daemon = scene.daemon()
    program = consume(topic)
    program.wait_output("kgroupctl: g: joined\n")
    scene.wait_committed(topic, 0, 1)
    daemon.stop()
    program.wait_output("kgroupctl: g: kgroupd is not running", timeout_s=10)
    daemon.start()
    scene.wait_for(lambda: program.output().count("g: joined\n") == 2, 20, "the second join")
    assert program.stop(signal.SIGTERM) == 0
    assert data(scene) == f"{topic}/0/0\t{topic}/0/0\n"


def test_quiet_says_nothing_where_verbose_names_the_claims(scene, consume):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 2)
    scene.daemon()
    words = {}
    for option in ("-v", "-q"):
        program = consume(topic, "-c", "1", option)
        assert program.wait_exit() == 0
        words[option] = program.output()
    assert f"claimed {topic}/0\n" in words["-v"]
    assert words["-q"] == ""


def test_a_refusal_is_told_at_once(scene, consume):
    """--timeout is for a daemon that does not answer."""
    scene.daemon()
    program = consume("t", "--cluster", "mars", "--timeout", "60s")
    assert program.wait_exit(5) == 69
    assert "mars" in program.output() and "code: KG-" in program.output()


# ---- rebalances and patterns ---------------------------------------------------------------------


def test_a_rebalance_is_told_with_what_came_and_what_is_held(scene, consume):
    topic = scene.topic(2)
    scene.witness.fill(topic, 0, 1)
    scene.daemon()
    program = consume(topic, "-c", "1", "--notifications")
    assert program.wait_exit() == 0
    told = [line for line in program.output().splitlines() if "rebalance" in line]
    assert told[:2] == ["kgroupctl: rebalance start: holds nothing",
                        f"kgroupctl: rebalance OK: claimed {topic}/0-1, released nothing, "
                        f"holds {topic}/0-1"]


def test_a_pattern_needs_no_topic(scene, consume):
    """Of two topics whose names differ at their ends."""
    topics = [scene.topic(1), scene.topic(1)]
    for topic in topics:
        scene.witness.fill(topic, 0, 2)
    scene.daemon()
    program = consume("--include", f"^{scene.name}-t", "--exclude", "2$", "-e")
    assert program.wait_exit() == 0, program.output()
    assert {line.split("/")[0] for line in data(scene).splitlines()} == {topics[0]}


def test_a_pattern_that_does_not_compile_is_told_with_its_fault(scene, consume):
    scene.daemon()
    program = consume("--include", "shop-(")
    assert program.wait_exit() != 0
    assert "topics.include" in program.output() and "shop-(" in program.output()


# ---- topics and offsets --------------------------------------------------------------------------


@pytest.fixture
def ask(scene, builddir):
    """Runs a command on the scene's daemon: (exit code, stdout, stderr)."""
    def run(*arguments):
        done = subprocess.run(
            [builddir / "client-lib/ctl/kgroupctl", *arguments], capture_output=True, text=True,
            timeout=30, check=False,
            env={**os.environ, "KGROUP_SOCKET": str(scene.daemons[0].socket_path)})
        return done.returncode, done.stdout, done.stderr
    return run


def test_topics_and_their_ends_are_told_without_joining(scene, ask):
    topic = scene.topic(2)
    scene.witness.fill(topic, 1, 7)
    scene.daemon()
    assert f"{topic} 2\n" in ask("topics", "--group", "g", "-rn")[1]
    assert ask("offsets", topic, "--group", "g", "-rn") == (
        0, f"{topic} 0 0 0 0\n{topic} 1 0 7 7\n", "")
    assert ask("offsets", topic, "--group", "g", "-rn", "-p1", "--at", "latest") == (
        0, f"{topic} 1 7\n", "")
    assert ask("offsets", topic, "--group", "g", "-p", "2")[0] == 1
    _, group = scene.status()
    assert group is None or group["state"] == "idle"


def test_who_may_open_no_group_is_told_to_name_one(scene, ask):
    scene.daemon()
    code, out, words = ask("topics")
    assert (code, out) == (1, "") and "--group NAME" in words
    assert ask("topics", "--group", "nobodys")[0] == 1


def test_every_topic_may_be_asked_for_where_groups_may_be_opened(scene, ask):
    topic = scene.topic(1)
    scene.daemon(cluster={"allow.dynamic": "yes"})
    code, out, _ = ask("topics", "--json", "--cluster", "main")
    assert code == 0
    assert {"name": topic, "partitions": 1} in json.loads(out)["topics"]
