"""The properties of a right answer to exercise 01."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

MASKS = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((2, 4, 5)) < 0.5)


def test_two_empty_masks_agree(answer):
    empty = np.zeros((4, 5), bool)
    assert answer.iou(empty, empty) == 1, "nothing was there and nothing was found: for two empty masks return 1.0"


@given(masks=MASKS)
def test_the_order_does_not_matter(answer, masks):
    a, b = masks
    assert answer.iou(a, b) == answer.iou(b, a), (
        "the masks may change places: pixels in both and pixels in either do not depend on the order. "
        "Divide by the pixels of either mask, not of one mask."
    )


@given(masks=MASKS)
def test_background_does_not_count(answer, masks):
    a, b = masks
    larger = [np.pad(mask, 3) for mask in masks]
    assert abs(answer.iou(a, b) - answer.iou(*larger)) < 1e-12, (
        "more background around both masks must not change the result: pixels that are in neither mask do not count"
    )


@given(overlap=st.integers(0, 6))
def test_two_squares(answer, overlap):
    a, b = np.zeros((1, 12), bool), np.zeros((1, 12), bool)
    a[0, :6], b[0, 6 - overlap : 12 - overlap] = True, True
    expected = overlap / (12 - overlap)
    assert abs(answer.iou(a, b) - expected) < 1e-12, (
        f"two rows of 6 pixels share {overlap}: the union has 6 + 6 - {overlap} = {12 - overlap} pixels, so IoU is "
        f"{expected:.3f}, you return {answer.iou(a, b):.3f}. Pixels in both count once in the union."
    )
