# SPDX-License-Identifier: MIT
"""The service under a real systemd. Bounds, witness and reports are those of tests/system; one
machine (machine.py) serves a whole run, and each test has the service of its own (service.py).
"""
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "systemd")]

from harness import Kafka, Scene  # noqa: E402  the path comes first
from machine import Machine  # noqa: E402
from service import Service  # noqa: E402
from system.conftest import (  # noqa: E402, F401  pytest finds them here by their names
    bounded, builddir, pytest_runtest_makereport, pytest_unconfigure, witness)
from system import conftest as system  # noqa: E402

FIGURES = pytest.StashKey()  # lines that the report ends with: what was measured
WITHOUT_ROOT = "a systemd boots in namespaces, and that needs root"


def need_root(why=WITHOUT_ROOT):
    """Without it a test is skipped; in CI it fails, where nothing may go untried in silence."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)


def pytest_addoption(parser):
    parser.addoption("--builddir", default=str(TESTS.parent / "build"), help="meson's folder")


def pytest_configure(config):
    system.pytest_configure(config)
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash[FIGURES]:
        terminalreporter.write_line(line)
    n = len(terminalreporter.stats.get("skipped", []))
    if n and os.geteuid() != 0:
        terminalreporter.write_line(f"{n} skipped: {WITHOUT_ROOT}")


# ---- fixtures -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def machine(builddir):
    need_root()
    made = Machine(builddir)
    made.join_network()
    yield made
    made.close()


@pytest.fixture(scope="session")
def broker(machine):
    machine.start_kafka()
    made = Kafka()
    yield made
    made.admin = None  # the broker ends with the machine: nobody is left who would complain


@pytest.fixture
def scene(request, bounded, broker, witness, builddir):
    made = Scene(broker, witness, builddir, request.node.name.removeprefix("test_"))
    request.node.scene = made
    yield made
    made.close()


@pytest.fixture
def service(machine, scene):
    """The unit kgroupd.service, configured for the scene's group and not yet started."""
    made = Service(machine, scene.hub, scene.directory)
    made.configure(scene.config())
    scene.daemons.append(made)
    return made
