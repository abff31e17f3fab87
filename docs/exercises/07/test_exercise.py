"""The properties of a right answer to exercise 07."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st


def conv1d(x, kernel, stride):
    positions = (len(x) - len(kernel)) // stride + 1
    return np.array([(x[i * stride : i * stride + len(kernel)] * kernel).sum() for i in range(positions)])


@given(taps=st.integers(1, 4), more=st.integers(0, 6), stride=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
def test_it_is_the_transpose(answer, taps, more, stride, seed):
    size = taps + more
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=size), rng.normal(size=taps)
    y = conv1d(x, kernel, stride)
    g = rng.normal(size=len(y))
    found = np.asarray(answer.conv1d_input_gradient(g, kernel, size, stride))
    settings = f"{size} numbers, kernel {taps}, stride {stride}"
    assert found.shape == (size,), (
        f"{settings}: the gradient has the shape of x, ({size},), yours {found.shape}. Numbers at the end that no "
        "window reaches belong to it; their gradient is 0. This is what output_padding is for."
    )
    left, right = (g * y).sum(), (found * x).sum()
    assert abs(left - right) < 1e-9, (
        f"{settings}: <g, conv(x)> = {left:.4f} but <gradient, x> = {right:.4f}. The gradient multiplies by the "
        "transpose of convolution's matrix: x[i * stride + a] was multiplied with kernel[a] to make y[i], so it gets "
        "g[i] * kernel[a], added over all windows that read it."
    )
