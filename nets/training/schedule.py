"""How long a run lasts, and what depends on how far it has come: the learning rate and the validations.

A run is bounded by steps or by time. Everything that changes on the way depends only on the number of the step: only
then can a run that was killed and resumed equal, bit for bit, a run that was not. So a time is converted into a number
of steps. The first twentieth of the time is spent measuring, then the schedule is made and kept in the checkpoint. It
is made again, at a validation, only if the machine has become so much faster or slower that the run would miss its time
by more than a tenth of what is left.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

VALIDATIONS = 10
MEASURING_SHARE = 0.05  # of the time is spent before the schedule is made
MEASURING_STEPS = 4  # at least, because the first step alone says little
TOLERANCE = 0.1  # of the time left: the schedule is kept if it is off by no more than this
OVERRUN = 1.03  # after this many times its time a run ends, whatever the schedule says

WARM_UP_STEPS = 20
WARM_UP_SHARE = 0.1  # in short runs the warm-up takes this share of the steps
DECAY_POWER = 0.9  # DeepLab's "poly" rule: Chen et al. (2016), section 4.3.1


@dataclass
class Schedule:
    """The steps of a run. Give `steps`; or give `seconds`, and `after_validation` finds the steps.

    next_validation    the number of steps after which to validate next; None: unknown before measuring
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
        """Whether the run ends after `step` steps."""
        return self.steps is not None and step >= self.steps

    def validation_due(self, step, elapsed):
        """Whether to validate after `step` steps and `elapsed` seconds."""
        # At least one step is made, however short the time is: without a step there is nothing to save.
        if step and self.seconds is not None and elapsed > OVERRUN * self.seconds:
            self.steps = self.next_validation = min(step, self.steps or step)
        if self.next_validation is None:
            return step >= MEASURING_STEPS and elapsed >= MEASURING_SHARE * self.seconds
        return step >= self.next_validation

    def after_validation(self, step, elapsed, step_seconds, validation_seconds):
        """Make or keep the schedule, from the measured time of a step and of a validation."""
        self.validations_left = max(0, self.validations_left - 1)
        if self.seconds is not None and not self.finished(step):
            left = self.seconds - elapsed - self.validations_left * validation_seconds
            needed = None if self.steps is None else (self.steps - step) * step_seconds
            if needed is None or abs(needed - left) > TOLERANCE * abs(left):
                self.steps = step + max(0, round(left / step_seconds))
        self._set_next_validation(step)

    def seconds_left(self, step, elapsed, step_seconds, validation_seconds):
        """Seconds to the end: of the steps and the validations left. Before the steps are known, of the time bound."""
        if self.steps is None:
            return max(0.0, self.seconds - elapsed)
        validations = 0 if self.finished(step) else max(1, self.validations_left)
        return (self.steps - step) * step_seconds + validations * validation_seconds

    def extended(self, steps, seconds, step, elapsed, step_seconds):
        """The schedule of a run with another end: new `steps` or `seconds`, counted from its beginning."""
        if seconds is not None:
            steps = step + max(0, round((seconds - elapsed) / step_seconds))
        if steps <= step:
            raise ValueError(f"{step} steps in {elapsed:.0f} s are done already, nothing is left to train")
        schedule = Schedule(steps, seconds)
        schedule._set_next_validation(step)
        return schedule

    def _set_next_validation(self, step):
        """Spread the remaining validations evenly over the remaining steps. The last one is at the end."""
        interval = math.ceil((self.steps - step) / max(1, self.validations_left))
        self.next_validation = min(self.steps, step + max(1, interval))

    def learning_rate_factor(self, step):
        """The learning rate of the step after `step` steps, as a share of the highest learning rate.

            min(1, (step + 1) / warm_up) * (1 - step / steps)^0.9

        While the number of steps is unknown, in the first twentieth of a timed run, the second factor is 1.
        """
        if self.steps is None:
            return min(1.0, (step + 1) / WARM_UP_STEPS)
        warm_up = min(WARM_UP_STEPS, max(1, int(WARM_UP_SHARE * self.steps)))
        return min(1.0, (step + 1) / warm_up) * (1 - step / self.steps) ** DECAY_POWER
