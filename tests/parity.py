"""same_as_torch: run one function in minitensor and in torch on the same numbers, and compare all they compute.

    same_as_torch(lambda m, x, w: m.conv2d(x, w, stride=2), normal(2, 3, 8, 8), normal(4, 3, 3, 3))

The function gets the library as its first argument, so the same text runs in both. Compared are shapes, dtypes,
values, the gradients of all floating inputs, and their gradients in turn; in float64 and in float32.

The tolerance is derived, not tuned. A sum of n rounded products errs by n eps (sum of the products' sizes) at worst
(Higham 2002, section 3.1), and by sqrt(n) eps (that sum) with all but vanishing probability (Higham and Mary 2019).
For products of random signs that sum is sqrt(n) times the size of the result, so n eps (size of the result) bounds the
error, and twice that the difference of two results. `terms` is n. No element of a small case depends on more terms
than the largest array in it has elements, so that is the default.
"""

import numpy as np
import torch
import torch.nn.functional

import minitensor as mt
from minitensor.backend import array_module, to_device

# Roundings besides those of the sum: the few steps (exp, division, scaling) that any element goes through.
OTHER_ROUNDINGS = 16
FLOATS = (np.float64, np.float32)
DEVICE = "cpu"  # where ours is computed; a run for GPUs says "cuda" (tests/gpu.py)


class _Torch:
    """torch under one roof: `torch.nn.functional`, where it has the name, else `torch` (so m.conv2d and m.exp)."""

    def __getattr__(self, name):
        functional = getattr(torch.nn.functional, name, None)
        return functional if functional is not None else getattr(torch, name)


TORCH = _Torch()


def normal(*shape, seed=0):
    """Normally distributed float64 numbers of size about 1; same shape, same seed, same numbers."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def leaf(*values):
    """A float64 vector of these values that requires a gradient."""
    return mt.tensor(values, dtype=mt.float64, requires_grad=True)


def same_as_torch(function, *arrays, torch_function=None, order=2, terms=None, dtypes=FLOATS, grads=None):
    """Raise AssertionError, saying what differs and where, unless `function` equals torch up to `order`.

    function        called as function(minitensor, *Tensors) and function(torch, *tensors); one result or several
    arrays          NumPy arrays in any memory layout; floating ones are cast to each of `dtypes`
    torch_function  what torch runs, where its text differs
    order           0 compares values only, 1 first gradients too, 2 gradients of gradients too
    terms           products summed for one number, at most; sets the tolerance
    grads           for each array whether its gradient is compared; by default that of every floating one
    """
    for dtype in dtypes:
        _Comparison(function, torch_function or function, arrays, np.dtype(dtype), terms, grads).run(order)


class _Comparison:
    def __init__(self, function, torch_function, arrays, dtype, terms, grads):
        self.arrays = [_cast_keeping_layout(array, dtype) for array in map(np.asarray, arrays)]
        self.dtype = dtype
        grads = [a.dtype.kind == "f" for a in self.arrays] if grads is None else grads
        self.ours = [mt.Tensor(_placed(a), requires_grad=g) for a, g in zip(self.arrays, grads, strict=True)]
        self.theirs = [
            torch.tensor(np.ascontiguousarray(a).reshape(a.shape), requires_grad=g)
            for a, g in zip(self.arrays, grads, strict=True)
        ]
        self.call = (function, torch_function)
        self.terms = terms
        self.rng = np.random.default_rng(0)

    def run(self, order):
        before = [a.copy() for a in self.arrays]
        ours = _listed(self.call[0](mt, *self.ours))
        theirs = _listed(self.call[1](TORCH, *self.theirs))
        if self.terms is None:
            self.terms = max(a.size for a in [*self.arrays, *(y.data for y in ours)])
        assert len(ours) == len(theirs), f"{len(ours)} results, torch gives {len(theirs)}"
        for i, (y, expected) in enumerate(zip(ours, theirs, strict=True)):
            self.compare(f"result {i}", y, expected)
        our_inputs = [x for x in self.ours if x.requires_grad]
        their_inputs = [x for x in self.theirs if x.requires_grad]
        for level in range(1, order + 1):
            ours, theirs, our_weights, their_weights = self.weighted(ours, theirs)
            if not ours:
                break
            # Not recorded first, as in training: kernels of their own, and gradients that overwrite others
            unrecorded = mt.grad(ours, our_inputs, our_weights, retain_graph=True, allow_unused=True)
            our_grads = mt.grad(ours, our_inputs, our_weights, create_graph=True, allow_unused=True)
            their_grads = torch.autograd.grad(theirs, their_inputs, their_weights, create_graph=True, allow_unused=True)
            for recorded, grads in (("", our_grads), (", not recorded", unrecorded)):
                for i, (g, expected) in enumerate(zip(grads, their_grads, strict=True)):
                    expected = torch.zeros_like(their_inputs[i]) if expected is None else expected
                    g = mt.zeros(expected.shape, dtype=our_inputs[i].dtype) if g is None else g
                    self.compare(f"order {level}: gradient of input {i}{recorded}", g, expected)
            ours, theirs = self.pairs(our_grads, their_grads)
            our_inputs, their_inputs = our_inputs + our_weights, their_inputs + their_weights
        for i, (a, copy) in enumerate(zip(self.arrays, before, strict=True)):
            np.testing.assert_array_equal(a, copy, err_msg=f"input {i} was changed")

    def weighted(self, ours, theirs):
        """The results that torch can differentiate, with random weights that sum them up to a scalar."""
        kept = [(y, expected) for y, expected in zip(ours, theirs, strict=True) if expected.requires_grad]
        for y, expected in kept:
            assert y.requires_grad, f"torch differentiates a result of shape {tuple(expected.shape)}, we do not"
        weights = [self.rng.standard_normal(y.shape).astype(y.dtype) for y, _ in kept]
        return (
            [y for y, _ in kept],
            [expected for _, expected in kept],
            [mt.Tensor(_placed(w), requires_grad=True) for w in weights],
            [torch.tensor(w, requires_grad=True) for w in weights],
        )

    def pairs(self, our_grads, their_grads):
        """Gradients that can be differentiated again in torch; where we have none, ours must be constant too."""
        kept = []
        for g, expected in zip(our_grads, their_grads, strict=True):
            if expected is not None and expected.requires_grad:
                constant = g is None or not g.requires_grad
                if constant and not (expected.detach() == 0).all():
                    raise AssertionError("torch can differentiate this gradient again, we cannot")
                if not constant:
                    kept.append((g, expected))
        return [g for g, _ in kept], [expected for _, expected in kept]

    def compare(self, what, y, expected):
        result, wanted = (y.numpy(), expected.detach().numpy(force=True))  # torch has tensors of zeros without memory

        header = f"{what}, inputs of {self.dtype} and shapes {[a.shape for a in self.arrays]}:"
        assert result.shape == wanted.shape, f"{header} shape {result.shape}, torch {wanted.shape}"
        assert result.dtype == wanted.dtype, f"{header} dtype {result.dtype}, torch {wanted.dtype}"
        if result.dtype.kind != "f" or not result.size:
            differ = result != wanted
            bound = 0.0
        else:
            finite = wanted[np.isfinite(wanted)]
            size = max(1.0, float(np.abs(finite).max(initial=0.0)))
            bound = 2 * (self.terms + OTHER_ROUNDINGS) * float(np.finfo(result.dtype).eps) * size
            with np.errstate(invalid="ignore"):
                close = np.abs(result - wanted) <= bound
            differ = ~(close | (result == wanted) | (np.isnan(result) & np.isnan(wanted)))
        if differ.any():
            where = tuple(int(i) for i in np.argwhere(differ)[0])
            raise AssertionError(
                f"{header} {differ.sum()} of {differ.size} elements differ by more than {bound:.3g}; "
                f"the first, at {where}, is {result[where]!r}, in torch {wanted[where]!r}"
            )


def _listed(results):
    """One result, or several, as a list."""
    return list(results) if isinstance(results, (tuple, list)) else [results]


def _cast_keeping_layout(array, dtype):
    """Floating arrays in another dtype, with the same strides up to the item size: 0, negative, permuted."""
    if array.dtype.kind != "f" or array.dtype == dtype:
        return array
    once = tuple(slice(0, 1) if stride == 0 and n else slice(None) for n, stride in _axes(array))
    turned = tuple(slice(None, None, -1) if stride < 0 else slice(None) for _, stride in _axes(array))
    # astype keeps the order of the axes ("K"), not the direction: cast the unturned array and turn the result
    return np.broadcast_to(array[once][turned].astype(dtype, order="K")[turned], array.shape)


def placed(array):
    """A Tensor of the array on DEVICE: for what a function takes besides its arguments, a target or a weight."""
    return mt.Tensor(_placed(array))


def _placed(array):
    """The array on DEVICE; there, with axes in the same order in memory, turned and repeated as they are here."""
    if DEVICE == "cpu":
        return array
    once = tuple(slice(0, 1) if stride == 0 and n else slice(None) for n, stride in _axes(array))
    turned = tuple(slice(None, None, -1) if stride < 0 else slice(None) for _, stride in _axes(array))
    plain = array[once][turned]
    order = sorted(range(array.ndim), key=lambda axis: -plain.strides[axis])
    moved = to_device(np.ascontiguousarray(plain.transpose(order)).reshape([plain.shape[a] for a in order]), DEVICE)
    moved = moved.transpose([order.index(axis) for axis in range(array.ndim)])[turned]
    return array_module(moved).broadcast_to(moved, array.shape)


def _axes(array):
    return zip(array.shape, array.strides, strict=True)
