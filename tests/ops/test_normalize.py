"""batch_norm and group_norm, held to torch up to second order; the fused gradient held to the formula."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse, refuses
from tests.strategies import numbers, shapes

image = normal(2, 3, 4, 5)
vector = normal(3)
positive = vector**2 + 0.1


@st.composite
def batches(draw, min_count=2):
    """x (N, C, ...) with at least `min_count` values a channel, and the pixels of one image."""
    size = draw(shapes(0, 3))
    images = draw(st.integers(1, 3))
    if images * np.prod(size) < min_count:
        images = min_count
    return draw(numbers((images, draw(st.integers(1, 3)), *size), ("contiguous", "transposed", "every other")))


@given(batches(min_count=3), st.booleans(), st.booleans(), st.sampled_from([1e-5, 0.5]))
def test_batch_norm_in_training(x, has_weight, has_bias, eps):
    channels = x.shape[1]
    weight = [normal(channels)] if has_weight else []
    # torch fails at a bias without a weight
    bias = [normal(channels, seed=1)] if has_bias and has_weight else []

    def function(m, x, *affine):
        return m.batch_norm(x, None, None, *affine, training=True, eps=eps)

    # Each gradient divides by the deviation once more, which may be small by chance.
    same_as_torch(function, x, *weight, *bias, dtypes=[np.float64], terms=10**5)
    same_as_torch(function, x, *weight, *bias, dtypes=[np.float32], order=1, terms=10**4)


@given(batches(min_count=1), st.booleans())
def test_batch_norm_in_use(x, has_affine):
    channels = x.shape[1]
    affine = [normal(channels), normal(channels, seed=1)] if has_affine else []
    statistics = [normal(channels, seed=2), normal(channels, seed=3) ** 2 + 0.1]
    same_as_torch(
        lambda m, mean, var, x, *affine: m.batch_norm(x, mean, var, *affine),
        *statistics,
        x,
        *affine,
        grads=[False, False] + [True] * (1 + len(affine)),
    )


@given(st.data())
def test_group_norm(data):
    groups, members = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    size = data.draw(shapes(0, 2))
    images = data.draw(st.integers(0, 3))
    if images * members * np.prod(size) == 1:
        images += 1
    x = data.draw(numbers((images, groups * members, *size)))
    if members * np.prod(size) < 3:
        size = (*size, 3)
        x = data.draw(numbers((images, groups * members, *size)))
    affine = [normal(groups * members), normal(groups * members, seed=1)]
    affine = affine[: data.draw(st.integers(0, 2))]
    same_as_torch(lambda m, x, *a: m.group_norm(x, groups, *a), x, *affine, dtypes=[np.float64], terms=10**5)
    same_as_torch(lambda m, x, *a: m.group_norm(x, groups, *a), x, *affine, dtypes=[np.float32], order=1, terms=10**4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0])
def test_running_statistics_move_as_in_torch(dtype, momentum):
    """In place, toward the unbiased variance; the biased one normalises."""
    ours = [mt.Tensor(a.astype(dtype)) for a in (vector.copy(), positive.copy())]
    theirs = [torch.tensor(a.astype(dtype)) for a in (vector, positive)]
    x = image.astype(dtype)
    for step in range(3):
        mt.batch_norm(mt.Tensor(x + step), *ours, training=True, momentum=momentum)
        torch.nn.functional.batch_norm(torch.tensor(x + step), *theirs, training=True, momentum=momentum)
    for running, expected in zip(ours, theirs, strict=True):
        assert running.dtype == dtype
        np.testing.assert_allclose(running.data, expected.numpy(), rtol=1e-5 if dtype == np.float32 else 1e-13)


def test_running_statistics_stay_where_there_is_nothing_to_learn():
    for training, x in ((False, image), (True, image[:0])):
        mean, var = mt.Tensor(vector.copy()), mt.Tensor(positive.copy())
        mt.batch_norm(mt.Tensor(x), mean, var, training=training)
        np.testing.assert_array_equal(mean.data, vector)
        np.testing.assert_array_equal(var.data, positive)


@pytest.mark.parametrize("images", [0, 2])
def test_batches_are_counted_in_training_alone(images):
    x, count = mt.ones(images, 3, 2, 2), mt.zeros((), dtype=mt.int64)
    memory = count.data
    mt.batch_norm(x, mt.zeros(3), mt.ones(3), training=True, num_batches_tracked=count)
    mt.batch_norm(x, mt.zeros(3), mt.ones(3), num_batches_tracked=count)
    mt.batch_norm(x, None, None, training=True, num_batches_tracked=count)
    assert count.item() == 2 and count.data is memory
    for wrong, error, words in (
        (mt.zeros(()), TypeError, "int64 Tensor, got dtype float32"),
        (3, TypeError, "int64 Tensor, got int"),
        (mt.zeros(1, dtype=mt.int64), ValueError, r"no dimensions, got shape \(1,\)"),
    ):
        with pytest.raises(error, match=f"batch_norm: num_batches_tracked must .*{words}"):
            mt.batch_norm(x, mt.zeros(3), mt.ones(3), training=True, num_batches_tracked=wrong)


def test_a_gradient_does_not_follow_the_running_statistics():
    """In use, backward takes the statistics of its own forward, though training has moved them since."""
    mean, var = mt.Tensor(vector.copy()), mt.Tensor(positive.copy())
    x, weight = mt.Tensor(image, requires_grad=True), mt.Tensor(vector.copy(), requires_grad=True)
    y = mt.batch_norm(x, mean, var, weight)
    mt.batch_norm(x.detach() * 9, mean, var, training=True)
    y.sum().backward()
    expected = np.broadcast_to((vector / np.sqrt(positive + 1e-5)).reshape(3, 1, 1), image.shape)
    np.testing.assert_allclose(x.grad.data, expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("needs", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_the_fused_gradient_is_the_formula(training, needs):
    arrays = (image, vector, normal(3, seed=1))
    inputs = [mt.Tensor(a, requires_grad=bool(need)) for a, need in zip(arrays, needs, strict=True)]
    wanted = [x for x in inputs if x.requires_grad]
    y = mt.batch_norm(inputs[0], mt.Tensor(vector.copy()), mt.Tensor(positive.copy()), *inputs[1:], training=training)
    weights = mt.Tensor(normal(*image.shape, seed=1))
    fused = mt.grad(y, wanted, weights, retain_graph=True)
    formula = mt.grad(y, wanted, weights, create_graph=True)
    for a, b in zip(fused, formula, strict=True):
        assert a.node is None and a.dtype == b.dtype
        np.testing.assert_allclose(a.data, b.data, rtol=1e-10, atol=1e-12)


def test_bias_alone():
    y = mt.batch_norm(mt.Tensor(image), None, None, bias=mt.Tensor(vector), training=True)
    plain = mt.batch_norm(mt.Tensor(image), None, None, training=True)
    np.testing.assert_allclose(y.data, plain.data + vector.reshape(3, 1, 1))


@pytest.mark.parametrize("shift", [0.0, 1e4])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e6])
def test_extreme_statistics(shift, scale):
    """A constant channel is 0 / sqrt(eps), not NaN; a large mean takes no digits from the variance."""
    x = (image * scale + shift).astype(np.float32)
    y = mt.batch_norm(mt.Tensor(x), None, None, training=True).data
    exact = torch.nn.functional.batch_norm(torch.tensor(x.astype(float)), None, None, training=True).numpy()
    theirs = torch.nn.functional.batch_norm(torch.tensor(x), None, None, training=True).numpy()
    assert np.abs(y - exact).max() <= 2 * np.abs(theirs - exact).max() + 1e-5


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.batch_norm(x[:0], None, None, training=True),
        lambda m, x: m.batch_norm(x[:, :0], None, None, training=True),
        lambda m, x: m.group_norm(x[:0], 3),
    ],
)
def test_empty(function):
    same_as_torch(function, image, order=0)


def test_gradients_of_an_empty_batch():
    """Zeros by weight and bias, though mean and variance of nothing are NaN."""
    same_as_torch(lambda m, x, w, b: m.batch_norm(x, None, None, w, b, True), image[:0], vector, vector)


MALFORMED = {
    "integers": (TypeError, ["batch_norm", "int64"], lambda m, x, v: m.batch_norm(x, v, v), image.astype(int), vector),
    "one axis": (ValueError, ["batch_norm", "(5,)"], lambda m, x, v: m.batch_norm(x[0, 0, 0], v, v), image, vector),
    "no statistics": (ValueError, ["running_mean"], lambda m, x: m.batch_norm(x, None, None), image),
    "half the statistics": (
        ValueError,
        ["running_mean", "running_var"],
        lambda m, x, v: m.batch_norm(x, v, None, training=True),
        image,
        vector,
    ),
    "statistics too short": (
        ValueError,
        ["running_mean", "(3,)", "(2,)", "(2, 3, 4, 5)"],
        lambda m, x, v: m.batch_norm(x, v[:2].detach(), v.detach(), training=True),
        image,
        vector,
    ),
    "weight too short": (
        ValueError,
        ["weight", "(3,)", "(2,)"],
        lambda m, x, v: m.batch_norm(x, v.detach(), v.detach(), v[:2]),
        image,
        vector,
    ),
    "one value": (
        ValueError,
        ["batch_norm", "more than 1 value", "(1, 3, 1, 1)"],
        lambda m, x: m.batch_norm(x[:1, :, :1, :1], None, None, training=True),
        image,
    ),
    "negative eps": (
        ValueError,
        ["eps", "-1.0"],
        lambda m, x: m.batch_norm(x, None, None, training=True, eps=-1.0),
        image,
    ),
    "eps of 0": (ValueError, ["eps", "0"], lambda m, x: m.batch_norm(x, None, None, training=True, eps=0), image),
    "eps of text": (TypeError, ["eps", "'a'"], lambda m, x: m.batch_norm(x, None, None, training=True, eps="a"), image),
    "momentum of text": (
        TypeError,
        ["momentum", "'a'"],
        lambda m, x, v: m.batch_norm(x, v.detach(), v.detach(), training=True, momentum="a"),
        image,
        vector,
    ),
    "groups that do not divide": (
        ValueError,
        ["group_norm", "3", "num_groups=2"],
        lambda m, x: m.group_norm(x, 2),
        image,
    ),
    "no groups": (ValueError, ["group_norm", "num_groups=0"], lambda m, x: m.group_norm(x, 0), image),
    "groups of float": (TypeError, ["num_groups", "1.0"], lambda m, x: m.group_norm(x, 1.0), image),
    "group of one value": (
        ValueError,
        ["group_norm", "(1, 3, 1, 1)"],
        lambda m, x: m.group_norm(x[:1, :, :1, :1], 3),
        image,
    ),
    "group weight": (ValueError, ["group_norm", "(2,)"], lambda m, x, v: m.group_norm(x, 1, v[:2]), image, vector),
    "group integers": (TypeError, ["group_norm", "int64"], lambda m, x: m.group_norm(x, 1), image.astype(int)),
    "group of one axis": (ValueError, ["group_norm", "(3,)"], lambda m, x: m.group_norm(x, 1), vector),
}


@pytest.mark.parametrize(
    ("error", "words", "function", "arrays"), [(*c[:3], c[3:]) for c in MALFORMED.values()], ids=MALFORMED
)
def test_malformed_calls(error, words, function, arrays):
    both_refuse(error, words, function, *arrays)


def test_mixed_dtypes_are_refused_and_nothing_moves():
    running = mt.zeros(3, dtype=mt.float64)
    with pytest.raises(TypeError, match="batch_norm.*x is float32.*running_mean is float64"):
        mt.batch_norm(mt.Tensor(image.astype(np.float32)), running, running, training=True)
    assert not running.data.any()
    refuses(TypeError, ["group_norm", "float32"], lambda x, w: mt.group_norm(x, 1, w), image, vector.astype(np.float32))
