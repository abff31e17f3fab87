"""Which kernel a convolution runs by: a rule for each operation, with the measurement behind it.

All figures are milliseconds of two threads on one machine, the smallest of several turns, float32; (N, C, H) -> O means
a 3x3 kernel on (N, C, H, H) with padding 1 (570, 138 and 30: without), unless another kernel and its stride are named.
"""

from __future__ import annotations

from minitensor.kernels.conv import patches
from minitensor.kernels.conv.by_columns import TRANSPOSED_BYTES
from minitensor.kernels.conv.columns import FEW_WEIGHTS, LONG_ROW
from minitensor.kernels.table import chosen_variant, rule

FEW_CHANNELS = 8  # below, Winograd's transforms cost more than the products they save
# C/g O/g, channels in times out, from which 2-D Winograd pays: it transforms a second axis
PRODUCT_PAYS = 128 * 128
# ... and for the gradient by x of images that together have so many pixels. Forward it would pay as well, but rounding
# twice as much there carries more values across ReLU's kink: gradients of an FCN-8s above 1e-4 in 6 of 15 images, not 2
LARGE_PRODUCT_PAYS, MANY_PIXELS = 64 * 64, 1 << 16
GRAD_PRODUCT_PAYS = 64 * 128  # PRODUCT_PAYS of both gradients ...
# ... and of rows of fewer pixels than that, whose product in 1-D is slow. Below PRODUCT_PAYS the gradient by x takes as
# long either way; it goes the way of that by the weight, so that both can go at once (at_once_rules.py)
SHORT_ROWS, SHORT_PRODUCT_PAYS = 64, 64 * 64
LEAST_GRAD_CHANNELS = 32  # in and out, below which it does not pay at any size
WEIGHT_PAYS_PIXELS = (
    256  # of all images; below, transforming the weight costs more than multiplying by it ...
)
PIXELS_PER_CHANNEL = 2  # ... and so it does below this many for each channel, in or out
BOTH_PAY_PIXELS = (
    1024  # of all images; below, 2-D Winograd's transforms are too small to keep two threads busy ...
)
DEEP_CHANNELS, DEEP_PIXELS = 256, 196  # ... unless the layer is deep
GRAD_PAYS_PIXELS = 512  # BOTH_PAY_PIXELS of the weight gradient, which has two images to transform
SMALL_IMAGE = 256  # pixels; below, fold's products, one an image, are too small: phases puts images together
FOLD_PAYS = (
    64  # channels, in or out, from which fold's one product is worth its adding where all phases are alike
)
ROW_FILTERS = 64  # up to which a product for each row of the output is fast enough
LARGE_PIXELS = (
    1 << 15
)  # of all images, from which a transposed convolution to few filters pays by Winograd too
FOLD_PAYS_FILTERS = 4  # times fewer filters than channels are better added up by fold
LONG_RUN = 8  # taps in a row from which copying rows of windows beats picking every s-th pixel tap by tap ...
SHORT_RUN = 4  # ... where there are few filters, whose products profit besides
LONG_STRIDE = 8  # from here on, fold adds single pixels far apart: phases are better


@rule("conv2d", backends=("numpy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Winograd for 3-row kernels, in 2-D where there are many channels; else rows for few filters, patches, or unfold.

    Not in 2-D at (1, 64, 570), though it is faster: LARGE_PRODUCT_PAYS says why.

    (N, C, H) -> O                         unfold   winograd winograd2d       rows
    (4,    3, 256) ->   16                    4.2        5.0        8.8        2.9
    (4,    8, 256) ->    8                               4.8                   4.1
    (4,   16, 256) ->   16                     18        9.3         15        8.8
    (4,   32, 128) ->   32                     11        5.7        7.9
    (4,   64,  64) ->   64                    9.5        4.7        5.4
    (4,  128,  32) ->  128                    8.4        4.3        4.6
    (4,  256,  16) ->  256                    7.4        6.2        4.8
    (4,   64, 128) ->   64                               16         16
    (1,   64, 570) ->   64                    185         88         74
    (1,  256, 138) ->  256                    130         74         47
    (1, 1024,  30) -> 1024                     79        137         47
    (1,  256,   8) ->  256                    1.0        1.6        2.2

                                           unfold    patches       rows
    (1,   16, 100) ->   16, 7x7               7.0        4.7        1.9
    (2,  128,  15) ->  256, 7x7               5.4                    11
    (2,   21, 344) ->   21, 16x16/8            16        8.7
    (2,   21,  84) ->   21, 4x4/2             1.3        1.1
    (4,   16, 256) ->   32, 2x2/2             5.5        8.1
    """
    channels = len(weight) // groups, weight.shape[1]
    geometry = weight.shape[2:], stride, dilation, groups
    by_rows = _rows_pay(len(weight), *geometry)
    if by_rows and weight.shape[1] <= FEW_CHANNELS:
        yield "rows"
    if _both_axes_pay(x, channels):
        yield "winograd2d"
    if _one_axis_pays(x, channels):
        yield "winograd"
    if by_rows:
        yield "rows"
    if _patches_pay(len(weight), *geometry):
        yield "patches"
    yield "columns"


@rule("conv_transpose2d", backends=("numpy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Winograd for 3-row kernels, rows for few filters, else fold or phases.

    Phases where they need no adding, are alike and narrow, or the stride is long.

    (N, C, H) -> O                         phases       fold   winograd winograd2d
    (4,   16, 256) ->   16                     16         32        9.0         14
    (4,   64,  64) ->   64                    9.6         12        4.5        4.8
    (4,   64,  64) ->  128                                          7.8        7.9
    (1,   64, 568) ->   64                    170        412         84         67
    (1,  256, 136) ->  256                    141        215         81         47
    (1, 1024,  28) -> 1024                    195         79        193         57
    (1, 1024,  16) ->  128, 7x7               156         20
    (1,   21,  35) ->   21, 4x4/2             0.5        0.7
    (1,  512,  14) ->  256, 3x3/2             7.3        3.2
    (1,   21,  70) ->   21, 16x16/8            11         44
    (4,   32, 128) ->   16, 2x2/2             9.0         13
    (4,   16, 256) ->    3                                7.1        5.2
    (4,   32,  64) ->    3                                1.2        1.4
    (1,   16, 100) ->   16, 7x7               6.0        5.9   3.2 rows
    (4,    3, 256) ->   16                    4.0         13   2.4 rows
    """
    channels = weight.shape[1], len(weight) // groups
    filters = weight.shape[1]
    by_rows = stride[1] == 1 and FOLD_PAYS_FILTERS * filters >= len(weight)
    by_rows = by_rows and _rows_pay(filters, weight.shape[2:], stride, dilation, groups)
    if by_rows and len(weight) <= FEW_CHANNELS:
        yield "rows"
    product_pays = SHORT_PRODUCT_PAYS if x.shape[3] < SHORT_ROWS else GRAD_PRODUCT_PAYS
    if _pixels(x) >= MANY_PIXELS:
        product_pays = LARGE_PRODUCT_PAYS
    if _both_axes_pay(x, channels, product_pays):
        yield "winograd2d"
    few_filters = filters < FEW_CHANNELS <= channels[1] and _pixels(x) >= LARGE_PIXELS
    if few_filters or _one_axis_pays(x, channels):
        yield "winograd"
    if by_rows:
        yield "rows"
    one_tap_a_phase = tuple(weight.shape[2:]) == tuple(stride)
    tiny_image = x.shape[2] * x.shape[3] < SMALL_IMAGE and weight.size < x.size
    small_groups = groups > 1 and weight.shape[1] < FEW_CHANNELS  # fold takes one group at a time
    even_phases = max(stride) > 1 and all(k % s == 0 for k, s in zip(weight.shape[2:], stride, strict=True))
    even_phases = even_phases and min(channels) < FOLD_PAYS
    if one_tap_a_phase or even_phases or tiny_image or small_groups or max(stride) >= LONG_STRIDE:
        yield "phases"
    yield "fold_columns"
    yield "phases"


@rule("conv2d_weight", backends=("numpy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    """As conv2d, but both x and the gradient are transformed.

    (N, C, H) -> O                         unfold   winograd winograd2d
    (4,    3, 256) ->   16                    6.1        5.3        8.6
    (4,   16, 256) ->   16                     25         10         24
    (4,   32, 128) ->   32                     16        6.2         14
    (4,   64,  64) ->   64                     11        6.5        7.6
    (8,   64,  32) ->   64                    7.2        6.0        4.5
    (4,  128,  64) ->   64                     28         14         12
    (1,  128, 392) ->   64                    228         94         91
    (1,   64, 284) ->  128                     89         49         42
    (4,  128,  32) ->  128                     10        9.5        4.6
    (4,  256,  16) ->  256                    8.6         12        5.9
    (1,   64, 570) ->   64                    203         94        104
    (1,  256, 138) ->  256                    136         81         49
    (1, 1024,  30) -> 1024                     98        214         60
    (1,  256,   8) ->  256                    1.3        2.9        3.6
                                           unfold    patches       rows
    (4,    3, 256) ->   16                    4.7                   2.9
    (1,   16, 100) ->   16, 7x7               8.0        3.9        2.9
    (1,   64,  32) ->   48                    0.7                   0.9
    (2,   21, 344) ->   21, 16x16/8            12        9.1
    (4,   16, 256) ->   32, 2x2/2             6.4        7.6
    """
    channels = grad.shape[1] // groups, x.shape[1] // groups
    pays = SHORT_PRODUCT_PAYS if grad.shape[3] < SHORT_ROWS else GRAD_PRODUCT_PAYS
    if (
        channels[0] * channels[1] >= pays
        and min(channels) >= LEAST_GRAD_CHANNELS
        and _pixels(x) >= GRAD_PAYS_PIXELS
    ):
        yield "winograd2d"
    if _one_axis_pays(x, channels):
        yield "winograd"
    geometry = kernel_size, stride, dilation, groups
    filters, width = grad.shape[1], grad.shape[3]
    weights = filters * x.shape[1] * kernel_size[0] * kernel_size[1]
    # each row's product is added to the sum of them: not worth it for many weights and short rows
    if _rows_pay(filters, *geometry) and (width >= LONG_ROW or weights <= FEW_WEIGHTS):
        yield "rows"
    if _patches_pay(grad.shape[1], *geometry):
        yield "patches"
    yield "columns"


@rule("conv2d_gradients", backends=("numpy",))
def conv2d_gradients_rule(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """Both at once where each by itself would go by the same Winograd; so what `use_kernels` says of either holds.

    Else, and with groups in 2-D, one by one: so is (1, 64, 570), where each by itself takes another Winograd.

    (N, C, H) -> O                     one by one    at once
    (4,   16, 256) ->   16                     14         13
    (4,   32, 256) ->   16                     25         22
    (4,   32, 128) ->   32                     10        9.4
    (4,   64,  64) ->   64                    9.6        8.8
    (4,  128,  64) ->   64                     17         15
    (8,   64,  32) ->   64                    5.1        4.3
    (4,  128,  32) ->  128                    7.7        6.4
    (4,  256,  16) ->  256                    8.5        7.5
    (1,   64, 570) ->   64                    147        155 in one axis, 162 in both
    (1,   64, 284) ->  128                     78         68
    (1,  256, 138) ->  256                     95         90
    (1, 1024,  30) -> 1024                    108        108
    """
    by_x = grad, weight, None, stride, padding, output_padding, groups, dilation
    by_weight = x, grad, weight.shape[2:], stride, padding, dilation, groups
    variants = {chosen_variant("conv_transpose2d", *by_x), chosen_variant("conv2d_weight", *by_weight)}
    for variant in ("winograd", "winograd2d"):
        if variants == {variant}:
            yield variant


@rule("conv_transpose2d_gradients", backends=("numpy",))
def conv_transpose2d_gradients_rule(x, weight, grad, stride, padding, dilation, groups):
    """Both at once where each by itself would go by unfold, without groups, and the weight is below TRANSPOSED_BYTES.

    To turn a larger weight gradient round takes too long (unfold.py), so (1, 512, 56) goes one by one.

    (N, C, H) -> O                     one by one    at once
    (4,   32, 128) ->   16, 2x2/2             8.1        6.1
    (1,  128, 196) ->   64, 2x2/2              37         33
    (1,  512,  56) ->  256, 2x2/2              38         37
    """
    by_x = grad, weight, None, stride, padding, dilation, groups
    by_weight = grad, x, weight.shape[2:], stride, padding, dilation, groups
    if weight.nbytes < TRANSPOSED_BYTES:
        if {chosen_variant("conv2d", *by_x), chosen_variant("conv2d_weight", *by_weight)} == {"columns"}:
            yield "columns"


def _both_axes_pay(x, channels, product_pays=PRODUCT_PAYS):
    """True where 2-D Winograd saves more than its transforms cost; channels (O/g, C/g)."""
    if min(channels) >= DEEP_CHANNELS:
        return _pixels(x) >= DEEP_PIXELS
    enough = min(channels) >= FEW_CHANNELS and channels[0] * channels[1] >= product_pays
    return enough and _pixels(x) >= BOTH_PAY_PIXELS


def _one_axis_pays(x, channels):
    """True where 1-D Winograd saves more than its transforms cost; channels (O/g, C/g)."""
    enough = max(WEIGHT_PAYS_PIXELS, PIXELS_PER_CHANNEL * max(channels))
    return min(channels) >= FEW_CHANNELS and _pixels(x) >= enough


def _rows_pay(filters, kernel_size, stride, dilation, groups):
    """True where a product for each row of the output is fast enough, and rows of the kernel need no copies."""
    return groups == stride[0] == dilation[0] == 1 < kernel_size[0] and filters <= ROW_FILTERS


def _patches_pay(filters, kernel_size, stride, dilation, groups):
    """True where rows of windows are worth copying one by one: long ones, or of few filters, at a stride."""
    if groups > 1 or dilation[1] > 1 or stride[1] == 1:
        return False
    return kernel_size[1] >= (SHORT_RUN if filters <= patches.FEW_FILTERS else LONG_RUN)


def _pixels(x):
    return x.shape[0] * x.shape[2] * x.shape[3]
