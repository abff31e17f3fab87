"""The properties of a right answer to exercise 06."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import minitensor as mt

CASES = st.fixed_dictionaries(
    {
        "size": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "kernel": st.integers(1, 4),
        "stride": st.integers(1, 3),
        "padding": st.integers(0, 3),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def test_one_pixel_paints_the_kernel(answer):
    kernel = np.arange(1.0, 10).reshape(3, 3)
    found = np.asarray(answer.conv_transpose2d(np.ones((1, 1)), kernel))
    assert found.size, (
        "nothing is left of your result: for padding 0, full[padding:-padding] is full[0:0], which is empty"
    )
    assert not np.array_equal(found, kernel[::-1, ::-1]), (
        "an image of a single 1 must paint the kernel as it is, yours comes out reversed. If you slide a kernel over "
        "padded zeros, rotate it by 180 degrees first."
    )
    assert np.array_equal(found, kernel), (
        f"an image of a single 1 must paint the kernel {kernel.tolist()}, yours gives {found.tolist()}"
    )


def test_zeros_come_before_the_padding(answer):
    found = np.asarray(answer.conv_transpose2d(np.ones((2, 2)), np.ones((3, 3)), stride=2))
    assert found.shape != (9, 9), (
        "2 x 2 pixels, kernel 3, stride 2 give 5 x 5, yours 9 x 9: you pad before you insert the zeros, so the padding "
        "is spread too. Insert the zeros first."
    )
    assert found.shape == (5, 5), (
        f"2 x 2 pixels, kernel 3, stride 2: (2 - 1) * 2 + 3 = 5 rows, yours {found.shape}. stride - 1 zeros stand "
        "between two pixels; none follows the last one."
    )


@given(case=CASES)
def test_same_as_the_library(answer, case):
    size, taps, stride, padding = case["size"], case["kernel"], case["stride"], case["padding"]
    assume(all((n - 1) * stride - 2 * padding + taps > 0 for n in size))
    rng = np.random.default_rng(case["seed"])
    image, kernel = rng.normal(size=size), rng.normal(size=(taps, taps))
    settings = f"image {size}, kernel {taps}, stride {stride}, padding {padding}"
    found = np.asarray(answer.conv_transpose2d(image, kernel, stride, padding))
    expected = mt.conv_transpose2d(
        mt.tensor(image[None, None]), mt.tensor(kernel[None, None]), stride=stride, padding=padding
    ).numpy()[0, 0]
    assert found.shape == expected.shape, (
        f"{settings}: the output has shape {expected.shape}, yours {found.shape}. The padding of a transposed "
        "convolution makes the output smaller: crop it from every side at the end."
    )
    assert np.allclose(found, expected), (
        f"{settings}: the sizes are right but the numbers are not. Kernels that overlap are added; the crop takes the "
        "same from both sides."
    )
