"""When a run validates, how its learning rate goes, and how a time becomes a number of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.training.schedule import VALIDATIONS, WARM_UP_STEPS, Schedule


def validations_of(schedule, step_seconds=1.0, validation_seconds=0.0, slower_from=None):
    """The steps at which a simulated run validates, and the seconds it takes."""
    step, elapsed, found = 0, 0.0, []
    while True:
        if schedule.validation_due(step, elapsed):
            elapsed += validation_seconds
            found.append(step)
            typical = elapsed / max(step, 1) if slower_from is None else step_seconds
            schedule.after_validation(step, elapsed, typical, validation_seconds)
        if schedule.finished(step):
            return found, elapsed
        if slower_from is not None and step == slower_from:
            step_seconds *= 3
        step += 1
        elapsed += step_seconds


@given(st.integers(1, 500))
def test_bounded_by_steps_validates_evenly_and_at_the_end(steps):
    found, _ = validations_of(Schedule(steps=steps))
    assert found[-1] == steps
    assert len(found) == min(steps, len(found)) <= VALIDATIONS
    gaps = [b - a for a, b in zip([0, *found], found, strict=False)]
    assert max(gaps) - min(gaps) <= 1 or steps < VALIDATIONS


@pytest.mark.parametrize("validation_seconds", [0.0, 3.0])
def test_a_time_is_kept(validation_seconds):
    _, elapsed = validations_of(Schedule(seconds=300.0), 0.5, validation_seconds)
    assert 0.9 * 300 <= elapsed <= 1.05 * 300 + validation_seconds


def test_a_machine_that_slows_down_makes_the_schedule_anew():
    schedule = Schedule(seconds=300.0)
    _, elapsed = validations_of(schedule, 0.5, slower_from=150)
    assert elapsed <= 1.05 * 300
    assert schedule.learning_rate_factor(schedule.steps - 1) < 0.1


def test_small_drift_does_not_change_the_schedule():
    schedule = Schedule(seconds=300.0)
    schedule.after_validation(30, 15.0, 0.5, 0.0)
    steps = schedule.steps
    schedule.after_validation(90, 46.0, 0.51, 0.0)
    assert schedule.steps == steps


def test_learning_rate_warms_up_and_falls_to_nothing():
    schedule = Schedule(steps=1000)
    factors = [schedule.learning_rate_factor(step) for step in range(1000)]
    assert factors[0] == pytest.approx(1 / WARM_UP_STEPS)
    assert factors.index(max(factors)) == WARM_UP_STEPS - 1
    assert all(a >= b for a, b in zip(factors[WARM_UP_STEPS:], factors[WARM_UP_STEPS + 1 :], strict=False))
    assert 0 < factors[-1] < 0.005
    assert Schedule(seconds=60.0).learning_rate_factor(WARM_UP_STEPS) == 1.0


def test_the_schedule_survives_its_dict():
    schedule = Schedule(seconds=60.0)
    schedule.after_validation(10, 5.0, 0.5, 0.1)
    assert Schedule(**schedule.as_dict()) == schedule


def test_more_steps_or_more_time_extend_a_run():
    assert Schedule(steps=100).extended(150, None, 100, 50.0, 0.5).steps == 150
    assert Schedule(steps=100).extended(None, 100.0, 100, 50.0, 0.5).steps == 200
    for steps, seconds in ((100, None), (None, 40.0)):
        with pytest.raises(ValueError, match="100 steps in 50 s"):
            Schedule(steps=100).extended(steps, seconds, 100, 50.0, 0.5)


@pytest.mark.parametrize("bound", [{}, {"steps": 0}, {"seconds": 0.0}, {"seconds": float("inf")}])
def test_a_run_needs_a_bound(bound):
    with pytest.raises(ValueError, match="Schedule"):
        Schedule(**bound)


def test_the_shortest_time_is_good_for_one_step():
    found, _ = validations_of(Schedule(seconds=1e-9))
    assert found == [1]


def test_the_time_left_counts_steps_and_validations():
    assert Schedule(seconds=60).seconds_left(3, 10.0, 0.5, 2.0) == 50.0  # the steps are unknown: the time bound
    schedule = Schedule(steps=100)
    left = [schedule.seconds_left(0, 0.0, 0.5, 2.0)]
    assert left[0] == 100 * 0.5 + 10 * 2.0
    elapsed = 0.0
    for step in range(1, 101):
        elapsed += 0.5
        if schedule.validation_due(step, elapsed):
            elapsed += 2.0
            schedule.after_validation(step, elapsed, 0.5, 2.0)
        left.append(schedule.seconds_left(step, elapsed, 0.5, 2.0))
        assert abs(left[-1] - (left[0] - elapsed)) < 1e-9
    assert left[-1] == 0
