"""From an image to the class of every pixel, and then to colours."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import Any

import numpy as np

from layers import Module
from minitensor import Tensor, no_grad, tensor
from nets.data.sample import IGNORE, MIRRORINGS, class_color
from nets.segmentation.tiling import predict_tiles

IGNORED_COLOR = (255, 255, 255)


def predict(net: Module, image: Any, tile: Any = None) -> Any:
    """Scores (before softmax) of every class at every pixel of an image of any size; argmax(0) is the class map.

    image  floating point, as the net was trained: (C, H, W), (H, W) for one channel, or a batch (N, C, H, W);
           an array or a Tensor
    tile   the output size of a tile, a number or (height, width); None: images of up to a megapixel are not cut

    Returns an array (classes, H, W), or (N, classes, H, W) for a batch. The net is switched to evaluation (batch norm
    uses its running statistics, nothing is dropped) and back, also if several threads predict at once. Raises TypeError
    for images of whole numbers and ValueError for other shapes.
    """
    array = image.numpy() if isinstance(image, Tensor) else np.asarray(image)
    if array.dtype.kind != "f":
        raise TypeError(f"predict: image must be floating point, normalised as in training, got dtype {array.dtype}")
    if array.ndim not in (2, 3, 4) or 0 in array.shape:
        raise ValueError(f"predict: image must be (C, H, W), (H, W) or (N, C, H, W), got shape {array.shape}")
    batch = array.reshape((1,) * (4 - array.ndim) + array.shape)  # (N, C, H, W)
    device = next(iter(net.parameters())).device
    with evaluating(net), no_grad():
        scores = predict_tiles(net, batch, lambda x: net(tensor(x, device=device)).numpy(), tile)
    return scores if array.ndim == 4 else scores[0]


@contextmanager
def evaluating(net):
    """Within the block a net and all its layers are in evaluation; after it, each layer is in the mode it had before.

    Several threads may be inside at once. The last one that leaves switches back: the first must not, because the
    others would then change the running statistics of batch norm.
    """
    with _lock:
        inside = _inside.setdefault(net, _Inside({module: module.training for module in net.modules()}))
        inside.threads += 1
        net.eval()
    try:
        yield
    finally:
        with _lock:
            inside.threads -= 1
            if not inside.threads:
                del _inside[net]
                for module, training in inside.modes.items():
                    module.training = training


class _Inside:
    """How many threads are in `evaluating` with a net, and the modes of its layers before."""

    def __init__(self, modes):
        self.modes, self.threads = modes, 0


_inside: dict[Module, _Inside] = {}
_lock = threading.Lock()


def _new_lock():
    """In a child that was forked while another thread held the lock: that thread is not there to release it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def view_probabilities(net, image, orientation, tile=None):
    """For each mirrored view of an image (C, H, W): probabilities (classes, H, W), mirrored back.

    A net trained on mirrored images gives slightly different answers for each view.
    In the mean over the views, errors that are not common to all views partly cancel.
    """
    for _, scores in view_scores(net, image, orientation, tile):
        yield softmax(scores)


def view_scores(net, image, orientation, tile=None):
    """For each mirrored view of an image (C, H, W): (mirrored axes, the net's outputs (outputs, H, W), mirrored back).

    The first view is the image itself.
    """
    for axes in MIRRORINGS[orientation]:
        scores = predict(net, np.flip(image, axes), tile)
        yield axes, np.flip(scores, [axis % 3 for axis in axes])


def softmax(scores):
    """Probabilities (classes, H, W) of scores (classes, H, W)."""
    scores = np.exp(scores - scores.max(0))
    return scores / scores.sum(0)


def colorize(label, classes):
    """A picture (H, W, 3) uint8 of a class map: each class in its colour, ignored pixels white."""
    palette = np.array([class_color(position) for position in range(IGNORE + 1)], np.uint8)
    palette[: len(classes)] = [entry.color for entry in classes]
    palette[IGNORE] = IGNORED_COLOR
    return palette[label]


def overlay(image, label, classes, opacity=0.5):
    """The image (H, W) or (H, W, 3) uint8 with the classes' colours laid over it."""
    picture = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    mixed = (1 - opacity) * picture + opacity * colorize(label, classes)
    return (mixed + 0.5).astype(np.uint8)
