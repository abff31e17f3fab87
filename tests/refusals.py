"""both_refuse: a malformed call raises before any work, in words that name operation and values, and so does torch.

both_refuse(ValueError, ["max_pool2d", "(2, 2)"], lambda m, x: m.max_pool2d(x, 2, padding=2), normal(1, 4, 4))
"""

import contextlib

import numpy as np
import pytest
import torch

import minitensor as mt
from minitensor import engine
from tests.parity import TORCH

VIEWS = ("Reshape", "Permute", "Expand", "GetItem", "Flip")


@contextlib.contextmanager
def no_work():
    """Within the block no operation runs: only views may be made on the way to the refusal."""

    def refuse(op, arrays):
        assert type(op).__name__ in VIEWS, f"{type(op).__name__} ran before the call was refused"
        return op.forward(*arrays)

    original, engine._run_forward = engine._run_forward, refuse
    try:
        yield
    finally:
        engine._run_forward = original


def both_refuse(error, words, function, *arrays):
    """Raise AssertionError unless function(minitensor, ...) raises `error` with all `words`, torch any."""
    refuses(error, words, lambda *tensors: function(mt, *tensors), *arrays)
    with pytest.raises((ValueError, TypeError, RuntimeError, IndexError, NotImplementedError, ZeroDivisionError)):
        function(TORCH, *(torch.tensor(array) for array in map(np.asarray, arrays)))


def refuses(error, words, function, *arrays):
    """Raise AssertionError unless function(*Tensors) raises `error` itself, with all `words` in it, before any work."""
    tensors = [mt.Tensor(array, requires_grad=array.dtype.kind == "f") for array in map(np.asarray, arrays)]
    with pytest.raises(error) as caught, no_work():
        function(*tensors)
    assert caught.type is error
    message = str(caught.value)
    assert all(word in message for word in words), f"{message!r} does not say {words}"
