"""The sizes of the U-Net, level by level, and the crops of the FCNs. Both are found by walking through the layers."""

from __future__ import annotations

from typing import Any, NamedTuple

from minitensor.kernels.geometry import conv_output_size, conv_transpose_output_size, pool_output_size
from nets.geometry import alignment
from nets.plan import Window


class Level(NamedTuple):
    """One level of the valid U-Net, on the way down and on the way up."""

    enter: int  # the image, or the output of the pooling above
    skip: int  # after two 3x3 convolutions: pooled for the level below, and kept for the way up
    up: int  # the output of the up-convolution from the level below
    crop: int  # taken off every side of `skip` to make it as large as `up`
    leave: int  # after two more 3x3 convolutions on the cropped skip and `up`


class UNetSizes(NamedTuple):
    """Every size of the valid U-Net along one axis; levels from the top down."""

    input: int
    levels: tuple[Level, ...]
    bottom: tuple[int, int]  # the deepest level before and after its two convolutions
    output: int

    @property
    def crops(self):
        return tuple(level.crop for level in self.levels)


def unet_sizes(n: int, depth: int = 4) -> Any:
    """The size and crop of every level of the valid U-Net for an input of `n` pixels: 572 -> 388, crops 88, 40, 16, 4.

    Two valid 3x3 convolutions remove 4 pixels, pooling halves, the up-convolution doubles. With d poolings, a pair of
    convolutions at level i removes 4 pixels, each worth 2^i pixels of the input: 4 (1 + 2 + ... + 2^d) on the way down
    and 4 (1 + ... + 2^(d-1)) on the way up. Together:

        out = n - 12 * 2^d + 8        crop at level i = 12 * 2^(d-1-i) - 8, level 0 at the top

    Here the numbers are not computed by this formula but by walking through the net. Pooling must not meet an odd size,
    so n = -4 modulo 2^d, and at least one pixel must remain: n > 12 * 2^d - 8. Raises ValueError for other n, with the
    nearest n that fit. Source: Ronneberger, Fischer, Brox, "U-Net", 2015, figure 1.
    """
    _check("unet_sizes", n=n, depth=depth)
    sizes = _walk(n, depth)
    if sizes is None:
        raise ValueError(f"unet_sizes: {n} does not fit a U-Net of depth {depth}: {nearest_text(n, depth)}")
    return sizes


def nearest_unet_sizes(n: int, depth: int = 4) -> Any:
    """(below, above): the nearest sizes that fit the valid U-Net. Both are `n` if `n` fits.

    below is None if no smaller size fits.
    """
    _check("nearest_unet_sizes", n=n, depth=depth)
    below, above = n, n
    while below > 0 and _walk(below, depth) is None:
        below -= 1
    while _walk(above, depth) is None:
        above += 1
    return below or None, above


def unet_input_size(output: int, depth: int = 4) -> int:
    """The smallest input from which the valid U-Net computes at least `output` pixels: 388 -> 572, 389 -> 588."""
    _check("unet_input_size", output=output, depth=depth)
    n = output
    while (sizes := _walk(n, depth)) is None or sizes.output < output:
        n += 1
    return n


def nearest_text(n, depth):
    """The nearest sizes in words, for the errors."""
    below, above = nearest_unet_sizes(n, depth)
    return f"the smallest valid is {above}" if below is None else f"nearest valid are {below} and {above}"


def _walk(n, depth):
    """The sizes of all levels, or None if `n` does not fit."""
    enters, skips, size = [], [], n
    for _ in range(depth):
        enters.append(size)
        skips.append(_double_conv(size))
        if skips[-1] < 2 or skips[-1] % 2:  # an odd size would lose its last row in pooling
            return None
        size = pool_output_size(skips[-1], 2, 2)
    bottom = size, _double_conv(size)
    levels, size = [], bottom[1]
    for enter, skip in zip(reversed(enters), reversed(skips), strict=True):
        up = conv_transpose_output_size(size, 2, 2)
        size = _double_conv(up)
        if size < 1:
            return None
        levels.append(Level(enter, skip, up, (skip - up) // 2, size))
    return UNetSizes(n, tuple(reversed(levels)), bottom, size) if size > 0 else None


def _double_conv(size):
    return conv_output_size(conv_output_size(size, 3), 3)


def _check(operation, **numbers):
    for name, number in numbers.items():
        least = 0 if name == "depth" else 1
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise TypeError(f"{operation}: {name} must be a whole number, got {number!r}")
        if number < least:
            raise ValueError(f"{operation}: {name} must be at least {least}, got {number}")


class FCNCrops(NamedTuple):
    """How many rows (columns) are cut at the top (left). Each field names the layer whose output is cut."""

    upscore: int
    upscore16: int
    upscore8: int
    score_pool4: int
    score_pool3: int


# Convolutions in each of VGG-16's five blocks; a pooling of 2 follows each block.
VGG_BLOCKS = (2, 2, 3, 3, 3)

# Padding of 100 at the first layer: without it a small image would shrink to less than the 7x7 window of fc6.
# The first two layers turn n pixels into n + 2 p - 2, five poolings that round up leave ceil((n + 2 p - 2) / 32),
# and fc6 needs 7 of these. For an image of one pixel this means 2 p - 1 > 6 * 32, so p must be at least 97.
# 100 is the next round number.
FCN_PADDING = 100


def fcn_blocks(padding=FCN_PADDING):
    """The windows of VGG-16's five blocks as the FCNs use them: 3x3 convolutions, and poolings that round up."""
    blocks = []
    for block, convolutions in enumerate(VGG_BLOCKS, start=1):
        windows = [Window(f"conv{block}_{i}", 3, 1, 1) for i in range(1, convolutions + 1)]
        if block == 1:
            windows[0] = windows[0]._replace(padding=padding)
        blocks.append((*windows, Window(f"pool{block}", 2, 2, ceil=True)))
    return blocks


def fcn_crops(padding: int = FCN_PADDING) -> Any:
    """The crops of the FCNs, derived from kernels, strides and paddings: 19, 27, 31, and 5, 9 for the skips.

    Every layer maps coordinates: pixel y of a convolution's output is centred on s y - p + (k - 1) / 2 of its input,
    and a transposed convolution does the reverse. From the image to score_fr, all layers give x = 32 y + 12.5, with
    12.5 = -100 + 1 (conv1_1) + 0.5 (1 + 2 + 4 + 8 + 16) (the poolings) + 3 * 32 (fc6). upscore (k = 64, s = 32) goes
    back: y = (z - 31.5) / 32, so x = z - 19. Pixel 19 of upscore lies over pixel 0 of the image, so 19 rows are cut.
    The skips are cut in the same way, until they lie over the map that they are added to. Source: Caffe's coord_map.py,
    Shelhamer et al., "Fully Convolutional Networks", 2017.
    """
    if isinstance(padding, bool) or not isinstance(padding, int):
        raise TypeError(f"fcn_crops: padding must be an int, got {padding!r}")
    if padding < 0:
        raise ValueError(f"fcn_crops: padding must be at least 0, got {padding}")
    block1, block2, block3, block4, block5 = fcn_blocks(padding)
    pool3 = (*block1, *block2, *block3)
    pool4 = (*pool3, *block4)
    score = (*pool4, *block5, Window("fc6", 7), Window("fc7", 1), Window("score_fr", 1))
    upscore = (*score, Window("upscore", 64, 32, transposed=True))
    upscore2 = (*score, Window("upscore2", 4, 2, transposed=True))
    upscore16 = (*upscore2, Window("upscore16", 32, 16, transposed=True))
    upscore_pool4 = (*upscore2, Window("upscore_pool4", 4, 2, transposed=True))
    upscore8 = (*upscore_pool4, Window("upscore8", 16, 8, transposed=True))
    return FCNCrops(
        upscore=alignment(upscore),
        upscore16=alignment(upscore16),
        upscore8=alignment(upscore8),
        score_pool4=alignment(pool4, reference=upscore2),
        score_pool3=alignment(pool3, reference=upscore_pool4),
    )
