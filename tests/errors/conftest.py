# SPDX-License-Identifier: MIT
"""What Kafka may answer, and how it may be away. A row of lanes (lane.py) is played at once on one
daemon, by the first of its tests; each test then says what became of its own lane."""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from harness import Scene  # noqa: E402  the path comes first
from errors.lane import run  # noqa: E402
from system import conftest as system  # noqa: E402
from system.conftest import (  # noqa: E402, F401  pytest finds them here by their names
    builddir, pytest_unconfigure)

LOG_BYTES = 400000


def pytest_addoption(parser):
    system.pytest_addoption(parser)
    parser.addoption("--times", default="1", help="so often in a row, such as 1,3,10")


class NoBroker:
    """Each lane brings its own."""

    is_mock, bootstrap = True, "127.0.0.1:1"


@pytest.fixture(scope="session")
def play(pytestconfig, builddir):  # noqa: F811
    """play(name, make) plays what make(scene) returns, once: a dict of what went wrong."""
    played = {}

    def once(name, make):
        if name not in played:
            played[name] = None  # what breaks is not played again by each of its tests
            played[name] = _play(pytestconfig, builddir, name, make)
        assert played[name] is not None, "the whole row failed, see its first test"
        return played[name]
    return once


def _play(config, builddir, name, make):  # noqa: F811
    scene = Scene(NoBroker, None, builddir, name,
                  newest=config.getoption("--librdkafka") == "newest")
    lanes = []
    try:
        lanes = make(scene)
        failures = run(scene, lanes)
        log = "".join(text for _, text in scene.logs())[-LOG_BYTES:]
    finally:
        try:
            scene.close()
        finally:
            for lane in lanes:
                lane.close()
    return {lane: text and f"{text}\n" + "\n".join(
        line for line in log.splitlines() if lane in line) for lane, text in failures.items()}
