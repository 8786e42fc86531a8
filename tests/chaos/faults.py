# SPDX-License-Identifier: MIT
"""What goes wrong, and when: drawn from the seed before anything starts.

The schedule is a list of (second, kind, pick, length): pick in 0..1 chooses the victim among those
that are well at that moment, length how long it lasts. A fault whose victim is hurt already is left
out. Brokers are hurt one at a time, and the next only when every partition has all its replicas
again: two at once would take away what acks=all promises. Everything else overlaps as it likes.
"""
import collections
import heapq
import random
import signal
import time

Fault = collections.namedtuple("Fault", ["at_s", "kind", "pick", "length"])
Shape = collections.namedtuple("Shape", ["n_daemons", "partitions", "workers", "strategy", "newest",
                                         "on_stop"])

# kind: (weight, shortest, longest)
KINDS = {
    "consumer_kill": (8, 0.0, 2.0), "consumer_stop": (6, 0.3, 6.0), "consumer_quit": (5, 0.0, 2.0),
    "daemon_kill": (6, 0.0, 2.0), "daemon_stop": (4, 0.3, 9.0), "daemon_restart": (5, 0.0, 1.0),
    "daemon_reload": (2, 0.0, 0.0), "rolling_restart": (1, 0.0, 0.5),
    "broker_kill": (3, 0.5, 4.0), "broker_stop": (3, 0.5, 7.0), "broker_restart": (2, 0.0, 1.0),
    "coordinator_kill": (2, 0.5, 3.0),
    "link_cut": (6, 0.0, 0.0), "link_stall": (5, 0.5, 8.0), "link_slow": (4, 1.0, 6.0),
    "link_refuse": (3, 0.5, 4.0),
    "seek": (8, 0.0, 1.0), "reset": (6, 0.0, 1.0), "stale": (4, 0.0, 0.0), "pause": (4, 0.2, 3.0),
    "flood": (2, 2.0, 6.0), "grow": (1, 0.0, 0.0),
}
BROKER_KINDS = ("broker_kill", "broker_stop", "broker_restart", "coordinator_kill")
STRATEGIES = (("range", False), ("roundrobin", False), ("range", True), ("cooperative-sticky", True))
PACES = ((0, 1, 5000), (0, 20, 5000), (500, 5, 500), (2000, 10, 100), (200, 100, 20000))
WHOLE_S = 60  # for a cluster to be whole again


def draw_shape(seed):
    """How many of what: 2 to 4 daemons, 4 to 16 consumers, of both kinds at each daemon, 12 to 20
    partitions, so that a consumer seldom is left without one."""
    dice = random.Random(f"shape {seed}")
    n_daemons = dice.randint(2, 4)
    n_workers = dice.randint(2 * n_daemons, 4 * n_daemons)
    workers = [(i // n_daemons % 2 == 0, dice.choice(PACES)) for i in range(n_workers)]
    strategy, newest = dice.choice(STRATEGIES)
    partitions = (dice.randint(6, 12), dice.randint(6, 8))
    return Shape(n_daemons, partitions, workers, strategy, newest, dice.choice(("keep", "leave")))


def draw_schedule(seed, seconds, only=None):
    dice = random.Random(f"faults {seed}")
    kinds = [kind for kind in KINDS if only is None or kind in only]
    weights = [KINDS[kind][0] for kind in kinds]
    at, schedule = 1.0, []
    while kinds and at < seconds:
        kind = dice.choices(kinds, weights)[0]
        _, shortest, longest = KINDS[kind]
        # most are short: what is long is drawn from the square
        length = shortest + (longest - shortest) * dice.random() ** 2
        schedule.append(Fault(at, kind, dice.random(), length))
        at += dice.uniform(0.1, 1.4)
    return schedule


class Chaos:
    """Plays a schedule on a world. `turn` does what is due."""

    def __init__(self, world, log, schedule):
        self.world, self.log = world, log
        self.waiting = collections.deque(schedule)
        self.undo, self.n_undo = [], 0  # heap of (when, number, function)
        self.hurt = set()
        self.broker_hurt, self.next_look = None, 0.0
        self.counts = collections.Counter()
        self.begin = time.monotonic()
        self.unexpected = []

    # ---- time ----

    def turn(self):
        now = time.monotonic()
        while self.waiting and self.begin + self.waiting[0].at_s <= now:
            self.inject(self.waiting.popleft())
        while self.undo and self.undo[0][0] <= now:
            heapq.heappop(self.undo)[2]()
        self.look_after_broker(now)
        self.look_after_workers()
        self.look_after_daemons()

    def later(self, seconds, function):
        self.n_undo += 1
        heapq.heappush(self.undo, (time.monotonic() + seconds, self.n_undo, function))

    def inject(self, fault):
        what = getattr(self, fault.kind)(fault.pick, fault.length)
        if what is None:
            return
        self.counts[fault.kind] += 1
        self.log.write("fault", fault.kind, what, f"{fault.length:.2f}")

    def over(self, what):
        self.hurt.discard(what)
        self.log.write("over", what)

    def is_over(self):
        return not self.undo and self.broker_hurt is None

    def end(self):
        """No more faults; those that last are undone now, all but the broker's way back."""
        self.waiting.clear()
        self.world.cluster.tell("heal")
        self.undo = [(0.0, number, function) for _, number, function in self.undo]
        heapq.heapify(self.undo)

    def well(self, pick, things, key):
        """One of the things that is not hurt, or None."""
        found = [thing for thing in things if key(thing) not in self.hurt]
        return found[int(pick * len(found))] if found else None

    # ---- consumers ----

    def worker(self, pick, in_c=None):
        workers = [w for w in self.world.workers
                   if w.alive() and not w.expected_end and in_c in (None, w.in_c)]
        return self.well(pick, workers, lambda w: w.index)

    def look_after_workers(self):
        """A consumer that ended is started again. It may end by itself only when the daemon was not
        there to be opened; anything else is noted."""
        for worker in self.world.workers:
            if worker.alive() or worker.index in self.hurt or worker.is_young():
                continue
            status = worker.process.returncode
            if not worker.expected_end and status != 69:
                self.unexpected.append(f"{worker.name} ended with status {status}")
            worker.start()

    def hurt_worker(self, worker, length, mend):
        name = worker.name
        self.hurt.add(worker.index)

        def undo():
            mend()
            self.hurt.discard(worker.index)
            self.over(name)
        self.later(length, undo)
        return name

    def consumer_kill(self, pick, length):
        worker = self.worker(pick)
        if worker is None:
            return None
        worker.expected_end = True
        worker.signal(signal.SIGKILL)
        return self.hurt_worker(worker, length, lambda: None)

    def consumer_stop(self, pick, length):
        worker = self.worker(pick)
        if worker is None:
            return None
        worker.signal(signal.SIGSTOP)
        return self.hurt_worker(worker, length, lambda: worker.signal(signal.SIGCONT))

    def consumer_quit(self, pick, length):
        worker = self.worker(pick)
        if worker is None:
            return None
        worker.expected_end = True
        worker.signal(signal.SIGTERM)
        return self.hurt_worker(worker, length, lambda: None)

    def command(self, pick, *words):
        worker = self.worker(pick, in_c=False)
        if worker is None:
            return None
        worker.tell(*words)
        return worker.name

    def seek(self, pick, length):
        """Seldom ahead: mostly nothing is there yet, and it is refused."""
        return self.command(pick, "seek", int(length * 300 - 10))

    def reset(self, pick, length):
        return self.command(pick, "reset", int(length * 100))

    def stale(self, pick, _length):
        return self.command(pick, "stale")

    def pause(self, pick, length):
        return self.command(pick, "pause", int(length * 1000))

    def flood(self, pick, length):
        """One with much credit asks for everything again and then reads nothing."""
        workers = [w for w in self.world.workers if w.alive() and not w.in_c and w.credit > 1000]
        worker = self.well(pick, workers, lambda w: w.index)
        if worker is None:
            return None
        worker.tell("seek", 1 << 30)
        self.later(0.1, lambda: worker.signal(signal.SIGSTOP))
        return self.hurt_worker(worker, length, lambda: worker.signal(signal.SIGCONT))

    # ---- daemons ----

    def daemon(self, pick):
        return self.well(pick, self.world.daemons, lambda d: d.directory.name)

    def hurt_daemon(self, daemon, length, mend):
        name = daemon.directory.name
        self.hurt.add(name)

        def undo():
            if mend() is False:  # not yet
                self.later(0.05, undo)
            else:
                self.over(name)
        self.later(length, undo)
        return name

    def revive(self, daemon):
        """A function that is true when another process of this daemon is ready."""
        old = daemon.process

        def is_back():
            if daemon.process is not old:
                if not daemon.alive():
                    self.unexpected.append(f"{daemon.directory.name} does not start")
                    return True
                return "READY=1" in daemon.notified()
            if not daemon.alive():
                self.check_status(daemon)
                daemon.start(wait=False)
            return False
        return is_back

    def check_status(self, daemon):
        status = daemon.process.returncode
        if status not in (0, -signal.SIGKILL):
            self.unexpected.append(f"{daemon.directory.name} ended with status {status}")

    def daemon_kill(self, pick, length):
        daemon = self.daemon(pick)
        if daemon is None:
            return None
        daemon.signal(signal.SIGKILL)
        return self.hurt_daemon(daemon, length, self.revive(daemon))

    def daemon_restart(self, pick, length):
        daemon = self.daemon(pick)
        if daemon is None:
            return None
        daemon.signal(signal.SIGTERM)
        return self.hurt_daemon(daemon, length, self.revive(daemon))

    def daemon_stop(self, pick, length):
        daemon = self.daemon(pick)
        if daemon is None:
            return None
        daemon.signal(signal.SIGSTOP)
        return self.hurt_daemon(daemon, length, lambda: daemon.signal(signal.SIGCONT))

    def daemon_reload(self, pick, _length):
        daemon = self.daemon(pick)
        if daemon is None:
            return None
        daemon.signal(signal.SIGHUP)
        return daemon.directory.name

    def rolling_restart(self, _pick, length):
        """Each daemon in turn, as an update of all hosts would do it."""
        if self.hurt & {d.directory.name for d in self.world.daemons}:
            return None
        for i, daemon in enumerate(self.world.daemons):
            self.hurt.add(daemon.directory.name)
            self.later(i * (1.0 + length), lambda d=daemon: self.roll(d, length))
        return "all"

    def roll(self, daemon, length):
        daemon.signal(signal.SIGTERM)
        self.hurt_daemon(daemon, length, self.revive(daemon))

    def look_after_daemons(self):
        """None of them ends by itself."""
        for daemon in self.world.daemons:
            if not daemon.alive() and daemon.directory.name not in self.hurt:
                self.unexpected.append(f"{daemon.directory.name} ended by itself")
                self.hurt_daemon(daemon, 0, self.revive(daemon))

    # ---- brokers ----

    def broker(self, pick, length, hurt, mend):
        """hurt(broker) now, mend(broker) later; then the cluster is watched until it is whole."""
        if self.broker_hurt is not None:
            return None
        number = min(int(pick * 3), 2)
        self.broker_hurt = (number, None)
        hurt(number)

        def undo():
            if mend(number) is False:
                self.later(0.1, undo)
            else:
                self.broker_hurt = (number, time.monotonic() + WHOLE_S)
        self.later(length, undo)
        return f"broker{number + 1}"

    def look_after_broker(self, now):
        if self.broker_hurt is None or self.broker_hurt[1] is None or now < self.next_look:
            return
        self.next_look = now + 0.3
        number, deadline = self.broker_hurt
        if self.world.cluster.is_whole():
            self.broker_hurt = None
            self.over(f"broker{number + 1}")
        elif now > deadline:
            raise RuntimeError(f"the cluster is not whole again after {WHOLE_S} s")

    def start_broker(self, number):
        cluster = self.world.cluster
        if number not in cluster.starting:
            cluster.start(number)
            return False
        if not cluster.has_started(number):
            return False
        del cluster.starting[number]
        return True

    def broker_kill(self, pick, length):
        cluster = self.world.cluster
        return self.broker(pick, length, lambda n: cluster.stop(n, kill=True), self.start_broker)

    def coordinator_kill(self, _pick, length):
        number = self.world.cluster.coordinator() if self.broker_hurt is None else None
        if number is None:
            return None
        return self.broker_kill(number / 3 + 0.1, length)

    def broker_stop(self, pick, length):
        cluster = self.world.cluster
        return self.broker(pick, length, lambda n: cluster.signal(n, signal.SIGSTOP),
                           lambda n: cluster.signal(n, signal.SIGCONT))

    def broker_restart(self, pick, length):
        stopping = []

        def mend(number):
            if stopping[0].poll() is None:
                return False
            return self.start_broker(number)
        return self.broker(
            pick, length, lambda n: stopping.append(self.world.cluster.stop(n, kill=False)), mend)

    # ---- links ----

    def link(self, pick):
        """A daemon's way to one broker, or, one time in four, to all."""
        n = self.world.shape.n_daemons
        number = int(pick * n * 4)
        return number // 4, "*" if number % 4 == 3 else number % 4

    def hurt_link(self, pick, *words):
        link, broker = self.link(pick)
        self.world.cluster.tell(words[0], link, broker, *words[1:])
        return f"d{link}-{broker}"

    def link_cut(self, pick, _length):
        return self.hurt_link(pick, "cut")

    def link_stall(self, pick, length):
        return self.hurt_link(pick, "stall", length)

    def link_slow(self, pick, length):
        return self.hurt_link(pick, "slow", length, 20000)

    def link_refuse(self, pick, length):
        return self.hurt_link(pick, "refuse", length)

    # ---- topics ----

    def grow(self, pick, _length):
        if self.broker_hurt is not None:
            return None  # the request may be lost half-way, and the test would not know
        name = sorted(self.world.topics)[int(pick * len(self.world.topics))]
        self.world.grow(name)
        return name
