"""Adam and AdamW: a step size for every single weight, from running means of its gradient and of its square."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from minitensor.arguments import check_flag, check_real
from minitensor.backend import array_module
from minitensor.kernels import run
from minitensor.optim.optimizer import Optimizer
from minitensor.tensor import Tensor


class Adam(Optimizer):
    """Steps of size about lr in every weight, whatever the scale of its gradient:

        g = grad + weight_decay * p                     (Adam; AdamW: p = p - lr * weight_decay * p instead)
        m = beta1 * m + (1 - beta1) * g                 mean of the gradient
        v = beta2 * v + (1 - beta2) * g^2               mean of its square
        p = p - lr * m^ / (sqrt(v^) + eps)              m^ = m / (1 - beta1^t),  v^ = v / (1 - beta2^t)

    m and v begin at 0, so at first they are too small. m^ and v^ correct this exactly. With amsgrad, v^ uses the
    largest v so far. Raises ValueError for a negative option or betas outside [0, 1). Source: Kingma and Ba 2015 (arXiv
    1412.6980), algorithm 1; Reddi et al. 2018 for amsgrad.
    """

    decoupled = False  # whether weight decay acts on the weights directly, past m and v

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        )

    def check(self, options: dict) -> None:
        for name in ("lr", "eps", "weight_decay"):
            check_real(self._name, name, options[name], low=0.0)
        check_flag(self._name, amsgrad=options["amsgrad"])
        betas = options["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"{self._name}: betas must be two numbers, got {betas!r}")
        for beta in betas:
            check_real(self._name, "each of betas", beta, low=0.0, below=1.0)

    def prepare(self, parameter: Tensor, state: dict, group: dict) -> tuple[list, Callable]:
        lr, betas, eps = group["lr"], group["betas"], group["eps"]
        weight_decay, amsgrad = group["weight_decay"], group["amsgrad"]
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * bool(amsgrad)
        xp = array_module(parameter.data)
        for name in names:
            if name not in state:
                state[name] = xp.zeros(parameter.shape, parameter.dtype)
        state["step"] = state.get("step", 0) + 1
        mean_correction = 1 - betas[0] ** state["step"]
        root_correction = math.sqrt(1 - betas[1] ** state["step"])

        def update(param, grad, mean, square, largest=None):
            run(
                "adam_update", param, grad, mean, square, largest,
                lr, betas, eps, weight_decay, self.decoupled, mean_correction, root_correction,
            )  # fmt: skip

        return [state[name] for name in names], update


class AdamW(Adam):
    """Adam whose weight decay makes the weights themselves smaller: p = p - lr * weight_decay * p.

    In Adam the decay is part of the gradient and is divided by sqrt(v^) with it, so weights with large gradients hardly
    decay at all. Source: Loshchilov and Hutter 2019 (arXiv 1711.05101), algorithm 2.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
