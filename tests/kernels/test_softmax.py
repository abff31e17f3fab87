"""Softmax and cross entropy: the tiles against the formulas and torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import run, use_kernels

TOLERANCE = {np.float32: 3e-5, np.float64: 1e-11}
dtypes = st.sampled_from([np.float32, np.float64])
shapes = st.one_of(
    st.tuples(st.integers(0, 5), st.integers(1, 6)),
    st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(1, 5)),
    st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(1, 5), st.integers(0, 5)),
)
VARIANTS = ("reference", "tiles")


@given(shapes, dtypes, st.data())
@pytest.mark.parametrize("operation", ["softmax", "log_softmax"])
def test_softmax_equals_torch(operation, shape, dtype, data):
    axes = [axis for axis in range(-len(shape), len(shape)) if shape[axis]]
    if not axes:
        return
    axis = data.draw(st.sampled_from(axes))
    x = (np.random.default_rng(0).standard_normal(shape) * 50).astype(dtype)
    expected = getattr(torch, operation)(torch.tensor(x), axis).numpy()
    for variant in VARIANTS:
        with use_kernels(**{operation: variant}):
            y = run(operation, x, axis)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("operation", ["softmax", "log_softmax"])
def test_logits_of_any_size_neither_overflow_nor_vanish(operation):
    x = np.array([[1e30, 0.0, -1e30], [-1e4, -1e4, -2e4]], dtype=np.float32)
    expected = getattr(torch, operation)(torch.tensor(x), 1).numpy()
    np.testing.assert_allclose(run(operation, x, 1), expected, rtol=1e-6)


@pytest.mark.parametrize("shape, axis", [((3, 40, 200, 130), 1), ((700, 300), 1), ((300, 700), 0)])
def test_large_arrays_are_cut_into_tiles(shape, axis):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    np.testing.assert_allclose(run("softmax", x, axis), torch.softmax(torch.tensor(x), axis).numpy(), atol=1e-6)


@st.composite
def segmentation(draw):
    """logits, target and the keywords of torch's cross_entropy; about half with ignored pixels."""
    shape = draw(shapes.filter(lambda shape: 0 not in shape))
    dtype, classes = draw(dtypes), shape[1]
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    logits = (rng.standard_normal(shape) * 4).astype(dtype)
    target = rng.integers(0, classes, (shape[0], *shape[2:]))
    ignore_index = draw(st.sampled_from([-100, 0, 255]))
    target[rng.random(target.shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = ignore_index
    weight = rng.random(classes).astype(dtype) if draw(st.booleans()) else None
    return logits, target, weight, ignore_index, draw(st.sampled_from([0.0, 0.1, 1.0]))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@given(segmentation())
def test_cross_entropy_and_its_gradient_equal_torch(reduction, case):
    logits, target, weight, ignore_index, smoothing = case
    tensor = torch.tensor(logits, requires_grad=True)
    expected = F.cross_entropy(
        tensor,
        torch.tensor(target),
        None if weight is None else torch.tensor(weight),
        ignore_index=ignore_index,
        reduction=reduction,
        label_smoothing=smoothing,
    )
    upstream = np.random.default_rng(0).standard_normal(expected.shape).astype(logits.dtype)
    expected.backward(torch.tensor(upstream))
    if ignore_index == 255:
        target = target.astype(np.uint8)
    tolerance = TOLERANCE[logits.dtype.type]
    for variant in VARIANTS:
        with use_kernels(cross_entropy=variant, cross_entropy_grad=variant), np.errstate(all="ignore"):
            params = (target, weight, None, ignore_index, smoothing)
            losses, total, log_normaliser = run("cross_entropy", logits, *params)
            value = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total}[reduction]
            grad = np.asarray(upstream / total if reduction == "mean" else upstream)
            grads = run("cross_entropy_grad", grad, logits, log_normaliser, *params)
        np.testing.assert_allclose(value, expected.detach().numpy(), atol=tolerance, rtol=tolerance)
        if np.isfinite(grad).all():
            np.testing.assert_allclose(grads, tensor.grad.numpy(), atol=tolerance, rtol=tolerance)
        else:  # the mean over no pixels
            assert not grads.any()
        assert losses.dtype == total.dtype == log_normaliser.dtype == grads.dtype == logits.dtype


@given(segmentation())
def test_pixel_weights_scale_losses_gradients_and_the_total(case):
    logits, target, weight, ignore_index, smoothing = case
    pixel_weight = np.random.default_rng(1).random(target.shape).astype(logits.dtype)
    grad = np.random.default_rng(2).standard_normal(target.shape).astype(logits.dtype)
    ones = np.ones_like(pixel_weight)
    tolerance = {"atol": TOLERANCE[logits.dtype.type], "rtol": TOLERANCE[logits.dtype.type]}
    for variant in VARIANTS:
        with use_kernels(cross_entropy=variant, cross_entropy_grad=variant):
            params = (target, weight, ones, ignore_index, smoothing)
            weighted = (target, weight, pixel_weight, ignore_index, smoothing)
            losses, _, log_normaliser = run("cross_entropy", logits, *params)
            scaled, total, _ = run("cross_entropy", logits, *weighted)
            np.testing.assert_allclose(scaled, losses * pixel_weight, **tolerance)
            back = run("cross_entropy_grad", grad, logits, log_normaliser, *weighted)
            same = run("cross_entropy_grad", grad * pixel_weight, logits, log_normaliser, *params)
            np.testing.assert_allclose(back, same, **tolerance)
        counted = target != ignore_index
        class_weight = np.ones(logits.shape[1]) if weight is None else weight
        np.testing.assert_allclose(total, (pixel_weight * class_weight[target * counted] * counted).sum(), rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 21, 130, 150), (3, 2, 300, 400)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_large_images_are_cut_into_tiles(shape, smoothing):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal(shape).astype(np.float32)
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    tensor = torch.tensor(logits, requires_grad=True)
    expected = F.cross_entropy(tensor, torch.tensor(target), reduction="none", label_smoothing=smoothing)
    expected.sum().backward()
    params = (target, None, None, -100, smoothing)
    losses, total, log_normaliser = run("cross_entropy", logits, *params)
    grads = run("cross_entropy_grad", np.ones((), np.float32), logits, log_normaliser, *params)
    np.testing.assert_allclose(losses, expected.detach().numpy(), atol=1e-5)
    np.testing.assert_allclose(grads, tensor.grad.numpy(), atol=1e-6)
    assert total == target.size


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_an_ignored_pixel_counts_for_nothing_whatever_is_there(variant, smoothing):
    logits = np.array([[[1.0, np.inf, np.nan], [2.0, -np.inf, 0.0]]])
    target = np.array([[0, 9, 9]])
    params = (target, None, np.array([[1.0, np.inf, np.nan]]), 9, smoothing)
    alone = (target[:, :1], None, None, 9, smoothing)
    with use_kernels(cross_entropy=variant, cross_entropy_grad=variant), np.errstate(all="ignore"):
        losses, total, log_normaliser = run("cross_entropy", logits, *params)
        grads = run("cross_entropy_grad", np.ones((1, 3)), logits, log_normaliser, *params)
        loss, _, normaliser = run("cross_entropy", logits[:, :, :1], *alone)
        grad = run("cross_entropy_grad", np.ones((1, 1)), logits[:, :, :1], normaliser, *alone)
    np.testing.assert_array_equal(losses, [[loss[0, 0], 0, 0]])
    assert total == 1
    np.testing.assert_array_equal(grads, np.concatenate([grad, np.zeros((1, 2, 2))], axis=2))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("label", [3, -1])
def test_a_target_that_is_no_class_is_named(variant, label):
    target = np.array([[0, 1], [2, label]])
    with use_kernels(cross_entropy=variant), pytest.raises(ValueError, match=rf"0 to 2 or .*\(-100\).*{label}"):
        run("cross_entropy", np.zeros((2, 3, 2), np.float32), target)
