# SPDX-License-Identifier: MIT
"""The rows of docs/parity.md, each tried over the protocol and through libkgroup.

Broker, witness and bounds are those of tests/system. A test takes `peer`, which makes consumers of
either kind, or `hosts`, which also spreads them: all on one daemon, or each on a daemon of
its own, which to Kafka is another host. The report is a line for each row.
"""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from harness import Scene  # noqa: E402  the path comes first
from parity.rows import CONSUMER_PROTOCOL_ROWS, ROWS, row_of  # noqa: E402
from system import conftest as system  # noqa: E402
from system.conftest import (  # noqa: E402, F401  pytest finds them here by their names
    bounded, broker, builddir, pytest_runtest_makereport, witness)

KINDS = ["wire", "lib"]
HOSTS = ["one daemon", "own daemons"]
CONTEXTS = ("heartbeat", "topics", "commit", "rebalance", "partition")


def pytest_addoption(parser):
    system.pytest_addoption(parser)


def pytest_configure(config):
    system.pytest_configure(config)
    for line in ("row(id): the row that the test belongs to, by its name",
                 "classic(why): not with --protocol consumer"):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(config, items):
    for item in items:
        row = row_of(item.originalname)
        if row is None:
            raise pytest.UsageError(f"{item.nodeid}: its name has no row")
        item.add_marker(pytest.mark.row(row))
    left_out = [item for item in items if is_left_out(config, item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    system.pytest_collection_modifyitems(config, items)
    items.sort(key=lambda item: ROWS.index(row_of_item(item)))


def is_left_out(config, item):
    """Of the mock cluster: it refuses commits while a group of several hosts rebalances, which a real
    Kafka takes, so nothing can be said there about hosts that share."""
    if config.getoption("--broker") == "mock":
        return hasattr(item, "callspec") and item.callspec.params.get("hosts") == "own daemons"
    return config.getoption("--protocol") == "consumer" and (
        row_of_item(item) not in CONSUMER_PROTOCOL_ROWS or item.get_closest_marker("classic"))


def row_of_item(item):
    return item.get_closest_marker("row").args[0]


# ---- fixtures -----------------------------------------------------------------------------------


@pytest.fixture
def scene(request, bounded, broker, witness, builddir):  # noqa: F811
    options = request.config
    made = Scene(broker, witness, builddir, request.node.originalname.removeprefix("test_"),
                 newest=options.getoption("--librdkafka") == "newest",
                 protocol=options.getoption("--protocol"))
    request.node.scene = made
    try:
        yield made
        check_contexts(made)
    finally:
        if broker.is_mock:
            broker.mend()
        made.close()


def check_contexts(made):
    """E7, of every error that any test has met."""
    for client in made.clients:
        for error in getattr(client, "error_events", list)():
            if error.context == "protocol":
                continue  # it ended the connection
            assert error.context in CONTEXTS or error.name == "OVERFLOW", error
            assert (error.context == "partition") <= (error.partition >= 0), error


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def peer(scene, kind):
    """Makes consumers of this kind: peer(topics, daemon=..., mode=..., setting=value)."""
    def make(topics, **options):
        return scene.peer(kind, topics, **options)
    make.kind, make.no_wait = kind, no_wait(kind)
    return make


def no_wait(kind):
    """kg_consumer_open() waits for the group: not so long that a test could not go on."""
    return {"open_timeout": "1s"} if kind == "lib" else {}


class Hosts:
    """Consumers of one group: on one daemon, or each on its own."""

    def __init__(self, scene, kind, spread, config):
        self.scene, self.kind, self.spread, self.config = scene, kind, spread, config
        self.no_wait = no_wait(kind)

    @property
    def own(self):
        return self.spread == "own daemons"

    def consumer(self, topics, **settings):
        if self.own or not self.scene.daemons:
            self.scene.daemon(**self.config)
        return self.scene.peer(self.kind, topics, **settings)


@pytest.fixture(params=HOSTS)
def hosts(request, scene, kind):
    """hosts(config of the daemons) makes Hosts. Groups are left with their last consumer."""
    def make(group=(), **config):
        group = {"leave.delay": "0s", **dict(group)}
        return Hosts(scene, kind, request.param, {"group": group, **config})
    return make


# ---- the report ---------------------------------------------------------------------------------


def pytest_unconfigure(config):
    """A line for each row, then the count of rows."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.getoption("--collect-only"):
        return
    wrong, ran = {}, set()
    for outcome in ("passed", "failed", "error"):
        for report in reporter.stats.get(outcome, []):
            row = row_of(report.nodeid.rpartition("::")[2])
            ran.add(row)
            if outcome != "passed":
                wrong.setdefault(row, f"{report.nodeid.rpartition('::')[2]}: {reason(report)}")
    chosen = [row for row in expected_rows(config) if row in ran or not narrowed(config)]
    for row in chosen:
        print(f"{row} fail: {wrong[row]}" if row in wrong else
              f"{row} pass" if row in ran else f"{row} fail: no test of it ran")
    n_failed = sum(row in wrong or row not in ran for row in chosen)
    print(f"{len(chosen) - n_failed} passed, {n_failed} failed", flush=True)


def expected_rows(config):
    return CONSUMER_PROTOCOL_ROWS if config.getoption("--protocol") == "consumer" else ROWS


def narrowed(config):
    """Whether not every row can be expected: some are chosen, or the mock cannot show them all."""
    return bool(config.getoption("-k") or config.getoption("-m")
                or config.getoption("--broker") == "mock" or config.option.file_or_dir[1:])


def reason(report):
    """The line that says why, short enough for a table."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return text.strip().splitlines()[0][:200] if text.strip() else "it failed"
