"""Schedulers where torch keeps them, `optim.lr_scheduler`, with two more: one cycle, and less when nothing improves."""

from __future__ import annotations

import math
from typing import Any

from minitensor.arguments import check_real
from minitensor.optim.optimizer import Optimizer
from minitensor.optim.schedulers import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    Scheduler,
    SequentialLR,
    StepLR,
    check_optimizer,
)

LRScheduler = Scheduler  # torch's name for the base class


class OneCycleLR(Scheduler):
    """Up from max_lr / div_factor to max_lr in the first pct_start of the steps, then down to almost nothing.

    The last rate is max_lr / div_factor / final_div_factor. Both ways follow half a cosine ("cos") or a line
    ("linear"). If cycle_momentum, the momentum (beta1 of Adam) goes the other way: from max_momentum down to
    base_momentum, and up again. Raises ValueError for more steps than total_steps. Source: Smith and Topin 2017 (arXiv
    1708.07120).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        check_optimizer("OneCycleLR", optimizer)
        for name, value in (("max_lr", max_lr), ("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            check_real("OneCycleLR", name, value)
        check_real("OneCycleLR", "pct_start", pct_start)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            check_real("OneCycleLR", "epochs", epochs)
            check_real("OneCycleLR", "steps_per_epoch", steps_per_epoch)
            total_steps = epochs * steps_per_epoch
        check_real("OneCycleLR", "total_steps", total_steps)
        if total_steps < 1 or not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "OneCycleLR: total_steps must be at least 1, pct_start in [0, 1], anneal_strategy 'cos' or 'linear'; "
                f"got {total_steps}, {pct_start} and {anneal_strategy!r}"
            )
        self.total_steps, self.max_lr, self.anneal_strategy = total_steps, max_lr, anneal_strategy
        self.first, self.last = max_lr / div_factor, max_lr / div_factor / final_div_factor
        self.turn = pct_start * total_steps - 1  # the step of the highest rate
        self.momentum = None
        if cycle_momentum:
            names = [name for name in ("betas", "momentum") if name in optimizer.defaults]
            if not names:
                raise ValueError("OneCycleLR: the optimizer has no momentum; give cycle_momentum=False")
            self.momentum = names[0], base_momentum, max_momentum
        super().__init__(optimizer)

    def _between(self, t, first, middle, last):
        """The value at step t of a curve from `first` to `middle` at the turn, and on to `last`."""
        if t <= self.turn:
            start, end, share = first, middle, t / self.turn
        else:
            start, end, share = middle, last, (t - self.turn) / (self.total_steps - 1 - self.turn)
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2 * (1 + math.cos(math.pi * share))

    def rate(self, t: int, base: float, group: int = 0) -> float:
        if t >= self.total_steps:
            raise ValueError(f"OneCycleLR: step {t + 1} of {self.total_steps}; the cycle is over")
        return self._between(t, self.first, self.max_lr, self.last)

    def _set(self):
        super()._set()
        if self.momentum:
            name, low, high = self.momentum
            value = self._between(self.last_epoch, high, low, high)
            for group in self.optimizer.param_groups:
                group[name] = (value, group["betas"][1]) if name == "betas" else value


class ReduceLROnPlateau:
    """Multiply the rate by `factor` when a metric has not improved for more than `patience` steps.

    mode            "min" or "max": which way the metric improves
    threshold       by how much it must improve to count: a share of the best ("rel"), or itself ("abs")
    cooldown        steps after a reduction in which bad ones do not count
    min_lr, eps     the least rate, and the least change that is made
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        check_optimizer("ReduceLROnPlateau", optimizer)
        for name, value in (("factor", factor), ("patience", patience), ("threshold", threshold), ("min_lr", min_lr)):
            check_real("ReduceLROnPlateau", name, value)
        if not factor < 1 or mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: factor must be below 1, mode 'min' or 'max', threshold_mode 'rel' or 'abs', "
                f"got {factor}, {mode!r}, {threshold_mode!r}"
            )
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.min_lr, self.eps = cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Tell the metric of one more step, a number or a Tensor of one element."""
        value = float(metrics)
        self.last_epoch += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group in self.optimizer.param_groups:
                lower = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, value):
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "abs":
            bound = self.best + sign * self.threshold
        else:
            bound = self.best * (1 + sign * self.threshold)
        return sign * value > sign * bound

    def get_last_lr(self) -> list[float]:
        """The current rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self.get_last_lr())
        return f"ReduceLROnPlateau(mode={self.mode!r}, best={self.best:g}, lr={rates})"

    def state_dict(self) -> dict:
        """Plain numbers, fit for JSON."""
        return {name: getattr(self, name) for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        for name in self.state_dict():
            setattr(self, name, state[name])


# fmt: off
__all__ = [
    "CosineAnnealingLR", "LambdaLR", "LinearLR", "LRScheduler", "MultiStepLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]
# fmt: on
