"""U-Net's border weights against the formula, cell by cell and pixel by pixel."""

import numpy as np
import pytest

from nets.data import border_weights, cells, weight_map


def by_definition(instances, w0, sigma):
    """w0 exp(-(d1 + d2)^2 / 2 sigma^2) on background, every distance to every cell pixel measured."""
    height, width = instances.shape
    rows, columns = np.indices((height, width))
    distances = []
    for number in range(1, instances.max() + 1):
        at_rows, at_columns = np.nonzero(instances == number)
        squared = (rows[..., None] - at_rows) ** 2 + (columns[..., None] - at_columns) ** 2
        distances.append(np.sqrt(squared.min(-1)))
    if len(distances) < 2:
        return np.zeros((height, width))
    nearest, second = np.sort(distances, axis=0)[:2]
    return np.where(instances == 0, w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2)), 0)


@pytest.mark.parametrize(("w0", "sigma"), [(10, 5), (3, 2)])
def test_the_formula(w0, sigma):
    sample = cells(length=1, size=(64, 72)).sample(0)
    assert border_weights(sample.instances, w0, sigma) == pytest.approx(
        by_definition(sample.instances, w0, sigma), abs=1.01e-3 * w0
    )


def test_a_gap_of_one_pixel():
    instances = np.array([[1, 1, 0, 2, 2]])
    expected = 10 * np.exp(-(2**2) / 50)
    assert border_weights(instances) == pytest.approx(np.array([[0, 0, expected, 0, 0]]))


@pytest.mark.parametrize("count", [0, 1])
def test_without_a_second_cell_there_is_no_border(count):
    instances = np.zeros((30, 30), np.int32)
    instances[5:9, 5:9] = count
    assert not border_weights(instances).any()


def test_numbers_with_gaps():
    instances = np.array([[7, 0, 0, 900]])
    renumbered = np.array([[1, 0, 0, 2]])
    assert np.array_equal(border_weights(instances), border_weights(renumbered))


def test_class_weights_are_added_and_ignored_pixels_weigh_nothing():
    instances = np.array([[1, 0, 2, 0, 0]])
    label = np.array([[1, 0, 1, 0, 255]])
    border = border_weights(instances)
    assert border[0, 1] > 9
    weights = weight_map(label, instances, [0.5, 2.0])
    assert weights == pytest.approx(np.array([[2, 0.5 + border[0, 1], 2, 0.5 + border[0, 3], 0]]))
    assert weights.dtype == np.float32


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"border_weights: needs whole numbers \(H, W\), got float64 \(2, 2\)"):
        border_weights(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="sigma must be positive, got 0"):
        border_weights(np.zeros((2, 2), int), sigma=0)
