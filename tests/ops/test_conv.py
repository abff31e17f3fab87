"""conv2d, conv_transpose2d and conv2d_weight as differentiable operations, held to torch up to second order."""

import torch
from hypothesis import given

from tests.parity import normal, same_as_torch
from tests.strategies import convolutions, transposed_convolutions


@given(convolutions())
def test_conv2d(case):
    same_as_torch(lambda m, x, w, b: m.conv2d(x, w, b, **case.settings), case.x, case.weight, case.bias)


@given(transposed_convolutions())
def test_conv_transpose2d(case):
    same_as_torch(
        lambda m, x, w, b: m.conv_transpose2d(x, w, b, **case.settings), case.x, case.weight, case.bias
    )


@given(convolutions())
def test_conv2d_weight(case):
    grad = torch.nn.functional.conv2d(
        torch.tensor(case.x.copy()), torch.tensor(case.weight.copy()), **case.settings
    )
    same_as_torch(
        lambda m, x, g: m.conv2d_weight(x, case.weight.shape, g, **case.settings),
        case.x,
        normal(*grad.shape),
        torch_function=lambda m, x, g: torch.nn.grad.conv2d_weight(x, case.weight.shape, g, **case.settings),
    )
