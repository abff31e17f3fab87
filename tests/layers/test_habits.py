"""What people know from torch.nn: hooks, freezing, other dtypes, calls with other weights, modules in a dict."""

import copy

import numpy as np
import pytest
import torch

import layers
import minitensor as mt


def net():
    mt.manual_seed(0)
    return layers.Sequential(layers.Conv2d(1, 2, 3, padding=1), layers.ReLU(), layers.Conv2d(2, 1, 1)).to(mt.float64)


X = mt.Tensor(np.random.default_rng(0).standard_normal((1, 1, 4, 4)))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_hook_sees_each_call_and_may_change_the_output(part):
    model, seen = net(), []
    expected = model(X)
    handle = model[part].register_forward_hook(lambda module, inputs, output: seen.append((module, inputs, output)))
    np.testing.assert_array_equal(model(X).data, expected.data)
    ((module, inputs, output),) = seen
    assert module is model[part] and len(inputs) == 1 and output.shape[2:] == (4, 4)
    if part == 0:
        assert (output.data < 0).any()  # before the ReLU, with which it would otherwise be one operation
    second = model[part].register_forward_hook(lambda module, inputs, output: output * 0)
    changed = model(X)
    assert len(seen) == 2 and not np.array_equal(changed.data, expected.data)
    handle.remove()
    second.remove()
    np.testing.assert_array_equal(model(X).data, expected.data)
    assert len(seen) == 2


def test_a_copy_of_a_module_with_hooks_calls_them_with_itself():
    model, seen = net(), []
    model.register_forward_hook(lambda module, inputs, output: seen.append(module))
    twin = copy.deepcopy(model)
    twin(X)
    assert seen == [twin]


def test_freezing():
    model = net()
    assert model[0].requires_grad_(False) is model[0]
    model(X).sum().backward()
    assert model[0].weight.grad is None and model[2].weight.grad is not None
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_dtypes():
    model = net()
    assert {p.dtype.name for p in model.float().parameters()} == {"float32"}
    assert {p.dtype.name for p in model.double().parameters()} == {"float64"}
    with pytest.raises(TypeError, match="half: no operation computes in float16"):
        model.half()


def test_a_step_of_maml_equals_torchs():
    """The gradient, with respect to the weights, of the loss after one update of the weights."""
    model, theirs = (
        net(),
        torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(2, 1, 1)),
    )
    theirs.double().load_state_dict({k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()})
    results = []
    for module, call, grad, x in (
        (model, layers.functional_call, mt.grad, X),
        (theirs, torch.func.functional_call, torch.autograd.grad, torch.tensor(X.numpy())),
    ):
        weights = dict(module.named_parameters())
        inner = (module(x) ** 2).sum()
        grads = grad(inner, list(weights.values()), create_graph=True)
        updated = {name: w - 0.1 * g for (name, w), g in zip(weights.items(), grads, strict=True)}
        outer = (call(module, updated, (x,)) ** 2).mean()
        results.append(grad(outer, list(weights.values())))
    for g, expected in zip(*results, strict=True):
        np.testing.assert_allclose(g.numpy(), expected.numpy(), rtol=1e-9)


def test_a_functional_call_leaves_the_module_as_it_was():
    model = net()
    before = dict(model.named_parameters())
    with pytest.raises(ValueError, match="Sequential has no 0.wait"):
        layers.functional_call(model, {"0.wait": X}, X)
    with pytest.raises(ValueError, match=r"0.weight must have shape \(2, 1, 3, 3\), got \(1, 1, 4, 4\)"):
        layers.functional_call(model, {"0.weight": X}, X)
    with pytest.raises(ValueError, match="conv2d"):
        layers.functional_call(model, {"0.weight": model[0].weight * 2}, mt.zeros(1, 3, 4, 4, dtype=mt.float64))
    assert dict(model.named_parameters()) == before


def test_module_dict():
    parts = layers.ModuleDict({"a": layers.ReLU(), "b": layers.Conv2d(1, 1, 1)})
    parts["c"] = layers.Tanh()
    assert list(parts) == list(parts.keys()) == ["a", "b", "c"] and len(parts) == 3 and "b" in parts
    assert list(parts.state_dict()) == ["b.weight", "b.bias"]
    assert [name for name, _ in parts.items()] == ["a", "b", "c"] and list(parts.values())[1] is parts["b"]
    del parts["b"]
    assert "b" not in parts and not list(parts.parameters())
    for key, value, error in (("x", 5, TypeError), ("x.y", layers.ReLU(), ValueError), ("", layers.ReLU(), ValueError)):
        with pytest.raises(error, match="ModuleDict"):
            parts[key] = value
    with pytest.raises(KeyError, match="no entry 'z', there are a, c"):
        parts["z"]


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (layers.BatchNorm1d(3), (2, 4), r"BatchNorm1d: x must be \(N, 3\)"),
        (layers.InstanceNorm2d(3), (2, 4, 2, 2), r"InstanceNorm2d: x must be \(N, 3, H, W\)"),
        (layers.LayerNorm(3), (2, 4), r"layer_norm: the last axes of x must be \(3,\)"),
        (layers.PixelShuffle(2), (1, 3, 2, 2), "pixel_shuffle: x must be .*C a multiple of 2"),
        (layers.Unflatten(1, (2, 3)), (1, 5), r"Unflatten: the 5 numbers along dim 1 do not make \(2, 3\)"),
        (layers.Unflatten(1, (-1, -1)), (1, 5), "Unflatten"),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, words):
    with pytest.raises(ValueError, match=words):
        layer(mt.zeros(*shape))
