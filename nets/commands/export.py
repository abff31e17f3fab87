"""python -m nets export: a trained net as an ONNX file, for other runtimes."""

from __future__ import annotations

import json

from nets.onnx_export import export_onnx
from nets.plain_files import shown
from nets.training.run import Run

MIRRORED = (
    "`predict` also averages mirrored views and favours rare classes (decision.json); the file holds the net alone."
)


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="a run folder, as train makes it")
    parser.add_argument("file", metavar="FILE.onnx", help="where to write")


def main(options):
    """Write the file, and say what it takes and gives."""
    run = Run.open(options.run)
    config = run.config
    names = [entry.name for entry in config.classes]
    metadata = {"classes": json.dumps(names), "task": config.task, **_texts(config.normalization.as_dict())}
    export_onnx(run.load_net(), options.file, metadata)
    mean, std = (", ".join(f"{value:.2f}" for value in values) for values in config.normalization)
    order = "grey" if config.channels == 1 else "RGB"
    print(
        f"{shown(options.file)}: image (N, {config.channels}, H, W) float32 -> "
        f"scores (N, {config.net['classes']}, OH, OW)"
    )
    print(f"image = (pixels 0 to 255, {order}, - mean) / std: mean {mean}; std {std} (also in the file's metadata)")
    print(f"classes: {', '.join(names)}. {MIRRORED}")


def _texts(values):
    return {name: json.dumps(value) for name, value in values.items()}
