"""A pickle read by an interpreter of our own, which builds containers and can call nothing.

A pickle is a little program; unpickling runs it, and it may call anything. This interpreter knows the few instructions
that build dicts, lists and tuples, and the few names below, none of which it imports. A tensor becomes a
TensorRecord, which says where its bytes are. Whatever else a file asks for is an error, and nothing has happened.
pickletools.genops, of Python itself, cuts the bytes into instructions without running them.
"""

from __future__ import annotations

import pickletools
from math import prod
from typing import NamedTuple

import numpy as np

STORAGE_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<?",
}
MARK = object()  # stands on the stack where a run of items begins


class Name(NamedTuple):
    """A global that the file mentions; it is compared with the names known here and never looked up."""

    module: str
    name: str


class Storage(NamedTuple):
    dtype: np.dtype
    key: str
    size: int


class TensorRecord(NamedTuple):
    """A tensor before its bytes are read: a window of `shape` and `stride` into a storage."""

    storage: Storage
    offset: int
    shape: tuple
    stride: tuple

    def array(self, data):
        """The values, copied out of the storage's bytes. Raises ValueError where the window leaves the storage."""
        elements = np.frombuffer(data, self.storage.dtype)
        numbers = (self.offset, *self.shape, *self.stride)
        fits = all(type(n) is int and n >= 0 for n in numbers) and len(self.shape) == len(self.stride)
        if fits and 0 in self.shape:
            return np.zeros(self.shape, self.storage.dtype)
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=fits))
        # Strides of 0 would let a few bytes pose as a huge array; weights never need them.
        if not fits or last >= elements.size or prod(self.shape) > elements.size:
            raise ValueError(
                f"a tensor of shape {self.shape} does not fit its {elements.size} stored elements"
            )
        strides = [step * elements.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(elements[self.offset :], self.shape, strides).copy()


REBUILD = {
    Name("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, stride, *_: TensorRecord(
        storage, offset, shape, stride
    ),
    Name("torch._utils", "_rebuild_tensor"): TensorRecord,
    Name("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    Name("collections", "OrderedDict"): lambda items=(): dict(items),
}


def interpret(file):
    """Read one pickle from a binary file with the allowed instructions only; the file is left behind its end."""
    machine = Machine()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise ValueError("the pickle has no end")


class Machine:
    """A stack and a memo, as the pickle format defines them (Python's pickletools documents every instruction)."""

    VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
    LITERALS = (
        "BINUNICODE SHORT_BINUNICODE BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT SHORT_BINSTRING BINSTRING "
        "BINUNICODE8"
    ).split()
    EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
    TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}

    def __init__(self):
        self.stack, self.memo = [], {}

    def step(self, name, argument):
        stack = self.stack
        if name in self.VALUES:
            stack.append(self.VALUES[name])
        elif name in self.LITERALS:
            stack.append(argument)
        elif name in self.EMPTY:
            stack.append(self.EMPTY[name]())
        elif name == "MARK":
            stack.append(MARK)
        elif name in self.TUPLES:
            stack.append(tuple(self.popped(self.TUPLES[name])))
        elif name == "TUPLE":
            stack.append(tuple(self.popped_to_mark()))
        elif name in ("APPEND", "APPENDS"):
            items = self.popped(1) if name == "APPEND" else self.popped_to_mark()
            self.top(list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self.popped(2) if name == "SETITEM" else self.popped_to_mark()
            self.top(dict).update(zip(items[::2], items[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name == "GLOBAL":
            stack.append(Name(*argument.split(" ")))
        elif name == "STACK_GLOBAL":
            stack.append(Name(*self.popped(2)))
        elif name == "REDUCE":
            called, arguments = self.popped(2)
            if called not in REBUILD:
                raise ValueError(
                    f"it asks to call {'.'.join(called) if isinstance(called, Name) else called}"
                )
            stack.append(REBUILD[called](*arguments))
        elif name == "BUILD":
            stack.pop()  # attributes, such as the _metadata of a state dict: not needed
        elif name == "BINPERSID":
            stack.append(self.storage(stack.pop()))
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it holds the pickle instruction {name}, which no file of tensors needs")

    def top(self, kind):
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"it puts items into a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def popped(self, count):
        items = self.stack[-count:]
        if len(items) < count:
            raise ValueError("the pickle takes more from its stack than there is")
        del self.stack[-count:]
        return items

    def popped_to_mark(self):
        start = max(i for i, item in enumerate(self.stack) if item is MARK)
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    @staticmethod
    def storage(identity):
        """("storage", torch.FloatStorage, key, device, elements, ...) -> Storage"""
        kind, storage_type, key, _, size, *view = identity
        if any(part is not None for part in view):
            raise ValueError("it holds a storage that is a view of another, as only torch before 0.4 wrote")
        if kind != "storage" or storage_type.module != "torch" or storage_type.name not in STORAGE_DTYPES:
            raise ValueError(
                f"it holds a storage of type {'.'.join(storage_type)}, which NumPy does not have"
            )
        return Storage(np.dtype(STORAGE_DTYPES[storage_type.name]), key, size)
