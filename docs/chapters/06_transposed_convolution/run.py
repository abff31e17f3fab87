"""Chapter 06: a transposed convolution, stage by stage, as minitensor/trace shows it."""

import numpy as np

import minitensor as mt
from minitensor.kernels.conv import definition
from minitensor.kernels.geometry import conv_output_size, conv_transpose_output_size
from minitensor.trace import trace_conv_transpose2d

IMAGE = np.array([[1.0, 2.0], [3.0, 4.0]])
KERNEL = np.arange(1.0, 10).reshape(3, 3)
STRIDE, PADDING = 2, 1


def stages():
    """{name: array} of every stage, from the input to the output."""
    trace = trace_conv_transpose2d(IMAGE, KERNEL, stride=STRIDE, padding=PADDING)
    return {stage.name: stage.array[0, 0] for stage in trace.stages}


def overlaps(kernel, stride, size=6):
    """How many input pixels reach each output pixel, far from the border."""
    ones = mt.conv_transpose2d(mt.ones(1, 1, size, size), mt.ones(1, 1, kernel, kernel), stride=stride)[0, 0].numpy()
    return sorted(set(ones[kernel:-kernel, kernel:-kernel].astype(int).ravel().tolist()))


def main():
    print(f"kernel 3 x 3 of the numbers 1 to 9, stride {STRIDE}, padding {PADDING}; 180 degrees are two reversed axes")
    for name, array in stages().items():
        print(f"{name:<14} {array.shape[0]} x {array.shape[1]}")
    for row in stages()["output"].astype(int):
        print("  output row:", *row)
    library = mt.conv_transpose2d(
        mt.tensor(IMAGE[None, None]), mt.tensor(KERNEL[None, None]), stride=STRIDE, padding=PADDING
    )
    print("equal to mt.conv_transpose2d:", np.array_equal(library[0, 0].numpy(), stages()["output"]))
    product = 1 * 9 + 2 * 7 + 3 * 3 + 4 * 1
    print(f"the middle of the output sees all four pixels: 1 * 9 + 2 * 7 + 3 * 3 + 4 * 1 = {product}")
    print(f"size: (2 - 1) * 2 - 2 * 1 + 3 = {conv_transpose_output_size(2, 3, 2, 1)}")
    print(f"without the crop: {conv_transpose_output_size(2, 3, 2)}")
    wrong = definition.insert_zeros(definition.pad_zeros(IMAGE[None, None], (2, 2), (2, 2)), (2, 2))
    print(f"padded by 2 first, zeros inserted after: {wrong.shape[2]} -> {wrong.shape[2] - 3 + 1} outputs")

    sizes = [n for n in range(3, 9) if conv_output_size(n, 3, 2, 1) == 3]
    print(f"sizes whose convolution (k 3, s 2, p 1) has 3 positions: {sizes[0]} and {sizes[1]}")
    print(f"output_padding 0 gives {conv_transpose_output_size(3, 3, 2, 1)}, output_padding 1 gives {sizes[1]}")
    for kernel, stride in ((3, 2), (4, 2), (2, 2)):
        print(f"kernel {kernel}, stride {stride}: pixels that meet in one output:", *overlaps(kernel, stride))


if __name__ == "__main__":
    main()
