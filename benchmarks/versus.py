"""The suites `ops`, `nets` and `engine`: minitensor beside torch, case by case."""

from __future__ import annotations

from benchmarks import cases, flops, harness, imports, nets_cases, targets
from benchmarks.machine import machine
from benchmarks.output import facts_line, progress, say, write_json

MEBIBYTE = 2**20


def main(options):
    """Measure the cases that were asked for, print them and what they say about the targets.

    The exit code is 1 where a case failed or its results differ from torch's, else 0.
    """
    names = cases.names(options.suite) + ([imports.CASE] if options.suite == "engine" else [])
    names = [name for name in names if options.only in name]
    counts = _flops(options.suite, names)
    workers = harness.start(options.threads, options.torch_keeps_memory)
    facts = machine() | {
        "minitensor": workers[0].version,
        "torch": workers[1].version,
        "threads": options.threads,
        "sgemm peak GFLOP/s": round(workers[0].ask(gemm=True)["gemm"], 1),
    }
    if options.torch_keeps_memory:
        facts["torch's allocator"] = "keeps freed memory"
    say(facts_line(facts))
    say(
        f"ratio = torch's time / ours: above 1, ours is faster. Medians of {turns(options)} turns, +- half spread; "
        "error: of the largest value; GFLOP/s of direct convolution."
    )
    width = max(map(len, names))
    say(f"\n{'':{width}}  {header(options.suite)}")

    results, failed = [], []
    report = {"suite": options.suite, "machine": facts, "results": [], "failed": failed, "targets": []}
    for name in progress(names):
        try:
            result = _measure(options, name, workers)._replace(flops=counts.get(name))
        except harness.Failed as error:
            failed.append({"case": name, "reason": str(error)})
            say(f"{name:{width}}  no time: {error}")
        else:
            results.append(result)
            report["results"].append(result._asdict() | {"ratio": result.ratio})
            say(row(result, width, options.suite))
        if options.json:
            write_json(options.json, report)
    for worker in workers:
        worker.close()

    verdicts = targets.verdicts(options.suite, results)
    report["targets"] = [verdict._asdict() for verdict in verdicts]
    say()
    for line in targets.lines(verdicts):
        say(line)
    if failed:
        say(f"{len(failed)} of {len(names)} cases failed: {', '.join(case['case'] for case in failed)}")
    if options.json:
        write_json(options.json, report)
    if options.chart and results:
        from benchmarks.chart import draw_ratios

        draw_ratios(options.chart, results, facts)
    return int(bool(failed))


def turns(options):
    if options.suite == "nets":
        return 2 if options.quick else 5
    return 3 if options.quick else 9


def _flops(suite, names):
    if suite == "ops":
        return flops.of_convolutions()
    return flops.of_nets(names) if suite == "nets" else {}


def _measure(options, name, workers):
    if name == imports.CASE:
        return imports.measure(turns(options))
    if options.suite != "nets":
        return harness.measure(workers, options.suite, name, turns(options))
    # Peak memory belongs to a process, so whole nets get fresh ones.
    fresh = harness.start(options.threads, options.torch_keeps_memory)
    try:
        return harness.measure(fresh, options.suite, name, turns(options), nets_cases.tolerances(name))
    finally:
        for worker in fresh:
            worker.close()


def header(suite):
    text = f"{'ours ms':>16}  {'torch ms':>16}  {'ratio':>6}  {'error':>7}"
    if suite in ("ops", "nets"):
        text += f"  {'GFLOP/s ours/torch':>18}"
    return text + (f"  {'peak MB ours/torch':>18}" if suite == "nets" else "")


def row(result, width, suite):
    """A case in one line."""
    ours, theirs = (
        f"{seconds * 1e3:9.2f} +-{spread * 50:3.0f}%"
        for seconds, spread in ((result.ours, result.ours_spread), (result.theirs, result.theirs_spread))
    )
    error = "" if result.error is None else f"{result.error:.0e}"
    text = f"{result.case:{width}}  {ours:>16}  {theirs:>16}  {result.ratio:6.2f}  {error:>7}"
    if suite in ("ops", "nets"):
        text += f"  {speeds(result):>18}"
    if suite == "nets":
        peaks = f"{result.ours_peak / MEBIBYTE:.0f} / {result.theirs_peak / MEBIBYTE:.0f}"
        text += f"  {peaks:>18}"
    return text


def speeds(result):
    """GFLOP/s of both sides as if each had convolved directly; nothing where a case has no convolution."""
    if result.flops is None:
        return ""
    return " / ".join(f"{result.flops / seconds / 1e9:.0f}" for seconds in (result.ours, result.theirs))
