"""The Training that a command line asks for: in a new run folder, or in one that was stopped. All is checked first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import minitensor as mt
from minitensor.distributed.nccl import on_gpus
from nets.commands.device import usable
from nets.data import GENERATORS, open_dataset
from nets.plain_files import shown
from nets.training import fingerprints
from nets.training.build import build_net
from nets.training.config import Config
from nets.training.loop import Training
from nets.training.progress import clock
from nets.training.recipes import check_alone
from nets.training.run import CONFIG, Run, must_be_free, validation_names
from nets.training.settings import choose
from nets.training.together import check_batch, check_same_data, in_first
from nets.weights import load_weights

RUNS = Path("runs")


def begun(options, world):
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
    check_alone(world, config)
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


def expected(options):
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


def resumed(options, world):
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
        check_alone(world, run.config)
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
