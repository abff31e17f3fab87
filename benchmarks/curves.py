"""The same training three times from the same weights: minitensor, torch in float32, torch in float64.

Training enlarges rounding errors: two runs that differ in the last bit drift apart. So the difference between our curve
and torch's float32 is held beside the difference between torch's own float32 and float64. If both are of the same size,
nobody can tell from the curve which library drew it.
"""

from __future__ import annotations

import numpy as np

from benchmarks import nets_cases
from benchmarks.output import say

CASE = "training curve of the small U-Net"
STEPS = 200
QUICK_STEPS = 20
BATCH, SIDE = 2, 128
SETTINGS = {"in_channels": 1, "base_channels": 16, "padding": "same", "classes": 2}
LEARNING_RATE = 0.02
MOMENTUM = 0.9
DISCS = 6
NOISE = 0.3

# A difference is of the size of another up to this factor: two runs of float32 with other orders of summation lie that
# far apart, and Winograd's rounding is some times that of a plain sum.
SAME_SIZE = 3


def batch(step):
    """Images of bright discs in noise (2, 1, 128, 128) and their masks (2, 128, 128): another batch for each step."""
    rng = np.random.default_rng((3, step))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    masks = np.zeros((BATCH, SIDE, SIDE), np.int64)
    for mask in masks:
        for row, column, radius in rng.uniform((0, 0, 5), (SIDE, SIDE, 20), (DISCS, 3)):
            mask[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = 1
    noise = rng.standard_normal(masks.shape)
    return (masks + NOISE * noise)[:, None].astype(np.float32), masks


def train(library, steps, double=False):
    """The losses of `steps` steps of SGD with momentum."""
    net, _ = nets_cases.make(library, "unet", SETTINGS)
    if double:
        net.double()
    optimizer = library.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    losses = []
    for step in range(steps):
        images, masks = batch(step)
        optimizer.zero_grad()
        loss = library.cross_entropy(net(library.tensor(images)), library.tensor(masks))
        loss.backward()
        optimizer.step()
        losses.append(float(library.to_numpy(loss.detach())))
    return losses


def measure(sides, steps):
    """All three curves and their differences."""
    losses = {}
    for name, library in sides.items():
        say(f"training {steps} steps: {name}")
        losses[name] = train(library, steps, double=name == "torch64")
    return {"losses": losses} | compare(losses)


def compare(losses):
    """Mean and largest difference of each pair of curves, and whether ours is as near to torch's as torch's own two."""
    pairs = {}
    for a, b in (("ours", "torch32"), ("ours", "torch64"), ("torch32", "torch64")):
        difference = np.abs(np.asarray(losses[a]) - np.asarray(losses[b]))
        pairs[f"{a} - {b}"] = {"mean": float(difference.mean()), "largest": float(difference.max())}
    ours, own = pairs["ours - torch32"], pairs["torch32 - torch64"]
    same = all(ours[key] <= SAME_SIZE * own[key] for key in ("mean", "largest"))
    return {"differences": pairs, "indistinguishable": same}


def lines(curves):
    """The comparison as text."""
    losses = curves["losses"]["ours"]
    yield f"\n{CASE}, {len(losses)} steps: loss {losses[0]:.4f} -> {losses[-1]:.4f}"
    for pair, difference in curves["differences"].items():
        yield f"{pair:18}  mean {difference['mean']:.1e}  largest {difference['largest']:.1e}"
    verdict = "yes" if curves["indistinguishable"] else "NO"
    yield f"ours is as near to torch's float32 as that is to float64 (up to a factor of {SAME_SIZE}): {verdict}"
