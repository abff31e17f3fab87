"""One step of an optimizer on a GPU: a single launch for all numbers of a net."""

from __future__ import annotations

from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import launch_for_each

SOURCE = "update/update.cu"


def _supports_sgd(param, grad, velocity, *options, **named):
    return _in_rows(param, grad, velocity)


def _supports_adam(param, grad, mean, square, largest, *options, **named):
    return _in_rows(param, grad, mean, square, largest)


def _in_rows(*arrays):
    """True if all arrays are float32 and have the same order in memory, so that their numbers i belong together."""
    return is_float32(arrays[0]) and all(a is None or a.flags.c_contiguous for a in arrays)


@register_cuda("sgd_update", "cuda", supports=_supports_sgd)
def sgd_update(param, grad, velocity, lr, momentum, fresh, weight_decay, nesterov, first):
    """As in definition.py."""
    options = lr, momentum, fresh, weight_decay, nesterov, first
    launch_for_each(SOURCE, "sgd", param.size, param, grad, velocity, *options, param.size)


@register_cuda("adam_update", "cuda", supports=_supports_adam)
def adam_update(
    param, grad, mean, square, largest, lr, betas, eps, weight_decay, decoupled, mean_correction, root_correction
):
    """As in definition.py."""
    beta1, beta2 = betas
    shrink = 1 - lr * weight_decay if decoupled else 1
    added = 0 if decoupled else weight_decay
    launch_for_each(
        SOURCE, "adam", param.size, param, grad, mean, square, largest, lr / mean_correction,
        1 - beta1, beta2, 1 - beta2, eps, added, shrink, root_correction, param.size,
    )  # fmt: skip
