# SPDX-License-Identifier: MIT
"""The system tests: one suite, run on librdkafka's mock cluster and again on a real Kafka.

Each test says on which: @pytest.mark.both, or @pytest.mark.mock("why not on Kafka"), or
@pytest.mark.real("why not on the mock"). One broker serves a whole run; each test has topics,
groups and daemons of its own (the fixture `scene`). Whatever hangs ends after TEST_TIMEOUT_S.
"""
import signal
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from harness import Kafka, Mock, Scene, Witness  # noqa: E402  the path comes first

TEST_TIMEOUT_S = 60


class Hanging(BaseException):
    """Not an Exception: nothing between the test and pytest may take it for an ordinary failure."""


def pytest_addoption(parser):
    parser.addoption("--broker", choices=["mock", "real"], default="mock", help="what to run on")
    parser.addoption("--librdkafka", choices=["linked", "newest"], default="linked",
                     help="what the daemons run on: as built, or that of confluent-kafka's wheel")
    parser.addoption("--protocol", choices=["classic", "consumer"], default="classic",
                     help="group.protocol of every group; consumer (KIP-848) needs real and newest")
    parser.addoption("--builddir", default=str(TESTS.parent / "build"), help="meson's folder")


def pytest_configure(config):
    for line in ("both: runs on the mock cluster and on a real Kafka",
                 "mock(why): runs on the mock cluster only",
                 "real(why): runs on a real Kafka only",
                 "slow(timeout_s): may take longer than the others"):
        config.addinivalue_line("markers", line)


def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("--broker")
    kept, left_out = [], []
    for item in items:
        marks = [m for m in item.iter_markers() if m.name in ("both", "mock", "real")]
        if len(marks) != 1 or (marks[0].name != "both" and not marks[0].args):
            raise pytest.UsageError(f"{item.nodeid}: mark it both, mock(why) or real(why)")
        (kept if marks[0].name in ("both", wanted) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


# ---- fixtures -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def bounded(request):
    """No test outlives its bound, whatever it hangs in."""
    slow = request.node.get_closest_marker("slow")
    limit_s = slow.args[0] if slow else TEST_TIMEOUT_S

    def on_alarm(_number, _frame):
        raise Hanging(f"longer than {limit_s} s")
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(limit_s)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def builddir(pytestconfig):
    return Path(pytestconfig.getoption("--builddir")).resolve()


@pytest.fixture(scope="session")
def broker(pytestconfig, builddir):
    made = Kafka() if pytestconfig.getoption("--broker") == "real" else Mock(builddir)
    yield made
    made.close()


@pytest.fixture(scope="session")
def witness(broker):
    made = Witness(broker)
    topic = f"warm-up-{time.time_ns()}"
    broker.create_topic(topic, 1)
    # A new broker makes its topic of offsets when the first group asks: not in a test's time.
    made.commit("warm-up", topic, 0, 0)
    for i in range(10):
        made.committed(f"warm-up-{i}", topic, 0)
    yield made
    made.close()


@pytest.fixture
def scene(request, bounded, broker, witness, builddir):
    made = Scene(broker, witness, builddir, request.node.name.removeprefix("test_"),
                 newest=request.config.getoption("--librdkafka") == "newest",
                 protocol=request.config.getoption("--protocol"))
    request.node.scene = made
    try:
        yield made
    finally:
        if broker.is_mock:
            broker.mend()
        made.close()


# ---- reports ------------------------------------------------------------------------------------


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with the logs of the daemons that it had."""
    outcome = yield
    scene = getattr(item, "scene", None)
    if scene and call.when == "call":
        item.logs = list(scene.logs())
    if outcome.get_result().failed:
        for name, log in getattr(item, "logs", []):
            outcome.get_result().sections.append((f"log of daemon {name}", log[-8000:]))


def pytest_unconfigure(config):
    """The very last line, for ./check."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.getoption("--collect-only"):
        return
    named = {key: {report.nodeid for report in reporter.stats.get(key, [])}
             for key in ("passed", "failed", "error")}
    failed = named["failed"] | named["error"]
    passed = named["passed"] - failed
    print(f"{len(passed)} passed, {len(failed)} failed", flush=True)
