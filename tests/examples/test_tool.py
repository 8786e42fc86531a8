# SPDX-License-Identifier: MIT
"""kgroupctl consume: data on stdout, and on stderr why there is none."""
import signal

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
