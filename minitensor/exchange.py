"""Sharing memory with other libraries: torch, CuPy, JAX or NumPy read a Tensor where it lies, and the other way round.

DLPack is the protocol for both CPU and GPU. `__cuda_array_interface__` is the older one for GPUs, which Numba reads.
Neither of them has gradients, so a Tensor that requires a gradient is refused: `detach` it first.
"""

from __future__ import annotations

from typing import Any

from minitensor import backend
from minitensor.tensor import Tensor


def from_dlpack(source: Any) -> Tensor:
    """A Tensor that shares the memory of any object that supports DLPack: mt.from_dlpack(torch_tensor).

    It lives on the source's device, and changes on either side show on the other. Raises TypeError for objects without
    DLPack, ValueError for devices that are neither CPU nor CUDA.
    """
    return Tensor(backend.from_dlpack(source))


def to_dlpack(x, **options):
    """What `Tensor.__dlpack__` returns: a capsule around the memory. Raises BufferError for requires_grad."""
    _refuse_gradients(x, "DLPack")
    return x.data.__dlpack__(**options)


def dlpack_device(x):
    """(kind of device, its number), as `Tensor.__dlpack_device__`: (1, 0) on the CPU, (2, N) on cuda:N."""
    return x.data.__dlpack_device__()


def cuda_array_interface(x):
    """`Tensor.__cuda_array_interface__`: address, shape, strides and type of GPU memory. Not on the CPU."""
    if x.device == "cpu":
        raise AttributeError("__cuda_array_interface__ belongs to tensors on a GPU, this one is on the CPU")
    _refuse_gradients(x, "the CUDA array interface")
    return x.data.__cuda_array_interface__


def _refuse_gradients(x, protocol):
    if x.requires_grad:
        raise BufferError(f"a tensor that requires a gradient cannot be shared through {protocol}; use .detach()")
