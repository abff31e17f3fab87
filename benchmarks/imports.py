"""How long `import minitensor` takes beside `import torch`: each time in a fresh process, in turns."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.harness import ROOT, Result, median_and_spread

CASE = "import minitensor (beside import torch)"

_TIMED = "import time; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"


def measure(turns):
    """Medians of `turns` imports each, after one that brings the files into memory."""
    samples = {"minitensor": [], "torch": []}
    for turn in range(turns + 1):
        for module, sample in samples.items():
            seconds = _import_once(module)
            if turn > 0:
                sample.append(seconds)
    (ours, our_spread), (theirs, their_spread) = map(median_and_spread, samples.values())
    return Result(CASE, ours, theirs, our_spread, their_spread, error=None)


def _import_once(module):
    command = [sys.executable, "-c", _TIMED.format(module)]
    return float(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
