# SPDX-License-Identifier: MIT
"""The examples of README.md, of docs/ and of client-lib/c/examples, each as a reader would try it.

Broker, witness, daemons and reports are those of tests/system; only its rule that a test says on
which brokers it runs is left out, since examples run on the mock cluster alone.
"""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from system.conftest import (  # noqa: E402, F401  pytest finds them here by their names
    bounded, broker, builddir, pytest_addoption, pytest_configure, pytest_runtest_makereport,
    pytest_unconfigure, scene, witness)

from examples.programs import Program  # noqa: E402


@pytest.fixture
def billing(scene):  # noqa: F811
    """A daemon with the group that all examples name."""
    return Billing(scene)


class Billing:
    """The alias is the documents' name; in Kafka the group is this test's own, scene.group_id."""

    def __init__(self, scene):  # noqa: F811
        self.scene = scene
        scene.daemon(group={"group.id": f"{scene.name}-unused"}, group_billing={
            "group.id": scene.group_id, "cluster": "main", "instance.id": "",
            "session.timeout": "4500ms", "heartbeat.interval": "500ms",
            "initial.offset": "earliest", "commit.interval": "100ms"})
        self.environment = {"KGROUP_SOCKET": str(scene.daemons[0].socket_path)}

    def start(self, *command):
        return Program(self.scene, command, self.environment)
