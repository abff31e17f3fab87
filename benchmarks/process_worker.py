"""One process of the suite `processes`: times training steps on its part of the batch, and prints them if it is first.

mpiexec -n N python -m benchmarks.process_worker THREADS STEPS '[base channels, norm, batch, side]'
"""

import json
import statistics
import sys
import time

import numpy as np

import minitensor as mt
import nets
from benchmarks.processes import WARM_UP
from layers.norm import synchronise
from minitensor.distributed import Gradients, world


def main(threads, steps, net):
    base, norm, batch, side = json.loads(net)
    mt.set_num_threads(int(threads))
    here = world()
    mt.manual_seed(0)
    net = synchronise(nets.UNet(1, 2, base, padding="same", norm=norm), here)
    optimizer = mt.optim.AdamW(net.parameters(), lr=1e-3)
    gradients = Gradients(net.parameters(), here)
    share = here.share(batch)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, 1, side, side)).astype(np.float32)[share.start : share.stop]
    label = rng.integers(0, 2, (batch, side, side))[share.start : share.stop]
    waits = _watch(here)
    times, waited = [], []
    for step in range(WARM_UP + int(steps)):
        here.sum_(np.zeros(1))  # begin together
        waits.clear()
        began = time.perf_counter()
        optimizer.zero_grad()
        total = here.sum_(np.array([float(label.size)]))[0]
        loss = mt.cross_entropy(net(mt.tensor(x)), mt.tensor(label), reduction="sum") / float(total)
        gradients.backward(loss)
        optimizer.step()
        if step >= WARM_UP:
            times.append(time.perf_counter() - began)
            waited.append(sum(waits))
    if here.first:
        print(json.dumps({"step": statistics.median(times), "waited": statistics.median(waited)}))


def _watch(here):
    """A list to which the seconds of each wait for the sums of gradients are added from now on."""
    waits, start = [], here.start_sum_

    def timed(array):
        end = start(array)

        def wait():
            began = time.perf_counter()
            end()
            waits.append(time.perf_counter() - began)

        return wait

    here.start_sum_ = timed
    return waits


if __name__ == "__main__":
    main(*sys.argv[1:4])
