"""Moving tensors to another device or another dtype. The gradient goes back the same way."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitensor.arguments import check_dtype
from minitensor.backend import device_of, parse_device, to_device
from minitensor.engine import Op
from minitensor.ops.dtypes import cast
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike


class ToDevice(Op):
    """y = x on another device; its gradient is copied back."""

    uses = ((),)

    def __init__(self, device):
        self.device = device

    def forward(self, x):
        self.source = device_of(x)
        return to_device(x, self.device)

    def backward(self, grad, needs):
        return ToDevice(self.source)(grad)


def parse_targets(targets, device, dtype):
    """The arguments of `to` as (device or None, dtype or None): a string such as "cpu" or "cuda:0" is a device."""
    for target in targets:
        if isinstance(target, str) and (target == "cpu" or target.startswith("cuda")):
            device = target
        elif isinstance(target, str) and not _names_a_dtype(target):
            raise ValueError(f"to: {target!r} is no device (cpu, cuda, cuda:0, cuda:1 ...), and no dtype either")
        else:
            dtype = target
    return (None if device is None else parse_device(device), None if dtype is None else check_dtype(dtype, "to"))


def _names_a_dtype(text):
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True


def to(x: Tensor, *targets: Any, device: str | None = None, dtype: DtypeLike = None) -> Tensor:
    """x on a device ("cpu", "cuda:0"), with a dtype, or both: x.to("cuda"), x.to(mt.float64). x itself if unchanged."""
    device, dtype = parse_targets(targets, device, dtype)
    if dtype is not None:
        x = cast(x, dtype)
    if device is not None and device != x.device:
        x = ToDevice(device)(x)
    return x
