"""Class weights and normalisation, against numbers worked out by hand."""

import numpy as np
import pytest

from nets.data import IGNORE, Normalization, Sample, count_classes, log_weights, make_batch, median_frequency_weights
from nets.data.balance import ClassCounts


class Listed:
    """A dataset of given labels, over classes 0 .. count-1."""

    def __init__(self, labels, count, images=None):
        self.classes = tuple(range(count))
        images = images or [np.zeros(np.shape(label), np.uint8) for label in labels]
        self.channels = 1 if images[0].ndim == 2 else 3
        self.samples = [
            Sample(image, np.array(label, np.uint8), None, "") for image, label in zip(images, labels, strict=True)
        ]

    def __len__(self):
        return len(self.samples)

    def sample(self, index):
        return self.samples[index]


LABELS = [[[0, 0, 0, 1]], [[0, 2, IGNORE, 0]]]


def test_counts_leave_ignored_pixels_out():
    counts = count_classes(Listed(LABELS, 4))
    assert counts.pixels.tolist() == [5, 1, 1, 0]
    assert counts.images_pixels.tolist() == [7, 4, 3, 0]


def test_median_frequency():
    weights = median_frequency_weights(count_classes(Listed(LABELS, 4)))
    # Frequencies 5/7, 1/4, 1/3: the median is 1/3; class 3 does not occur.
    assert weights == pytest.approx([7 / 15, 4 / 3, 1, 1])
    softened = median_frequency_weights(count_classes(Listed(LABELS, 4)), power=0.5)
    assert softened == pytest.approx(np.sqrt([7 / 15, 4 / 3, 1, 1]))


def test_log_weights():
    weights = log_weights(count_classes(Listed(LABELS, 4)))
    assert weights == pytest.approx([1 / np.log(1.02 + 5 / 7), 1 / np.log(1.02 + 1 / 7), 1 / np.log(1.02 + 1 / 7), 1])
    rare = log_weights(ClassCounts(np.array([10**9, 1]), np.array([10**9 + 1] * 2)))
    assert rare.max() < 50.5


def test_balanced_classes_weigh_the_same():
    counts = count_classes(Listed([[[0, 1, 2, 3]]], 4))
    assert median_frequency_weights(counts) == pytest.approx([1, 1, 1, 1])
    assert len(set(log_weights(counts).tolist())) == 1


@pytest.mark.parametrize("weigh", [median_frequency_weights, log_weights])
def test_nothing_but_ignored_pixels(weigh):
    with pytest.raises(ValueError, match="all are ignored"):
        weigh(count_classes(Listed([[[IGNORE]]], 2)))


def test_normalization_is_that_of_numpy():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (9, 7, 3), dtype=np.uint8) for _ in range(5)]
    dataset = Listed([np.zeros((9, 7))] * 5, 1, images)
    normalization = Normalization.of(dataset)
    pixels = np.stack(images).reshape(-1, 3).astype(float)
    assert normalization.mean == pytest.approx(pixels.mean(0))
    assert normalization.std == pytest.approx(pixels.std(0))
    x, labels = make_batch(dataset.samples, normalization)
    assert x.shape == (5, 3, 9, 7) and x.dtype == np.float32
    assert labels.shape == (5, 9, 7) and labels.dtype == np.int64
    assert x.mean((0, 2, 3)) == pytest.approx([0, 0, 0], abs=1e-5)
    assert x.std((0, 2, 3)) == pytest.approx([1, 1, 1], abs=1e-5)
    assert Normalization.from_dict(normalization.as_dict()) == normalization


def test_normalization_of_a_blank_data_set_and_of_wrong_channels():
    normalization = Normalization.of(Listed([np.zeros((4, 4))], 1, [np.full((4, 4), 50, np.uint8)]))
    assert not normalization.apply(np.full((4, 4), 50, np.uint8)).any()
    with pytest.raises(ValueError, match=r"image has 3 channels \(shape \(4, 4, 3\)\), expected 1"):
        normalization.apply(np.zeros((4, 4, 3), np.uint8))
