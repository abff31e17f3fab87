"""What the suites of the benchmarks print and write: --tune, peers, accuracy, the report, the pictures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import __main__ as front
from benchmarks import accuracy, cases, curves, harness, ops_cases, peer_cases, peers, report, targets, tune
from benchmarks.libraries import MiniTensor, Torch
from benchmarks.peer_libraries import PEERS, Lacks, Peer
from tests.bench_doubles import OPTIONS, FakeWorker, result


def test_tune_times_every_variant_that_can(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(ops_cases, "CONVOLUTIONS", [("tiny", 1, 8, 16, 16, 8, 3, 1)])
    monkeypatch.setattr(tune, "GPU_CONVOLUTIONS", [])
    monkeypatch.setattr(tune, "TRANSPOSED", [("up", 1, 4, 4, 4, 3, 2, 2)])
    monkeypatch.setattr(tune, "REFERENCE_PRODUCTS", 2000)
    monkeypatch.setattr(tune, "SHORTEST", 0.0)
    monkeypatch.setattr(tune, "gemm_peak", lambda: 100.0)
    path = tmp_path / "tune.json"
    assert tune.main(SimpleNamespace(**OPTIONS | {"json": str(path)})) == 0
    rows = {row["case"]: row for row in json.loads(path.read_text())["results"]}
    at_once = {"tiny: conv2d_gradients", "up: conv_transpose2d_gradients"}
    assert set(rows) == {f"{name}: {operation}" for name in ("tiny", "up") for operation in tune.OPERATIONS} | at_once
    assert all({"reference"} < set(rows[name]["seconds"]) for name in at_once)
    assert {"columns", "winograd"} <= set(rows["tiny: conv2d"]["seconds"])
    assert "reference" not in rows["tiny: conv2d"]["seconds"] and "reference" in rows["up: conv2d"]["seconds"]
    assert "winograd" not in rows["up: conv2d"]["seconds"]  # stride 2
    for row in rows.values():
        assert row["rule"] in row["seconds"] and row["loss"] >= 1
    printed = capsys.readouterr().out
    assert "geometric mean loss" in printed and f"{rows['up: conv2d']['rule']}*" in printed
    assert "worst" in report.render(json.loads(path.read_text()))[1]


def test_peers_name_the_absent_the_lacking_and_the_slow(monkeypatch, capsys, tmp_path):
    ones, twos = [np.ones(2, np.float32)], [np.full(2, 2, np.float32)]
    outputs = {
        "minitensor": ones,
        "torch": ones,
        "jax": [harness.Lacking("conv2d")],
        "mygrad": twos,
        "autograd": [harness.TooSlow("takes longer than 30 s")],
    }

    def start(name, threads):
        if name not in outputs:
            raise harness.Failed("no clang")
        return FakeWorker([0.5], outputs[name])

    monkeypatch.setattr(harness, "Worker", start)
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name == "mygrad" else object())
    path = tmp_path / "peers.json"
    assert peers.main(SimpleNamespace(**OPTIONS | {"only": "300 tiny", "json": str(path)})) == 0
    printed, written = capsys.readouterr().out, json.loads(path.read_text())
    assert "mygrad is left out: not installed: pip install mygrad" in printed
    assert "tinygrad is left out: cannot start: no clang" in printed
    outcome = written["tables"][0]["results"][0]["outcome"]
    assert outcome["minitensor"]["seconds"] == 0.5 and "seconds" not in outcome["jax"]
    assert (outcome["jax"]["word"], outcome["autograd"]["word"]) == ("lacks", f"> {peers.LIMIT} s")
    assert "jax: has no conv2d" in printed
    monkeypatch.setattr(peers, "find_spec", lambda name: object())
    outputs["minitensor"] = twos
    assert peers.main(SimpleNamespace(**OPTIONS | {"only": "300 tiny"})) == 1
    assert "minitensor: results differ" in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in cases.names("peers") if "284" not in name and "128" not in name])
def test_peer_cases_agree_between_our_side_and_torch(name):
    sides = MiniTensor(threads=1), Torch(threads=1)
    found = [[side.to_numpy(y) for y in peer_cases.builders()[name](side)()] for side in sides]
    assert harness.check(*found) < harness.TOLERANCE


@pytest.mark.parametrize("name", PEERS)
def test_installed_peers_agree_with_torch(name):
    pytest.importorskip(name)
    found = []
    for library in (name, "torch"):
        try:
            worker = harness.Worker(library, 1)
        except harness.Failed as error:
            pytest.skip(f"{library} cannot start: {error}")
        found.append(worker.prepare("peers", "small conv net 16x3x64x64: forward + backward"))
        worker.close()
    assert harness.check(*found) < harness.TOLERANCE


def test_an_operation_that_a_peer_has_not_is_named():
    with pytest.raises(Lacks, match="conv2d"):
        Peer().conv2d(1, 2)


def test_errors_of_a_list_of_arrays():
    reference = [np.array([3.0, 0.0]), np.array([[4.0]])]
    found = accuracy.errors([np.array([3.0, 0.5]), np.array([[4.0]])], reference)
    assert found == pytest.approx((0.1, 0.125))
    with pytest.raises(ValueError, match="shapes"):
        accuracy.errors([np.ones(2)], [np.ones(3)])


def test_float32_of_a_small_net_lies_near_float64(monkeypatch):
    net = {"in_channels": 1, "base_channels": 2, "padding": "same", "depth": 1}
    monkeypatch.setattr(accuracy, "NETS", {"tiny": accuracy.Case("unet", net, (1, 1, 8, 8), 2)})
    sides = {"ours": MiniTensor(1), "torch32": Torch(1), "torch64": accuracy.Torch64(1)}
    rows = {row["what"]: row for row in accuracy.net_errors(sides, "tiny", images=3)}
    assert set(rows) == {"scores", "loss", "all gradients", "worst gradient"}
    for row in rows.values():
        assert 0 <= row["ours"]["median"] < 1e-5 and 0 <= row["torch32"]["median"] < 1e-5
        assert row["ours"]["above"] == row["torch32"]["above"] == 0
        assert "tiny" in accuracy.line(row, 10)
    with monkeypatch.context() as patched:
        patched.setattr(accuracy, "TARGET", 0)
        (row, *_) = accuracy.net_errors(sides, "tiny", images=2)
    assert row["ours"]["above"] == 2


def test_curves_are_compared_with_the_spread_of_torchs_own():
    base = np.linspace(1, 0.1, 5)
    own = base + 1e-6
    near = curves.compare({"ours": own + 2e-6, "torch32": own, "torch64": base})
    assert near["indistinguishable"] and near["differences"]["torch32 - torch64"]["mean"] == pytest.approx(1e-6)
    assert not curves.compare({"ours": own + 1e-4, "torch32": own, "torch64": base})["indistinguishable"]


def test_two_steps_of_the_training_curve(monkeypatch):
    monkeypatch.setattr(curves, "SIDE", 32)
    monkeypatch.setattr(curves, "SETTINGS", curves.SETTINGS | {"base_channels": 2})
    sides = {"ours": MiniTensor(1), "torch32": Torch(1), "torch64": accuracy.Torch64(1)}
    measured = curves.measure(sides, 2)
    assert measured["differences"]["ours - torch64"]["largest"] < 1e-5
    assert len(measured["losses"]["ours"]) == 2 and measured["losses"]["ours"][0] != measured["losses"]["ours"][1]


def test_tables_go_into_their_place_of_the_page(tmp_path, capsys):
    facts = {"processor": "any", "threads": 2}
    fast, slow = result("relu, a: forward", theirs=2.0), result("conv2d b: forward", theirs=0.5, flops=10**9)
    content = {
        "suite": "ops",
        "machine": facts,
        "results": [r._asdict() | {"ratio": r.ratio} for r in (fast, slow)],
        "failed": [{"case": "cat", "reason": "results differ"}],
        "targets": [verdict._asdict() for verdict in targets.verdicts("ops", [fast, slow])],
    }
    source, page = tmp_path / "ops.json", tmp_path / "page.md"
    source.write_text(json.dumps(content))
    page.write_text("above\n<!-- ops -->\nold\n<!-- /ops -->\nbelow\n")
    assert front.main(["report", str(source), "--into", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("above\n<!-- ops -->\n") and text.endswith("<!-- /ops -->\nbelow\n") and "old" not in text
    assert "No time for cat: results differ" in text and "**not met**" in text
    assert "Slower than torch in 1 of 2 cases: conv2d b: forward (0.50)" in text
    before = page.read_text()
    assert front.main(["report", str(source), "--into", str(page)]) == 0 and page.read_text() == before
    source.write_text(json.dumps(content | {"suite": "unknown"}))
    assert front.main(["report", str(source)]) == 1 and "no suite 'unknown'" in capsys.readouterr().err


def test_the_page_of_results_has_a_place_for_every_suite():
    page = (harness.ROOT / "docs" / "results-cpu.md").read_text(encoding="utf-8")
    for suite in report.RENDERERS:
        assert "new" in report.put(page, suite, "new")


def test_pictures_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import chart

    facts = {"processor": "any", "threads": 2, "torch": "2"}
    chart.draw_ratios(tmp_path / "a.png", [result("a", theirs=2.0), result("b", theirs=0.5)], facts)
    points = [{"work": "w", "along": "pixels", "size": n * n, "seconds": [n, n], "bytes": [n, n]} for n in (8, 16)]
    chart.draw_growth(tmp_path / "b.png", points, facts)
    losses = {"ours": [1.0, 0.5], "torch32": [1.1, 0.6], "torch64": [1.2, 0.7]}
    chart.draw_curves(tmp_path / "c.png", {"losses": losses}, facts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.png"]
