"""Schedulers: the learning rate as a function of the number of steps taken.

    scheduler = PolynomialLR(optimizer, total_iters=1000, power=0.9)
    for x, target in batches:
        ...
        optimizer.step()
        scheduler.step()

torch computes each rate from the one before. Here every rule is a formula of the step count t and the first rate. So a
scheduler has no state but t: to resume or to plot it, evaluate the formula. The rates are the same. A rate that is set
by hand in between is overwritten at the next step.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from minitensor.arguments import check_real
from minitensor.optim.optimizer import Optimizer


class Scheduler:
    """Sets the "lr" of every group of an optimizer to `rate(t, first rate)`: now for t = 0, then at each `step()`.

    The first rate is the group's "lr" when its first scheduler is made. It is kept in the group as "initial_lr".
    """

    def __init__(self, optimizer: Optimizer) -> None:
        check_optimizer(type(self).__name__, optimizer)
        self.optimizer = optimizer
        self.base_lrs = [group.setdefault("initial_lr", group["lr"]) for group in optimizer.param_groups]
        self.last_epoch = 0  # torch's name for t, whatever the steps are
        self._set()

    def rate(self, t: int, base: float, group: int = 0) -> float:
        """The learning rate after t steps of a group that began at `base`."""
        raise TypeError(f"{type(self).__name__} defines no rate")

    def step(self) -> Any:
        """One step on."""
        self.last_epoch += 1
        self._set()

    def _set(self):
        for index, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            group["lr"] = self.rate(self.last_epoch, base, index)

    def get_last_lr(self) -> list[float]:
        """The current rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def __repr__(self) -> str:
        rates = ", ".join(f"{rate:g}" for rate in self.get_last_lr())
        return f"{type(self).__name__}(step {self.last_epoch}, lr={rates})"

    def state_dict(self) -> dict:
        """Plain numbers, fit for JSON."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken. Raises ValueError if the number of groups differs."""
        if len(state["base_lrs"]) != len(self.base_lrs):
            raise ValueError(
                f"{type(self).__name__}: the state has {len(state['base_lrs'])} groups, "
                f"the optimizer {len(self.base_lrs)}"
            )
        self.last_epoch, self.base_lrs = state["last_epoch"], list(state["base_lrs"])
        self._set()


def check_optimizer(scheduler, optimizer):
    """Raise TypeError for anything that is no optimizer, such as its parameters."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{scheduler}: expects an optimizer first, got {type(optimizer).__name__}")


def _milestones(values, scheduler, least):
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{scheduler}: milestones must be a list of whole numbers, got {values!r}")
    return [_count(value, "each milestone", scheduler, least) for value in values]


def _count(value, name, scheduler, minimum=1):
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{scheduler}: {name} must be a whole number, got {value!r}")
    if value < minimum:
        raise ValueError(f"{scheduler}: {name} must be at least {minimum}, got {value}")
    return int(value)


class LambdaLR(Scheduler):
    """lr = base * f(t), for a function f, or a list with one function per group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable | Sequence[Callable]) -> None:
        check_optimizer("LambdaLR", optimizer)
        groups = len(optimizer.param_groups)
        self.functions = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        for function in self.functions:
            if not callable(function):
                raise TypeError(f"LambdaLR: lr_lambda must be a function of t, or a list of them, got {function!r}")
        if len(self.functions) != groups:
            raise ValueError(f"LambdaLR: {groups} groups need as many functions, got {len(self.functions)}")
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        return base * self.functions[group](t)


class StepLR(Scheduler):
    """lr = base * gamma^floor(t / step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = _count(step_size, "step_size", "StepLR"), gamma
        check_real("StepLR", "gamma", gamma)
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(Scheduler):
    """lr = base * gamma^(number of milestones reached)."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones = sorted(_milestones(milestones, "MultiStepLR", 0))
        check_real("MultiStepLR", "gamma", gamma)
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        return base * self.gamma ** bisect_right(self.milestones, t)


class PolynomialLR(Scheduler):
    """lr = base * (1 - t / total_iters)^power, then 0: the `poly` rule of segmentation, often with power 0.9."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        self.total_iters, self.power = _count(total_iters, "total_iters", "PolynomialLR"), power
        check_real("PolynomialLR", "power", power)
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        return base * (1 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(Scheduler):
    """lr = eta_min + (base - eta_min) (1 + cos(pi t / T_max)) / 2: down in T_max steps, then up again.

    Source: Loshchilov and Hutter 2017 (arXiv 1608.03983), equation 5, without its restarts.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = _count(T_max, "T_max", "CosineAnnealingLR"), eta_min
        check_real("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class LinearLR(Scheduler):
    """lr = base * (a factor that goes evenly from start_factor to end_factor in total_iters steps): a warm-up."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        check_real("LinearLR", "start_factor", start_factor)
        check_real("LinearLR", "end_factor", end_factor)
        if not 0 < start_factor <= 1 or not 0 <= end_factor <= 1:
            raise ValueError(
                f"LinearLR: start_factor must lie in (0, 1] and end_factor in [0, 1], got {start_factor}, {end_factor}"
            )
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = _count(total_iters, "total_iters", "LinearLR")
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        done = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class SequentialLR(Scheduler):
    """One scheduler after the other: number i from milestones[i - 1] on, with its own step count from there."""

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[Scheduler], milestones: Sequence[int]) -> None:
        self.schedulers = list(schedulers)
        self.milestones = _milestones(milestones, "SequentialLR", 1)
        if len(self.schedulers) != len(self.milestones) + 1 or self.milestones != sorted(self.milestones):
            raise ValueError(
                f"SequentialLR: {len(self.schedulers)} schedulers need one milestone less, in rising order, "
                f"got {milestones}"
            )
        for position, scheduler in enumerate(self.schedulers):
            if scheduler.optimizer is not optimizer:
                raise ValueError(f"SequentialLR: scheduler {position} belongs to another optimizer")
        super().__init__(optimizer)

    def rate(self, t: int, base: float, group: int = 0) -> float:
        current = bisect_right(self.milestones, t)
        start = self.milestones[current - 1] if current else 0
        return self.schedulers[current].rate(t - start, base, group)
