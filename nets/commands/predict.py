"""python -m nets predict: image files in, maps of classes or of objects out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from nets.commands.device import add_device, add_max_pixels, obey_max_pixels, usable
from nets.data import as_channels
from nets.data.coco import FILE as PANOPTIC_FILE
from nets.data.images import SUFFIXES, read_picture
from nets.data.pairing import is_picture
from nets.data.sample import class_color
from nets.plain_files import shown
from nets.segmentation.paint import paint_objects, paint_segments
from nets.segmentation.panoptic import as_colors, found_map, segments_info
from nets.segmentation.semantic import colorize, overlay
from nets.training.report import save_image
from nets.training.results import load_decision
from nets.training.run import Run, write_text

BYTE = 255
MOST_OBJECTS = 65535  # a PNG file has at most 16 bits for an object's number
# The files that are written for one image: NAME + each of these
ENDINGS = {
    "semantic": ("_label.png", "_color.png", "_overlay.png"),
    "instance": ("_instances.png", "_overlay.png", "_objects.csv"),
    "panoptic": ("_panoptic.png", "_overlay.png", "_objects.csv", "_panoptic.json"),
}
COLUMNS = "id,class,area,centroid_row,centroid_column,top,left,bottom,right,score"


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="a run folder, as train makes it")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files of any size, grey or RGB, or "
                        "folders of them")  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help="where to write (default: RUN/predicted)")
    parser.add_argument("--weights", metavar="FILE", help="weights to use instead of the run's best ones, .safetensors "
                        "or .pth")  # fmt: skip
    add_device(parser)
    add_max_pixels(parser)


def main(options):
    """Write the files of ENDINGS for every image: class ids and their colours, or object numbers and a list of them."""
    obey_max_pixels(options)
    run = Run.open(options.run)
    net = run.load_net(usable(options.device), weights=options.weights)
    paths = [path for image in options.images for path in _files(Path(image))]
    names = _names(paths)
    out = Path(options.out) if options.out else run.path("predicted")
    endings = ENDINGS[run.config.task]
    _keep_inputs(paths, names, out, endings)
    for path in paths:
        read_picture(path, run.config.encoding.nodata)  # find unreadable files before anything is written
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: is not a folder")
    out.mkdir(parents=True, exist_ok=True)
    config, decision = run.config, load_decision(run)
    write = {"semantic": _write_classes, "instance": _write_objects, "panoptic": _write_segments}[config.task]
    for path, name in zip(paths, names, strict=True):
        image = as_channels(read_picture(path, config.encoding.nodata).pixels, config.channels)
        said = write(_targets(out, name, endings), image, decision.find(net, image, config), config)
        others = ", ".join(ending.removesuffix(".png") for ending in endings[1:])
        size = f"{image.shape[0]}x{image.shape[1]}"
        print(shown(f"{path}: {size}, {said} -> {out / name}{endings[0]}, {others}"))
    if config.task == "panoptic":
        print(shown(f"all images in one data set: {_write_data_set(out, names, endings)}"))


def _write_classes(targets, image, found, config):
    """Class ids, colours and the image under them; returns what there is to say, in a few words."""
    ids = np.array(config.encoding.ids)
    label = ids[found.label]
    small = ids.max() <= BYTE
    save_image(
        targets[0], label.astype(np.uint8 if small else np.uint16), _palette(ids, config.classes) if small else None
    )
    save_image(targets[1], colorize(found.label, config.classes))
    save_image(targets[2], overlay(image, found.label, config.classes))
    shares = np.bincount(found.label.ravel(), minlength=len(config.classes)) / found.label.size
    return ", ".join(
        f"{config.classes[position].name} {shares[position]:.0%}"
        for position in np.argsort(-shares, kind="stable")[:4]
        if shares[position] > 0
    )


def _palette(ids, classes):
    """uint8 (256, 3): each class's colour at its id, so that a viewer shows a map of ids in colours."""
    palette = np.array([class_color(number) for number in range(BYTE + 1)], np.uint8)
    palette[ids] = [entry.color for entry in classes]
    return palette


def _write_objects(targets, image, found, config):
    """Object numbers of 16 bits, the objects in colours with outlines, and a table with a line for each object."""
    if len(found.objects) > MOST_OBJECTS:
        raise ValueError(f"{targets[0]}: {len(found.objects)} objects, a PNG file can number {MOST_OBJECTS}")
    save_image(targets[0], found.instances.astype(np.uint16))
    save_image(targets[1], paint_objects(image, found.instances))
    return _write_table(targets[2], found, config)


def _write_segments(targets, image, found, config):
    """COCO's picture of segments and their description, the classes in colours with the objects' outlines, the table.

    The JSON file is a whole data set of one image in COCO's panoptic format: images, annotations, categories.
    """
    panoptic = found_map(found, config.things)
    save_image(targets[0], as_colors(panoptic.ids))
    save_image(targets[1], paint_segments(image, found.label, found.instances, config.classes))
    height, width = found.label.shape
    image_entry = {"id": 1, "file_name": targets[0].name, "height": height, "width": width}
    categories = [
        {"id": entry.id, "name": entry.name, "isthing": int(entry.thing), "color": list(entry.color)}
        for entry in config.classes
    ]
    segments = segments_info(panoptic, config.classes)
    annotation = {"image_id": 1, "file_name": targets[0].name, "segments_info": segments}
    content = {"images": [image_entry], "annotations": [annotation], "categories": categories}
    write_text(targets[3], json.dumps(content) + "\n")
    said = _write_table(targets[2], found, config)
    return f"{said}, {sum(not config.classes[entry.label].thing for entry in panoptic.segments.values())} regions"


def _write_data_set(out, names, endings):
    """What the JSON files of the images say, in one panoptic.json: the masks beside it are a data set in COCO's format.

    nets/data/coco.py reads it, and so does panopticapi. Returns the path.
    """
    merged = {"images": [], "annotations": [], "categories": []}
    for number, name in enumerate(names, start=1):
        content = json.loads(_targets(out, name, endings)[-1].read_text(encoding="utf-8"))
        merged["images"].append(content["images"][0] | {"id": number})
        merged["annotations"].append(content["annotations"][0] | {"image_id": number})
        merged["categories"] = content["categories"]
    write_text(out / PANOPTIC_FILE, json.dumps(merged) + "\n")
    return out / PANOPTIC_FILE


def _write_table(target, found, config):
    """The table of the objects; returns how many of which class."""
    lines = [COLUMNS]
    counts = {}
    for entry in found.objects:
        name = config.classes[entry.label].name
        counts[name] = counts.get(name, 0) + 1
        numbers = (entry.area, *(f"{place:.2f}" for place in entry.centroid), *entry.box, f"{entry.score:.4f}")
        lines.append(f"{entry.id},{_quoted(name)},{','.join(map(str, numbers))}")
    write_text(target, "\n".join(lines) + "\n")
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no object"


def _quoted(text):
    """A cell of a CSV file: in quotation marks if it holds a character with a meaning."""
    if not any(mark in text for mark in ',"\n\r'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _files(path):
    """The image files in a folder, sorted. For anything else, the path itself."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if is_picture(file, path))
    if not files:
        raise ValueError(f"{path}: holds no image ({', '.join(SUFFIXES)})")
    return files


def _targets(out, name, endings):
    """The files written for one image."""
    return [out / f"{name}{ending}" for ending in endings]


def _keep_inputs(paths, names, out, endings):
    """Raise ValueError if a picture would be written over one of the images."""
    inputs = {path.resolve(): path for path in paths}
    for name in names:
        for target in _targets(out, name, endings):
            if target.resolve() in inputs:
                raise ValueError(f"{target}: would be written over an image to predict; give another --out")


def _names(paths):
    """The files' names without suffix. Raises ValueError if two of them would be written to the same place."""
    names = [path.stem for path in paths]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(
                f"{paths[names.index(name)]} and {paths[position]} would both be written as {name}_*; "
                "predict them one after the other, with different --out"
            )
    return names
