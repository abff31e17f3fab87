"""The properties of a right answer to exercise 04."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import minitensor as mt

CASES = st.fixed_dictionaries(
    {
        "size": st.tuples(st.integers(1, 7), st.integers(1, 7)),
        "kernel": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "stride": st.integers(1, 3),
        "padding": st.integers(0, 2),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def test_a_single_pixel_shows_the_kernel(answer):
    image, kernel = np.zeros((3, 3)), np.arange(1.0, 5).reshape(2, 2)
    image[1, 1] = 1
    found = answer.conv2d(image, kernel)
    assert not np.array_equal(found, kernel), (
        "an image with a single 1 must give the kernel rotated by 180 degrees, you return the kernel itself: your "
        "kernel is rotated before the sum. out[0, 0] sees the 1 at window place (1, 1), so it is kernel[1, 1]."
    )
    assert np.array_equal(found, kernel[::-1, ::-1]), (
        f"an image with a single 1 in the middle must give {kernel[::-1, ::-1].tolist()}, yours is {found.tolist()}. "
        "The window at (i, j) begins there, and each tap (a, b) is multiplied with the pixel at the same place."
    )


@given(case=CASES)
def test_same_as_the_library(answer, case):
    size, taps, stride, padding = case["size"], case["kernel"], case["stride"], case["padding"]
    assume(all(n + 2 * padding >= k for n, k in zip(size, taps, strict=True)))
    rng = np.random.default_rng(case["seed"])
    image, kernel = rng.normal(size=size), rng.normal(size=taps)
    settings = f"image {size}, kernel {taps}, stride {stride}, padding {padding}"
    found = np.asarray(answer.conv2d(image, kernel, stride, padding))
    expected = mt.conv2d(mt.tensor(image[None, None]), mt.tensor(kernel[None, None]), stride=stride, padding=padding)
    expected = expected.numpy()[0, 0]
    assert found.shape == expected.shape, (
        f"{settings}: the output has shape {expected.shape} by the formula floor((n + 2 padding - k) / stride) + 1, "
        f"yours {found.shape}. The zeros stand around the image, before the sum; the window moves by `stride` pixels."
    )
    assert np.allclose(found, expected), (
        f"{settings}: the sizes are right but the numbers are not. Is tap (a, b) multiplied with the padded pixel "
        "(i * stride + a, j * stride + b)? The zeros of the padding stand around the image, not around the output."
    )
