"""The things that move: cars and people."""

from __future__ import annotations

import numpy as np

# red, blue, black, silver, grey, white, green, yellow
CAR_COLORS = np.array(
    [
        [168, 30, 34],
        [34, 62, 138],
        [28, 30, 34],
        [206, 208, 210],
        [124, 128, 134],
        [226, 222, 212],
        [40, 96, 78],
        [196, 150, 40],
    ]
)
TYRE = (24, 24, 26)


def draw_car(painter, rng, view, distance, sideways, label):
    """A car from behind or from the front: far end, flanks, near end, in that order."""
    scale = view.scale(distance)
    wide, tall = rng.uniform(0.62, 0.72), rng.uniform(0.95, 1.2)
    length = rng.uniform(1.5, 2.1)
    paint = CAR_COLORS[rng.integers(len(CAR_COLORS))] * rng.uniform(0.8, 1.1)
    glass = np.array([52, 62, 76]) * rng.uniform(0.7, 1.6)
    lamp = (250, 244, 214) if sideways < 0 else (198, 34, 30)  # oncoming cars show white, others red
    x, ground = view.point(sideways, 0, distance)

    def part(outline, color, sides=(1,)):
        """A shape. Its corners are (right, up, along), in half widths, heights and lengths of the car."""
        for side in sides:
            corners = [
                view.point(sideways + side * wide * right, tall * up, distance + length * along)
                for right, up, along in outline
            ]
            painter.polygon(corners, view.fade(color, distance))

    shadow = [(x - 1.15 * wide * scale, ground), (x + 1.15 * wide * scale, ground)]
    below = ground + 0.08 * scale
    shadow += [(x + wide * scale, below), (x - wide * scale, below)]
    painter.mark(shadow, view.fade((34, 34, 38), distance))
    painter.begin_object(label)
    both = (-1, 1)
    part([(-0.95, 0.1, 1), (-0.95, 0.6, 1), (0.95, 0.6, 1), (0.95, 0.1, 1)], paint * 0.6)
    part([(-0.62, 1, 0.75), (0.62, 1, 0.75), (0.62, 1, 0.2), (-0.62, 1, 0.2)], paint * 1.05)
    part([(1, 0.14, 0), (1, 0.6, 0), (0.97, 0.58, 1), (0.97, 0.14, 1)], paint * 0.68, both)
    part([(0.86, 0.58, 0.03), (0.62, 1, 0.2), (0.62, 1, 0.75), (0.86, 0.58, 0.95)], paint * 0.62, both)
    part([(0.83, 0.63, 0.12), (0.66, 0.93, 0.25), (0.66, 0.93, 0.7), (0.83, 0.63, 0.85)], glass * 0.8, both)
    for along in (0.74, 0.12):
        part([(1, 0, along), (1, 0.26, along), (1, 0.26, along + 0.16), (1, 0, along + 0.16)], TYRE, both)
    part([(0.6, 0, 0), (0.6, 0.25, 0), (0.95, 0.25, 0), (0.95, 0, 0)], TYRE, both)
    part([(-0.86, 0.58, 0), (-0.62, 1, 0.2), (0.62, 1, 0.2), (0.86, 0.58, 0)], paint * 0.92)
    part([(-1, 0.14, 0), (-1, 0.5, 0), (-0.9, 0.62, 0), (0.9, 0.62, 0), (1, 0.5, 0), (1, 0.14, 0)], paint)
    part([(-0.74, 0.63, 0.02), (-0.56, 0.94, 0.16), (0.56, 0.94, 0.16), (0.74, 0.63, 0.02)], glass)
    part([(0.66, 0.42, 0), (0.66, 0.54, 0), (0.92, 0.54, 0), (0.92, 0.42, 0)], lamp, both)
    part([(-0.98, 0.16, 0), (-0.98, 0.27, 0), (0.98, 0.27, 0), (0.98, 0.16, 0)], paint * 0.55)
    part([(-0.2, 0.3, 0), (-0.2, 0.38, 0), (0.2, 0.38, 0), (0.2, 0.3, 0)], (222, 220, 200))


def draw_person(painter, rng, view, distance, sideways, label):
    """A walker: legs in mid-stride, coat, arms, head and hair."""
    scale = view.scale(distance)
    tall = rng.uniform(1.0, 1.25) * scale
    coat = rng.uniform(30, 210, 3)
    trousers = rng.uniform(20, 110, 3)
    skin = np.array([224, 182, 150]) * rng.uniform(0.45, 1.05)
    hair = np.array([60, 44, 32]) * rng.uniform(0.4, 2.2)
    x, ground = view.point(sideways, 0, distance)
    stride = rng.uniform(0.03, 0.15) * tall

    def part(outline, value):
        painter.polygon([(x + tall * a, ground - tall * b) for a, b in outline], view.fade(value, distance))

    painter.begin_object(label)
    for side in (-1, 1):
        foot = side * stride / tall
        leg = [(-0.055, 0.5), (0.055, 0.5), (foot + 0.04, 0.0), (foot - 0.05, 0.0)]
        part(leg, trousers * (1.0 if side > 0 else 0.8))
    for side in (-1, 1):
        swing = side * stride / tall
        hand = side * 0.11 + swing * 0.5
        arm = [(side * 0.1, 0.8), (side * 0.14, 0.78), (hand + 0.02, 0.45), (hand - 0.02, 0.45)]
        part(arm, coat * 0.8)
    part([(-0.12, 0.82), (-0.06, 0.86), (0.06, 0.86), (0.12, 0.82), (0.11, 0.42), (-0.11, 0.42)], coat)
    head = 0.068 * tall
    top = ground - 0.99 * tall
    painter.ellipse(x - head, top, x + head, top + 2.2 * head, view.fade(skin, distance))
    painter.ellipse(x - head, top - 0.1 * head, x + head, top + 1.1 * head, view.fade(hair, distance))
