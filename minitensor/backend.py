"""Where arrays live: the CPU (NumPy) or a GPU (CuPy). The only file that imports CuPy.

Everything above this file asks `array_module(x)` for the module that x belongs to, conventionally called `xp`,
and writes `xp.exp(x)`: one text that serves both. CuPy is imported on the first use of a CUDA device, never by
`import minitensor`, and nothing ever moves between devices unless `to_device` is called.
"""

from __future__ import annotations

import re

import numpy as np

_cupy = None  # the module, once a CUDA device has been asked for and found to work
_reason: str | None = None  # why CUDA cannot be used; None until probed, "" if it can

PIP_COMMAND = 'pip install "minitensor[cuda13]" (CUDA 13 driver) or "minitensor[cuda12]" (CUDA 12 driver)'


def array_module(*arrays):
    """numpy or cupy: the module to which the arrays belong (numpy where none is a CuPy array)."""
    if _cupy is not None:
        for array in arrays:
            if isinstance(array, _cupy.ndarray):
                return _cupy
    return np


def backend_name(array):
    """ "numpy" or "cupy": the column of the kernel table for this array."""
    return "numpy" if type(array) is np.ndarray or array_module(array) is np else "cupy"


def is_array(value):
    """True for an array of either backend."""
    return isinstance(value, np.ndarray) or (_cupy is not None and isinstance(value, _cupy.ndarray))


def _probe():
    """Import CuPy and run one small computation; return "" or the reason, in one line, why it failed.

    `cupy.is_available()` is not enough: a wheel without the CUDA toolkit imports and finds the device, and then
    fails at its first kernel (NVRTC) or first product (cuBLAS). So one of each is tried.
    """
    global _cupy
    try:
        import cupy
    except ImportError as error:
        return f"CuPy cannot be imported ({error}); {PIP_COMMAND}"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises its own CUDARuntimeError, which exists only where CuPy does
        return f"no usable CUDA driver or device: {_one_line(error)}"
    if count == 0:
        return "the CUDA driver reports no device"
    try:
        ones = cupy.ones((2, 2), dtype=np.float32)
        float(((ones + 1) @ ones).sum())
    except (
        Exception
    ) as error:  # ImportError, RuntimeError or CuPy's own errors: all mean the same to the caller
        return f"CuPy finds a device but cannot compute on it ({_one_line(error)}); {PIP_COMMAND}"
    _cupy = cupy
    return ""


def _one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


class cuda:
    """`mt.cuda`: whether a GPU can be used, and if not, why."""

    @staticmethod
    def is_available():
        """True if CuPy imports, finds a device and can compute on it. Probed once."""
        return cuda.why_not() is None

    @staticmethod
    def why_not():
        """None if CUDA can be used; otherwise the reason and the remedy, in one line."""
        global _reason
        if _reason is None:
            _reason = _probe()
        return _reason or None


def parse_device(device):
    """ "cpu", "cuda" or "cuda:N" -> the canonical name "cpu" or "cuda:N". Touches no device.

    Raises TypeError for anything but a string and ValueError for a name of another form.
    """
    if not isinstance(device, str):
        raise TypeError(f'device must be a string such as "cpu" or "cuda:0", got {type(device).__name__}')
    if device == "cpu":
        return device
    match = re.fullmatch(r"cuda(?::(\d+))?", device)
    if match is None:
        raise ValueError(f'device must be "cpu", "cuda" or "cuda:N", got {device!r}')
    return f"cuda:{int(match[1] or 0)}"


def device_of(array):
    """ "cpu" or "cuda:N": where the array lives."""
    return "cpu" if array_module(array) is np else f"cuda:{array.device.id}"


def module_for(device):
    """The array module of a device name; for CUDA, raises RuntimeError with the reason if it cannot be used."""
    if parse_device(device) == "cpu":
        return np
    reason = cuda.why_not()
    if reason is not None:
        raise RuntimeError(f"device {device!r} cannot be used: {reason}")
    return _cupy


def to_device(array, device):
    """The array on `device`: itself if it is there already, else a copy."""
    device = parse_device(device)
    if device_of(array) == device:
        return array
    xp = module_for(device)
    if xp is np:
        return _cupy.asnumpy(array)
    index = int(device.removeprefix("cuda:"))
    count = xp.cuda.runtime.getDeviceCount()
    if index >= count:
        raise ValueError(
            f"device {device!r} does not exist: there are {count} CUDA devices (cuda:0 to cuda:{count - 1})"
        )
    with xp.cuda.Device(index):
        return xp.asarray(array)


def to_numpy(array):
    """The array in host memory: itself on the CPU, a copy from the GPU."""
    return array if array_module(array) is np else _cupy.asnumpy(array)
