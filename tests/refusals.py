"""both_refuse: a malformed call raises here, in words that name the operation and the values, and torch refuses it too.

both_refuse(ValueError, ["max_pool2d", "padding (2, 2)"], lambda m, x: m.max_pool2d(x, 2, padding=2), normal(1, 4, 4))
"""

import numpy as np
import pytest
import torch

import minitensor as mt
from tests.parity import TORCH


def both_refuse(error, words, function, *arrays):
    """Raise AssertionError unless function(minitensor, ...) raises exactly `error`, with all `words`, and torch any."""
    refuses(error, words, lambda *tensors: function(mt, *tensors), *arrays)
    with pytest.raises(
        (ValueError, TypeError, RuntimeError, IndexError, NotImplementedError, ZeroDivisionError)
    ):
        function(TORCH, *(torch.tensor(array) for array in map(np.asarray, arrays)))


def refuses(error, words, function, *arrays):
    """Raise AssertionError unless function(*Tensors) raises exactly `error`, with all `words` in its message."""
    with pytest.raises(error) as caught:
        function(
            *(mt.Tensor(array, requires_grad=array.dtype.kind == "f") for array in map(np.asarray, arrays))
        )
    assert caught.type is error
    message = str(caught.value)
    assert all(word in message for word in words), f"{message!r} does not say {words}"
