"""The properties of a right answer to exercise 05."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt

CASES = st.tuples(st.integers(1, 3), st.integers(3, 6), st.integers(4, 6), st.integers(1, 3))


@given(case=CASES, seed=st.integers(0, 2**32 - 1))
def test_weight_times_columns_is_the_convolution(answer, case, seed):
    channels, height, width, k = case
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(channels, height, width)), rng.normal(size=(2, channels, k, k))
    found = answer.unfold(x, k)
    rows, columns = height - k + 1, width - k + 1
    expected = (channels * k * k, rows * columns)
    assert found.shape == expected, (
        f"x {x.shape}, k = {k}: the matrix must have shape {expected}, yours has {found.shape}. A window is a column, "
        "a tap is a row."
    )
    image = mt.conv2d(mt.tensor(x[None]), mt.tensor(weight)).numpy()[0]
    product = (weight.reshape(2, -1) @ found).reshape(2, rows, columns)
    if np.allclose(np.sort(found, axis=None), np.sort(mt.unfold(mt.tensor(x[None]), k).numpy(), axis=None)):
        first = x[:, :k, :k].ravel()
        assert np.array_equal(found[:, 0], first), (
            f"column 0 must be the first window, channel by channel: {first.round(2).tolist()}, yours is "
            f"{found[:, 0].round(2).tolist()}. weight.reshape(O, -1) has the channel outermost too."
        )
        assert np.allclose(product, image), (
            "every number is there, but the columns do not come in reading order: position (i, j) is column i * OW + j"
        )
    assert np.allclose(product, image), (
        "weight @ columns differs from the convolution: row (c, a, b) holds x[c, i + a, j + b]"
    )
