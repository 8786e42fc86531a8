# SPDX-License-Identifier: MIT
"""The checker is checked: bugs planted into the logs of a run, each of which it has to find.

Every bug is put alone into what a real run wrote, at a place drawn from the seed, and the checker is
asked again. A run without violations is assumed. What a bug needs (a partition that moved between
two consumers of a host, say) every run of some seconds with faults has.
"""
import random

import checker
from records import Line

LATER_S = 0.2


class CannotPlant(RuntimeError):
    """The run has nothing of the kind: nothing is proved."""


class Planter:
    """Copies of the three lists of a run, with a bug in one of them."""

    def __init__(self, loaded, seed):
        self.lines, self.rows, self.commits = map(list, loaded)
        self.run = checker.build(*loaded)
        self.dice = random.Random(seed)
        begins = [line for line in self.lines if line.kind == "begin"]
        self.real_of = lambda t: min(
            (abs(b.t - t), int(b.values[2]) / 1e9 - b.t + t) for b in begins)[1]

    def pick(self, things, what):
        things = list(things)
        if not things:
            raise CannotPlant(f"the run has no {what}")
        return self.dice.choice(things)

    def tenures(self):
        return [t for its in self.run.tenures.values() for t in its]

    def violations(self):
        lines = sorted(self.lines, key=lambda line: line.t)
        return checker.check(checker.build(lines, self.rows, self.commits))[1]

    # ---- the bugs; each returns the key under which it must be found ----

    def commit_one_too_high(self):
        at = self.pick((i for i in range(len(self.commits)) if not self.marks_next(i)), "commit")
        at_ms, place, value, metadata = self.commits[at]
        self.commits[at] = [at_ms, place, int(value) + 1, metadata]
        return "committed_beyond_marked"

    def marks_next(self, i):
        """The next message is marked so soon that the higher commit would be right."""
        at_ms, place, value, metadata = self.commits[i]
        who, epoch = metadata.split(":")[:2]
        at = self.run.marks.get((who, place, int(epoch)), {}).get(int(value))
        return at is not None and self.real_of(at) * 1e3 < int(at_ms) + 2000 * checker.STAMP_S

    def message_dropped(self):
        """It never reaches anybody; what comes behind it does."""
        tenure = self.pick((t for t in self.tenures() if len(t.delivered) > 2), "tenure")
        offset = self.pick(tenure.delivered[:-1], "delivery")[1]
        self.lines = [line for line in self.lines
                      if not (line.kind == "deliver" and line.place == tenure.place
                              and line.values[1] == offset)]
        return "lost"

    def messages_swapped(self):
        tenure = self.pick((t for t in self.tenures() if len(t.delivered) > 1), "tenure")
        first = self.dice.randrange(len(tenure.delivered) - 1)
        one, other = tenure.delivered[first][1], tenure.delivered[first + 1][1]
        index = {line.values[1]: i for i, line in enumerate(self.lines)
                 if line.kind == "deliver" and line.who == tenure.who
                 and line.place == tenure.place and line.values[0] == tenure.epoch}
        a, b = self.lines[index[one]], self.lines[index[other]]
        self.lines[index[one]] = a._replace(values=b.values)
        self.lines[index[other]] = b._replace(values=a.values)
        return "out_of_order"

    def stale_epoch_committed(self):
        """The old holder marks what the new one has just got, and the daemon believes it."""
        old, new = self.pick(self.moves(), "move between two consumers of a host")
        t, offset = self.pick(new.delivered, "delivery")
        self.lines.append(Line(t + 0.001, old.who, "mark", old.place, (old.epoch, offset)))
        self.add_commit(t + LATER_S, old.place, offset + 1, f"{old.who}:{old.epoch}")
        return "committed_beyond_marked"

    def moves(self):
        """(old, new): another consumer of the same host got the place, and nothing was resumed."""
        for place, its in self.run.tenures.items():
            for old, new in zip(its, its[1:]):
                end = new.delivered[-1][0] + LATER_S if new.delivered else 0
                lost = any(old.t < t < end + checker.READS_LATE_S for t in self.run.lost_at[old.who])
                told = self.run.resumes[old.who, place]
                if (end and old.epoch and old.daemon == new.daemon and old.who != new.who
                        and old.epoch < new.epoch and not told and not lost):
                    yield old, new

    def add_commit(self, t, place, value, metadata):
        at_ms = self.real_of(t) * 1e3
        at = next((i for i, row in enumerate(self.commits) if float(row[0]) > at_ms),
                  len(self.commits))
        self.commits.insert(at, [int(at_ms), place, value, metadata])

    def two_holders(self):
        """A sibling is handed the place as well, under an epoch of its own, and gets the same."""
        tenure, sibling = self.pick(self.shared(), "long tenure with a sibling")
        epoch = tenure.epoch + 1
        self.lines.append(Line(tenure.t + 0.01, sibling, "assign", tenure.place,
                               (epoch, tenure.start, -1)))
        for t, offset in tenure.delivered:
            number = self.run.log[tenure.place][offset]
            self.lines.append(Line(t + 0.02, sibling, "deliver", tenure.place,
                                   (epoch, offset, number)))
        return "two_holders"

    def shared(self):
        of = {t.who: t.daemon for t in self.tenures()}
        for tenure in self.tenures():
            siblings = [who for who, daemon in of.items()
                        if daemon == tenure.daemon and who != tenure.who]
            long = tenure.delivered and tenure.delivered[-1][0] > (
                tenure.delivered[0][0] + checker.HELD_TWICE_S + 1)
            stopped = self.run.stopped[tenure.who]
            if long and siblings and tenure.epoch and not stopped:
                yield tenure, siblings[0]

    def commit_undone(self):
        """An old value of the same epoch is committed again behind a newer one."""
        pairs = [(a, b) for place, its in self.run.commits.items() for a, b in zip(its, its[1:])
                 if not self.run.intents[place] and (a.who, a.epoch) == (b.who, b.epoch)
                 and a.value < b.value for a, b in [((place, a), b)]]
        (place, old), new = self.pick(pairs, "pair of commits")
        self.add_commit(new.t + 0.002, place, old.value, f"{old.who}:{old.epoch}")
        return "undone"

    def committed_again(self):
        """A claim begins some messages below what was committed long before."""
        def fits(tenure):
            known = checker.committed_before(self.run, tenure.place, tenure.given_t)
            return (not tenure.is_seek and known and tenure.delivered and tenure.start >= 1
                    and known.value == tenure.start and not self.run.intents[tenure.place])
        tenure = self.pick(filter(fits, self.tenures()), "claim at a committed offset")
        at = next(i for i, line in enumerate(self.lines)
                  if line.kind == "assign" and line.who == tenure.who
                  and line.place == tenure.place and line.t == tenure.t)
        line, offset = self.lines[at], tenure.start - 1
        self.lines[at] = line._replace(values=(line.values[0], offset, line.values[2]))
        number = self.run.log[tenure.place][offset]
        self.lines.insert(at + 1, Line(tenure.delivered[0][0] - 1e-6, tenure.who, "deliver",
                                       tenure.place, (tenure.epoch, offset, number)))
        return "wrongly_repeated"


BUGS = ("commit_one_too_high", "message_dropped", "messages_swapped", "stale_epoch_committed",
        "two_holders", "commit_undone", "committed_again")


def prove(loaded, seed):
    """[(bug, whether it was found, what was found)]"""
    results = []
    for bug in BUGS:
        planter = Planter(loaded, f"{bug} {seed}")
        try:
            key = getattr(planter, bug)()
        except CannotPlant as reason:
            results.append((bug, False, str(reason)))
            continue
        found = planter.violations()[key]
        results.append((bug, bool(found), found[0] if found else f"nothing under {key}"))
    return results
