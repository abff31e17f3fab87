"""python -m benchmarks profile: the clocks count each kernel once, and give the table back as it was."""

import json
import time

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks import nets_cases, profile
from minitensor.kernels import table


@pytest.fixture
def kernels(monkeypatch):
    """Two kernels of a made-up operation: `outer` sleeps and calls `inner`, which multiplies."""
    names = {("outer", "numpy"): {}, ("inner", "numpy"): {}}
    monkeypatch.setattr(table, "_kernels", names)

    def inner(x):
        time.sleep(0.02)
        np.matmul(x, x)
        np.matmul(x[:, :4], x[:4])
        return x

    def outer(x):
        time.sleep(0.01)
        return table.run("inner", table.run("inner", x))

    names["outer", "numpy"]["reference"] = table.Kernel(outer, None, False)
    names["inner", "numpy"]["reference"] = table.Kernel(inner, None, True)
    return names


def test_time_in_another_kernel_is_counted_there(kernels):
    x, matmul, before = np.ones((300, 300)), np.matmul, {key: dict(value) for key, value in kernels.items()}
    found = profile.profile(lambda: table.run("outer", x), 3)
    lines = {line.kernel: line for line in found.lines}
    assert set(lines) == {"outer reference", "inner reference"}
    assert lines["outer reference"].calls == 1 and lines["inner reference"].calls == 2
    assert lines["inner reference"].wall >= 0.04 and 0.01 <= lines["outer reference"].wall
    assert sum(line.wall for line in found.lines) <= found.wall  # nothing is counted twice
    assert lines["outer reference"].products == lines["outer reference"].transforms == 0
    assert lines["inner reference"].products > 0 and lines["inner reference"].transforms > 0
    assert np.matmul is matmul and kernels == before


def test_an_error_in_a_step_leaves_nothing_behind(kernels):
    matmul, before = np.matmul, {key: dict(value) for key, value in kernels.items()}
    calls = iter(range(100))

    def step():
        if next(calls) >= profile.WARM + 2:
            raise RuntimeError("enough")
        table.run("inner", np.ones((4, 4)))

    with pytest.raises(RuntimeError, match="enough"):
        profile.profile(step, 2)
    assert np.matmul is matmul and kernels == before


def test_the_command_prints_a_line_for_each_kernel(monkeypatch, capsys, tmp_path):
    tiny = ("unet", {"in_channels": 1, "base_channels": 2, "depth": 1, "padding": "same"}, (1, 1, 16, 16), 2, "train")
    monkeypatch.setitem(nets_cases.CASES, profile.NETS["main"], tiny)
    path = tmp_path / "profile.json"
    assert command.main(["profile", "--net", "main", "--quick", "--json", str(path)]) == 0
    printed, written = capsys.readouterr().out, json.loads(path.read_text())
    names = {line["kernel"] for line in written["lines"]}
    assert any(name.startswith("conv2d") for name in names) and all(name in printed for name in names)
    assert "outside kernels" in printed and "threads wait" in printed
    with pytest.raises(SystemExit):
        command.main(["nets", "--net", "main"])
    assert "--net belongs to profile" in capsys.readouterr().err
