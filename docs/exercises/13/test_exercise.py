"""The properties of a right answer to exercise 13."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage


def test_diagonal_neighbours_are_not_connected(answer):
    found = np.asarray(answer.components(np.eye(3, dtype=bool)))
    assert found.max() == 3, (
        f"three pixels on a diagonal are 3 regions, yours {found.max()}: a diagonal does not connect"
    )


def test_a_u_is_one_region(answer):
    mask = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 1]], bool)
    found = np.asarray(answer.components(mask))
    assert len(np.unique(found[mask])) == 1, (
        f"a U is one region, because its arms meet at the bottom; yours is {found.tolist()}. Flood the whole region "
        "before you give out the next number."
    )


def test_the_border_ends_the_image(answer):
    mask = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]], bool)
    found = np.asarray(answer.components(mask))
    assert found.max() == 4, (
        f"the four corners are 4 regions, yours {found.tolist()}: beyond the border there is nothing. (In NumPy "
        "an index of -1 means the other end.)"
    )


@given(seed=st.integers(0, 2**32 - 1))
def test_same_regions_as_scipy(answer, seed):
    mask = np.random.default_rng(seed).random((5, 6)) < 0.55
    found, (expected, count) = np.asarray(answer.components(mask)), ndimage.label(mask)
    assert not found[~mask].any(), "pixels outside the mask get 0"
    assert sorted(np.unique(found[mask]).tolist()) == list(range(1, count + 1)), (
        f"{count} regions must have the numbers 1 to {count} without gaps, yours {np.unique(found[mask]).tolist()}"
    )
    pairs = set(zip(found[mask].tolist(), expected[mask].tolist(), strict=True))
    assert len(pairs) == count, f"the regions differ from scipy's: yours {found.tolist()}, expected {expected.tolist()}"
