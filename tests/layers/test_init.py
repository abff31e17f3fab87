"""Initialisation: exact formulas where there are any, torch's bounds, and statistics of what is drawn."""

import numpy as np
import pytest
import torch

import layers
import minitensor as mt
from layers import init

SHAPE = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9


def assert_normal(numbers, std):
    """Mean and variance within 5 standard errors, and tails beyond any uniform distribution's."""
    n = numbers.size
    assert abs(numbers.mean()) < 5 * std / np.sqrt(n)
    assert abs(numbers.var() / std**2 - 1) < 5 * np.sqrt(2 / n)
    assert np.abs(numbers).max() > 3 * std


def assert_uniform(numbers, low, high):
    """Within the bounds, close to both, and of their mean and variance."""
    n, width = numbers.size, high - low
    assert low <= numbers.min() < low + 20 * width / n and high - 20 * width / n < numbers.max() <= high
    assert abs(numbers.mean() - (low + high) / 2) < 5 * width / np.sqrt(12 * n)
    assert abs(numbers.var() / (width**2 / 12) - 1) < 5 * np.sqrt(0.8 / n)


NORMAL = [
    (lambda t: init.normal_(t, 0.0, 3.0), 3.0),
    (lambda t: init.kaiming_normal_(t, nonlinearity="relu"), np.sqrt(2 / FAN_IN)),
    (lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), np.sqrt(2 / FAN_OUT)),
    (lambda t: init.kaiming_normal_(t, a=0.5), np.sqrt(2 / 1.25 / FAN_IN)),
    (lambda t: init.xavier_normal_(t, gain=2.0), 2 * np.sqrt(2 / (FAN_IN + FAN_OUT))),
]
UNIFORM = [
    (lambda t: init.uniform_(t, -1.0, 4.0), -1.0, 4.0),
    (lambda t: init.kaiming_uniform_(t, a=np.sqrt(5)), -1 / np.sqrt(FAN_IN), 1 / np.sqrt(FAN_IN)),
    (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), -np.sqrt(6 / FAN_IN), np.sqrt(6 / FAN_IN)),
    (lambda t: init.xavier_uniform_(t), -np.sqrt(6 / (FAN_IN + FAN_OUT)), np.sqrt(6 / (FAN_IN + FAN_OUT))),
]


@pytest.mark.parametrize("dtype", [mt.float32, mt.float64])
@pytest.mark.parametrize(("fill", "std"), NORMAL)
def test_normal(fill, std, dtype):
    mt.manual_seed(0)
    tensor = mt.zeros(SHAPE, dtype=dtype, requires_grad=True)
    memory = tensor.data
    assert fill(tensor) is tensor and tensor.data is memory and tensor.dtype == dtype
    assert_normal(memory.astype(np.float64), std)
    assert tensor.is_leaf and tensor.requires_grad


@pytest.mark.parametrize(("fill", "low", "high"), UNIFORM)
def test_uniform(fill, low, high):
    mt.manual_seed(1)
    assert_uniform(fill(mt.zeros(SHAPE, dtype=mt.float64)).data, low, high)


def test_constants():
    assert (init.zeros_(mt.ones(3)).data == 0).all()
    assert (init.ones_(mt.zeros(3)).data == 1).all()
    assert (init.constant_(mt.zeros(3), 2.5).data == 2.5).all()


def test_a_seed_repeats_and_a_draw_moves_on():
    mt.manual_seed(3)
    first, second = layers.Conv2d(2, 3, 3), layers.Conv2d(2, 3, 3)
    mt.manual_seed(3)
    again = layers.Conv2d(2, 3, 3)
    np.testing.assert_array_equal(first.weight.data, again.weight.data)
    np.testing.assert_array_equal(first.bias.data, again.bias.data)
    assert (first.weight.data != second.weight.data).all()


LAYERS = [
    ("Conv2d", (16, 32, 5), {}),
    ("Conv2d", (16, 32, 5), dict(groups=4)),
    ("ConvTranspose2d", (16, 32, 5), {}),
    ("ConvTranspose2d", (16, 32, 5), dict(groups=2)),
    ("Linear", (300, 100), {}),
]


@pytest.mark.parametrize(("name", "arguments", "options"), LAYERS)
def test_layers_begin_in_torchs_bounds(name, arguments, options):
    """Both draw from U(-b, b); b is read off torch's own numbers, of which the largest lies just below."""
    mt.manual_seed(4)
    ours, theirs = (getattr(layers, name)(*arguments, **options), getattr(torch.nn, name)(*arguments, **options))
    fan_in, _ = torch.nn.init._calculate_fan_in_and_fan_out(theirs.weight)
    bound = 1 / np.sqrt(fan_in)
    assert theirs.weight.abs().max().item() == pytest.approx(bound, rel=0.02)
    assert_uniform(ours.weight.data.astype(np.float64), -bound * (1 + 1e-6), bound * (1 + 1e-6))
    assert 0.5 * bound < np.abs(ours.bias.data).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 5)])
def test_fans_are_torchs(shape):
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape))
    assert init.calculate_fan(mt.zeros(shape)) == expected


@pytest.mark.parametrize(
    ("nonlinearity", "param"),
    [("linear", None), ("conv2d", None), ("sigmoid", None), ("tanh", None), ("relu", None)]
    + [("leaky_relu", None), ("leaky_relu", 0.3)],
)
def test_gains_are_torchs(nonlinearity, param):
    assert init.calculate_gain(nonlinearity, param) == torch.nn.init.calculate_gain(nonlinearity, param)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [1.0]),
        (2, [0.5, 0.5]),
        (3, [0.5, 1.0, 0.5]),
        (4, [0.25, 0.75, 0.75, 0.25]),
        (5, [1 / 3, 2 / 3, 1.0, 2 / 3, 1 / 3]),
    ],
)
def test_bilinear_filter(size, expected):
    np.testing.assert_allclose(init.bilinear_filter(size), expected, rtol=1e-15)


def test_bilinear_weight_lies_on_the_diagonal():
    weight = init.bilinear_(mt.ones(3, 3, 4, 6, dtype=mt.float64)).data
    kernel = np.outer(init.bilinear_filter(4), init.bilinear_filter(6))
    for i in range(3):
        for j in range(3):
            np.testing.assert_array_equal(weight[i, j], kernel if i == j else 0 * kernel)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_bilinear_weight_interpolates(stride, groups):
    """A ramp upsampled stays a ramp, in every channel on its own, away from the border: torch's bilinear."""
    kernel, padding = 2 * stride - stride % 2, -(-(stride - 1) // 2)
    layer = layers.ConvTranspose2d(4, 4, kernel, stride, padding, groups=groups, bias=False).to(mt.float64)
    init.bilinear_(layer.weight, groups)
    x = np.random.default_rng(5).standard_normal((1, 4, 6, 5))
    y = layer(mt.tensor(x)).data
    expected = torch.nn.functional.interpolate(torch.tensor(x), scale_factor=stride, mode="bilinear").numpy()
    assert y.shape == expected.shape
    inside = (..., slice(stride, -stride), slice(stride, -stride))
    np.testing.assert_allclose(y[inside], expected[inside], rtol=1e-12)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: init.kaiming_normal_(mt.zeros(3)), r"at least 2 dimensions, got shape \(3,\)"),
        (lambda: init.kaiming_normal_(mt.zeros(3, 3), mode="fan"), "got 'fan'"),
        (lambda: init.kaiming_normal_(mt.zeros(3, 3), nonlinearity="swish"), "got 'swish'"),
        (lambda: init.normal_(mt.zeros(3), 0, -1), "std must be 0 or more, got -1"),
        (lambda: init.uniform_(mt.zeros(3), 2, 1), "lower bound 2 exceeds the upper bound 1"),
        (lambda: init.bilinear_(mt.zeros(3, 2, 4, 4)), "got 3 inputs and 2"),
        (lambda: init.bilinear_(mt.zeros(4, 2, 4, 4), groups=3), "groups=3"),
        (lambda: init.bilinear_(mt.zeros(4, 4)), r"got shape \(4, 4\)"),
    ],
)
def test_bad_arguments_are_named(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_drawing_can_be_skipped():
    with init.skipped():
        layer = layers.Conv2d(2, 3, 3)
        assert not layer.weight.data.any() and not layer.bias.data.any()
        assert (init.ones_(mt.zeros(2)).data == 1).all()  # what is not drawn is filled as ever
        with pytest.raises(RuntimeError, match="inside"):
            with init.skipped():
                raise RuntimeError("inside")
        assert not init.normal_(mt.zeros(3)).data.any()
    assert layers.Conv2d(2, 3, 3).weight.data.all()


@pytest.mark.parametrize("shape", [(4, 4), (3, 5, 2, 2), (40, 2, 3), (1, 7)])
def test_orthogonal(shape):
    tensor = init.orthogonal_(mt.zeros(shape, dtype=mt.float64), gain=1.5)
    matrix = tensor.data.reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 1.5**2 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_is_uniform():
    """The signs of R's diagonal matter: without them the first element of Q would never be positive."""
    mt.manual_seed(0)
    first = [init.orthogonal_(mt.zeros(2, 2)).data[0, 0] for _ in range(200)]
    assert 60 < sum(x > 0 for x in first) < 140
    with pytest.raises(ValueError, match=r"orthogonal_: the weight needs at least 2 axes, got shape \(3,\)"):
        init.orthogonal_(mt.zeros(3))
