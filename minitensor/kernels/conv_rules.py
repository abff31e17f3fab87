"""Which kernel a convolution runs by: a rule for each operation, with the measurement behind it.

All figures are milliseconds of two threads on one machine, the smallest of several turns, float32; (N, C, H) -> O means
a 3x3 kernel on (N, C, H, H) with padding 1, unless another kernel is named.
"""

from __future__ import annotations

from minitensor.kernels import winograd, winograd2d
from minitensor.kernels.table import rule

FEW_CHANNELS = 8  # below, Winograd's transforms cost more than the products they save
PRODUCT_PAYS = 128 * 128  # C/g O/g, channels in times out, from which 2-D Winograd pays: it transforms a second axis
MANY_CHANNELS = 128  # in and out, from which 2-D Winograd pays for the weight gradient, which transforms two images
WEIGHT_PAYS_PIXELS = 256  # of all images; below, transforming the weight costs more than multiplying by it ...
PIXELS_PER_CHANNEL = 2  # ... and so it does below this many for each channel, in or out
BOTH_PAY_PIXELS = 1024  # of all images; below, 2-D Winograd's transforms are too small to keep two threads busy ...
DEEP_CHANNELS, DEEP_PIXELS = 256, 196  # ... unless the layer is deep
GRAD_PAYS_PIXELS = 512  # BOTH_PAY_PIXELS of the weight gradient, which has two images to transform
SMALL_IMAGE = 256  # pixels; below, fold's products, one an image, are too small: phases puts images together
LONG_STRIDE = 8  # from here on, fold adds single pixels far apart: phases are better


@rule("conv2d", backends=("numpy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups):
    """Winograd for 3-row kernels, in 2-D where there are many channels.

    MEASURED conv2d
    """
    channels = len(weight) // groups, weight.shape[1]
    if _both_axes_pay(x, channels):
        if winograd2d.conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
            return "winograd2d"
    if _one_axis_pays(x, channels):
        if winograd.conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
            return "winograd"
    return "unfold"


@rule("conv_transpose2d", backends=("numpy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Winograd for 3-row kernels; else fold, unless the phases need no adding or the stride is long.

    MEASURED conv_transpose2d
    """
    channels = len(weight) // groups, weight.shape[1]
    settings = stride, padding, output_padding, groups, dilation
    if _both_axes_pay(x, channels):
        if winograd2d.conv_transpose2d_supports(x, weight, bias, *settings):
            return "winograd2d"
    if _one_axis_pays(x, channels):
        if winograd.conv_transpose2d_supports(x, weight, bias, *settings):
            return "winograd"
    one_tap_a_phase = tuple(weight.shape[2:]) == tuple(stride)
    tiny_image = x.shape[2] * x.shape[3] < SMALL_IMAGE and weight.size < x.size
    small_groups = groups > 1 and weight.shape[1] < FEW_CHANNELS  # fold takes one group at a time
    if one_tap_a_phase or tiny_image or small_groups or max(stride) >= LONG_STRIDE:
        return "phases"
    return "fold"


@rule("conv2d_weight", backends=("numpy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    """As conv2d, but both x and the gradient are transformed.

    MEASURED conv2d_weight
    """
    channels = grad.shape[1] // groups, x.shape[1] // groups
    if min(channels) >= MANY_CHANNELS and _pixels(x) >= GRAD_PAYS_PIXELS:
        if winograd2d.conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
            return "winograd2d"
    if _one_axis_pays(x, channels):
        if winograd.conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
            return "winograd"
    return "unfold"


@rule("unfold", backends=("numpy",))
@rule("fold", backends=("numpy",))
def unfold_rule(*args):
    """The matrix products: everything but the definition."""
    return "unfold"


def _both_axes_pay(x, channels):
    """True where 2-D Winograd saves more than its transforms cost; channels (O/g, C/g)."""
    if min(channels) >= DEEP_CHANNELS:
        return _pixels(x) >= DEEP_PIXELS
    enough = min(channels) >= FEW_CHANNELS and channels[0] * channels[1] >= PRODUCT_PAYS
    return enough and _pixels(x) >= BOTH_PAY_PIXELS


def _one_axis_pays(x, channels):
    """True where 1-D Winograd saves more than its transforms cost; channels (O/g, C/g)."""
    enough = max(WEIGHT_PAYS_PIXELS, PIXELS_PER_CHANNEL * max(channels))
    return min(channels) >= FEW_CHANNELS and _pixels(x) >= enough


def _pixels(x):
    return x.shape[0] * x.shape[2] * x.shape[3]
