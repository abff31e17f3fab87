"""The properties of a right answer to exercise 08."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt

SIZES = st.integers(1, 9)


@given(size_in=SIZES, size_out=SIZES)
def test_rows_sum_to_one(answer, size_in, size_out):
    matrix = np.asarray(answer.bilinear_matrix(size_in, size_out))
    assert matrix.shape == (size_out, size_in), (
        f"one row for each output: shape {(size_out, size_in)}, yours {matrix.shape}"
    )
    assert np.allclose(matrix.sum(axis=1), 1), (
        f"{size_in} -> {size_out}: each row must sum to 1, or a grey image would change its grey. The sums are "
        f"{matrix.sum(axis=1).round(3).tolist()}. At the border the outermost pixel takes both weights, added, so "
        "each row sums to 1."
    )


def test_the_nearer_pixel_weighs_more(answer):
    row = np.asarray(answer.bilinear_matrix(2, 4))[1]
    assert row[0] > row[1], (
        f"2 -> 4: output 1 lies at 0.25, nearer to pixel 0 than to pixel 1, but your weights are {row.tolist()}. "
        "The nearer pixel weighs more: 1 minus the distance."
    )


@given(size_in=SIZES, size_out=SIZES)
def test_same_as_the_library(answer, size_in, size_out):
    matrix = np.asarray(answer.bilinear_matrix(size_in, size_out))
    rows = mt.tensor(np.eye(size_in)[None, None])
    expected = mt.interpolate(rows, size=(size_out, size_in), mode="bilinear", align_corners=False).numpy()[0, 0]
    assert np.allclose(matrix, expected), (
        f"{size_in} -> {size_out}: expected {expected.round(3).tolist()}, yours {matrix.round(3).tolist()}. A pixel is "
        "an area and its centre lies at 0.5: output i lies at (i + 0.5) * size_in / size_out - 0.5."
    )
