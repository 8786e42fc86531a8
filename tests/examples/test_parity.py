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
READ_ONLY = ("status", "lag", "topics", "offsets")
COLUMNS = {"lag": "END COMMITTED IN-FLIGHT BEHIND HOLDER STATE", "status g": "CREDIT CLAIMS"}
GCC = "cc -Wall -Wextra -Werror -o billing billing.c -I{root}/client-lib/c/include -L{lib} -lkgroup"


def page():
    return (ROOT / PAGE).read_text(encoding="utf-8")


def column(number):
    """(id, cell) of each row of the tables of behaviours."""
    for line in page().splitlines():
        if re.match(r"\| *[A-F]\d+ *\|", line):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            yield cells[0], cells[number]


def defined(file, macro):
    """The names in one of the protocol's tables."""
    text = (ROOT / "proto" / file).read_text(encoding="utf-8")
    return re.findall(rf"^{macro}\((\w+)", text, re.M)


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


# ---- with kgroupctl ------------------------------------------------------------------------------


def commands():
    """(id, command, its arguments) of each in the column of kgroupctl; options that stand alone
    belong to the command before them, or to consume."""
    for row, cell in column(3):
        command = "consume"
        for text in re.findall(r"`([^`]+)`", cell):
            words = text.split()
            if words[0] == "kgroupctl":
                command, words = words[1], words[2:]
            if words and words[0][0] != "-" and text.split()[0] != "kgroupctl":
                continue  # another program
            yield row, command, words


def test_options_of_kgroupctl_are_taken(builddir):
    helps, n = {}, 0
    for row, command, words in commands():
        if command not in helps:
            helps[command] = subprocess.run(
                [builddir / "client-lib/ctl/kgroupctl", command, "--help"], capture_output=True,
                text=True, check=True).stdout
        for option in re.findall(r"(?:^| )(--?[a-z-]+)", " ".join(words).replace("[", "")):
            assert re.search(rf"(?<![\w-]){option}\b", helps[command]), (row, command, option)
            n += 1
    assert n > 20


def test_what_only_looks_is_run_as_it_stands(scene, builddir):
    """With a group and a topic in the place of GROUP, TOPIC and WHEN."""
    topic = scene.topic(1)
    daemon = scene.daemon(cluster={"allow.dynamic": "yes"})
    scene.consumer(topic).wait_claims([(topic, 0)])
    places, n = {"GROUP": "g", "TOPIC": topic, "[--at": "--at", "WHEN]": "-1h"}, 0

    def ask(*words):
        done = subprocess.run([builddir / "client-lib/ctl/kgroupctl", "-S", daemon.socket_path,
                               *words], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout
    for _, command, words in commands():
        if command in READ_ONLY:
            words = [places.get(word, word) for word in words]
            if command == "offsets" and topic not in words:
                words.insert(0, topic)
            ask(command, *words)
            n += 1
    assert n > 15
    for words, columns in COLUMNS.items():
        found = ask(*words.split()).split()
        assert [column for column in columns.split() if column not in found] == [], words


# ---- on the wire ---------------------------------------------------------------------------------


def test_what_goes_over_the_wire_is_in_the_protocol():
    """Messages and errors in capitals, settings, features, _fields_ and `queries`."""
    cells = "\n".join(cell for _, cell in column(4)).replace("\\", "")
    text = (ROOT / "docs/kgroup-protocol.7.scd").read_text(encoding="utf-8")
    capitals = set(re.findall(r"\b[A-Z][A-Z_]{3,}\b", cells)) - {"README"}
    known = {name.upper() for name in defined("messages.def", "KGP_MESSAGE")}
    known |= set(defined("errors.def", "KGP_ERROR"))
    assert len(capitals) > 25 and sorted(capitals - known) == []
    settings = {name for words in re.findall(r"settings? ((?:[a-z.]+(?:, )?)+)", cells)
                for name in words.split(", ")} - {"of"}
    assert len(settings) > 6 and sorted(
        settings - set(re.findall(r"^\*([a-z.]+)\* \(", text, re.M))) == []
    features = set(re.findall(r"feature (\w+)", cells))
    assert len(features) == 4 and sorted(
        name for name in features if f", feature {name}\n" not in text) == []
    fields = set(re.findall(r"(?<![\w/])_([a-z_]+)_(?!\w)", cells))
    assert len(fields) > 4 and sorted(
        name for name in fields if f"\n*{name}* (" not in text.replace("\\", "")) == []
    queries = set(re.findall(r"`([a-z.]+)`", cells))
    assert len(queries) > 5 and sorted(
        name for name in queries if not re.search(rf"^_{name}_|^\*{name}\*", text, re.M)) == []
