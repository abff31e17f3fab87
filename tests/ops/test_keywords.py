"""torch's names of arguments, and its order of them: the same call, spelled out, in both libraries."""

import numpy as np
import pytest

from tests import registry
from tests.parity import normal, same_as_torch
from tests.strategies import distinct

matrix, image = normal(2, 3), distinct(2, 4, 6, 6)
labels = np.array([[0, 3, 1], [2, 1, 0]])
CALLS = {
    "sum": (lambda m, x: m.sum(x, dim=(0, -1), keepdim=True), matrix),
    "sum, dtype": (lambda m, x: m.sum(x > 0, dim=1, dtype=m.float64), matrix),
    "mean": (lambda m, x: x.mean(dim=-1, keepdim=True), matrix),
    "var": (lambda m, x: x.var(dim=1, correction=0, keepdim=True), matrix),
    "max": (lambda m, x: m.max(x, dim=1, keepdim=True).values, image),
    "min": (lambda m, x: x.min(dim=1).indices, image),
    "argmax": (lambda m, x: m.argmax(x, dim=1, keepdim=True), image),
    "logsumexp": (lambda m, x: m.logsumexp(x, dim=1, keepdim=True), matrix),
    "softmax": (lambda m, x: m.softmax(x, dim=1, dtype=m.float64), matrix),
    "log_softmax": (lambda m, x: x.log_softmax(dim=-1), matrix),
    "clamp": (lambda m, x: x.clamp(min=-0.5, max=0.5), matrix),
    **registry.with_keywords(),
    "reshape": (lambda m, x: m.reshape(x, shape=(3, 2)), matrix),
    "flatten": (lambda m, x: x.flatten(start_dim=1, end_dim=-2), image),
    "squeeze": (lambda m, x: x[None].squeeze(dim=0), matrix),
    "unsqueeze": (lambda m, x: m.unsqueeze(x, dim=-1), matrix),
    "transpose": (lambda m, x: m.transpose(x, dim0=0, dim1=-1), image),
    "permute": (lambda m, x: m.permute(x, dims=(1, 0)), matrix),
    "flip": (lambda m, x: m.flip(x, dims=(0, 1)), matrix),
    "expand": (lambda m, x: x.expand(size=(4, 2, 3)), matrix),
    "cat": (lambda m, x: m.cat(tensors=[x, x], dim=1), matrix),
    "stack": (lambda m, x: m.stack(tensors=(x, x), dim=-1), matrix),
    "pad": (lambda m, x: m.pad(x, pad=(1, 2), mode="constant", value=3.0), matrix),
    "one_hot": (lambda m, y: m.one_hot(y, num_classes=5), labels),
    "conv2d": (
        lambda m, x, w: m.conv2d(x, weight=w, bias=None, stride=2, padding=1, dilation=1, groups=2),
        image,
        normal(2, 2, 3, 3),
    ),
    "conv2d, in order": (lambda m, x, w: m.conv2d(x, w, None, 2, 1, 1, 2), image, normal(2, 2, 3, 3)),
    "conv_transpose2d": (
        lambda m, x, w: m.conv_transpose2d(
            x, weight=w, bias=None, stride=2, padding=1, output_padding=1, groups=2, dilation=2
        ),
        image,
        normal(4, 2, 3, 3),
    ),
    "conv_transpose2d, in order": (
        lambda m, x, w: m.conv_transpose2d(x, w, None, 2, 1, 1, 2, 2),
        image,
        normal(4, 2, 3, 3),
    ),
    "interpolate": (
        lambda m, x: m.interpolate(
            x, scale_factor=1.5, mode="bicubic", align_corners=False, recompute_scale_factor=True, antialias=False
        ),
        image,
    ),
    "interpolate, in order": (lambda m, x: m.interpolate(x, (4, 5), None, "bilinear", True, None, False), image),
    "max_pool2d": (
        lambda m, x: m.max_pool2d(
            x, kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True, return_indices=True
        ),
        image,
    ),
    "avg_pool2d": (
        lambda m, x: m.avg_pool2d(
            x, kernel_size=3, stride=2, padding=1, ceil_mode=True, count_include_pad=False, divisor_override=4
        ),
        image,
    ),
    "adaptive_avg_pool2d": (lambda m, x: m.adaptive_avg_pool2d(x, output_size=(2, None)), image),
    "max_unpool2d": (
        lambda m, x: m.max_unpool2d(
            *m.max_pool2d(x, 2, 2, return_indices=True), kernel_size=2, stride=2, padding=0, output_size=(7, 7)
        ),
        image,
    ),
    "unfold": (lambda m, x: m.unfold(x, kernel_size=3, dilation=1, padding=1, stride=2), image),
    "fold": (
        lambda m, x: m.fold(x, output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1),
        normal(2, 8, 12),
    ),
    "batch_norm": (
        lambda m, x: m.batch_norm(
            x, running_mean=None, running_var=None, weight=None, bias=None, training=True, momentum=0.2, eps=1e-3
        ),
        image,
    ),
    "group_norm": (lambda m, x: m.group_norm(x, num_groups=2, weight=None, bias=None, eps=1e-3), image),
    "cross_entropy": (
        lambda m, x, y: m.cross_entropy(x, target=y, weight=None, ignore_index=1, reduction="sum", label_smoothing=0.1),
        normal(2, 4, 3),
        labels,
    ),
    "nll_loss": (
        lambda m, x, y: m.nll_loss(x, target=y, weight=None, ignore_index=1, reduction="none"),
        normal(2, 4, 3),
        labels,
    ),
    "binary_cross_entropy_with_logits": (
        lambda m, x, y: m.binary_cross_entropy_with_logits(x, target=y, weight=None, reduction="sum", pos_weight=None),
        matrix,
        matrix**2,
    ),
    "mse_loss": (lambda m, x, y: m.mse_loss(x, target=y, reduction="sum", weight=None), matrix, matrix**2),
    "dropout": (lambda m, x: m.dropout(x, p=1.0, training=True), matrix),
    "linear": (lambda m, x, w: m.linear(x, weight=w, bias=None), matrix, normal(4, 3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_keywords_and_order_are_torchs(name):
    function, *arrays = CALLS[name]
    same_as_torch(function, *arrays, order=0, dtypes=[np.float64])
