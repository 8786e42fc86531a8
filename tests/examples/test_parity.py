# SPDX-License-Identifier: MIT
"""docs/parity.md: its program, tried as it stands there, and the names that it promises."""
import os
import re
import signal
import subprocess

import pytest

from examples.programs import ROOT, only_block
from harness.library import newest_librdkafka

PAGE = "docs/parity.md"
N_MESSAGES = 5
GCC = "cc -Wall -Wextra -Werror -o billing billing.c -I{root}/client-lib/c/include -L{lib} -lkgroup"


def page():
    return (ROOT / PAGE).read_text(encoding="utf-8")


# ---- the program ---------------------------------------------------------------------------------


@pytest.fixture
def topics(scene):
    """In place of the two that the program names, which other tests have too."""
    made = [scene.topic(1) for _ in range(2)]
    for topic in made:
        scene.witness.fill(topic, 0, N_MESSAGES)
    return made


@pytest.fixture
def compiled(scene, builddir, topics):
    lib = builddir / "client-lib/c"
    text = only_block(PAGE, "c")
    for name, topic in zip(("orders", "refunds"), topics):
        assert f'"{name}"' in text
        text = text.replace(f'"{name}"', f'"{topic}"')
    (scene.directory / "billing.c").write_text(text, encoding="utf-8")
    subprocess.run(GCC.format(root=ROOT, lib=lib).split(), cwd=scene.directory, check=True)
    return ["env", f"LD_LIBRARY_PATH={lib}", "./billing"]


def test_the_program_marks_what_it_prints_and_tells_of_rebalances(
        scene, billing, compiled, topics):
    program = billing.start(*compiled)
    program.wait_output(*(f"{t}/0/{i}\t{t}/0/{i}\n" for t in topics for i in range(N_MESSAGES)),
                        "rebalanced: 2 claimed, 0 released, 2 now\n")
    assert program.stop(signal.SIGINT) == 0
    assert [scene.committed(topic, 0) for topic in topics] == [N_MESSAGES] * 2


def test_the_program_says_what_is_wrong(billing, compiled):
    billing.scene.daemons[0].stop()
    program = billing.start(*compiled)
    assert program.wait_exit() == 1
    assert billing.environment["KGROUP_SOCKET"] in program.output()


# ---- the names -----------------------------------------------------------------------------------


def test_what_libkgroup_is_said_to_have_is_in_its_header():
    header = (ROOT / "client-lib/c/include/kgroup.h").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:kg|KG)_\w+\b", page()))
    assert len(named) > 50
    assert sorted(name for name in named if not re.search(rf"\b{name}\b", header)) == []


def test_options_and_settings_are_taken(builddir):
    """`name` = value, or `name` in the tables: by the option's name, and refused by no rule."""
    settings = (ROOT / "proto/settings.def").read_text(encoding="utf-8")
    settings += (ROOT / "client-lib/c/src/options.c").read_text(encoding="utf-8")
    known = set(re.findall(r'"([a-z]+(?:\.[a-z]+)*)"', settings))
    named = set()
    for words in re.findall(r"\boptions? (?:or keys? )?((?:`[a-z.]+`(?:, | and )?)+)", page()):
        named |= set(re.findall(r"`([a-z.]+)`", words))
    assert len(named) > 10
    assert sorted(named - known) == []


def test_keys_of_librdkafka_are_its_own(tmp_path, builddir):
    """`kafka.NAME` with nonsense for a value: the value may be refused, the name may not."""
    named = sorted(set(re.findall(r"`kafka\.([a-z.]+[a-z])`", page())))
    assert len(named) > 30
    keys = "\n".join(f"kafka.{name} = ?" for name in named)
    file = tmp_path / "kgroupd.conf"
    file.write_text(f"[cluster c]\nbootstrap.servers = 127.0.0.1:1\n[group g]\n{keys}\n")
    told = subprocess.run([builddir / "daemon/kgroupd", "--check", "--config", file],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, **newest_librdkafka(tmp_path)})
    complaints = (told.stdout + told.stderr).splitlines()
    assert any("kafka.group.protocol" in line or "group.protocol" in line for line in complaints)
    assert [line for line in complaints if "unknown" in line or "remove" in line
            or "write " in line] == []
