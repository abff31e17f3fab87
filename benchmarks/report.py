"""python -m benchmarks report FILE.json ... [--into PAGE.md]: the tables of docs/results-cpu.md, from measured files.

Each file is what one suite wrote with --json. With --into, the text between the lines `<!-- ops -->` and
`<!-- /ops -->` of the page (and so for every suite) is replaced; otherwise the tables go to standard output.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from benchmarks import ablation, accuracy, growth, peers, tune
from benchmarks.output import facts_line

MEBIBYTE = 2**20


def main(options):
    """Render every file; the exit code is 1 where one cannot be read or the page has no place for it."""
    try:
        rendered = [render(json.loads(Path(name).read_text(encoding="utf-8"))) for name in options.files]
        if options.into is None:
            print("\n".join(text for _, text in rendered))
            return 0
        page = Path(options.into).read_text(encoding="utf-8")
        for suite, text in rendered:
            page = put(page, suite, text)
    except (OSError, ValueError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    temporary = f"{options.into}.part"
    Path(temporary).write_text(page, encoding="utf-8")
    os.replace(temporary, options.into)
    return 0


def render(content):
    """(suite, its tables as Markdown); raises ValueError for a file that no suite of these wrote."""
    suite = content.get("suite") if isinstance(content, dict) else None
    if suite not in RENDERERS:
        raise ValueError(f"no suite {suite!r} is known; there are {', '.join(RENDERERS)}")
    return suite, f"{facts_line(content['machine'])}.\n\n{RENDERERS[suite](content)}"


def put(page, suite, text):
    """The page with the block of one suite replaced; raises ValueError where it has none."""
    pattern = re.compile(f"(<!-- {suite} -->\n).*?(<!-- /{suite} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no block <!-- {suite} --> ... <!-- /{suite} -->")
    return pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)


def table(head, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _versus(content):
    """Targets, then every case: ops, nets and engine."""
    targets = [
        (v["group"], v["what"] + (f" ({v['case']})" if v["case"] else ""), f"{v['value']:.3g}",
         "" if v["target"] is None else f"{v['target']:g}", {None: "", True: "met", False: "**not met**"}[v["met"]])
        for v in content["targets"]
    ]  # fmt: skip
    with_flops = any(result["flops"] for result in content["results"])
    with_peak = content["suite"] == "nets"
    head = ["case", "ours ms", "torch ms", "ratio", "error"]
    head += ["GFLOP/s ours / torch"] * with_flops + ["peak MiB ours / torch"] * with_peak
    rows = []
    for r in content["results"]:
        times = (f"{r[side] * 1e3:.2f} ±{r[side + '_spread'] * 50:.0f}%" for side in ("ours", "theirs"))
        row = [r["case"], *times, f"{r['ratio']:.2f}", "" if r["error"] is None else f"{r['error']:.0e}"]
        if with_flops:
            speeds = (
                " / ".join(f"{r['flops'] / r[side] / 1e9:.0f}" for side in ("ours", "theirs")) if r["flops"] else ""
            )
            row.append(speeds)
        if with_peak:
            row.append(f"{r['ours_peak'] / MEBIBYTE:.0f} / {r['theirs_peak'] / MEBIBYTE:.0f}")
        rows.append(row)
    failed = "".join(f"\nNo time for {case['case']}: {case['reason']}.\n" for case in content["failed"])
    summary = table(["group", "figure", "measured", "target", ""], targets)
    return f"{summary}\n{table(head, rows)}{failed}{_slower(content)}"


def _slower(content):
    """Where torch is faster, the slowest first."""
    slower = sorted((r["ratio"], r["case"]) for r in content["results"] if r["ratio"] < 1)
    if not slower:
        return f"\nNone of the {len(content['results'])} cases is slower than torch.\n"
    cases = "; ".join(f"{case} ({ratio:.2f})" for ratio, case in slower)
    return f"\nSlower than torch in {len(slower)} of {len(content['results'])} cases: {cases}.\n"


def _peers(content):
    return "\n".join(_peers_table(part) for part in content["tables"])


def _peers_table(part):
    rows = [
        [r["case"], *(peers.cell(r["outcome"][library]) for library in part["libraries"]), peers.lead(r["outcome"])]
        for r in part["results"]
    ]
    notes = [f"{name} is left out: {reason}." for name, reason in part["left_out"].items()]
    for r in part["results"]:
        notes += [f"{r['case']}, {name}: {o['reason']}." for name, o in r["outcome"].items() if "reason" in o]
    return table(["ms", *part["libraries"], "faster than"], rows) + "".join(f"\n{note}\n" for note in notes)


def _growth(content):
    points = [
        [r["name"], " / ".join(f"{s * 1e3:.1f}" for s in r["seconds"]),
         " / ".join(f"{b / growth.MEBIBYTE:.0f}" for b in r["bytes"])]
        for r in content["results"]
    ]  # fmt: skip
    fits = [
        [f"{fit['work']}, {fit['along']}", *(" / ".join(f"{v:.2f}" for v in fit[key]) for key in ("time", "memory"))]
        for fit in content["exponents"]
    ]
    head = ["exponent, ours / torch", "time", "memory"]
    return table(head, fits) + "\n" + table(["ours / torch", "ms", "MiB"], points)


def _accuracy(content):
    rows = [[f"{row['case']}: {row['what']}", *accuracy.figures(row)] for row in content["results"]]
    text = table(["ours / torch's float32", *accuracy.COLUMNS], rows)
    if "curves" in content:
        curves = content["curves"]
        steps = len(curves["losses"]["ours"])
        pairs = [[pair, f"{d['mean']:.1e}", f"{d['largest']:.1e}"] for pair, d in curves["differences"].items()]
        verdict = "indistinguishable" if curves["indistinguishable"] else "**not indistinguishable**"
        text += "\n" + table([f"losses over {steps} steps", "mean difference", "largest"], pairs)
        text += f"\nThe curves of minitensor and of torch's float32 are {verdict} in the sense above.\n"
    return text


def _tune(content):
    rows = content["results"]
    summary = "\n".join(f"    {line}" for line in tune.summary(rows).splitlines())
    losing = sorted((row for row in rows if row["loss"] > tune.NOTABLE_LOSS), key=lambda row: -row["loss"])
    body = [
        [row["case"], row["rule"], min(row["seconds"], key=row["seconds"].get), f"{row['loss']:.2f}"] for row in losing
    ]
    return f"{summary}\n\n{table(['call', 'rule', 'fastest', 'loss'], body)}"


RENDERERS = {
    "ablation": ablation.tables,
    "ops": _versus,
    "nets": _versus,
    "engine": _versus,
    "tune": _tune,
    "peers": _peers,
    "growth": _growth,
    "accuracy": _accuracy,
}
