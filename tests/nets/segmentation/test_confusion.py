"""The four numbers against a loop over classes, hand-made tables, and torch's way to count."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.segmentation.metrics import Confusion, confusion_matrix, scores


def by_loop(label, prediction, classes, ignore):
    """The definitions with sets of pixels, class by class."""
    counted = label != ignore
    label, prediction = label[counted], prediction[counted]
    accuracies, ious, weighted = [], [], 0.0
    for number in range(classes):
        true, guessed = label == number, prediction == number
        both, either = (true & guessed).sum(), (true | guessed).sum()
        if true.any():
            accuracies.append(both / true.sum())
        if either:
            ious.append(both / either)
            weighted += true.sum() * both / either
    return {
        "pixel_accuracy": (label == prediction).mean(),
        "mean_accuracy": np.mean(accuracies),
        "mean_iu": np.mean(ious),
        "frequency_weighted_iu": weighted / label.size,
    }


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.booleans())
def test_against_a_loop_over_classes(classes, seed, with_ignore):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, rng.integers(1, classes + 1), (3, 7, 5))
    prediction = rng.integers(0, rng.integers(1, classes + 1), (3, 7, 5))
    if with_ignore:
        label[rng.random(label.shape) < 0.3] = 255
    if (label == 255).all():
        return
    found = scores(confusion_matrix(label, prediction, classes)).as_dict()
    for key, value in by_loop(label, prediction, classes, 255).items():
        assert found[key] == pytest.approx(value)


def test_by_hand():
    # Class 0: 3 of 4 right; class 1: 1 of 2 right, and one stranger; class 2 occurs nowhere.
    found = scores([[3, 1, 0], [1, 1, 0], [0, 0, 0]], ["a", "b", "c"])
    assert found.pixel_accuracy == pytest.approx(4 / 6)
    assert found.mean_accuracy == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found.mean_iu == pytest.approx((3 / 5 + 1 / 3) / 2)
    assert found.frequency_weighted_iu == pytest.approx((4 * 3 / 5 + 2 * 1 / 3) / 6)
    assert [score.name for score in found.per_class] == ["a", "b", "c"]
    assert found.per_class[2].iu is None and found.per_class[2].accuracy is None


def test_a_class_that_is_only_predicted_counts_as_0():
    found = scores([[3, 1], [0, 0]])
    assert found.mean_iu == pytest.approx((3 / 4 + 0) / 2)
    assert found.mean_accuracy == pytest.approx(3 / 4)
    assert found.per_class[1].iu == 0 and found.per_class[1].accuracy is None


def test_rows_are_truth_and_columns_predictions():
    assert confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 0]), 2).tolist() == [[0, 2], [1, 0]]


def test_ignored_pixels_do_not_count_even_where_the_prediction_is_out_of_range():
    label, prediction = np.array([0, 255, 1], np.uint8), np.array([0, 200, 1], np.uint8)
    assert confusion_matrix(label, prediction, 2).tolist() == [[1, 0], [0, 1]]
    assert confusion_matrix(np.array([0, 7]), np.array([0, 1]), 2, ignore=7).sum() == 1


def test_images_add_up_to_the_data_set():
    rng = np.random.default_rng(0)
    label, prediction = rng.integers(0, 3, (2, 4, 9, 9))
    growing = Confusion(3)
    for image in range(4):
        growing.update(label[image], prediction[image])
    assert growing.scores() == scores(confusion_matrix(label, prediction, 3))


def test_as_dict_is_json_with_the_agreed_keys():
    found = json.loads(json.dumps(scores([[1, 0], [2, 0]], ["a", "b"]).as_dict()))
    assert list(found) == ["pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu", "per_class"]
    assert found["per_class"][0] == {
        "name": "a", "accuracy": 1.0, "iu": pytest.approx(1 / 3), "dice": pytest.approx(1 / 2), "pixels": 1,
    }  # fmt: skip


def test_nothing_counted():
    found = scores(np.zeros((2, 2), int))
    assert found.pixel_accuracy is None and found.mean_iu is None
    assert "-" in found.table()


def test_the_table_names_every_class():
    lines = scores([[5, 0], [0, 5]], ["sky", "a very long name"]).table().splitlines()
    assert len(lines) == 4 and "1.000" in lines[0]
    assert lines[2].startswith("sky ") and lines[3].startswith("a very long name")


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"label \(2,\) and prediction \(3,\) differ"):
        confusion_matrix(np.zeros(2, int), np.zeros(3, int), 2)
    with pytest.raises(ValueError, match="label 4 is no class, allowed 0 to 1"):
        confusion_matrix(np.array([0, 4]), np.array([0, 0]), 2)
    with pytest.raises(ValueError, match="prediction -1 is no class"):
        confusion_matrix(np.array([0, 1]), np.array([0, -1]), 2)
    with pytest.raises(TypeError, match="prediction must hold whole numbers, got float64"):
        confusion_matrix(np.array([0]), np.array([0.0]), 2)
    with pytest.raises(ValueError, match=r"square, got shape \(2, 3\)"):
        scores(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="1 names for 2 classes"):
        scores(np.zeros((2, 2)), ["a"])


def test_a_class_that_is_nowhere_is_named_below_the_table():
    confusion = Confusion(3, ["sky", "road", "tree"])
    confusion.update(np.zeros((2, 2), int), np.zeros((2, 2), int))
    assert confusion.scores().mean_iu == 1.0
    assert confusion.scores().table().splitlines()[-1].endswith("so in no mean: road, tree")
    confusion.update(np.array([1, 2]), np.array([2, 1]))
    assert "no mean" not in confusion.scores().table()
