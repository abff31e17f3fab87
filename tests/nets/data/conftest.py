"""A maker of small data folders, and the place of the real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REAL_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def save(path, content):
    """Write an array or a Pillow image to `path`, in the form its suffix asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = content if isinstance(content, Image.Image) else Image.fromarray(content)
    image.save(path)


@pytest.fixture
def make_folder(tmp_path):
    """make_folder(masks, images=None, classes=None, manifest=None) -> the folder's path.

    masks and images map file names to arrays; without images, grey noise of each mask's size is made.
    """

    def make(masks, images=None, classes=None, manifest=None, name="folder"):
        folder = tmp_path / name
        rng = np.random.default_rng(0)
        if images is None:
            shapes = {file: np.asarray(mask).shape[:2] for file, mask in masks.items()}
            images = {file: rng.integers(0, 256, shape, dtype=np.uint8) for file, shape in shapes.items()}
        for part, files in (("images", images), ("masks", masks)):
            (folder / part).mkdir(parents=True)
            for file, content in files.items():
                save(folder / part / file, content)
        if classes is not None:
            (folder / "classes.json").write_text(json.dumps(classes))
        if manifest is not None:
            (folder / "manifest.csv").write_text(manifest)
        return folder

    return make


@pytest.fixture
def real_folder():
    """real_folder(name) -> the path of a real data folder; skips the test where it is not there."""

    def find(name):
        folder = REAL_DATA / name
        if not folder.is_dir():
            pytest.skip(f"no ../shared/data/{name} beside the repository")
        return folder

    return find
