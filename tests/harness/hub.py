# SPDX-License-Identifier: MIT
"""The one place where tests wait.

A hub reads every peer of a test while it waits for anything, because a peer that is not read is a
slow reader, and being slow must be something that a test decides. Members have fileno(),
on_readable() and `reading`, and may have on_turn(), which is called at each look and says whether
there was anything; conditions are functions, asked again after each event and at least every POLL_S
(a condition may look at what makes no event here: a log file, Kafka).
"""
import selectors
import threading
import time

POLL_S = 0.02
BLOCKED_POLL_S = 0.002  # how often others are served while a call blocks


class WaitTimeout(AssertionError):
    """A condition did not come true in time."""


class Hub:
    def __init__(self):
        self.members = []

    def add(self, member):
        self.members.append(member)

    def remove(self, member):
        if member in self.members:
            self.members.remove(member)

    def pump(self, timeout_s=0.0):
        """Reads whatever is readable within timeout_s; true if there was anything."""
        had_turns = self._turns()
        return self._read(0.0 if had_turns else timeout_s) or had_turns

    def _turns(self):
        members = [m for m in self.members if m.reading and hasattr(m, "on_turn")]
        return any([m.on_turn() for m in members])

    def _read(self, timeout_s):
        with selectors.DefaultSelector() as selector:
            for member in self.members:
                if member.reading and member.fileno() >= 0:
                    selector.register(member.fileno(), selectors.EVENT_READ, member)
            if not selector.get_map():
                time.sleep(timeout_s)
                return False
            ready = selector.select(timeout_s)
            for key, _ in ready:
                key.data.on_readable()
        return bool(ready)

    def wait_for(self, condition, timeout_s=15.0, what=""):
        """The first true value of condition(); it is asked once more after the deadline."""
        deadline = time.monotonic() + timeout_s
        while True:
            late = time.monotonic() >= deadline
            value = condition()
            if value:
                return value
            if late:
                raise WaitTimeout(f"{what or condition} within {timeout_s} s")
            self.pump(POLL_S)

    def stays(self, condition, for_s, what=""):
        """Watches that a condition holds all the time for for_s seconds."""
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline:
            assert condition(), f"{what or condition} did not last {for_s} s"
            self.pump(POLL_S)

    def quiet(self, for_s=0.3, timeout_s=15.0):
        """Waits until nothing has been readable for for_s seconds."""
        deadline = time.monotonic() + timeout_s
        last = time.monotonic()
        while time.monotonic() - last < for_s:
            if time.monotonic() > deadline:
                raise WaitTimeout(f"no quiet of {for_s} s within {timeout_s} s")
            if self.pump(POLL_S):
                last = time.monotonic()

    def run_blocking(self, function, *args):
        """Calls what may block in a thread, while everybody else is read."""
        ended = []

        def call():
            try:
                ended.append((function(*args), None))
            except BaseException as error:  # handed over to who waits
                ended.append((None, error))
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        while not ended:
            thread.join(BLOCKED_POLL_S)
            self.pump(0)
        thread.join()
        result, error = ended[0]
        if error:
            raise error
        return result
