"""One line for each elementwise operation of one Tensor: every kind of test takes it from here.

    "softplus": Unary(normal(2, 3), keywords={"beta": 2.0}),

With this line the operation is held to torch in values, first and second derivatives, on random shapes and memory
layouts (test_elementwise.py), at special values, in every dtype (test_dtypes.py), by gradcheck (test_gradcheck.py),
with keywords (test_keywords.py), on the GPU's double (sim/test_operations.py), in malformed calls (test_errors.py), as
a method of Tensor (test_tensor.py), and in the intense profile (intense.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.parity import normal
from tests.strategies import distinct

positive = np.abs(normal(2, 3)) + 0.5
spread = distinct(2, 3)  # no ties, and clear of 0


class Unary(NamedTuple):
    """One operation y = f(x)."""

    smooth: np.ndarray  # where f has two derivatives: differences are taken there
    inside: Callable = lambda m, x: x  # maps any numbers into the domain of f
    keywords: dict | None = None  # arguments besides x, each of them a number

    def call(self, name):
        """The operation as a function of the library and an array."""
        return lambda m, x: getattr(m, name)(self.inside(m, x))


UNARY = {
    "exp": Unary(normal(2, 3)),
    "log": Unary(positive, inside=lambda m, x: m.abs(x) + 0.1),
    "sqrt": Unary(positive, inside=lambda m, x: m.abs(x) + 0.1),
    "abs": Unary(spread),
    "neg": Unary(normal(2, 3)),
    "tanh": Unary(normal(2, 3)),
    "sigmoid": Unary(normal(2, 3)),
    "relu": Unary(spread),
    "sin": Unary(normal(2, 3)),
    "cos": Unary(normal(2, 3)),
    "leaky_relu": Unary(spread, keywords={"negative_slope": 0.3}),
}


def differentiable():
    """{name: (function of the library and an array, the array)}, for gradcheck and the comparison with torch."""
    return {name: (lambda m, a, name=name: getattr(m, name)(a), entry.smooth) for name, entry in UNARY.items()}


def with_keywords():
    """{name: (the call with its keywords, the array)}"""
    return {
        name: (lambda m, x, name=name, entry=entry: getattr(m, name)(x, **entry.keywords), entry.smooth)
        for name, entry in UNARY.items()
        if entry.keywords
    }


def malformed(library, x):
    """{name: (the call, the error, words of its message)}: a keyword that is text."""
    return {
        f"{name}, {keyword} of text": (
            lambda name=name, keyword=keyword: getattr(library, name)(x, **{keyword: "0.1"}),
            TypeError,
            [name, keyword, "'0.1'"],
        )
        for name, entry in UNARY.items()
        for keyword in entry.keywords or ()
    }
