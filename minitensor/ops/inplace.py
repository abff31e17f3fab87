"""In-place changes: `x += y`, `-=`, `*=`, `/=`, `**=`, `copy_`, `fill_`, `zero_` write into the memory of x.

x stays the same object.

Without a graph that is all: every view of the memory sees the new values. With a graph, x must also remember where its
new values come from. So x becomes the result of a recorded operation on what it was before:

    old = what x was: its old node, and a copy of its old values if backward needs them
    x   = the result of old + y: its node is now Add, which sends gradients to old and to y

The change is counted in the counter that all views of a memory share. So backward refuses to go through an operation
that has kept the values from before. And another tensor of the same memory, whose node knows nothing of the change, is
refused as the input of a recorded operation, where torch would correct its graph.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.ops import compare, elementwise, functions
from minitensor.ops.choose import where
from minitensor.ops.dtypes import cast, category
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor
from minitensor.typing import Number

SYMBOLS = {"add": "+=", "sub": "-=", "mul": "*=", "div": "/=", "pow": "**=", "and": "&=", "or": "|=", "xor": "^="}
REPLACEMENTS = {"copy": "copy_", "fill": "fill_"}


def _in_place(name, operation):
    """The method of Tensor that computes operation(x, b) into the memory of x and returns x."""

    def method(x: Tensor, b: Tensor | Number) -> Tensor:
        symbol = (SYMBOLS | REPLACEMENTS)[name]
        if is_grad_enabled():
            _check_no_leaf(x, symbol)
        old = _as_it_was(x)
        new = operation(old, old if b is x else b)
        _check_fits(x, new, symbol)
        new = cast(new, x.dtype)
        if new.node is not None:
            _keep_old_values(old, new)
        _write(x, new, symbol)
        return x

    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"x {SYMBOLS.get(name, '=')} b, in the memory of x; returns x."
    return method


def _replaced(x, b):
    """b at every place of x. So the gradient of what follows goes to b, and x as it was before gets zeros."""
    return where(array_module(x._data).ones((), bool), b, x)


def _as_it_was(x):
    """A tensor with the values and the node that x has before the change."""
    old = Tensor.wrap(x._data, x.node)
    old._requires_grad, old._seen = x._requires_grad, x._seen
    old._version = [0, x._version[1]]  # its own counter of changes: the one that is coming does not concern it
    return old


def _check_no_leaf(x, symbol):
    """Raises RuntimeError if the change would be a change of a leaf that requires a gradient."""
    if not x._requires_grad:
        return
    what = "this is" if x.node is None else "this is a view of"
    node = x.node
    while node is not None and not isinstance(node, Tensor):
        node = node.parents[0] if node.parents else None  # a view has one input
    if x.node is None or (node is not None and node._version is x._version):
        raise RuntimeError(
            f"{symbol}: {what} a leaf that requires a gradient. While a graph is recorded its values are fixed: its "
            "gradient belongs to them. To update a parameter, write `with minitensor.no_grad(): p -= lr * p.grad`"
        )


def _check_fits(x, new, symbol):
    if new.shape != x.shape:
        raise ValueError(f"{symbol}: the result has shape {new.shape}, which does not fit into x of shape {x.shape}")
    if category(new.dtype) > category(x.dtype):
        raise TypeError(f"{symbol}: the result has dtype {new.dtype}, which does not fit into x of dtype {x.dtype}")
    if any(step == 0 and length > 1 for step, length in zip(x._data.strides, x.shape, strict=True)):
        raise RuntimeError(
            f"{symbol}: several elements of x, of shape {x.shape}, lie in one place of memory (expand makes such "
            "tensors); take x.contiguous() first"
        )


def _keep_old_values(old, new):
    """Copy the old values if an operation that was just recorded has kept them for backward."""
    node = new.node
    while node is not None and node is not old.node and not isinstance(node, Tensor):
        if any(kept is old for kept in node.inputs):
            old._data = old._data.copy()
            return
        node = node.parents[0] if node.parents else None


def _write(x, new, symbol):
    try:
        x._data[...] = new._data
    except ValueError as error:  # an array that NumPy made read-only
        raise ValueError(f"{symbol}: {error} (tensor of shape {x.shape})") from error
    x._version[0] += 1
    if new.node is not None:
        x.node, x._requires_grad = new.node, True
        x._version[1] += 1
        x._seen = x._version[1]


add_ = _in_place("add", elementwise.add)
sub_ = _in_place("sub", elementwise.sub)
mul_ = _in_place("mul", elementwise.mul)
div_ = _in_place("div", elementwise.div)
pow_ = _in_place("pow", functions.pow)
and_ = _in_place("and", compare.bitwise_and)
or_ = _in_place("or", compare.bitwise_or)
xor_ = _in_place("xor", compare.bitwise_xor)
copy_ = _in_place("copy", _replaced)
fill_ = _in_place("fill", _replaced)


def zero_(x: Tensor) -> Tensor:
    """x = 0, in the memory of x; returns x. `weight.grad.zero_()` before the next backward, for example."""
    return fill_(x, 0)
