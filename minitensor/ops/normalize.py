"""Batch and group normalization: subtract the mean, divide by the standard deviation, then scale and shift.

Fused kernels compute values and first gradients. If a gradient will be differentiated again, it is computed with Tensor
operations instead, by the same formula (`BatchNorm._gradients_by_formula`).
"""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np

from minitensor.arguments import check_flag, check_float, check_real, check_same_dtype
from minitensor.backend import array_module
from minitensor.engine import Op, check_same_device
from minitensor.kernels import run
from minitensor.kernels.batch_norm.definition import Running
from minitensor.ops.all_reduce import all_reduce
from minitensor.ops.shape import reshape
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor


class BatchNorm(Op):
    """y = weight z + bias, z = (x - mean) / sqrt(variance + eps), channel by channel.

    Without given statistics, mean and variance are computed from x, so every z depends on all of x; and `running`, if
    given, moves. The inputs are x, or x, weight and bias. After forward, `mean` and `variance` (C,) are those that were
    used.

    over    a Communicator: mean and variance are those of the batch of all its processes together
    count   the values a channel, of all processes
    """

    def __init__(self, mean, variance, eps, running=None, over=None, count=None):
        self.mean, self.variance, self.eps = mean, variance, eps
        self.training, self.running = mean is None, running
        self.over, self.count = over, count

    def forward(self, x, weight=None, bias=None):
        self.uses = ((0,),) if weight is None else ((0, 1),) * 3
        if self.over is not None:
            return self._forward_together(x, weight, bias)
        y, self.mean, self.variance = run(
            "batch_norm", x, self.mean, self.variance, weight, bias, self.eps, self.running
        )
        return y

    def backward(self, grad, needs):
        x, weight, _ = (*self.inputs, None, None)[:3]
        if is_grad_enabled():
            grads = self._gradients_by_formula(grad, x, weight)
        else:
            scale = None if weight is None else weight.data
            alone = self.training and self.over is None
            arrays = run("batch_norm_grad", grad.data, x.data, self.mean, self.variance, scale, self.eps, alone)
            if self.over is not None:
                self._subtract_means(x.data, scale, *arrays)
            grads = map(Tensor.wrap, arrays)
        return tuple(g if need else None for g, need in zip(grads, needs, strict=False))

    def _forward_together(self, x, weight, bias):
        """Normalize by this process's own statistics, then correct the result to those of all processes:

        (x - M) / D = (x - m) / d * (d / D) + (m - M) / D        d = sqrt(variance + eps), own; D, M of all
        """
        xp, column = array_module(x), (-1, *[1] * (x.ndim - 2))
        y, mean, variance = run("batch_norm", x, None, None, None, None, self.eps, None)
        if x.size == 0:
            mean, variance = xp.zeros_like(mean), xp.zeros_like(variance)
        self.mean, self.variance = _statistics_of_all(self.over, x, mean, variance)
        if self.running is not None:
            self.running.move(self.mean, self.variance)
        deviation = xp.sqrt(self.variance + self.eps)
        scale, shift = xp.sqrt(variance + self.eps) / deviation, (mean - self.mean) / deviation
        if weight is not None:
            scale, shift = scale * weight, shift * weight + bias
        y *= scale.reshape(column)
        y += shift.reshape(column)
        return y

    def _subtract_means(self, x, weight, grad_x, grad_weight, grad_bias):
        """From scale * grad to grad_x, in place: subtract the means over all processes.

        The gradients of weight and bias stay this process's own part: they are summed with all other gradients.
        """
        xp, column = array_module(x), (-1, *[1] * (x.ndim - 2))
        sums = self.over.sum_(xp.stack([grad_bias, grad_weight]).astype(np.float64))
        mean_grad, mean_along = (sums / self.count).astype(x.dtype)
        inverse = 1 / xp.sqrt(self.variance + self.eps)
        scale = inverse if weight is None else inverse * weight
        along = x - self.mean.reshape(column)
        along *= (scale * inverse * mean_along).reshape(column)
        along += (scale * mean_grad).reshape(column)
        grad_x -= along

    def _gradients_by_formula(self, grad, x, weight):
        """The gradients, computed with Tensor operations:

            grad_bias = sum(grad)     grad_weight = sum(grad z)
            grad_x = weight / sqrt(variance + eps) (grad - mean(grad) - z mean(grad z))

        Normalizing removes the mean of x and its scale, so the parts of grad along them have no effect: they are
        subtracted. With given statistics, both means are left out. Source: Ioffe and Szegedy (2015), section 3,
        simplified.
        """
        axes = (0, *range(2, x.ndim))
        column = (1, -1, *[1] * (x.ndim - 2))  # (C,) -> (1, C, 1, 1), to meet x
        if self.training:
            deviation = x - self._mean(x, axes)
            variance = self._mean(deviation * deviation, axes)
        else:
            deviation = x - Tensor.wrap(self.mean.reshape(column))
            variance = Tensor.wrap(self.variance.reshape(column))
        inverse = 1 / (variance + self.eps).sqrt()
        z = deviation * inverse
        grad_x = grad
        if self.training:
            grad_x = grad - self._mean(grad, axes) - z * self._mean(grad * z, axes)
        grad_x = inverse * grad_x
        if weight is not None:
            # Last, so that the inverse for an empty batch, which is NaN, does not reach the weight's gradient.
            grad_x = grad_x * weight.reshape(column)
        return grad_x, (grad * z).sum(axes), grad.sum(axes)

    def _mean(self, x, axes):
        """The mean over `axes`, and over all processes."""
        if self.over is None:
            return x.mean(axes, keepdim=True)
        return all_reduce(x.sum(axes, keepdim=True), self.over) / self.count


def _statistics_of_all(over, x, mean, variance):
    """Mean and variance (C,) of all processes' values, from those of each.

        n = sum n_r      M = sum n_r m_r / n      V = sum n_r (v_r + (m_r - M)^2) / n

    The mean of the variances alone would leave out how far the means lie apart. In float64, and in the order of ranks:
    so all processes get the same bits. Source: Chan, Golub, LeVeque (1983).
    """
    xp = array_module(x)
    own = xp.stack([xp.full_like(mean, x.size // x.shape[1], dtype=np.float64), mean, variance])
    counts, means, variances = np.moveaxis(over.gather(own.astype(np.float64)), 1, 0)  # each (size, C)
    total = counts.sum(0)
    all_mean = (counts * means).sum(0) / total
    all_variance = (counts * (variances + (means - all_mean) ** 2)).sum(0) / total
    return xp.asarray(all_mean.astype(x.dtype)), xp.asarray(all_variance.astype(x.dtype))


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    num_batches_tracked: Tensor | None = None,
    over: Any = None,
) -> Tensor:
    """y = weight (x - mean) / sqrt(variance + eps) + bias, for each channel of x (N, C, ...); the other arguments (C,).

    In training, mean and variance are those of the batch over all axes but the second. The variance is biased (divided
    by the count n). The running statistics, which may both be None, move toward them in place:
    running = (1 - momentum) running + momentum new, where the new variance is unbiased (divided by n - 1).
    num_batches_tracked, an int64 Tensor without dimensions, then counts one more. Otherwise the running statistics are
    used as they are. `over`, a Communicator, makes the batch that of all its processes; each must call, with its part.
    Source: Ioffe and Szegedy (2015), algorithms 1 and 2. Raises ValueError for sizes other than (C,),
    for a single value per channel in training, and for missing statistics.
    """
    x = check_float(x, "batch_norm")
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x must be (N, C, ...), got shape {x.shape}")
    check_flag("batch_norm", training=training)
    weight, bias = _check_vectors("batch_norm", x, weight=weight, bias=bias)
    running_mean, running_var = _check_vectors("batch_norm", x, running_mean=running_mean, running_var=running_var)
    check_real("batch_norm", "momentum", momentum)
    check_real("batch_norm", "eps", eps)
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"batch_norm: eps must be positive in training and never negative, got {eps}")
    if num_batches_tracked is not None:
        _check_count("batch_norm", "num_batches_tracked", num_batches_tracked, x)
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: give both running_mean and running_var, or neither")
    count = x.shape[0] * math.prod(x.shape[2:])
    if not training:
        if running_mean is None:
            raise ValueError("batch_norm: without training, running_mean and running_var are needed")
        # Copies: the running statistics may move before backward comes.
        op = BatchNorm(running_mean.data.copy(), running_var.data.copy(), eps)
        return _normalized(op, x, weight, bias)
    together = {}
    if over is not None and over.size > 1:
        count = int(over.sum_(np.array([count]))[0])
        together = {"over": over, "count": count}
    if count == 1:
        raise ValueError(f"batch_norm: training needs more than 1 value a channel, got x of shape {x.shape}")
    if running_mean is None or not count:
        if num_batches_tracked is not None:
            num_batches_tracked[...] = num_batches_tracked + 1
        return _normalized(BatchNorm(None, None, eps, **together), x, weight, bias)
    moving = running_mean, running_var, num_batches_tracked
    arrays = [None if tensor is None else tensor.data for tensor in moving]
    running = Running(*arrays, momentum, factor=count / (count - 1))
    y = _normalized(BatchNorm(None, None, eps, running, **together), x, weight, bias)
    for tensor in moving:
        if tensor is not None:
            tensor.data = tensor.data  # an in-place change: a graph that needs the old values will refuse
    return y


def group_norm(
    x: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalize each image by itself, C / num_groups channels at a time; then weight and bias (C,).

    This is the batch normalization of one image whose channels are the groups: (N, C, ...) as (1, N*groups, ...).
    Source: Wu and He (2018). Raises ValueError if the groups do not divide C, or hold only one value.
    """
    x = check_float(x, "group_norm")
    if x.ndim < 2:
        raise ValueError(f"group_norm: x must be (N, C, ...), got shape {x.shape}")
    if isinstance(num_groups, bool) or not isinstance(num_groups, Integral):
        raise TypeError(f"group_norm: num_groups must be an int, got {num_groups!r}")
    images, channels, *size = x.shape
    if num_groups < 1 or channels % num_groups:
        raise ValueError(f"group_norm: {channels} channels do not divide into num_groups={num_groups}")
    weight, bias = _check_vectors("group_norm", x, weight=weight, bias=bias)
    check_real("group_norm", "eps", eps)
    members = channels // num_groups * math.prod(size)
    if images * members == 1:
        raise ValueError(f"group_norm: a group needs more than 1 value, got x of shape {x.shape}, {num_groups=}")
    # (N, C, ...) -> (1, N*groups, C/groups * ...)
    y = reshape(BatchNorm(None, None, eps)(reshape(x, (1, images * num_groups, members))), x.shape)
    column = (channels, *[1] * len(size))  # (C,) -> (C, 1, 1), to meet y
    if weight is not None:
        y = y * reshape(weight, column)
    return y if bias is None else y + reshape(bias, column)


def _normalized(op, x, weight, bias):
    if weight is None and bias is None:
        return op(x)
    xp = array_module(x.data)
    if weight is None:
        weight = Tensor.wrap(xp.ones(x.shape[1], x.dtype))
    if bias is None:
        bias = Tensor.wrap(xp.zeros(x.shape[1], x.dtype))
    return op(x, weight, bias)


def _check_vectors(operation, x, **vectors):
    """The vectors as Tensors (C,) of x's dtype; None stays None."""
    checked = {name: None if v is None else check_float(v, operation, name) for name, v in vectors.items()}
    check_same_dtype(operation, x=x, **checked)
    for name, vector in checked.items():
        if vector is None:
            continue
        check_same_device(operation, [x.data, vector.data])
        if vector.shape != (x.shape[1],):
            raise ValueError(
                f"{operation}: {name} must have shape ({x.shape[1]},), got {vector.shape} (x shape {x.shape})"
            )
    return checked.values()


def _check_count(operation, name, count, x):
    """Raise unless it is an int64 Tensor without dimensions on the device of x."""
    if not isinstance(count, Tensor) or count.dtype != np.int64:
        told = f"dtype {count.dtype}" if isinstance(count, Tensor) else type(count).__name__
        raise TypeError(f"{operation}: {name} must be an int64 Tensor, got {told}")
    if count.shape != ():
        raise ValueError(f"{operation}: {name} must have no dimensions, got shape {count.shape}")
    check_same_device(operation, [x.data, count.data])
