"""The benchmarks' own arithmetic and manners: statistics, refusals, files, targets. No time is asserted."""

import json

import numpy as np
import pytest

from benchmarks import __main__ as front
from benchmarks import ablation, cases, flops, growth, harness, machine, nets_cases, ops_cases, output, targets, versus
from benchmarks.libraries import MiniTensor
from tests.bench_doubles import FakeWorker, result


def test_median_and_spread():
    assert harness.median_and_spread([3.0, 1.0, 2.0]) == (2.0, 1.0)


def test_turns_interleave_and_slow_ones_leave_the_round():
    quick, slow = FakeWorker([0.01]), FakeWorker([5.0])
    samples = harness.take_turns([quick, slow], turns=4, patience=10)
    assert [len(sample) for sample in samples] == [4, 2]
    repeats = round(harness.SHORTEST_TURN / 0.01)  # short runs are repeated until a turn is long enough
    assert quick.turns == [1, *[repeats] * 4]


def test_the_median_of_each_side_makes_the_ratio():
    outputs = [np.ones(3, np.float32)]
    ours, theirs = FakeWorker([1.0, 1.0, 2.0, 9.0], outputs), FakeWorker([1.0, 4.0, 6.0, 5.0], outputs)
    measured = harness.measure((ours, theirs), "ops", "any", turns=3)
    assert (measured.ours, measured.theirs, measured.ratio) == (2.0, 5.0, 2.5)
    assert (measured.ours_peak, measured.theirs_peak, measured.error) == (7, 7, 0.0)


def test_wrong_results_have_no_time():
    right, wrong = [np.ones((2, 2), np.float32)], [np.full((2, 2), 1.01, np.float32)]
    workers = FakeWorker([1.0], wrong), FakeWorker([1.0], right)
    with pytest.raises(harness.Failed, match="differ by 1.0e-02"):
        harness.measure(workers, "ops", "any", turns=1)
    assert workers[0].turns == workers[1].turns == []
    for outputs in ([np.ones(4, np.float32)], [], [np.full((2, 2), np.nan, np.float32)], [*right, *right]):
        with pytest.raises(harness.Failed):
            harness.check(outputs, right)
    assert harness.check([*right, *wrong], [*right, *right], (1e-6, 0.02)) == pytest.approx(0.01, rel=1e-4)
    with pytest.raises(harness.Failed, match="1.0e-02 of the largest value, 1e-06 allowed"):
        harness.check([*right, *wrong], [*right, *right], (0.02, 1e-6))
    with pytest.raises(harness.Failed, match="all zero"):
        harness.check([np.zeros(2)], [np.zeros(2)])
    with pytest.raises(harness.Failed):  # NaN is not hidden by a later result that is right
        harness.check([np.array([np.nan]), np.ones(1)], [np.ones(1), np.ones(1)])


def test_a_run_names_what_failed_and_ends_with_1(monkeypatch, tmp_path, capsys):
    names = [name for name in cases.names("ops") if "small 16:" in name]

    def measure(workers, suite, name, turns):
        if "input" in name:
            raise harness.Failed("results differ by 1e-01")
        return result(name, ours=1.0, theirs=2.0)

    monkeypatch.setattr(harness, "start", lambda *settings: (FakeWorker([1.0]), FakeWorker([1.0])))
    monkeypatch.setattr(harness, "measure", measure)
    path = tmp_path / "ops.json"
    assert front.main(["ops", "--only", "small 16:", "--quick", "--json", str(path)]) == 1
    printed, written = capsys.readouterr().out, json.loads(path.read_text())
    assert f"{names[1]}  no time: results differ" in printed.replace("   ", "  ") and "1 of 3 cases failed" in printed
    assert [r["case"] for r in written["results"]] == [names[0], names[2]]
    assert written["failed"] == [{"case": names[1], "reason": "results differ by 1e-01"}]
    assert "target 1.3: met" in printed and written["targets"][0]["met"] is True


@pytest.mark.parametrize(
    "arguments",
    [["ops", "--only", "nothing"], ["nets", "--tune"], ["report"], ["ops", "x.json"], ["ops", "--threads", "0"],
     ["engine", "--json", "/no/such/folder/x.json"], ["ops", "--into", "x.md"]],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_at_once(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        front.main(arguments)
    assert stopped.value.code == 2 and "Traceback" not in capsys.readouterr().err


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "figures.json"
    output.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        output.write_json(path, {"a": [1, object()]})
    assert json.loads(path.read_text()) == {"a": 1} and list(tmp_path.iterdir()) == [path]


def test_exponents_of_known_growth():
    sizes = np.array([1, 2, 4, 8])
    assert growth.exponent(sizes, 3.0 * sizes) == pytest.approx(1)
    assert growth.exponent(sizes, 0.5 * sizes**2) == pytest.approx(2)
    with pytest.raises(ValueError, match="two different sizes"):
        growth.exponent([4, 4], [1, 2])
    points = [
        {"work": "w", "along": "batch", "size": n, "seconds": [n, n**1.5], "bytes": [n * n, 1]} for n in (1, 2, 4)
    ]
    (fit,) = growth.exponents(points)
    assert fit["time"] == pytest.approx([1, 1.5]) and fit["memory"] == pytest.approx([2, 0])


def test_targets_met_and_not():
    ops = [result("conv2d a: forward", theirs=2.0), result("conv2d b: forward", theirs=0.7), result("relu, x: forward")]
    found = {(v.group, v.what): v for v in targets.verdicts("ops", ops)}
    assert found["conv2d", "geometric mean"].value == pytest.approx(1.4**0.5)
    assert found["conv2d", "geometric mean"].met is False
    assert found["conv2d", "smallest ratio"][2:] == (0.7, 0.8, False, "conv2d b: forward")
    assert found["other operations", "ratio"].met is True and found["relu", "ratio"].met is None
    (train, memory) = targets.verdicts("nets", [result(cases.names("nets")[0], theirs=1.5, peaks=(3, 2))])
    assert train.met is True and memory.met is False and memory.value == 1.5
    (engine,) = targets.verdicts("engine", [result("300 tiny multiplies, forward + backward", ours=2e-3)])
    assert engine.met is True
    assert any("NOT MET (conv2d b: forward)" in line for line in targets.lines(found.values()))


def test_every_case_of_the_issue_belongs_to_a_target():
    for suite in ("ops", "nets", "engine"):
        held = [group for group in targets.GROUPS if group.suite == suite and (group.mean or group.seconds)]
        for name in cases.names(suite):
            if name.startswith(targets.FURTHER_OPERATIONS):
                continue
            assert sum(name.startswith(group.starts) for group in held) == 1, name
    assert len(ops_cases.CONVOLUTIONS) == 20 and len(cases.names("nets")) == 8


def test_flops_are_those_of_direct_convolution():
    counts = flops.of_convolutions()
    assert counts["conv2d small 16: forward"] == 2 * 4 * 256 * 16 * 16 * 256 * 9
    assert set(counts) <= set(cases.names("ops"))
    assert versus.speeds(result("x", ours=1.0, theirs=2.0, flops=4 * 10**9)) == "4 / 2"


def test_memory_of_this_process():
    now, peak = machine.memory()
    assert 0 < now <= peak


def test_no_net_scores_zero_everywhere():
    """FCN's score layers start as zeros; a parity check of such a net would hold zeros against zeros."""
    net, _ = nets_cases.make(MiniTensor(threads=1), "fcn8s", {"width": 0.02, "classes": 2})
    assert all(weight.numpy().any() for weight in net.parameters() if weight.ndim == nets_cases.KERNEL_DIMENSIONS)


def _cost(family, case, cost, suite="ops"):
    return {"family": family, "suite": suite, "case": case, "cost": cost, "given_up": False}


def test_a_variant_earns_its_room_in_a_net_or_in_a_whole_group():
    forward = [name for name in cases.names("ops") if name.startswith("relu") and name.endswith("forward")]
    net = cases.names("nets")[0]
    rows = {
        "of no use": [_cost("", forward[0], 1.15), _cost("", net, 1.01, "nets")],  # one case of two: 1.07
        "for a group": [_cost("", name, 1.15) for name in forward],
        "for a net": [_cost("", net, 1.03, "nets")],
        "never run": [],
    }
    verdicts = {line["family"]: line["verdict"] for line in ablation.summary(rows)}
    assert verdicts == {"of no use": "goes", "for a group": "stays", "for a net": "stays", "never run": "unseen"}
    table = ablation.tables({"families": ablation.summary(rows)})
    assert f"| for a net | 1 | 1.03 ({net}) | - | stays |" in table


def test_ablation_measures_a_case_without_what_it_runs(tmp_path):
    path = tmp_path / "ablation.json"
    case = "softmax, 21 at 256: forward"
    assert front.main(["ablation", "--quick", "--only", case, "--threads", "1", "--json", str(path)]) == 0
    content = json.loads(path.read_text())
    assert {row["family"] for row in content["results"]} == {"softmax: tiles", "softmax: tiles (softmax)"}
    assert all(row["case"] == case and row["cost"] > 0 for row in content["results"])
    unseen = {line["family"] for line in content["families"] if line["verdict"] == "unseen"}
    assert "conv: winograd" in unseen and "softmax: tiles" not in unseen
