"""The properties of a right answer to exercise 11."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nets.segmentation.metrics.confusion import Confusion

SEEDS = st.integers(0, 2**32 - 1)


def test_a_rare_class_counts_as_much_as_a_frequent_one(answer):
    truth = np.zeros((10, 10), int)
    truth[0, 0] = 1
    found = answer.mean_iu(truth, np.zeros_like(truth), 2)
    assert abs(found - (0.99 + 0) / 2) < 1e-9, (
        f"99 of 100 pixels are class 0, and the one pixel of class 1 is missed: IU 0.99 and 0, mean 0.495, yours "
        f"{found:.3f}. Each class counts the same, however few its pixels."
    )


def test_absent_classes_are_left_out(answer):
    truth = np.array([[0, 0], [1, 1]])
    prediction = np.array([[0, 1], [1, 1]])
    found, expected = answer.mean_iu(truth, prediction, 5), (1 / 2 + 2 / 3) / 2
    assert abs(found - expected) < 1e-9, (
        f"classes 2, 3 and 4 are in neither mask, so they are left out of the mean: expected {expected:.3f}, yours "
        f"{found:.3f}"
    )


def test_a_class_that_is_only_predicted_counts(answer):
    truth, prediction = np.array([[0, 0, 0, 0]]), np.array([[0, 0, 0, 2]])
    found = answer.mean_iu(truth, prediction, 3)
    assert abs(found - 0.75 / 2) < 1e-9, (
        f"class 2 is predicted where there is none: its IU is 0, and it counts. IU 0.75 and 0, mean 0.375, yours "
        f"{found:.3f}"
    )


def test_no_class_at_all(answer):
    hidden = np.full((2, 2), 255)
    assert answer.mean_iu(hidden, np.zeros_like(hidden), 2) == 1, "if every pixel is ignored, return 1.0"


@given(seed=SEEDS)
def test_ignored_pixels_do_not_count(answer, seed):
    rng = np.random.default_rng(seed)
    truth, one, other = rng.integers(0, 3, (3, 4, 5))
    hidden = rng.random(truth.shape) < 0.3
    truth[hidden] = 255
    other = np.where(hidden, other, one)
    assert answer.mean_iu(truth, one, 3) == answer.mean_iu(truth, other, 3), (
        "two predictions that differ only where the truth is 255 (ignore) must have the same score: leave these pixels "
        "out of both masks"
    )


@given(seed=SEEDS)
def test_same_as_the_library(answer, seed):
    rng = np.random.default_rng(seed)
    truth, prediction = rng.integers(0, 4, (2, 4, 5))
    truth[rng.random(truth.shape) < 0.2] = 255
    tally = Confusion(4)
    tally.update(truth.astype(np.uint8), prediction.astype(np.uint8))
    expected, found = tally.scores().mean_iu, answer.mean_iu(truth, prediction, 4)
    assert abs(found - expected) < 1e-9, f"expected {expected:.4f}, yours {found:.4f}"
