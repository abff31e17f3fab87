"""report.html: a run as one page that needs nothing else. Curves, tables, the confusion matrix, and images to look at.

The page is written again at validations of a long training, without images, and whole at the end. All pictures are
inside the file, so it can be sent to somebody.
"""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from shlex import quote

import numpy as np

from minitensor.serialize import replacing
from nets.data.images import pillow
from nets.segmentation.metrics import Confusion
from nets.training.build import OWN
from nets.training.measure import MEASURES
from nets.training.report import best_words
from nets.training.rows import SHOWN
from nets.training.run import CURVES, REPORT
from nets.training.validation import count, tally_of

TEMPLATE = Path(__file__).with_name("page.html")
DATA = "/*DATA*/null"
MOST_IMAGES = 60  # that are looked at to find the best and the worst: each is predicted once more
EACH = 2  # images of each rank: best, median, worst
MOST_SIDE = 640  # pixels; larger pictures are made smaller


def write_page(run, lines, scores=None, gallery=None, finished=True):
    """Write report.html into the run folder.

    lines     the validations, as in metrics.jsonl
    scores    the Scores of the finished run; None while it is in training
    gallery   a Gallery; None: no images yet
    finished  False if the run has no decision of its own yet: the scores are those of the usual one
    """
    content = TEMPLATE.read_text(encoding="utf-8").replace(
        DATA, _script_json(_content(run, lines, scores, gallery, finished))
    )
    with replacing(run.path(REPORT)) as temporary:
        Path(temporary).write_text(content, encoding="utf-8")


class Gallery:
    """The validation images in the order of their scores, and the confusion matrix of all their pixels."""

    def __init__(self, net, dataset, config, decision, positions):
        """Predict the images at `positions`, up to MOST_IMAGES of them, and score each."""
        self.config = config
        self.dataset, self.net, self.decision = dataset, net, decision
        names = [entry.name for entry in config.classes]
        self.confusion = Confusion(len(names), names)
        self.tally = tally_of(config)
        measure = MEASURES[config.task]
        ranked = []
        for position in positions[:MOST_IMAGES]:
            sample = dataset.sample(int(position))
            found = decision.find(net, sample.image, config)
            count(self.tally, sample, found)
            self.confusion.update(sample.label, found.label)
            alone = tally_of(config)
            count(alone, sample, found)
            ranked.append((measure.of(alone.scores().as_dict()), int(position)))
        self.ranked = sorted(ranked, reverse=True)

    def scores(self):
        """Of all images together."""
        return self.tally.scores()

    def chosen(self):
        """[(rank, score, position)]: the best, those in the middle, the worst; each image once."""
        last = len(self.ranked)
        middle = max(0, (last - EACH) // 2)
        wanted = [
            ("best", range(EACH)),
            ("median", range(middle, middle + EACH)),
            ("worst", range(last - 1, -1, -1)[:EACH]),
        ]
        taken, found = set(), []
        for rank, places in wanted:
            for place in places:
                if place < last and place not in taken:
                    taken.add(place)
                    found.append((rank, *self.ranked[place]))
        return found

    def images(self):
        """What the page shows of each chosen image."""
        row, _ = SHOWN[self.config.task]
        measure = MEASURES[self.config.task]
        for rank, score, position in self.chosen():
            sample = self.dataset.sample(position)
            shown = row(sample, self.decision.find(self.net, sample.image, self.config), self.config.classes)
            yield {
                "rank": rank, "name": sample.name, "score": f"{measure.name} {score:.3f}", "note": shown.note,
                "pictures": [as_uri(picture) for picture in shown.pictures],
            }  # fmt: skip

    def legend(self):
        """[(name, "r,g,b")]"""
        _, legend = SHOWN[self.config.task]
        samples = [self.dataset.sample(position) for _, _, position in self.chosen()]
        return [(name, ",".join(map(str, color))) for name, color in legend(self.config.classes, samples)]


def as_uri(picture):
    """A picture uint8 (H, W, 3) as text: a PNG file in a data URI."""
    image = pillow().fromarray(picture)
    factor = MOST_SIDE / max(image.size)
    if factor < 1:
        image = image.resize([max(1, round(side * factor)) for side in image.size])
    memory = BytesIO()
    image.save(memory, format="png")
    return _data_uri(memory.getvalue())


def _data_uri(content):
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _content(run, lines, scores, gallery, finished):
    config = run.config
    measure = MEASURES[config.task]
    best = measure.best(lines)
    final = measure.of(scores.as_dict()) if scores is not None and finished else None
    if best is None:
        words = "not validated yet"
    else:
        words = f"{measure.name}: {best_words(best, measure, final)}"
        if final is None and lines:
            words += f"; still in training, {lines[-1]['step']} steps in {lines[-1]['seconds']:.0f} s"
    curves = run.path(CURVES)
    return {
        "title": f"{config.net['name']} on {Path(config.data).name}, task {config.task}",
        "summary": words,
        "curves": _data_uri(curves.read_bytes()) if curves.is_file() else None,
        "curves_words": f"loss and {measure.name} over {lines[-1]['step'] if lines else 0} steps; {words}",
        "tables": [] if scores is None else _tables(scores.as_dict()),
        "confusion": None if gallery is None else {
            "names": list(gallery.confusion.names), "counts": gallery.confusion.matrix.tolist(),
            "images": len(gallery.ranked),
        },
        "images": [] if gallery is None else list(gallery.images()),
        "legend": [] if gallery is None else gallery.legend(),
        "command": f"{_command(config)}\npython -m nets report {quote(str(run.folder))}",
        "settings": _settings(config),
    }  # fmt: skip


def _command(config):
    """The command that trains such a run again; for a net of the user's own, the function."""
    if config.net["name"] == OWN:
        return "nets.train(...): a net and data of your own"
    limit = f"--minutes {config.seconds / 60:g}" if config.seconds else f"--steps {config.steps}"
    parts = [
        "python -m nets train --net",
        config.net["name"],
        "--data",
        quote(config.data),
        "--task",
        config.task,
        limit,
    ]
    parts += ["--crop", str(config.crop[0]), "--batch", str(config.batch), "--seed", str(config.seed)]
    names = {"base_channels": "--base", "depth": "--depth", "width": "--width"}
    parts += [f"{option} {config.net[name]}" for name, option in names.items() if name in config.net]
    if config.recipe is not None:
        parts += ["--recipe", config.recipe]
    return " ".join([*parts, "--lr", f"{config.learning_rate:g}"])


def _tables(scores):
    """[(title, rows)] of the scores: all numbers first, then per segment class, per thing, per class of pixels."""
    overall = [{"score": name.replace("_", " "), "value": value} for name, value in scores.items() if _is_number(value)]
    titles = (("segments", "Segments by class"), ("things", "Objects by class"), ("per_class", "Pixels by class"))
    return [("Scores", overall), *((title, scores[key]) for key, title in titles if key in scores)]


def _is_number(value):
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _settings(config):
    """[(name, text)] of what says how the run was made."""
    values = config.as_dict()
    hidden = ("encoding", "validation_names")
    return [(name, json.dumps(value)[:400]) for name, value in values.items() if name not in hidden]


def _script_json(value):
    """JSON that may stand in a script: without "<", which could end the script or begin a comment."""
    return json.dumps(value, default=_plain).replace("<", "\\u003c")


def _plain(value):
    """What NumPy's numbers are to JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in a report")
