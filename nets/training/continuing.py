"""Whether a checkpoint is one of this run, so that a damaged or foreign file is refused before training goes on."""

from __future__ import annotations

from dataclasses import fields
from math import isfinite

import numpy as np

import minitensor as mt
from nets.limits import MOST_SECONDS, MOST_STEPS
from nets.plain_files import is_whole, quoted
from nets.training.schedule import VALIDATIONS, Schedule

PARTS = (
    *("net", "average", "optimizer", "plan", "step", "elapsed", "best_score", "losses", "step_seconds"),
    "validation_order",
)
# What the optimizers keep of each parameter
OF_ADAMW = frozenset(("step", "exp_avg", "exp_avg_sq"))
OF_SGD = frozenset(("momentum_buffer",))


def check_saved(saved, images, parameters, kept=OF_ADAMW):
    """Raise ValueError, without the file's name, unless `saved` is what `Training.save` writes.

    images      how many validation images there are
    parameters  how many tensors the optimizer changes
    kept        what the optimizer keeps of each
    """
    if not isinstance(saved, dict):
        raise ValueError("it is no dict")
    lost = [name for name in PARTS if name not in saved]
    if lost:
        raise ValueError(f"it has no {', '.join(lost)}")
    for name in ("net", "average", "optimizer", "plan"):
        if not isinstance(saved[name], dict):
            raise ValueError(f"its {name} is no dict")
    step = saved["step"]
    if not is_whole(step, 0, MOST_STEPS):
        raise ValueError(f"its step must be a whole number, got {quoted(step)}")
    for name, least, most in (("elapsed", 0, 2 * MOST_SECONDS), ("best_score", -1, 1)):
        if type(saved[name]) not in (int, float) or not least <= saved[name] <= most:
            raise ValueError(f"its {name} must be a number, got {quoted(saved[name])}")
    for name in ("losses", "step_seconds"):
        values = _numbers(saved, name, "f")
        if len(values) != step or not np.isfinite(values).all():
            raise ValueError(f"its {name} must be {step} finite numbers, one for each step")
    if (saved["step_seconds"].numpy() <= 0).any():
        raise ValueError("its step_seconds must be above 0")
    order = _numbers(saved, "validation_order", "i")
    if not len(order) or len(np.unique(order)) < len(order) or order.min() < 0 or order.max() >= images:
        raise ValueError(f"its validation_order must be different numbers below {images}, as there are images")
    _check_plan(saved["plan"], step)
    _check_optimizer(saved["optimizer"], step, parameters, kept)


def losses_of(saved):
    """The loss of each step, from a checkpoint. Raises ValueError, without the file's name, if it has none."""
    if not isinstance(saved, dict):
        raise ValueError("it is no dict")
    losses = _numbers(saved, "losses", "f")
    if not np.isfinite(losses).all():
        raise ValueError("its losses must be finite numbers")
    return losses.tolist()


def _numbers(saved, name, kind):
    values = saved.get(name)
    if not isinstance(values, mt.Tensor) or values.ndim != 1 or values.dtype.kind != kind:
        raise ValueError(f"its {name} is no list of numbers")
    return values.numpy()


def _check_plan(plan, step):
    known = {field.name for field in fields(Schedule)}
    if plan.keys() != known:
        raise ValueError(f"its plan must have {', '.join(sorted(known))}")
    steps, seconds, next_validation = plan["steps"], plan["seconds"], plan["next_validation"]
    if not is_whole(plan["validations_left"], 0, VALIDATIONS):
        raise ValueError(f"its plan has validations_left {quoted(plan['validations_left'])}")
    for name in ("steps", "next_validation"):
        if plan[name] is not None and not is_whole(plan[name], 1, MOST_STEPS):
            raise ValueError(f"its plan has {name} {quoted(plan[name])}")
    if seconds is not None and not (type(seconds) in (int, float) and isfinite(seconds) and seconds > 0):
        raise ValueError(f"its plan has seconds {quoted(seconds)}")
    if steps is None and (seconds is None or next_validation is not None):
        raise ValueError("its plan has no end")
    if steps is not None and not (step <= steps and next_validation is not None and next_validation <= steps):
        raise ValueError(f"its plan ends after {steps} steps, with step {step} and a validation at {next_validation}")


def _check_optimizer(optimizer, step, parameters, kept):
    state, groups = optimizer.get("state"), optimizer.get("param_groups")
    if not isinstance(state, dict) or not isinstance(groups, list) or not all(isinstance(g, dict) for g in groups):
        raise ValueError("its optimizer has no state and param_groups")
    if any(not isinstance(group.get("params"), list) for group in groups):
        raise ValueError("its optimizer has a group without params")
    if not all(isinstance(value, mt.Tensor) for value in state.values()):
        raise ValueError("its optimizer's state is not arrays")
    # A parameter that never had a gradient has no state.
    numbers = {key.partition(".")[0] for key in state}
    wanted = {f"{number}.{name}" for number in numbers for name in kept}
    if state.keys() != wanted or len(numbers) > parameters or (numbers and not step):
        raise ValueError("its optimizer is another one, or of another net")
    for key, value in state.items():
        if key.endswith(".step") and (value.shape != () or value.dtype.kind not in "iu" or not 1 <= int(value) <= step):
            raise ValueError(f"its optimizer has {key} {quoted(value.numpy().tolist())}")
