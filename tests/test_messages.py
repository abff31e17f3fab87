"""Messages that say what to do next, and what objects say of themselves."""

import builtins
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import layers
import minitensor as mt
import nets

ROOT = Path(__file__).resolve().parent.parent


def small():
    return layers.Sequential(layers.Conv2d(1, 2, 3), layers.ReLU())


def test_a_state_of_torchs_tensors():
    state = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)).state_dict()
    with pytest.raises(
        TypeError, match=r"'0.weight' must be .*got torch.Tensor; convert it with minitensor.from_dlpack"
    ):
        small().load_state_dict(state)
    small().load_state_dict({name: mt.from_dlpack(tensor) for name, tensor in state.items()})


def test_a_state_that_does_not_fit_names_five_of_each_kind():
    with pytest.raises(ValueError, match="missing: ") as caught:
        nets.UNet(1, 2, base_channels=2).load_state_dict({f"x{n}": mt.zeros(1) for n in range(9)})
    message = str(caught.value)
    assert message.count("x") < 20 and "x0, x1, x2, x3, x4 and 4 more" in message and "more" in message.splitlines()[1]


def test_a_pickled_module_and_a_pth_for_load(tmp_path):
    path = tmp_path / "whole.pth"
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3)), path)
    with pytest.raises(ValueError, match=r"torch.nn.modules.container.Sequential.*torch.save\(model.state_dict\(\)"):
        nets.load_weights(small(), path)
    with pytest.raises(ValueError, match=r"nets.load_weights\(net, path\) puts the tensors"):
        mt.load(path)


def test_the_layout_of_a_file_of_ones_own(tmp_path):
    net = small()
    mt.save(tmp_path / "own.safetensors", net.state_dict())
    assert nets.load_weights(net, tmp_path / "own.safetensors").layout == "the net's own names"


def test_save_in_torchs_order(tmp_path):
    mt.save({"x": mt.ones(2)}, tmp_path / "x.safetensors")
    assert mt.load(tmp_path / "x.safetensors")["x"].tolist() == [1, 1]
    for arguments in ((tmp_path / "y", 5), (5, tmp_path / "y")):
        with pytest.raises(TypeError, match="save: expects a dict"):
            mt.save(*arguments)


@pytest.mark.parametrize("device", ["gpu", "cude", "mps"])
def test_a_device_that_is_none(device):
    with pytest.raises(ValueError, match=rf"to: '{device}' is no device \(cpu, cuda, cuda:0"):
        mt.zeros(1).to(device)
    with pytest.raises(ValueError, match=f"'{device}' is no device"):
        small().to(device)


@pytest.mark.parametrize("name", ["sum", "mean", "var", "logsumexp"])
def test_a_freed_graph_names_the_call_of_the_user(name):
    x = mt.ones(2, 3, requires_grad=True)
    y = x.logsumexp((0, 1)) if name == "logsumexp" else getattr(x, name)()
    y.backward()
    called = {"var": "Variance", "logsumexp": "LogSumExp"}.get(name, name.title())
    assert f"made by {called}" in repr(y)
    with pytest.raises(RuntimeError, match=f"the graph behind this {called} has been freed"):
        y.backward()


def test_a_target_of_255():
    x = mt.zeros(1, 3, 2, 2)
    with pytest.raises(ValueError, match="ignore_index=255"):
        mt.cross_entropy(x, mt.full((1, 2, 2), 255))
    with pytest.raises(ValueError, match="got 7 to 7$"):
        mt.cross_entropy(x, mt.full((1, 2, 2), 7))


OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "**": lambda a, b: a**b, "@": lambda a, b: a @ b, "//": lambda a, b: a // b, "%": lambda a, b: a % b,
    "==": lambda a, b: a == b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b,
}  # fmt: skip


@pytest.mark.parametrize("left", [np.array([1.0, 5.0]), np.float64(3.0)], ids=["array", "number"])
@pytest.mark.parametrize("name", OPERATORS)
def test_an_array_on_the_left_of_a_tensor(name, left):
    right = np.array([2.0, 3.0])
    if name == "@" and left.ndim == 0:
        pytest.skip("a number has no rows")
    y = OPERATORS[name](left, mt.Tensor(right))
    assert isinstance(y, mt.Tensor)
    np.testing.assert_array_equal(y.data, OPERATORS[name](left, right))


def test_numpys_functions_say_which_to_take():
    x = mt.ones(2)
    for call, words in (
        (
            lambda: np.exp(x),
            r"numpy.exp takes arrays, not Tensors; write minitensor.exp\(x\), or numpy.exp\(x.numpy\(\)\)",
        ),
        (lambda: np.absolute(x), r"minitensor.abs\(x\)"),
        (lambda: np.arctan(x), r"not Tensors; write numpy.arctan\(x.numpy\(\)\)"),
        (lambda: np.add(x, np.ones(2)), r"minitensor.add"),
    ):
        with pytest.raises(TypeError, match=words):
            call()
    array = np.ones(2)
    with pytest.raises(TypeError, match="numpy.add takes arrays"):
        array += x


def test_a_file_that_hides_ours_is_named(tmp_path):
    (tmp_path / "layers.py").write_text("x = 1\n")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r}); import nets"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode and "layers.py is imported in the place of minitensor's package `layers`" in done.stderr


def test_what_objects_say_of_themselves():
    net = small()
    optimizer = mt.optim.SGD([{"params": [net[0].weight]}, {"params": [net[0].bias], "lr": 0.02}], lr=0.5)
    assert "SGD(\n  1 tensors, 18 numbers: lr=0.5, momentum=0," in repr(optimizer) and "lr=0.02" in repr(optimizer)
    assert repr(mt.optim.StepLR(optimizer, 3)) == "StepLR(step 0, lr=0.5, 0.02)"
    plateau = mt.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    assert repr(plateau) == "ReduceLROnPlateau(mode='min', best=inf, lr=0.5, 0.02)"
    y = (mt.ones(2, requires_grad=True) * mt.ones(2)).sum()
    assert repr(y.node).startswith("<Sum ") and "float32 () of (Sum)" in repr(y.node)
    assert "float32 (2,) of (leaf, -)" in repr(y.node.parents[0].parents[0])
    assert repr(type(y.node)((1,))) == "<Reshape, not recorded>"
    y.backward()
    assert repr(y.node).endswith(", freed>")
    table = net._repr_html_()
    assert (
        table.startswith("<table>")
        and "<td>0</td><td>Conv2d(1, 2, kernel_size=(3, 3)" in table
        and "<td>20</td>" in table
    )


def test_a_star_import_hides_no_builtin():
    names = {}
    for package in ("minitensor", "minitensor.optim", "layers", "nets"):
        exec(f"from {package} import *", names)
    assert names["conv2d"] is mt.conv2d and names["UNet"] is nets.UNet
    assert not set(names) & set(dir(builtins)) - {"__builtins__"}
