"""All kinds of hostile files: how a case of each is made, and which part of the library reads it.

A case is a folder. `Kind.make(rng, seeds, folder)` writes its files, `Kind.read(folder)` hands them to the library.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.hostile import pictures, tensors, texts
from tests.hostile.mutate import TEXTS, changed_json, choose, mutated

IMAGES = 4  # of the small data folder
TASKS = {"semantic": [], "instance": ["--task", "instance"], "centres": ["--task", "panoptic", "--method", "centres"]}
DATA = ("semantic", "instance", "panoptic")
TINY = ("--base", "2", "--depth", "1", "--crop", "16", "--batch", "2", "--steps", "2")


class Kind(NamedTuple):
    """One kind of files, `share` of all cases in a hundred."""

    make: Callable
    read: Callable
    share: int


class Seeds:
    """The valid files that cases are made of, in a folder that nobody changes. `create` makes them."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.pictures, self.pth = {}, {}
        for path in sorted((self.folder / "pictures").iterdir()):
            self.pictures.setdefault(path.suffix, []).append(path.read_bytes())
        for path in sorted((self.folder / "pth").iterdir()):
            self.pth.setdefault(path.stem.partition("-")[0], []).append(path.read_bytes())
        self.data = {name: self.folder / f"data-{name}" for name in DATA}
        self.runs = {task: self.folder / f"run-{task}" for task in TASKS}

    @classmethod
    def create(cls, folder):
        """Make the files: it needs torch, and trains three tiny nets."""
        for part, contents in (("pictures", pictures.seeds()), ("pth", tensors.pth_seeds())):
            (folder / part).mkdir(parents=True)
            for kind, found in contents.items():
                for number, content in enumerate(found):
                    name = f"{number}{kind}" if part == "pictures" else f"{kind}-{number}.pth"
                    (folder / part / name).write_bytes(content)
        for name in DATA:
            _write_data(folder / f"data-{name}", name)
        for task, options in TASKS.items():
            _train(folder, task, options)
        return cls(folder)


def _write_data(folder, name):
    """A small data folder: blobs as classes, as objects of 16 bits, or in COCO's panoptic format."""
    from PIL import Image

    from nets.segmentation.panoptic import as_colors

    rng = np.random.default_rng(1)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    annotations = []
    for number in range(IMAGES):
        rows, columns = np.mgrid[:24, :20]
        objects = np.zeros((24, 20), np.uint16)
        for at in (1, 2):
            objects[np.hypot(rows - rng.uniform(4, 20), columns - rng.uniform(4, 16)) < 4] = at
        image = np.clip(60 + 100 * (objects > 0) + rng.normal(0, 20, (24, 20)), 0, 255).astype(np.uint8)
        mask = objects if name == "instance" else (objects > 0).astype(np.uint8)
        if name == "panoptic":
            mask = as_colors(objects.astype(np.int64) + 1)
            segments = [{"id": at + 1, "category_id": 5 if at else 2, "iscrowd": 0} for at in range(3)]
            annotations.append({"file_name": f"{number:02d}.png", "segments_info": segments})
        Image.fromarray(image).save(folder / "images" / f"{number:02d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number:02d}.png")
    if name == "panoptic":
        categories = [{"id": 2, "name": "ground", "isthing": 0}, {"id": 5, "name": "blob", "isthing": 1}]
        content = {"categories": categories, "annotations": annotations}
        (folder / "panoptic.json").write_text(json.dumps(content))


def _train(folder, task, options):
    """A finished run of two steps."""
    from nets.__main__ import main

    data = folder / ("data-semantic" if task == "semantic" else "data-instance")
    if main(["train", "--data", str(data), *options, *TINY, "--out", str(folder / f"run-{task}")]):
        raise RuntimeError(f"the seed run of {task} did not end")


def _picture(suffixes, change):
    def make(rng, seeds, folder):
        suffix = choose(rng, suffixes)
        content = change(rng, choose(rng, seeds.pictures[suffix]))
        if int(rng.integers(10)) == 0:  # a name that does not fit the content
            suffix = choose(rng, tuple(seeds.pictures))
        (folder / f"case{suffix}").write_bytes(content)

    return make


def _read_picture(folder):
    from nets.data.images import read_picture
    from nets.data.masks import read_mask, survey

    (path,) = folder.iterdir()
    _by_all((read_picture, lambda path: survey(read_mask(path), path)), path)


def _by_all(readers, path):
    """Hand a file to several readers. Raises an ExceptionGroup of what they refuse it with, so that each is judged."""
    problems = []
    for read in readers:
        try:
            read(path)
        except (ValueError, OSError) as error:
            problems.append(error)
    if problems:
        raise ExceptionGroup("refused", problems)


def _masks(rng, seeds, folder):
    """A data folder one of whose masks or images is changed."""
    shutil.copytree(seeds.data[choose(rng, DATA)], folder, dirs_exist_ok=True)
    path = folder / choose(rng, ("masks", "masks", "images")) / f"{int(rng.integers(IMAGES)):02d}.png"
    suffix = choose(rng, (".png", ".png", ".tif", ".bmp", ".gif", ".npy"))
    content = path.read_bytes() if suffix == ".png" else choose(rng, seeds.pictures[suffix])
    change = {".png": pictures.png, ".tif": pictures.tiff, ".npy": pictures.array}.get(suffix, mutated)
    path.unlink()
    path.with_suffix(suffix).write_bytes(change(rng, content) if int(rng.integers(8)) else content)


def _with_text(name, contents, change, data="semantic"):
    def make(rng, seeds, folder):
        shutil.copytree(seeds.data[data], folder, dirs_exist_ok=True)
        content = (folder / name).read_bytes() if contents is None else choose(rng, contents)
        (folder / name).write_bytes(change(rng, content))

    return make


def _read_folder(folder):
    from nets.data import open_dataset

    for part in open_dataset(folder):
        for index in range(len(part)):
            part.sample(index)


def _run_file(name, change, tasks=tuple(TASKS)):
    def make(rng, seeds, folder):
        shutil.copytree(seeds.runs[choose(rng, tasks)], folder, dirs_exist_ok=True)
        path = folder / name
        path.write_bytes(change(rng, path.read_bytes()))

    return make


def _read_config(folder):
    from nets.training.results import load_decision
    from nets.training.run import Run

    run = Run.open(folder)
    load_decision(run)
    run.load_net()
    run.open_data()


def _read_decision(folder):
    from nets.training.results import load_decision
    from nets.training.run import Run

    run = Run.open(folder)
    decision = load_decision(run)
    decision.find(run.load_net(), np.zeros((24, 20), np.uint8), run.config)


def _read_metrics(folder):
    from nets.training.run import Run

    Run.open(folder).metrics()


def _read_data(folder):
    from nets.training.run import Run

    Run.open(folder).open_data()


def _read_net(folder):
    from nets.training.run import Run

    Run.open(folder).load_net()


def _read_checkpoint(folder):
    from nets.training.loop import Training
    from nets.training.run import Run

    run = Run.open(folder)
    Training(run, *run.open_data()).resume()


def _read_for_report(folder):
    """What `python -m nets report` reads of a checkpoint."""
    from nets.commands.report import losses_in

    losses_in(folder / "checkpoint.safetensors")


def _read_structure(folder):
    """A checkpoint as `--resume` and as `report` read it."""
    problems = []
    for read in (_read_for_report, _read_checkpoint):
        try:
            read(folder)
        except (ValueError, OSError) as error:
            problems.append(error)
    if problems:
        raise problems[0]


def _weights(suffix, change, kind=None):
    def make(rng, seeds, folder):
        contents = seeds.pth[kind] if kind else [(seeds.runs["semantic"] / "best.safetensors").read_bytes()]
        (folder / f"case{suffix}").write_bytes(change(rng, choose(rng, contents)))

    return make


def _shards(rng, seeds, folder):
    """A state in two files, and the index that says which tensor is where, one of the three changed."""
    content = (seeds.runs["semantic"] / "best.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    names = [name for name in json.loads(content[8 : 8 + length]) if name != "__metadata__"]
    files = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    for file in files:
        (folder / file).write_bytes(content)
    index = {"metadata": {}, "weight_map": {name: files[at % 2] for at, name in enumerate(names)}}
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    kind = int(rng.integers(4))
    if kind == 0:
        other = folder / choose(rng, files)
        other.write_bytes(tensors.safetensors_changed(rng, other.read_bytes()))
    elif kind == 1:
        place = choose(rng, ("../case.safetensors", "/etc/hostname", "none.safetensors", *TEXTS))
        index["weight_map"][choose(rng, names)] = place
        path.write_bytes(json.dumps(index).encode("utf-8", "surrogatepass"))
    else:
        path.write_bytes(changed_json(rng, path.read_bytes()))


def _read_weights(folder):
    from nets import UNet, load_weights, read_weights

    path = next((path for path in folder.iterdir() if path.name.endswith(".index.json")), None)
    path = path or next(folder.iterdir())
    net = UNet(1, 2, base_channels=2, depth=1, padding="same", norm="batch")
    _by_all((read_weights, lambda path: load_weights(net, path)), path)


def _names(rng, seeds, folder):
    """A data folder whose files, or whose classes, have odd names."""
    shutil.copytree(seeds.data["semantic"], folder, dirs_exist_ok=True)
    for number in range(int(rng.integers(1, IMAGES))):
        bytes_ = choose(rng, TEXTS).encode("utf-8", "surrogatepass").replace(b"/", b"_").replace(b"\0", b"_")[:200]
        name = (bytes_ + choose(rng, (b"", b"\xff\xfe", b"\x9b31m", b" \t")) + b"%d" % number).decode(
            "utf-8", "surrogateescape"
        )
        parts = ("images", "masks") if int(rng.integers(4)) else ("images",)
        for part in parts:
            (folder / part / f"{number:02d}.png").rename(folder / part / f"{name}.png")
    if int(rng.integers(2)):
        classes = json.loads(choose(rng, texts.classes_json()[:1]))
        classes[int(rng.integers(3))]["name"] = choose(rng, TEXTS)
        (folder / "classes.json").write_bytes(json.dumps(classes).encode("utf-8", "surrogatepass"))


def _command(folder):
    """Evaluate and predict with the semantic run on the folder, as a user does; the child looks at what is printed."""
    from nets.__main__ import main

    run, out = folder.parent / "run", folder / "out"
    for arguments in (["evaluate", str(run), "--data", str(folder)], ["predict", str(run), str(folder / "images")]):
        main([*arguments, *(["--out", str(out)] if arguments[0] == "predict" else [])])


KINDS = {
    "png": Kind(_picture((".png",), pictures.png), _read_picture, 14),
    "tiff": Kind(_picture((".tif",), pictures.tiff), _read_picture, 10),
    "picture": Kind(_picture((".png", ".jpg", ".tif", ".bmp", ".gif", ".webp"), mutated), _read_picture, 16),
    "exif": Kind(_picture((".jpg", ".png"), pictures.exif), _read_picture, 6),
    "array": Kind(_picture((".npy", ".npz"), lambda rng, content: (
        pictures.array(rng, content) if int(rng.integers(2)) else mutated(rng, content))), _read_picture, 8),
    "mask": Kind(_masks, _read_folder, 7),
    "classes.json": Kind(_with_text("classes.json", texts.classes_json(), changed_json), _read_folder, 5),
    "panoptic.json": Kind(_with_text("panoptic.json", None, changed_json, "panoptic"), _read_folder, 5),
    "manifest.csv": Kind(_with_text("manifest.csv", texts.manifest([f"{n:02d}" for n in range(IMAGES)]),
                                    texts.changed_table), _read_folder, 4),
    "config.json": Kind(_run_file("config.json", changed_json), _read_config, 3),
    "decision.json": Kind(_run_file("decision.json", changed_json), _read_decision, 3),
    "metrics.jsonl": Kind(_run_file("metrics.jsonl", texts.changed_lines), _read_metrics, 4),
    "data.json": Kind(_run_file("data.json", changed_json), _read_data, 1),
    "best.safetensors": Kind(_run_file("best.safetensors", tensors.safetensors_changed), _read_net, 2),
    "checkpoint": Kind(_run_file("checkpoint.safetensors", tensors.safetensors_changed), _read_checkpoint, 1),
    "structure": Kind(_run_file("checkpoint.safetensors", tensors.structure_changed), _read_structure, 1),
    "pth": Kind(_weights(".pth", tensors.zipped, "zip"), _read_weights, 5),
    "legacy pth": Kind(_weights(".pth", tensors.legacy, "legacy"), _read_weights, 3),
    "safetensors": Kind(_weights(".safetensors", tensors.safetensors_changed), _read_weights, 2),
    "shards": Kind(_shards, _read_weights, 1),
    "names": Kind(_names, _command, 1),
}  # fmt: skip
