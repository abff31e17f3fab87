"""python -m benchmarks ops | nets | engine | gpu [--only TEXT] [--quick] [--json FILE] [--chart FILE.png]"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile

from benchmarks import cases, harness, nets_cases

# A result may differ from torch's by this share of its largest value: float32 sums of up to 10^4 terms in another
# order, and Winograd's transforms, stay well below it; a wrong formula does not.
TOLERANCE = 2e-4

MEBIBYTE = 2**20


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", choices=["ops", "nets", "engine", "gpu"], help="what to measure")
    parser.add_argument("--only", default="", help="run only the cases whose name contains this text")
    parser.add_argument(
        "--quick", action="store_true", help="fewer turns: a first impression in a third of the time"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default 2)")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--chart", metavar="FILE.png", help="draw the ratios (needs matplotlib)")
    options = parser.parse_args(arguments)
    if options.suite == "gpu":
        from benchmarks import gpu

        return gpu.main(options)
    names = list(nets_cases.CASES) if options.suite == "nets" else list(cases.suites()[options.suite])
    names = [name for name in names if options.only in name]
    if not names:
        parser.error(f"no case of {options.suite} contains {options.only!r}")
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, got {options.threads}")

    facts = harness.machine() | {"threads": options.threads}
    workers = harness.start(options.threads)
    facts |= {"minitensor": workers[0].version, "torch": workers[1].version}
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    print(
        f"ratio = torch's time / ours: above 1, ours is faster. Medians of {turns(options)} turns, +- half spread.\n"
    )
    width = max(map(len, names))
    print(
        f"{'':{width}}  {'ours ms':>16}  {'torch ms':>16}  {'ratio':>6}  {'error':>7}  {'peak MB ours/torch':>18}"
    )
    results = []
    for name in names:
        # Peak memory belongs to a process, so whole nets get fresh ones.
        fresh = None if options.suite == "nets" else workers
        result = harness.measure(options.suite, name, options.threads, turns(options), TOLERANCE, fresh)
        results.append(result)
        print(row(result, width, with_peak=options.suite == "nets"), flush=True)
    for worker in workers:
        worker.close()
    mean = math.exp(sum(math.log(result.ratio) for result in results) / len(results))
    print(f"\ngeometric mean of {len(results)} ratios: {mean:.2f}")
    if options.json:
        write_json(
            options.json, {"machine": facts, "results": [r._asdict() | {"ratio": r.ratio} for r in results]}
        )
    if options.chart:
        from benchmarks.chart import draw

        draw(options.chart, results, facts)


def turns(options):
    if options.suite == "nets":
        return 2 if options.quick else 5
    return 3 if options.quick else 9


def row(result, width, with_peak):
    ours, theirs = (
        f"{seconds * 1e3:9.2f} +-{spread * 50:3.0f}%"
        for seconds, spread in ((result.ours, result.ours_spread), (result.theirs, result.theirs_spread))
    )
    peak = f"{result.ours_peak / MEBIBYTE:.0f} / {result.theirs_peak / MEBIBYTE:.0f}" if with_peak else ""
    return f"{result.case:{width}}  {ours:>16}  {theirs:>16}  {result.ratio:6.2f}  {result.error:7.0e}  {peak:>18}"


def write_json(path, content):
    """Written to a temporary name and moved into place: a killed run leaves no half file."""
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        json.dump(content, file, indent=1)
    os.replace(file.name, path)


if __name__ == "__main__":
    sys.exit(main())
