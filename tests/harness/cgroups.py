# SPDX-License-Identifier: MIT
"""Processes in cgroups of the test's own, named like units of systemd, which is how a process is
found to belong to one. Needs root and a cgroup v2 that may be written to; else the test is skipped
and says so."""
import contextlib
import os
from pathlib import Path

import pytest


def mount_point():
    """Where libsystemd looks: /sys/fs/cgroup, or beside version 1 its folder unified."""
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if Path(path, "cgroup.procs").exists() and Path(path, "cgroup.controllers").exists():
            return Path(path)
    return None


@contextlib.contextmanager
def unit(name):
    """The folder of a cgroup system.slice/<name>. Who is in it must have ended, or have left."""
    root = mount_point()
    if root is None or not os.access(root, os.W_OK):
        pytest.skip("no cgroup v2 that may be written to: units cannot be played")
    slice_path = root / "system.slice"
    with contextlib.suppress(FileExistsError):
        slice_path.mkdir()
    path = slice_path / name
    path.mkdir()
    try:
        yield path
    finally:
        path.rmdir()


def own():
    """The cgroup of this process, as the kernel names it."""
    text = Path("/proc/self/cgroup").read_text(encoding="ascii")
    return next((line[3:] for line in text.splitlines() if line.startswith("0::")), None)


def launcher(path):
    """A command that goes into the cgroup and then becomes what stands behind it."""
    return ["sh", "-c", f'echo $$ >{path}/cgroup.procs && exec "$@"', "sh"]


@contextlib.contextmanager
def inside(path):
    """Within it this process belongs to the cgroup, and so do its children."""
    before = own()
    (path / "cgroup.procs").write_text("0", encoding="ascii")
    try:
        yield
    finally:
        (Path(f"{mount_point()}{before}") / "cgroup.procs").write_text("0", encoding="ascii")
