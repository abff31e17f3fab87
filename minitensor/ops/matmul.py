"""Matrix products, and the affine map that is made of one."""

from __future__ import annotations

from minitensor.arguments import broadcast_shape, check_no_bools, check_same_dtype, check_tensor
from minitensor.engine import Op
from minitensor.kernels.arrays.summation import product
from minitensor.ops.shape import reshape
from minitensor.tensor import Tensor


class MatMul(Op):
    """Y = A B, so dL/dA = G B^T and dL/dB = A^T G: both are matrix products again.

    A (..., M, K), B (..., K, P) -> Y (..., M, P); leading axes broadcast.
    """

    uses = ((1,), (0,))

    def forward(self, a, b):
        self.shapes = a.shape, b.shape
        return product(a, b)

    def backward(self, grad, needs):
        a, b = self.inputs
        # (..., M, P) @ (..., P, K) -> (..., M, K)         (..., K, M) @ (..., M, P) -> (..., K, P)
        return (
            MatMul()(grad, b.transpose(-1, -2)).sum_to(self.shapes[0]) if needs[0] else None,
            MatMul()(a.transpose(-1, -2), grad).sum_to(self.shapes[1]) if needs[1] else None,
        )


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product by torch's rules. A 1-D operand is a row on the left and a column on the right, and the axis that
    was added for it is removed again. Leading axes broadcast.

    Raises ValueError for a scalar or for inner sizes that differ, TypeError for bools and for dtypes that differ.
    """
    a, b = check_tensor(a, "matmul", "a"), check_tensor(b, "matmul", "b")
    check_same_dtype("matmul", a=a, b=b)
    check_no_bools("matmul", a)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: both operands need at least one dimension, got shapes {a.shape} and {b.shape}")
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] != inner:
        raise ValueError(f"matmul: inner sizes differ: {a.shape} @ {b.shape} would multiply {a.shape[-1]} with {inner}")
    broadcast_shape("matmul", a.shape[:-2], b.shape[:-2])
    row, column = a.ndim == 1, b.ndim == 1
    product = MatMul()(reshape(a, (1, *a.shape)) if row else a, reshape(b, (*b.shape, 1)) if column else b)
    shape = product.shape
    if row:
        shape = (*shape[:-2], shape[-1])
    if column:
        shape = shape[:-1]
    return reshape(product, shape) if row or column else product


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x weight^T + bias: x (..., in), weight (out, in), bias (out,) -> (..., out)."""
    x, weight = check_tensor(x, "linear"), check_tensor(weight, "linear", "weight")
    if bias is not None:
        bias = check_tensor(bias, "linear", "bias")
    check_same_dtype("linear", x=x, weight=weight, bias=bias)
    check_no_bools("linear", x)
    if weight.ndim not in (1, 2) or x.ndim == 0 or x.shape[-1] != weight.shape[-1]:
        raise ValueError(f"linear: x of shape {x.shape} does not fit weight (out, in) of shape {weight.shape}")
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ValueError(f"linear: bias has shape {bias.shape}, weight {weight.shape} expects {weight.shape[:-1]}")
    # (..., in) @ (in, out) -> (..., out)
    y = matmul(x, weight.transpose(0, 1) if weight.ndim == 2 else weight)
    return y if bias is None else y + bias
