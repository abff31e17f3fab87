"""python -m nets train: start or resume a run, and draw its results at the end."""

from __future__ import annotations

import errno
import math
import os
from dataclasses import replace
from pathlib import Path
from shlex import quote

import minitensor as mt
from minitensor import distributed
from minitensor.distributed.nccl import on_gpus
from nets.commands import INTERRUPTED
from nets.commands.device import add_device, add_max_pixels, obey_max_pixels, usable
from nets.commands.processes import count_of, restart
from nets.data import GENERATORS, open_dataset
from nets.data.images import pillow
from nets.limits import LARGEST_FACTOR, MOST_SECONDS, MOST_SEED, MOST_STEPS
from nets.plain_files import shown
from nets.training import fingerprints
from nets.training.build import NET_NAMES, build_net
from nets.training.config import METHODS, TASKS, Config
from nets.training.extras import USES, needed
from nets.training.loop import Diverged, Interrupted, Training
from nets.training.progress import clock
from nets.training.recipes import RECIPES, is_summed
from nets.training.results import conclude, draw, save_samples
from nets.training.run import (
    BEST,
    CONCLUSION,
    CONFIG,
    CURVES,
    PREDICTIONS,
    REPORT,
    SAMPLES,
    Run,
    must_be_free,
    validation_names,
)
from nets.training.settings import choose
from nets.training.together import Elsewhere, check_batch, check_same_data, end_all, in_first
from nets.weights import load_weights

RUNS = Path("runs")
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
        restart(options.processes, options.arguments, lambda: _expected(options))
    world = distributed.world()
    if world.size > 1:
        mt.set_num_threads(max(1, mt.get_num_threads() // world.local_size))
    try:
        training = _resumed(options, world) if options.resume else _begun(options, world)
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


def _begun(options, world):
    """A new Training. Process 0 checks everything and makes the folder, then the others join."""
    prepared = in_first(world, _prepared, options, world)
    run, train, validation = prepared if world.first else (None, None, None)
    run, train, validation = _joined(world, run, train, validation)
    world = _placed(world, run)
    try:
        training = Training(run, train, validation, world=world)
        if options.weights is not None:
            in_first(world, training.start_from, options.weights)
        return training
    except Exception:
        if world.first:
            run.discard()
        raise


def _joined(world, run, train, validation):
    """(run, train, validation) in every process, from the config of process 0; all must see the same data."""
    said = world.from_first({"folder": str(run.folder), "config": run.config.as_dict()} if world.first else None)
    if not world.first:
        run = Run(said["folder"], Config.from_dict(said["config"]))
        usable(run.config.device)
        train, validation = run.open_data()
    check_same_data(world, train, validation)
    return run, train, validation


def _placed(world, run):
    """The Communicator for the run's device. On GPUs each process takes one, in turn if there are too few."""
    if world.size == 1 or run.config.device != "cuda":
        return world
    count = mt.cuda.device_count()
    run.config = replace(run.config, device=f"cuda:{world.local_rank % count}")
    return on_gpus(world, count)


def _prepared(options, world):
    """A new run folder and its data. Everything is checked before the folder is made."""
    data = options.data or "cells"
    out = Path(options.out) if options.out else None
    if out is not None:
        try:
            must_be_free(out)
        except ValueError as error:
            raise ValueError(f"--out {error}") from error
    options.net = options.net or "unet"
    usable(options.device)
    train, validation = open_dataset(data, options.seed or 0)
    config = replace(choose(options, train, _data_name(data)), validation_names=validation_names(validation))
    check_batch(world, config.batch)
    if is_summed(config) and world.size > 1:
        raise ValueError(
            f"--recipe {config.recipe}: its loss is a sum, which one process computes; leave out --processes"
        )
    net = build_net(config.net)
    loaded = None if options.weights is None else load_weights(net, options.weights, other_classes=True)
    print(train.description)
    if loaded is not None:
        print(shown(_started_from(options.weights, loaded)))
    bound = f"{config.steps} steps" if config.steps else f"{clock(config.seconds)} minutes"
    print(
        f"{options.net}: {net.parameter_count():,} parameters; crops of {config.crop[0]}x{config.crop[1]}, "
        f"{config.batch} a step; {bound}"
    )
    if any(side > least for side, least in zip(config.crop, train.smallest, strict=True)):
        height, width = train.smallest
        print(
            f"The crop is larger than some images (the smallest: {height}x{width}): their mirror image continues them, "
            "and counts in the loss."
        )
    if world.size > 1:
        print(f"{world.size} processes share each batch")
    hashes = {} if data in GENERATORS else fingerprints.of_folder(Path(data), (train, validation))
    run = Run.create(out or _free_folder(f"{options.net}-{Path(config.data).name}"), config, hashes)
    return run, train, validation


def _expected(options):
    """The Config that this training will have. Raises what the training itself would raise."""
    if options.resume:
        return Run.open(options.out or _latest_run()).config
    data = options.data or "cells"
    options.net = options.net or "unet"
    usable(options.device)
    return choose(options, open_dataset(data, options.seed or 0)[0], _data_name(data))


def _started_from(path, loaded):
    """What was loaded, and which layers begin anew."""
    layers = sorted({name.rpartition(".")[0] for name in loaded.missing_keys})
    found = f"weights of {path} ({loaded.layout}{loaded.found()}); "
    return found + (f"new: {', '.join(layers)}" if layers else "no layer is new")


def _data_name(data):
    """What the config keeps: the absolute path of a folder, so that a run can be resumed from elsewhere."""
    return data if data in GENERATORS else str(Path(data).resolve())


def _free_folder(name):
    """runs/NAME, or runs/NAME-2 and so on if it is taken."""
    folder, number = RUNS / name, 1
    while folder.exists():
        number += 1
        folder = RUNS / f"{name}-{number}"
    return folder


def _resumed(options, world):
    """The Training of an existing folder, as its checkpoint left it."""
    opened = in_first(world, _opened, options, world)
    run, train, validation = _joined(world, *(opened if world.first else (None, None, None)))
    world = _placed(world, run)
    try:
        training = Training(run, train, validation, world=world)
        training.resume()
        in_first(world, _extend, training, options)
        training.share_schedule()
    except Exception:
        run.release()
        raise
    if world.first:
        print(train.description)
        print(f"resuming {shown(run.folder)} after step {training.step}")
    return training


def _opened(options, world):
    run = Run.open(options.out or _latest_run())
    run.hold()
    try:
        _must_agree(options, run)
        usable(run.config.device)
        check_batch(world, run.config.batch)
        train, validation = run.open_data()
        run.remove_leftovers()
    except Exception:
        run.release()
        raise
    return run, train, validation


def _must_agree(options, run):
    """Raise ValueError if an option contradicts the settings of the run."""
    if options.weights is not None:
        raise ValueError("--weights is for the beginning of a run; --resume goes on with the weights of its checkpoint")
    config = run.config
    net = {"net": "name", "base": "base_channels", "depth": "depth", "width": "width"}
    own = {option: config.net.get(argument) for option, argument in net.items()}
    own |= {"seed": config.seed, "device": config.device, "batch": config.batch, "lr": config.learning_rate}
    own |= {
        "data": config.data,
        "crop": config.crop,
        "task": config.task,
        "method": config.method,
        "border_weight": config.border_weight,
        "recipe": config.recipe,
    }
    for option, value in own.items():
        asked = getattr(options, option)
        if option == "data" and asked is not None:
            asked = _data_name(asked)
        if option == "crop" and asked is not None:
            asked = (asked, asked)
        if asked is not None and value is None:
            raise ValueError(f"--resume: the run in {run.folder} is a {config.net['name']}, which has no --{option}")
        if asked not in (None, value):
            raise ValueError(f"--resume: the run in {run.folder} has --{option.replace('_', '-')} {value}, got {asked}")


def _extend(training, options):
    """Replace the limit of the run, if a new limit is given. Raises ValueError if nothing is left to do."""
    run = training.run_folder
    asked = options.steps, None if options.minutes is None else 60.0 * options.minutes
    if asked != (None, None) and not training.ends_at(*asked):
        try:
            training.extend(*asked)
        except ValueError as error:
            raise ValueError(f"{run.folder}: {error}") from error
        training.save()  # so that the new limit also holds when the run is resumed again
    elif training.finished and run.concluded():
        raise ValueError(f"{run.folder}: finished after {training.step} steps; to go on give more --steps or --minutes")


def _latest_run():
    """The folder in runs/ that was trained last."""
    found = [path.parent for path in RUNS.glob(f"*/{CONFIG}")]
    if not found:
        raise ValueError(f"--resume: nothing to resume in {RUNS}/; name the run folder with --out")
    return max(found, key=lambda folder: max(path.stat().st_mtime for path in folder.iterdir()))


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
