"""The one way to a CUDA kernel: read its source, compile it once, check the arguments, launch it.

CuPy passes arguments to a kernel as bytes and checks none of them: a Python float arrives as a double, and an array of
another dtype as garbage. So the signature is read from the source, numbers are converted to the type written there, and
arrays that do not fit raise before anything runs.
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitensor.backend import array_module
from minitensor.kernels.geometry import ceil_div

KERNELS = Path(__file__).resolve().parent.parent  # sources are named by their path from here
OPTIONS = ("-std=c++17",)
BLOCK = 256  # threads in a block of the kernels in which threads do not work together

# C's names of the numbers that kernels take. A type that is not among them is a struct, passed by value.
NUMBERS = {
    "float": np.dtype("float32"),
    "double": np.dtype("float64"),
    "int": np.dtype("int32"),
    "long long": np.dtype("int64"),
    "unsigned char": np.dtype("uint8"),
}

# struct Window of window.h
WINDOW = np.dtype(
    [
        (name, "int32")
        for name in (
            "channels height width out_height out_width kernel_height kernel_width "
            "stride_down stride_across padding_top padding_left dilation_down dilation_across"
        ).split()
    ]
)


class Parameter(NamedTuple):
    """One parameter of a kernel: its name and C type; `dtype` is None for a struct."""

    name: str
    type: str
    dtype: np.dtype | None
    is_pointer: bool


def window(channels, size, out_size, kernel_size, stride, padding, dilation):
    """The `struct Window` of a call, ready to be passed: pairs are (height, width)."""
    return _window(channels, *size, *out_size, *kernel_size, *stride, *padding, *dilation)


@lru_cache(maxsize=1024)
def _window(*numbers):
    """A net asks for the same few windows again and again, and NumPy takes microseconds to make one."""
    made = np.array(numbers, WINDOW)
    made.setflags(write=False)
    return made


def fours_in_rows(shape):
    """How many threads write images of this shape, four numbers of a row each."""
    *rows, width = shape
    return math.prod(rows) * ceil_div(width, 4)


def chunks(count, bytes_each, workspace_bytes):
    """Slices of about the same length that cover `count` things, such as images: as many at a time as fit a workspace.

    At least one at a time.
    """
    most = max(1, workspace_bytes // bytes_each)
    length = ceil_div(count, max(1, ceil_div(count, most)))
    return [slice(start, min(start + length, count)) for start in range(0, count, length)]


def whole_fours(*arrays, steps):
    """True if float32 arrays begin at multiples of 16 bytes, and all steps between their runs are multiples of four."""
    return all(step % 4 == 0 for step in steps) and all(array.data.ptr % 16 == 0 for array in arrays)


def image_runs(x):
    """(the memory of images (N, ...) from their first number to their last, the step from one image to the next).

    So a kernel can read a slice of the channels of a larger array where it lies. Copies x only if the numbers of an
    image are not one run of memory.
    """
    if x.flags.c_contiguous or not (x.size and x[0].flags.c_contiguous):
        xp = array_module(x)
        x = xp.ascontiguousarray(x)
        return x, x.size // max(1, len(x))
    step = x.strides[0] // x.itemsize
    count = (len(x) - 1) * step + x[0].size
    return array_module(x).lib.stride_tricks.as_strided(x, (count,), (x.itemsize,)), step


def source_text(name):
    """The text of a .cu file, in which each header (kernels/cuda/*.h) stands where it was included."""

    def included(match):
        return (KERNELS / "cuda" / match[1]).read_text(encoding="utf-8")

    return re.sub(r'#include "(\w+\.h)"\n', included, (KERNELS / name).read_text(encoding="utf-8"))


def parameters_of(code):
    """{kernel: [Parameter]} of a CUDA source, from its `extern "C" __global__ void name(...)`."""
    code = re.sub(r"//[^\n]*", "", code)
    pattern = r'extern "C" __global__ void(?: __launch_bounds__\([^)]*\))?\s+(\w+)\(([^)]*)\)'
    return {name: [_parameter(text) for text in arguments.split(",")] for name, arguments in re.findall(pattern, code)}


def _parameter(text):
    words = re.sub(r"\bconst\b|\b__restrict__\b|\*", " ", text).split()
    kind = " ".join(words[:-1])
    return Parameter(words[-1], kind, NUMBERS.get(kind), "*" in text)


@cache
def _module(xp, source):
    code = source_text(source)
    return xp.RawModule(code=code, options=OPTIONS), parameters_of(code)


@cache
def _kernel(xp, source, name):
    module, parameters = _module(xp, source)
    return module.get_function(name), parameters[name]


def launch(source, name, grid, block, *arguments):
    """Run kernel `name` of the file `source` with `grid` blocks (a tuple) of `block` threads.

    None is the null pointer. Raises TypeError for an array whose dtype is not the parameter's, or that is not
    contiguous.
    """
    function, parameters = _kernel(array_module(*arguments), source, name)
    passed = [_converted(name, value, p) for value, p in zip(arguments, parameters, strict=True)]
    function(grid, (block,), tuple(passed))


def launch_for_each(source, name, count, *arguments):
    """Run a kernel with one thread per result, `count` of them; nothing if there is none."""
    if count:
        launch(source, name, (ceil_div(count, BLOCK),), BLOCK, *arguments)


def _converted(kernel, value, parameter):
    if parameter.is_pointer:
        if value is not None and (value.dtype != parameter.dtype or not value.flags.c_contiguous):
            raise TypeError(
                f"{kernel}: {parameter.name} must be a contiguous {parameter.dtype} array, got {value.dtype} of "
                f"shape {value.shape} and strides {value.strides}"
            )
        return value
    return value if parameter.dtype is None else parameter.dtype.type(value)
