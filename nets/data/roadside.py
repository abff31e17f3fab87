"""What stands beside the street: buildings with windows, and trees."""

from __future__ import annotations

import numpy as np

STOREY = 1.9  # in camera heights
WINDOW = 1.6  # from one window to the next, in camera heights


def draw_building(painter, rng, view, distance, side, depth, label):
    """A house front along the street, its far end at `distance`. With side 0 it stands across the end of the street."""
    color = _wall_color(rng)
    roof = STOREY * rng.integers(2, 6)
    painter.begin_stuff(label)
    if side == 0:
        wide = 3 * (view.road + view.pavement)
        _block(painter, rng, view, -wide, wide, roof, distance, color)
        return
    line = side * (view.road + view.pavement)
    near, far = max(distance - depth, 0.35), distance
    # The wall that faces the camera is visible only if the nearer house is lower, or if there is a gap before it.
    _block(painter, rng, view, line, line + side * 8, roof, near, color * 0.8)
    corners = ((0, near), (roof, near), (roof, far), (0, far))
    painter.polygon([view.point(line, up, z) for up, z in corners], view.fade(color, near))
    glass = np.array([62, 72, 88]) + rng.normal(0, 14, 3)
    columns = max(1, int(depth / WINDOW))
    pitch = depth / columns
    for storey in range(round(roof / STOREY)):
        bottom = storey * STOREY + 0.5
        for column in range(columns):
            start = near + (column + 0.25) * pitch
            stop = min(start + 0.5 * pitch, far)
            if start >= far:
                continue
            pane = glass * rng.uniform(0.7, 1.5)
            outline = ((bottom, start), (bottom + 0.95, start), (bottom + 0.95, stop), (bottom, stop))
            painter.mark([view.point(line, up, z) for up, z in outline], view.fade(pane, start))


def _block(painter, rng, view, left, right, roof, distance, color):
    """A wall at a right angle to the street, from the ground to the roof."""
    corners = ((left, 0), (left, roof), (right, roof), (right, 0))
    painter.polygon([view.point(x, up, distance) for x, up in corners], view.fade(color, distance))


def _wall_color(rng):
    """Brick, plaster, sandstone or concrete, a little different each time."""
    walls = np.array([[148, 92, 76], [196, 182, 156], [172, 146, 112], [138, 138, 142], [176, 170, 164]])
    return walls[rng.integers(len(walls))] * rng.uniform(0.75, 1.1) + rng.normal(0, 6, 3)


def draw_tree(painter, rng, view, distance, sideways, label):
    """A trunk and a crown of overlapping tufts, the lower ones darker."""
    painter.begin_stuff(label)
    scale = view.scale(distance)
    foot_x, foot_y = view.point(sideways, 0, distance)
    trunk = 0.11 * scale
    tall = rng.uniform(2.2, 3.4) * scale
    bark = view.fade(np.array([84, 66, 50]) * rng.uniform(0.8, 1.2), distance)
    outline = [(-1, 0), (-0.7, -tall), (0.7, -tall), (1, 0)]
    painter.polygon([(foot_x + trunk * x, foot_y + y) for x, y in outline], bark)
    leaf = np.array([70, 104, 46]) + rng.normal(0, 12, 3)
    spread = rng.uniform(0.7, 1.2) * scale
    tufts = rng.normal(0, 0.5, (22, 2)) * (spread, 0.8 * spread)
    for across, down in tufts[np.argsort(-tufts[:, 1])]:
        size = spread * rng.uniform(0.3, 0.5)
        light = 1.0 - 0.28 * down / spread + rng.normal(0, 0.08)
        x, y = foot_x + across, foot_y - tall - 0.3 * spread + down
        painter.ellipse(x - size, y - size, x + size, y + size, view.fade(leaf * light, distance))
