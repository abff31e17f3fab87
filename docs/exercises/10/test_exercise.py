"""The properties of a right answer to exercise 10."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt

CASES = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))


def test_where_a_weight_goes(answer):
    weight = np.arange(12.0).reshape(1, 12)  # 2 channels of 2 x 3
    kernel = np.asarray(answer.as_kernel(weight, 2, 2, 3))
    assert kernel.shape == (1, 2, 2, 3), f"the kernel has shape (O, C, H, W) = (1, 2, 2, 3), yours {kernel.shape}"
    assert kernel[0, 0, 0, 0] == 0 and kernel[0, 1, 1, 2] == 11, (
        "weight 0 belongs to channel 0, row 0, column 0 and the last weight to the last of each. A convolution of deep "
        "learning does not rotate the kernel, so do not rotate it here."
    )
    assert kernel[0, 1, 0, 0] == 6, (
        f"flattening goes channel first: weights 0 to 5 belong to channel 0, and weight 6 begins channel 1; yours has "
        f"{kernel[0, 1, 0, 0]:g} there"
    )
    assert kernel[0, 0, 0, 1] == 1, (
        "inside a channel flattening goes row by row: weight 1 is row 0, column 1; yours has "
        f"{kernel[0, 0, 0, 1]:g} there"
    )
    two = np.asarray(answer.as_kernel(np.arange(24.0).reshape(2, 12), 2, 2, 3))
    assert two.shape == (2, 2, 2, 3) and two[1, 0, 0, 0] == 12, (
        "row o of the weight holds all the weights of output o: with 2 outputs, kernel[1] begins with the first weight "
        f"of row 1, which is 12; yours has {two.flat[two.size // 2]:g} there"
    )


@given(case=CASES, seed=st.integers(0, 2**32 - 1))
def test_same_numbers_and_a_window_that_slides(answer, case, seed):
    channels, height, width, outputs = case
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(outputs, channels * height * width))
    features = rng.normal(size=(1, channels, height + 1, width))
    kernel = np.ascontiguousarray(answer.as_kernel(weight, channels, height, width))
    heat = mt.conv2d(mt.tensor(features), mt.tensor(kernel)).numpy()[0, :, :, 0]
    for top in (0, 1):
        expected = weight @ features[0, :, top : top + height].ravel()
        assert np.allclose(heat[:, top], expected), (
            f"features one row larger than {height} x {width} give two windows; at window {top} the fully connected "
            f"layer says {expected.round(3).tolist()}, the convolution {heat[:, top].round(3).tolist()}"
        )
