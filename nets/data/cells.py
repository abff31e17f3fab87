"""Pictures of touching cells under a microscope, drawn from a seed, with the truth of every pixel.

A cell is a wobbly ellipse: its outline in polar coordinates about the centre is

    r(angle) = ellipse(angle) * (1 + sum_k a_k cos(k angle + phase_k)),   k = 2 .. 5

Everything else follows from one number per pixel, the relative radius s = distance / r(angle). If s < 1, the pixel is
inside the cell. If s is near 1, it is on the membrane. If s is a little above 1, it is in the bright halo that phase
contrast microscopes show. If cells meet, a pixel belongs to the cell with the smallest s. So their common border is
flat, as between soap bubbles.

On average, cells are about as bright as the medium around them. What distinguishes them is texture, granules, nucleus
and membrane: a threshold is not enough, a network must look at the neighbourhood.
"""

from __future__ import annotations

import numpy as np

from nets.data.generated import GeneratedDataset
from nets.data.noise import smooth_noise
from nets.data.sample import Sample, SegmentationClass, renumber_objects

CLASSES = (SegmentationClass(0, "medium", (0, 0, 0)), SegmentationClass(1, "cell", (64, 200, 120), thing=True))
LEAST_PIXELS = 12  # a cell with fewer pixels inside the picture is not an object
FAR = 9.0  # the relative radius of pixels far from every cell


def cells(split="train", length=None, seed=0, size=(160, 160)):
    """A dataset of `length` grey images (default 480 for training, 40 for validation), `size` = (H, W)."""
    height, width = size
    if min(height, width) < 32:
        raise ValueError(f"cells: size must be at least 32x32, got {height}x{width}")
    if length is None:
        length = 480 if split == "train" else 40
    return GeneratedDataset(
        lambda rng: draw_cells(rng, height, width), "cells", length, CLASSES, 1, "free", split, seed
    )


def draw_cells(rng, height, width):
    """One sample: place the cells, shade them by relative radius, then apply the lens and the camera."""
    centres = _scatter(rng, height, width)
    instances, radius, cell_map = _outlines(rng, centres, height, width)
    light = _medium(rng, height, width) + _shade(rng, instances, radius, cell_map)
    image = _camera(rng, light)
    label = (instances > 0).astype(np.uint8)
    return Sample(image, label, instances, "cells")


def _scatter(rng, height, width):
    """(row, column, radius) of each cell, in colonies: a new cell often lies just beside an existing cell."""
    mean_radius = rng.uniform(9.0, 14.0)
    crowding = rng.uniform(0.25, 0.6)
    wanted = int(crowding * height * width / (np.pi * mean_radius**2)) + 2
    placed = np.empty((0, 3))
    for _ in range(8 * wanted):
        radius = mean_radius * rng.uniform(0.75, 1.3)
        if len(placed) and rng.random() < 0.7:
            row, column, beside = placed[rng.integers(len(placed))]
            angle = rng.uniform(0, 2 * np.pi)
            reach = 0.9 * (radius + beside)
            centre = row + reach * np.sin(angle), column + reach * np.cos(angle)
        else:
            centre = rng.uniform(0, height), rng.uniform(0, width)
        if not (-radius < centre[0] < height + radius and -radius < centre[1] < width + radius):
            continue
        gaps = np.hypot(placed[:, 0] - centre[0], placed[:, 1] - centre[1]) / (placed[:, 2] + radius)
        if len(placed) == 0 or gaps.min() > 0.8:
            placed = np.vstack([placed, (*centre, radius)])
        if len(placed) == wanted:
            break
    return placed


def _outlines(rng, centres, height, width):
    """(instances, relative radius, relative radius of the nearest nucleus), each (H, W)."""
    instances = np.zeros((height, width), np.int32)
    radius = np.full((height, width), FAR, np.float32)
    nucleus = np.full((height, width), FAR, np.float32)
    for number, (row, column, size) in enumerate(centres, start=1):
        reach = int(1.9 * size) + 1
        window = (
            slice(max(0, int(row) - reach), min(height, int(row) + reach + 1)),
            slice(max(0, int(column) - reach), min(width, int(column) + reach + 1)),
        )
        down = (np.arange(window[0].start, window[0].stop, dtype=np.float32) - row)[:, None]
        right = (np.arange(window[1].start, window[1].stop, dtype=np.float32) - column)[None, :]
        tilt, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.3)
        relative = _relative_radius(down, right, tilt, size * stretch, size / stretch)
        angle = np.arctan2(down, right)
        wobble = np.ones_like(relative)
        for wave in range(2, 6):
            wobble += rng.normal(0, 0.1 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
        relative = relative / wobble
        shift = rng.normal(0, 0.15 * size, 2)
        core_size = size * rng.uniform(0.32, 0.45)
        core = _relative_radius(down - shift[0], right - shift[1], tilt, core_size * 1.15, core_size / 1.15)
        closer = relative < radius[window]
        radius[window][closer] = relative[closer]
        nucleus[window][closer] = core[closer]
        instances[window][closer & (relative < 1)] = number
    return renumber_objects(instances, LEAST_PIXELS), radius, nucleus


def _relative_radius(down, right, tilt, major, minor):
    """Distance from the centre in units of a tilted ellipse: 1 on its outline."""
    along = (right * np.cos(tilt) + down * np.sin(tilt)) / major
    across = (down * np.cos(tilt) - right * np.sin(tilt)) / minor
    return np.sqrt(along**2 + across**2) + 1e-6


def _medium(rng, height, width):
    """Brightness of the empty medium in 0 .. 1: uneven light, slow variations, and dirt that is out of focus."""
    rows = np.linspace(-1, 1, height)[:, None]
    columns = np.linspace(-1, 1, width)[None, :]
    slope = rng.normal(0, 0.06, 2)
    vignette = rng.uniform(0.02, 0.12)
    light = rng.uniform(0.42, 0.55) + slope[0] * rows + slope[1] * columns - vignette * (rows**2 + columns**2)
    light = light + rng.uniform(0.01, 0.03) * smooth_noise(rng, height, width, 14)
    return light + rng.uniform(0.01, 0.03) * smooth_noise(rng, height, width, 2.5)


def _bump(distance, centre, width):
    """1 at `centre`, falling off as a Gaussian of standard deviation `width`."""
    return np.exp(-0.5 * ((distance - centre) / width) ** 2)


def _shade(rng, instances, radius, nucleus):
    """What the cells add to the medium's brightness: body, grain, membrane, halo, nucleus, granules."""
    from scipy.special import expit

    height, width = instances.shape
    count = int(instances.max()) + 1
    inside = instances > 0
    body = rng.normal(0.0, 0.05, count)
    grain_strength = rng.uniform(0.05, 0.09)
    grain = smooth_noise(rng, height, width, 1.3)
    light = np.where(inside, body[instances] + grain_strength * grain, 0.0)
    light += -rng.uniform(0.12, 0.2) * _bump(radius, 0.96, 0.07)
    light += rng.uniform(0.1, 0.2) * _bump(radius, 1.1, 0.06)
    darkness = rng.normal(0.13, 0.05, count)[instances] * inside
    light -= darkness * expit(12 * (1 - nucleus))  # a disc with a soft rim
    light += 0.16 * _bump(nucleus, 1.0, 0.12) * inside
    light -= 1.2 * darkness * _bump(nucleus, 0.0, 0.28)
    specks = (rng.random((height, width)) < 0.03) & inside & (radius < 0.85)
    light[specks] += rng.uniform(0.15, 0.5, int(specks.sum()))
    dirt = (rng.random((height, width)) < 0.003) & ~inside
    light[dirt] += rng.normal(0, 0.6, int(dirt.sum()))
    return light


def _camera(rng, light):
    """Blur of the lens, shot noise that grows with the light, read noise, and 8 bits."""
    from scipy import ndimage

    light = ndimage.gaussian_filter(light, rng.uniform(0.6, 1.3), mode="nearest")
    contrast = rng.uniform(0.8, 1.2)
    light = np.clip(0.5 + contrast * (light - 0.5) + rng.normal(0, 0.04), 0.02, 1)
    noise = rng.uniform(0.015, 0.04)
    light = light + noise * np.sqrt(2 * light) * rng.standard_normal(light.shape)
    return np.clip(light * 255 + 0.5, 0, 255).astype(np.uint8)
