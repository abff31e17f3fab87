"""A running mean of the weights: this is what is validated and kept.

During training the weights move around the best ones, and batch norm's running statistics follow the last few batches.
Their mean over the last steps is closer to the best weights. After each step, a = d a + (1 - d) w with

    d = min(0.98, (1 + step) / (10 + step))

At first the mean reaches back over about a ninth of the steps so far, later over 50 steps (Polyak and Juditsky 1992).
"""

from __future__ import annotations

import numpy as np

MOST_DECAY = 0.98


class WeightAverage:
    """A second net of the same kind, `net`, whose weights and buffers are running means of the trained one's."""

    def __init__(self, net, trained):
        self.net = net
        self._trained = trained
        net.load_state_dict(trained.state_dict())
        net.eval()

    def update(self, step):
        """Add the weights after `step` steps to the mean."""
        share = 1 - min(MOST_DECAY, (1 + step) / (10 + step))
        latest = self._trained.state_dict()
        for name, mean in self.net.state_dict().items():
            array, new = mean.data, latest[name].data
            if array.dtype.kind == "f":
                # a = d a + (1 - d) w is a += (1 - d) (w - a), which changes the mean in place
                array += np.float32(share) * (new - array)
            else:
                array[...] = new  # a counter has no mean
