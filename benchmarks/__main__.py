"""python -m benchmarks SUITE [options]: what minitensor costs, beside torch and others, on this machine

ops       convolutions and the other operations, forward and backward; with --tune: kernel variants beside each other
nets      whole train steps and inference, with peak memory
engine    what one recorded operation costs, and what the import takes
peers     a few cases beside JAX, MyGrad, tinygrad and autograd; nets beside torch channels_last, torch.compile,
          onnxruntime and OpenVINO
growth    time and memory against image size and batch, with fitted exponents
processes the same training step in one process with many threads, and in many processes with one thread each (MPI)
ablation  what each CPU variant of a kernel is worth: nets and operations with it and without it
profile   where a step of one net (--net) goes: kernels, products, passes over memory, Python, waiting
accuracy  float32 results and training curves against float64
gpu       the nets on a GPU beside torch; with --first: does it run, is it right, how fast is each kernel; --tune: every
          variant of many layers; --profile: kernels by time; --main-job: the default training; --report: the tables
report    FILE.json ...: the tables of docs/results-cpu.md from files that --json wrote
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks import cases, imports, profile

SUITES = {
    "ops": "versus",
    "nets": "versus",
    "engine": "versus",
    "peers": "peers",
    "growth": "growth",
    "processes": "processes",
    "ablation": "ablation",
    "profile": "profile",
    "accuracy": "accuracy",
    "gpu": "gpu.command",
    "report": "report",
}

GPU_OPTIONS = ("first", "profile", "main_job", "minutes", "resume", "report")


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", choices=list(SUITES), help="what to measure")
    parser.add_argument("files", nargs="*", metavar="FILE.json", help="for report: what --json wrote")
    parser.add_argument("--only", default="", help="run only the cases whose name contains this text")
    parser.add_argument("--quick", action="store_true", help="fewer turns: a first impression in a third of the time")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default 2)")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON; gpu: append JSON lines")
    parser.add_argument("--chart", metavar="FILE.png", help="draw them (needs matplotlib)")
    parser.add_argument("--tune", action="store_true", help="ops, gpu: time every variant of each convolution")
    parser.add_argument("--net", choices=list(profile.NETS), help="profile: whose step (default small)")
    parser.add_argument("--first", action="store_true", help="gpu: does it run, is it right, how fast is each kernel")
    parser.add_argument("--profile", action="store_true", help="gpu: the kernels of a train step by time")
    parser.add_argument(
        "--main-job", action="store_true", help="gpu: the training step of `python -m nets train`, GPU beside CPU"
    )
    parser.add_argument("--resume", metavar="FILE", help="gpu: leave out what this file of JSON lines has already")
    parser.add_argument("--report", metavar="FILE", help="gpu: the tables of docs/results-gpu.md from JSON lines")
    parser.add_argument("--minutes", type=float, help="gpu: begin nothing after that (7; with --first 2.5)")
    parser.add_argument(
        "--torch-keeps-memory",
        action="store_true",
        help="let torch's process keep freed memory, as minitensor's does: not torch's default",
    )
    parser.add_argument("--into", metavar="PAGE.md", help="report: put the tables into this page")
    options = parser.parse_args(arguments)
    _check(parser, options)
    if options.tune and options.suite == "ops":
        from benchmarks import tune

        return tune.main(options)
    return importlib.import_module(f"benchmarks.{SUITES[options.suite]}").main(options)


def _check(parser, options):
    """Refuse what cannot be done before any work."""
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, got {options.threads}")
    if options.net and options.suite != "profile":
        parser.error(f"--net belongs to profile, not to {options.suite}")
    options.net = options.net or "small"
    if options.minutes is not None and not options.minutes > 0:
        parser.error(f"--minutes must be above 0, got {options.minutes:g}")
    for name in GPU_OPTIONS:
        if getattr(options, name) and options.suite != "gpu":
            parser.error(f"--{name.replace('_', '-')} belongs to gpu, not to {options.suite}")
    if options.tune and options.suite not in ("ops", "gpu"):
        parser.error(f"--tune belongs to ops and gpu, not to {options.suite}")
    if (options.suite == "report") != bool(options.files):
        parser.error("report needs files that --json wrote; no other suite takes files")
    if options.into and options.suite != "report" and not options.report:
        parser.error("--into belongs to report")
    if options.suite in ("ops", "nets", "engine", "peers", "growth") and not options.tune:
        names = cases.names(options.suite) + [imports.CASE] * (options.suite == "engine")
        names += cases.names("peer nets") * (options.suite == "peers")
        if not any(options.only in name for name in names):
            parser.error(f"no case of {options.suite} contains {options.only!r}")
    for option, path in (("--json", options.json), ("--chart", options.chart), ("--resume", options.resume)):
        if path and not Path(path).resolve().parent.is_dir():
            parser.error(f"{option}: the folder of {path} does not exist")


if __name__ == "__main__":
    sys.exit(main())
