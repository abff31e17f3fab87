"""Kernels in CUDA C. Each .cu file opens with its mathematics, its threads and its memory traffic; launch.py runs them.

The .py files beside them make the arrays and enter the kernels into the table, for CuPy arrays only.
"""

from minitensor.kernels.cuda import (
    activation,
    conv_rules,
    convolution,
    copy,
    cross_entropy,
    cudnn,
    join,
    normalize,
    pool,
    resample,
    tensor_cores,
    three_by_three,
    update,
    winograd2d,
)
