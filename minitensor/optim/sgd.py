"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from minitensor.arguments import check_flag, check_real
from minitensor.backend import array_module
from minitensor.kernels import run
from minitensor.optim.optimizer import Optimizer
from minitensor.tensor import Tensor


class SGD(Optimizer):
    """Gradient descent. With momentum it is a heavy ball that remembers its velocity v:

        g = grad + weight_decay * p
        v = momentum * v + (1 - dampening) * g          (the first time v = g)
        p = p - lr * v                                  or with nesterov p - lr * (g + momentum * v)

    FCN and U-Net train with momentum 0.99, which sums about 1 / (1 - 0.99) = 100 gradients.
    Raises ValueError for a negative option, and for nesterov without momentum or with dampening.
    Source: Polyak 1964; Sutskever et al. 2013, where lr stands inside v instead.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
            },
        )

    def check(self, options: dict) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            check_real("SGD", name, options[name], low=0.0)
        check_real("SGD", "dampening", options["dampening"], low=float("-inf"))
        check_flag("SGD", nesterov=options["nesterov"])
        if options["nesterov"] and (options["momentum"] == 0 or options["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov needs a momentum above 0 and no dampening, got "
                f"momentum={options['momentum']}, dampening={options['dampening']}"
            )

    def prepare(self, parameter: Tensor, state: dict, group: dict) -> tuple[list, Callable]:
        lr, momentum, weight_decay = group["lr"], group["momentum"], group["weight_decay"]
        fresh = 1 - group["dampening"]
        nesterov = group["nesterov"]
        first = momentum != 0 and "momentum_buffer" not in state
        if first:
            state["momentum_buffer"] = array_module(parameter.data).zeros(parameter.shape, parameter.dtype)

        def update(param, grad, velocity=None):
            run("sgd_update", param, grad, velocity, lr, momentum, fresh, weight_decay, nesterov, first)

        return [state["momentum_buffer"]] if momentum else [], update
