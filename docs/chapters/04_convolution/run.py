"""Chapter 04: one output number of a convolution, product by product, and how many there are."""

import numpy as np

import minitensor as mt
from minitensor.kernels.conv import definition
from minitensor.kernels.geometry import conv_output_size

IMAGE = np.array([[1, 2, 0, 1, 3], [0, 1, 2, 2, 0], [3, 1, 0, 1, 1], [2, 0, 1, 3, 2], [1, 1, 2, 0, 1]], float)
KERNEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], float)  # Sobel: left minus right
STRIDE, PADDING = 2, 1


def output():
    """The convolution of IMAGE with KERNEL, by the definition."""
    return definition.conv2d(IMAGE[None, None], KERNEL[None, None], None, (STRIDE,) * 2, (PADDING,) * 2, (1, 1), 1)[
        0, 0
    ]


def main():
    size = conv_output_size(5, 3, STRIDE, PADDING)
    print(f"input 5 x 5, kernel 3 x 3, stride {STRIDE}, padding {PADDING}")
    print(f"output size: floor((5 + 2 * {PADDING} - 3) / {STRIDE}) + 1 = {size}")
    padded = definition.pad_zeros(IMAGE[None, None], (PADDING,) * 2, (PADDING,) * 2)
    for i, j, window in definition.windows(padded, (3, 3), (size, size), (STRIDE,) * 2, (1, 1)):
        if (i, j) == (1, 1):
            products = window[0, 0] * KERNEL
            print("window at output (1, 1), row by row:", *window[0, 0].ravel().astype(int))
            print("times the kernel:                  ", *products.ravel().astype(int))
            print(f"sum = {products.sum():g}")
    print("output:")
    for row in output().astype(int):
        print(" ", *row)

    x, w = mt.tensor(IMAGE[None, None]), mt.tensor(KERNEL[None, None])
    print(
        "the library's fast kernel gives the same:", np.allclose(mt.conv2d(x, w, stride=2, padding=1)[0, 0], output())
    )
    rotated = mt.conv2d(x, w.flip(2, 3), stride=2, padding=1)[0, 0]
    print(f"with the kernel rotated by 180 degrees, output (1, 1) = {rotated[1, 1].item():g}")

    large = conv_output_size(570, 3)
    print(f"U-Net's second layer: 64 channels, 570 x 570 -> {large} x {large}, 64 filters")
    print(f"  products per output number: 64 * 3 * 3 = {64 * 9}")
    print(f"  products in all: 64 * {large} * {large} * {64 * 9} = {64 * large * large * 64 * 9:,}")


if __name__ == "__main__":
    main()
