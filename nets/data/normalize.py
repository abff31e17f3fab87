"""8-bit pictures as input of a net: float32, channels first, mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.limits import LARGEST_FACTOR, SMALLEST_DEVIATION

MOST_IMAGES = 200  # the mean of 200 images agrees with the mean of all images to three digits


class Normalization(NamedTuple):
    """x = (image - mean) / std, one mean and one standard deviation per channel, in units of 0 .. 255."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def as_dict(self):
        """Plain values, for a run's config.json."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values):
        """The normalisation that `as_dict` wrote down. Raises ValueError for what it cannot have written."""
        mean, std = values.get("mean"), values.get("std")
        for numbers, least in ((mean, -LARGEST_FACTOR), (std, SMALLEST_DEVIATION)):
            listed = isinstance(numbers, list) and all(type(n) in (int, float) for n in numbers)
            if not listed or not all(least <= number <= LARGEST_FACTOR for number in numbers):
                raise ValueError(f"mean must be a list of numbers, and std of numbers from {SMALLEST_DEVIATION:g} up")
        if len(mean) != len(std):
            raise ValueError(f"there are {len(mean)} means and {len(std)} deviations")
        return cls(tuple(values["mean"]), tuple(values["std"]))

    @classmethod
    def of(cls, dataset):
        """Mean and standard deviation over all pixels of a training set (of at most 200 evenly chosen images)."""
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), MOST_IMAGES)).astype(int))
        histogram = np.zeros((dataset.channels, 256))
        for index in chosen:
            planes = dataset.sample(int(index)).image.reshape(-1, dataset.channels)  # (H*W, C)
            for channel in range(dataset.channels):
                histogram[channel] += np.bincount(planes[:, channel], minlength=256)
        values = np.arange(256)
        share = histogram / histogram.sum(1, keepdims=True)
        mean = share @ values
        variance = share @ values**2 - mean**2
        std = np.sqrt(np.maximum(variance, 1.0))  # at least one grey level, so a blank picture is not divided by 0
        return cls(tuple(mean.tolist()), tuple(std.tolist()))

    def apply(self, image):
        """(H, W) or (H, W, 3) uint8 -> (C, H, W) float32. Raises ValueError if the channels differ."""
        planes = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)  # (C, H, W)
        if len(planes) != len(self.mean):
            raise ValueError(
                f"Normalization.apply: image has {len(planes)} channels (shape {image.shape}), "
                f"expected {len(self.mean)}"
            )
        mean = np.array(self.mean, np.float32)[:, None, None]
        scale = np.array([1 / std for std in self.std], np.float32)[:, None, None]
        return (planes.astype(np.float32) - mean) * scale


def make_batch(samples, normalization):
    """(x float32 (N, C, H, W), labels int64 (N, H, W)) of samples of equal size."""
    x = np.stack([normalization.apply(sample.image) for sample in samples])
    return x, np.stack([sample.label for sample in samples]).astype(np.int64)
