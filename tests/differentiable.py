"""One line for every differentiable operation: gradcheck runs it to order 2, and same_as_torch compares it.

    "name, what is special": (function, array, ...)

The function takes the library first, as for `same_as_torch`. The arrays must lie where the function is smooth:
`distinct` keeps clear of ties and of 0. tests/test_gradcheck.py fails if a public operation has no line here.
"""

import numpy as np

from tests.parity import normal
from tests.strategies import distinct

positive = np.abs(normal(2, 3)) + 0.5
spread = distinct(2, 3)
mask = np.array([[True, False, True], [False, False, True]])

CASES = {
    "add": (lambda m, a, b: m.add(a, b), normal(2, 3), normal(3)),
    "sub": (lambda m, a, b: m.sub(a, b), normal(2, 1), normal(3)),
    "mul": (lambda m, a, b: m.mul(a, b), normal(2, 1), normal(3)),
    "mul, by itself": (lambda m, a: a * a * a, normal(2, 3)),
    "div": (lambda m, a, b: m.div(a, b), normal(1, 3), positive),
    "div, of a number": (lambda m, a: 1 / a, positive),
    "pow": (lambda m, a, b: m.pow(a, b), positive, normal(3)),
    "pow, whole": (lambda m, a: a**3, normal(2, 3)),
    "pow, of a number": (lambda m, a: 2.0**a, normal(2, 3)),
    "neg": (lambda m, a: m.neg(a), normal(2, 3)),
    "exp": (lambda m, a: m.exp(a), normal(2, 3)),
    "log": (lambda m, a: m.log(a), positive),
    "sqrt": (lambda m, a: m.sqrt(a), positive),
    "abs": (lambda m, a: m.abs(a), spread),
    "tanh": (lambda m, a: m.tanh(a), normal(2, 3)),
    "sigmoid": (lambda m, a: m.sigmoid(a), normal(2, 3)),
    "relu": (lambda m, a: m.relu(a), spread),
    "leaky_relu": (lambda m, a: m.leaky_relu(a, 0.2), spread),
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
    "conv_transpose2d": (
        lambda m, x, w, b: m.conv_transpose2d(x, w, b, (3, 2), (1, 0), (2, 1), 2, (1, 2)),
        normal(2, 4, 3, 2),
        normal(4, 1, 3, 2),
        normal(2),
    ),
}

# Operations whose results are whole numbers or bools.
WITHOUT_GRADIENT = {"eq", "ne", "lt", "le", "gt", "ge", "isnan", "argmax", "one_hot"}
# Operations that torch has not, or under another name: gradcheck alone sees them here.
OURS_ALONE = {
    "conv2d_weight": (
        lambda m, x, g: m.conv2d_weight(x, (2, 2, 3, 2), g, stride=2),
        normal(2, 2, 6, 4),
        normal(2, 2, 2, 2),
    ),
    "sum_to": (lambda m, a: a.sum_to((3, 1)) ** 2, normal(2, 3, 2)),
}
