"""The suite `peers`: minitensor beside torch, JAX, MyGrad, tinygrad and autograd, each in a process of its own.

For every case each library's results are compared with torch's before any time is printed; then all of them take
turns. A library that is not installed is named with the command that installs it; an operation that one lacks, a
result that differs, and a case that takes too long stand in the table in place of a time.
"""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks import cases, harness
from benchmarks.machine import machine
from benchmarks.output import facts_line, progress, say, write_json
from benchmarks.peer_libraries import PEERS

LIBRARIES = ("minitensor", "torch", *PEERS)

LIMIT = 30  # seconds that preparing a case, its first run included, may take
PATIENCE = 8  # seconds of turns after which a library leaves the round: slow ones have fewer turns
COLUMN = 12

NOTES = """ms, medians. JAX and tinygrad compile each case; that happens before the clock starts, and they may
fuse what the others run one by one (the 300 multiplies become one kernel). autograd composes pooling and loss."""


def main(options):
    """Measure and print; the exit code is 1 where minitensor itself failed a case, else 0."""
    absent = {name: f"not installed: pip install {name}" for name in LIBRARIES if find_spec(name) is None}
    if "torch" in absent:
        say("peers compares all results with torch's, and torch is not installed: pip install torch")
        return 2
    round_ = _Round(options.threads, [name for name in LIBRARIES if name not in absent])
    facts = machine() | round_.versions | {"threads": options.threads}
    say(facts_line(facts))
    for name, reason in (absent | round_.reasons).items():
        say(f"{name} is left out: {reason}")
    say(NOTES)
    names = [name for name in cases.names("peers") if options.only in name]
    width = max(map(len, names))
    say(f"\n{'':{width}}  {'  '.join(f'{name:>{COLUMN}}' for name in round_.versions)}")
    report = {
        "suite": "peers",
        "machine": facts,
        "libraries": list(round_.versions),
        "left_out": absent | round_.reasons,
        "results": [],
    }
    for name in progress(names):
        outcome = round_.measure(name, 3 if options.quick else 7)
        report["results"].append({"case": name, "outcome": outcome})
        say(f"{name:{width}}  {'  '.join(f'{cell(outcome[key]):>{COLUMN}}' for key in round_.versions)}")
        for library, entry in outcome.items():
            if "reason" in entry:
                say(f"{'':{width}}  {library}: {entry['reason']}")
        if options.json:
            write_json(options.json, report)
    round_.close()
    return int(any("reason" in result["outcome"]["minitensor"] for result in report["results"]))


def cell(entry):
    """A time in milliseconds, or one word for why there is none."""
    return f"{entry['seconds'] * 1e3:.2f}" if "seconds" in entry else entry["word"]


class _Round:
    """The workers of all libraries that can be started."""

    def __init__(self, threads, names):
        self.threads = threads
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
        reference = self.workers["torch"].prepare("peers", case)
        ready = {}
        for name, worker in list(self.workers.items()):
            try:
                outputs = reference if name == "torch" else worker.prepare("peers", case, LIMIT)
                outcome[name] = {"error": harness.check(outputs, reference)}
                ready[name] = worker
            except harness.Lacking as error:
                outcome[name] = {"word": "lacks", "reason": f"has no {error}"}
            except harness.TooSlow as error:
                outcome[name] = {"word": f"> {LIMIT} s", "reason": str(error)}
                worker.close()
                self.workers[name] = harness.Worker(name, self.threads)
            except harness.Failed as error:
                outcome[name] = {"word": "failed", "reason": str(error)}
        for name, sample in zip(ready, harness.take_turns(ready.values(), turns, PATIENCE), strict=True):
            seconds, spread = harness.median_and_spread(sample)
            outcome[name] |= {"seconds": seconds, "spread": spread, "turns": len(sample)}
        return outcome

    def close(self):
        for worker in self.workers.values():
            worker.close()
