"""How strongly one output depends on each input pixel: the effective receptive field, measured by our own gradients.

nets/geometry.py says in theory which pixels an output *can* depend on. Most of them hardly matter: from a pixel in the
middle of the field many paths lead to the output, and from one at its edge only a few.
Source: Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks",
NIPS 2016.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

import minitensor as mt
from layers import Conv2d, Module, init
from nets.plan import coordinate_map, plan_of, reads
from nets.segmentation.semantic import evaluating
from nets.unet import UNet

# With these kernels a sum of zeros is exactly 0. Winograd's sums of transformed numbers are only 0 up to rounding, and
# would show a trace of the image where no path leads.
EXACT = {"conv2d": "columns", "conv_transpose2d": "fold_columns", "conv2d_gradients": "one_by_one"}


class EffectiveField(NamedTuple):
    """What an output sees, by gradient and in theory. All places are pixels of the image.

    heat      (H, W): the mean gradient of each pixel; exactly 0 outside the theoretical field
    rows      (first, last) that the output can depend on, in theory. What is outside the image is padding.
    columns   the same
    centre    (row, column) on which the output lies
    """

    heat: np.ndarray
    rows: tuple[int, int]
    columns: tuple[int, int]
    centre: tuple[float, float]

    def side(self, share: float) -> int:
        """The side of the smallest square around the centre that holds this share of the heat, for example 0.95."""
        if not 0 < share <= 1:
            raise ValueError(f"EffectiveField.side: share must be above 0 and at most 1, got {share}")
        down, across = (np.abs(np.arange(n) - at) for n, at in zip(self.heat.shape, self.centre, strict=True))
        distance = np.maximum(down[:, None], across).ravel()
        order = np.argsort(distance, kind="stable")
        gathered = np.cumsum(self.heat.ravel()[order])
        reached = np.searchsorted(gathered, share * gathered[-1] * (1 - np.finfo(float).eps))
        return int(2 * distance[order[min(reached, len(order) - 1)]]) + 1


def effective_field(net: Any, height: int, width: int, position: Any = None, images: int = 8, seed: int = 0) -> Any:
    """The EffectiveField of one output: how much each input pixel moves it, on average over random images.

        heat[i, j] = mean over images of  sum over c of  |d y[r, s] / d x[c, i, j]|

    net             a net with a plan, in the state that is to be measured: new or trained. Dropout is left out.
    height, width   of the images, whose pixels are drawn from N(0, 1)
    position        (r, s) of the output; None: the middle. y[r, s] is the sum of the scores of all its classes.

    Raises TypeError for a net without a plan, and ValueError for a size or position that does not fit, and if no
    gradient reaches the image. That is so in a new FCN, whose scores begin with 0: `pass_gradients` mends it.
    """
    if images < 1:
        raise ValueError(f"effective_field: images must be at least 1, got {images}")
    if isinstance(net, UNet) and net.fitting_size(height, width) != (height, width):
        fits = "x".join(map(str, net.fitting_size(height, width)))
        raise ValueError(f"effective_field: {height}x{width} gets a border in this U-Net; {fits} fits without one")
    steps, first = plan_of(net), next(net.parameters())
    rng = np.random.default_rng(seed)
    heat = np.zeros((height, width))
    with evaluating(net), mt.use_kernels(**EXACT):
        for _ in range(images):
            image = rng.standard_normal((1, first.shape[1], height, width)).astype(first.dtype)
            x = mt.tensor(image, device=first.device, requires_grad=True)
            scores = net(x)
            position = _checked(position, scores.shape[2:])
            (gradient,) = mt.grad(scores[:, :, position[0], position[1]].sum(), [x])
            heat += np.abs(gradient.numpy()[0]).sum(axis=0, dtype=float) / images
    if not heat.any():
        raise ValueError("effective_field: no gradient reaches the image; are all weights of a layer 0?")
    scale, offset = coordinate_map(steps)
    rows, columns = (reads(steps, at, at) for at in position)
    return EffectiveField(heat, rows, columns, tuple(float(scale * at + offset) for at in position))


def pass_gradients(net: Module) -> Module:
    """Give convolutions whose weights are all 0, as the scores of a new FCN are, random weights; returns the net."""
    for layer in net.modules():
        if isinstance(layer, Conv2d) and not layer.weight.numpy().any():
            init.kaiming_normal_(layer.weight)
    return net


def _checked(position, size):
    """The position as two whole numbers inside the output; the middle for None."""
    if position is None:
        return size[0] // 2, size[1] // 2
    row, column = position
    if not (0 <= row < size[0] and 0 <= column < size[1]):
        raise ValueError(f"effective_field: position ({row}, {column}) is outside the output of {size[0]}x{size[1]}")
    return int(row), int(column)
