"""How fast a training steps with 1, 2, ... processes: what `--processes auto` measures.

mpiexec -n N python -m nets.training.pace < config.json

All ways run the training's own step, batches and all, in turns: a machine that is busy for a second slows each way
alike. Processes that have no part in a way sleep. Process 0 prints {"processes": median seconds of a step} as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import replace

import minitensor as mt
from minitensor.distributed import world
from nets.data import open_dataset
from nets.training.config import Config
from nets.training.loop import Training
from nets.training.run import Run

TURNS = 3  # the median of three survives one bad turn
TURN_SECONDS = 0.6
ALL_SECONDS = 15.0  # a large net ends with fewer turns
ENDLESS = 1e9
WORTH = 0.97  # more processes, which need more memory, must save at least 3%


def ways(cores, batch):
    """The numbers of processes to compare: 1, and the divisors of the cores that a batch is enough for."""
    return [count for count in range(1, min(cores, batch) + 1) if cores % count == 0]


def fastest(seconds):
    """The smallest number of processes that is as fast as the fastest, or nearly. seconds: {processes: of a step}"""
    best = min(seconds.values())
    return min(count for count, taken in seconds.items() if taken * WORTH <= best)


def in_words(seconds, cores):
    """The measurement and the choice in one line."""
    measured = ", ".join(
        f"{count} process{'es' if count > 1 else ''} x {cores // count} thread{'s' if cores // count > 1 else ''} "
        f"{1e3 * taken:.0f} ms"
        for count, taken in seconds.items()
    )
    return f"--processes auto measured a step: {measured}; takes {fastest(seconds)}"


def measured(config, train, validation, everyone, cores):
    """{processes: median seconds of a step}. Every process of `everyone` must call it."""
    config = replace(config, steps=None, seconds=ENDLESS)  # a schedule that the measurement does not come to the end of
    trainings = {count: None for count in ways(cores, config.batch)}
    samples = {count: [] for count in trainings}
    steps = {}
    for count in trainings:
        part = everyone.part(count)
        if part is not None:
            trainings[count] = Training(Run("", config), train, validation, world=part)
    began = time.monotonic()
    for turn in range(1 + TURNS):  # the first turn warms up, and says how many steps fit into a turn
        for count, training in trainings.items():
            mt.set_num_threads(cores // count)
            taken = [] if training is None else _steps(training, steps.get(count, 2))
            everyone.meet()
            if turn == 0:
                steps[count] = everyone.from_first(max(1, int(TURN_SECONDS / taken[-1])) if everyone.first else None)
            else:
                samples[count].append(everyone.from_first(statistics.median(taken) if everyone.first else None))
        if turn and everyone.from_first(time.monotonic() - began > ALL_SECONDS):
            break
    for training in filter(None, trainings.values()):
        training.batches.close()
    return {count: statistics.median(found) for count, found in samples.items()}


def _steps(training, count):
    """Seconds of each of `count` steps, with the wait for their batches."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        training.train_step(*training.batches[training.step])
        training.step += 1
        taken.append(time.perf_counter() - began)
    return taken


def main():
    everyone = world()
    text = everyone.from_first(sys.stdin.read() if everyone.first else None)
    config = Config.from_dict(json.loads(text))
    seconds = measured(config, *open_dataset(config.data, config.seed), everyone, mt.get_num_threads())
    if everyone.first:
        print(json.dumps(seconds))


if __name__ == "__main__":
    main()
