"""Chapter 10: a classifier of small windows learns disks, becomes a convolution, and sees a whole image in one pass."""

from functools import lru_cache

import numpy as np

import layers
import minitensor as mt
import nets

WINDOW, LARGE = 16, 48  # pixels of the windows that it learns from, and of the image that it then sees
FEATURES, GRID, HIDDEN = 4, 4, 8  # channels and size of the features of a window, and hidden numbers
STEPS = 80


def disk(size, row, column, radius):
    """bool (size, size): the pixels of a disk."""
    rows, columns = np.mgrid[:size, :size]
    return np.hypot(rows - row, columns - column) < radius


def windows(count, seed):
    """(images (count, 1, 16, 16), 1 where a disk lies in the middle): half of them with a disk, half of them noise."""
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 2
    images = rng.normal(0, 0.4, (count, 1, WINDOW, WINDOW))
    for image, there in zip(images, truth, strict=True):
        image[0] += there * disk(WINDOW, *rng.uniform(6.5, 9.5, 2), rng.uniform(4, 6))
    return mt.tensor(images), mt.tensor(truth)


def scene():
    """(image (1, 1, 48, 48), centres): a large image with two disks."""
    centres = (14, 13), (33, 36)
    image = np.random.default_rng(5).normal(0, 0.4, (LARGE, LARGE))
    for row, column in centres:
        image += disk(LARGE, row, column, 5)
    return mt.tensor(image[None, None]), centres


@lru_cache
def classifier():
    """A net with fully connected layers, trained on single windows."""
    mt.manual_seed(0)
    net = layers.Sequential(
        layers.Conv2d(1, FEATURES, 3, padding=1),
        layers.ReLU(),
        layers.MaxPool2d(4),
        layers.Flatten(),
        layers.Linear(FEATURES * GRID * GRID, HIDDEN),
        layers.ReLU(),
        layers.Linear(HIDDEN, 2),
    ).double()
    optimizer = mt.optim.Adam(net.parameters(), lr=0.02)
    images, truth = windows(64, seed=1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        mt.cross_entropy(net(images), truth).backward()
        optimizer.step()
    return net


def convolutional(net):
    """The same net as convolutions: each fully connected layer is a kernel as large as what it sees."""
    conv, relu, pool, _, hidden, bend, last = net
    first = layers.Conv2d(FEATURES, HIDDEN, GRID)
    first.weight = layers.Parameter(hidden.weight.data.reshape(HIDDEN, FEATURES, GRID, GRID))
    first.bias = hidden.bias
    second = layers.Conv2d(HIDDEN, 2, 1)
    second.weight, second.bias = layers.Parameter(last.weight.data.reshape(2, HIDDEN, 1, 1)), last.bias
    return layers.Sequential(conv, relu, pool, first, bend, second)


def heatmap():
    """The probability of a disk for each position of the window, from one pass over the large image."""
    net = convolutional(classifier())
    with mt.no_grad():
        return mt.softmax(net(scene()[0]), 1).numpy()[0, 1]


def main():
    net = classifier()
    images, truth = windows(200, seed=2)
    with mt.no_grad():
        right = int((net(images).argmax(1).numpy() == truth.numpy()).sum())
        same = np.allclose(net(images).numpy(), convolutional(net)(images).numpy()[:, :, 0, 0], atol=1e-12)
    print(f"windows of {WINDOW} x {WINDOW} pixels; {right} of 200 new ones right")
    print(f"features of a window: {FEATURES} x {GRID} x {GRID} = {FEATURES * GRID * GRID} numbers, {HIDDEN} hidden")
    print("the same scores from convolutions, to 1e-12:", same)
    heat = heatmap()
    print(f"image {LARGE} x {LARGE}: heatmap {heat.shape[0]} x {heat.shape[1]} = {heat.size} windows in one pass")
    for row, column in scene()[1]:
        place = tuple(round((at - (WINDOW - 1) / 2) / 4) for at in (row, column))
        print(f"disk at ({row}, {column}): heat {heat[place]:.2f} at row {place[0]}, column {place[1]} of the heatmap")
    print(f"mean heat: {heat.mean():.2f}")
    print(f"pixels through the first layer: {heat.size} * {WINDOW**2} = {heat.size * WINDOW**2:,}, or {LARGE**2:,}")

    print(f"VGG-16 at 224 x 224: 512 x 7 x 7 = {512 * 7 * 7:,} features, 4,096 hidden")
    print(f"  weights of its first fully connected layer: {512 * 7 * 7 * 4096:,}")
    mt.manual_seed(0)
    vgg = nets.VGG16(classes=5, width=1 / 32).eval()
    with mt.no_grad():
        for size in (224, 320):
            shape = nets.fully_convolutional(vgg).eval()(mt.zeros(1, 3, size, size)).shape
            print(f"  fully convolutional, {size} x {size}: scores {shape[2]} x {shape[3]}")


if __name__ == "__main__":
    main()
