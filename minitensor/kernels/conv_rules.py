"""Which kernel a convolution runs by: a rule for each operation, with the measurement behind it."""

from __future__ import annotations

from minitensor.kernels import winograd
from minitensor.kernels.table import rule

FEW_CHANNELS = 8  # below, Winograd's transforms cost more than the products they save


@rule("conv2d", backends=("numpy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups):
    """Winograd halves the products of 3-row kernels: 1.2 to 1.6 times the speed of unfold from 16 channels on."""
    if weight.shape[1] >= FEW_CHANNELS and winograd.conv2d_supports(
        x, weight, bias, stride, padding, dilation, groups
    ):
        return "winograd"
    return "unfold"


@rule("conv_transpose2d", backends=("numpy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """As conv2d; its input channels are the first axis of the weight."""
    if len(weight) // groups >= FEW_CHANNELS and winograd.conv_transpose2d_supports(
        x, weight, bias, stride, padding, output_padding, groups, dilation
    ):
        return "winograd"
    return "unfold"


@rule("conv2d_weight", backends=("numpy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    """As conv2d."""
    if x.shape[1] // groups >= FEW_CHANNELS and winograd.conv2d_weight_supports(
        x, grad, kernel_size, stride, padding, dilation, groups
    ):
        return "winograd"
    return "unfold"


@rule("conv2d", backends=("cupy",))
@rule("conv_transpose2d", backends=("cupy",))
@rule("conv2d_weight", backends=("cupy",))
@rule("unfold")
@rule("fold")
def unfold_rule(*args):
    return "unfold"
