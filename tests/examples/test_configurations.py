# SPDX-License-Identifier: MIT
"""Every configuration and unit in the documents, read by the program that it is meant for: kgroupd
on the newest librdkafka, since a strategy may need one."""
import os
import re
import shutil
import subprocess

import pytest

from examples.programs import ROOT, blocks
from harness.library import newest_librdkafka

CLUSTER = "[cluster main]\nbootstrap.servers = 127.0.0.1:1\n"
PAGES = ["README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").glob("**/*.md")))]
UNIT = re.compile(r"^\[(Unit|Service|Socket|Install)\]", re.MULTILINE)


def all_blocks():
    for page in PAGES:
        for i, text in enumerate(blocks(page, "ini")):
            yield pytest.param(text, id=f"{page}-{i + 1}")
    for page in sorted((ROOT / "docs").glob("*.scd")):
        found = re.findall(r"^```\n(\[.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
        for i, text in enumerate(found):
            yield pytest.param(text, id=f"{page.name}-{i + 1}")


def check_unit(text, folder, builddir):
    """As what `systemctl edit kgroupd` would make of it: beside the unit that is installed."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    shutil.copy(builddir / "systemd/kgroupd.socket", folder)
    unit = folder / "kgroupd.service"
    installed = (builddir / "systemd/kgroupd.service").read_text(encoding="utf-8")
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={builddir}/daemon/kgroupd", installed,
                           flags=re.M), encoding="utf-8")
    (folder / "kgroupd.service.d").mkdir()
    (folder / "kgroupd.service.d/override.conf").write_text(text, encoding="utf-8")
    told = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                          text=True, check=False)
    told.returncode |= bool(told.stderr)  # what systemd ignores is a mistake too
    return told


def check_configuration(text, folder, builddir):
    """With what it refers to: secrets in files and in credentials, and a cluster for its groups."""
    secret = folder / "secret"
    secret.write_text("hush\n", encoding="utf-8")
    secret.chmod(0o600)
    for name in re.findall(r"@credential:(\S+)", text):
        shutil.copy(secret, folder / name)
    text = re.sub(r"@file:\S+", f"@file:{secret}", text)
    if "[cluster" not in text:
        text = CLUSTER + text
    if "[group" not in text and "allow.dynamic" not in text:
        text = f"{text}\n[group any]\n"
    file = folder / "kgroupd.conf"
    file.write_text(text, encoding="utf-8")
    return subprocess.run([builddir / "daemon/kgroupd", "--check", "--config", file],
                          capture_output=True, text=True, check=False,
                          env={**os.environ, **newest_librdkafka(folder),
                               "CREDENTIALS_DIRECTORY": str(folder)})


@pytest.mark.parametrize("text", all_blocks())
def test_it_is_accepted(text, tmp_path, builddir):
    check = check_unit if UNIT.search(text) else check_configuration
    told = check(text, tmp_path, builddir)
    assert told.returncode == 0, told.stdout + told.stderr
