# SPDX-License-Identifier: MIT
"""tests/chaos/run: a cluster, daemons, consumers, a producer, and faults; then the checker.

    tests/chaos/run --seconds N --seed S [--json FILE]     one run; the seed gives shape and faults
    tests/chaos/run --check DIR                            the checker alone, on a run that was kept
    tests/chaos/run ... --prove                            and is the checker awake? see prove.py
    tests/chaos/run --list                                 what the seed would do

The last line is "N passed, N failed": the six statements (README.md), and the processes' own ends.
A run that failed, or any with --keep, leaves its directory behind, and says where it is.
"""
import argparse
import faulthandler
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

import checker  # noqa: E402  the path comes first
import faults  # noqa: E402
import history  # noqa: E402
import prove  # noqa: E402
from records import Log  # noqa: E402
from world import GROUP, Failed, World  # noqa: E402

TURN_S = 0.02
WARM_UP_S = 60
FAULTS_END_S = 90   # until the last broker is back
RECOVERY_S = 60     # statement 6: everything is committed by then
SHOWN = 5
STATEMENTS = (
    ("lost", "every message reached a consumer"),
    ("committed_beyond_marked", "what was committed had been marked"),
    ("out_of_order", "offsets were in order within each epoch"),
    ("wrongly_repeated", "nothing that was committed came again unasked"),
    ("two_holders", "no partition had two holders on a host"),
    ("undone", "no commit was undone"),
    ("not_recovered", "everything was committed in time after the faults"),
    ("unexpected", "no process ended by itself"),
)


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_for(world, condition, seconds, turn=lambda: None):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        turn()
        world.tick(TURN_S)
    return True


def all_are_open(world):
    """Every consumer has come, and the group delivers."""
    texts = [path.read_text(encoding="utf-8") for path in world.logs.glob("[cp]*.*.log")]
    return len(texts) >= len(world.workers) and any(" deliver " in t for t in texts) and all(
        " state " in t for t in texts)


class Ends:
    """How far the group has come, by Kafka's own word, asked a few times a second."""

    def __init__(self, world):
        self.world, self.next, self.left = world, 0.0, {}
        self.wanted = {}
        for line in (world.logs / "producer.log").read_text(encoding="utf-8").splitlines():
            _, kind, *fields = line.split()
            if kind == "ack":
                place, end = fields[0], int(fields[1]) + 1
                self.wanted[place] = max(end, self.wanted.get(place, 0))

    def reached(self):
        if time.monotonic() < self.next:
            return False
        self.next = time.monotonic() + 0.1
        committed = self.world.cluster.committed()
        if committed is None:
            return False
        self.left = {place: (committed.get(place), end) for place, end in self.wanted.items()
                     if committed.get(place, -1) < end}
        return not self.left


def play(world, args, driver, schedule):
    """Everything up to the end; the driver's part of the figures."""
    say(f"chaos: seed {args.seed}: {describe(world.shape)}, {len(schedule)} faults")
    world.make()
    world.start_producer(args.rate, args.seed)
    if not wait_for(world, lambda: all_are_open(world), WARM_UP_S):
        raise Failed(f"not every consumer was open within {WARM_UP_S} s, before any fault")
    chaos = faults.Chaos(world, driver, schedule)
    driver.write("phase", "faults")
    wait_for(world, lambda: False, args.seconds, chaos.turn)
    chaos.end()
    if not wait_for(world, chaos.is_over, FAULTS_END_S, chaos.turn):
        raise Failed("the last fault could not be ended")
    driver.write("phase", "recovery")
    began = time.monotonic()
    world.stop_producer()
    ends = Ends(world)
    recovered = wait_for(world, ends.reached, RECOVERY_S, chaos.turn)
    recovery_s = time.monotonic() - began
    driver.write("phase", "end")
    unexpected = chaos.unexpected + world.stop_workers()
    not_recovered = [] if recovered else [f"{place}: committed {c} of {end}"
                                          for place, (c, end) in sorted(ends.left.items())]
    return ({"recovery_s": round(recovery_s, 3), "by_kind": dict(chaos.counts)},
            {"not_recovered": not_recovered, "unexpected": unexpected})


def run(args, directory):
    shape = faults.draw_shape(args.seed)
    schedule = faults.draw_schedule(args.seed, args.seconds, args.only)
    world = World(directory, Path(args.builddir).resolve(), shape)
    driver = Log(world.logs / "driver.log")
    broken = []
    try:
        figures, found = play(world, args, driver, schedule)
        history.save(world.cluster.bootstrap, GROUP, world.topics, directory)
    finally:
        broken += world.close()
    found["unexpected"] += broken
    (directory / "driver.json").write_text(json.dumps([figures, found]), encoding="utf-8")
    return judge(directory)


def judge(directory):
    """The checker's word and the driver's together."""
    figures, found = json.loads((directory / "driver.json").read_text(encoding="utf-8"))
    checked, violations = checker.check(checker.build(*checker.load(directory)))
    found = {**violations, **found}
    return {**checked, **figures, **{key: len(its) for key, its in found.items()}}, found


def describe(shape):
    n_c = sum(in_c for in_c, _ in shape.workers)
    return (f"{shape.n_daemons} daemons ({shape.strategy}, "
            f"{'newest' if shape.newest else 'linked'} librdkafka, on.stop {shape.on_stop}), "
            f"{n_c} consumers in C, {len(shape.workers) - n_c} in Python, "
            f"{sum(shape.partitions)} partitions")


def report(figures, found):
    """Prints it all; how many statements failed."""
    n_failed = 0
    for key, text in STATEMENTS:
        its = found[key]
        n_failed += bool(its)
        print(f"{'not ok' if its else 'ok'} - {text}" + (f": {len(its)} not" if its else ""))
        for line in its[:SHOWN]:
            print(f"#   {line}")
    print("faults {faults}, messages {produced} (delivered {delivered}, again {repeated}, at most "
          "{most_repeated_at_once} at once), lost {lost}, out of order {out_of_order}, wrongly "
          "repeated {wrongly_repeated}, committed beyond marked {committed_beyond_marked}, late "
          "commits {late_commits}, longest stall {longest_stall_s} s ({longest_stall_at}), "
          "recovery {recovery_s} s; by consumers {consumers}: seeks {seeks}, resets {resets}, resumes "
          "{resumes}, stale marks {stale_marks}".format(**figures))
    print("# " + ", ".join(f"{kind} {n}" for kind, n in sorted(figures["by_kind"].items())))
    return n_failed


def report_proof(directory, seed):
    """How many of the planted bugs were not found."""
    results = prove.prove(checker.load(directory), seed)
    for bug, is_found, what in results:
        print(f"{'ok' if is_found else 'not ok'} - planted bug {bug} is found\n#   {what}")
    return sum(not is_found for _, is_found, _ in results)


def show_plan(args):
    print(describe(faults.draw_shape(args.seed)))
    for fault in faults.draw_schedule(args.seed, args.seconds, args.only):
        print(f"{fault.at_s:7.2f} s  {fault.kind:16} pick {fault.pick:.3f} for {fault.length:.2f} s")


def arguments():
    parser = argparse.ArgumentParser(prog="run", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=90, help="of faults (90)")
    parser.add_argument("--seed", type=int, help="default: a random one, printed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the figures")
    parser.add_argument("--rate", type=float, default=600, help="messages a second (600)")
    parser.add_argument("--only", nargs="*", choices=sorted(faults.KINDS), metavar="KIND",
                        help="these kinds of faults only; none: no faults")
    parser.add_argument("--builddir", default=str(HERE.parents[1] / "build"))
    parser.add_argument("--keep", action="store_true", help="leave the directory behind")
    parser.add_argument("--check", type=Path, metavar="DIR", help="judge a run that was kept")
    parser.add_argument("--prove", action="store_true",
                        help="plant bugs into the run's logs and see each found")
    parser.add_argument("--list", action="store_true", help="show shape and schedule")
    args = parser.parse_args()
    if args.seed is None:
        args.seed = random.randrange(1 << 31)
    return args


def main():
    args = arguments()
    if args.list:
        show_plan(args)
        return 0
    if args.check:
        directory = args.check
        figures, found = judge(directory)
    else:
        directory = Path(tempfile.mkdtemp(prefix=f"chaos-{args.seed}-"))
        try:
            figures, found = run(args, directory)
        except BaseException:
            say(f"chaos: what there is lies in {directory}")
            raise
    n_failed, n_all = report(figures, found), len(STATEMENTS)
    if args.prove:
        n_failed, n_all = n_failed + report_proof(directory, args.seed), n_all + len(prove.BUGS)
    if args.json:
        shown = {**figures, "seed": args.seed, "seconds": args.seconds,
                 "violations": {key: its[:50] for key, its in found.items() if its}}
        args.json.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")
    if args.keep or args.check or n_failed:
        print(f"# kept in {directory}")
    else:
        shutil.rmtree(directory)
    print(f"{n_all - n_failed} passed, {n_failed} failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)  # where it stands, on stderr
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    try:
        sys.exit(main())
    except Failed as reason:
        print(f"chaos: {reason}\n0 passed, 1 failed")
        sys.exit(1)
