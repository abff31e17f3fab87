"""conv2d, conv_transpose2d and conv2d_weight as differentiable operations, held to torch up to second order."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor import kernels
from minitensor.ops import conv
from tests.parity import normal, same_as_torch
from tests.strategies import convolutions, transposed_convolutions


@given(convolutions())
def test_conv2d(case):
    same_as_torch(lambda m, x, w, b: m.conv2d(x, w, b, **case.settings), case.x, case.weight, case.bias)


@given(convolutions())
def test_conv2d_relu(case):
    # whole numbers, for which sums are exact: no value is rounded to the other side of the kink
    arrays = [np.round(2 * a) for a in (case.x, case.weight, case.bias)]
    same_as_torch(
        lambda m, *a: m.conv2d_relu(*a, **case.settings),
        *arrays,
        torch_function=lambda m, *a: m.relu(m.conv2d(*a, **case.settings)),
    )


@given(transposed_convolutions())
def test_conv_transpose2d(case):
    same_as_torch(lambda m, x, w, b: m.conv_transpose2d(x, w, b, **case.settings), case.x, case.weight, case.bias)


@given(convolutions())
def test_conv2d_weight(case):
    grad = torch.nn.functional.conv2d(torch.tensor(case.x.copy()), torch.tensor(case.weight.copy()), **case.settings)
    same_as_torch(
        lambda m, x, g: m.conv2d_weight(x, case.weight.shape, g, **case.settings),
        case.x,
        normal(*grad.shape),
        torch_function=lambda m, x, g: torch.nn.grad.conv2d_weight(x, case.weight.shape, g, **case.settings),
    )


@given(convolutions())
def test_without_bias_and_for_one_image(case):
    same_as_torch(lambda m, x, w: m.conv2d(x[0], w, **case.settings), case.x, case.weight, order=1)


@given(transposed_convolutions())
def test_transposed_without_bias_and_for_one_image(case):
    same_as_torch(lambda m, x, w: m.conv_transpose2d(x[0], w, **case.settings), case.x, case.weight, order=1)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 2))
def test_padding_by_name(kernel_height, kernel_width, dilation, groups):
    x, weight = normal(2, 2 * groups, 9, 10), normal(groups, 2, kernel_height, kernel_width)
    fits = dilation * (max(kernel_height, kernel_width) - 1) < 9
    for padding in ["same", "valid"] if fits else ["same"]:
        same_as_torch(
            lambda m, x, w, p=padding: m.conv2d(x, w, padding=p, dilation=dilation, groups=groups), x, weight, order=1
        )


@given(convolutions(layouts=["contiguous"]))
def test_the_three_convolutions_are_one_trilinear_form(case):
    """<conv(x, w), g> = <x, conv_transpose(g, w)> = <w, conv_weight(x, g)>, through autograd, to rounding."""
    x, weight = (mt.Tensor(a, requires_grad=True) for a in (case.x, case.weight))
    y = mt.conv2d(x, weight, **case.settings)
    g = mt.Tensor(normal(*y.shape))
    by_x, by_weight = mt.grad(y, [x, weight], g)
    sizes = (np.abs(case.x).max() * np.abs(case.weight).max() * np.abs(g.data)).sum() * case.weight[0].size
    rounding = np.finfo(np.float64).eps * g.size * case.weight[0].size * max(sizes, 1)
    form = (y.data * g.data).sum()
    assert abs(form - (by_x.data * case.x).sum()) <= rounding
    assert abs(form - (by_weight.data * case.weight).sum()) <= rounding


def test_the_input_gradient_is_a_transposed_convolution_and_the_reverse():
    x, weight = (mt.Tensor(normal(1, 2, n, n, seed=n), requires_grad=True) for n in (6, 3))
    y = mt.conv2d(x, weight, stride=2)
    (by_x,) = mt.grad(y.sum(), x, create_graph=True)
    assert type(by_x.node).__name__ == "ConvTranspose2d"
    z = mt.conv_transpose2d(y, weight, stride=2, output_padding=1)
    (by_y,) = mt.grad(z.sum(), y, create_graph=True)
    assert type(by_y.node).__name__ == "Conv2d"
    (by_weight,) = mt.grad(y.sum(), weight, create_graph=True)
    assert type(by_weight.node).__name__ == "Conv2dWeight"


def test_only_the_gradients_asked_for_are_computed(monkeypatch):
    asked = []

    def noting(operation, *arguments):
        asked.append(operation)
        return kernels.run(operation, *arguments)

    monkeypatch.setattr(conv, "run", noting)
    x, weight = normal(1, 2, 6, 6), normal(2, 2, 3, 3)

    def kernels_of_backward(function, by_x, by_weight):
        y = function(mt.Tensor(x, requires_grad=by_x), mt.Tensor(weight, requires_grad=by_weight))
        asked.clear()
        y.sum().backward()
        return asked

    assert kernels_of_backward(mt.conv2d, False, True) == ["conv2d_weight"]
    assert kernels_of_backward(mt.conv2d, True, False) == ["conv_transpose2d"]
    assert kernels_of_backward(mt.conv2d, True, True) == ["conv2d_gradients"]
    assert kernels_of_backward(mt.conv_transpose2d, False, True) == ["conv2d_weight"]
    assert kernels_of_backward(mt.conv_transpose2d, True, False) == ["conv2d"]
    assert kernels_of_backward(mt.conv_transpose2d, True, True) == ["conv_transpose2d_gradients"]


@pytest.mark.parametrize("batch", [0, 1])
def test_empty_batches(batch):
    x, weight = normal(batch, 2, 5, 5), normal(3, 2, 3, 3)
    same_as_torch(lambda m, x, w: m.conv2d(x, w, padding=1), x, weight, order=1)
    same_as_torch(lambda m, x, w: m.conv_transpose2d(x, w.transpose(0, 1), stride=2), x, weight, order=1)


@pytest.mark.parametrize("variant", ["reference", "auto"])
def test_every_variant_has_all_gradients(variant):
    x, weight = normal(2, 4, 7, 6), normal(4, 2, 3, 3)
    with mt.use_kernels(conv2d=variant, conv_transpose2d=variant, conv2d_weight=variant):
        same_as_torch(lambda m, x, w: m.conv2d(x, w, stride=2, padding=1, groups=2), x, weight)
