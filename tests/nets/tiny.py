"""A small data folder and a tiny net, so that a training takes a second."""

import numpy as np
from PIL import Image

TINY = ["--base", "2", "--depth", "1", "--crop", "16", "--batch", "2"]


def write_folder(folder, count=8, size=(24, 20), channels=1, seed=0):
    """Bright blobs on dark ground: class ids 0 and 1, and a rim of 255, ignored."""
    rng = np.random.default_rng(seed)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(count):
        height, width = size
        rows, columns = np.mgrid[:height, :width]
        distance = np.hypot(rows - rng.uniform(4, height - 4), columns - rng.uniform(4, width - 4))
        mask = np.where(distance < 5, 1, 0).astype(np.uint8)
        mask[(distance >= 5) & (distance < 6)] = 255
        image = np.clip(60 + 100 * (distance < 5) + rng.normal(0, 20, size), 0, 255).astype(np.uint8)
        if channels == 3:
            image = np.stack([image, image // 2, 255 - image], axis=-1)
        Image.fromarray(image).save(folder / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:02d}.png")
    return folder
