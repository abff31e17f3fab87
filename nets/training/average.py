"""A running mean of the weights: this is what is validated and kept.

During training the weights move around the best ones, and batch norm's running statistics follow the last few batches.
Their mean over the last steps is closer to the best weights. After each step, a = d a + (1 - d) w with

    d = min(0.98, (1 + step) / (10 + step))

At first the mean reaches back over about a ninth of the steps so far, later over 50 steps (Polyak and Juditsky 1992).
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels import run
from minitensor.optim.flat import flattened, views

MOST_DECAY = 0.98


class WeightAverage:
    """A second net of the same kind, `net`, whose weights and buffers are running means of the trained one's.

    The memory of all its arrays of a dtype is one array, so that an update of the whole net is four operations.
    """

    def __init__(self, net, trained):
        self.net = net
        net.load_state_dict(trained.state_dict())
        net.eval()
        pairs = {}
        for mean, latest in zip(_tensors(net), _tensors(trained), strict=True):
            pairs.setdefault(mean.dtype, []).append((mean, latest))
        self._joined = []  # (the means in one array, the trained net's tensors in the same order)
        for pairs_of_dtype in pairs.values():
            means, latest = zip(*pairs_of_dtype, strict=True)
            arrays = [mean.data for mean in means]
            flat = flattened(arrays)
            for mean, view in zip(means, views(flat, arrays), strict=True):
                mean.data = view
            self._joined.append((flat, latest))

    def update(self, step):
        """Add the weights after `step` steps to the mean."""
        share = 1 - min(MOST_DECAY, (1 + step) / (10 + step))
        for mean, tensors in self._joined:
            arrays = [tensor.data for tensor in tensors]
            if mean.dtype.kind != "f":
                run("flatten", mean, arrays)  # a counter has no mean
                continue
            # a = d a + (1 - d) w is a += (1 - d) (w - a), which changes the mean in place
            change = flattened(arrays)
            change -= mean
            change *= np.float32(share)
            mean += change


def _tensors(net):
    """Parameters and buffers, each once."""
    return [*net.parameters(), *net.buffers()]
