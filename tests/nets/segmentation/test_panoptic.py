"""Panoptic maps: the rules by loops over pixels, COCO's picture and list, and the scores."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.data import IGNORE, Sample, SegmentationClass, street
from nets.segmentation.instances import Found, FoundObject
from nets.segmentation.metrics import PanopticQuality, Segment
from nets.segmentation.panoptic import STUFF_SHARE, PanopticTally, as_colors, found_map, merged, segments_info, true_map

CLASSES = (
    SegmentationClass(0, "sky", (0, 0, 9)),
    SegmentationClass(7, "car", (9, 0, 0), thing=True),
    SegmentationClass(21, "road", (0, 9, 0)),
)
CAR, THINGS = 1, (1,)


def drawn(seed, shape=(6, 8)):
    """A Sample: noise of sky, road, ignored pixels and cars, of which some have no number."""
    rng = np.random.default_rng(seed)
    label = rng.choice(np.array([0, CAR, 2, IGNORE], np.uint8), shape)
    instances = np.where(label == CAR, rng.integers(0, 4, shape) * 5, 0).astype(np.int32)
    return Sample(np.zeros(shape, np.uint8), label, instances, "drawn")


@given(st.integers(0, 2**32 - 1))
def test_the_truth_by_a_loop_over_pixels(seed):
    sample = drawn(seed)
    ids, segments = true_map(sample, THINGS)
    regions = {}
    for place in np.ndindex(ids.shape):
        label, number = int(sample.label[place]), int(sample.instances[place])
        if label == IGNORE:
            assert ids[place] == 0
        else:
            assert ids[place] > 0
            regions.setdefault((label, number), set()).add(int(ids[place]))
    assert all(len(found) == 1 for found in regions.values())
    assert len({number for found in regions.values() for number in found}) == len(regions) == len(segments)
    for (label, number), (segment,) in regions.items():
        assert segments[segment] == Segment(label, crowd=label == CAR and number == 0)


def test_small_regions_of_stuff_are_void():
    label = np.array([[0, 0, 2, 1, 1]], np.uint8)
    instances = np.array([[0, 0, 0, 9, 9]])
    ids, segments = merged(label, instances, {9: CAR}, THINGS, least_stuff=2)
    assert ids.tolist() == [[2, 2, 0, 1, 1]]
    assert segments == {1: Segment(CAR), 2: Segment(0)}
    assert merged(label, instances, {9: CAR}, THINGS).ids.tolist() == [[2, 2, 3, 1, 1]]


def as_found(sample):
    """The perfect answer to a sample."""
    objects = tuple(
        FoundObject(int(number), int(sample.label[sample.instances == number][0]), 1, (0, 0), (0, 0, 1, 1), 1.0)
        for number in np.unique(sample.instances[sample.instances > 0])
    )
    return Found(sample.label, sample.instances, objects)


def test_a_perfect_answer_has_pq_1_and_a_shifted_one_has_less():
    dataset = street(length=2)
    perfect, shifted = PanopticTally(dataset.classes), PanopticTally(dataset.classes)
    for position in range(2):
        sample = dataset.sample(position)
        found = as_found(sample)
        perfect.update(sample, found)
        moved = found._replace(label=np.roll(found.label, 5, 1), instances=np.roll(found.instances, 5, 1))
        shifted.update(sample, moved)
    scores = perfect.scores()
    # regions below STUFF_SHARE are void in a prediction, so a perfect answer may miss a few
    assert scores.sq > 0.999 and scores.pq_things == pytest.approx(1) and scores.pq > 0.9
    assert 0 < shifted.scores().pq < scores.pq
    found = json.loads(json.dumps(scores.as_dict()))
    assert {"pq", "sq", "rq", "f1_50", "aji", "mean_iu", "segments"} <= set(found)
    assert [score["name"] for score in found["segments"]] == [entry.name for entry in dataset.classes]
    assert "PQ of things 1.000" in scores.table()


@given(st.integers(0, 2**32 - 1))
def test_the_tally_is_panoptic_quality_of_the_two_maps(seed):
    sample, other = drawn(seed), drawn(seed + 1)
    found = as_found(other._replace(label=np.where(other.label == IGNORE, 0, other.label).astype(np.uint8)))
    tally, metric = PanopticTally(CLASSES), PanopticQuality()
    tally.update(sample, found)
    metric.update(*true_map(sample, THINGS), *found_map(found, THINGS))
    assert tally.scores()[1:4] == metric.scores()[:3]
    assert tally.scores().pq_things == metric.scores(THINGS).pq


def test_an_empty_data_set_has_no_scores():
    scores = PanopticTally(CLASSES).scores()
    assert scores.pq is None and scores.segments[0].pq is None
    assert "-" in scores.table()


def test_cocos_picture_and_list():
    ids = np.array([[1, 1, 0], [0, 2, 2]], np.int32)
    panoptic = merged(np.array([[0, 0, IGNORE], [IGNORE, 1, 1]]), np.array([[0, 0, 0], [0, 3, 3]]), {3: 1}, THINGS)
    assert segments_info(panoptic, CLASSES) == [
        {"id": 1, "category_id": 7, "iscrowd": 0, "area": 2, "bbox": [1, 1, 2, 1]},
        {"id": 2, "category_id": 0, "iscrowd": 0, "area": 2, "bbox": [0, 0, 2, 1]},
    ]
    colors = as_colors(ids + 70000)
    assert colors.dtype == np.uint8
    red, green, blue = np.moveaxis(colors.astype(int), -1, 0)
    np.testing.assert_array_equal(red + 256 * green + 65536 * blue, ids + 70000)
    assert 0 < STUFF_SHARE < 0.01
