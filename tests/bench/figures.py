# SPDX-License-Identifier: MIT
"""From samples to figures: medians of ratios, the targets, the tables, the JSON.

A ratio is always one of two runs of the same round, which were minutes apart at most; the figure is
the median of these ratios, its spread their smallest and largest. So a machine that is slow for a
while moves both sides of a ratio.
"""
from statistics import median

MB = 1e6
QUANTILES = ("p50", "p99", "p999")
SIDES = {"batch": "direct, batch", "single": "direct, poll", "app": "daemon"}


# ---- figures ------------------------------------------------------------------------------------


class Figure:
    """A median and its spread."""

    def __init__(self, values):
        self.values = list(values)

    def __float__(self):
        return float(median(self.values))

    def span(self):
        return [min(self.values), max(self.values)]

    def text(self, form="{:.2f}"):
        low, high = self.span()
        return f"{form.format(float(self))} ({form.format(low)} to {form.format(high)})"


def cpu_total(run):
    return sum(run["cpu_seconds"].values())


def throughput_figures(rounds):
    """Rounds: [{"batch": run, "single": run, "app": run}]."""
    def ratios(of, left, right):
        return Figure(of(one[left]) / of(one[right]) for one in rounds)

    def speed(run):
        return run["messages_per_s"]

    return {
        "vs_batch": ratios(speed, "app", "batch"),
        "vs_poll": ratios(speed, "app", "single"),
        "app_cpu_ratio": ratios(lambda run: run["cpu_seconds"]["self"], "app", "batch"),
        "total_cpu_ratio": ratios(cpu_total, "app", "batch"),
    }


def stall_figures(rounds):
    return {"vs_batch_after_stall": Figure(
        one["app"]["messages_per_s"] / one["batch"]["messages_per_s"] for one in rounds)}


def latency_figures(rounds):
    """The hop; and end to end of both sides, with the differences inside each round."""
    def of(side, kind, quantile):
        return [one[side][kind][quantile] for one in rounds]

    ends = {}
    for name, side in (("direct", "single"), ("daemon", "app")):
        ends[name] = {q: Figure(of(side, "end_to_end_us", q)) for q in QUANTILES}
    ends["difference"] = {
        q: Figure(app - direct for app, direct in zip(of("app", "end_to_end_us", q),
                                                      of("single", "end_to_end_us", q)))
        for q in QUANTILES}
    return {q: Figure(of("app", "hop_us", q)) for q in QUANTILES}, ends


# ---- targets ------------------------------------------------------------------------------------

AT_LEAST, AT_MOST = ">=", "<="


def targets(sizes):
    """[(path in the JSON, direction, limit)]."""
    found = []
    for size in map(str, sizes):
        speed = 0.9 if size == "100" else 0.85
        where = ("throughput", size)
        found += [((*where, "vs_batch"), AT_LEAST, speed),
                  ((*where, "vs_batch_after_stall"), AT_LEAST, speed),
                  ((*where, "app_cpu_ratio"), AT_MOST, 0.25),
                  ((*where, "total_cpu_ratio"), AT_MOST, 1.2)]
        if size == "100":
            found.append(((*where, "vs_poll"), AT_LEAST, 1.2))
    return found + [(("latency_added_us", "p50"), AT_MOST, 50),
                    (("latency_added_us", "p99"), AT_MOST, 300),
                    (("daemon_backlog_rss_mb",), AT_MOST, 64),
                    (("app_rss_mb",), AT_MOST, 4)]


def look_up(figures, path):
    for word in path:
        figures = figures.get(word) if isinstance(figures, dict) else None
    return figures


def judge(figures, sizes):
    """[(name, value or None, its text, what was to reach, reached)]; None: was not measured."""
    verdicts = []
    for path, direction, limit in targets(sizes):
        figure = look_up(figures, path)
        if figure is None:
            verdicts.append((".".join(path), "not measured", f"{direction} {limit}", False))
            continue
        value = float(figure)
        reached = value >= limit if direction == AT_LEAST else value <= limit
        text = figure.text() if isinstance(figure, Figure) else f"{value:.2f}"
        verdicts.append((".".join(path), text, f"{direction} {limit}", reached))
    return verdicts


# ---- output -------------------------------------------------------------------------------------


def plain(figures):
    """Figures as JSON has them: medians."""
    if isinstance(figures, dict):
        return {key: plain(value) for key, value in figures.items()}
    return round(float(figures), 4) if isinstance(figures, Figure) else figures


def spreads(figures, path=()):
    """{"throughput.100.vs_batch": [min, max], ...}."""
    if isinstance(figures, Figure):
        return {".".join(path): [round(value, 4) for value in figures.span()]}
    found = {}
    if isinstance(figures, dict):
        for key, value in figures.items():
            found |= spreads(value, (*path, key))
    return found


def table(header, rows):
    """Columns by their widest cell; the first to the left, the others to the right."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        first, *others = (cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(row, widths)))
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)


def side_row(name, runs):
    """One side of one size: what it did and what it took."""
    def cpu(who):
        values = [run["cpu_seconds"][who] for run in runs if who in run["cpu_seconds"]]
        return f"{median(values):.2f}" if values else "-"

    def peak(who):
        values = [run["peak_rss"][who] for run in runs if who in run["peak_rss"]]
        return f"{max(values) / MB:.1f}" if values else "-"

    speed = Figure(run["messages_per_s"] / 1000 for run in runs)
    return [name, speed.text("{:.0f}"), *map(cpu, ("broker", "daemon", "self")),
            *map(peak, ("broker", "daemon", "self"))]


def throughput_table(rounds_by_size, stalled_by_size):
    header = ["", "1000 msg/s", "CPU s: broker", "daemon", "app", "peak MB: broker", "daemon",
              "app"]
    rows = []
    for suffix, by_size in (("", rounds_by_size), (", after a stall", stalled_by_size)):
        for size, rounds in by_size.items():
            for side, words in SIDES.items():
                runs = [one[side] for one in rounds if side in one]
                if runs:
                    rows.append(side_row(f"{size} B: {words}{suffix}", runs))
    return table(header, rows)


def latency_table(hop, ends):
    rows = [["hop: librdkafka in the daemon to handler", *(hop[q].text("{:.0f}")
                                                           for q in QUANTILES)]]
    rows += [[f"produce to handler: {name}", *(values[q].text("{:.0f}") for q in QUANTILES)]
             for name, values in ends.items()]
    return table(["us", *QUANTILES], rows)


def large_line(runs, size):
    """Too few messages for a ratio; that they pass at all is the point."""
    mb_per_s = {side: runs[side]["messages"] * size / MB / runs[side]["seconds"] for side in runs}
    return (f"Messages of {size / MB:.0f} MB: direct {mb_per_s['batch']:.0f} MB/s, daemon "
            f"{mb_per_s['app']:.0f} MB/s, its peak {runs['app']['peak_rss']['daemon'] / MB:.0f} MB, "
            f"the application's {runs['app']['peak_rss']['self'] / MB:.0f} MB.")


def verdict_table(verdicts):
    return table(["", "measured", "to reach", ""],
                 [[name, text, limit, "ok" if reached else "MISSED"]
                  for name, text, limit, reached in verdicts])
