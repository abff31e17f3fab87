"""Many layers, every variant beside cuDNN: what the rules of minitensor/kernels/cuda/conv_rules.py should choose.

A loss of 1.20 means that the rule's choice takes 1.2 times as long as the fastest variant. Nothing is written into the
rules: they stay a few lines that somebody reads, changes and measures again.
"""

from __future__ import annotations

from benchmarks.gpu.layers import PRECISIONS, SHORT, UNET, Layer, measure_layers
from benchmarks.targets import geometric_mean

BIGGER_BATCHES_FIRST = (1, 4, 2)
NOTABLE_LOSS = 1.05  # below, the choice is within the spread of such timings


def square(n, c, side, o, kernel=3, padding=1, stride=1):
    return Layer(n, c, side, side, o, kernel, padding, stride)


# A transposed convolution is given as the convolution whose input gradient it is: 128 to 64 channels as 64 to 128.
TRANSPOSED = [
    square(16, 64, 256, 128, kernel=2, padding=0, stride=2),
    square(16, 256, 64, 512, kernel=2, padding=0, stride=2),
    square(16, 512, 32, 1024, kernel=2, padding=0, stride=2),
    square(1, 21, 34, 21, kernel=4, padding=0, stride=2),
    square(1, 21, 568, 21, kernel=16, padding=0, stride=8),
]
POINTWISE = [square(16, 64, 256, 2, 1, 0), square(1, 4096, 16, 4096, 1, 0), square(1, 4096, 16, 21, 1, 0)]
# FCN-8s pads an image of 500 pixels by 100 on either side; each pooling halves what is left
FCN = [
    square(1, 64, 698, 64), square(1, 128, 349, 128), square(1, 256, 175, 256), square(1, 512, 88, 512),
    square(1, 512, 44, 512), square(1, 512, 22, 4096, kernel=7, padding=0), square(1, 3, 698, 64),
]  # fmt: skip
SMALL_BATCHES = [
    square(n, channels, side, channels)
    for n in BIGGER_BATCHES_FIRST
    for channels, side in ((64, 256), (128, 128), (256, 64), (512, 32), (1024, 16))
]
SMALL_UNET = [
    square(4, c, side, o)
    for c, side, o in (
        (16, 256, 16), (32, 256, 16), (32, 128, 32), (64, 64, 64), (128, 32, 128), (256, 16, 256), (3, 256, 16)
    )
]  # fmt: skip
LAYERS = [*UNET, *TRANSPOSED, *POINTWISE, *FCN, *SMALL_UNET, *SMALL_BATCHES]


def measure(sides, options, lines, identity, known=(), layers=LAYERS):
    """Time the layers whose name contains --only, those that `known` has left out; then what the rules lose."""
    xp, torch = sides[0].cupy, sides[1].module
    chosen = [layer for layer in layers if options.only in layer.name]
    facts = list(known)
    facts += measure_layers(xp, torch, chosen, lines, identity, {key(fact) for fact in known})
    lines.say("rules", "\n" + losses(facts))


def key(fact):
    """What tells one row of the table from another."""
    return fact["layer"], fact["op"], fact["precision"]


def losses(facts):
    """For each operation and precision: what the rule loses, and each layer for which it should choose otherwise."""
    text = []
    for precision in PRECISIONS:
        for operation in SHORT:
            rows = [f for f in facts if (f["op"], f["precision"]) == (operation, precision) and loss(f)]
            if not rows:
                continue
            mean, total = geometric_mean([loss(row) for row in rows]), sum(beside_torch(rows))
            text.append(
                f"{precision} {operation}: the rule loses {mean:.3f} over {len(rows)} layers (geometric mean)"
                + (f"; torch / fastest {total / len(beside_torch(rows)):.2f} on average" if total else "")
            )
            for row in sorted(rows, key=loss, reverse=True):
                if loss(row) >= NOTABLE_LOSS:
                    best = fastest(row)
                    text.append(
                        f"    {row['layer']:26} {row['rule']} {row['ms'][row['rule']]:.3f} -> {best} "
                        f"{row['ms'][best]:.3f}  loss {loss(row):.2f}"
                    )
    return "\n".join(text)


def ours(fact):
    return {variant: ms for variant, ms in fact["ms"].items() if variant != "torch"}


def fastest(fact):
    return min(ours(fact), key=ours(fact).get)


def loss(fact):
    """The rule's time over the fastest's; 0 where the rule's choice failed or is none of the GPU's variants."""
    return fact["ms"][fact["rule"]] / fact["ms"][fastest(fact)] if fact["rule"] in ours(fact) else 0.0


def beside_torch(facts):
    return [fact["ms"]["torch"] / fact["ms"][fastest(fact)] for fact in facts if "torch" in fact["ms"]]
