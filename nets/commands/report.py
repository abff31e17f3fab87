"""python -m nets report: the page of a run, made again from its weights and validation images."""

from __future__ import annotations

from nets.commands.device import add_device, add_max_pixels, obey_max_pixels, usable
from nets.plain_files import reason, shown
from nets.training.checkpoint import load_checkpoint
from nets.training.continuing import losses_of
from nets.training.measure import MEASURES
from nets.training.page import Gallery, write_page
from nets.training.report import save_curves
from nets.training.results import load_decision
from nets.training.run import CHECKPOINT, CURVES, DECISION, REPORT, Run
from nets.training.validation import score


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", help="a run folder, as train makes it")
    add_device(parser)
    add_max_pixels(parser)


def main(options):
    """Write RUN/report.html."""
    obey_max_pixels(options)
    run = Run.open(options.run)
    net = run.load_net(usable(options.device))
    _, validation = run.open_data()
    decision, everything = load_decision(run), range(len(validation))
    gallery = Gallery(net, validation, run.config, decision, everything)
    all_seen = len(gallery.ranked) == len(validation)
    scores = gallery.scores() if all_seen else score(net, validation, run.config, decision, everything)
    finished = run.path(DECISION).is_file()
    _redraw_curves(run, scores if finished else None)
    write_page(run, run.metrics(), scores, gallery, finished)
    if not finished:
        print(f"{shown(run.folder)}: the training has not ended; the answers are made with the usual thresholds")
    print(shown(run.path(REPORT)))


def _redraw_curves(run, scores):
    """curves.png from the checkpoint's losses; left as it is if there is no checkpoint."""
    if run.path(CHECKPOINT).is_file():
        measure = MEASURES[run.config.task]
        final = None if scores is None else measure.of(scores.as_dict())
        save_curves(run.path(CURVES), losses_in(run.path(CHECKPOINT)), run.metrics(), measure, final)


def losses_in(checkpoint):
    """The loss of each step, from a checkpoint. Raises ValueError with its name if it has none."""
    saved = load_checkpoint(checkpoint)
    try:
        return losses_of(saved)
    except ValueError as error:
        raise ValueError(f"{checkpoint}: not a checkpoint of a run ({reason(error)})") from error
