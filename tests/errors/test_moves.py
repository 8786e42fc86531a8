# SPDX-License-Identifier: MIT
"""Brokers that go and come back, that are slow, and that give away what they led or coordinated:
once while the group is joined and once while it runs."""
import time

import pytest

from errors.lane import Fault, Lane

FIRST, SECOND, BOTH = 1, 2, -1


class Away(Fault):
    """The brokers are down for so long."""

    def __init__(self, seconds):
        self.seconds, self.since = seconds, None
        self.step_timeout_s += seconds

    def at_join(self, lane):
        for broker in (FIRST, SECOND):
            lane.mock.tell("down", broker)
        self.since = time.monotonic()

    def at_run(self, lane):
        self.at_join(lane)

    def is_over(self, lane):
        if self.since and time.monotonic() - self.since > self.seconds:
            self.since = None
            for broker in (FIRST, SECOND):
                lane.mock.tell("up", broker)
        return not self.since


class Slow(Away):
    """Every answer takes so long, to the end; for those who write too."""

    def __init__(self, rtt_ms):
        super().__init__(0)
        self.rtt_ms = rtt_ms
        if rtt_ms > 1000:
            # Joining takes two answers within the session timeout. While metadata are asked for
            # faster than they come, librdkafka takes every answer for a change and never joins.
            self.session_timeout, self.step_timeout_s, self.refresh_ms = "6s", 60, 30000

    def at_join(self, lane):
        lane.mock.tell("rtt", BOTH, self.rtt_ms)

    def at_run(self, lane):
        pass


class Moved(Away):
    """What one broker had is the other's now."""

    def __init__(self, what):
        super().__init__(0)
        self.what, self.n = what, 0

    def at_join(self, lane):
        self.n += 1
        owner = SECOND if self.n % 2 else FIRST
        if self.what != "leader":
            lane.mock.tell("coordinator", lane.group_id, owner)
            lane.coordinator = owner - 1
        if self.what != "coordinator":
            for partition in range(2):
                lane.mock.tell("leader", "t", partition, owner)

    def at_run(self, lane):
        self.at_join(lane)


WEATHER = {"down-1s": (Away, 1), "down-5s": (Away, 5), "down-30s": (Away, 30),
           "rtt-0ms": (Slow, 0), "rtt-200ms": (Slow, 200), "rtt-2000ms": (Slow, 2000),
           "coordinator-moved": (Moved, "coordinator"), "leader-moved": (Moved, "leader"),
           "both-moved": (Moved, "both")}


@pytest.mark.parametrize("name", WEATHER)
def test_weather(play, name):
    def make(scene):
        return [Lane(scene, each, make_fault(argument), n_brokers=2)
                for each, (make_fault, argument) in WEATHER.items()]
    failure = play("weather", make)[name]
    assert failure is None, failure
