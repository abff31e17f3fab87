"""The table of kernels: which function computes an operation.

A kernel takes arrays and returns arrays. It knows nothing of Tensors or gradients. An operation may have several
kernels, its variants. The variant `reference` is the definition, as plain as possible. The other variants are faster
implementations of the same formula. An operation calls `run("conv2d", x, ...)`, and this file decides which variant
runs: the first in this list that can take the call.

1. the variant that the user asked for: `with use_kernels(conv2d="reference"):`
2. the variants that the operation's rule names, the best one first; a rule looks at shapes and dtype
3. the variants registered with `default=True`, those for one backend before those for both
4. the definition
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from minitensor.backend import backend_name
from minitensor.kernels.threads.blas import blas

BACKENDS = ("numpy", "cupy")
REFERENCE = "reference"


class Kernel(NamedTuple):
    run: Callable
    supports: Callable | None  # takes the arguments of `run`; False means: this variant cannot take the call
    products: bool  # True if it may call BLAS, whose threads are then limited to one

    def takes(self, args, params):
        return self.supports is None or self.supports(*args, **params)


class _Choice(threading.local):
    """What `use_kernels` asked for, one record per thread: operation -> variant."""

    def __init__(self):
        self.variants: dict[str, str] = {}


_kernels: dict[tuple[str, str], dict[str, Kernel]] = {}  # (operation, backend) -> variant -> kernel
_rules: dict[tuple[str, str], Callable] = {}  # (operation, backend) -> rule
_defaults: dict[tuple[str, str], list[str]] = {}  # (operation, backend) -> variants
_former_names: dict[tuple[str, str], str] = {}  # (operation, old name of a variant) -> its name
_choice = _Choice()
_observers: list[Callable] = []


def register(operation, variant, backends=BACKENDS, supports=None, products=True, default=False, former=()):
    """Decorator: enter a function into the table as `variant` of `operation`, for one of the backends or for both.

    backends   a tuple of names in BACKENDS; TypeError or ValueError otherwise
    supports   a function of the kernel's arguments; False means that this variant cannot take the call
    default    True: this variant runs if no rule names another one and it can take the call
    products   False: this kernel never multiplies matrices itself (it has no products, or it only calls other kernels
               through `run`). Then `run` need not limit BLAS to one thread, which takes 7 microseconds.
    former     a name, or several, that the variant had in earlier versions; `use_kernels` refuses it and gives the new
    """

    if isinstance(backends, str):
        raise TypeError(
            f"register: backends must be a tuple such as ('numpy',), got {backends!r}; "
            "the order is operation, variant, backends"
        )
    unknown = [backend for backend in backends if backend not in BACKENDS]
    if unknown:
        raise ValueError(f"register: {operation} {variant}: backends are {BACKENDS}, got {tuple(backends)}")

    def enter(function):
        for backend in backends:
            _kernels.setdefault((operation, backend), {})[variant] = Kernel(function, supports, products)
            if default:
                defaults = _defaults.setdefault((operation, backend), [])
                defaults.insert(0 if len(backends) == 1 else len(defaults), variant)
        for old in (former,) if isinstance(former, str) else former:
            _former_names[operation, old] = variant
        return function

    return enter


def rule(operation, backends=BACKENDS):
    """Decorator: a generator that takes the arguments of the kernel and yields names of variants, the best one first.

    It need not ask whether a variant can take the call: `run` skips those that cannot.
    """

    def enter(function):
        for backend in backends:
            _rules[operation, backend] = function
        return function

    return enter


def run(operation, *args, **params):
    """Run `operation` on arrays. The first argument is an array, and its type decides the backend."""
    backend = backend_name(args[0])
    variant = _chosen(operation, backend, args, params)
    for observe in _observers:
        observe(operation, variant)
    kernel = _kernels[operation, backend][variant]
    if backend != "numpy" or not kernel.products:
        return kernel.run(*args, **params)
    with blas.one_thread():
        return kernel.run(*args, **params)


def _chosen(operation, backend, args, params):
    """The variant for this call, by the list at the top of this file."""
    wanted = _choice.variants.get(operation)
    if wanted is not None:
        kernel = _kernels[operation, backend].get(wanted)
        if kernel is not None and kernel.takes(args, params):
            return wanted
    return _automatic(operation, backend, args, params)


def _automatic(operation, backend, args, params):
    """The variant that runs if the user asks for none."""
    kernels = _kernels[operation, backend]
    for variant in _preferences(operation, backend, args, params):
        kernel = kernels.get(variant)
        if kernel is not None and kernel.takes(args, params):
            return variant
    return REFERENCE


def _preferences(operation, backend, args, params):
    preferred = _rules.get((operation, backend))
    if preferred is not None:
        yield from preferred(*args, **params)
    yield from _defaults.get((operation, backend), ())


def chosen_variant(operation, *args, **params):
    """The variant that `run` would take for this call."""
    return _chosen(operation, backend_name(args[0]), args, params)


def candidates(operation, *args, **params):
    """(the variant that runs if the user asks for none, all variants that can take the call), for benchmarks."""
    backend = backend_name(args[0])
    able = [variant for variant, kernel in _kernels[operation, backend].items() if kernel.takes(args, params)]
    return _automatic(operation, backend, args, params), able


def operations():
    """Names of all operations that have kernels."""
    return sorted({operation for operation, _ in _kernels})


def kernel_variants(name: str, backend: str = "numpy") -> list[str]:
    """Names of the variants of one operation, the definition (`reference`) first."""
    if name not in operations():
        raise ValueError(f"kernel_variants: no operation named {name!r}; there are {', '.join(operations())}")
    if backend not in BACKENDS:
        raise ValueError(f"kernel_variants: no backend {backend!r}; there are {', '.join(BACKENDS)}")
    return sorted(_kernels.get((name, backend), {}), key=lambda variant: (variant != REFERENCE, variant))


@contextmanager
def use_kernels(everywhere: str | None = None, /, **variants: str) -> Iterator[None]:
    """Within the block, run the named variants: `with use_kernels(conv2d="reference"):`.

    One name alone holds for every operation that has a variant of that name: `with use_kernels("reference"):` runs
    everything by its definition. A call that the variant cannot take (Winograd with stride 2) is left to the automatic
    choice, and "auto" returns an operation to it. Holds for this thread only. Raises ValueError for an unknown
    operation or variant.
    """
    chosen = {}
    if everywhere is not None:
        chosen = {name: everywhere for name in operations() if everywhere in _variants_anywhere(name)}
        if everywhere != "auto" and not chosen:
            raise ValueError(f"use_kernels: no operation has a variant {everywhere!r}")
    for operation, variant in variants.items():
        names = _variants_anywhere(operation)
        if variant != "auto" and variant not in names:
            known = ", ".join(["auto", *sorted(names)])
            renamed = _former_names.get((operation, variant))
            hint = f"it is now called {renamed!r}" if renamed else f"it has {known}"
            raise ValueError(f"use_kernels: {operation} has no variant {variant!r}; {hint}")
    before = _choice.variants
    wanted = ({} if everywhere == "auto" else before) | chosen | variants
    _choice.variants = {operation: variant for operation, variant in wanted.items() if variant != "auto"}
    try:
        yield
    finally:
        _choice.variants = before


def _variants_anywhere(operation):
    return {name for backend in BACKENDS for name in kernel_variants(operation, backend)}


@contextmanager
def observed(observe):
    """Within the block, `observe(operation, variant)` is called before each kernel runs, in all threads."""
    _observers.append(observe)
    try:
        yield
    finally:
        _observers.remove(observe)


@contextmanager
def without(variants, backend="numpy"):
    """Within the block, the table lacks the named variants, {operation: [variant, ...]}, and rules take the next best.

    For benchmarks that ask what a variant is worth. Unlike `use_kernels` it holds for all threads.
    """
    before = {}
    for operation, names in variants.items():
        before[operation] = _kernels[operation, backend]
        _kernels[operation, backend] = {
            variant: kernel for variant, kernel in before[operation].items() if variant not in names
        }
    try:
        yield
    finally:
        for operation, kernels in before.items():
            _kernels[operation, backend] = kernels
