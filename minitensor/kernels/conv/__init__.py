"""Convolution, transposed convolution and the weight gradient: one bilinear form, read in three ways.

The letters: N images, C channels in, O filters (channels out), g groups; H W the size of x, KH KW of the kernel,
OH OW of the output; s stride, p padding, d dilation. A tap is one position (a, b) of the kernel.

    definition.py            all of it as plain loops: start here
    rules.py                 which of the following runs when

    columns.py               the columns of a tile: what by_columns and phases multiply
    by_columns.py            windows become columns of a matrix, the convolution a matrix product: any convolution
    rows.py                  columns that repeat a pixel KW times instead of KH KW: first layers, few filters
    patches.py               windows one after the other: large kernels at a stride
    phases.py                a transposed convolution without its inserted zeros: short strides
    fold_columns.py          a transposed convolution that adds columns up: weights larger than the image
    winograd/                3 x 3 kernels with half or a quarter of the multiplications: most layers of a net
    one_by_one.py            both gradients of a convolution, one after the other
    bias_relu.py             bias and ReLU while a tile is in the cache
    cuda/                    the same three operations on a GPU
"""

from minitensor.kernels.conv import (
    bias_relu,
    by_columns,
    cuda,
    definition,
    fold_columns,
    one_by_one,
    patches,
    phases,
    rows,
    rules,
    winograd,
)
