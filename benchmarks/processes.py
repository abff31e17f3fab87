"""The suite `processes`: one process with many threads beside many processes with few threads, the same batch.

Each way runs the training step of `python -m nets train` in fresh processes, the ways in turns, several times. The
figure is the median over the turns of the median time of a step, taken in process 0.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.output import facts_line, say, write_json

# name -> (base channels, norm, batch, side)
NETS = {
    "main job: base 12, batch norm, 4x128x128": (12, "batch", 4, 128),
    "base 16, batch norm, 4x128x128": (16, "batch", 4, 128),
    "base 16, 4x256x256": (16, None, 4, 256),
    "base 16, batch norm, 8x64x64": (16, "batch", 8, 64),
}
STEPS, QUICK_STEPS = 25, 8
WARM_UP = 3
WAY_SECONDS = 300  # one way of one net takes some seconds; a process that hangs is not waited for
ROOT = Path(__file__).resolve().parent.parent


def main(options):
    """Measure and print; the exit code is 2 if MPI is missing."""
    mpiexec = Path(sys.executable).with_name("mpiexec")
    if find_spec("mpi4py") is None or not mpiexec.is_file():
        say('processes needs MPI: python -m pip install -e ".[mpi]"')
        return 2
    cores = options.threads
    ways = [(1, 1), (1, cores), (cores, 1)]  # (processes, threads of each)
    facts = machine() | {"cores used": cores}
    say(facts_line(facts))
    say(
        "ms of a step with AdamW, medians of turns; gain: one process with all threads / processes with one thread each"
    )
    names = [name for name in NETS if options.only in name]
    width = max(map(len, names), default=0)
    say(f"\n{'':{width}}  " + "  ".join(f"{f'{p} x {t} threads':>14}" for p, t in ways) + "   gain   sum of gradients")
    report = {"suite": "processes", "machine": facts, "results": []}
    for name in names:
        samples = {way: [] for way in ways}
        for _ in range(2 if options.quick else 5):
            for way in ways:
                samples[way].append(_measure(mpiexec, way, NETS[name], QUICK_STEPS if options.quick else STEPS))
        steps = {way: statistics.median(sample["step"] for sample in samples[way]) for way in ways}
        waited = statistics.median(sample["waited"] for sample in samples[ways[-1]])
        gain = steps[ways[1]] / steps[ways[2]]
        say(
            f"{name:{width}}  "
            + "  ".join(f"{1e3 * steps[way]:14.1f}" for way in ways)
            + f"  {gain:5.2f}   {waited / steps[ways[2]]:.1%} of a step"
        )
        report["results"].append(
            {"case": name, "seconds": {f"{p}x{t}": steps[p, t] for p, t in ways}, "waited": waited}
        )
        if options.json:
            write_json(options.json, report)
    return 0


def _measure(mpiexec, way, net, steps):
    """{"step": median seconds of a step, "waited": median seconds spent waiting for sums} of process 0."""
    processes, threads = way
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [
        str(mpiexec),
        "-n",
        str(processes),
        sys.executable,
        "-m",
        "benchmarks.process_worker",
        str(threads),
        str(steps),
        json.dumps(net),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, text=True, check=True, timeout=WAY_SECONDS,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])
