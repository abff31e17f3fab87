"""The scores of the task "instance": each number is that of its own metric, class by class."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.data import SegmentationClass
from nets.segmentation.metrics import AggregatedJaccard, Confusion, InstanceTally, Matching

CLASSES = (
    SegmentationClass(0, "ground", (0, 0, 0)),
    SegmentationClass(1, "car", (9, 0, 0), thing=True),
    SegmentationClass(2, "person", (0, 9, 0), thing=True),
)


def drawn(rng, shape=(8, 8)):
    """(label, instances): rectangles of two classes on the ground."""
    label, instances = np.zeros(shape, np.uint8), np.zeros(shape, np.int32)
    for number in range(1, rng.integers(1, 6)):
        top, left = rng.integers(0, 7, 2)
        window = slice(top, top + rng.integers(1, 5)), slice(left, left + rng.integers(1, 5))
        label[window], instances[window] = rng.integers(1, 3), number
    return label, instances


@given(st.integers(0, 2**32 - 1))
def test_one_class_is_the_metrics_themselves(seed):
    rng = np.random.default_rng(seed)
    tally, matching, aji, confusion = InstanceTally(CLASSES[:2]), Matching(), AggregatedJaccard(), Confusion(2)
    for _ in range(3):
        (_, truth), (_, found) = drawn(rng), drawn(rng)
        label, found_label = ((array > 0).astype(np.uint8) for array in (truth, found))
        label[rng.random(label.shape) < 0.1] = 255
        tally.update(label, truth, found_label, found)
        for metric in (matching, aji):
            metric.update(truth, found, label != 255)
        confusion.update(label, found_label)
    scores = tally.scores().as_dict()
    expected = {
        "f1_50": matching.f1(0.5), "f1_70": matching.f1(0.7), "ap_50": matching.ap(0.5), "mean_ap": matching.mean_ap(),
        "aji": aji.aji(), "aji_plus": aji.aji_plus(), "ap_50_by_image": matching.ap_by_image(0.5),
        "mean_ap_by_image": matching.mean_ap_by_image(), "aji_by_image": aji.aji_by_image(),
    }  # fmt: skip
    for key, value in expected.items():
        assert scores[key] == value, key
    assert scores["mean_iu"] == confusion.scores().mean_iu
    assert scores["things"][0]["f1_50"] == scores["f1_50"]


@given(st.integers(0, 2**32 - 1))
def test_objects_of_two_classes_never_match(seed):
    """Pooled counts are the sums of the classes' own counts, each with the other class taken away."""
    rng = np.random.default_rng(seed)
    (label, truth), (found_label, found) = drawn(rng), drawn(rng)
    tally = InstanceTally(CLASSES)
    tally.update(label, truth, found_label, found)
    total = np.zeros(3, int)
    for position, score in zip((1, 2), tally.scores().things, strict=True):
        matching = Matching()
        matching.update(np.where(label == position, truth, 0), np.where(found_label == position, found, 0))
        total += matching.counts(0.5)
        assert (score.f1_50, score.mean_ap) == (matching.f1(0.5), matching.mean_ap())
        assert score.objects == len(np.unique(truth[label == position]))
    tp, fp, fn = total
    assert tally.scores().f1_50 == (pytest.approx(2 * tp / (2 * tp + fp + fn)) if total.any() else None)


def test_nothing_to_find_is_none_and_prints():
    tally = InstanceTally(CLASSES)
    scores = tally.scores()
    assert scores.f1_50 is None and scores.aji is None and scores.mean_iu is None
    assert "-" in scores.table()
    nothing = np.zeros((2, 2), np.uint8)
    tally.update(nothing, nothing, nothing, nothing)
    found = json.loads(json.dumps(tally.scores().as_dict()))
    assert found["f1_50"] is None and found["pixel_accuracy"] == 1
    assert tally.scores().table().splitlines()[0].startswith("objects: F1@.5 -")
