"""both_refuse: a malformed call raises, in words that name operation and values, and torch refuses it too.

both_refuse(ValueError, ["max_pool2d", "(2, 2)"], lambda m, x: m.max_pool2d(x, 2, padding=2), normal(1, 4, 4))
"""

import numpy as np
import pytest
import torch

import minitensor as mt
from tests.parity import TORCH


def both_refuse(error, words, function, *arrays):
    """Raise AssertionError unless function(minitensor, ...) raises `error` with all `words`, torch any."""
    refuses(error, words, lambda *tensors: function(mt, *tensors), *arrays)
    with pytest.raises(
        (ValueError, TypeError, RuntimeError, IndexError, NotImplementedError, ZeroDivisionError)
    ):
        function(TORCH, *(torch.tensor(array) for array in map(np.asarray, arrays)))


def refuses(error, words, function, *arrays):
    """Raise AssertionError unless function(*Tensors) raises `error` itself, with all `words` in it."""
    with pytest.raises(error) as caught:
        function(
            *(mt.Tensor(array, requires_grad=array.dtype.kind == "f") for array in map(np.asarray, arrays))
        )
    assert caught.type is error
    message = str(caught.value)
    assert all(word in message for word in words), f"{message!r} does not say {words}"
