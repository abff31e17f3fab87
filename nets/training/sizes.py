"""Which crops and batches a training can have: the same rules for the command line and for a config.json."""

from __future__ import annotations

from nets.limits import LARGEST_CROP, MOST_BATCH, MOST_BATCH_PIXELS


def check_batch_size(crop, batch):
    """Raise ValueError for a batch that no memory holds. crop: (height, width); batch: images a step."""
    if not all(1 <= side <= LARGEST_CROP for side in crop):
        raise ValueError(f"crop: a side must have 1 to {LARGEST_CROP} pixels, got {crop[0]}x{crop[1]}")
    if not 1 <= batch <= MOST_BATCH:
        raise ValueError(f"batch: a step takes 1 to {MOST_BATCH} images, got {batch}")
    pixels = batch * crop[0] * crop[1]
    if pixels > MOST_BATCH_PIXELS:
        raise ValueError(
            f"batch: {batch} crops of {crop[0]}x{crop[1]} have {pixels:,} pixels, at most {MOST_BATCH_PIXELS:,} are "
            "possible; give a smaller crop or a smaller batch"
        )


def most_halvings(crop):
    """How often a crop can be halved: the largest d with 2^d <= the shorter side."""
    return min(crop).bit_length() - 1


def check_halvings(depth, crop):
    """Raise ValueError if a crop cannot be halved `depth` times, once for each pooling of a U-Net."""
    if depth > most_halvings(crop):
        raise ValueError(f"crop: {crop[0]}x{crop[1]} cannot be halved {depth} times, once for each pooling")
