"""An array that behaves as CuPy's does, on NumPy: it refuses, forgets and counts what CuPy would.

Code written for `xp` runs on NumPy whatever it does. On a GPU the same text may fail (NumPy and CuPy arrays never
mix), be slow (`float(x)`, `if x.any()` make the CPU wait) or give garbage (memory of `empty` is not zero). With
this class in CuPy's place all three show on a machine without a GPU:

    refused     conversion to NumPy and mixing with it; arrays of another device than the current one; attributes,
                functions and arguments that CuPy lacks; writing to one element twice
    poisoned    what `empty` returns: NaN, and odd numbers where there is no NaN
    counted     kernel launches, transfers to and from the device, synchronisations; these can be forbidden

A result that is a view of an argument costs no launch, any other costs one, or what COMPOSITES (state.py) says. That is
CuPy's own arithmetic but for copies it makes of arrays in odd layouts. cupy_double.py builds the module around it.
"""

import operator
import warnings
from types import SimpleNamespace

import numpy as np

from tests.sim import catalogue
from tests.sim.state import state

CATALOGUE = catalogue.read()
POISON = 0x55  # of memory that holds no floating point numbers
SYNCHRONISING = {"nonzero", "flatnonzero", "argwhere", "unique", "array_equal", "allclose", "extract", "compress"}

COMPARISONS = set("lt le eq ne gt ge less less_equal equal not_equal greater greater_equal".split())


class ndarray:
    __slots__ = ("_host", "base", "device", "__weakref__")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, host, base=None):
        self._host, self.base = host, base
        self.device = SimpleNamespace(id=state.current) if base is None else base.device
        if base is None:
            state.allocate(host.nbytes)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def get(self):
        state.sync(".get()")
        state.downloads += 1
        return self._host.copy()

    def item(self):
        state.sync(".item()")
        return self._host.item()

    def tolist(self):
        state.sync(".tolist()")
        return self._host.tolist()

    def __bool__(self):
        state.sync("bool()")
        return bool(self._host)

    def __int__(self):
        state.sync("int()")
        return int(self._host)

    def __float__(self):
        state.sync("float()")
        return float(self._host)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[index] for index in range(len(self)))

    def __repr__(self):
        return f"device {self._host!r}"

    @property
    def flags(self):
        flags = self._host.flags
        return SimpleNamespace(
            c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=self.base is None
        )

    @property
    def data(self):
        return SimpleNamespace(ptr=self._host.ctypes.data)

    @property
    def __cuda_array_interface__(self):
        return self._host.__array_interface__ | {"version": 3, "stream": 1}

    def __dlpack__(self, max_version=None, **options):
        return self._host.__dlpack__(max_version=max_version)

    def __dlpack_device__(self):
        return 2, self.device.id

    def __getitem__(self, key):
        key, advanced = _index(key)
        if not advanced and all(isinstance(part, (int, np.integer)) for part in key):
            key = (*key, Ellipsis)  # NumPy would return a number, CuPy returns a view of one element
        return wrap(self._host[key], "getitem", (self,))

    def __setitem__(self, key, value):
        key, advanced = _index(key)
        if advanced:
            places = np.arange(self.size).reshape(self.shape)[key]
            if np.unique(places).size < np.size(places):
                raise AssertionError("setitem writes to one element twice: on a GPU, in either order")
        state.launch("setitem", [self])
        self._host[key] = plain(value)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if ufunc.__name__ not in CATALOGUE["ufuncs"] and ufunc.__name__ != "matmul":
            raise TypeError(f"CuPy has no ufunc {ufunc.__name__}")
        return compute(ufunc if method == "__call__" else getattr(ufunc, method), ufunc.__name__, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return call_function(function.__name__, args, kwargs)

    def __getattr__(self, name):
        if name not in CATALOGUE["ndarray"]:
            raise AttributeError(f"CuPy's arrays have no attribute {name!r}")
        value = getattr(self._host, name)
        if not callable(value):
            return wrap(value, name, (self,))
        return lambda *args, **kwargs: compute(getattr(np.ndarray, name), name, (self, *args), kwargs)


def _operator(function, name, in_place=False):
    def forward(self, *other):
        if not in_place:
            return compute(function, name, (self, *other), {})
        state.launch(name, [self])
        function(self._host, *map(plain, other))
        return self

    return forward


for _name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift".split():
    _slot, _function = _name.rstrip("_"), getattr(operator, _name)
    setattr(ndarray, f"__{_slot}__", _operator(_function, _slot))
    setattr(ndarray, f"__r{_slot}__", _operator(lambda a, b, f=_function: f(b, a), _slot))
    setattr(ndarray, f"__i{_slot}__", _operator(getattr(operator, f"i{_slot}"), _slot, in_place=True))
for _name in "lt le eq ne gt ge neg pos abs invert".split():
    setattr(ndarray, f"__{_name}__", _operator(getattr(operator, _name), _name))


def plain(value):
    """The NumPy array inside, or the number itself; arrays of NumPy are refused, wherever they hide."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    return value


def _index(key):
    """(an index for NumPy as a tuple, whether arrays are in it)"""
    parts = key if isinstance(key, tuple) else (key,)
    for part in parts:
        if isinstance(part, ndarray) and part.dtype == bool:
            state.sync("a boolean mask")
    advanced = any(isinstance(part, (ndarray, list)) for part in parts)
    return tuple(plain(part) for part in parts), advanced


def wrap(result, name, arguments):
    """A result of NumPy as arrays of the double. What is no view of an argument was computed by a kernel."""
    if isinstance(result, (tuple, list)):
        return type(result)(wrap(item, name, arguments) for item in result)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    result = np.asarray(result)
    arrays = [argument for argument in _flat(arguments) if isinstance(argument, ndarray)]
    for array in arrays:
        if result is array._host:
            return array
        if _owner(result) is _owner(array._host):
            return ndarray(result, array if array.base is None else array.base)
    state.launch(name, arrays)
    return ndarray(result)


def _flat(arguments):
    for argument in arguments:
        if isinstance(argument, (list, tuple)):
            yield from _flat(argument)
        else:
            yield argument


def _owner(array):
    """The array whose memory this is a view of."""
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array


def compute(function, name, args, kwargs):
    """Run a function of NumPy on what is inside the arrays; `out` is returned as it came."""
    unknown = set(kwargs) & {"where", "initial"}
    if unknown and name != "copyto":
        raise TypeError(f"Wrong arguments {unknown}: CuPy's {name} has none such")
    if name in ARG_EXTREMES:
        function = ARG_EXTREMES[name]
    _check_python_ints(name, args)
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # a GPU warns of nothing
        warnings.simplefilter("ignore", RuntimeWarning)
        result = function(*map(plain, args), **{key: plain(value) for key, value in kwargs.items()})
    if result is NotImplemented:
        raise TypeError(f"unsupported operands for {name}")
    out = kwargs.get("out")
    if out is None:
        return wrap(result, name, args)
    out = out[0] if isinstance(out, tuple) else out
    state.launch(name, [a for a in _flat((args, out)) if isinstance(a, ndarray)])
    return out


def _check_python_ints(name, args):
    """A Python int is packed as int64 or uint64; a comparison then packs it in the dtype of the array beside it.

    NumPy compares any whole number with any array. CuPy raises OverflowError: cupy/_core/_scalar.pyx, _store_c_value.
    """
    dtypes = [arg.dtype for arg in args if isinstance(arg, ndarray)]
    for number in (arg for arg in args if type(arg) is int):
        np.array(number, np.uint64 if number >= 1 << 63 else np.int64)
        if name in COMPARISONS and dtypes and dtypes[0].kind in "iu":
            np.array(number, dtypes[0])


def _arg_extreme(extreme):
    """argmax or argmin as a tree of comparisons finds it: of several NaN the last, which is as good as any.

    cupy/_core/_routines_statistics.pyx, my_argmax_float: where both operands are NaN the left one wins, and which of
    them is on the left the order of the threads decides. Of equal numbers the first wins.
    """

    def find(x, axis=None, out=None, keepdims=False):
        index = extreme(x, axis=axis, keepdims=keepdims)
        if x.dtype.kind != "f" or not x.size:
            return index
        is_nan = np.isnan(x)
        backwards = np.flip(is_nan, axis)
        last = (x.size if axis is None else x.shape[axis]) - 1 - np.argmax(backwards, axis=axis, keepdims=keepdims)
        return np.where(is_nan.any(axis=axis, keepdims=keepdims), last, index)

    return find


ARG_EXTREMES = {"argmax": _arg_extreme(np.argmax), "argmin": _arg_extreme(np.argmin)}


def call_function(name, args, kwargs):
    """One of NumPy's functions, if CuPy has it, with the arguments that CuPy takes."""
    if name not in CATALOGUE["functions"]:
        raise AttributeError(f"CuPy has no function {name}")
    allowed = CATALOGUE["functions"][name]
    if allowed is not None and not set(kwargs) <= set(allowed):
        raise TypeError(f"CuPy's {name} takes no {', '.join(set(kwargs) - set(allowed))}")
    if name in SYNCHRONISING:
        state.sync(name)
    return compute(getattr(np, name), name, args, kwargs)
