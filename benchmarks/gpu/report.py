"""python -m benchmarks gpu --report FILE.jsonl [--into PAGE.md]: the tables of docs/results-gpu.md, from facts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.gpu.layers import SHORT
from benchmarks.gpu.lines import read
from benchmarks.report import put, table

MEBIBYTE = 2**20
BLOCK = "gpu"  # the page has <!-- gpu --> ... <!-- /gpu -->
MACHINE = (
    "gpu",
    "driver",
    "python",
    "numpy",
    "cupy",
    "cupy's CUDA",
    "torch",
    "torch's CUDA",
    "cuDNN",
    "commit",
    "code",
)


def main(options):
    """Print the tables or put them into the page; 1 where the file cannot be read or the page has no place for them."""
    try:
        text = render(read(options.report))
        if options.into is None:
            print(text)
            return 0
        page = put(Path(options.into).read_text(encoding="utf-8"), BLOCK, text)
    except (OSError, ValueError) as error:
        print(f"python -m benchmarks gpu --report: {error}", file=sys.stderr)
        return 1
    temporary = f"{options.into}.part"
    Path(temporary).write_text(page, encoding="utf-8")
    os.replace(temporary, options.into)
    return 0


def render(facts):
    """All tables for which there are facts, as Markdown; raises ValueError where there is nothing to show."""
    kinds = {}
    for fact in facts:
        kinds.setdefault(fact["kind"], []).append(fact)
    parts = [
        draw(kinds[kind])
        for kind, draw in (
            ("machine", machine), ("probe", machine), ("case", nets), ("step", steps), ("profile", kernels),
            ("main job", main_job), ("layer", layers), ("ceiling", ceilings), ("checks", checks),
        )
        if kind in kinds
    ]  # fmt: skip
    if not parts:
        raise ValueError("no facts of a GPU's run in this file")
    return "\n".join(parts)


def machine(facts):
    """What the figures below depend on, of the last run in the file."""
    known = [(name, facts[-1][name]) for name in MACHINE if facts[-1].get(name) is not None]
    return ", ".join(f"{name} {value}" for name, value in known) + ".\n"


def nets(facts):
    """Milliseconds of both sides, in turns in one run; ours / torch's: peak, error against float64, spread.

    The spread is (largest - smallest turn) / median.
    """
    rows = [
        (
            f["case"], f["precision"].upper(), f"{f['ours_ms']:.2f}", f"{f['torch_ms']:.2f}", f"**{f['ratio']:.2f}**",
            " / ".join(f"{size / MEBIBYTE:.0f}" for size in f["peak_bytes"]),
            f"{f['error']:.0e} / {f['torch_error']:.0e}",
            " / ".join(f"{100 * spread:.1f}%" for spread in f["spread"]),
        )
        for f in latest(facts, "case", "precision")
    ]  # fmt: skip
    head = ["case", "precision", "ours ms", "torch ms", "torch / ours", "peak MB", "error", "spread"]
    return table(head, rows)


def steps(facts):
    """The train step alone, the least of three turns."""
    rows = [
        (f["case"], f["side"], f["precision"].upper(), f"{f['ms']:.2f}", f["peak_MB"])
        for f in latest(facts, "case", "side", "precision")
    ]
    return table(["case", "side", "precision", "ms", "peak MB"], rows)


def kernels(facts, shown=8):
    """Of each traced step: how many kernels it launched, how long they took, and the longest of them."""
    text = []
    for f in latest(facts, "case", "side", "precision"):
        longest = ", ".join(f"{name[:48]} {ms:.2f} ms in {count}" for name, count, ms in f["kernels"][:shown])
        text.append(
            f"- {f['case']}, {f['side']}, {f['precision'].upper()}: {f['launches']} launches, {f['busy_ms']:.1f} ms "
            f"of kernels: {longest}"
        )
    return "\n".join(text) + "\n"


def main_job(facts):
    """The training step of `python -m nets train`, with its defaults."""
    rows = [
        (f["net"], f["device"], f["threads"], f["step images/s"], f["job images/s"]) for f in latest(facts, "device")
    ]
    return table(["net", "device", "CPU threads", "images/s, step alone", "images/s, batches made meanwhile"], rows)


def layers(facts):
    """Every variant that took the call, the fastest first; * is the rule's choice."""
    rows = []
    for f in latest(facts, "layer", "op", "precision"):
        ours = sorted((ms, name) for name, ms in f["ms"].items() if name != "torch")
        variants = ", ".join(f"{name}{'*' * (name == f['rule'])} {ms:.3f}" for ms, name in ours)
        theirs = f["ms"].get("torch")
        chosen = f["ms"].get(f["rule"])
        ratio = f"{theirs / chosen:.2f}" if theirs and chosen else ""
        rows.append((f["layer"], f["precision"].upper(), SHORT[f["op"]], variants, theirs or "", ratio))
    return table(["layer", "precision", "part", "variants, ms", "torch ms", "torch / rule's choice"], rows)


def ceilings(facts):
    """What the card reaches at most, by the same clock."""
    rows = [
        (
            f["what"],
            f"{f['GBps']} GB/s"
            if "GBps" in f
            else ", ".join(f"{p.upper()} {t} TFLOP/s" for p, t in f["TFLOPs"].items()),
        )
        for f in latest(facts, "what")
    ]
    return table(["ceiling", "measured"], rows)


def checks(facts):
    right, asked = facts[-1]["right"], facts[-1]["asked"]
    return f"Checks of every variant on odd shapes: {right} of {asked} right, the same bits twice.\n"


def latest(facts, *names):
    """The last fact for each combination of these values, in the order in which they came first."""
    found = {}
    for fact in facts:
        found[tuple(fact[name] for name in names)] = fact
    return list(found.values())
