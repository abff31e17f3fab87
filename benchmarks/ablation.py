"""python -m benchmarks ablation: what each CPU variant of a kernel is worth.

A variant is left out of the table, and the rules take the next best. Two processes of minitensor, one with the variant
and one without it, run the same case in turns. Only cases that run the variant are measured: the others cannot change.
`cost` is the time without the variant over the time with it, so 1.05 means that leaving it out costs 5%.

A variant earns its room if leaving it out costs at least NET_COST in some net, or GROUP_COST in the geometric mean over
some group of operations; cases that do not run the variant count as 1. A family is one idea that serves several
operations; it is left out whole, and for each operation alone.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from benchmarks import cases, harness
from benchmarks.machine import machine
from benchmarks.output import facts_line, progress, say, write_json

FALLBACKS = ("reference", "one_by_one", "two_passes")  # what runs if nothing else can
NET_COST = 1.02
GROUP_COST = 1.10
# seconds of one run without the variant, after which the case is given up: it costs more than that
HOPELESS = 20.0
OPERATION_TURNS, NET_TURNS = 7, 3


class Family(NamedTuple):
    """Variants that stand or fall together: {operation: [variant, ...]}"""

    name: str
    variants: dict[str, list[str]]


def families():
    """Every family of CPU variants: those that share a name and a room, then what all of them share with none."""
    from minitensor.kernels import kernel_variants, operations

    by_name: dict[str, dict[str, list[str]]] = {}
    for operation in operations():
        for variant in kernel_variants(operation):
            if variant not in FALLBACKS:
                name = f"{room(operation)}: {variant}"
                by_name.setdefault(name, {}).setdefault(operation, []).append(variant)
    found = [Family(name, variants) for name, variants in by_name.items()]
    for family in list(found):
        # an idea that serves several operations may be worth its lines for one of them and not for another
        if len(family.variants) > 1:
            found += [Family(f"{family.name} ({op})", {op: names}) for op, names in family.variants.items()]
    return sorted(found)


def room(operation):
    """The room of an operation on the kernels' floor."""
    for start in ("conv", "max_pool", "avg_pool", "batch_norm", "cross_entropy", "relu", "softmax"):
        if operation.removeprefix("log_").startswith(start):
            return start.removesuffix("_pool") if start == "conv" else start
    return operation


def group(suite, case):
    """The group of a case: a net is its own, operations are grouped by what they are."""
    return case if suite == "nets" else f"{case.split()[0].rstrip(',')}: {case.rsplit(': ', 1)[1]}"


def main(options):
    """Measure every family on every case that runs it; print a row for each."""
    workers = [harness.Worker("minitensor", options.threads) for _ in range(2)]
    facts = machine() | {"minitensor": workers[0].version, "threads": options.threads}
    say(facts_line(facts))
    say("cost = time without the variant / time with it; cases that do not run it are left out\n")
    suites = [(suite, name) for suite in ("nets", "ops") for name in cases.names(suite)]
    suites = [(suite, name) for suite, name in suites if options.only in name]
    report = {"suite": "ablation", "machine": facts, "results": []}
    measured = {family.name: [] for family in families()}
    try:
        for suite, case in progress(suites):
            for row in _of_case(workers, suite, case, options.quick):
                measured[row["family"]].append(row)
                report["results"].append(row)
                say(f"{row['cost']:6.2f}{'+' if row['given_up'] else ' '} {row['family']:44} {suite}: {case}")
            if options.json:
                write_json(options.json, report | {"families": summary(measured)})
    finally:
        for worker in workers:
            worker.close()
    say()
    for line in summary(measured):
        say(f"{line['verdict']:6} {line['family']:46} nets {told(line['nets'])}, operations {told(line['ops'])}")
    return 0


def _of_case(workers, suite, case, quick):
    """A row for each family that the case runs."""
    complete, ablated = workers
    complete.prepare(suite, case)
    runs = {tuple(pair) for pair in complete.ask(variants=True)["variants"]}
    turns = (2 if quick else NET_TURNS) if suite == "nets" else (3 if quick else OPERATION_TURNS)
    known = {}  # what is left out and would have run -> its row
    for family in families():
        used = frozenset((op, name) for op, names in family.variants.items() for name in names) & runs
        if not used:
            continue
        if used in known:
            yield known[used] | {"family": family.name}
            continue
        ablated.ask(without=family.variants)
        row = {"family": family.name, "suite": suite, "case": case, "given_up": False}
        try:
            ablated.prepare(suite, case, HOPELESS)
            samples = harness.take_turns((complete, ablated), turns)
            (whole, _), (lacking, spread) = map(harness.median_and_spread, samples)
            known[used] = row | {"cost": lacking / whole, "spread": spread}
        except harness.TooSlow:
            ablated.close()
            workers[1] = ablated = harness.Worker("minitensor", int(complete.threads))
            known[used] = row | {"cost": HOPELESS / complete.time(1), "spread": 0.0, "given_up": True}
        yield known[used]
    ablated.ask(without={})


def summary(measured):
    """For each family what it costs in each net and each group of operations, and whether it earns its room."""
    return [_verdict(name, rows) for name, rows in measured.items()]


def _verdict(name, rows):
    sizes = Counter(group("ops", case) for case in cases.names("ops"))
    logs: dict[tuple[str, str], float] = {}
    for row in rows:
        key = row["suite"], group(row["suite"], row["case"])
        logs[key] = logs.get(key, 0.0) + math.log(row["cost"])
    costs = {(suite, key): math.exp(total / sizes.get(key, 1)) for (suite, key), total in logs.items()}
    earns = any(cost >= (NET_COST if suite == "nets" else GROUP_COST) for (suite, _), cost in costs.items())
    dearest = {
        suite: max(((cost, key) for (s, key), cost in costs.items() if s == suite), default=None)
        for suite in ("nets", "ops")
    }
    verdict = ("stays" if earns else "goes") if rows else "unseen"
    return {"family": name, "cases": len(rows), "verdict": verdict} | dearest


def told(entry):
    """The dearest cost and where, or a dash."""
    return "-" if entry is None else f"{entry[0]:.2f} ({entry[1]})"


def tables(content):
    """The table of docs/results-cpu.md."""
    head = ["variants left out", "cases", "dearest net", "dearest group of operations", "verdict"]
    rows = [
        [line["family"], str(line["cases"]), told(line["nets"]), told(line["ops"]), line["verdict"]]
        for line in content["families"]
    ]
    lines = [head, ["---", "--:", "---", "---", "---"], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
