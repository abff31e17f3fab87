"""Chapter 09: a small net learns to find disks: layers, a loss for every pixel, and an optimizer. In float64."""

from functools import lru_cache
from math import log

import numpy as np

import layers
import minitensor as mt

SIZE, STEPS = 24, 60


def pictures(count, seed):
    """Grey images (count, 1, SIZE, SIZE) of bright disks in noise, and the class of each pixel (count, SIZE, SIZE)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    images, labels = np.empty((count, 1, SIZE, SIZE)), np.empty((count, SIZE, SIZE), np.int64)
    for image, label in zip(images, labels, strict=True):
        row, column, radius = rng.uniform(6, SIZE - 6), rng.uniform(6, SIZE - 6), rng.uniform(3, 6)
        label[:] = np.hypot(rows - row, columns - column) < radius
        image[0] = 0.7 * label + rng.normal(0, 0.5, label.shape)
    return mt.tensor(images), mt.tensor(labels)


def build():
    """Two 3x3 convolutions of eight filters, and a 1x1 convolution that gives a score for each class."""
    mt.manual_seed(0)
    return layers.Sequential(
        layers.Conv2d(1, 8, 3, padding=1),
        layers.ReLU(),
        layers.Conv2d(8, 8, 3, padding=1),
        layers.ReLU(),
        layers.Conv2d(8, 2, 1),
    ).double()


def accuracy(net, images, labels):
    """The share of right pixels."""
    with mt.no_grad():
        return float((net(images).argmax(1).numpy() == labels.numpy()).mean())


@lru_cache
def trained(name="Adam", lr=0.02):
    """(net, loss of every step) after STEPS steps on four pictures."""
    net = build()
    optimizer = getattr(mt.optim, name)(net.parameters(), lr=lr)
    images, labels = pictures(4, seed=1)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = mt.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return net, losses


def main():
    scores = mt.tensor([[2.0, 0.0]], dtype=mt.float64, requires_grad=True)
    target = mt.tensor([0])
    loss = mt.cross_entropy(scores, target)
    loss.backward()
    print("scores 2 and 0: probabilities", *mt.softmax(scores, 1).detach().numpy()[0].round(3).tolist())
    print(f"loss for class 0: -log(0.881) = {loss.item():.3f}")
    print("gradient, p - t:", *scores.grad.numpy()[0].round(3).tolist())
    print(f"a net that knows nothing of 2 classes: log 2 = {log(2):.3f}")

    net = build()
    sizes = "(1 * 3 * 3 + 1) * 8 + (8 * 3 * 3 + 1) * 8 + (8 + 1) * 2"
    print(f"parameters: {sizes} = {net.parameter_count()}; the last convolution is 1 x 1")
    unseen = pictures(8, seed=2)
    print(f"background in 8 new pictures: {100 * float((unseen[1].numpy() == 0).mean()):.1f}% of the pixels")
    for name, lr in (("SGD", 0.02), ("Adam", 0.02)):
        net, losses = trained(name, lr)
        share = 100 * accuracy(net, *unseen)
        called = int((net(unseen[0]).argmax(1).numpy() == 1).sum())
        fall = f"loss {losses[0]:.3f} -> {losses[-1]:.3f} in {STEPS} steps"
        print(f"{name} lr {lr:g}: {fall}; new pictures {share:.1f}% right")
        print(f"  pixels that it calls disk: {called:,}")


if __name__ == "__main__":
    main()
