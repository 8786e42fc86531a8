# SPDX-License-Identifier: MIT
"""Every request that a group lives on, answered with every error that a broker may give: the daemon
stays, says what it meets, and in the end everything is delivered, marked and committed."""
import pytest

from errors.lane import API_HEARTBEAT, API_LEAVE_GROUP, Fault, Lane

REQUESTS = {"Fetch": 1, "ListOffsets": 2, "Metadata": 3, "OffsetCommit": 8, "OffsetFetch": 9,
            "FindCoordinator": 10, "JoinGroup": 11, "Heartbeat": 12, "LeaveGroup": 13,
            "SyncGroup": 14}
ERRORS = ["NOT_COORDINATOR", "REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID",
          "COORDINATOR_LOAD_IN_PROGRESS", "REQUEST_TIMED_OUT", "_TRANSPORT", "UNKNOWN",
          "GROUP_AUTHORIZATION_FAILED", "FENCED_INSTANCE_ID"]

# Of partitions: only a Fetch is answered so.
FETCH_ERRORS = ["TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PART", "OFFSET_OUT_OF_RANGE",
                "NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "KAFKA_STORAGE_ERROR",
                "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH", "INVALID_MSG"]


class Answers(Fault):
    """The next n requests of this kind are answered with the error, whenever the script says."""

    def __init__(self, api_key, error, n):
        self.api_key, self.error, self.n = api_key, error, n
        self.step_timeout_s += 6 * n  # some cost a whole join each

    def _push(self, lane):
        lane.mock.fail_counted(self.api_key, self.error, self.n)

    def at_join(self, lane):
        if self.api_key != API_LEAVE_GROUP:
            self._push(lane)

    def at_run(self, lane):
        self.at_join(lane)
        self._make_it_ask(lane)

    def _make_it_ask(self, lane):
        """For the coordinator: when the old one is not it. A heartbeat amid a rebalance goes unheard."""
        if self.api_key == REQUESTS["FindCoordinator"] and not lane.mock.errors_left(API_HEARTBEAT):
            lane.mock.fail_counted(API_HEARTBEAT, "NOT_COORDINATOR")

    def at_leave(self, lane):
        """Each leaving asks once."""
        if self.api_key == API_LEAVE_GROUP and self.n:
            lane.mock.fail_counted(self.api_key, self.error)
            self.n -= 1
            return True
        return super().at_leave(lane)

    def is_over(self, lane):
        if not lane.mock.errors_left(self.api_key):
            return True
        if lane.readers and lane.readers[0].seen:
            self._make_it_ask(lane)
        return False


def pytest_generate_tests(metafunc):
    times = [int(n) for n in metafunc.config.getoption("--times").split(",")]
    metafunc.parametrize("times", times, ids=lambda n: f"{n}x")


def play_row(play, request_name, errors, times):
    def make(scene):
        return [Lane(scene, each, Answers(REQUESTS[request_name], each, times)) for each in errors]
    return play(f"{request_name}-{errors[0]}-{times}x", make)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_an_answer(play, request_name, error, times):
    failure = play_row(play, request_name, ERRORS, times)[error]
    assert failure is None, failure


@pytest.mark.parametrize("error", FETCH_ERRORS)
def test_an_answer_about_a_partition(play, error, times):
    failure = play_row(play, "Fetch", FETCH_ERRORS, times)[error]
    assert failure is None, failure
