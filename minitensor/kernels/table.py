"""The table of kernels: (operation, backend, variant) -> function.

A kernel takes arrays and returns arrays; it knows nothing of Tensors or gradients. The same operation may
have several kernels: `reference` is its definition, as plain as possible, and the others are faster texts of
the same mathematics. An operation asks `run("conv2d", x, ...)`; which text runs is decided here, in this
order:

1. the variant named by `with use_kernels(conv2d="reference"):`, if it can take this call;
2. the variant named by the operation's rule, a function of the call that looks at shapes and dtype;
3. the only variant there is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

from minitensor.backend import backend_name
from minitensor.kernels.blas import blas

BACKENDS = ("numpy", "cupy")


class Kernel(NamedTuple):
    run: Callable
    supports: Callable | None  # the same arguments as `run`; False where this variant cannot take the call
    products: bool  # whether it may call BLAS, whose threads are then held at one


class _Choice(threading.local):
    """What `use_kernels` asked for, one per thread: operation -> variant."""

    def __init__(self):
        self.variants: dict[str, str] = {}


_kernels: dict[tuple[str, str], dict[str, Kernel]] = {}  # (operation, backend) -> variant -> kernel
_rules: dict[tuple[str, str], Callable] = {}  # (operation, backend) -> rule
_choice = _Choice()


def register(operation, variant, backends=BACKENDS, supports=None, products=True):
    """Decorator: enter a function into the table as `variant` of `operation`.

    `products=False` says that it multiplies no matrices itself: none, or by `run`, which holds BLAS for the kernel it
    calls. To hold BLAS at one thread takes 7 microseconds, which such a
    kernel is spared.
    """

    def enter(function):
        for backend in backends:
            _kernels.setdefault((operation, backend), {})[variant] = Kernel(function, supports, products)
        return function

    return enter


def rule(operation, backends=BACKENDS):
    """Decorator: the function that names the variant for a call. It takes the arguments of the kernel."""

    def enter(function):
        for backend in backends:
            _rules[operation, backend] = function
        return function

    return enter


def run(operation, *args, **params):
    """Run `operation` on arrays; the first argument is an array and decides the backend."""
    backend = backend_name(args[0])
    kernel = _kernels[operation, backend][_chosen(operation, backend, args, params)]
    if backend != "numpy" or not kernel.products:
        return kernel.run(*args, **params)
    with blas.one_thread():
        return kernel.run(*args, **params)


def _chosen(operation, backend, args, params):
    """The variant for this call, by the three rules at the top of this file."""
    wanted = _choice.variants.get(operation, "auto")
    if wanted != "auto":
        kernel = _kernels[operation, backend].get(wanted)
        if kernel is not None and (kernel.supports is None or kernel.supports(*args, **params)):
            return wanted
    return _by_rule(operation, backend, args, params)


def chosen_variant(operation, *args, **params):
    """The variant that `run` would take for this call."""
    return _chosen(operation, backend_name(args[0]), args, params)


def _by_rule(operation, backend, args, params):
    """The variant that the operation's rule names for this call, or the only one there is."""
    chooser = _rules.get((operation, backend))
    return chooser(*args, **params) if chooser is not None else next(iter(_kernels[operation, backend]))


def candidates(operation, *args, **params):
    """(the variant that the rule names for this call, all that can take it), for measuring one against the others."""
    backend = backend_name(args[0])
    able = [
        variant
        for variant, kernel in _kernels[operation, backend].items()
        if kernel.supports is None or kernel.supports(*args, **params)
    ]
    return _by_rule(operation, backend, args, params), able


def operations():
    """Names of all operations that have kernels."""
    return sorted({operation for operation, _ in _kernels})


def kernel_variants(name, backend="numpy"):
    """Names of the variants of one operation, the definition (`reference`) first."""
    if name not in operations():
        raise ValueError(f"kernel_variants: no operation named {name!r}; there are {', '.join(operations())}")
    return sorted(_kernels.get((name, backend), {}), key=lambda variant: (variant != "reference", variant))


@contextmanager
def use_kernels(**variants):
    """Within the block, run the named variants: `with use_kernels(conv2d="reference"):`.

    A call that the variant cannot take (Winograd with stride 2) is left to the automatic choice; "auto" gives
    an operation back to it. Holds for this thread only. Raises ValueError for an unknown operation or
    variant.
    """
    for operation, variant in variants.items():
        names = {name for backend in BACKENDS for name in kernel_variants(operation, backend)}
        if variant != "auto" and variant not in names:
            known = ", ".join(["auto", *sorted(names)])
            raise ValueError(f"use_kernels: {operation} has no variant {variant!r}; it has {known}")
    before = _choice.variants
    _choice.variants = before | variants
    try:
        yield
    finally:
        _choice.variants = before
