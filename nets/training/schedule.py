"""How long a run lasts, and what hangs on how far it has come: the learning rate and the validations.

A run is bounded by steps or by time. All that changes on the way depends on the number of the step alone; only so
can a run that was killed and resumed equal one that was not, bit for bit. A time is therefore turned into a
number of steps: the first twentieth of it is spent measuring, then the schedule is made, and it is kept in the
checkpoint. It is remade, at a validation, only where the machine has become so much faster or slower that the
run would miss its time by more than a tenth of what is left.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

VALIDATIONS = 10
MEASURING_SHARE = 0.05  # of the time, before the schedule is made
MEASURING_STEPS = 4  # at the least: the first step alone says little
TOLERANCE = 0.1  # of the time left
OVERRUN = 1.03  # of the whole time: then the run ends, whatever the schedule said

WARM_UP_STEPS = 20
WARM_UP_SHARE = 0.1  # of the steps at most, for short runs
DECAY_POWER = 0.9  # DeepLab's "poly" rule: Chen et al. (2016), section 4.3.1


@dataclass
class Schedule:
    """The steps of a run. Give `steps`, or `seconds` and let `after_validation` find out the steps.

    next_validation    the step number (steps done) at which to validate next; None: not known before measuring
    validations_left   how many are still to come
    """

    steps: int | None = None
    seconds: float | None = None
    next_validation: int | None = None
    validations_left: int = VALIDATIONS

    def __post_init__(self):
        if (self.steps is None) and (self.seconds is None):
            raise ValueError("Schedule: a run needs a bound, steps or seconds")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"Schedule: steps must be at least 1, got {self.steps}")
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise ValueError(f"Schedule: the time must be positive, got {self.seconds} s")
        if self.steps is not None and self.next_validation is None:
            self._set_next_validation(0)

    def as_dict(self):
        """Plain values, for the checkpoint."""
        return asdict(self)

    def finished(self, step):
        """Whether `step` steps are all there are."""
        return self.steps is not None and step >= self.steps

    def validation_due(self, step, elapsed):
        """Whether to validate after `step` steps and `elapsed` seconds."""
        # However short the time, one step at least is made: without any there would be nothing to keep.
        if step and self.seconds is not None and elapsed > OVERRUN * self.seconds:
            self.steps = self.next_validation = min(step, self.steps or step)
        if self.next_validation is None:
            return step >= MEASURING_STEPS and elapsed >= MEASURING_SHARE * self.seconds
        return step >= self.next_validation

    def after_validation(self, step, elapsed, step_seconds, validation_seconds):
        """Make or keep the schedule, from what a step and a validation were measured to take."""
        self.validations_left = max(0, self.validations_left - 1)
        if self.seconds is not None and not self.finished(step):
            left = self.seconds - elapsed - self.validations_left * validation_seconds
            needed = None if self.steps is None else (self.steps - step) * step_seconds
            if needed is None or abs(needed - left) > TOLERANCE * abs(left):
                self.steps = step + max(0, round(left / step_seconds))
        self._set_next_validation(step)

    def extended(self, steps, seconds, step, elapsed, step_seconds):
        """The schedule of a run that was to end elsewhere: new `steps` or new `seconds`, counted from its beginning."""
        if seconds is not None:
            steps = step + max(0, round((seconds - elapsed) / step_seconds))
        if steps <= step:
            raise ValueError(f"{step} steps in {elapsed:.0f} s are done already, nothing is left to train")
        schedule = Schedule(steps, seconds)
        schedule._set_next_validation(step)
        return schedule

    def _set_next_validation(self, step):
        """Spread the validations that are left evenly over the steps that are left; the last is at the end."""
        interval = math.ceil((self.steps - step) / max(1, self.validations_left))
        self.next_validation = min(self.steps, step + max(1, interval))

    def learning_rate_factor(self, step):
        """Of the highest learning rate, for the step after `step` steps.

            min(1, (step + 1) / warm_up) * (1 - step / steps)^0.9

        While the steps are not known yet, in the first twentieth of a timed run, the second factor is 1.
        """
        if self.steps is None:
            return min(1.0, (step + 1) / WARM_UP_STEPS)
        warm_up = min(WARM_UP_STEPS, max(1, int(WARM_UP_SHARE * self.steps)))
        return min(1.0, (step + 1) / warm_up) * (1 - step / self.steps) ** DECAY_POWER
