"""The suite `growth`: time and memory against image size and batch, with the exponent that fits.

An exponent p means that twice the pixels, or twice the images, cost 2^p: 1.0 is linear. It is the slope of the straight
line through (log size, log cost), by least squares.
"""

from __future__ import annotations

import numpy as np

from benchmarks import growth_cases, harness
from benchmarks.machine import machine
from benchmarks.output import facts_line, progress, say, write_json

MEBIBYTE = 2**20
SIDES = ("minitensor", "torch")


def exponent(sizes, costs):
    """The slope of log(cost) over log(size), by least squares; raises ValueError for less than two sizes."""
    if len(set(sizes)) < 2:
        raise ValueError(f"exponent: two different sizes are needed, got {list(sizes)}")
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float))
    x -= x.mean()
    return float(x @ y / (x @ x))


def main(options):
    """Measure every point on both sides; print them, and the fitted exponents. The exit code is 1 where one failed."""
    points = [point for point in growth_cases.points() if options.only in point.name]
    facts = machine() | {"threads": options.threads}
    say(facts_line(facts))
    say("ms and MB, ours / torch; MB: peak of the process above what it holds once its library is loaded.\n")
    width = max(len(point.name) for point in points)
    report = {"suite": "growth", "machine": facts, "results": [], "failed": [], "exponents": []}
    for point in progress(points):
        try:
            report["results"].append(_measure(point, options))
        except harness.Failed as error:
            report["failed"].append({"case": point.name, "reason": str(error)})
            say(f"{point.name:{width}}  no figures: {error}")
            continue
        result = report["results"][-1]
        times = " / ".join(f"{seconds * 1e3:.1f}" for seconds in result["seconds"])
        sizes = " / ".join(f"{size / MEBIBYTE:.0f}" for size in result["bytes"])
        say(f"{point.name:{width}}  {times:>18} ms  {sizes:>12} MB")
        if options.json:
            write_json(options.json, report)
    report["exponents"] = exponents(report["results"])
    say("\nfitted exponents, ours / torch (1.0: linear)")
    for fit in report["exponents"]:
        time, memory = (" / ".join(f"{value:.2f}" for value in fit[key]) for key in ("time", "memory"))
        say(f"{fit['work']:{width}}  {fit['along']:6}  time {time}  memory {memory}")
    if options.json:
        write_json(options.json, report)
    if options.chart and report["results"]:
        from benchmarks.chart import draw_growth

        draw_growth(options.chart, report["results"], facts)
    return int(bool(report["failed"]))


def exponents(results):
    """A fit for each work and direction that has two sizes or more: [{"work", "along", "time", "memory"}]"""
    found = []
    for work, along in dict.fromkeys((result["work"], result["along"]) for result in results):
        members = [r for r in results if (r["work"], r["along"]) == (work, along)]
        sizes = [member["size"] for member in members]
        if len(set(sizes)) > 1:
            fits = {
                key: [exponent(sizes, [member[cost][side] for member in members]) for side in range(2)]
                for key, cost in (("time", "seconds"), ("memory", "bytes"))
            }
            found.append({"work": work, "along": along} | fits)
    return found


def _measure(point, options):
    """One point, in fresh processes: memory peaks and kept memory are those of this size alone."""
    workers = harness.start(options.threads, options.torch_keeps_memory)
    try:
        before = [worker.ask(memory=True)["now"] for worker in workers]
        result = harness.measure(workers, "growth", point.name, 2 if options.quick else 5)
    finally:
        for worker in workers:
            worker.close()
    peaks = result.ours_peak, result.theirs_peak
    return point._asdict() | {
        "seconds": [result.ours, result.theirs],
        "bytes": [max(1, peak - base) for peak, base in zip(peaks, before, strict=True)],
    }
