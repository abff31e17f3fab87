"""Pictures with the class of every pixel, from two generators or from a folder, and as batches for a net.

    train, validation = open_dataset("cells", seed=0)              or "street", or a folder
    whole = open_evaluation("some/folder", train.encoding, train.channels)

A dataset has `len`, `sample(i) -> Sample`, `classes`, `channels` (1 or 3), `orientation`, `smallest` (H, W),
`encoding` (how masks are read; a run keeps it in its config) and `description` (one line that says what was found).
"""

from pathlib import Path

from nets.data.augment import Augmentation, augment, default_crop
from nets.data.balance import count_classes, log_weights, median_frequency_weights
from nets.data.cells import cells
from nets.data.encoding import Encoding
from nets.data.folder import open_folder, split_folder
from nets.data.images import as_channels, read_image
from nets.data.normalize import Normalization, make_batch
from nets.data.own import OwnData
from nets.data.sample import IGNORE, MIRRORINGS, Sample, SegmentationClass, class_color, instance_classes
from nets.data.street import street
from nets.data.weight_map import border_weights, weight_map

GENERATORS = {"cells": cells, "street": street}

__all__ = [
    "GENERATORS",
    "IGNORE",
    "MIRRORINGS",
    "Augmentation",
    "Encoding",
    "Normalization",
    "OwnData",
    "Sample",
    "SegmentationClass",
    "as_channels",
    "augment",
    "border_weights",
    "cells",
    "class_color",
    "count_classes",
    "default_crop",
    "instance_classes",
    "log_weights",
    "make_batch",
    "median_frequency_weights",
    "open_dataset",
    "open_evaluation",
    "open_folder",
    "read_image",
    "split_folder",
    "street",
    "weight_map",
]


def open_dataset(name_or_folder, seed=0):
    """(train, validation): the datasets of a generator, given by its name, or of a folder of images and masks.

    Raises ValueError if the argument is neither, or if a file of the folder does not fit.
    """
    generator = GENERATORS.get(str(name_or_folder))
    if generator is not None:
        return generator("train", seed=seed), generator("validation", seed=seed)
    _must_be_folder(name_or_folder)
    return split_folder(name_or_folder, seed)


def open_evaluation(name_or_folder, encoding, channels, seed=0):
    """All images of a folder (or the validation images of a generator), as the run with `encoding` reads them.

    Raises ValueError if the classes differ from the run's classes; for a generator, also if the channels differ.
    """
    generator = GENERATORS.get(str(name_or_folder))
    if generator is None:
        _must_be_folder(name_or_folder)
        return open_folder(name_or_folder, encoding, channels)
    dataset = generator("validation", seed=seed)
    if dataset.encoding.ids != encoding.ids or dataset.channels != channels:
        raise ValueError(
            f"{dataset.name}: {dataset.channels} channels and classes {dataset.encoding.ids}, "
            f"the run has {channels} and {encoding.ids}"
        )
    return dataset


def _must_be_folder(name):
    if not Path(name).is_dir():
        raise ValueError(f"{name}: neither a folder nor one of {', '.join(GENERATORS)}")
