"""python -m nets predict: image files in, class maps out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nets.data import as_channels, read_image
from nets.segmentation.semantic import colorize, overlay
from nets.training.decision import Decision
from nets.training.report import save_image
from nets.training.run import Run

BYTE = 255


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="a run folder, as train makes it")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files of any size, grey or RGB")
    parser.add_argument("--out", metavar="DIR", help="where to write (default: RUN/predicted)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="default: cpu")


def main(options):
    """For every image NAME_label.png (class ids), NAME_color.png and NAME_overlay.png."""
    run = Run.open(options.run)
    net = run.load_net(options.device)
    paths = [Path(image) for image in options.images]
    names = _names(paths)
    for path in paths:
        read_image(path)  # an unreadable one is found before anything is written
    out = Path(options.out) if options.out else run.path("predicted")
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is not a folder")
    out.mkdir(parents=True, exist_ok=True)
    config, decision = run.config, Decision.load(run)
    ids = np.array(config.encoding.ids)
    for path, name in zip(paths, names, strict=True):
        image = as_channels(read_image(path), config.channels)
        found = decision.class_map(net, image, config)
        label = ids[found]
        save_image(out / f"{name}_label.png", label.astype(np.uint8 if ids.max() <= BYTE else np.uint16))
        save_image(out / f"{name}_color.png", colorize(found, config.classes))
        save_image(out / f"{name}_overlay.png", overlay(image, found, config.classes))
        shares = np.bincount(found.ravel(), minlength=len(config.classes)) / found.size
        common = ", ".join(
            f"{config.classes[position].name} {shares[position]:.0%}"
            for position in np.argsort(-shares, kind="stable")[:4]
            if shares[position] > 0
        )
        print(
            f"{path}: {found.shape[0]}x{found.shape[1]}, {common} -> {out / name}_label.png, _color, _overlay"
        )


def _names(paths):
    """The files' names without suffix. Raises ValueError where two would be written to the same place."""
    names = [path.stem for path in paths]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(
                f"{paths[names.index(name)]} and {paths[position]} would both be written as {name}_label.png; "
                "predict them one after the other, with different --out"
            )
    return names
