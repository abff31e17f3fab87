"""Tensor: an array, its gradient, and the operation that made it.

This file knows nothing of operations. The engine records into `node`; the operators and methods (`a + b`,
`x.exp()`, `loss.backward()`) are attached once, in `minitensor/__init__.py`, where the package is put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from minitensor.backend import device_of, is_array, to_numpy
from minitensor.convert import DEFAULT_DTYPE, as_array

if TYPE_CHECKING:  # methods and operators are attached in __init__.py
    from minitensor.methods import TensorMethods as _Methods
else:
    _Methods = object


DETACHED = -1  # recorded changes that a tensor has seen if it takes no part in any graph: it need not know of them


class Tensor(_Methods):
    """An n-dimensional array that remembers how it was computed.

    data           the array itself (NumPy or CuPy)
    grad           a Tensor of the same shape once backward has reached this leaf, else None
    requires_grad  whether gradients flow to it
    node           the Op that computed it; None for a leaf: something the user made, such as a weight

    An array is wrapped, not copied. Anything else is converted as `minitensor.tensor` does. In-place changes through
    `tensor += value`, `tensor[...] = value` and `tensor.data = array` are counted, so that backward can refuse to use a
    value that has changed since. Changes through NumPy itself (`tensor.data[0] = 1`) cannot be seen, as in torch.
    """

    __slots__ = ("_data", "grad", "_requires_grad", "node", "_version", "_seen", "_owned", "__weakref__")

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        self._data = data if is_array(data) else as_array(data, None, np)
        self.grad = None
        self.node = None
        # [changes in place, those of them that a graph has recorded]: a list, for all views of a memory share it
        self._version = [0, 0]
        self._seen = 0  # the recorded changes that `node` accounts for (ops/inplace.py)
        self._owned = False
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    @staticmethod
    def wrap(array: Any, node: Any = None) -> Tensor:
        """A Tensor around an array, without any checks: what the engine uses for every result."""
        tensor = Tensor.__new__(Tensor)
        tensor._data = array
        tensor.grad = None
        tensor.node = node
        tensor._version = [0, 0]
        tensor._seen = 0
        tensor._owned = False
        tensor._requires_grad = node is not None
        return tensor

    @property
    def data(self) -> Any:
        return self._data

    @data.setter
    def data(self, array: Any) -> Any:
        if isinstance(array, Tensor):
            array = array._data
        if isinstance(array, np.generic):
            array = np.asarray(array)  # what NumPy makes of arithmetic with arrays of no dimensions
        if not is_array(array):
            raise TypeError(f"data must be an array, got {type(array).__name__}")
        if array.shape != self._data.shape:
            raise ValueError(f"data must keep its shape {self._data.shape}, got {array.shape}")
        if self._requires_grad and array.dtype.kind != "f":
            raise TypeError(f"data of a tensor that requires gradients must be floating point, got {array.dtype}")
        self._data = array
        self._version[0] += 1

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"requires_grad must be True or False, got {flag!r}")
        if flag and self._data.dtype.kind != "f":
            raise TypeError(f"only floating point tensors can require gradients, this one has dtype {self.dtype}")
        if not flag and self.node is not None:
            raise ValueError(
                "requires_grad can be switched off for leaves only; this tensor was computed by "
                f"{self.node.called}: use .detach()"
            )
        self._requires_grad = bool(flag)

    @property
    def is_leaf(self) -> bool:
        return self.node is None

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def device(self) -> str:
        return device_of(self._data)

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array: shared memory on the CPU, a copy from a GPU.

        The array is read-only if the tensor takes part in a graph: a change there would make a later backward silently
        wrong.
        """
        array = to_numpy(self._data)
        if self._requires_grad:
            array = array.view()
            array.flags.writeable = False
        return array

    def __array__(self, dtype=None, copy=None):
        """The values, for `np.asarray(x)` and for those functions of NumPy that are not ufuncs."""
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """The one element, as a Python number."""
        if self._data.size != 1:
            raise ValueError(f"item: only a tensor of one element has an item, this one has shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        return self._data.tolist()

    def detach(self) -> Tensor:
        """The same memory outside the graph: gradients stop here."""
        detached = Tensor.wrap(self._data)
        detached._version = self._version
        detached._seen = DETACHED
        return detached

    def __getstate__(self):
        """What copies and pickles of a leaf hold. For a result they would hold the whole graph behind it: refused."""
        if self.node is not None:
            raise RuntimeError(
                f"a tensor computed by {self.node.called} cannot be copied or pickled, for its graph would go "
                "with it; take x.detach()"
            )
        return None, {name: getattr(self, name) for name in Tensor.__slots__ if name != "__weakref__"}

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("a tensor of 0 dimensions has no length")
        return len(self._data)

    def __iter__(self) -> Iterator:
        return (self[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ValueError(
                f"a tensor of shape {self.shape} is neither true nor false; reduce it first, e.g. (x > 0).data.any()"
            )
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self):
        if self._data.dtype.kind not in "iu":
            raise TypeError(f"only an integer tensor can be an index, this one has dtype {self.dtype}")
        return int(self.item())

    # `==` compares elementwise, so for dicts and sets identity is spelled out.
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        values = np.array2string(to_numpy(self._data), separator=", ", prefix="tensor(", threshold=200)
        notes = "" if self.dtype == DEFAULT_DTYPE else f", dtype={self.dtype}"
        if self.device != "cpu":
            notes += f", device={self.device!r}"
        if self.node is not None:
            notes += f", made by {self.node.called}"
        elif self._requires_grad:
            notes += ", requires_grad=True"
        return f"tensor({values}{notes})"
