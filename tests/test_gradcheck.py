"""gradcheck itself must find wrong gradients of either order; and with it, every operation is checked to order 2."""

import inspect

import numpy as np
import pytest

import minitensor as mt
from tests.differentiable import CASES, OURS_ALONE, WITHOUT_GRADIENT
from tests.parity import normal, same_as_torch
from tests.strategies import LAYOUTS, lay_out


def as_tensors(arrays):
    return [mt.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]


@pytest.mark.parametrize(
    ("function", "arrays"), [(f, a) for f, *a in [*CASES.values(), *OURS_ALONE.values()]], ids=[*CASES, *OURS_ALONE]
)
def test_gradients_of_every_operation(function, arrays):
    assert mt.gradcheck(lambda *tensors: function(mt, *tensors), as_tensors(arrays))


@pytest.mark.parametrize(("function", "arrays"), [(f, a) for f, *a in CASES.values()], ids=CASES)
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "every other", "flipped"])
def test_every_operation_equals_torch(function, arrays, layout):
    same_as_torch(function, *(lay_out(a, layout) for a in arrays))


@pytest.mark.parametrize(
    ("function", "arrays"), [(f, a) for f, *a in [*CASES.values(), *OURS_ALONE.values()]], ids=[*CASES, *OURS_ALONE]
)
def test_gradients_arrive_in_any_memory_layout(function, arrays):
    """What comes back from a sum has strides of 0 and is read-only; from a flip, negative strides."""
    inputs = as_tensors(arrays)
    variables = [x for x in inputs if x.requires_grad]
    mt.manual_seed(0)
    y = function(mt, *inputs)
    for layout in LAYOUTS:
        given = lay_out(normal(*y.shape), layout)
        before = given.copy()
        expected = mt.grad(y, variables, mt.Tensor(before.copy()), retain_graph=True)
        for create_graph in (False, True):
            found = mt.grad(y, variables, mt.Tensor(given), retain_graph=True, create_graph=create_graph)
            for g, e in zip(found, expected, strict=True):
                np.testing.assert_allclose(g.data, e.data, rtol=1e-10, atol=1e-12, err_msg=layout)
        np.testing.assert_array_equal(given, before, err_msg="the gradient given was changed")


def test_no_public_operation_is_missing_here():
    public = {
        name
        for name, value in vars(mt).items()
        if inspect.isfunction(value) and value.__module__.startswith("minitensor.ops")
    }
    named = {name.split(",")[0] for name in [*CASES, *OURS_ALONE]}
    assert public <= named | WITHOUT_GRADIENT, "add a line to tests/differentiable.py for each of these"


class WrongFirst(mt.Op):
    """y = x^2, with half of its gradient"""

    uses = ((0,),)

    def forward(self, x):
        return x * x

    def backward(self, grad, needs):
        return grad * self.inputs[0]


class WrongSecond(mt.Op):
    """y = x^2, with a gradient of the right value that is not recorded"""

    uses = ((0,),)

    def forward(self, x):
        return x * x

    def backward(self, grad, needs):
        return grad * mt.Tensor(2 * self.inputs[0].data)


class Unrecorded(WrongSecond):
    """y = x^2, with a gradient of the right value that does not even depend on the gradient coming in"""

    def backward(self, grad, needs):
        return mt.Tensor(grad.data * 2 * self.inputs[0].data)


class WrongShape(mt.Op):
    """y = x over broadcast axes, with the gradient left broadcast"""

    uses = ((),)

    def forward(self, x):
        return np.broadcast_to(x, (2, 3)) * 2.0

    def backward(self, grad, needs):
        return grad * 2.0


def x():
    return mt.Tensor(normal(2, 3), requires_grad=True)


def test_a_wrong_gradient_is_found_and_described():
    with pytest.raises(AssertionError, match=r"order 1 derivative of .* by backward and .* by differences"):
        mt.gradcheck(lambda x: WrongFirst()(x), x())


@pytest.mark.parametrize("operation", [WrongSecond, Unrecorded])
def test_a_wrong_second_derivative_is_found_by_default(operation):
    assert mt.gradcheck(lambda x: operation()(x), x(), order=1)
    with pytest.raises(AssertionError, match="order 2"):
        mt.gradcheck(lambda x: operation()(x), x())


def test_a_gradient_of_the_wrong_shape_is_found():
    with pytest.raises(ValueError, match=r"WrongShape.backward.* input of shape \(3,\) has shape \(2, 3\)"):
        mt.gradcheck(lambda x: WrongShape()(x), mt.Tensor(normal(3), requires_grad=True))


def test_third_order():
    assert mt.gradcheck(lambda x: (x * x * x).sum(), x(), order=3)


def test_inputs_keep_their_values_and_gradients():
    a = x()
    values, version = a.data.copy(), a._version[0]
    mt.gradcheck(lambda a: a.exp(), a)
    np.testing.assert_array_equal(a.data, values)
    assert a.grad is None and a._version[0] == version


def test_works_under_no_grad():
    with mt.no_grad():
        assert mt.gradcheck(lambda a: a.exp() * a, x())


def test_several_outputs_some_of_them_constant():
    assert mt.gradcheck(lambda a: (a.exp(), a.detach(), a * 2), x())


def test_float32_and_constants_are_refused():
    with pytest.raises(TypeError, match="float64"):
        mt.gradcheck(lambda a: a * 2, mt.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="nothing to check"):
        mt.gradcheck(lambda a: a * 2, mt.Tensor(normal(2)))


def test_a_function_without_any_graph_is_not_waved_through():
    with pytest.raises(ValueError, match="no output"):
        mt.gradcheck(lambda a: mt.Tensor(a.data * 2), x())
