# SPDX-License-Identifier: MIT
"""The checker: from logs alone, whether the promise was kept. It shares no code with the daemon.

The six statements, and what here asks for each:

 1 every message reaches some consumer                       lost()
 2 what is committed was marked, and all below was handed out  commits()
 3 an epoch's offsets are in order, without gaps             tenures()
 4 again only after a fault, release or seek, and only what  repeats()
   was not committed
 5 a commit is not undone, but by a reset, a seek back, or   undone()
   a late commit at a hand-over between hosts
 6 after the faults everything is committed in time          main.py asks Kafka; see `recovery_s`

A *tenure* is the time a consumer holds a place (topic/partition) under one epoch: it begins with
ASSIGN, or with EPOCH after a seek, and lasts until the next of either. A mark's metadata names its
consumer and epoch, so every commit names the tenure and the very mark that it came from.

Who wished to go back (a seek, a reset) wrote so before it asked. Such an *intent* excuses what begins
lower than the committed offset, until a commit of a later mark has used it up.
"""
import bisect
import collections

import records

STAMP_S = 0.005     # the broker's stamp of a commit is in whole milliseconds
SLACK_S = 0.05      # and is made when the commit comes, not when it is in effect
READS_LATE_S = 3.0  # how long what lay in its socket may take one that was stopped
HELD_TWICE_S = 3.0  # how long a consumer that was told of a release may take to notice

Intent = collections.namedtuple("Intent", ["t", "kind", "value"])
Commit = collections.namedtuple("Commit", ["t", "value", "who", "epoch", "is_reset"])


class Tenure:
    def __init__(self, who, daemon, place, epoch, t, start, is_seek):
        self.who, self.daemon, self.place, self.epoch = who, daemon, place, epoch
        self.t, self.start, self.is_seek = t, start, is_seek
        self.delivered = []  # (time, offset)
        self.skips_from = None
        self.given_t = t     # the daemon gave it then at the latest: see given()

    def __str__(self):
        return f"{self.who} {self.place} epoch {self.epoch} from {self.start}"


class Run:
    """Everything that was written down, by place."""

    def __init__(self):
        self.log = collections.defaultdict(dict)         # place: {offset: id}
        self.commits = collections.defaultdict(list)     # place: [Commit], in Kafka's order
        self.tenures = collections.defaultdict(list)     # place: [Tenure], by time
        self.intents = collections.defaultdict(list)     # place: [Intent], by time
        self.marks = {}    # (who, place, epoch): {offset: time}
        self.resets = {}   # the same
        self.resumes = collections.defaultdict(list)     # (who, place): [(time, epoch, offset)]
        self.lost_at = collections.defaultdict(list)     # who: when its connection was lost
        self.acked, self.stopped = {}, collections.defaultdict(list)
        self.ack_t = {}
        self.faults, self.n_bad_marks, self.errors = 0, 0, []


# ---- reading ----


def load(directory):
    """The run in a directory; the lines are kept, so that a test can spoil them."""
    lines = [line for path in sorted((directory / "logs").glob("*.log"))
             for line in records.read(path)]
    rows = [row.rstrip("\n").split("\t") for row in open(directory / "records.tsv",
                                                         encoding="ascii")]
    commits = [row.rstrip("\n").split("\t") for row in open(directory / "commits.tsv",
                                                            encoding="utf-8")]
    return lines, rows, commits


class Clock:
    """The host's clock as seconds of CLOCK_MONOTONIC, by what each process wrote at its begin: they
    drift apart while the host's clock is being set."""

    def __init__(self):
        self.pairs = []  # (real, monotonic)

    def add(self, line):
        bisect.insort(self.pairs, (int(line.values[2]) / 1e9, line.t))

    def monotonic(self, real_s):
        at = bisect.bisect(self.pairs, (real_s,))
        near = self.pairs[max(0, at - 1):at + 1]
        real, mono = min(near, key=lambda pair: abs(pair[0] - real_s))
        return mono + real_s - real


def build(lines, rows, commits):
    run = Run()
    for place, offset, number in rows:
        run.log[place][int(offset)] = int(number)
    by_who = collections.defaultdict(list)
    for line in lines:
        by_who[line.who].append(line)
    clock = Clock()
    for who, its in by_who.items():
        if who == "producer":
            read_producer(run, its)
        elif who == "driver":
            read_driver(run, its)
        else:
            read_consumer(run, who, its)
        if its and its[0].kind == "begin":
            clock.add(its[0])
    for at_ms, place, value, metadata in commits:
        who, epoch, *reset = metadata.split(":") if ":" in metadata else ("", "0")
        run.commits[place].append(Commit(clock.monotonic(int(at_ms) / 1e3), int(value), who,
                                         int(epoch), bool(reset)))
    for listed in (run.tenures, run.intents):
        for its in listed.values():
            its.sort(key=lambda thing: thing.t)
    for its in run.tenures.values():
        for tenure in its:
            tenure.given_t = given(run, tenure, its)
    return run


def given(run, tenure, its):
    """A consumer that was stopped reads late what it was given long ago: before it stopped, and
    before the same daemon gave the place a newer epoch."""
    later = [t.t for t in its if t.daemon == tenure.daemon and t.epoch > tenure.epoch > 0]
    stopped = [begin for begin, end in run.stopped[tenure.who]
               if begin < tenure.t < end + READS_LATE_S]
    return min([tenure.t, *later, *stopped])


def read_producer(run, lines):
    for line in lines:
        if line.kind == "ack":
            run.acked[line.place, line.values[0]] = line.values[1]
            run.ack_t[line.place, line.values[0]] = line.t


def read_driver(run, lines):
    stop = {}
    for line in lines:
        if line.kind == "fault":
            run.faults += 1
            stop[line.values[1]] = line.t
        elif line.kind == "over" and line.values[0] in stop:
            run.stopped[line.values[0]].append((stop.pop(line.values[0]), line.t))


class ConsumerReader:
    """One consumer's log, line by line; `now` has its tenure of each place."""

    def __init__(self, run, who):
        self.run, self.who, self.daemon, self.now = run, who, None, {}

    def on_begin(self, line):
        self.daemon = line.values[1]

    def on_state(self, line):
        if line.values[0] in ("connecting", "lost"):
            self.run.lost_at[self.who].append(line.t)

    def begin(self, line, epoch, start, is_seek):
        tenure = Tenure(self.who, self.daemon, line.place, epoch, line.t, start, is_seek)
        self.now[line.place] = tenure
        self.run.tenures[line.place].append(tenure)
        return tenure

    def on_assign(self, line):
        self.begin(line, line.values[0], line.values[1], False)

    def on_epoch(self, line):
        before = self.now.get(line.place)
        tenure = self.begin(line, line.values[0], line.values[1], True)
        if before:
            last = before.delivered[-1][1] + 1 if before.delivered else before.start
            tenure.skips_from = last

    def on_deliver(self, line):
        epoch, offset, number = line.values
        tenure = self.now.get(line.place)
        if tenure is not None and tenure.epoch == 0:
            tenure.epoch = epoch
        if tenure is None or tenure.epoch != epoch:
            if tenure is not None or self.who.startswith("p"):
                self.run.errors.append(("out_of_order", f"{self.who} {line.place}: a message of "
                                        f"epoch {epoch}, which was not announced"))
            tenure = self.begin(line, epoch, offset, False)
        tenure.delivered.append((line.t, offset))
        if self.run.log[line.place].get(offset) != number:
            self.run.errors.append(("out_of_order", f"{self.who} {line.place}: message {number} "
                                    f"was delivered as offset {offset}"))

    def on_mark(self, line):
        epoch, offset = line.values
        self.run.marks.setdefault((self.who, line.place, epoch), {}).setdefault(offset, line.t)

    def on_badmark(self, _line):
        self.run.n_bad_marks += 1

    def on_reset(self, line):
        epoch, offset = line.values
        self.run.resets.setdefault((self.who, line.place, epoch), {}).setdefault(offset, line.t)
        self.run.intents[line.place].append(Intent(line.t, "reset", offset + 1))

    def on_seek(self, line):
        self.run.intents[line.place].append(Intent(line.t, "seek", line.values[0]))

    def on_resume(self, line):
        self.run.resumes[self.who, line.place].append((line.t, *line.values[:2]))


def read_consumer(run, who, lines):
    reader = ConsumerReader(run, who)
    for line in lines:
        handler = getattr(reader, f"on_{line.kind}", None)
        if handler:
            handler(line)


# ---- 1: nothing is lost ----


def first_deliveries(run, place):
    """{offset: when it first reached a consumer, or was skipped by a seek}"""
    first = {}
    for tenure in run.tenures[place]:
        if tenure.skips_from is not None:
            for offset in range(tenure.skips_from, tenure.start):
                first[offset] = min(first.get(offset, tenure.t), tenure.t)
        for t, offset in tenure.delivered:
            first[offset] = min(first.get(offset, t), t)
    return first


def lost(run):
    for place, log in run.log.items():
        first = first_deliveries(run, place)
        for offset in log:
            if offset not in first:
                yield f"{place} offset {offset} was never delivered"
    for (place, offset), number in run.acked.items():
        if run.log[place].get(offset) != number:
            yield f"{place} offset {offset} was acknowledged and is not in Kafka's log"


# ---- 2: what is committed was marked ----


def commits(run):
    for place, its in run.commits.items():
        first = first_deliveries(run, place)
        latest = latest_first_delivery(run.log[place], first)
        for commit in its:
            yield from unmarked(run, place, commit)
            yield from undelivered(place, commit, latest)


def unmarked(run, place, commit):
    listed = run.resets if commit.is_reset else run.marks
    marks = listed.get((commit.who, place, commit.epoch), {})
    marked_at = marks.get(commit.value - 1)
    if marked_at is None:
        yield (f"{place}: {commit.value} was committed for {commit.who} epoch {commit.epoch}, "
               f"which never marked {commit.value - 1}")
    elif marked_at > commit.t + STAMP_S:
        yield f"{place}: {commit.value} was committed before {commit.who} marked it"
    elif not commit.is_reset and is_stale(run, place, commit, marked_at):
        yield (f"{place}: {commit.value} was committed from a mark of {commit.who} in epoch "
               f"{commit.epoch}, which had ended")


def is_stale(run, place, commit, marked_at):
    """The mark was made after the same daemon had given the place a newer epoch; and it was not
    told again with RESUME, which a lost connection makes right. libkgroup says RESUME before the
    program reads that the connection was lost."""
    tenures = run.tenures[place]
    mine = next((t for t in tenures if (t.who, t.epoch) == (commit.who, commit.epoch)), None)
    if mine is None:
        return False
    later = [t for t in tenures if t.daemon == mine.daemon and mine.t < t.t < marked_at
             and t.epoch > mine.epoch]
    told = [r for r in run.resumes[commit.who, place] if r[1] == commit.epoch]
    lost_at = [t for t in run.lost_at[commit.who] if mine.t < t < commit.t + READS_LATE_S]
    return bool(later) and not told and not lost_at


def latest_first_delivery(log, first):
    """(offsets, for each the latest first delivery of all up to it)"""
    offsets, latest, worst = sorted(log), [], 0.0
    for offset in offsets:
        worst = max(worst, first.get(offset, float("inf")))
        latest.append(worst)
    return offsets, latest


def undelivered(place, commit, latest):
    """A commit covers all below: all of it was in a consumer's hands by then."""
    offsets, worst = latest
    n_below = bisect.bisect_left(offsets, commit.value)
    if n_below and worst[n_below - 1] > commit.t + STAMP_S:
        yield f"{place}: {commit.value} was committed, and not all below it had been delivered"


# ---- 3: order ----


def tenures(run):
    yield from (text for kind, text in run.errors if kind == "out_of_order")
    for place, its in run.tenures.items():
        offsets = sorted(run.log[place])
        for tenure in its:
            yield from order(tenure, offsets)


def order(tenure, offsets):
    at = bisect.bisect_left(offsets, tenure.start) if tenure.start >= 0 else None
    for _, offset in tenure.delivered:
        if at is None:
            at = bisect.bisect_left(offsets, offset)
        wanted = offsets[at] if at < len(offsets) else None
        if offset != wanted:
            yield f"{tenure}: offset {offset} came, {wanted} was next"
            at = bisect.bisect_left(offsets, offset)
        at += 1


# ---- 4: again only what has to ----


def is_excused(run, place, t, start):
    """Somebody wished to go back to there or further, and no mark made since was committed."""
    for intent in run.intents[place]:
        if intent.t > t or intent.value > start:
            continue
        if not any(c.t <= t - SLACK_S and mark_time(run, place, c) > intent.t
                   for c in run.commits[place]):
            return True
    return False


def mark_time(run, place, commit):
    listed = run.resets if commit.is_reset else run.marks
    return listed.get((commit.who, place, commit.epoch), {}).get(commit.value - 1, 0.0)


def committed_before(run, place, t):
    """The last commit that was surely known at t, or None."""
    its = [c for c in run.commits[place] if c.t <= t - SLACK_S]
    return its[-1] if its else None


def repeats(run):
    for place, its in run.tenures.items():
        seen = {}
        for tenure in its:
            if not tenure.is_seek:
                yield from repeated_commits(run, place, tenure, seen)
            for _, offset in tenure.delivered:
                seen[offset] = tenure


def lowest_known(run, place, tenure):
    """What may have stood when the tenure was given: between given_t and t nobody knows when."""
    first = committed_before(run, place, tenure.given_t)
    its = [c for c in run.commits[place] if tenure.given_t - SLACK_S < c.t <= tenure.t]
    return first and min([first, *its], key=lambda c: c.value)


def repeated_commits(run, place, tenure, seen):
    known = lowest_known(run, place, tenure)
    if known is None or tenure.start < 0 or tenure.start >= known.value:
        return
    if is_excused(run, place, tenure.t, tenure.start):
        return
    for _, offset in tenure.delivered:
        if offset < known.value and offset in seen:
            yield (f"{tenure}: offset {offset} came again, {known.value} had been committed for "
                   f"{tenure.t - known.t:.3f} s")


def n_repeated(run):
    """(deliveries that were not the first, the most of them in one tenure)"""
    total, most = 0, 0
    for its in run.tenures.values():
        seen = set()
        for tenure in its:
            again = sum(offset in seen for _, offset in tenure.delivered)
            total, most = total + again, max(most, 0 if tenure.is_seek else again)
            seen.update(offset for _, offset in tenure.delivered)
    return total, most


def two_holders(run):
    for place, its in run.tenures.items():
        holders = {}
        for tenure in its:
            key = tenure.daemon, tenure.epoch
            if tenure.epoch and holders.setdefault(key, tenure.who) != tenure.who:
                yield f"{tenure}: {holders[key]} has the same epoch"
        for tenure in its:
            yield from held_after(run, tenure, its)


def held_after(run, tenure, its):
    """It still hands out although the same daemon gave the place to another some time ago."""
    later = next((t for t in its if t.daemon == tenure.daemon and t.t > tenure.t
                  and t.epoch > tenure.epoch and t.who != tenure.who and t.delivered), None)
    if later is None or not tenure.delivered:
        return
    until = tenure.delivered[-1][0]
    was_stopped = any(end > later.t and begin < until for begin, end in run.stopped[tenure.who])
    if until > later.t + HELD_TWICE_S and not was_stopped:
        yield f"{tenure}: still delivers {until - later.t:.1f} s after {later} began"


# ---- 5: a commit stands ----


def undone(run):
    """(violations, late commits at a hand-over between hosts)"""
    found, n_late = [], 0
    for place, its in run.commits.items():
        by_epoch = {(t.who, t.epoch): t for t in run.tenures[place]}
        for before, after in zip(its, its[1:]):
            if after.value >= before.value or after.is_reset:
                continue
            now, then = (by_epoch.get((c.who, c.epoch)) for c in (after, before))
            if is_wished(run, place, now, after, before):
                continue
            if now and then and now.daemon != then.daemon:
                n_late += 1
            else:
                found.append(f"{place}: {before.value} of {before.who} epoch {before.epoch} was "
                             f"undone by {after.value} of {after.who} epoch {after.epoch}")
    return found, n_late


def is_wished(run, place, tenure, after, before):
    """The lower value comes from a mark made after somebody went back, or a reset was on its way."""
    made = mark_time(run, place, after)
    return any(i.t < made and i.value <= after.value and i.t > mark_time(run, place, before) - 60
               for i in run.intents[place]) and (
        tenure is None or tenure.is_seek or tenure.start <= after.value)


# ---- figures ----


def longest_stall(run):
    """The longest that a message which was there, and next in its partition, waited."""
    worst, where = 0.0, ""
    for place, log in run.log.items():
        first, before = first_deliveries(run, place), 0.0
        for offset in sorted(log):
            if offset not in first:
                continue
            there = max(before, run.ack_t.get((place, offset), before))
            if before and first[offset] - there > worst:
                worst, where = first[offset] - there, f"{place} offset {offset}"
            before = max(before, first[offset])
    return worst, where


def check(run):
    """The figures, and every violation by its key."""
    undone_found, n_late = undone(run)
    found = {
        "lost": list(lost(run)),
        "out_of_order": list(tenures(run)),
        "wrongly_repeated": list(repeats(run)),
        "committed_beyond_marked": list(commits(run)),
        "undone": undone_found,
        "two_holders": list(two_holders(run)),
    }
    n_repeated_all, most = n_repeated(run)
    stall_s, stall_at = longest_stall(run)
    figures = {
        "faults": run.faults,
        "produced": sum(map(len, run.log.values())),
        "delivered": sum(len(t.delivered) for its in run.tenures.values() for t in its),
        "commits": sum(map(len, run.commits.values())),
        "repeated": n_repeated_all, "most_repeated_at_once": most, "late_commits": n_late,
        "seeks": sum(t.is_seek for its in run.tenures.values() for t in its),
        "resets": sum(map(len, run.resets.values())),
        "resumes": sum(map(len, run.resumes.values())), "stale_marks": run.n_bad_marks,
        "consumers": len({t.who.split(".")[0] for its in run.tenures.values() for t in its
                          if t.delivered}),
        "longest_stall_s": round(stall_s, 3), "longest_stall_at": stall_at,
    }
    return {**figures, **{key: len(its) for key, its in found.items()}}, found
