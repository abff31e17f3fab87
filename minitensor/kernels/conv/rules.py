"""Which kernel a convolution runs by: a rule for each operation.

A rule yields variants, the best one first, and the table takes the first one that can take the call. Why a variant is
better stands here in words. The limits were found by measuring; docs/results-cpu.md has measurements, and
`python -m benchmarks ops --tune` makes new ones. In short:

winograd2d   half the multiplications of winograd, but it transforms a second axis: for many channels
winograd     half the multiplications of a 3-row kernel: for most 3 x 3 layers
rows         its products are small and copy few pixels: for first layers, and for few filters
patches      copies windows row by row: for large kernels at a stride
columns      any convolution
phases       a transposed convolution without additions: for kernels about as large as the stride
fold_columns a transposed convolution that adds columns up: for weights larger than the image
"""

from __future__ import annotations

from minitensor.kernels.conv import patches
from minitensor.kernels.conv.columns import FEW_WEIGHTS, LONG_ROW
from minitensor.kernels.table import chosen_variant, rule

# Winograd's transforms cost per pixel and channel, its products save per pixel, channel and filter. So it pays from
# some number of channels on; "product" below is C/g O/g, the channels of a group in times out.
FEW_CHANNELS = 8  # fewer than this, and the transforms cost more than the products save
PRODUCT_PAYS = 128 * 128  # the product from which a second axis pays in the forward pass
GRAD_PRODUCT_PAYS = 64 * 128  # the same for the two gradients
SHORT_ROWS, SHORT_PRODUCT_PAYS = 64, 64 * 64  # rows of fewer pixels make slow products in one axis
# In large images (pixels of all images) the gradient with respect to x pays earlier. The forward pass would as well,
# but the rounding error of two axes is twice as large: more values near 0 would change their sign before a ReLU, and
# its derivative jumps there.
MANY_PIXELS, LARGE_PRODUCT_PAYS = 1 << 16, 64 * 64
LEAST_GRAD_CHANNELS = 32  # channels in, and out, of a weight gradient, below which two axes pay at no size
# Pixels of all images, below which transforming the weight costs more than multiplying by it; and the same per channel.
WEIGHT_PAYS_PIXELS, PIXELS_PER_CHANNEL = 256, 2
# Pixels below which the transforms of two axes are too small to keep two threads busy, unless the layer is deep.
BOTH_PAY_PIXELS, DEEP_CHANNELS, DEEP_PIXELS = 1024, 256, 196
GRAD_PAYS_PIXELS = 512  # the same for a weight gradient, which has two images to transform

ROW_FILTERS = 64  # up to this many, a product per row of the output is fast
LONG_RUN = 8  # taps in a row, from which copying windows beats picking every s-th pixel tap by tap
SHORT_RUN = 4  # the same for few filters, whose narrow products gain from patches too

SMALL_IMAGE = 256  # pixels; one product per image is too small here, and phases put several images together
# channels, in or out, from which fold's one product is worth its additions if all phases are alike
FOLD_PAYS = 64
# pixels of all images, from which few filters pay for Winograd in a transposed convolution
LARGE_PIXELS = 1 << 15
FOLD_PAYS_FILTERS = 4  # with this many times fewer filters than channels, adding columns up beats rows
LONG_STRIDE = 8  # from this stride on, fold adds single pixels that lie far apart: phases are better


@rule("conv2d", backends=("numpy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Winograd for 3-row kernels, rows for few channels or filters, else patches or columns."""
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
    """Winograd for 3-row kernels at stride 1, rows for few filters, else phases or folded columns.

    Phases need no additions if each phase has one tap (kernel = stride). They are also better if the phases are alike
    and narrow, if the image is tiny, if groups are small (fold takes one group at a time), and at a long stride.
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
    one_tap_per_phase = tuple(weight.shape[2:]) == tuple(stride)
    tiny_image = x.shape[2] * x.shape[3] < SMALL_IMAGE and weight.size < x.size
    small_groups = groups > 1 and weight.shape[1] < FEW_CHANNELS
    even_phases = max(stride) > 1 and all(k % s == 0 for k, s in zip(weight.shape[2:], stride, strict=True))
    even_phases = even_phases and min(channels) < FOLD_PAYS
    if one_tap_per_phase or even_phases or tiny_image or small_groups or max(stride) >= LONG_STRIDE:
        yield "phases"
    yield "fold_columns"
    yield "phases"


@rule("conv2d_weight", backends=("numpy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    """As conv2d_rule. But both x and grad are transformed, so two axes need more channels."""
    channels = grad.shape[1] // groups, x.shape[1] // groups
    product_pays = SHORT_PRODUCT_PAYS if grad.shape[3] < SHORT_ROWS else GRAD_PRODUCT_PAYS
    many = channels[0] * channels[1] >= product_pays and min(channels) >= LEAST_GRAD_CHANNELS
    if many and _pixels(x) >= GRAD_PAYS_PIXELS:
        yield "winograd2d"
    if _one_axis_pays(x, channels):
        yield "winograd"
    geometry = kernel_size, stride, dilation, groups
    filters, width = grad.shape[1], grad.shape[3]
    weights = filters * x.shape[1] * kernel_size[0] * kernel_size[1]
    # The product of each row is added to the sum: not worth it for many weights and short rows.
    if _rows_pay(filters, *geometry) and (width >= LONG_ROW or weights <= FEW_WEIGHTS):
        yield "rows"
    if _patches_pay(filters, *geometry):
        yield "patches"
    yield "columns"


@rule("conv2d_gradients", backends=("numpy",))
def conv2d_gradients_rule(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """One kernel for both gradients if each gradient alone would run by winograd2d; else one by one.

    The single choices are asked for here, so `use_kernels` on either of them is respected.
    """
    with_respect_to_x = grad, weight, None, stride, padding, output_padding, groups, dilation
    if chosen_variant("conv_transpose2d", *with_respect_to_x) == "winograd2d":
        with_respect_to_weight = x, grad, weight.shape[2:], stride, padding, dilation, groups
        if chosen_variant("conv2d_weight", *with_respect_to_weight) == "winograd2d":
            yield "winograd2d"


def _both_axes_pay(x, channels, product_pays=PRODUCT_PAYS):
    """True if Winograd in two axes saves more than its transforms cost; channels (O/g, C/g)."""
    if min(channels) >= DEEP_CHANNELS:
        return _pixels(x) >= DEEP_PIXELS
    enough = min(channels) >= FEW_CHANNELS and channels[0] * channels[1] >= product_pays
    return enough and _pixels(x) >= BOTH_PAY_PIXELS


def _one_axis_pays(x, channels):
    """True if Winograd in one axis saves more than its transforms cost; channels (O/g, C/g)."""
    enough = max(WEIGHT_PAYS_PIXELS, PIXELS_PER_CHANNEL * max(channels))
    return min(channels) >= FEW_CHANNELS and _pixels(x) >= enough


def _rows_pay(filters, kernel_size, stride, dilation, groups):
    """True if a product per row of the output is fast, and the rows of the kernel need no copies."""
    return groups == stride[0] == dilation[0] == 1 < kernel_size[0] and filters <= ROW_FILTERS


def _patches_pay(filters, kernel_size, stride, dilation, groups):
    """True if the windows' rows are worth copying one by one: at a stride, if they are long or filters are few."""
    if groups > 1 or dilation[1] > 1 or stride[1] == 1:
        return False
    return kernel_size[1] >= (SHORT_RUN if filters <= patches.FEW_FILTERS else LONG_RUN)


def _pixels(x):
    """Pixels of all images together."""
    return x.shape[0] * x.shape[2] * x.shape[3]
