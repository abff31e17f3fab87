"""Chapter 11: how fine is a mask whose scores are 32, 16 or 8 pixels apart? And what a skip learns, in miniature."""

from functools import lru_cache

import numpy as np

import layers
import minitensor as mt
import nets
from nets.data.street import CLASSES, street
from nets.segmentation.metrics.confusion import Confusion

SCENES = street("validation", length=6, size=(96, 160))
SIZE, STEPS = 32, 120  # of the miniature


def mean_iu(truths, answers, classes):
    """Mean IU of some masks, in percent."""
    tally = Confusion(classes)
    for truth, answer in zip(truths, answers, strict=True):
        tally.update(truth, answer)
    return 100 * tally.scores().mean_iu


def best(label, apart):
    """The mask of perfect scores, one for every apart x apart pixels, with bilinear interpolation in between."""
    one_hot = mt.tensor(np.eye(len(CLASSES))[label].transpose(2, 0, 1)[None])
    shares = mt.avg_pool2d(one_hot, apart)
    scores = mt.interpolate(shares, scale_factor=apart, mode="bilinear", align_corners=False)
    return scores.numpy()[0].argmax(0)


class Miniature(layers.Module):
    """Three poolings, scores 8 pixels apart; for each skip the scores of finer features are added on the way back."""

    def __init__(self, skips):
        super().__init__()
        self.skips = skips
        channels = (1, 8, 8, 8)
        pairs = zip(channels[:-1], channels[1:], strict=True)
        self.blocks = layers.ModuleList([layers.Conv2d(i, o, 3, padding=1) for i, o in pairs])
        self.scores = layers.ModuleList([layers.Conv2d(o, 2, 1) for o in channels[1:]])

    def forward(self, x):
        features = []
        for block in self.blocks:
            x = mt.max_pool2d(mt.relu(block(x)), 2)
            features.append(x)
        scores = self.scores[2](features[2])  # 8 pixels apart
        for level in (1, 0)[: self.skips]:  # 4 pixels apart, then 2
            scores = mt.interpolate(scores, scale_factor=2, mode="bilinear", align_corners=False)
            scores = scores + self.scores[level](features[level])
        return mt.interpolate(scores, scale_factor=8 // 2**self.skips, mode="bilinear", align_corners=False)


def pictures(count, seed):
    """Images (count, 1, 32, 32) of thin crosses in noise, and the class of each pixel."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((count, SIZE, SIZE), np.int64)
    for label in labels:
        row, column = rng.integers(8, SIZE - 8, 2)
        label[row - 1 : row + 2, column - 7 : column + 8] = 1
        label[row - 7 : row + 8, column - 1 : column + 2] = 1
    return mt.tensor(labels[:, None] + rng.normal(0, 0.3, labels[:, None].shape)), labels


@lru_cache
def answers(skips):
    """The masks of new pictures after training."""
    mt.manual_seed(0)
    net = Miniature(skips).double()
    images, labels = pictures(8, seed=1)
    optimizer = mt.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(STEPS):
        optimizer.zero_grad()
        mt.cross_entropy(net(images), mt.tensor(labels)).backward()
        optimizer.step()
    with mt.no_grad():
        return net(pictures(8, seed=2)[0]).numpy().argmax(1)


def main():
    truths = [SCENES.sample(i).label for i in range(len(SCENES))]
    print(
        f"{len(truths)} generated streets of 96 x 160 pixels, {len(CLASSES)} classes: the best mean IU that is possible"
    )
    for apart in (32, 16, 8, 4):
        masks = [best(truth, apart) for truth in truths]
        print(f"  scores {apart:>2} pixels apart: {mean_iu(truths, masks, len(CLASSES)):.1f}%")

    print("FCN pads 100 pixels; its crops, from the layers:", *nets.fcn_crops())
    net = nets.FCN8s(classes=2, width=1 / 32)
    height, width = net(mt.zeros(1, 3, 40, 50)).shape[2:]
    print(f"FCN-8s: 40 x 50 pixels in, scores for {height} x {width} pixels out")

    truth = pictures(8, seed=2)[1]
    print(f"miniature: {STEPS} steps on 8 pictures of crosses 3 pixels thick, mean IU on 8 new ones")
    for skips in (0, 1, 2):
        share = mean_iu(truth, answers(skips), 2)
        print(f"  {skips} skips, finest scores {8 // 2**skips} pixels apart: {share:.1f}%")


if __name__ == "__main__":
    main()
