"""A brush that paints picture, class and object of each pixel together, so that they agree."""

from __future__ import annotations

import numpy as np

from nets.data.images import pillow


class Painter:
    """Paints shapes over each other, from far to near (the painter's algorithm). Near shapes cover far shapes.

    Coordinates are (x, y) in pixels of the finished picture. Colours are painted at `detail` times that resolution
    and then averaged, so that edges are smooth. Labels are painted without smoothing, because there is no class between
    two classes.
    """

    def __init__(self, height, width, detail=2):
        image_module = pillow()
        from PIL import ImageDraw

        self.detail = detail
        self._color = image_module.new("RGB", (width * detail, height * detail))
        self._label = image_module.new("L", (width, height))
        self._instance = image_module.new("I", (width, height))
        self._on_color = ImageDraw.Draw(self._color)
        self._on_label = ImageDraw.Draw(self._label)
        self._on_instance = ImageDraw.Draw(self._instance)
        self._objects = 0
        self._current = (0, 0)

    def begin_stuff(self, label):
        """The shapes painted next belong to class `label` and to no object."""
        self._current = (label, 0)

    def begin_object(self, label):
        """The shapes painted next belong to one new object of class `label`."""
        self._objects += 1
        self._current = (label, self._objects)

    def polygon(self, points, color):
        """A filled polygon."""
        fine = [(x * self.detail, y * self.detail) for x, y in points]
        self._on_color.polygon(fine, fill=rounded(color))
        coarse = [(x - 0.5, y - 0.5) for x, y in points]  # pixel i has its centre at i + 0.5; Pillow puts it at i
        self._on_label.polygon(coarse, fill=self._current[0])
        self._on_instance.polygon(coarse, fill=self._current[1])

    def rectangle(self, left, top, right, bottom, color):
        """A filled upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color)

    def ellipse(self, left, top, right, bottom, color):
        """The filled ellipse that touches the four sides."""
        angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        across, down = (right - left) / 2, (bottom - top) / 2
        x = left + across + across * np.cos(angles)
        y = top + down + down * np.sin(angles)
        self.polygon(list(zip(x.tolist(), y.tolist(), strict=True)), color)

    def mark(self, points, color):
        """A polygon that changes only the colour, not the class: a lane mark is still road."""
        self._on_color.polygon([(x * self.detail, y * self.detail) for x, y in points], fill=rounded(color))

    def result(self):
        """(colour float32 (H, W, 3) in 0..255, label uint8 (H, W), instances int32 (H, W))."""
        color = self._color.reduce(self.detail) if self.detail > 1 else self._color
        return (
            np.asarray(color, np.float32),
            np.asarray(self._label).copy(),
            np.asarray(self._instance).astype(np.int32),
        )


def rounded(color):
    """A colour as Pillow wants it: three whole numbers in 0 .. 255."""
    return tuple(int(min(255, max(0, round(float(value))))) for value in color)
