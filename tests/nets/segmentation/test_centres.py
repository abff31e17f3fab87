"""Centres and offsets: the targets by loops, and from perfect targets back to the objects."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nets.data import cells, street
from nets.segmentation.centres import LEAST_SIGMA, MOST_SIGMA, OFFSET_UNIT, SIGMA_SHARE, centre_targets, group, peaks


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9), st.integers(0, 3))
def test_the_targets_by_loops(seed, height, width, most):
    instances = np.random.default_rng(seed).integers(0, most + 1, (height, width)).astype(np.int32) * 5
    heat, down, right, known = centre_targets(instances)
    np.testing.assert_array_equal(known, instances > 0)
    assert not down[instances == 0].any() and not right[instances == 0].any()
    expected = np.zeros((height, width))
    for number in set(instances[instances > 0].tolist()):
        places = np.argwhere(instances == number)
        row, column = places.mean(0)
        for r, c in places:
            assert abs(r + OFFSET_UNIT * down[r, c] - row) < 1e-4
            assert abs(c + OFFSET_UNIT * right[r, c] - column) < 1e-4
        sigma = min(max(SIGMA_SHARE * np.sqrt(len(places)), LEAST_SIGMA), MOST_SIGMA)
        for r, c in np.ndindex(height, width):
            squared = (r - round(row)) ** 2 + (c - round(column)) ** 2
            expected[r, c] = max(expected[r, c], np.exp(-squared / (2 * sigma**2)))
    np.testing.assert_allclose(
        heat, expected, atol=np.exp(-9 / 2)
    )  # what lies beyond 3 standard deviations is left out
    if most and instances.any():
        assert heat.max() == 1


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 5]), st.sampled_from([0.2, 0.6]))
def test_peaks_by_loops(seed, window, threshold):
    heat = np.random.default_rng(seed).permutation(42).reshape(6, 7) / 42  # all different, so no peak is a plateau
    reach = window // 2
    expected = {
        (r, c)
        for r, c in np.ndindex(heat.shape)
        if heat[r, c] >= threshold
        and heat[r, c] == heat[max(0, r - reach) : r + reach + 1, max(0, c - reach) : c + reach + 1].max()
    }
    if window > 1:  # with a window of 1 every pixel is a peak, and neighbours are joined
        assert {tuple(place) for place in peaks(heat, threshold, window)} == expected


def test_equal_neighbours_are_one_peak():
    heat = np.zeros((5, 6))
    heat[2, 2:4] = 0.9
    assert peaks(heat, 0.5, 3).tolist() == [[2, 2.5]]
    assert peaks(heat, 0.95, 3).shape == (0, 2)
    assert not group(heat > 0, heat, np.zeros((2, 5, 6)), threshold=0.95).any()


def test_perfect_targets_give_the_objects_back():
    """Also where objects touch, and where one is cut in two by another (streets)."""
    for dataset, least in ((cells(length=3), 0.97), (street(length=3), 0.85)):
        right = total = 0
        for position in range(3):
            instances = dataset.sample(position).instances
            heat, *offsets, known = centre_targets(instances)
            found = group(known > 0, heat, np.stack(offsets), threshold=0.3, window=3)
            for number in range(1, instances.max() + 1):
                mine = found[instances == number]
                total += 1
                right += (mine == np.bincount(mine).argmax()).all() and (found == mine[0]).sum() == len(mine)
        assert right / total >= least, dataset.name
