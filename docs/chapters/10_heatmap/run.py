"""Chapter 10: a classifier of small windows learns disks, becomes a convolution, and sees a whole image in one pass."""

from functools import lru_cache

import numpy as np

import layers
import minitensor as mt
import nets

WINDOW, LARGE = 16, 48  # pixels of the windows that it learns from, and of the image that it then sees
FEATURES, GRID, HIDDEN = 4, 4, 8  # channels and size of the features of a window, and hidden numbers
STEPS = 80

# The second classifier, of shapes: no layer pads, so each score of the map is exactly that of the window cut out.
KINDS = ("nothing", "disk", "square", "cross")
CUT, APART = 34, 4  # 34 pixels -> 32 -> 16 -> 14 -> 7: pixels of a window, and from one score to the next
MAPS, BETWEEN = 8, 16  # channels of the features, and hidden numbers
PLACES = ((24, 30, 1), (65, 24, 2), (27, 78, 3), (63, 84, 1), (25, 122, 2), (66, 128, 3))  # row, column, kind


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


def shape(kind, size, row, column, radius):
    """bool (H, W): the pixels of a disk, a square or a cross."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    down, across = np.abs(rows - row), np.abs(columns - column)
    near, far = np.minimum(down, across), np.maximum(down, across)
    if KINDS[kind] == "disk":
        return np.hypot(down, across) < radius
    return far < 0.88 * radius if KINDS[kind] == "square" else (near < 0.4 * radius) & (far < 1.1 * radius)


def cut_windows(count, seed):
    """(images (count, 1, 34, 34), kinds): a shape in the middle, or "nothing" with a shape away from the middle."""
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % len(KINDS)
    images = rng.normal(0, 0.3, (count, 1, CUT, CUT))
    middle = (CUT - 1) / 2
    for image, kind in zip(images, truth, strict=True):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0, 4) if kind else rng.uniform(5, 24)
        place = middle + distance * np.array([np.sin(angle), np.cos(angle)])
        image[0] += shape(kind or rng.integers(1, len(KINDS)), (CUT, CUT), *place, rng.uniform(7, 10))
    return images, truth


def table_of_shapes():
    """A larger image (1, 1, 90, 150) with six shapes."""
    image = np.random.default_rng(5).normal(0, 0.3, (90, 150))
    for row, column, kind in PLACES:
        image += shape(kind, image.shape, row, column, 9)
    return mt.tensor(image[None, None])


@lru_cache
def shape_classifier():
    """Two convolutions with poolings, then two fully connected layers; trained on single windows."""
    mt.manual_seed(0)
    net = layers.Sequential(
        layers.Conv2d(1, 4, 3), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(4, MAPS, 3), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Linear(MAPS * 7 * 7, BETWEEN), layers.ReLU(),
        layers.Linear(BETWEEN, len(KINDS)),
    ).double()  # fmt: skip
    optimizer = mt.optim.Adam(net.parameters(), lr=0.01)
    images, truth = cut_windows(2400, seed=1)
    rng = np.random.default_rng(0)
    for _ in range(250):
        chosen = rng.integers(0, len(images), 40)
        optimizer.zero_grad()
        mt.cross_entropy(net(mt.tensor(images[chosen])), mt.tensor(truth[chosen])).backward()
        optimizer.step()
    return net


def map_of_scores():
    """(kinds, rows, columns): how probable each kind is in each window of the large image."""
    net = nets.fully_convolutional(shape_classifier())
    with mt.no_grad():
        return mt.softmax(net(table_of_shapes()), 1).numpy()[0]


def one_by_one(heat):
    """The same probabilities, window by window: each is cut out of the image and classified alone."""
    net, image, found = shape_classifier(), table_of_shapes(), np.empty_like(heat)
    with mt.no_grad():
        for row, column in np.ndindex(heat.shape[1:]):
            top, left = APART * row, APART * column
            window = image[:, :, top : top + CUT, left : left + CUT]
            found[:, row, column] = mt.softmax(net(window), 1).numpy()[0]
    return found


def report_shapes():
    net = shape_classifier()
    images, truth = cut_windows(200, seed=2)
    with mt.no_grad():
        right = int((net(mt.tensor(images)).argmax(1).numpy() == truth).sum())
    weights = BETWEEN * MAPS * 7 * 7
    print(f"shapes: windows of {CUT} x {CUT} pixels, {len(KINDS)} kinds; {right} of 200 new ones right")
    print(f"  {MAPS} x 7 x 7 = {MAPS * 7 * 7} features, {BETWEEN} hidden: {weights:,} weights, as a matrix or a kernel")
    heat = map_of_scores()
    print(f"  image 90 x 150: {heat.shape[1]} x {heat.shape[2]} = {heat[0].size} positions, {APART} pixels apart")
    print("  largest difference to single windows below 1e-12:", bool(np.abs(heat - one_by_one(heat)).max() < 1e-12))
    for row, column, kind in PLACES:
        place = tuple(round((at - (CUT - 1) / 2) / APART) for at in (row, column))
        best = int(heat[:, *place].argmax())
        print(f"  {KINDS[kind]} at ({row}, {column}): {KINDS[best]} {heat[best, *place]:.2f}")


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

    report_shapes()

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
