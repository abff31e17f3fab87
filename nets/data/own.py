"""Data of your own: anything with a length that gives an image and the class of each of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minitensor import Tensor
from nets.data.encoding import Encoding
from nets.data.sample import IGNORE, MIRRORINGS, Sample, SegmentationClass, class_color
from nets.limits import MOST_CLASSES


class OwnData:
    """A dataset as the training loop reads it, around `data`.

    data         has `len`, and `data.sample(i)` or `data[i]` gives (image, label): image uint8 (H, W) or (H, W, 3),
                 label whole numbers or bools (H, W), 255 where a pixel does not count. Arrays or Tensors.
    classes      how many, or their names; None: one more than the largest label, for which all labels are read once
    orientation  "upright" (a street has a top and a bottom) or "free" (a cell has not): how images may be mirrored
    """

    def __init__(
        self,
        data: Any,
        classes: int | Sequence[str] | None = None,
        orientation: str = "upright",
        name: str = "own data",
    ) -> None:
        if not hasattr(data, "__len__") or not (hasattr(data, "sample") or hasattr(data, "__getitem__")):
            raise TypeError(f"{name}: must have a length and sample(i) or [i], got {type(data).__name__}")
        if len(data) == 0:
            raise ValueError(f"{name}: has no samples")
        if orientation not in MIRRORINGS:
            raise ValueError(f"{name}: orientation must be one of {', '.join(MIRRORINGS)}, got {orientation!r}")
        self.name, self.orientation = name, orientation
        self._data = data
        self._read = data.sample if hasattr(data, "sample") else data.__getitem__
        self._names = None  # of the classes, while a label may be any
        first = self.sample(0)
        self.channels = 1 if first.image.ndim == 2 else 3
        shapes, largest = [first.label.shape], 0
        if classes is None:
            for index in range(len(data)):
                label = self.sample(index).label
                shapes.append(label.shape)
                largest = max(largest, int(label[label != IGNORE].max(initial=0)))
            classes = largest + 1
        names = [f"class {n}" for n in range(classes)] if isinstance(classes, int) else list(map(str, classes))
        if not 1 < len(names) <= MOST_CLASSES:
            raise ValueError(f"{name}: there must be 2 to {MOST_CLASSES} classes, got {len(names)}")
        self._names = names
        self.classes = tuple(SegmentationClass(n, text, class_color(n)) for n, text in enumerate(names))
        self.encoding = Encoding("ids", self.classes)
        self.smallest = tuple(min(sizes) for sizes in zip(*shapes, strict=True))
        self.description = f"{name}: {len(data)} images, {len(names)} classes ({', '.join(names[:8])})"

    def __len__(self) -> int:
        return len(self._data)

    def sample(self, index: int) -> Sample:
        """Sample `index`, checked. Raises TypeError or ValueError that names the sample."""
        where = f"{self.name}: sample {index}"
        given = self._read(index)
        if isinstance(given, Sample):
            image, label = given.image, given.label
        elif isinstance(given, (tuple, list)) and len(given) == 2:
            image, label = given
        else:
            raise TypeError(f"{where}: must be (image, label), got {type(given).__name__}")
        image, label = (x.numpy() if isinstance(x, Tensor) else np.asarray(x) for x in (image, label))
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
            raise ValueError(
                f"{where}: the image must be uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}; the training "
                "normalises it, and puts the channels first"
            )
        if label.shape != image.shape[:2] or label.dtype.kind not in "biu":
            raise ValueError(
                f"{where}: the label must be whole numbers of shape {image.shape[:2]}, got {label.dtype} {label.shape}"
            )
        if label.size == 0:
            raise ValueError(f"{where}: has no pixels")
        most = MOST_CLASSES if self._names is None else len(self._names)
        wrong = (label != IGNORE) & ((label < 0) | (label >= most))
        if wrong.any():
            raise ValueError(
                f"{where}: labels must be 0 to {most - 1}, or {IGNORE} for pixels that do not count; got "
                f"{int(label[wrong][0])}"
            )
        return Sample(np.ascontiguousarray(image), np.ascontiguousarray(label.astype(np.uint8)), None, f"{index:04d}")
