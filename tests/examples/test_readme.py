# SPDX-License-Identifier: MIT
"""README.md: its two programs and its commands, tried as they stand there."""
import subprocess
import sys

import pytest

from examples.programs import ROOT, Program, only_block

README = "README.md"
TOPIC, N_PARTITIONS, N_MESSAGES = "orders", 2, 20


@pytest.fixture(scope="session")
def orders(broker, witness):
    """README's topic, with messages; each test reads it with a group of its own."""
    broker.create_topic(TOPIC, N_PARTITIONS)
    for partition in range(N_PARTITIONS):
        witness.fill(TOPIC, partition, N_MESSAGES)
    return [(partition, i) for partition in range(N_PARTITIONS) for i in range(N_MESSAGES)]


def wait_committed(scene):
    """At least what was there at first: one test writes more."""
    for partition in range(N_PARTITIONS):
        scene.wait_for(lambda p=partition: (scene.committed(TOPIC, p) or 0) >= N_MESSAGES,
                       what=f"the commit of {TOPIC}/{partition}")


# ---- C -------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(scene, builddir):
    """Compiled by README's command in a folder that looks like the source with its build; how to
    run it."""
    (scene.directory / "client-lib").symlink_to(ROOT / "client-lib")
    (scene.directory / "build").symlink_to(builddir)
    (scene.directory / "orders.c").write_text(only_block(README, "c"), encoding="utf-8")
    compile_line, run_line = only_block(README, "sh").splitlines()
    subprocess.run([*compile_line.split(), "-Wall", "-Wextra", "-Werror"], cwd=scene.directory,
                   check=True)
    return ["env", *run_line.split()]


def test_the_program_in_c_receives_and_its_marks_are_committed(scene, billing, compiled, orders):
    program = billing.start(*compiled)
    program.wait_output(*(f"{TOPIC}/{p}/{i} {TOPIC}/{p}/{i}\n" for p, i in orders))
    wait_committed(scene)


def test_two_of_them_share_the_partitions(scene, billing, compiled, orders):
    programs = [billing.start(*compiled), billing.start(*compiled)]

    def each_has_one():
        _, group = scene.status(group="billing")
        return [c["n_claims"] for c in group["consumers"]] == [1, 1]
    scene.wait_for(each_has_one, 20, "a claim for each")
    programs[0].stop()
    scene.witness.fill(TOPIC, 0, 1, first=N_MESSAGES)
    scene.witness.fill(TOPIC, 1, 1, first=N_MESSAGES)
    programs[1].wait_output(*(f"{TOPIC}/{p}/{N_MESSAGES}\n" for p in range(N_PARTITIONS)))


def test_the_program_in_c_says_what_is_wrong(billing, compiled):
    billing.scene.daemons[0].stop()
    program = billing.start(*compiled)
    assert program.wait_exit() == 1
    assert billing.environment["KGROUP_SOCKET"] in program.output()


# ---- Python --------------------------------------------------------------------------------------


@pytest.fixture
def orders_py(scene):
    file = scene.directory / "orders.py"
    file.write_text(only_block(README, "python"), encoding="utf-8")
    return [sys.executable, file]


def test_the_program_in_python_receives_and_its_marks_are_committed(
        scene, billing, orders_py, orders):
    program = billing.start(*orders_py)
    program.wait_output(*(f"{i} None b'{TOPIC}/{p}/{i}'\n" for p, i in orders))
    wait_committed(scene)


def test_the_program_in_python_goes_on_when_its_window_is_used_up(scene, billing, orders_py):
    """More messages than the first credit: it must say the next one in time."""
    scene.broker.create_topic("many", 1)
    scene.witness.fill("many", 0, 5000)
    text = orders_py[1].read_text(encoding="utf-8").replace('["orders"]', '["many"]')
    orders_py[1].write_text(text, encoding="utf-8")
    billing.start(*orders_py)
    scene.wait_committed("many", 0, 5000)


def test_the_program_in_python_ends_with_the_daemon(scene, billing, orders_py, orders):
    program = billing.start(*orders_py)
    program.wait_output(f"b'{TOPIC}/0/0'")
    assert scene.daemons[0].stop() == 0
    assert program.wait_exit() == 0


def test_the_program_in_python_prints_why_it_is_refused(scene, orders_py):
    daemon = scene.daemon()
    program = Program(scene, orders_py, {"KGROUP_SOCKET": str(daemon.socket_path)})
    assert program.wait_exit() == 1
    assert "[group billing]" in program.output()


# ---- with the demo -------------------------------------------------------------------------------


def test_the_programs_run_beside_the_demo(scene, builddir, compiled, orders_py):
    """What README tells a newcomer to do: the demo's socket and topic, a group nobody knows."""
    demo = Program(scene, [builddir / "client-lib/ctl/kgroupctl", "demo"],
                   {"KGROUP_KGROUPD": str(builddir / "daemon/kgroupd"),
                    "KGROUP_MOCK": str(builddir / "client-lib/ctl/mock/kgroup-mock")})
    demo.wait_output("export KGROUP_SOCKET=", f"\n{TOPIC}/")
    socket = demo.output().split("export KGROUP_SOCKET=")[1].split()[0]
    for command in (compiled, orders_py):
        program = Program(scene, command, {"KGROUP_SOCKET": socket})
        program.wait_output("order ")
        program.stop()
    assert demo.stop() == 0
