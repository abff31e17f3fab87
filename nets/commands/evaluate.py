"""python -m nets evaluate: how good a trained net is on a folder of images and masks."""

from __future__ import annotations

import json
import sys

from nets.commands.device import add_device, add_max_pixels, obey_max_pixels, usable
from nets.data import open_evaluation
from nets.training.evaluation import evaluate
from nets.training.objects import must_know_objects
from nets.training.results import load_decision
from nets.training.run import Run


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="a run folder, as train makes it")
    parser.add_argument("--data", metavar="FOLDER", help="images/ and masks/ to compare with (default: the run's "
                        "own validation images)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--weights", metavar="FILE", help="weights to use instead of the run's best ones, .safetensors "
                        "or .pth")  # fmt: skip
    add_device(parser)
    add_max_pixels(parser)


def main(options):
    """Print the scores of the run's task, overall and per class."""
    obey_max_pixels(options)
    run = Run.open(options.run)
    net = run.load_net(usable(options.device), weights=options.weights)
    config = run.config
    if options.data is None:
        _, dataset = run.open_data()
    else:
        dataset = open_evaluation(options.data, config.encoding, config.channels, config.seed)
    if config.task != "semantic":
        must_know_objects(dataset, dataset.name, config.task)
    # With --json a program reads stdout, so the description goes to stderr.
    print(dataset.description, file=sys.stderr if options.json else sys.stdout)
    scores = evaluate(net, dataset, config, load_decision(run))
    print(json.dumps(scores.as_dict()) if options.json else f"\n{scores.table()}")
