"""The properties of a right answer to exercise 12."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st


def net(weights, longest=None):
    """A convolution along a line, which refuses pieces that are too long."""

    def f(y):
        assert longest is None or len(y) <= longest, (
            f"a call of f got {len(y)} numbers; a tile may read at most tile + 2 * margin = {longest}. "
            "Memory is what overlap-tile saves."
        )
        return np.convolve(y, weights, "valid")

    return f


@given(n=st.integers(4, 12), margin=st.integers(0, 3), tile=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_tiles_leave_no_seam(answer, n, margin, tile, seed):
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=n), rng.normal(size=2 * margin + 1)
    found = np.asarray(answer.by_tiles(net(weights, tile + 2 * margin), x, margin, tile))
    expected = net(weights)(np.pad(x, margin, mode="reflect"))
    settings = f"n {n}, margin {margin}, tile {tile}"
    assert found.shape == (n,), (
        f"{settings}: {n} numbers in, {n} out: each tile keeps its own outputs; yours has shape {found.shape}. Tiles "
        f"start at the outputs 0, {tile}, {2 * tile}, ... below {n}, and the last one may be shorter."
    )
    inside = slice(margin, n - margin)
    assert np.allclose(found[inside], expected[inside]), (
        f"{settings}: there is a seam between tiles. Each tile must read `margin` "
        "numbers of its neighbours on both sides; the mirror image is for the ends of the whole line only."
    )
    assert np.allclose(found, expected), (
        f"{settings}: the inside is right, the ends are not. Beyond an end the line continues "
        "as its mirror image, and the outermost number does not repeat: 1 2 3 4 -> 3 2 [1 2 3 4] 3 2."
    )
