"""When a run validates, how its learning rate goes, and how a time becomes a number of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.training.plan import VALIDATIONS, WARM_UP_STEPS, Plan


def validations_of(plan, step_seconds=1.0, validation_seconds=0.0, slower_from=None):
    """The steps at which a simulated run validates, and the seconds it takes."""
    step, elapsed, found = 0, 0.0, []
    while True:
        if plan.validation_due(step, elapsed):
            elapsed += validation_seconds
            found.append(step)
            typical = elapsed / max(step, 1) if slower_from is None else step_seconds
            plan.after_validation(step, elapsed, typical, validation_seconds)
        if plan.finished(step):
            return found, elapsed
        if slower_from is not None and step == slower_from:
            step_seconds *= 3
        step += 1
        elapsed += step_seconds


@given(st.integers(1, 500))
def test_bounded_by_steps_validates_evenly_and_at_the_end(steps):
    found, _ = validations_of(Plan(steps=steps))
    assert found[-1] == steps
    assert len(found) == min(steps, len(found)) <= VALIDATIONS
    gaps = [b - a for a, b in zip([0, *found], found, strict=False)]
    assert max(gaps) - min(gaps) <= 1 or steps < VALIDATIONS


@pytest.mark.parametrize("validation_seconds", [0.0, 3.0])
def test_a_time_is_kept(validation_seconds):
    _, elapsed = validations_of(Plan(seconds=300.0), 0.5, validation_seconds)
    assert 0.9 * 300 <= elapsed <= 1.05 * 300 + validation_seconds


def test_a_machine_that_slows_down_makes_the_plan_anew():
    plan = Plan(seconds=300.0)
    _, elapsed = validations_of(plan, 0.5, slower_from=150)
    assert elapsed <= 1.05 * 300
    assert plan.learning_rate_factor(plan.steps - 1) < 0.1


def test_small_drift_does_not_change_the_plan():
    plan = Plan(seconds=300.0)
    plan.after_validation(30, 15.0, 0.5, 0.0)
    steps = plan.steps
    plan.after_validation(90, 46.0, 0.51, 0.0)
    assert plan.steps == steps


def test_learning_rate_warms_up_and_falls_to_nothing():
    plan = Plan(steps=1000)
    factors = [plan.learning_rate_factor(step) for step in range(1000)]
    assert factors[0] == pytest.approx(1 / WARM_UP_STEPS)
    assert factors.index(max(factors)) == WARM_UP_STEPS - 1
    assert all(a >= b for a, b in zip(factors[WARM_UP_STEPS:], factors[WARM_UP_STEPS + 1 :], strict=False))
    assert 0 < factors[-1] < 0.005
    assert Plan(seconds=60.0).learning_rate_factor(WARM_UP_STEPS) == 1.0


def test_the_plan_survives_its_dict():
    plan = Plan(seconds=60.0)
    plan.after_validation(10, 5.0, 0.5, 0.1)
    assert Plan(**plan.as_dict()) == plan


def test_more_steps_or_more_time_extend_a_run():
    assert Plan(steps=100).extended(150, None, 100, 50.0, 0.5).steps == 150
    assert Plan(steps=100).extended(None, 100.0, 100, 50.0, 0.5).steps == 200
    for steps, seconds in ((100, None), (None, 40.0)):
        with pytest.raises(ValueError, match="100 steps in 50 s"):
            Plan(steps=100).extended(steps, seconds, 100, 50.0, 0.5)


@pytest.mark.parametrize("bound", [{}, {"steps": 0}, {"seconds": 0.0}, {"seconds": float("inf")}])
def test_a_run_needs_a_bound(bound):
    with pytest.raises(ValueError, match="Plan"):
        Plan(**bound)
