"""Our own interpreter for pickles, which builds containers and can call nothing.

A pickle is a small program. Unpickling runs this program, and the program may call anything. Our interpreter knows the
instructions that build dicts, lists and tuples, and the few names in REBUILD. It imports none of these names. A tensor
becomes a TensorRecord, which says where its bytes are. Anything else that a file wants to call or make becomes an
Unknown: its name is kept, and nothing is called. pickletools.genops, a part of Python, cuts the bytes into instructions
without running them.

Nothing that a file builds is hashed, compared or printed before its type has been checked: hashing a tuple that is
nested deeply enough crashes Python, and printing a few lists that contain each other never ends.
"""

from __future__ import annotations

import pickletools
from typing import NamedTuple

from nets.torch_tensors import (
    BYTES,
    LARGEST_SIZE,
    LONGEST_TEXT,
    STORAGES,
    TENSOR_DTYPES,
    UNTYPED,
    Storage,
    TensorRecord,
)

# The most steps of work that a pickle may ask for: a few seconds. An instruction is one step, and each argument of a
# call is one more, because a list that is written once can be handed to many calls. A tensor takes about 30 steps.
MOST_STEPS = 2_000_000
# Hashing or printing a number takes time in proportion to its digits. No number of a tensor needs more bits.
MOST_BITS = 128


class Name(NamedTuple):
    """A global that the file mentions. It is compared with the names known here, and never looked up."""

    module: str
    name: str

    def __str__(self):
        text = f"{self.module}.{self.name}"[:LONGEST_TEXT]
        return text if text.isprintable() else ascii(text)


class Unknown:
    """What the file holds and this interpreter does not make. Whatever the file puts into it is dropped.

    what        says in words what it is, such as "an object made by numpy.dtype"
    is_module   whether it has the attributes of a torch.nn.Module
    """

    def __init__(self, what):
        self.what, self.is_module = what, False


def _is_key(key):
    """Only these types are hashed: hashing them runs no code of the file and does not recurse."""
    return type(key) is str or type(key) is int


def _dict_of(pairs=()):
    """An OrderedDict of pairs, or of another dict, as a dict."""
    if type(pairs) not in (dict, list, tuple):
        raise ValueError(f"it makes a dict of a {type(pairs).__name__}")
    made = {}
    for pair in pairs.items() if type(pairs) is dict else pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2 or not _is_key(pair[0]):
            raise ValueError("it makes a dict of entries that are not pairs of a name and a value")
        made[pair[0]] = pair[1]
    return made


def _tensor(storage, offset, shape, stride, requires_grad=False, hooks=None, metadata=None, *_, element=None):
    """torch's `_rebuild_tensor` and `_rebuild_tensor_v2`."""
    if type(storage) is Unknown:  # numbers of a type that is not read
        return storage
    marks = metadata if type(metadata) is dict else {}
    record = TensorRecord(storage, offset, shape, stride, element, marks.get("neg") is True, marks.get("conj") is True)
    record.check()
    return record


def _of_untyped(storage, offset, shape, stride, requires_grad, hooks, dtype, metadata=None, *_):
    """torch's `_rebuild_tensor_v3`: the tensor itself names its dtype."""
    if type(dtype) is not Name or dtype.module != "torch" or dtype.name not in TENSOR_DTYPES:
        return Unknown(f"a tensor of dtype {_quoted(dtype)}, which is not read here")
    return _tensor(storage, offset, shape, stride, metadata=metadata, element=TENSOR_DTYPES[dtype.name])


def _quoted(value):
    """How to print what a file holds: a name, or else only its type, because printing it may never end."""
    return str(value) if type(value) is Name else f"of type {type(value).__name__}"


# Calls that make a tensor of a subclass, or with attributes: (the function that makes the tensor, the class, the
# function's arguments, ...). Weights need neither the class nor the attributes.
FROM_TYPE = (Name("torch._tensor", "_rebuild_from_type"), Name("torch._tensor", "_rebuild_from_type_v2"))
GETATTR = (Name("builtins", "getattr"), Name("__builtin__", "getattr"))
NUMPY_ARRAY = "a NumPy array"
NUMPY_ARRAYS = tuple(Name(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core"))
REBUILD = {
    Name("torch._utils", "_rebuild_tensor_v3"): _of_untyped,
    Name("torch._utils", "_rebuild_tensor_v2"): _tensor,
    Name("torch._utils", "_rebuild_tensor"): _tensor,
    Name("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    Name("torch._utils", "_rebuild_parameter_with_state"): lambda tensor, *_: tensor,
    Name("collections", "OrderedDict"): _dict_of,
    Name("collections", "defaultdict"): lambda *_: {},  # its entries follow as items
}


def _instructions(file):
    """(opcode, argument) of one instruction after the other."""
    try:
        for opcode, argument, _ in pickletools.genops(file):
            yield opcode, argument
    except ValueError as error:
        raise ValueError("its pickle is damaged or cut short") from error


def interpret(file, storages=None):
    """Read one pickle from a binary file with the allowed instructions only, up to the end of the pickle.

    storages   a dict that receives every storage that the pickle mentions: {key: Storage}
    """
    machine = Machine(storages)
    for opcode, argument in _instructions(file):
        if opcode.name == "STOP":
            return machine.popped(1)[0]
        machine.spend(1)
        machine.step(opcode.name, argument)
    raise ValueError("its pickle has no end")


class Machine:
    """A stack and a memo, as the pickle format defines them (Python's pickletools documents every instruction)."""

    VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
    # The first line is of protocols 0 and 1, before Python 2.3.
    LITERALS = frozenset(
        (
            "INT LONG FLOAT STRING UNICODE "
            "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT SHORT_BINSTRING "
            "BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8"
        ).split()
    )
    EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": list}
    TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
    RUNS = {"TUPLE": tuple, "FROZENSET": tuple, "LIST": list}

    def __init__(self, storages=None):
        self.stack, self.memo = [], {}
        self.marks = []  # where runs of items begin on the stack, the innermost last
        self.steps_left = MOST_STEPS
        self.storages = {} if storages is None else storages

    def spend(self, steps):
        self.steps_left -= steps
        if self.steps_left < 0:
            raise ValueError(f"reading its pickle takes more than {MOST_STEPS} steps")

    def step(self, name, argument):
        stack = self.stack
        if name in self.VALUES:
            stack.append(self.VALUES[name])
        elif name in self.LITERALS:
            stack.append(_bounded(argument))
        elif name in self.EMPTY:
            stack.append(self.EMPTY[name]())
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in self.TUPLES:
            stack.append(tuple(self.popped(self.TUPLES[name])))
        elif name in self.RUNS:
            stack.append(self.RUNS[name](self.popped_to_mark()))
        elif name == "DICT":
            items = self.popped_to_mark()
            stack.append({})
            self.set_items(items)
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = self.popped(1) if name == "APPEND" else self.popped_to_mark()
            into = self.top(list)
            if into is not None:
                into.extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            self.set_items(self.popped(2) if name == "SETITEM" else self.popped_to_mark())
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.top()
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[argument])
        elif name == "GLOBAL":
            stack.append(Name(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            parts = self.popped(2)
            if not all(type(part) is str for part in parts):
                raise ValueError("it names a class or a function by something that is not text")
            stack.append(Name(*parts))
        elif name in ("REDUCE", "NEWOBJ", "NEWOBJ_EX"):
            called, *arguments = self.popped(3 if name == "NEWOBJ_EX" else 2)
            stack.append(self.called(called, arguments[0]))
        elif name in ("INST", "OBJ"):  # objects of protocols 0 and 1
            items = self.popped_to_mark()
            made_by = _quoted(Name(*argument.split(" ", 1)) if name == "INST" else items[0] if items else None)
            stack.append(Unknown(f"an object made by {made_by}"))
        elif name == "BUILD":
            (attributes,) = self.popped(1)  # such as the _metadata of a state dict: not needed
            if type(attributes) is dict and "_modules" in attributes and type(self.top()) is Unknown:
                self.top().is_module = True
        elif name == "BINPERSID":
            stack.append(self.storage(self.popped(1)[0]))
        elif name == "POP":
            self.popped(1)
        elif name == "POP_MARK":
            self.popped_to_mark()
        elif name == "PERSID":
            raise ValueError("it was written with pickle protocol 0, which torch cannot read either")
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it holds the pickle instruction {name}, which torch never writes")

    def called(self, name, arguments):
        """What a call makes: one of REBUILD, or an Unknown of that name."""
        if type(name) is Unknown:  # a method, or the result of another call
            return name
        if type(name) is not Name:
            raise ValueError("it calls something that has no name")
        if type(arguments) is tuple:
            self.spend(len(arguments))
        if name in FROM_TYPE and type(arguments) is tuple and len(arguments) > 2 and arguments[0] not in FROM_TYPE:
            return self.called(arguments[0], arguments[2])
        if name in GETATTR and type(arguments) is tuple and arguments and type(arguments[0]) is Unknown:
            return Unknown(f"a method of {arguments[0].what}"[:LONGEST_TEXT])  # state_dict without its parentheses
        if name not in REBUILD:
            return Unknown(NUMPY_ARRAY if name in NUMPY_ARRAYS else f"an object made by {name}")
        if type(arguments) is not tuple:
            raise ValueError(f"it calls {name} without arguments")
        self.spend(sum(len(each) for each in arguments if type(each) in (dict, list, tuple)))
        return REBUILD[name](*arguments)

    def set_items(self, items):
        into = self.top(dict)
        if len(items) % 2:
            raise ValueError("it puts a name without a value into a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if into is None or not _is_key(key):
                continue  # no tensor has a key of another type
            into[key] = value

    def top(self, kind=None):
        """The last entry of the stack; None if it is an Unknown and a `kind` is expected."""
        if len(self.stack) <= self.floor:
            raise ValueError("its pickle takes a value from an empty stack")
        top = self.stack[-1]
        if kind is None or type(top) is kind:
            return top
        if type(top) is Unknown:
            return None
        raise ValueError(f"it adds items to something that is not a {kind.__name__}")

    @property
    def floor(self):
        """How many entries lie below the innermost mark. They must not be taken from the stack."""
        return self.marks[-1] if self.marks else 0

    def popped(self, count):
        if len(self.stack) - count < self.floor:
            raise ValueError("its pickle takes a value from an empty stack")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def popped_to_mark(self):
        if not self.marks:
            raise ValueError("its pickle ends a list of items that it never began")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def storage(self, identity):
        """("storage", torch.FloatStorage, key, device, elements, ...) -> Storage, or Unknown for other numbers

        Old files describe the class of a whole module in the same way: ("module", its class, a file, its source).
        """
        if type(identity) is tuple and len(identity) == 4 and type(identity[1]) is Name:
            return identity[1]
        if type(identity) is not tuple or len(identity) < 5:
            raise ValueError("it holds a storage that is not described as torch does")
        self.spend(len(identity))
        kind, storage_type, key, _, size, *view = identity
        if any(part is not None for part in view):
            raise ValueError("it holds a storage that is a view of another one, as only torch before 0.4 wrote")
        if type(storage_type) is not Name or type(kind) is not str or kind != "storage":
            raise ValueError("it holds a storage without a type")
        if not _is_key(key) or type(size) is not int or not 0 <= size <= LARGEST_SIZE:
            raise ValueError("it holds a storage without a name or without a size")
        untyped = storage_type == Name("torch.storage", UNTYPED)
        if not untyped and (storage_type.module != "torch" or storage_type.name not in STORAGES):
            unread = Unknown(f"a tensor of numbers of type {storage_type}, which is not read here")
            return self.storages.setdefault(key, unread)
        return self.storages.setdefault(key, Storage(BYTES if untyped else STORAGES[storage_type.name], key, size))


def _bounded(value):
    """A number or a text as the file has it; an Unknown for a number that is too long to compute with."""
    if type(value) is int and value.bit_length() > MOST_BITS:
        return Unknown(f"a number of {value.bit_length()} bits")
    return value
