"""RMSprop: steps divided by a running root of the squared gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minitensor.arguments import check_flag, check_real
from minitensor.backend import array_module
from minitensor.optim.optimizer import Optimizer
from minitensor.tensor import Tensor


class RMSprop(Optimizer):
    """Each weight's step is divided by the root mean square of its recent gradients:

        g = grad + weight_decay * p
        v = alpha * v + (1 - alpha) * g^2
        a = alpha * a + (1 - alpha) * g                 (only if `centered`: then v - a^2 takes the place of v)
        b = momentum * b + g / (sqrt(v) + eps)
        p = p - lr * b

    Raises ValueError for a negative option. Source: Tieleman and Hinton 2012 (lecture 6.5); Graves 2013 for `centered`.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
    ) -> None:
        options = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        super().__init__(params, options | {"centered": centered})

    def check(self, options: dict) -> None:
        for name in ("lr", "alpha", "eps", "weight_decay", "momentum"):
            check_real("RMSprop", name, options[name], low=0.0)
        check_flag("RMSprop", centered=options["centered"])

    def prepare(self, parameter: Tensor, state: dict, group: dict) -> tuple[list, Callable]:
        lr, alpha, eps = group["lr"], group["alpha"], group["eps"]
        weight_decay, momentum = group["weight_decay"], group["momentum"]
        names = ["square_avg"] + ["momentum_buffer"] * (momentum > 0) + ["grad_avg"] * bool(group["centered"])
        xp = array_module(parameter.data)
        for name in names:
            if name not in state:
                state[name] = xp.zeros(parameter.shape, parameter.dtype)
        state["step"] = state.get("step", 0) + 1

        def update(param, grad, *arrays):
            kept = dict(zip(names, arrays, strict=True))
            if weight_decay:
                grad = grad + weight_decay * param
            square = kept["square_avg"]
            square *= alpha
            square += (1 - alpha) * grad * grad
            if "grad_avg" in kept:
                mean = kept["grad_avg"]
                mean += (1 - alpha) * (grad - mean)
                square = square - mean * mean
            step = grad / (xp.sqrt(square) + eps)
            if "momentum_buffer" in kept:
                buffer = kept["momentum_buffer"]
                buffer *= momentum
                buffer += step
                step = buffer
            param -= lr * step

        return [state[name] for name in names], update
