"""Ten steps of a small U-Net with batch norm, ignored pixels, class weights and clipping. Writes the weights.

    mpiexec -n N python tests/distributed/steps.py OUT OPTIMIZER BATCH [DTYPE]

Each process writes OUT-RANK.npy. One process alone computes what all others must equal.
"""

import sys

import numpy as np

import minitensor as mt
from layers.norm import synchronise
from minitensor.distributed import Gradients, world
from nets.unet import UNet

IGNORE = 255
CLASS_WEIGHTS = (0.5, 1.0, 2.5)
OPTIMIZERS = {"sgd": lambda p: mt.optim.SGD(p, lr=0.05, momentum=0.9), "adamw": lambda p: mt.optim.AdamW(p, lr=3e-3)}
STEPS = 10
SIDE = 16
MAX_NORM = 0.5


def batch(number, images, dtype):
    """The whole batch. From no ignored pixel in the first image to nine of ten in the last one."""
    rng = np.random.default_rng([7, number])
    x = rng.normal(3, 2, (images, 1, SIDE, SIDE)).astype(dtype)
    label = rng.integers(0, len(CLASS_WEIGHTS), (images, SIDE, SIDE))
    for image in range(images):
        label[image][rng.random((SIDE, SIDE)) < 0.9 * image / max(1, images - 1)] = IGNORE
    return x, label


def train(communicator, optimizer, images, dtype):
    """The weights and buffers after ten steps, in one array."""
    mt.manual_seed(1)
    net = UNet(1, len(CLASS_WEIGHTS), base_channels=4, depth=2, padding="same", norm="batch")
    for tensor in [*net.parameters(), *net.buffers()]:
        if tensor.dtype.kind == "f":
            tensor.data = tensor.data.astype(dtype)
    synchronise(net, communicator)
    chosen = OPTIMIZERS[optimizer](net.parameters())
    gradients = Gradients(net.parameters(), communicator)
    weight = np.array(CLASS_WEIGHTS, dtype)
    for number in range(STEPS):
        x, label = batch(number, images, dtype)
        mine = communicator.share(images)
        x, label = x[mine.start : mine.stop], label[mine.start : mine.stop]
        counted = communicator.sum_(np.array([weight[label[label != IGNORE]].sum(dtype=np.float64)]))[0]
        chosen.zero_grad()
        scores = net(mt.tensor(x))
        loss = mt.cross_entropy(
            scores, mt.tensor(label), weight=mt.tensor(weight), ignore_index=IGNORE, reduction="sum"
        ) / float(counted)
        gradients.backward(loss)
        mt.optim.clip_grad_norm_(net.parameters(), MAX_NORM)
        chosen.step()
    return np.concatenate([t.data.astype(np.float64).ravel() for t in net.state_dict().values()])


if __name__ == "__main__":
    out, optimizer, images, dtype = sys.argv[1:5]
    np.save(f"{out}-{world().rank}.npy", train(world(), optimizer, int(images), np.dtype(dtype)))
