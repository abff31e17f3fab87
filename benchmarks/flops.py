"""How much arithmetic a case is, counted as direct convolution: what one would multiply and add by hand.

Our GFLOP/s are this number over the time. Winograd needs fewer products for the same result, so it may exceed the speed
that `machine.gemm_peak` measures.
"""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks import nets_cases, ops_cases
from benchmarks.harness import ROOT


def of_convolutions():
    """{case of ops: floating point operations}. The three parts of a convolution are the same sum, read three ways."""
    found = {}
    for name, n, c, h, w, o, kernel, padding in ops_cases.CONVOLUTIONS:
        positions = (h + 2 * padding - kernel + 1) * (w + 2 * padding - kernel + 1)
        for part in ops_cases.PARTS:
            found[f"conv2d {name}: {part}"] = 2 * n * o * positions * c * kernel * kernel
    return found


def of_nets(names):
    """{case of nets: floating point operations of its convolutions}, counted by torch in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.flops", *names], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def _count(name):
    """torch goes through the step on its `meta` device, where tensors have shapes but no numbers."""
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.libraries import Torch

    class Shapes(Torch):
        device = "meta"

    step = nets_cases.build(Shapes(threads=1), name)
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops()


if __name__ == "__main__":
    print(json.dumps({name: _count(name) for name in sys.argv[1:]}))
