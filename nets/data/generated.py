"""A dataset that is computed, not stored: sample i is a function of the seed and i alone."""

from __future__ import annotations

import numpy as np

from nets.data.encoding import Encoding

# The second word of every sample's seed. Training and validation never share a stream of random numbers.
SPLITS = {"train": 0, "validation": 1}


class GeneratedDataset:
    """Samples drawn by `draw(rng) -> Sample`, each from its own random stream (seed, split, i).

    Sample i does not depend on which samples were asked for before it. Drawn samples are kept, because
    training asks for each of them many times.
    """

    def __init__(self, draw, name, length, classes, channels, orientation, split, seed):
        if split not in SPLITS:
            raise ValueError(f"{name}: split must be one of {', '.join(SPLITS)}, got {split!r}")
        if length < 1:
            raise ValueError(f"{name}: length must be at least 1, got {length}")
        if seed < 0:
            raise ValueError(f"{name}: seed must not be negative, got {seed}")
        self.name = name
        self.classes = classes
        self.channels = channels
        self.orientation = orientation
        self.encoding = Encoding("ids", classes)
        self._draw = draw
        self._length = length
        self._stream = (seed, SPLITS[split])
        self._drawn = {}
        self.smallest = self.sample(0).label.shape
        height, width = self.smallest
        self.description = (
            f"{name} ({split}, seed {seed}): {length} generated images, {height}x{width}, "
            f"{'grey' if channels == 1 else 'RGB'}, {len(classes)} classes "
            f"({', '.join(c.name for c in classes)}), no ignore"
        )

    def __len__(self):
        return self._length

    def sample(self, index):
        """The sample at `index`, the same for the same seed on every machine and in every order."""
        if not 0 <= index < self._length:
            raise IndexError(f"{self.name}: sample {index} of {self._length}")
        if index not in self._drawn:
            drawn = self._draw(np.random.default_rng([*self._stream, index]))
            self._drawn[index] = drawn._replace(name=f"{self.name}_{index:04d}")
        return self._drawn[index]
