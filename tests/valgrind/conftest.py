# SPDX-License-Identifier: MIT
"""Broker, witness, scene and bounds are those of tests/system."""
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from system.conftest import (  # noqa: E402, F401  pytest finds them here by their names
    bounded, broker, builddir, pytest_addoption, pytest_collection_modifyitems, pytest_configure,
    pytest_runtest_makereport, pytest_unconfigure, scene, witness)
