"""How the numbers of torch's tensors lie in a file: storages of bytes, and tensors as windows into them."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from minitensor.narrow_floats import widened

LONGEST_TEXT = 100  # the most characters that a message quotes from a file
MOST_AXES = 64  # NumPy's limit
LARGEST_SIZE = (1 << 63) - 1  # of an axis, a stride or an offset


class Element(NamedTuple):
    """How one number lies in a file: the dtype of its bytes, and the number's name if NumPy has no such number."""

    stored: np.dtype
    narrow: str | None = None  # a dtype of minitensor/narrow_floats.py, which becomes float32

    @property
    def itemsize(self):
        return self.stored.itemsize

    @property
    def loaded_itemsize(self):
        return WIDENED_ITEMSIZE if self.narrow else self.itemsize


def _elements(**dtypes):
    return {name: Element(np.dtype(dtype)) for name, dtype in dtypes.items()}


WIDENED_ITEMSIZE = 4  # float32
BYTES = Element(np.dtype("<u1"))
BFLOAT16 = Element(np.dtype("<u2"), "BF16")
# The class of a storage says what its numbers are ...
STORAGES = {
    **_elements(DoubleStorage="<f8", FloatStorage="<f4", HalfStorage="<f2", LongStorage="<i8", IntStorage="<i4"),
    **_elements(ShortStorage="<i2", CharStorage="<i1", ByteStorage="<u1", BoolStorage="<?"),
    **_elements(ComplexFloatStorage="<c8", ComplexDoubleStorage="<c16"),
    "BFloat16Storage": BFLOAT16,
}
# ... except in an UntypedStorage: of its bytes, each tensor says what they are.
UNTYPED = "UntypedStorage"
TENSOR_DTYPES = {
    **_elements(float64="<f8", float32="<f4", float16="<f2", int64="<i8", int32="<i4", int16="<i2", int8="<i1"),
    **_elements(uint8="<u1", bool="<?", uint16="<u2", uint32="<u4", uint64="<u8", complex64="<c8", complex128="<c16"),
    "bfloat16": BFLOAT16,
    "float8_e4m3fn": Element(np.dtype("<u1"), "F8_E4M3"),
    "float8_e4m3fnuz": Element(np.dtype("<u1"), "F8_E4M3FNUZ"),
    "float8_e5m2": Element(np.dtype("<u1"), "F8_E5M2"),
    "float8_e5m2fnuz": Element(np.dtype("<u1"), "F8_E5M2FNUZ"),
    "float8_e8m0fnu": Element(np.dtype("<u1"), "F8_E8M0"),
}


class Storage(NamedTuple):
    element: Element
    key: str | int
    size: int


class TensorRecord(NamedTuple):
    """A tensor before its bytes are read: a window of `shape` and `stride` into a storage."""

    storage: Storage
    offset: int
    shape: tuple
    stride: tuple
    own_element: Element | None = None  # if the storage is untyped
    negated: bool = False  # torch negates and conjugates a tensor when it is read, not when it is written
    conjugated: bool = False

    def check(self):
        """Raises ValueError unless this is a window of whole numbers. Only then may it be hashed."""
        sized = type(self.storage) is Storage and type(self.shape) is tuple and type(self.stride) is tuple
        if not sized or len(self.shape) != len(self.stride) or len(self.shape) > MOST_AXES:
            raise ValueError("it holds a tensor without a storage, a shape and as many strides")
        for number in (self.offset, *self.shape, *self.stride):
            if type(number) is not int or not 0 <= number <= LARGEST_SIZE:
                raise ValueError("it holds a tensor whose shape, strides and offset are not whole numbers from 0 up")

    @property
    def element(self):
        return self.own_element or self.storage.element

    @property
    def nbytes(self):
        return prod(self.shape) * self.element.loaded_itemsize

    def array(self, data):
        """The values, copied out of the storage's bytes. Raises ValueError if the window leaves the storage."""
        values = self._window(data)
        if self.element.narrow is not None:
            values = widened(values.tobytes(), self.element.narrow).reshape(self.shape)
        if self.conjugated:
            values = values.conj()
        return -values if self.negated else values

    def _window(self, data):
        dtype = self.element.stored
        if 0 in self.shape:
            return np.zeros(self.shape, dtype)
        elements = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if last >= elements.size:
            shape = str(self.shape)[:LONGEST_TEXT]
            raise ValueError(f"a tensor of shape {shape} reaches beyond its {elements.size} stored numbers")
        # With strides of 0, as `expand` makes them, one number can stand for a huge array. The reader of the file
        # bounds the memory of all tensors together before it calls this.
        strides = [step * elements.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides).copy()
