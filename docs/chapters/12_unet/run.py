"""Chapter 12: the sizes of a U-Net, how far its outputs see, and an image of any size, tile by tile."""

from collections import Counter
from functools import lru_cache

import numpy as np

import minitensor as mt
import nets
from nets.field import effective_field, pass_gradients
from nets.segmentation.tiling import mirrored, predict_tiles, tile_geometry

IMAGES = 4  # random images that a field is the mean of


@lru_cache
def fields():
    """{name: EffectiveField} of the middle output of a new U-Net and of a new FCN-8s, both with few channels."""
    mt.manual_seed(0)
    unet = nets.UNet(in_channels=1, classes=2, base_channels=8).double()
    fcn = pass_gradients(nets.FCN8s(classes=2, width=1 / 16)).double()
    return {
        "U-Net": effective_field(unet, 236, 236, images=IMAGES),
        "FCN-8s": effective_field(fcn, 500, 500, images=IMAGES),
    }


def main():
    sizes = nets.unet_sizes(572, depth=4)
    for number, level in enumerate(sizes.levels):
        print(f"level {number}: {level.enter} -> {level.skip} -> up {level.up}, crop {level.crop} -> {level.leave}")
    print(f"bottom: {sizes.bottom[0]} -> {sizes.bottom[1]}")
    print(f"572 -> {sizes.output}: {572 - sizes.output} pixels less, {(572 - sizes.output) // 2} on each side")
    print("crops:", *sizes.crops)
    print("sizes that fit beside 600:", *nets.nearest_unet_sizes(600))
    print(f"the smallest input that fits: {nets.nearest_unet_sizes(1)[1]}")
    widths = nets.field_widths(nets.UNet(base_channels=1, padding="valid"), 388)
    for width, count in widths.items():
        print(f"{count} of the 388 outputs see {width} pixels")
    print(f"the middle output of new nets, mean gradient of {IMAGES} random images:")
    for name, field in fields().items():
        (first, last), half, most = field.rows, field.side(0.5), field.side(0.95)
        print(f"{name}: theory {last - first + 1}, 50% of the gradient in {half} x {half}, 95% in {most} x {most}")
        outside = field.heat.copy()
        outside[first : last + 1, field.columns[0] : field.columns[1] + 1] = 0
        print(f"  largest gradient outside the theory: {outside.max():g}")

    mt.manual_seed(0)
    net = nets.UNet(in_channels=1, classes=2, depth=2, base_channels=4, padding="valid").double().eval()
    image = mt.randn(1, 1, 70, 60, dtype=mt.float64).numpy()
    calls = Counter()

    def run(x):
        calls["tiles"] += 1
        with mt.no_grad():
            return net(mt.tensor(x)).numpy()

    tiled = predict_tiles(net, image, run, tile=20)
    count = calls["tiles"]
    whole = predict_tiles(net, image, run, tile=(70, 60))
    assert calls["tiles"] == count + 1  # one tile holds the whole image
    border = tile_geometry(net).border
    print(f"depth 2: {border} pixels on each side; an image of 70 x 60 in {count} tiles of 20 x 20")
    print("largest difference to the whole image below 1e-12:", bool(np.abs(tiled - whole).max() < 1e-12))
    row = mirrored(np.arange(1.0, 5).reshape(1, 1, 1, 4), (0, 0), (2, 2))[0, 0, 0]
    print("1 2 3 4 continued by its mirror image:", *row.astype(int))


if __name__ == "__main__":
    main()
