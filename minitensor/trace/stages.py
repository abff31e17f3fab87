"""Trace and Stage: what a renderer reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# What a cell is. Renderers give each kind a colour, a pattern and a word.
KINDS = ("input", "zero", "padding", "kernel", "product", "output", "gradient", "cropped")
INPUT, ZERO, PADDING, KERNEL, PRODUCT, OUTPUT, GRADIENT, CROPPED = range(len(KINDS))
HATCHED = (PADDING, CROPPED)  # what lies around: zeros that are added, and results that are cut off


class Stage(NamedTuple):
    """One step of an operation.

    name      of the stage, the same in every trace of the operation
    array     its numbers; images are (N, C, H, W), kernels (O, C, KH, KW), matrices (rows, columns)
    words     one sentence: what was done to get here
    formula   the same as a formula
    kinds     uint8, of the array's shape: what each cell is (KINDS)
    products  for each cell of the last two axes: the pairs (a, b) whose products it is made of; None if of none
    how       "sum" of these products, or "max"
    """

    name: str
    array: np.ndarray
    words: str
    formula: str
    kinds: np.ndarray
    products: dict | None = None
    how: str = "sum"

    def as_dict(self) -> dict:
        """Plain values, for JSON. Leading axes of size 1 are left out of the arrays."""
        entry = {
            "name": self.name,
            "array": plane(self.array).tolist(),
            "shape": list(self.array.shape),
            "words": self.words,
            "formula": self.formula,
            "kinds": [[KINDS[kind] for kind in row] for row in np.atleast_2d(top_plane(self.kinds))],
        }
        if self.products is not None:
            entry["products"] = {f"{i},{j}": pairs for (i, j), pairs in self.products.items()}
            entry["how"] = self.how
        return entry


class Trace(NamedTuple):
    """An operation with its arguments, in stages. The last stage is the operation's result."""

    title: str
    stages: tuple[Stage, ...]

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises ValueError if there is none."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise ValueError(f"trace: no stage {name!r}; there are {', '.join(stage.name for stage in self.stages)}")

    @property
    def result(self) -> np.ndarray:
        return self.stages[-1].array

    def as_dict(self) -> dict:
        """Plain values, for JSON."""
        return {"title": self.title, "stages": [stage.as_dict() for stage in self.stages]}

    def last_made(self) -> Stage | None:
        """The last stage whose cells are made of products."""
        return next((stage for stage in reversed(self.stages) if stage.products), None)


def plane(array):
    """The array without leading axes of size 1, at least two axes kept."""
    array = np.asarray(array)
    while array.ndim > 2 and len(array) == 1:
        array = array[0]
    return array


def top_plane(array):
    """The first plane (H, W) of an array: what a picture shows."""
    array = np.asarray(array)
    while array.ndim > 2:
        array = array[0]
    return array


def kinds_of(array, kind):
    """uint8 of the array's shape, all of one kind."""
    return np.full(np.shape(array), kind, np.uint8)
