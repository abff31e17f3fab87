"""python -m docs skips: FCN-32s, FCN-16s and FCN-8s learn generated streets, and answer to one of them side by side.

All three begin with the same random weights, where they have the same layers, and take the same number of steps on the
same batches. Their upsampling stays bilinear, as in the authors' files. So what differs is the skips.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import NamedTuple

import numpy as np

import minitensor as mt
import nets
from layers import ConvTranspose2d
from nets.canvas import INK, new_figure, save_figure
from nets.data.street import CLASSES, street
from nets.segmentation.metrics import Confusion
from nets.segmentation.metrics.boundary import Boundaries

SIZE = (128, 192)  # pixels of a street
LENGTHS = {"train": 200, "validation": 40}
WIDTH = 1 / 8  # of the channels of VGG-16: 8 to 64, which a processor trains in minutes
BATCH = 4
STEPS = 600  # of each net
TOLD = 50  # steps from one report to the next
INCHES = 3.2  # width of a picture
RATE = 1e-3  # of Adam; it falls in a line to 0
KINDS = {"FCN-32s": nets.FCN32s, "FCN-16s": nets.FCN16s, "FCN-8s": nets.FCN8s}


class Answer(NamedTuple):
    """What a net says about the validation images: its masks (N, H, W), and two scores over all of them, in percent."""

    masks: np.ndarray
    mean_iu: float
    boundary_f1: float


@lru_cache
def streets(split):
    """(images float32 (N, 3, H, W) from -1 to 1, labels int64 (N, H, W)) of a split."""
    data = street(split, LENGTHS[split], size=SIZE)
    samples = [data.sample(number) for number in range(len(data))]
    images = np.stack([sample.image for sample in samples]).transpose(0, 3, 1, 2)
    return (images / 127.5 - 1).astype(np.float32), np.stack([sample.label for sample in samples]).astype(np.int64)


def make(kind):
    """A new net. It stays in evaluation: there is no batch norm, and dropout would only slow so small a net."""
    mt.manual_seed(0)
    coarsest = nets.FCN32s(classes=len(CLASSES), width=WIDTH)
    net = kind(classes=len(CLASSES), width=WIDTH).eval()
    net.load_state_dict(coarsest.state_dict(), strict=False)  # all three begin alike; the skips begin with 0
    for layer in net.modules():
        if isinstance(layer, ConvTranspose2d):
            layer.weight.requires_grad = False
    return net


def train(net, steps, say):
    """Train a net; half of the batches are mirrored. `say` is told the mean loss now and then."""
    rng = np.random.default_rng(0)
    images, labels = streets("train")
    optimizer = mt.optim.Adam([each for each in net.parameters() if each.requires_grad], lr=RATE)
    losses = []
    for step in range(steps):
        chosen, mirrored = rng.integers(0, len(images), BATCH), slice(None, None, rng.choice([1, -1]))
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / steps)
        optimizer.zero_grad()
        loss = mt.cross_entropy(net(mt.tensor(images[chosen][..., mirrored])), mt.tensor(labels[chosen][..., mirrored]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == TOLD:
            say(f"  step {step + 1} of {steps}: loss {np.mean(losses):.3f}")
            losses = []


def scores(labels, masks):
    """(mean IU, mean boundary F1 of the classes that occur) of some masks, in percent."""
    tally, outlines = Confusion(len(CLASSES)), Boundaries(len(CLASSES))
    for label, mask in zip(labels, masks, strict=True):
        tally.update(label, mask)
        outlines.update(label, mask)
    found = [score.f1 for score in outlines.scores() if score.f1 is not None]
    return 100 * tally.scores().mean_iu, 100 * float(np.mean(found))


def learn(steps=STEPS, say=print):
    """{name: Answer} of the three nets, each after `steps` steps."""
    images, labels = streets("validation")
    answers = {}
    for name, kind in KINDS.items():
        say(name)
        net = make(kind)
        train(net, steps, say)
        with mt.no_grad():
            masks = np.concatenate([net(mt.tensor(image[None])).numpy().argmax(1) for image in images])
        answers[name] = Answer(masks, *scores(labels, masks))
        say(f"  {len(images)} new streets: mean IU {answers[name].mean_iu:.1f}%, "
            f"boundary F1 {answers[name].boundary_f1:.1f}%")  # fmt: skip
    return answers


def typical(answers):
    """The number of the street on which the gain in mean IU from FCN-32s to FCN-8s is the median one."""
    _, labels = streets("validation")
    gains = [
        scores(labels[at : at + 1], answers["FCN-8s"].masks[at : at + 1])[0]
        - scores(labels[at : at + 1], answers["FCN-32s"].masks[at : at + 1])[0]
        for at in range(len(labels))
    ]
    return int(np.argsort(gains)[len(gains) // 2])


def draw(answers, path):
    """The picture as a PNG file: image, truth and legend above, the three answers with their scores below."""
    from matplotlib.patches import Patch

    colours = import_module("docs.chapters.01_segmentation.figure").COLOURS
    painted = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours], np.uint8)
    images, labels = streets("validation")
    shown = typical(answers)
    figure = new_figure((INCHES * 3, INCHES * 2 * SIZE[0] / SIZE[1] + 1.2))
    grid = figure.subplots(2, 3)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.94, bottom=0.09, wspace=0.03, hspace=0.12)
    image = np.rint((images[shown].transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8)
    pictures = {"image": image, "truth": painted[labels[shown]]}
    pictures |= {name: painted[answer.masks[shown]] for name, answer in answers.items()}
    places = [grid[0, 0], grid[0, 1], *grid[1]]
    for axes, (name, picture) in zip(places, pictures.items(), strict=True):
        axes.imshow(picture, interpolation="nearest")
        axes.set_title(name, fontsize=11, color=INK, weight="bold", pad=4)
        axes.set_xticks([]), axes.set_yticks([])
        if name in answers:
            here = scores(labels[shown : shown + 1], answers[name].masks[shown : shown + 1])
            axes.set_xlabel(_words("this street", *here) + "\n" + _words(f"{len(labels)} streets", *answers[name][1:]),
                            fontsize=10, color=INK)  # fmt: skip
    grid[0, 2].axis("off")
    grid[0, 2].legend(
        handles=[
            Patch(facecolor=colour, edgecolor="#8a929c", label=kind.name)
            for colour, kind in zip(colours, CLASSES, strict=True)
        ],
        loc="center", fontsize=11, frameon=False,
    )  # fmt: skip
    save_figure(figure, path)


def _words(where, mean_iu, boundary_f1):
    return f"{where}: mean IU {mean_iu:.0f}%, boundary F1 {boundary_f1:.0f}%"
