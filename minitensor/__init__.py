"""minitensor: a from-scratch autograd engine on NumPy and CuPy, written to be read.

docs/reading.md is a path through the source. It begins with tensor.py, engine.py and backward.py.

This file puts the package together: it exports the public names, and it gives Tensor its operators and methods. So
tensor.py need not know the operations, and no import runs in a circle.
"""

from numpy import bool_, float32, float64, int32, int64, uint8

from minitensor import backward as _backward
from minitensor import exchange as _exchange
from minitensor import optim
from minitensor.backend import cuda
from minitensor.backward import grad
from minitensor.create import arange, full, ones, tensor, zeros
from minitensor.create_like import from_numpy, full_like, linspace, ones_like, rand_like, randn_like, zeros_like
from minitensor.engine import Op
from minitensor.exchange import from_dlpack
from minitensor.gradcheck import gradcheck
from minitensor.kernels import kernel_variants, use_kernels
from minitensor.kernels.threads.freed_memory import keep_freed_memory
from minitensor.kernels.threads.tiles import get_num_threads, set_num_threads
from minitensor.ops import activation as _activation
from minitensor.ops import choose as _choose
from minitensor.ops import compare as _compare
from minitensor.ops import conv as _conv
from minitensor.ops import division as _division
from minitensor.ops import elementwise as _elementwise
from minitensor.ops import functions as _functions
from minitensor.ops import habits as _habits
from minitensor.ops import indexing as _indexing
from minitensor.ops import inplace as _inplace
from minitensor.ops import matmul as _matmul
from minitensor.ops import move as _move
from minitensor.ops import numpy_calls as _numpy_calls
from minitensor.ops import pad as _pad
from minitensor.ops import picking as _picking
from minitensor.ops import reduce as _reduce
from minitensor.ops import shape as _shape
from minitensor.ops import softmax as _softmax
from minitensor.ops import sorting as _sorting
from minitensor.ops import statistics as _statistics
from minitensor.ops import trigonometry as _trigonometry
from minitensor.ops.activation import leaky_relu, relu, sigmoid, tanh
from minitensor.ops.choose import clamp, maximum, minimum, where
from minitensor.ops.compare import eq, ge, gt, isnan, le, lt, ne, one_hot
from minitensor.ops.conv_functions import conv2d, conv2d_relu, conv2d_weight, conv_transpose2d
from minitensor.ops.cross_entropy import cross_entropy
from minitensor.ops.distances import binary_cross_entropy, l1_loss, smooth_l1_loss
from minitensor.ops.division import floor_divide, remainder
from minitensor.ops.dropout import dropout, dropout2d
from minitensor.ops.einsum import einsum
from minitensor.ops.elementwise import add, div, mul, neg, sub
from minitensor.ops.functions import abs, exp, log, pow, sqrt
from minitensor.ops.habits import clone, numel
from minitensor.ops.interpolate import interpolate
from minitensor.ops.join import cat, stack
from minitensor.ops.layer_norm import layer_norm, pixel_shuffle
from minitensor.ops.loss import binary_cross_entropy_with_logits, dice_loss, focal_loss, mse_loss, nll_loss
from minitensor.ops.matmul import linear, matmul
from minitensor.ops.normalize import batch_norm, group_norm
from minitensor.ops.pad import pad
from minitensor.ops.picking import chunk, gather, masked_fill, split
from minitensor.ops.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from minitensor.ops.reduce import argmax, logsumexp, max, mean, min, sum, var
from minitensor.ops.shape import contiguous, expand, flatten, flip, permute, reshape, squeeze, transpose, unsqueeze
from minitensor.ops.smooth import gelu, silu, softplus
from minitensor.ops.softmax import log_softmax, softmax
from minitensor.ops.sorting import argmin, sort, topk
from minitensor.ops.statistics import all, any, cumsum, norm, prod, std
from minitensor.ops.trigonometry import cos, sin
from minitensor.ops.unfold import fold, unfold
from minitensor.ops.unpool import max_unpool2d
from minitensor.random import manual_seed, rand, randint, randn, randperm
from minitensor.recording import enable_grad, is_grad_enabled, no_grad
from minitensor.serialize import load, load_metadata, save
from minitensor.tensor import Tensor

# fmt: off
__all__ = [  # without Python's own names: a star import leaves abs, all, any, max, min, pow and sum alone
    "adaptive_avg_pool2d", "add", "arange", "argmax", "argmin", "avg_pool2d", "batch_norm",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "bool_", "cat", "chunk", "clamp", "clone",
    "contiguous", "conv2d", "conv2d_relu", "conv2d_weight", "conv_transpose2d", "cos", "cross_entropy", "cuda",
    "cumsum", "dice_loss", "div", "dropout", "dropout2d", "einsum", "enable_grad", "eq", "exp", "expand",
    "flatten", "flip", "float32", "float64", "floor_divide", "focal_loss", "fold", "from_dlpack", "from_numpy",
    "full", "full_like", "gather", "ge", "gelu", "get_num_threads", "grad", "gradcheck", "group_norm", "gt",
    "int32", "int64", "interpolate", "is_grad_enabled", "isnan", "kernel_variants", "l1_loss", "layer_norm",
    "le", "leaky_relu", "linear", "linspace", "load", "load_metadata", "log", "log_softmax", "logsumexp", "lt",
    "manual_seed", "masked_fill", "matmul", "max_pool2d", "max_unpool2d", "maximum", "mean", "minimum",
    "mse_loss", "mul", "ne", "neg", "nll_loss", "no_grad", "norm", "numel", "one_hot", "ones", "ones_like",
    "Op", "optim", "pad", "permute", "pixel_shuffle", "prod", "rand", "rand_like", "randint", "randn",
    "randn_like", "randperm", "relu", "remainder", "reshape", "save", "set_num_threads", "sigmoid", "silu",
    "sin", "smooth_l1_loss", "softmax", "softplus", "sort", "split", "sqrt", "squeeze", "stack", "std", "sub",
    "tanh", "Tensor", "tensor", "topk", "transpose", "uint8", "unfold", "unsqueeze", "use_kernels", "var",
    "where", "zeros", "zeros_like",
]
# fmt: on

__version__ = "0.1.0"

_METHODS = {
    _elementwise: "add sub mul div neg",
    _functions: "pow exp log sqrt abs",
    _trigonometry: "sin cos",
    _division: "floor_divide remainder",
    _statistics: "norm std prod cumsum any all",
    _sorting: "sort topk argmin",
    _picking: "split chunk gather masked_fill",
    _habits: "clone view numel dim float double long cpu requires_grad_",
    _activation: "tanh sigmoid relu leaky_relu",
    _choose: "maximum minimum clamp",
    _compare: "eq ne lt le gt ge isnan",
    _reduce: "sum mean var max min argmax logsumexp",
    _shape: "reshape flatten squeeze unsqueeze permute transpose expand sum_to flip contiguous",
    _softmax: "softmax log_softmax",
    _matmul: "matmul",
    _inplace: "add_ sub_ mul_ div_ pow_ copy_ fill_ zero_",
    _move: "to",
    _backward: "backward",
}

_OPERATORS = {
    "add": _elementwise.add,
    "sub": _elementwise.sub,
    "mul": _elementwise.mul,
    "truediv": _elementwise.div,
    "pow": _functions.pow,
    "floordiv": _division.floor_divide,
    "mod": _division.remainder,
    "matmul": _matmul.matmul,
    "and": _compare.bitwise_and,
    "or": _compare.bitwise_or,
    "xor": _compare.bitwise_xor,
}


def __dir__():
    """What `dir` and completion show: the public names, and not the files that they come from."""
    return sorted({*__all__, "abs", "all", "any", "max", "min", "pow", "sum", "__doc__", "__file__", "__version__"})


def _reflected(operation):
    return lambda self, other: operation(other, self)


def _assemble():
    """Give Tensor its methods and operators."""
    for module, names in _METHODS.items():
        for name in names.split():
            setattr(Tensor, name, getattr(module, name))
    for name, operation in _OPERATORS.items():
        setattr(Tensor, f"__{name}__", operation)
        setattr(Tensor, f"__r{name}__", _reflected(operation))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{name}__", getattr(_compare, name))
    for name in ("add", "sub", "mul", "pow", "and", "or", "xor"):
        setattr(Tensor, f"__i{name}__", getattr(_inplace, f"{name}_"))
    Tensor.__itruediv__ = _inplace.div_
    Tensor.__array_ufunc__ = _numpy_calls.array_ufunc
    Tensor.__array_priority__ = 1000  # CuPy's way of leaving `array + tensor` to the Tensor
    Tensor.__format__ = _habits.formatted
    Tensor.__neg__ = _elementwise.neg
    Tensor.__pos__ = _elementwise.pos
    Tensor.__dlpack__ = _exchange.to_dlpack
    Tensor.__dlpack_device__ = _exchange.dlpack_device
    Tensor.__cuda_array_interface__ = property(_exchange.cuda_array_interface)
    Tensor.__abs__ = _functions.abs
    Tensor.__invert__ = _compare.bitwise_not
    Tensor.__getitem__ = _indexing.getitem
    Tensor.__setitem__ = _indexing.setitem
    Tensor.where = lambda self, condition, other: _choose.where(condition, self, other)
    Tensor.T = property(lambda self: _shape.permute(self, tuple(range(self.ndim))[::-1]))
    Tensor.T.__doc__ = "All axes in reverse order."
    Tensor.pad = _pad.pad


_assemble()
keep_freed_memory()
