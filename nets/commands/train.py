"""python -m nets train: start or resume a run, and draw its results at the end."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from shlex import quote

import minitensor as mt
from minitensor import distributed
from nets.commands import INTERRUPTED
from nets.commands.device import add_device, add_max_pixels, obey_max_pixels
from nets.commands.processes import count_of, restart
from nets.commands.runs import begun, expected, resumed
from nets.data import GENERATORS
from nets.data.images import pillow
from nets.limits import LARGEST_FACTOR, MOST_SECONDS, MOST_SEED, MOST_STEPS
from nets.plain_files import shown
from nets.training.build import NET_NAMES
from nets.training.config import METHODS, TASKS
from nets.training.extras import USES, needed
from nets.training.loop import Diverged, Interrupted
from nets.training.progress import clock
from nets.training.recipes import RECIPES
from nets.training.results import conclude, draw, save_samples
from nets.training.run import BEST, CONCLUSION, CONFIG, CURVES, PREDICTIONS, REPORT, SAMPLES
from nets.training.together import Elsewhere, end_all

# A full disk, a quota, a limit on the size of files, a disk that became read-only, a defect
DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
MOST_DIGITS = 18  # the most digits of a whole number


def positive(kind, least=None, most=MOST_STEPS):
    """A converter for argparse: a finite number of `kind`, at least `least` or above 0, at most `most`."""

    def convert(text):
        if kind is int and len(text) > MOST_DIGITS:
            raise ValueError
        value = kind(text)
        if not math.isfinite(value) or (value <= 0 if least is None else value < least) or value > most:
            raise ValueError
        return value

    begin = "above 0" if least is None else f"from {least}"
    convert.__name__ = f"{'whole ' if kind is int else ''}number {begin} to {most:,}"
    return convert


def add_arguments(parser):
    """Add the options. An option that is left out is chosen from the data (nets/training/settings.py)."""
    count = positive(int)
    parser.add_argument("--net", choices=NET_NAMES, help="default: unet")
    parser.add_argument("--data", metavar="cells|street|FOLDER", help="generated images, or a folder with images/ "
                        "and masks/ (default: cells)")  # fmt: skip
    parser.add_argument("--task", choices=TASKS, help="what to find: the class of each pixel, each object "
                        "by itself, or both in one map (default: semantic)")  # fmt: skip
    parser.add_argument("--minutes", type=positive(float, most=MOST_SECONDS / 60), help="how long to train")
    parser.add_argument("--steps", type=count, help="how long to train, in steps instead of minutes")
    add_device(parser)
    add_max_pixels(parser)
    parser.add_argument("--out", metavar="DIR", help="the run folder (default: a new one in runs/)")
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out was stopped")
    parser.add_argument(
        "--seed", type=positive(int, 0, MOST_SEED), help="of weights, order and augmentation (default: 0)"
    )
    parser.add_argument("--base", type=count, help="channels of the U-Net's first level")
    parser.add_argument("--depth", type=count, help="poolings of the U-Net")
    parser.add_argument("--width", type=positive(float), help="factor of the FCNs' channels; 1 is VGG-16's")
    parser.add_argument("--crop", type=count, help="pixels a side of the training images")
    parser.add_argument("--batch", type=count, help="images a step")
    parser.add_argument("--method", choices=METHODS, help="how objects are told apart: by borders learned as "
                        "background, or by pixels that point at centres (default: watershed)")  # fmt: skip
    parser.add_argument("--border-weight", type=positive(float, 0, LARGEST_FACTOR), help="w0 of U-Net's weight map, "
                        "for --task instance: how much gaps between objects count (default: 3; paper: 10)")  # fmt: skip
    parser.add_argument("--recipe", choices=RECIPES, help="train as a paper does (docs/recipes.md); options given "
                        "beside it replace its settings")  # fmt: skip
    parser.add_argument("--lr", type=positive(float, most=LARGEST_FACTOR), help="highest learning rate")
    parser.add_argument("--processes", type=count_of, metavar="N", help="train in N processes; auto: as many as "
                        "measure fastest in some seconds. For several machines see docs/many-processes.md")  # fmt: skip
    parser.add_argument("--weights", metavar="FILE|RUN", help="weights to start from, .safetensors, .pth or those of "
                        "a run folder: of the same net, with the same or other classes, or of VGG-16 for an "
                        "FCN")  # fmt: skip


def main(options):
    """Train; returns the exit code."""
    pillow()  # if Pillow is missing, fail now, not when the first picture is drawn
    obey_max_pixels(options)
    if options.weights is not None and (Path(options.weights) / BEST).is_file():
        options.weights = str(Path(options.weights) / BEST)  # the run folder of an earlier training
    for package in USES:
        needed(package)
    if options.minutes is not None and options.steps is not None:
        raise ValueError("give --minutes or --steps, not both")
    if options.processes is not None:
        restart(options.processes, options.arguments, lambda: expected(options))
    world = distributed.world()
    if world.size > 1:
        mt.set_num_threads(max(1, mt.get_num_threads() // world.local_size))
    try:
        training = resumed(options, world) if options.resume else begun(options, world)
    except Exception as error:
        end_all(world, error)
        raise
    try:
        return _train(training, options, world)
    except OSError as error:
        if error.errno not in DISK_TROUBLE or not training.run_folder.path(CONFIG).is_file():
            raise
        folder = quote(str(training.run_folder.folder))
        advice = f"make room, then go on with: python -m nets train --resume --out {folder}"
        raise OSError(error.errno, f"{os.strerror(error.errno)}; {advice}", error.filename) from error
    finally:
        training.run_folder.release()


def _train(training, options, world):
    """Train to the end, and draw; returns the exit code."""
    run = training.run_folder
    try:
        if not training.finished:  # a finished training was killed while it drew its pictures
            if world.first:
                for name in CONCLUSION:  # files of an earlier end belong to other weights
                    run.path(name).unlink(missing_ok=True)
            _run(training, world)
        if not world.first:
            return 0  # process 0 makes the decision and the pictures
    except Interrupted:
        if not world.first:
            return INTERRUPTED
        print(f"\nstopped after step {training.step}, all of it saved; go on with:\n")
        print(f"    python -m nets train --resume --out {quote(shown(run.folder))}")
        return INTERRUPTED
    except Exception as error:
        if not world.first:
            raise Elsewhere from error
        if training.step == 0 and not options.resume:
            run.discard()  # no step succeeded: the folder holds only the settings
        if not isinstance(error, ArithmeticError):
            raise
        kept = "no weights were worth keeping yet"
        if run.path(BEST).is_file():
            kept = f"the last good weights are kept in {run.folder}"
        lower = f"--lr {run.config.learning_rate / 10:.2g}"
        again = f"{lower} and another --out" if options.out and run.path(CONFIG).is_file() else lower
        raise ArithmeticError(f"{error}; stopped, {kept}; try again with a lower rate, e.g. {again}") from error
    _finish(training)
    return 0


def _run(training, world):
    """Train. What one process alone meets (no memory, a full disk) ends all, because the others would wait for it."""
    try:
        training.run()
    except (Diverged, Interrupted):
        raise  # all processes meet these in the same step
    except BaseException as error:
        end_all(world, error)
        raise


def _finish(training):
    """The scores, the pictures, and what to do next."""
    run = training.run_folder
    scores = conclude(training)
    best = training.measure.best(training.metrics)
    print(
        f"\n{training.step} steps in {clock(training.elapsed)}; best after {best['step']}, on "
        f"{best['validation_images']} validation images:\n"
    )
    print(scores.table())
    chosen = "How much to favour each class" if run.config.task == "semantic" else "Which thresholds make objects"
    print(
        f"\n{chosen}, and whether to average mirrored views, was chosen on these same images: expect somewhat less on "
        "others."
    )
    draw(training, scores)
    print("\n" + shown(f"{run.path(PREDICTIONS)}  {run.path(CURVES)}  {run.path(REPORT)}"))
    folder = quote(shown(run.folder))  # can be pasted into a shell, even with spaces in its name
    images, data = "IMAGE.png", " --data FOLDER"
    if run.config.data in GENERATORS:  # generated data has no files to try the net on: write some
        save_samples(run.path(SAMPLES), training)
        images, data = quote(shown(run.path(SAMPLES))), ""
    print("\nnext:\n")
    print(f"    python -m nets predict {folder} {images}")
    print(f"    python -m nets evaluate {folder}{data}")
