"""Where arrays live: on the CPU (NumPy) or on a GPU (CuPy). This is the only file that imports CuPy.

Everything above this file asks `array_module(x)` for the module that x belongs to, called `xp` by convention, and
writes `xp.exp(x)`: the same code serves both. CuPy is imported when a CUDA device is used for the first time, never by
`import minitensor`. Nothing moves between devices unless `to_device` is called.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

_cupy = None  # the module, once a CUDA device has been asked for and found to work
_reason: str | None = None  # why CUDA cannot be used; None until probed, "" if it can
_precision = "fp32"  # of the matrix products in convolutions on a GPU
_device_count = 0  # of CUDA, once probed

# The numbers of kinds of devices in DLPack's header, dlpack.h.
DLPACK_CPU, DLPACK_CUDA = 1, 2

PIP_COMMAND = 'pip install "minitensor[cuda13]" (CUDA 13 driver) or "minitensor[cuda12]" (CUDA 12 driver)'


def array_module(*arrays):
    """numpy or cupy: the module that the arrays belong to (numpy if none of them is a CuPy array).

    CuPy makes arrays and runs kernels only on its current device. Whoever asks for the module of an array is about to
    do one of the two beside this array. So among several GPUs, the array's own becomes the current one.
    """
    if _cupy is not None:
        for array in arrays:
            if isinstance(array, _cupy.ndarray):
                if _device_count > 1:
                    _cupy.cuda.Device(array.device.id).use()
                return _cupy
    return np


def special_functions(array):
    """scipy.special, or CuPy's module of the same functions."""
    if array_module(array) is np:
        return import_module("scipy.special")
    return import_module("cupyx.scipy.special")


def backend_name(array):
    """ "numpy" or "cupy": the column of the kernel table for this array."""
    return "numpy" if type(array) is np.ndarray or array_module(array) is np else "cupy"


def is_array(value):
    """True for an array of either backend."""
    return isinstance(value, np.ndarray) or (_cupy is not None and isinstance(value, _cupy.ndarray))


def _probe():
    """Import CuPy and run one small computation. Return "" or, in one line, the reason why it failed.

    `cupy.is_available()` is not enough: a wheel without the CUDA toolkit imports and finds the device, but fails at its
    first kernel (NVRTC) or first product (cuBLAS). So one of each is tried. CuPy raises errors of many classes, some of
    which exist only where CuPy does. They all mean the same to the caller.
    """
    global _cupy, _device_count
    try:
        import cupy
    except ModuleNotFoundError as error:
        return f"CuPy is not installed ({error}); {PIP_COMMAND}"
    except Exception as error:
        return f"CuPy is installed but cannot be imported ({_one_line(error)}); {PIP_COMMAND}"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        return f"no usable CUDA driver or device: {_one_line(error)}"
    if count == 0:
        return "the CUDA driver reports no device (is CUDA_VISIBLE_DEVICES set to none?)"
    try:
        ones = cupy.ones((2, 2), dtype=np.float32)
        twos = ones + 1
        float(twos.sum())
    except Exception as error:
        return f"CuPy finds a device but cannot compile for it, NVRTC missing? ({_one_line(error)}); {PIP_COMMAND}"
    try:
        total = float((twos @ ones).sum())
    except Exception as error:
        return f"CuPy finds a device but cannot multiply on it, cuBLAS missing? ({_one_line(error)}); {PIP_COMMAND}"
    if total != 16:  # 2 x 2 elements, each 2 * 1 + 2 * 1
        return f"the CUDA device computes wrongly: a sum that is 16 came out as {total}"
    _cupy, _device_count = cupy, count
    return ""


def _one_line(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


class cuda:
    """`mt.cuda`: whether a GPU can be used, and if not, why."""

    @staticmethod
    def is_available() -> bool:
        """True if CuPy imports, finds a device and can compute on it. Probed once."""
        return cuda.why_not() is None

    @staticmethod
    def why_not() -> str | None:
        """None if CUDA can be used; otherwise the reason and the remedy, in one line."""
        global _reason
        if _reason is None:
            _reason = _probe()
        return _reason or None

    @staticmethod
    def device_count() -> int:
        """How many GPUs can be used; 0 without CUDA."""
        return _device_count if cuda.is_available() else 0

    @staticmethod
    def matmul_precision(precision: str | None = None) -> str:
        """The precision of the convolutions' matrix products on a GPU. If one is given, it is set first.

        "fp32" is the default. "tf32" uses tensor cores, which round factors to 10 bits of mantissa (a relative error of
        5e-4 each) and add in float32; it is several times as fast. Raises ValueError for another name.
        """
        global _precision
        if precision is not None:
            if precision not in ("fp32", "tf32"):
                raise ValueError(f'matmul_precision: precision must be "fp32" or "tf32", got {precision!r}')
            _precision = precision
        return _precision


def fitting(number, dtype):
    """A number as a NumPy array of no dimensions. Raises ValueError if the dtype cannot hold it.

    CuPy only receives numbers that have passed here: for others its functions differ, from an error to another number.
    """
    try:
        return np.array(number, dtype)
    except OverflowError as error:
        raise ValueError(f"the number {number} does not fit into dtype {np.dtype(dtype)}") from error


def filled(xp, shape, number, dtype):
    """An array in which every element is `number`. On a GPU this is one kernel; an array of NumPy would have to be
    moved.
    """
    fits = fitting(number, dtype)
    return fits if xp is np and shape == () else xp.full(shape, fits.item(), dtype)


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
    """The array module of a device name, ready to make arrays there: a CUDA device becomes CuPy's current device.

    Raises RuntimeError with the reason if CUDA cannot be used, ValueError if there is no device of that number.
    """
    device = parse_device(device)
    if device == "cpu":
        return np
    reason = cuda.why_not()
    if reason is not None:
        raise RuntimeError(f"device {device!r} cannot be used: {reason}")
    index = int(device.removeprefix("cuda:"))
    if index >= _device_count:
        there = "is 1 CUDA device, cuda:0"
        if _device_count > 1:
            there = f"are {_device_count} CUDA devices, cuda:0 to cuda:{_device_count - 1}"
        raise ValueError(f"device {device!r} does not exist: there {there}")
    _cupy.cuda.Device(index).use()
    return _cupy


def to_device(array: Any, device: str) -> Any:
    """The array on `device`: itself if it is there already, else a copy."""
    device = parse_device(device)
    if device_of(array) == device:
        return array
    xp = module_for(device)
    if xp is np:
        return _cupy.asnumpy(array)
    with memory_explained(f"moving an array of shape {array.shape} to {device}"):
        return xp.asarray(array)


def to_numpy(array):
    """The array in host memory: itself on the CPU, a copy from the GPU."""
    return array if array_module(array) is np else _cupy.asnumpy(array)


@contextmanager
def memory_explained(operation):
    """Within the block, if the GPU has too little memory, one MemoryError says for what, and how much is left."""
    try:
        yield
    except MemoryError as error:
        explain_memory(error, operation)
        raise


def explain_memory(error, operation):
    """Raise a MemoryError that says more, if `error` is CuPy's. NumPy's own already names shape and size."""
    if _cupy is None or not isinstance(error, _cupy.cuda.memory.OutOfMemoryError):
        return
    free, total = _cupy.cuda.runtime.memGetInfo()
    held = _cupy.get_default_memory_pool().free_bytes()
    raise MemoryError(
        f"{operation}: the GPU has too little memory: {error} {_megabytes(free + held)} of {_megabytes(total)} are "
        f"free on cuda:{_cupy.cuda.Device().id}; a smaller batch or image needs less"
    ) from error


def _megabytes(size):
    return f"{size / 2**20:,.0f} MB"


def from_dlpack(source):
    """The array, on its own device, behind any object that supports DLPack. The memory is shared.

    Raises TypeError for another object, ValueError for a device that is neither CPU nor CUDA.
    """
    if not hasattr(source, "__dlpack__") or not hasattr(source, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: {type(source).__name__} has no __dlpack__ and __dlpack_device__")
    kind, index = source.__dlpack_device__()
    if kind not in (DLPACK_CPU, DLPACK_CUDA):
        raise ValueError(f"from_dlpack: device type {int(kind)} of DLPack is neither the CPU (1) nor CUDA (2)")
    return module_for("cpu" if kind == DLPACK_CPU else f"cuda:{index}").from_dlpack(source)
