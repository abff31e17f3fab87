"""Which kernel a convolution runs by: a rule for each operation, with the measurement behind it.

All figures are milliseconds of CPU time on one thread, float32; (N, C, H) -> O means a 3x3 kernel on (N, C,
H, H) with padding 1, unless another kernel is named.
"""

from __future__ import annotations

from minitensor.kernels import winograd, winograd2d
from minitensor.kernels.table import rule

FEW_CHANNELS = 8  # below, Winograd's transforms cost more than the products they save
MANY_CHANNELS = 128  # from here on (in and out), 2-D Winograd's transforms cost less than they save
WEIGHT_PAYS_PIXELS = 256  # below, transforming or reordering the weight costs more than multiplying by it
LONG_STRIDE = 8  # from here on, fold adds single pixels far apart: phases are better


@rule("conv2d", backends=("numpy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups):
    """Winograd for 3-row kernels, in 2-D where there are many channels.

    (N, C, H) -> O         unfold   winograd   winograd2d
    (4,   1, 256) ->  16      2.9        5.7
    (4,  16, 256) ->  16     27.1       20.1
    (4,  64,  64) ->  64     15.7       10.1          9.5
    (1, 512,  66) -> 512    194        117           71     without padding
    """
    if _deep(x, *weight.shape[:2], groups):
        if winograd2d.conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
            return "winograd2d"
    if weight.shape[1] >= FEW_CHANNELS and _pixels(x) >= WEIGHT_PAYS_PIXELS:
        if winograd.conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
            return "winograd"
    return "unfold"


@rule("conv_transpose2d", backends=("numpy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Winograd for 3-row kernels; else fold, unless the phases need no adding or the stride is long.

    (N, C, H) -> O           phases    fold   winograd   winograd2d
    (4,   16, 256) ->   1       9.3     2.7        8.9
    (1,  512,  36) -> 512      69      64         41
    (1,  512,  64) -> 512                        125           89
    (1, 1024,  18) -> 512     504     167                            7x7
    (1,   21,  16) ->  21      40     197                            64x64, stride 32
    (4,   32, 128) ->  16      10.1    10.1                          2x2, stride 2
    """
    if _deep(x, weight.shape[1] * groups, len(weight) // groups, groups):
        if winograd2d.conv_transpose2d_supports(
            x, weight, bias, stride, padding, output_padding, groups, dilation
        ):
            return "winograd2d"
    few_channels = min(len(weight) // groups, weight.shape[1]) < FEW_CHANNELS
    if not few_channels and _pixels(x) >= WEIGHT_PAYS_PIXELS:
        if winograd.conv_transpose2d_supports(
            x, weight, bias, stride, padding, output_padding, groups, dilation
        ):
            return "winograd"
    one_tap_a_phase = tuple(weight.shape[2:]) == tuple(stride)
    tiny_image = x.shape[2] * x.shape[3] < WEIGHT_PAYS_PIXELS and weight.size < x.size
    small_groups = groups > 1 and weight.shape[1] < FEW_CHANNELS  # fold takes one group at a time
    if one_tap_a_phase or tiny_image or small_groups or max(stride) >= LONG_STRIDE:
        return "phases"
    return "fold"


@rule("conv2d_weight", backends=("numpy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    """As conv2d.

    (N, C, H) -> O         unfold   winograd   winograd2d
    (4,  16, 256) ->  16     30.6       21.1
    (1, 512,  66) -> 512    195        112           75
    """
    if _deep(x, grad.shape[1], x.shape[1] // groups, groups):
        if winograd2d.conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
            return "winograd2d"
    if x.shape[1] // groups >= FEW_CHANNELS and _pixels(x) >= WEIGHT_PAYS_PIXELS:
        if winograd.conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
            return "winograd"
    return "unfold"


@rule("unfold", backends=("numpy",))
@rule("fold", backends=("numpy",))
def unfold_rule(*args):
    """The matrix products: everything but the definition."""
    return "unfold"


def _deep(x, filters, group_channels, groups):
    """True for so many channels, and images so much larger than the weight, that 2-D Winograd pays."""
    channels = (filters // groups, group_channels)
    return min(channels) >= MANY_CHANNELS and _pixels(x) >= max(channels)


def _pixels(x):
    return x.shape[0] * x.shape[2] * x.shape[3]
