"""COCO's AP against pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nets.segmentation.metrics import CocoAP, Detection

pytest.importorskip("pycocotools")

HEIGHT, WIDTH = 8, 9


def by_pycocotools(images, thresholds):
    """(AP over all thresholds, AP at each) as COCOeval finds them."""
    from pycocotools import mask as encoded
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def entry(number, image, found):
        run_lengths = encoded.encode(np.asfortranarray(found.mask, dtype=np.uint8))
        return {
            "id": number, "image_id": image, "category_id": found.label, "segmentation": run_lengths,
            "area": int(found.mask.sum()), "iscrowd": int(found.crowd), "score": found.score, "bbox": [0, 0, 1, 1],
        }  # fmt: skip

    truth = [(at, found) for at, (true, _) in enumerate(images) for found in true]
    detections = [(at, found) for at, (_, predicted) in enumerate(images) for found in predicted]
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for found in (truth, detections):
            side = COCO()
            side.dataset = {
                "images": [{"id": at, "height": HEIGHT, "width": WIDTH} for at in range(len(images))],
                "categories": [{"id": number} for number in (1, 2)],
                "annotations": [entry(number, *pair) for number, pair in enumerate(found, start=1)],
            }
            side.createIndex()
            sides.append(side)
        judge = COCOeval(*sides, "segm")
        judge.params.iouThrs = np.array(thresholds)
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # (thresholds, recalls, classes); -1: a class without objects
    return [None if (row < 0).all() else row[row >= 0].mean() for row in precision]


@st.composite
def image(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = [_object(rng, crowd=rng.random() < 0.2) for _ in range(draw(st.integers(0, 4)))]
    found = [_object(rng, score=rng.integers(1, 9) / 10) for _ in range(draw(st.integers(0, 3)))]
    for entry in truth:
        if rng.random() < 0.7:
            noise = rng.random(entry.mask.shape) < rng.choice([0, 0.1, 0.3])
            found.append(Detection(entry.mask ^ noise, entry.label, rng.integers(1, 9) / 10))
    return truth, [entry for entry in found if entry.mask.any()]


def _object(rng, score=1.0, crowd=False):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    top, left = rng.integers(0, 6, 2)
    mask[top : top + rng.integers(1, 5), left : left + rng.integers(1, 5)] = True
    return Detection(mask, int(rng.integers(1, 3)), float(score), bool(crowd))


@given(st.lists(image(), min_size=1, max_size=4))
def test_against_pycocotools(images):
    metric = CocoAP()
    for truth, found in images:
        metric.update(truth, found)
    expected = by_pycocotools(images, metric.thresholds)
    for threshold, value in zip(metric.thresholds, expected, strict=True):
        assert metric.ap(threshold) == (None if value is None else pytest.approx(value))
    assert metric.ap() == (None if expected[0] is None else pytest.approx(np.mean(expected)))


def test_by_hand():
    """Two objects; the first and third detection are right: precision 1 up to recall .5, then 2/3."""
    one, two, none = (np.arange(6).reshape(1, 6) // 2 == number for number in range(3))
    metric = CocoAP()
    metric.update([Detection(one, 1), Detection(two, 1)],
                  [Detection(one, 1, 0.9), Detection(none, 1, 0.8), Detection(two, 1, 0.7)])  # fmt: skip
    assert metric.ap(0.5) == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_only_the_best_detections_of_an_image_count():
    mask = np.ones((1, 1), bool)
    metric = CocoAP(most=1)
    metric.update([Detection(mask, 1)], [Detection(~mask, 1, 0.9), Detection(mask, 1, 0.1)])
    assert metric.ap() == 0
    assert CocoAP().ap() is None
