"""One line for every differentiable operation: gradcheck runs it to order 2, and same_as_torch compares it.

    "name, what is special": (function, array, ...)

The function takes the library first, as for `same_as_torch`. The arrays must lie where the function is smooth:
`distinct` keeps clear of ties and of 0. tests/test_gradcheck.py fails if a public operation has no line here.
"""

import numpy as np

import minitensor as mt
from tests import registry
from tests.parity import normal
from tests.registry import positive, spread
from tests.strategies import distinct

mask = np.array([[True, False, True], [False, False, True]])
classes = np.array([[0, 2], [1, -100]])
probabilities = np.abs(normal(2, 3, 2)) / 3


def _seeded(operation, x):
    """The same random numbers at each call: differences would see other numbers otherwise."""
    mt.manual_seed(0)
    return operation(x)


def _conv2d_relu(m, x, weight, bias, **settings):
    """The one operation of ours; in torch the two that it stands for."""
    return m.conv2d_relu(x, weight, bias, **settings) if m is mt else m.relu(m.conv2d(x, weight, bias, **settings))


CASES = {
    **registry.differentiable(),
    "add": (lambda m, a, b: m.add(a, b), normal(2, 3), normal(3)),
    "sub": (lambda m, a, b: m.sub(a, b), normal(2, 1), normal(3)),
    "mul": (lambda m, a, b: m.mul(a, b), normal(2, 1), normal(3)),
    "mul, by itself": (lambda m, a: a * a * a, normal(2, 3)),
    "div": (lambda m, a, b: m.div(a, b), normal(1, 3), positive),
    "div, of a number": (lambda m, a: 1 / a, positive),
    "pow": (lambda m, a, b: m.pow(a, b), positive, normal(3)),
    "pow, whole": (lambda m, a: a**3, normal(2, 3)),
    "pow, of a number": (lambda m, a: 2.0**a, normal(2, 3)),
    "remainder": (lambda m, a, b: m.remainder(a, b), spread, positive),
    "norm": (lambda m, a: m.norm(a), normal(2, 3)),
    "norm, of rows": (lambda m, a: m.norm(a, 2, 1, True), normal(2, 3)),
    "norm, sum of sizes": (lambda m, a: m.norm(a, 1, (0, 1)) ** 2, spread),
    "norm, largest": (lambda m, a: m.norm(a, float("inf"), 1) ** 2, spread),
    "std": (lambda m, a: m.std(a, 1), normal(2, 3)),
    "std, biased": (lambda m, a: m.std(a, (0, 1), correction=0, keepdim=True), normal(2, 3)),
    "prod": (lambda m, a: m.prod(a), normal(2, 3)),
    "prod, of rows with zeros": (lambda m, a: m.prod(a, 1, keepdim=True), np.array([[1.5, 0, 2, 3], [0, 2, 0, 1]])),
    "cumsum": (lambda m, a: m.cumsum(a, 1) ** 2, normal(2, 3)),
    "sort": (lambda m, a: m.sort(a, 0, descending=True)[0] ** 2, spread),
    "topk": (lambda m, a: m.topk(a, 2)[0] ** 2, spread),
    "split": (lambda m, a: m.split(a, [1, 2], 1)[1] ** 2, normal(2, 3)),
    "chunk": (lambda m, a: m.chunk(a, 2, 1)[0] ** 2, normal(2, 3)),
    "gather": (lambda m, a, i: m.gather(a, 1, i) ** 2, normal(2, 3), np.array([[0, 0, 2, 1], [2, 1, 1, 1]])),
    "masked_fill": (lambda m, a, c: a.masked_fill(c, 2.0) ** 2, normal(2, 3), mask),
    "clone": (lambda m, a: m.clone(a) ** 2, normal(2, 3)),
    "einsum": (lambda m, a, b: m.einsum("bij,jk->bik", a, b) ** 2, normal(2, 3, 2), normal(2, 4)),
    "einsum, diagonals": (lambda m, a, b: m.einsum("iij,jk,j->ik", a, b, b[:, 0]), normal(3, 3, 2), normal(2, 2)),
    "gelu": (lambda m, a: m.gelu(a), normal(2, 3)),
    "silu": (lambda m, a: m.silu(a), normal(2, 3)),
    "gelu, by tanh": (lambda m, a: m.gelu(a, approximate="tanh"), normal(2, 3)),
    "softplus, linear part": (lambda m, a: m.softplus(a, beta=2.0, threshold=0.5), spread),
    "l1_loss": (lambda m, a, b: m.l1_loss(a, b) ** 2, spread, spread[::-1] + 0.05),
    "smooth_l1_loss": (lambda m, a, b: m.smooth_l1_loss(a, b, beta=0.7), normal(2, 3), normal(2, 3, seed=1)),
    "layer_norm": (
        lambda m, x, w, b: m.layer_norm(x, (3, 2), w, b) ** 2,
        normal(2, 3, 2),
        normal(3, 2),
        normal(3, 2, seed=1),
    ),
    "pixel_shuffle": (lambda m, a: m.pixel_shuffle(a, 2) ** 2, normal(1, 8, 2, 3)),
    "clamp": (lambda m, a: m.clamp(a, -0.2, 0.2), spread),
    "maximum": (lambda m, a, b: m.maximum(a, b), spread, spread[::-1] + 0.05),
    "minimum": (lambda m, a, b: m.minimum(a, b), spread, spread[::-1] + 0.05),
    "where": (lambda m, c, a, b: m.where(c, a, b), mask, normal(2, 1), normal(3)),
    "sum": (lambda m, a: m.sum(a), normal(2, 3)),
    "sum, of one axis": (lambda m, a: m.sum(a, -1), normal(2, 3)),
    "sum, kept": (lambda m, a: m.sum(a, (0, 2), keepdim=True), normal(2, 3, 2)),
    "mean": (lambda m, a: m.mean(a, (0, -1)), normal(2, 3, 2)),
    "var": (lambda m, a: m.var(a, (0, 2)), normal(2, 3, 2)),
    "var, biased": (lambda m, a: m.var(a, 1, correction=0, keepdim=True), normal(2, 3)),
    "max, of all": (lambda m, a: m.max(a), spread),
    "max": (lambda m, a: m.max(a, 1)[0], spread),
    "min": (lambda m, a: m.min(a, 0, keepdim=True)[0], spread),
    "logsumexp": (lambda m, a: m.logsumexp(a, (0, 1)), normal(2, 3)),
    "reshape": (lambda m, a: m.reshape(a, (3, -1)) ** 2, normal(2, 3)),
    "flatten": (lambda m, a: m.flatten(a, 1) ** 2, normal(2, 3, 2)),
    "squeeze": (lambda m, a: m.squeeze(a) ** 2, normal(2, 1, 3)),
    "unsqueeze": (lambda m, a: m.unsqueeze(a, 1) ** 2, normal(2, 3)),
    "permute": (lambda m, a: m.permute(a, (1, 2, 0)) ** 2, normal(2, 3, 2)),
    "transpose": (lambda m, a: m.transpose(a, 0, -1) ** 2, normal(2, 3, 2)),
    "expand": (lambda m, a: a.expand(2, 2, 3) ** 2, normal(2, 1)),
    "flip": (lambda m, a: m.flip(a, (0, 1)) ** 2, normal(2, 3)),
    "contiguous": (lambda m, a: a.transpose(0, 1).contiguous() ** 2, normal(2, 3)),
    "cat": (lambda m, a, b: m.cat([a, b, a], 1) ** 2, normal(2, 3), normal(2, 1)),
    "stack": (lambda m, a, b: m.stack([a, b], -1) ** 2, normal(2, 3), normal(2, 3, seed=1)),
    "getitem": (lambda m, a: a[1:, None, ..., ::2] ** 2, normal(3, 3)),
    "getitem, repeated": (lambda m, a: a[[0, 2, 0], [1, 1, 1]] ** 2, normal(3, 3)),
    "matmul": (lambda m, a, b: m.matmul(a, b), normal(2, 3), normal(3, 2)),
    "matmul, broadcast": (lambda m, a, b: a @ b, normal(2, 1, 2, 3), normal(2, 3, 2)),
    "matmul, row": (lambda m, a, b: a @ b, normal(3), normal(2, 3, 2)),
    "matmul, column": (lambda m, a, b: a @ b, normal(2, 2, 3), normal(3)),
    "linear": (lambda m, x, w, b: m.linear(x, w, b), normal(2, 2, 3), normal(4, 3), normal(4)),
    "pad": (lambda m, a: m.pad(a, (1, 0, -1, 2), value=3.0) ** 2, normal(2, 3)),
    "pad, reflect": (lambda m, a: m.pad(a, (2, 1, 0, 2), mode="reflect") ** 2, normal(2, 3, 4)),
    "pad, replicate": (lambda m, a: m.pad(a, (2, 1, 0, 3), mode="replicate") ** 2, normal(2, 2, 3)),
    "pad, circular": (lambda m, a: m.pad(a, (2, 1, 0, 2), mode="circular") ** 2, normal(2, 2, 3)),
    "conv2d": (
        lambda m, x, w, b: m.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        normal(2, 4, 5, 4),
        normal(4, 2, 3, 2),
        normal(4),
    ),
    "conv2d_relu": (
        lambda m, x, w, b: _conv2d_relu(m, x, w, b, stride=(2, 1), padding=(1, 2), groups=2) ** 2,
        normal(2, 4, 5, 4),
        normal(4, 2, 3, 2),
        normal(4),
    ),
    "conv_transpose2d": (
        lambda m, x, w, b: m.conv_transpose2d(x, w, b, (3, 2), (1, 0), (2, 1), 2, (1, 2)),
        normal(2, 4, 3, 2),
        normal(4, 1, 3, 2),
        normal(2),
    ),
    "max_pool2d": (lambda m, a: m.max_pool2d(a, (3, 2), (2, 1), 1, (1, 2), ceil_mode=True) ** 2, distinct(2, 2, 6, 5)),
    "max_unpool2d": (lambda m, a: m.max_unpool2d(*m.max_pool2d(a, 2, return_indices=True), 2) ** 2, distinct(2, 4, 6)),
    "avg_pool2d": (
        lambda m, a: m.avg_pool2d(a, (3, 2), (2, 1), 1, ceil_mode=True, count_include_pad=False) ** 2,
        normal(2, 2, 6, 5),
    ),
    "adaptive_avg_pool2d": (lambda m, a: m.adaptive_avg_pool2d(a, (4, None)) ** 2, normal(2, 2, 6, 5)),
    "interpolate": (lambda m, a: m.interpolate(a, scale_factor=1.6) ** 2, normal(2, 2, 3, 4)),
    "interpolate, bilinear": (lambda m, a: m.interpolate(a, (5, 2), mode="bilinear") ** 2, normal(2, 2, 3, 4)),
    "interpolate, bicubic": (
        lambda m, a: m.interpolate(a, (2, 6), mode="bicubic", align_corners=True) ** 2,
        normal(2, 2, 3, 4),
    ),
    "interpolate, antialias": (
        lambda m, a: m.interpolate(a, (2, 3), mode="bilinear", antialias=True) ** 2,
        normal(2, 2, 5, 4),
    ),
    "batch_norm": (
        lambda m, x, w, b: m.batch_norm(x, None, None, w, b, training=True) ** 2,
        normal(3, 2, 2, 2),
        normal(2),
        normal(2, seed=1),
    ),
    "batch_norm, of vectors": (lambda m, x: m.batch_norm(x, None, None, training=True) ** 2, normal(4, 3)),
    "group_norm": (lambda m, x, w, b: m.group_norm(x, 2, w, b) ** 2, normal(2, 4, 3), normal(4), normal(4, seed=1)),
    "softmax": (lambda m, a: m.softmax(a, 1), normal(2, 3, 2)),
    "log_softmax": (lambda m, a: m.log_softmax(a, -1), normal(2, 3)),
    "cross_entropy": (lambda m, x, y: m.cross_entropy(x, y), normal(2, 3, 2), classes),
    "cross_entropy, smoothed": (
        lambda m, x, y: m.cross_entropy(x, y, reduction="none", label_smoothing=0.2),
        normal(2, 3, 2),
        classes,
    ),
    "cross_entropy, of probabilities": (
        lambda m, x, y: m.cross_entropy(x, y, label_smoothing=0.2),
        normal(2, 3, 2),
        probabilities,
    ),
    "nll_loss": (lambda m, x, y: m.nll_loss(x**2, y), normal(2, 3, 2), classes),
    "binary_cross_entropy_with_logits": (
        lambda m, x, y: m.binary_cross_entropy_with_logits(x, y),
        normal(2, 3, 2),
        probabilities,
    ),
    "mse_loss": (lambda m, x, y: m.mse_loss(x, y), normal(2, 3), normal(2, 3, seed=1)),
    "unfold": (lambda m, a: m.unfold(a, (2, 3), (2, 1), 1, (1, 2)) ** 2, normal(2, 2, 4, 5)),
    "fold": (lambda m, a: m.fold(a, (4, 5), (2, 3), (2, 1), 1, (1, 2)) ** 2, normal(2, 12, 12)),
}

# Operations whose results are whole numbers or bools.
WITHOUT_GRADIENT = {
    "eq", "ne", "lt", "le", "gt", "ge", "isnan", "argmax", "argmin", "any", "all", "floor_divide", "numel", "one_hot"
}  # fmt: skip
# Operations that torch has not, or under another name: gradcheck alone sees them here.
OURS_ALONE = {
    # torch adds 1e-12 to its denominators: second derivatives differ in the eleventh digit
    "binary_cross_entropy": (
        lambda m, a, b: m.binary_cross_entropy(a, b, reduction="sum"),
        probabilities[0] + 0.1,
        probabilities[1] + 0.1,
    ),
    "conv2d_weight": (
        lambda m, x, g: m.conv2d_weight(x, (2, 2, 3, 2), g, stride=2),
        normal(2, 2, 6, 4),
        normal(2, 2, 2, 2),
    ),
    "sum_to": (lambda m, a: a.sum_to((3, 1)) ** 2, normal(2, 3, 2)),
    "cross_entropy, of weighted pixels": (
        lambda m, x, y: m.cross_entropy(x, y, pixel_weight=m.tensor(positive[:, :2], dtype=x.dtype, device=x.device)),
        normal(2, 3, 2),
        classes,
    ),
    "dice_loss": (lambda m, x, y: m.dice_loss(x, y), normal(2, 3, 2), classes),
    "focal_loss": (lambda m, x, y: m.focal_loss(x, y), normal(2, 3, 2), classes),
    "dropout": (lambda m, a: _seeded(m.dropout, a) ** 2, normal(2, 3, 2)),
    "dropout2d": (lambda m, a: _seeded(m.dropout2d, a) ** 2, normal(2, 3, 2)),
}
