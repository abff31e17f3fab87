"""dropout and dropout2d: how many numbers fall, how much the others grow, and when nothing happens."""

import numpy as np
import pytest

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse

image = normal(2, 3, 4, 5)


@pytest.mark.parametrize("dtype", [mt.float32, mt.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_numbers_fall_with_probability_p_and_the_others_grow(p, dtype):
    mt.manual_seed(0)
    y = mt.dropout(mt.ones(100_000, dtype=dtype), p)
    assert y.dtype == dtype
    assert set(np.unique(y.data)) == {dtype(0), dtype(1 / (1 - p))}
    # The number of zeros is binomial: within 5 standard deviations but once in two million seeds.
    assert abs((y.data == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / 100_000)


def test_channels_fall_whole():
    mt.manual_seed(0)
    y = mt.dropout2d(mt.ones(40, 50, 3, 4), 0.3).data
    flat = y.reshape(2000, 12)
    assert (flat == flat[:, :1]).all()
    assert abs((flat[:, 0] == 0).mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 2000)


def test_the_gradient_takes_the_same_way():
    mt.manual_seed(0)
    x = mt.ones(50, requires_grad=True)
    y = mt.dropout(x, 0.4)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)


def test_the_seed_decides():
    results = []
    for seed in (1, 1, 2):
        mt.manual_seed(seed)
        results.append(mt.dropout(mt.ones(100)).data)
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


@pytest.mark.parametrize("drop", [mt.dropout, mt.dropout2d])
def test_what_does_nothing_returns_x_itself(drop):
    x = mt.ones(2, 3, 4, requires_grad=True)
    assert drop(x, 0.0) is x and drop(x, 0.5, False) is x and drop(x, 1.0, training=False) is x


def test_everything_falls_at_p_1():
    same_as_torch(lambda m, x: m.dropout(x, 1.0), image)
    same_as_torch(lambda m, x: m.dropout2d(x, 1.0), image)
    same_as_torch(lambda m, x: m.dropout(x, 1.0), np.array([np.inf, np.nan, 1.0]))


@pytest.mark.parametrize("name", ["dropout", "dropout2d"])
@pytest.mark.parametrize(
    ("error", "words", "p", "x"),
    [
        (ValueError, ["1.1"], 1.1, image),
        (ValueError, ["-0.1"], -0.1, image),
        (TypeError, ["'a'"], "a", image),
        (TypeError, ["None"], None, image),
        (TypeError, ["int64"], 0.5, image.astype(int)),
    ],
    ids=["above 1", "below 0", "text", "None", "integers"],
)
def test_malformed_calls(name, error, words, p, x):
    both_refuse(error, [f"{name}:", *words], lambda m, x: getattr(m, name)(x, p), x)


@pytest.mark.filterwarnings("ignore:dropout2d")  # torch warns before it refuses
def test_channels_need_an_axis():
    both_refuse(ValueError, ["dropout2d", "(3,)"], lambda m, x: m.dropout2d(x), normal(3))
