"""Which kernel a convolution runs by: a rule for each operation, with the measurement behind it."""

from __future__ import annotations

from minitensor.kernels.table import rule


@rule("conv2d")
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups):
    return "unfold"


@rule("conv_transpose2d")
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return "unfold"


@rule("conv2d_weight")
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    return "unfold"


@rule("unfold")
def unfold_rule(x, kernel_size, dilation, padding, stride):
    return "unfold"


@rule("fold")
def fold_rule(columns, output_size, kernel_size, dilation, padding, stride):
    return "unfold"
