"""What convolutions and Linear share: a weight and a bias with torch's initial values, and the check of sizes."""

from __future__ import annotations

import math

import minitensor as mt
from layers import init
from layers.module import Parameter
from minitensor.arguments import check_flag


def affine_parameters(layer, weight_shape, outputs, bias, dtype, device):
    """A weight and a bias (None if bias=False) with torch's default values: U(-b, b) with b = 1 / sqrt(fan_in).

    kaiming_uniform_ with a = sqrt(5) has gain^2 = 2 / (1 + 5) = 1/3, so its bound sqrt(3) * gain / sqrt(fan_in) is the
    same b.
    """
    check_flag(layer, bias=bias)
    weight = init.kaiming_uniform_(Parameter(mt.zeros(weight_shape, dtype=dtype, device=device)), a=math.sqrt(5))
    if not bias:
        return weight, None
    fan_in, _ = init.calculate_fan(weight)
    bound = 1 / math.sqrt(fan_in)
    return weight, init.uniform_(Parameter(mt.zeros(outputs, dtype=dtype, device=device)), -bound, bound)


def positive(value, name, layer):
    """Return `value` if it is a whole number of at least 1. Otherwise raise a TypeError or ValueError that names it."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{layer}: {name} must be an int, got {value!r}")
    if value < 1:
        raise ValueError(f"{layer}: {name} must be at least 1, got {value}")
    return value.__index__()
