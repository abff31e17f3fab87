"""Array-likes to arrays: what a number, nested lists or a Tensor become. Knows nothing of Tensors but their array."""

from __future__ import annotations

import numpy as np

from minitensor.backend import is_array

DEFAULT_DTYPE = np.dtype(np.float32)


def as_array(data, dtype, xp):
    """Any array-like as a new array of the module xp. Python floats become float32; arrays keep their dtype.

    Raises TypeError for data that are not real numbers, ValueError for rows of different lengths.
    """
    data = getattr(data, "_data", data)
    source = data
    if not is_array(data):
        dtypes = []
        try:
            data = np.array(_plain(data, dtypes))
        except ValueError as error:
            raise ValueError(f"tensor: the rows of {source!r} have different lengths") from error
        given = [item_dtype for item_dtype in dtypes if item_dtype.kind == data.dtype.kind]
        if given:
            dtype = dtype or np.result_type(*given)
        elif data.dtype.kind == "f":
            dtype = dtype or DEFAULT_DTYPE
    if data.dtype.kind not in "fiub":
        raise TypeError(f"tensor: {type(source).__name__} of dtype {data.dtype} holds no real numbers")
    return xp.array(data, dtype=dtype)


def _plain(data, dtypes):
    """Nested lists with Python numbers in the place of arrays, Tensors and NumPy numbers, whose dtypes it collects."""
    if isinstance(data, (list, tuple)):
        return [_plain(item, dtypes) for item in data]
    data = getattr(data, "_data", data)
    if isinstance(data, np.generic) or is_array(data):
        dtypes.append(data.dtype)
        return data.tolist()
    return data
