"""The suite `peers`: minitensor beside other libraries, each in a process of its own. Two tables:

functions   beside torch, JAX, MyGrad, tinygrad and autograd: a few operations and small programs
nets        beside torch in its faster forms, onnxruntime and OpenVINO: whole train steps, and inference

For every case each library's results are compared with torch's before any time is printed; then all of them take
turns. A library that is not installed is named with the command that installs it; an operation that one lacks, a
result that differs, and a case that takes too long stand in the table in place of a time.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from benchmarks import cases, harness, nets_cases
from benchmarks.machine import machine
from benchmarks.net_engines import ENGINES, PACKAGES
from benchmarks.output import facts_line, progress, say, write_json
from benchmarks.peer_libraries import PEERS

LIMIT = 30  # seconds that preparing a case, its first run included, may take
NET_LIMIT = 300  # the same for a net: torch.compile writes and builds its code in this time
PATIENCE = 8  # seconds of turns after which a library leaves the round: slow ones have fewer turns
COLUMN = 12

NOTES = """ms, medians. JAX and tinygrad compile each case; that happens before the clock starts, and they may
fuse what the others run one by one (the 300 multiplies become one kernel). autograd composes pooling and loss."""
NET_NOTES = """ms, medians. torch: eager, images stored as (N, C, H, W). torch compiled, onnxruntime and OpenVINO know
the sizes beforehand. "faster than": the smallest of the others' times / ours, so above 1 minitensor is ahead of all."""


class Table(NamedTuple):
    """One of the two tables: the suite of its cases, who takes part, and what is said above it."""

    suite: str
    libraries: tuple[str, ...]
    limit: float
    notes: str


TABLES = (
    Table("peers", ("minitensor", "torch", *PEERS), LIMIT, NOTES),
    Table("peer nets", ("minitensor", "torch", *ENGINES), NET_LIMIT, NET_NOTES),
)


def main(options):
    """Measure and print; the exit code is 1 where minitensor itself failed a case, else 0."""
    if find_spec("torch") is None:
        say("peers compares all results with torch's, and torch is not installed: pip install torch")
        return 2
    report = {"suite": "peers", "machine": {}, "tables": []}
    for table in TABLES:
        names = [name for name in cases.names(table.suite) if options.only in name]
        if names:
            _measure(table, names, options, report)
    failed = ("reason" in result["outcome"]["minitensor"] for part in report["tables"] for result in part["results"])
    return int(any(failed))


def _measure(table, names, options, report):
    """One table, line by line, added to the report."""
    absent = {}
    for name in table.libraries:
        package = PACKAGES.get(name, name)
        if find_spec(package) is None:
            absent[name] = f"not installed: pip install {package}"
    round_ = _Round(table, options.threads, [name for name in table.libraries if name not in absent])
    report["machine"] |= machine() | round_.versions | {"threads": options.threads}
    say(facts_line(report["machine"]))
    for name, reason in (absent | round_.reasons).items():
        say(f"{name} is left out: {reason}")
    say(table.notes)
    width, column = max(map(len, names)), max(COLUMN, *map(len, round_.versions))
    say(f"\n{'':{width}}  {'  '.join(f'{name:>{column}}' for name in round_.versions)}  faster than")
    part = {"suite": table.suite, "libraries": list(round_.versions), "left_out": absent | round_.reasons}
    part["results"] = []
    report["tables"].append(part)
    for name in progress(names):
        outcome = round_.measure(name, 3 if options.quick else 7)
        part["results"].append({"case": name, "outcome": outcome})
        times = "  ".join(f"{cell(outcome[key]):>{column}}" for key in round_.versions)
        say(f"{name:{width}}  {times}  {lead(outcome):>11}")
        for library, entry in outcome.items():
            if "reason" in entry:
                say(f"{'':{width}}  {library}: {entry['reason']}")
        if options.json:
            write_json(options.json, report)
    round_.close()


def lead(outcome):
    """The time of the fastest other library over ours, as text, and which it is."""
    others = {name: entry["seconds"] for name, entry in outcome.items() if "seconds" in entry and name != "minitensor"}
    if "seconds" not in outcome["minitensor"] or not others:
        return ""
    best = min(others, key=others.get)
    return f"{others[best] / outcome['minitensor']['seconds']:.2f} {best}"


def cell(entry):
    """A time in milliseconds, or one word for why there is none."""
    return f"{entry['seconds'] * 1e3:.2f}" if "seconds" in entry else entry["word"]


class _Round:
    """The workers of all libraries that can be started."""

    def __init__(self, table, threads, names):
        self.suite, self.limit, self.threads = table.suite, table.limit, threads
        self.workers, self.reasons = {}, {}
        for name in names:
            try:
                self.workers[name] = harness.Worker(name, threads)
            except harness.Failed as error:
                self.reasons[name] = f"cannot start: {error}"
        self.versions = {name: worker.version for name, worker in self.workers.items()}

    def measure(self, case, turns):
        """{library: {"seconds": median, ...} or {"word": ..., "reason": ...}}"""
        outcome = {}
        reference = self.workers["torch"].prepare(self.suite, case)
        tolerance = nets_cases.tolerances(case) if case in nets_cases.CASES else harness.TOLERANCE
        ready = {}
        for name, worker in list(self.workers.items()):
            try:
                outputs = reference if name == "torch" else worker.prepare(self.suite, case, self.limit)
                outcome[name] = {"error": harness.check(outputs, reference, tolerance)}
                ready[name] = worker
            except harness.Lacking as error:
                outcome[name] = {"word": "lacks", "reason": f"has no {error}"}
            except harness.TooSlow as error:
                outcome[name] = {"word": f"> {self.limit} s", "reason": str(error)}
                worker.close()
                self.workers[name] = harness.Worker(name, self.threads)
            except harness.Failed as error:
                outcome[name] = {"word": "failed", "reason": str(error)}
        for name, sample in zip(ready, harness.take_turns(ready.values(), turns, PATIENCE), strict=True):
            seconds, spread = harness.median_and_spread(sample)
            outcome[name] |= {"seconds": seconds, "spread": spread, "turns": len(sample)}
        return outcome

    def close(self):
        """End all workers."""
        for worker in self.workers.values():
            worker.close()
