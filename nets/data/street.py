"""Pictures of a street from behind the windscreen, drawn from a seed, with the truth of every pixel.

The world is flat, and the camera is at height 1 above the road. A point of the road at distance z lies at row

    y(z) = horizon + focal / z

and everything at that distance is drawn at a scale of focal / z pixels per camera height. Sky, buildings, pavement,
road and trees are stuff; cars and people are things. Everything is painted from far to near, so that near things hide
far ones. With distance, colours fade towards the colour of the haze.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.generated import GeneratedDataset
from nets.data.noise import smooth_noise
from nets.data.painter import Painter
from nets.data.roadside import draw_building, draw_tree
from nets.data.sample import Sample, SegmentationClass, renumber_objects
from nets.data.traffic import draw_car, draw_person

CLASSES = (
    SegmentationClass(0, "sky", (70, 130, 180)),
    SegmentationClass(1, "building", (90, 90, 90)),
    SegmentationClass(2, "road", (128, 64, 128)),
    SegmentationClass(3, "pavement", (244, 35, 232)),
    SegmentationClass(4, "tree", (107, 142, 35)),
    SegmentationClass(5, "car", (0, 0, 142), thing=True),
    SegmentationClass(6, "person", (220, 20, 60), thing=True),
)
SKY, BUILDING, ROAD, PAVEMENT, TREE, CAR, PERSON = range(len(CLASSES))
LEAST_PIXELS = 6  # with fewer visible pixels an object does not count as one; its pixels keep their class


def street(split="train", length=None, seed=0, size=(128, 192)):
    """A dataset of `length` RGB images (default 400 for training, 40 for validation), `size` = (H, W)."""
    height, width = size
    if min(height, width) < 48:
        raise ValueError(f"street: size must be at least 48x48, got {height}x{width}")
    if length is None:
        length = 400 if split == "train" else 40
    return GeneratedDataset(
        lambda rng: draw_street(rng, height, width), "street", length, CLASSES, 3, "upright", split, seed
    )


class View(NamedTuple):
    """Camera, road and weather of one picture. `x` of a point = vanishing + sideways * scale(distance)."""

    horizon: float
    vanishing: float
    focal: float
    road: float  # half the width of the road, in camera heights
    pavement: float  # the width of the pavement on each side
    haze: float
    haze_color: np.ndarray

    def scale(self, distance):
        """Pixels of one camera height at `distance`."""
        return self.focal / distance

    def point(self, sideways, up, distance):
        """(x, y) of a point `sideways` right of the lane's middle and `up` above the ground."""
        scale = self.scale(distance)
        return self.vanishing + sideways * scale, self.horizon + (1 - up) * scale

    def fade(self, color, distance):
        """The colour as the camera sees it: a share exp(-haze * distance) of it, the rest is the haze's colour."""
        kept = np.exp(-self.haze * distance)
        return kept * np.asarray(color, float) + (1 - kept) * self.haze_color


def draw_street(rng, height, width):
    """One sample: sky and ground, then everything on the ground from far to near, then light and camera."""
    dusk = rng.random() < 0.3
    sky_top, sky_low = _sky_colors(rng, dusk)
    view = View(
        horizon=height * rng.uniform(0.36, 0.48),
        vanishing=width * rng.uniform(0.38, 0.62),
        focal=height * rng.uniform(0.75, 0.95),
        road=rng.uniform(2.2, 3.2),
        pavement=rng.uniform(1.4, 2.6),
        haze=rng.uniform(0.005, 0.04),
        haze_color=sky_low,
    )
    painter = Painter(height, width)
    _paint_sky(painter, rng, height, width, sky_top, sky_low)
    _paint_ground(painter, rng, view, height, width)
    for distance, draw, details in sorted(_scene(rng, view), key=lambda entry: -entry[0]):
        draw(painter, rng, view, distance, **details)
    color, label, instances = painter.result()
    image = _camera(rng, color, label, dusk)
    return Sample(image, label, renumber_objects(instances, LEAST_PIXELS), "street")


def _sky_colors(rng, dusk):
    """(colour at the top, colour at the horizon)."""
    if dusk:
        top, low = np.array([70, 75, 120]), np.array([225, 165, 130])
        return top + rng.normal(0, 12, 3), low + rng.normal(0, 15, 3)
    if rng.random() < 0.4:  # overcast
        grey = rng.uniform(165, 215)
        return np.full(3, grey) + rng.normal(0, 4, 3), np.full(3, grey + 15) + rng.normal(0, 4, 3)
    return np.array([95, 145, 210]) + rng.normal(0, 12, 3), np.array([195, 215, 232]) + rng.normal(0, 8, 3)


def _paint_sky(painter, rng, height, width, top, low):
    """Bands from the top's colour to the horizon's, and a few clouds."""
    painter.begin_stuff(SKY)
    bands = 24
    for band in range(bands):
        share = band / (bands - 1)
        row = height * 0.55 * band / bands
        painter.rectangle(0, row, width, height, (1 - share) * top + share * low)
    for _ in range(rng.integers(0, 5)):
        x, y = rng.uniform(0, width), rng.uniform(0, height * 0.3)
        for _ in range(5):
            puff = rng.uniform(0.03, 0.08) * width
            at_x, at_y = x + rng.normal(0, puff), y + rng.normal(0, puff / 6)
            outline = (at_x - puff, at_y - puff / 3, at_x + puff, at_y + puff / 3)
            painter.ellipse(*outline, 0.35 * low + 0.65 * np.array([240, 240, 242]))


def _paint_ground(painter, rng, view, height, width):
    """Pavement everywhere below the horizon, the road on it with kerbs, and lane marks on the road."""
    near = view.focal / (height - view.horizon) * 0.98  # just nearer than the picture's lower edge
    far = 60.0
    pavement = np.array([168, 156, 142]) + rng.normal(0, 10, 3)
    asphalt = np.full(3, rng.uniform(72, 112)) + rng.normal(0, 4, 3)
    painter.begin_stuff(PAVEMENT)
    painter.rectangle(0, view.horizon, width, height, pavement)
    for side in (-1, 1):
        _ground_strip(painter, view, side * view.road, side * (view.road + 0.12), near, far, pavement * 1.18)
    painter.begin_stuff(ROAD)
    outline = [(-view.road, near), (-view.road, far), (view.road, far), (view.road, near)]
    painter.polygon([view.point(x, 0, z) for x, z in outline], asphalt)
    for _ in range(rng.integers(0, 6)):  # repaired patches
        x, z, long = rng.uniform(-view.road, view.road * 0.6), rng.uniform(1.5, 12), rng.uniform(0.5, 3)
        right = min(view.road, x + 1.0)
        tar = asphalt * rng.uniform(0.82, 1.12)
        _ground_strip(painter, view, x, right, z, z + long, tar, only_color=True)
    paint = np.full(3, rng.uniform(190, 235))
    dash, gap = 1.2, rng.uniform(1.2, 2.2)
    start = rng.uniform(0.5, 2)
    while start < 40:
        _ground_strip(painter, view, -0.07, 0.07, start, start + dash, paint, only_color=True)
        start += dash + gap
    for side in (-1, 1):
        line = side * (view.road - 0.3), side * (view.road - 0.2)
        _ground_strip(painter, view, *line, near, far, paint, only_color=True)
    if rng.random() < 0.3:
        crossing = rng.uniform(3, 9)
        for x in np.arange(-view.road + 0.4, view.road - 0.5, 0.6):
            _ground_strip(painter, view, x, x + 0.3, crossing, crossing + 1.5, paint, only_color=True)


def _ground_strip(painter, view, left, right, near, far, color, only_color=False):
    """A rectangle that lies on the ground."""
    corners = [view.point(x, 0, z) for x, z in ((left, near), (left, far), (right, far), (right, near))]
    color = view.fade(color, near)
    if only_color:
        painter.mark(corners, color)
    else:
        painter.polygon(corners, color)


def _scene(rng, view):
    """[(distance, draw, details)] of everything that stands on the ground, not sorted yet."""
    entries = []
    edge = view.road + view.pavement
    for side in (-1, 1):
        distance = rng.uniform(0.7, 1.2)
        while distance < 45:
            depth = rng.uniform(2.5, 7)
            if rng.random() < 0.88:
                house = {"side": side, "depth": depth, "label": BUILDING}
                entries.append((distance + depth, draw_building, house))
            distance += depth * rng.choice([1.0, 1.0, 1.3])
        for _ in range(rng.integers(0, 6)):
            place = {"sideways": side * (edge - rng.uniform(0.1, 0.5)), "label": TREE}
            entries.append((rng.uniform(2.0, 22), draw_tree, place))
    entries.append((50.0, draw_building, {"side": 0, "depth": 3.0, "label": BUILDING}))
    for _ in range(rng.integers(1, 8)):
        lane = rng.choice([-0.5, 0.5]) * view.road + rng.normal(0, 0.15)
        if rng.random() < 0.35:  # parked at the kerb
            lane = rng.choice([-1, 1]) * (view.road - 0.55)
        entries.append((2.4 + 20 * rng.random() ** 1.6, draw_car, {"sideways": lane, "label": CAR}))
    for _ in range(rng.integers(1, 9)):
        walk = rng.choice([-1, 1]) * (view.road + rng.uniform(0.15, 0.9) * view.pavement)
        if rng.random() < 0.2:  # crossing the road
            walk = rng.uniform(-view.road, view.road)
        entries.append((2.0 + 12 * rng.random() ** 1.4, draw_person, {"sideways": walk, "label": PERSON}))
    return entries


def _camera(rng, color, label, dusk):
    """Texture, light, lens blur, sensor noise, 8 bits."""
    from scipy import ndimage

    height, width = color.shape[:2]
    rough = np.where(label == SKY, 0.3, 1.0)  # the sky has the least texture
    texture = 0.03 * smooth_noise(rng, height, width, 1.0) + 0.03 * smooth_noise(rng, height, width, 7)
    color = color * (1 + (rough * texture)[..., None])
    if dusk:
        color = color * (rng.uniform(0.55, 0.8) * np.array([1.0, 0.93, 0.95]))
    else:
        color = color * (rng.uniform(0.85, 1.12) * (1 + rng.normal(0, 0.03, 3)))
    color = ndimage.gaussian_filter(color, (*[rng.uniform(0.3, 0.7)] * 2, 0), mode="nearest")
    color = color + rng.uniform(2, 6) * rng.standard_normal(color.shape)
    return np.clip(color + 0.5, 0, 255).astype(np.uint8)
