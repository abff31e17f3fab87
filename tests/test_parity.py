"""The judge is judged: same_as_torch must notice each kind of difference, and draw arrays as they were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import _cast_keeping_layout, normal, same_as_torch
from tests.strategies import LAYOUTS, lay_out


class _WrongSecond(mt.Op):
    """y = x^3 whose gradient has the right value and no derivative of its own."""

    uses = ((0,),)

    def forward(self, x):
        return x * x * x

    def backward(self, grad, needs):
        x = self.inputs[0].detach()
        return grad * 3 * x * x


DIFFERENCES = {
    "values": (lambda m, x: x * (2.0 + 1e-4 * (m is mt)), "result 0"),
    "shape": (lambda m, x: x[None] if m is mt else x * 1, "shape"),
    "dtype": (lambda m, x: x.to(mt.float32) if m is mt else x * 1, "dtype"),
    "gradient": (lambda m, x: x + (x.detach() if m is mt else x), "order 1: gradient of input 0"),
    "second gradient": (lambda m, x: _WrongSecond()(x) if m is mt else x * x * x, "order 2|again"),
    "number of results": (lambda m, x: (x, x) if m is mt else x * 1, "2 results"),
}


@pytest.mark.parametrize(("function", "message"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_a_difference_is_found(function, message):
    torch_function = (lambda m, x: 2 * x) if "order 1" in message else None
    with pytest.raises(AssertionError, match=message):
        same_as_torch(function, normal(3, 2), torch_function=torch_function, dtypes=[np.float64])


@pytest.mark.cpu_only
def test_a_change_of_the_input_is_found():
    def clobber(m, x):
        if m is mt:
            x.data[0] = 7.0
        return x[1:] * 1

    with pytest.raises(AssertionError, match="input 0 was changed"):
        same_as_torch(clobber, normal(3))


def test_float32_differences_of_one_digit_too_many_are_found():
    with pytest.raises(AssertionError, match="float32"):
        same_as_torch(lambda m, x: x * (1.0 + 2e-5 * (m is mt)), normal(4), dtypes=[np.float32])


@given(st.sampled_from(LAYOUTS), st.sampled_from([(3,), (4, 3), (2, 3, 4)]))
def test_layouts_survive_the_cast(layout, shape):
    array = lay_out(normal(*shape), layout)
    cast = _cast_keeping_layout(array, np.dtype(np.float32))
    np.testing.assert_array_equal(cast, array.astype(np.float32))
    assert [np.sign(s) for s in cast.strides] == [np.sign(s) for s in array.strides]
    if layout == "transposed":
        assert cast.strides == tuple(s // 2 for s in array.strides)
