"""A running mean of the weights: this is what is validated and kept.

During training the weights move around the best ones, and batch norm's running statistics follow the last few batches.
The mean over the last part of the way is nearer to the middle: a = d a + (1 - d) w after each step, with

    d = min(0.98, (1 + step) / (10 + step))

so the mean reaches back over a tenth of the run at first, and over 50 steps later (Polyak and Juditsky 1992).
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
        """Take the weights after `step` steps into the mean."""
        share = 1 - min(MOST_DECAY, (1 + step) / (10 + step))
        latest = self._trained.state_dict()
        for name, mean in self.net.state_dict().items():
            array, new = mean.data, latest[name].data
            if array.dtype.kind == "f":
                # a = d a + (1 - d) w  is  a += (1 - d) (w - a), in the mean's own memory
                array += np.float32(share) * (new - array)
            else:
                array[...] = new  # a counter
