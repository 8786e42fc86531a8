# SPDX-License-Identifier: MIT
"""What the documents point to is there: files, links, functions, commands, keys."""
import re
import subprocess

import pytest

from examples.programs import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
SOURCES = [path for folder in ("proto", "daemon", "client-lib")
           for path in (ROOT / folder).rglob("*.[ch]")]


def name_of(path):
    return str(path.relative_to(ROOT))


def definitions():
    """function -> the files that define it; its body's brace stands in the first column."""
    found = {}
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^[A-Za-z_][^\n;={}]*?\b(\w+)\([^;{}]*?\)\s*\n\{", text, re.M):
            found.setdefault(match[1], set()).add(path)
    return found


@pytest.fixture(scope="module")
def functions():
    return definitions()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_functions_exist(document, functions):
    """`name()` is defined in the tree, librdkafka's own calls aside."""
    named = set(re.findall(r"`(\w+)\(\)`", document.read_text(encoding="utf-8")))
    ours = {name for name in named if not name.startswith(("rd_kafka_", "sd_"))}
    missing = sorted(name for name in ours if name not in functions)
    assert not missing, missing


def test_architecture_names_the_file_of_each_function(functions):
    """`name()` (file.c)"""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    pairs = re.findall(r"`(\w+)\(\)`\s\(([\w/.-]+\.c)\)", text)
    assert len(pairs) > 20
    for function, file in pairs:
        places = [f"/{name_of(p)}" for p in functions.get(function, ())]
        assert any(place.endswith(f"/{file}") for place in places), (function, file, places)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_files_exist(document):
    """`folder/file` in backquotes is a file or a folder of the tree."""
    named = re.findall(r"`((?:proto|daemon|client-lib|tests|docs|systemd)/[\w./-]*)`",
                       document.read_text(encoding="utf-8"))
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing, missing


def test_commands_exist(builddir):
    tool = builddir / "client-lib/ctl/kgroupctl"
    named = set()
    for document in [*DOCUMENTS, *sorted((ROOT / "docs").glob("*.scd"))]:
        text = document.read_text(encoding="utf-8")
        named |= set(re.findall(r"^ *(?:\$ |sudo )?kgroupctl ([a-z]+[a-z-]*)\b", text, re.M))
        named |= set(re.findall(r"`kgroupctl ([a-z]+[a-z-]*)\b", text))
    assert named
    for command in sorted(named):
        told = subprocess.run([tool, command, "-h"], capture_output=True, text=True, check=False)
        assert told.returncode == 0, f"kgroupctl {command}: {told.stderr}"


def test_keys_of_the_configuration_exist():
    """`word.word` or `word.word = value` in backquotes is a key, if it looks like one of ours."""
    table = (ROOT / "daemon/config_keys.def").read_text(encoding="utf-8")
    keys = set(re.findall(r'"([a-z]+(?:\.[a-z]+)+)"', table))
    firsts = {key.split(".")[0] for key in keys} - {"group"}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for key in re.findall(r"`([a-z]+(?:\.[a-z]+)+)(?: = [^`]*)?`", text):
            if key.split(".")[0] in firsts and not key.endswith((".c", ".h", ".md", ".ms")):
                assert key in keys, f"{name_of(document)}: {key}"
