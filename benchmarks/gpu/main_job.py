"""The reader's main job: the training step of `python -m nets train` with its defaults, on the GPU and on the CPU.

The same net, data and settings as the command's. Two speeds: of the step alone, on batches that are ready; and of the
steps as the command runs them, where a thread makes the next batch meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

DEVICES = ("cuda", "cpu")
WARM_UPS = 5
LEAST_STEPS, MOST_STEPS, SECONDS = 10, 200, 8  # of one measurement
READY_BATCHES = 8
DATA = "cells"


def measure(lines, identity, devices=DEVICES):
    """Say images per second on each device, and how many times as fast the GPU is."""
    import minitensor as mt
    from minitensor.backend import module_for

    threads = mt.get_num_threads()  # as the command has
    found = {}
    for device in devices:
        synchronize = module_for("cuda").cuda.Device().synchronize if device == "cuda" else lambda: None
        with lines.guarded("main job", device=device), tempfile.TemporaryDirectory() as folder:
            found[device] = facts = speeds(device, folder, synchronize)
            lines.say(
                "main job", f"{device:5} {facts['step images/s']} images/s of the step alone, "
                f"{facts['job images/s']} with the batches being made  ({facts['net']})",
                device=device, threads=threads, **facts, **identity,
            )  # fmt: skip
    if len(found) == len(DEVICES):
        ratio = {what: round(found["cuda"][what] / found["cpu"][what], 2) for what in ("step images/s", "job images/s")}
        lines.say("main job ratio", f"GPU / CPU of {threads} threads: {ratio}", threads=threads, ratio=ratio)


def speeds(device, folder, synchronize):
    """{"step images/s", "job images/s", and what was trained} of the command's default training on `device`."""
    training = default_training(device, Path(folder) / "run")
    config = training.run_folder.config
    with training.batches as batches:
        ready = [batches[number] for number in range(READY_BATCHES)]
        alone = _images_a_second(
            lambda step: training.train_step(*ready[step % READY_BATCHES]), config.batch, synchronize
        )
        job = _images_a_second(lambda step: training.train_step(*batches[step]), config.batch, synchronize)
    net = f"U-Net {config.net['base_channels']}, {config.batch}x{config.crop[0]}x{config.crop[1]}"
    return {"step images/s": alone, "job images/s": job, "net": net, "parameters": training.net.parameter_count()}


def default_training(device, folder):
    """The Training that `python -m nets train --device DEVICE` begins."""
    from nets.commands import train
    from nets.data import open_dataset
    from nets.training.loop import Training
    from nets.training.run import Run, validation_names
    from nets.training.settings import choose

    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    options = parser.parse_args(["--device", device, "--net", "unet"])
    images, validation = open_dataset(DATA, 0)
    config = replace(choose(options, images, DATA), validation_names=validation_names(validation))
    return Training(Run.create(folder, config), images, validation)


def _images_a_second(step, batch, synchronize):
    """The median step's. The device is waited for after each, as the command does for the loss."""
    times = []
    for number in range(WARM_UPS):
        step(number)
    synchronize()
    while len(times) < MOST_STEPS and (len(times) < LEAST_STEPS or sum(times) < SECONDS):
        began = time.perf_counter()
        step(WARM_UPS + len(times))
        synchronize()
        times.append(time.perf_counter() - began)
    return round(batch / statistics.median(times), 1)
