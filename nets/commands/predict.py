"""python -m nets predict: image files in, class maps out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nets.commands.device import add_device, add_max_pixels, obey_max_pixels, usable
from nets.data import as_channels
from nets.data.images import SUFFIXES, read_picture
from nets.data.pairing import is_picture
from nets.segmentation.semantic import colorize, overlay
from nets.training.decision import Decision
from nets.training.report import save_image
from nets.training.run import Run

BYTE = 255


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="a run folder, as train makes it")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files of any size, grey or RGB, or "
                        "folders of them")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="where to write (default: RUN/predicted)")
    add_device(parser)
    add_max_pixels(parser)


def main(options):
    """Write NAME_label.png (class ids), NAME_color.png and NAME_overlay.png for every image."""
    obey_max_pixels(options)
    run = Run.open(options.run)
    net = run.load_net(usable(options.device))
    paths = [path for image in options.images for path in _files(Path(image))]
    names = _names(paths)
    out = Path(options.out) if options.out else run.path("predicted")
    _keep_inputs(paths, names, out)
    for path in paths:
        read_picture(path, run.config.encoding.nodata)  # find unreadable files before anything is written
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is not a folder")
    out.mkdir(parents=True, exist_ok=True)
    config, decision = run.config, Decision.load(run)
    ids = np.array(config.encoding.ids)
    for path, name in zip(paths, names, strict=True):
        image = as_channels(read_picture(path, config.encoding.nodata).pixels, config.channels)
        found = decision.class_map(net, image, config)
        label = ids[found]
        pictures = (
            label.astype(np.uint8 if ids.max() <= BYTE else np.uint16),
            colorize(found, config.classes),
            overlay(image, found, config.classes),
        )
        for target, picture in zip(_targets(out, name), pictures, strict=True):
            save_image(target, picture)
        shares = np.bincount(found.ravel(), minlength=len(config.classes)) / found.size
        common = ", ".join(
            f"{config.classes[position].name} {shares[position]:.0%}"
            for position in np.argsort(-shares, kind="stable")[:4]
            if shares[position] > 0
        )
        print(f"{path}: {found.shape[0]}x{found.shape[1]}, {common} -> {out / name}_label.png, _color, _overlay")


def _files(path):
    """The image files in a folder, sorted. For anything else, the path itself."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if is_picture(file, path))
    if not files:
        raise ValueError(f"{path}: holds no image ({', '.join(SUFFIXES)})")
    return files


def _targets(out, name):
    """The three files written for one image."""
    return [out / f"{name}_{kind}.png" for kind in ("label", "color", "overlay")]


def _keep_inputs(paths, names, out):
    """Raise ValueError if a picture would be written over one of the images."""
    inputs = {path.resolve(): path for path in paths}
    for name in names:
        for target in _targets(out, name):
            if target.resolve() in inputs:
                raise ValueError(f"{target}: would be written over an image to predict; give another --out")


def _names(paths):
    """The files' names without suffix. Raises ValueError if two of them would be written to the same place."""
    names = [path.stem for path in paths]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(
                f"{paths[names.index(name)]} and {paths[position]} would both be written as {name}_label.png; "
                "predict them one after the other, with different --out"
            )
    return names
