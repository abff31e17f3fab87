"""The GPU benchmark, as far as it can be run without a GPU: its refusal, and its course with two stand-ins."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as front
from benchmarks import gpu
from benchmarks.gpu.sides import MiniTensorOnGpu
from benchmarks.libraries import MiniTensor, Torch
from tests.sim.cupy_double import strict_cupy

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = SimpleNamespace(only="", quick=True, json=None)
CASE = "U-Net, tiny: train step"


class StandIn:
    """What a side on a GPU adds to its library, made up: two milliseconds a step, a kilobyte of memory."""

    precisions = ()

    def set_precision(self, precision):
        self.precisions = (*self.precisions, precision)

    def milliseconds(self, step, count):
        for _ in range(count):
            step()
        return 2.0

    def peak_bytes(self, step):
        return 1024

    def free(self):
        pass


class Ours(StandIn, MiniTensor):
    pass


class Theirs(StandIn, Torch):
    pass


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(gpu, "CONVOLUTIONS", [("tiny", 1, 2, 8, 8, 3, 3, 1)])
    net = {"in_channels": 1, "base_channels": 2, "padding": "same", "depth": 1}
    monkeypatch.setattr(gpu, "NETS", {CASE: ("unet", net, (1, 1, 8, 8), 2, "train")})
    monkeypatch.setattr(gpu, "MOST_STEPS", 2)


@pytest.mark.skipif(gpu.why_not() is None, reason="there is a GPU: the benchmark would run")
def test_without_a_gpu_it_says_so(tmp_path):
    path = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "gpu", "--json", str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and not path.exists()
    assert "needs a GPU" in done.stderr and gpu.why_not() in done.stderr and "Traceback" not in done.stderr


def test_the_course_of_a_run(tiny, capsys):
    sides = Ours(threads=1), Theirs(threads=1)
    results = gpu.measure_all(sides, OPTIONS, lambda step: 7)
    assert [(r["case"], r["precision"]) for r in results[:2]] == [(CASE, "fp32"), (CASE, "tf32")]
    assert len(results) == 2 * (1 + 3)
    for result in results:
        assert result["error"] < 1e-4 and "failed" not in result
        assert (result["ours_ms"], result["torch_ms"], result["ratio"]) == (2.0, 2.0, 1.0)
    assert results[0]["launches"] == [7, 7] and results[0]["peak_bytes"] == [1024, 1024]
    assert sides[0].precisions == sides[1].precisions == ("fp32", "tf32") * 4
    assert CASE in capsys.readouterr().out
    json.dumps(results)


def test_a_case_that_fails_does_not_stop_the_others(tiny, monkeypatch, capsys):
    class Broken(Theirs):
        def conv2d_weight_grad(self, *args):
            raise RuntimeError("CUDA out\nof memory")

    class Wrong(Broken):
        def conv2d_input_grad(self, x, weight, grad, padding):
            return super().conv2d_input_grad(x, weight, grad, padding) * 1.5

    results = gpu.measure_all((Ours(threads=1), Wrong(threads=1)), OPTIONS, lambda step: 7)
    failed = {r["case"]: r["failed"] for r in results if "failed" in r}
    assert failed["conv2d tiny: weight gradient"] == "RuntimeError: CUDA out of memory"
    assert "differ by" in failed["conv2d tiny: input gradient"]
    assert len(failed) == 2


def test_no_case_is_begun_when_time_is_up(tiny, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "BUDGET_SECONDS", -1)
    results = gpu.measure_all((Ours(threads=1), Theirs(threads=1)), OPTIONS, lambda step: 7)
    assert len(results) == 4 and all("lack of time" in r["failed"] for r in results)


def test_our_side_runs_on_the_double(tiny):
    class Event:
        record = synchronize = lambda self: None

    class Hook:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    with strict_cupy():
        cupy = sys.modules["cupy"]
        cupy.cuda.Event, cupy.cuda.MemoryHook = Event, Hook
        cupy.cuda.get_elapsed_time = lambda begin, end: 6.0
        cupy.cuda.Device.synchronize = lambda self: None
        pool = SimpleNamespace(used_bytes=lambda: 512, free_bytes=lambda: 0, free_all_blocks=lambda: None)
        cupy.get_default_memory_pool = lambda: pool
        side = MiniTensorOnGpu(cupy)
        try:
            side.set_precision("fp32")
            for build in gpu.case_builders().values():
                step = build(side)
                assert side.milliseconds(step, 3) == 2.0 and side.peak_bytes(step) == 512
                side.free()
        finally:


def test_the_front_door_hands_over(monkeypatch):
    seen = []
    monkeypatch.setattr(gpu, "main", lambda options: seen.append(options) or 5)
    assert front.main(["gpu", "--only", "U-Net", "--quick"]) == 5
    assert seen[0].only == "U-Net" and seen[0].quick
