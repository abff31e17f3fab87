"""One good call of every public operation."""

import numpy as np

import minitensor as mt
from tests.parity import normal
from tests.registry import UNARY


def floats(*shape):
    return mt.Tensor(normal(*shape), requires_grad=True)


x23, x4 = floats(2, 3), floats(1, 2, 6, 6)
weight, turned = floats(4, 2, 3, 3), floats(2, 4, 3, 3)
classes, flags = mt.tensor([0, 2]), mt.tensor([True, False])

VALID = {
    **{name: [x23] for name in (*UNARY, "isnan")},
    **{name: [x23] for name in "sum mean var max min argmax flatten squeeze contiguous dropout".split()},
    **{name: [x23, x23] for name in "add sub mul div pow maximum minimum eq ne lt le gt ge".split()},
    **{name: [x23] for name in "norm std prod any all sort argmin clone numel gelu silu softplus".split()},
    **{name: [x23, x23] for name in "floor_divide remainder l1_loss smooth_l1_loss".split()},
    "binary_cross_entropy": [mt.Tensor(np.abs(normal(2, 3)) % 1), mt.Tensor(np.abs(normal(2, 3)) % 1)],
    "cumsum": [x23, 0],
    "topk": [x23, 2],
    "split": [x23, 1],
    "chunk": [x23, 2],
    "gather": [x23, 1, mt.tensor([[0], [2]])],
    "masked_fill": [x23, mt.tensor([True, False, True]), 0.0],
    "einsum": ["ij,kj->ik", x23, x23],
    "layer_norm": [x23, 3, floats(3), floats(3)],
    "pixel_shuffle": [floats(1, 4, 2, 3), 2],
    "clamp": [x23, 0.0, 1.0],
    "where": [flags, floats(2), floats(2)],
    "logsumexp": [x23, 0],
    "softmax": [x23, 0],
    "log_softmax": [x23, 0],
    "reshape": [x23, (3, 2)],
    "unsqueeze": [x23, 0],
    "permute": [x23, (1, 0)],
    "transpose": [x23, 0, 1],
    "expand": [x23, (4, 2, 3)],
    "flip": [x23, (0,)],
    "cat": [[x23, x23]],
    "stack": [[x23, x23]],
    "one_hot": [classes],
    "matmul": [x23, floats(3, 2)],
    "linear": [x23, floats(4, 3), floats(4)],
    "pad": [x23, (1, 1)],
    "conv2d": [x4, weight, floats(4)],
    "conv2d_relu": [x4, weight, floats(4)],
    "conv_transpose2d": [x4, turned, floats(4)],
    "conv2d_weight": [x4, (4, 2, 3, 3), floats(1, 4, 4, 4)],
    "max_pool2d": [x4, 2],
    "avg_pool2d": [x4, 2],
    "adaptive_avg_pool2d": [x4, 2],
    "max_unpool2d": [x4, mt.tensor(np.arange(72).reshape(1, 2, 6, 6) % 36), 2],
    "interpolate": [x4, 3],
    "batch_norm": [x4, None, None, floats(2), floats(2), True],
    "group_norm": [x4, 1, floats(2), floats(2)],
    "dropout2d": [x4],
    "unfold": [x4, 2],
    "fold": [floats(1, 8, 25), 6, 2],
    "cross_entropy": [x23, classes],
    "nll_loss": [x23, classes],
    "binary_cross_entropy_with_logits": [x23, mt.Tensor(np.abs(normal(2, 3)) % 1)],
    "mse_loss": [x23, x23],
    "dice_loss": [floats(1, 3, 2, 2), mt.tensor(np.zeros((1, 2, 2), np.int64))],
    "focal_loss": [x23, classes],
}
