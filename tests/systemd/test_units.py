# SPDX-License-Identifier: MIT
"""The files themselves: systemd accepts them, they give little away, and every error is explained.
Nothing here needs root or a booted systemd, but what says so by taking `machine`.
"""
import json
import re
import subprocess
import sys

import pytest

from conftest import FIGURES, TESTS

sys.path.insert(0, str(TESTS.parent / "proto"))
import tables  # noqa: E402  the path comes first

MAX_EXPOSURE = 1.2
SYSTEM_UNITS = ["kgroupd.service", "kgroupd.socket", "kgroupd@.service", "kgroupd@.socket"]


@pytest.fixture
def units(builddir, tmp_path):
    """The units with the daemon where it was built, under names that `verify` can load."""
    for folder in ("", "user"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for source in (builddir / "systemd" / folder).glob("*.service"):
            text = re.sub(r"^ExecStart=\S+", f"ExecStart={builddir}/daemon/kgroupd",
                          source.read_text(encoding="utf-8"), flags=re.M)
            (tmp_path / folder / source.name).write_text(text, encoding="utf-8")
        for source in (builddir / "systemd" / folder).glob("*.socket"):
            (tmp_path / folder / source.name).write_bytes(source.read_bytes())
    user_socket = TESTS.parent / "systemd/user/kgroupd.socket"
    (tmp_path / "user/kgroupd.socket").write_bytes(user_socket.read_bytes())
    return tmp_path


def verify(folder, names, *options):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *options, *names], cwd=folder,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_units(units):
    assert verify(units, SYSTEM_UNITS) == (0, "")


def test_a_units_mistake_would_be_found(units):
    """Else the test above would say nothing."""
    with open(units / "kgroupd.service", "a", encoding="utf-8") as unit:
        unit.write("\n[Service]\nProtectEverything=yes\n")
    status, words = verify(units, SYSTEM_UNITS)
    assert "ProtectEverything" in words, status


@pytest.mark.parametrize("name", ["kgroupd.service", "kgroupd@.service"])
def test_the_exposure_is_small(units, name, pytestconfig):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--json=short",
                           f"--threshold={MAX_EXPOSURE * 10:.0f}", units / name],
                          capture_output=True, text=True, check=False)
    shown = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                            units / name], capture_output=True, text=True, check=False)
    figure = float(re.search(r"Overall exposure level.*: ([0-9.]+)", shown.stdout).group(1))
    pytestconfig.stash[FIGURES].append(f"exposure of {name}: {figure}")
    assert done.returncode == 0 and figure <= MAX_EXPOSURE, shown.stdout
    left = {row["name"] for row in json.loads(done.stdout) if float(row["exposure"] or 0) >= 0.2}
    assert left <= {"PrivateNetwork=", "PrivateUsers=", "IPAddressDeny=",
                    "RestrictAddressFamilies=~AF_(INET|INET6)"}


def test_each_setting_that_takes_something_away_says_why(builddir):
    """A comment stands above it, or above the group of lines that it is in."""
    lines = (builddir / "systemd/kgroupd.service").read_text(encoding="utf-8").splitlines()
    hardening = lines[next(i for i, line in enumerate(lines) if "what it can do" in line):
                      lines.index("[Install]")]
    for number, line in enumerate(hardening):
        if re.match(r"[A-Z]\w+=", line):
            above = hardening[number - 1]
            assert above.startswith("#") or re.match(r"[A-Z]\w+=", above), line


def test_every_error_has_an_entry_in_the_catalog(builddir):
    text = (builddir / "systemd/kgroupd.catalog").read_text(encoding="utf-8")
    ids = re.findall(r"^-- ([0-9a-f]{32})$", text, flags=re.M)
    assert [int(found[-4:], 16) for found in ids] == [row[1] for row in tables.ERRORS]
    assert len(set(found[:-4] for found in ids)) == 1
    for _, number, name, *_ in tables.ERRORS:
        assert f"Subject: KG-{number:04d}: {name}\n" in text


def test_who_is_denied_is_told_of_every_rule_there_is():
    """A rule that comes later would be missing from what to do about KG-0010."""
    keys = (TESTS.parent / "daemon/config_keys.def").read_text(encoding="utf-8")
    rules = set(re.findall(r'"(allow\.\w+)"', keys)) - {"allow.dynamic"}
    mend = next(row[-1] for row in tables.ERRORS if row[0] == "DENIED")
    assert len(rules) >= 4 and rules <= set(re.findall(r"allow\.\w+", mend))


def test_what_is_installed_is_accepted_too(machine):
    names = [f"/usr/local/lib/systemd/system/{name}" for name in SYSTEM_UNITS]
    assert machine.run("systemd-analyze", "verify", "--man=no", *names) == ""
    assert machine.run("env", "XDG_RUNTIME_DIR=/run",
                       "systemd-analyze", "--user", "verify", "--man=no",
                       "/usr/local/lib/systemd/user/kgroupd.service",
                       "/usr/local/lib/systemd/user/kgroupd.socket") == ""


def test_the_journal_explains_a_line_by_its_code(scene, service):
    """A line that names an error is followed by what it means and what to do."""
    sections = scene.config(cluster={"bootstrap.servers": "127.0.0.1:1"})
    service.configure(sections).listen()
    scene.peer("lib", scene.topic(1, create=False))
    service.wait_log("127.0.0.1:1")
    explained = service.machine.journal("-u", service.unit, "-x", "KGROUP_CODE=KG-0041")
    assert "Subject: KG-0041: broker unreachable" in explained
    assert "bootstrap.servers" in explained
