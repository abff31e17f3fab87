"""The GPU benchmark, as far as it can be run without a GPU: its refusal, and its course with two stand-ins."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as front
from benchmarks.gpu import cases, command, first_contact, layers, main_job, profile, report, suite, tune
from benchmarks.gpu.lines import DeviceLost, Lines, code_version, read
from benchmarks.gpu.sides import MiniTensorOnGpu
from benchmarks.libraries import MiniTensor, Torch
from tests.sim.cupy_double import strict_cupy

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = SimpleNamespace(only="", quick=True, json=None)
IDENTITY = {"gpu": "a stand-in", "code": "0"}
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


class Truth(Theirs):
    def normals(self, *shape, seed=0):
        return super().normals(*shape, seed=seed).double()

    def placed(self, net):
        return super().placed(net).double()


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(cases, "CONVOLUTIONS", [("tiny", 1, 2, 8, 8, 3, 3, 1)])
    net = {"in_channels": 1, "base_channels": 2, "padding": "same", "depth": 1}
    monkeypatch.setattr(cases, "NETS", {CASE: ("unet", net, (1, 1, 8, 8), 2, "train")})
    monkeypatch.setattr(suite, "MOST_STEPS", 2)


def run_suite(ours=Ours, path=None, known=(), minutes=float("inf")):
    """(results, facts said, failures) of the suite on two stand-ins."""
    sides = ours(threads=1), Theirs(threads=1)
    with Lines(path, minutes) as lines:
        results = suite.measure_all(sides, Truth(threads=1), OPTIONS, lines, IDENTITY, known)
    return results, sides, lines.failures


@pytest.mark.skipif(command.why_not() is None, reason="there is a GPU: the benchmark would run")
@pytest.mark.parametrize("option", [[], ["--first"], ["--tune"], ["--profile"], ["--main-job"]])
def test_without_a_gpu_it_says_so(tmp_path, capsys, option):
    path = tmp_path / "results.jsonl"
    assert front.main(["gpu", "--json", str(path), *option]) == 2
    assert not path.exists() and "needs a GPU" in capsys.readouterr().err


def test_the_command_line_says_so_too(tmp_path):
    if command.why_not() is None:
        pytest.skip("there is a GPU: the benchmark would run")
    done = subprocess.run([sys.executable, "-m", "benchmarks", "gpu"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and command.why_not() in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--first", "--profile", "--main-job", "--tune"])
def test_options_of_the_gpu_belong_to_it(option, capsys):
    with pytest.raises(SystemExit):
        front.main(["nets", option])
    assert "belongs to" in capsys.readouterr().err


def test_the_course_of_a_run(tiny, tmp_path, capsys):
    path = tmp_path / "lines.jsonl"
    results, sides, failures = run_suite(path=path)
    assert [(r["case"], r["precision"]) for r in results[:2]] == [(CASE, "fp32"), (CASE, "tf32")]
    assert len(results) == 2 * (1 + 3) and failures == 0
    for result in results:
        assert result["error"] < 1e-4 and "failed" not in result
        assert (result["ours_ms"], result["torch_ms"], result["ratio"]) == (2.0, 2.0, 1.0)
        assert result["peak_bytes"] == [1024, 1024]
    assert CASE in capsys.readouterr().out
    facts = read(path)
    assert [(f["case"], f["precision"]) for f in facts] == [(r["case"], r["precision"]) for r in results]
    assert all(fact["gpu"] == "a stand-in" for fact in facts)
    known = command.of_this_machine(facts, IDENTITY)
    again, _, _ = run_suite(known=known)
    assert len(again) == len(results) and capsys.readouterr().out.count(CASE) == 0
    assert not command.of_this_machine(facts, {"gpu": "another", "code": "0"})


def test_a_case_that_fails_does_not_stop_the_others(tiny, tmp_path):
    class Broken(Ours):
        def conv2d_weight_grad(self, *args):
            raise RuntimeError("CUDA out\nof memory")

    class Wrong(Broken):
        def conv2d_input_grad(self, x, weight, grad, padding):
            return super().conv2d_input_grad(x, weight, grad, padding) * 1.5

    path = tmp_path / "lines.jsonl"
    results, _, failures = run_suite(Wrong, path)
    wrong = {r["case"] for r in results if "failed" in r}
    assert wrong == {"conv2d tiny: input gradient"} and failures == 3
    broken = [fact for fact in read(path) if fact["kind"] == "FAILED"]
    assert [fact["error"] for fact in broken] == ["RuntimeError: CUDA out of memory"]
    assert broken[0]["case"] == "conv2d tiny: weight gradient"


@pytest.mark.parametrize("factor", [0.0, 1.01, -1.0])
def test_a_wrong_gradient_of_a_train_step_is_seen(tiny, factor):
    """An update with a small learning rate would hide it: the gradients themselves are compared."""

    class Wrong(Ours):
        def cross_entropy(self, x, target):
            loss = self.module.cross_entropy(x, target)
            return loss * factor + (loss * (1 - factor)).detach()

    sides, build = (Wrong(threads=1), Theirs(threads=1)), cases.builders()[CASE]
    (exact,) = suite.exactly(Truth(threads=1), build, 1)
    wrong, right = suite.differences(sides, [build(side) for side in sides], "fp32", exact)
    assert wrong > suite.TOLERANCES["tf32"] and right < suite.TOLERANCES["fp32"] / suite.TIMES_TORCHS


def test_a_comparison_with_zeros_is_refused():
    with pytest.raises(ValueError, match="all zero"):
        suite.relative_difference(np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="differ"):
        suite.relative_difference(np.ones(3), np.ones((3, 1)))
    assert np.isnan(suite.relative_difference(np.array([np.nan, 1]), np.ones(2)))


def test_no_case_is_begun_when_time_is_up(tiny, tmp_path):
    path = tmp_path / "lines.jsonl"
    results, _, _ = run_suite(path=path, minutes=-1)
    assert results == [] and [fact["kind"] for fact in read(path)] == ["left out"] * 4


def test_a_line_that_a_killed_run_left_unfinished_is_passed_over(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"kind": "case"}\n{"kind": "ca')
    assert read(path) == [{"kind": "case"}]
    path.write_text('{"kind": "ca\n{"kind": "case"}\n')
    with pytest.raises(ValueError, match="line 1"):
        read(path)


def test_a_lost_gpu_ends_the_run(tmp_path):
    def gone():
        raise RuntimeError("an illegal memory access was encountered")

    with Lines(tmp_path / "lines.jsonl", synchronize=gone) as lines, pytest.raises(DeviceLost):
        with lines.guarded("layer", layer="a"):
            pass
    assert [fact["kind"] for fact in read(tmp_path / "lines.jsonl")] == ["FAILED", "lost"]


def test_first_contact_on_the_double(tmp_path):
    path = tmp_path / "first.jsonl"
    with strict_cupy(), Lines(path) as lines:
        xp = sys.modules["cupy"]
        first_contact.measure(xp, ("compile", "check", "risk"), lines, shapes=[layers.Layer(1, 3, 5, 6, 4, 3, 1)])
    facts = read(path)
    checks = [fact for fact in facts if fact["kind"] == "check"]
    assert {fact["variant"] for fact in checks} >= {"cublas", "winograd2d", "tensor_cores", "three_by_three"}
    assert all(fact["ok"] for fact in checks)
    assert {fact["source"] for fact in facts if fact["kind"] == "compile"} >= {"columns.cu", "pool.cu"}
    risks = {fact["name"]: fact["ok"] for fact in facts if fact["kind"] == "risk"}
    assert risks.pop("out_of_memory", False) is False  # the double's memory is the machine's
    assert all(risks.values()) and len(risks) >= 5


def test_first_contact_names_its_parts(capsys):
    options = SimpleNamespace(only="compile,chek", json=None, minutes=None)
    assert first_contact.main(options) == 2
    assert "chek" in capsys.readouterr().err


def test_what_the_rules_lose():
    fact = {"layer": "a", "op": "conv2d", "precision": "fp32", "rule": "cublas"}
    facts = [fact | {"ms": {"cublas": 2.0, "winograd2d": 1.0, "torch": 3.0}}]
    text = tune.losses(facts)
    assert "a" in text and "cublas 2.000 -> winograd2d 1.000  loss 2.00" in text
    assert tune.losses([fact | {"ms": {"cublas": 1.0, "winograd2d": 1.0}}]).count("->") == 0


def test_kernels_by_time():
    events = [{"cat": "kernel", "name": name, "dur": dur} for name, dur in (("a", 1000), ("b", 3000), ("a", 500))]
    assert profile.by_time([*events, {"cat": "cpu_op", "name": "c", "dur": 9}]) == [("b", 1, 3.0), ("a", 2, 1.5)]


def test_the_main_job_on_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(main_job, "SECONDS", 0.0)
    monkeypatch.setattr(main_job, "WARM_UPS", 1)
    monkeypatch.setattr(main_job, "LEAST_STEPS", 1)
    monkeypatch.setattr(main_job, "READY_BATCHES", 1)
    found = main_job.speeds("cpu", tmp_path, lambda: None)
    assert found["step images/s"] > 0 and found["job images/s"] > 0 and "U-Net" in found["net"]


def test_the_tables_of_a_run(tiny, tmp_path, capsys):
    path, page = tmp_path / "lines.jsonl", tmp_path / "page.md"
    results, _, _ = run_suite(path=path)
    with Lines(path) as lines:
        lines.say("machine", gpu="a stand-in", torch="2", cupy="14")
        lines.say("layer", layer="a", op="conv2d", precision="fp32", rule="b", ms={"b": 1.0, "torch": 2.0})
        lines.say("checks", right=3, asked=3)
    page.write_text("above\n<!-- gpu -->\nold\n<!-- /gpu -->\nbelow\n")
    assert front.main(["gpu", "--report", str(path), "--into", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("above") and text.endswith("below\n") and "old" not in text
    assert f"| {CASE} | FP32 | 2.00 | 2.00 | **1.00** |" in text
    assert "| a | FP32 | y | b* 1.000 | 2.0 | 2.00 |" in text and "3 of 3 right" in text
    path.write_text("")
    assert front.main(["gpu", "--report", str(path)]) == 1
    assert "no facts" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no facts"):
        report.render([{"kind": "done"}])


def test_the_code_has_a_name():
    facts = code_version()
    assert len(facts["code"]) == 12 and set(facts["code"]) <= set("0123456789abcdef")


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
        side.draw = lambda shape, seed: cupy.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))
        side.normals = lambda *shape, seed=0: side.tensor(side.draw(shape, seed).get())
        try:
            side.set_precision("fp32")
            for build in cases.builders().values():
                step = build(side)
                assert side.milliseconds(step, 3) == 2.0 and side.peak_bytes(step) == 512
                side.free()
        finally:
            del cupy.cuda.Device.synchronize


def test_the_front_door_hands_over(monkeypatch):
    seen = []
    monkeypatch.setattr(command, "main", lambda options: seen.append(options) or 5)
    assert front.main(["gpu", "--only", "U-Net", "--quick", "--minutes", "2"]) == 5
    assert seen[0].only == "U-Net" and seen[0].quick and seen[0].minutes == 2
    json.dumps(seen[0].only)
