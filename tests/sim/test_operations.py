"""Every differentiable operation on the strict double: pure, the same numbers as on the CPU, and without waiting.

One line of tests/differentiable.py is one case: forward, backward and double backward in float64, which the texts
shared with the CPU compute, and in float32, for which some operations have kernels in CUDA C.
"""

import numpy as np
import pytest

import minitensor as mt
from tests.differentiable import CASES, OURS_ALONE

# Operations that look at numbers on the device before they can go on, and what for.
WAITS = {
    "gather": "an index outside would be read from anywhere",
    "max_unpool2d": "indices outside the output would be written anywhere",
    "nll_loss": "a target that is no class would be read from anywhere",
    "dice_loss": "as nll_loss",
    "focal_loss": "as nll_loss",
}


def on(device, case, dtype):
    """The result, its gradients, and the gradients of those, of one case on a device."""
    function, *arrays = case
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    xs = [mt.tensor(a, device=device, requires_grad=a.dtype.kind == "f") for a in arrays]
    leaves = [x for x in xs if x.requires_grad]
    y = function(mt, *xs)
    grads = mt.grad(y.sum(), leaves, create_graph=True, allow_unused=True)
    grads = [g for g in grads if g is not None]
    recorded = [g for g in grads if g.requires_grad]
    seconds = mt.grad([(g * g).sum() for g in recorded], leaves, allow_unused=True) if recorded else ()
    return [y, *grads, *(g for g in seconds if g is not None)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES | OURS_ALONE)
def test_pure_and_without_waiting(gpu, name, dtype):
    case = (CASES | OURS_ALONE)[name]
    expected = [x.numpy() for x in on("cpu", case, dtype)]
    if name in WAITS:
        found = on("cuda", case, dtype)
        assert not gpu.is_double or gpu.syncs, f"{name} no longer waits: take it off the list"
    else:
        with gpu.syncs_forbidden():
            found = on("cuda", case, dtype)
    assert not gpu.is_double or gpu.downloads == 0
    assert all(x.device == "cuda:0" for x in found)
    found = [x.numpy() for x in found]
    scale = max(1.0, *(np.abs(x).max() for x in expected))
    for x, wanted in zip(found, expected, strict=True):
        assert x.dtype == wanted.dtype and x.shape == wanted.shape
        np.testing.assert_allclose(x, wanted, rtol=0, atol=1000 * np.finfo(dtype).eps * scale)


@pytest.mark.parametrize("name", CASES | OURS_ALONE)
def test_repeats_bit_for_bit(gpu, other_order, name):
    """Twice the same numbers give the same bits; the second time, threads run in another order."""
    results = []
    for turn in range(2):
        other_order(turn)
        results.append([x.numpy() for x in on("cuda", (CASES | OURS_ALONE)[name], np.float32)])
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


BOOLS_AND_WHOLE_NUMBERS = {
    "comparisons": lambda x: (x > 0) & ~(x == 1) | mt.isnan(x),
    "argmax": lambda x: x.argmax(1),
    "max with its place": lambda x: x.max(0)[1],
    "whole numbers": lambda x: (x * 10).to(mt.int64) ** 2,
}


@pytest.mark.parametrize("name", BOOLS_AND_WHOLE_NUMBERS)
def test_operations_without_gradients_do_not_wait(gpu, name):
    x = mt.tensor([[0.5, 1.0, -2.0], [3.0, 0.0, 1.0]])
    expected = BOOLS_AND_WHOLE_NUMBERS[name](x)
    moved = x.to("cuda")
    with gpu.syncs_forbidden():
        found = BOOLS_AND_WHOLE_NUMBERS[name](moved)
    assert found.tolist() == expected.tolist() and found.dtype == expected.dtype


def test_one_hot_looks_at_its_numbers(gpu):
    x = mt.tensor([0, 2, 1], device="cuda")
    y = mt.one_hot(x, 3)
    assert not gpu.is_double or gpu.syncs["int()"] == 2  # the smallest and the largest
    assert y.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    with pytest.raises(ValueError, match="one_hot"):
        mt.one_hot(x, 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_target_that_is_no_class_makes_the_loss_nan_instead_of_waiting(gpu, dtype):
    x = mt.ones(2, 3, 4, device="cuda", dtype=dtype, requires_grad=True)
    target = mt.tensor([[0, 1, 2, 0], [0, 1, 3, -100]], device="cuda")
    with gpu.syncs_forbidden():
        losses = mt.cross_entropy(x, target, reduction="none")
    assert np.isnan(losses.numpy()).tolist() == [[False] * 4, [False, False, True, False]]


class TestIndexing:
    def test_lists_are_checked_and_moved_without_waiting(self, gpu):
        x = mt.arange(6, device="cuda").reshape(2, 3)
        with gpu.syncs_forbidden():
            y = x[[1, 0], [2, -1]]
            with pytest.raises(IndexError, match="index 2 is out of bounds for axis 0 with size 2"):
                x[[0, 2]]
            with pytest.raises(IndexError, match="index -4 is out of bounds for axis 1 with size 3"):
                x[..., [-4]]
        assert y.tolist() == [5, 2]

    def test_tensors_are_looked_at_before_they_index(self, gpu):
        x = mt.arange(6, device="cuda").reshape(2, 3)
        index = mt.tensor([0, 7], device="cuda")
        for use in (lambda: x[:, None, index], lambda: x.__setitem__((slice(None), index), 1)):
            with pytest.raises(IndexError, match="index 7 is out of bounds for axis 1 with size 3"):
                use()
        assert x[:, index - index].tolist() == [[0, 0], [3, 3]]

    def test_masks_wait_for_how_many_there_are(self, gpu):
        x = mt.tensor([1.0, -2.0, 3.0], device="cuda", requires_grad=True)
        y = x[x > 0]
        assert not gpu.is_double or gpu.syncs["a boolean mask"] == 1
        (y * y).sum().backward()
        assert y.tolist() == [1, 3] and x.grad.tolist() == [2, 0, 6]
        x = x.detach()
        x[x > 0] = 0.0
        assert x.tolist() == [0, -2, 0]
