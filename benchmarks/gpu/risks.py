"""Doubts that reading CuPy's sources left: small questions to the device, each of which is to be answered by True."""

from __future__ import annotations

import numpy as np

import minitensor as mt
from minitensor.backend import module_for


def empty_group_norm():
    """An empty batch has no numbers to take a mean of."""
    x = mt.zeros(0, 3, device="cuda", requires_grad=True)
    mt.group_norm(x, 1).sum().backward()
    return x.grad.shape == (0, 3)


def uint8_out_of_range():
    """CuPy packs a Python number into the dtype of the array; NumPy compares with the number itself."""
    x = mt.tensor([0, 255], dtype=mt.uint8, device="cuda")
    return [(x > -1).tolist(), (x == 300).tolist()] == [[True, True], [False, False]]


def first_nan():
    """A reduction in parallel must still find the first of two NaN."""
    x = np.zeros((1, 8), np.float32)
    x[0, [1, 4]] = np.nan
    return mt.tensor(x, device="cuda").max(1)[1].tolist() == [1]


def dlpack():
    """Memory of each side is read by the other; True where torch has no GPU, because there is nothing to ask."""
    import torch

    if not torch.cuda.is_available():
        return True
    ours = mt.arange(6, device="cuda", dtype=mt.float32)
    theirs = torch.from_dlpack(ours)
    back = mt.from_dlpack(torch.arange(3.0, device="cuda"))
    return theirs.is_cuda and theirs.sum().item() == 15 and back.tolist() == [0, 1, 2]


def sum_over_no_axes():
    """A sum over no axes is a copy."""
    return module_for("cuda").ones((2, 3), "float32").sum(axis=(), keepdims=True).shape == (2, 3)


def out_of_memory():
    """What the GPU has no memory for is refused in our words."""
    total = module_for("cuda").cuda.Device().mem_info[1]
    try:
        mt.zeros(total // 2, device="cuda")  # numbers of 4 bytes: twice what there is
    except MemoryError as error:
        return "the GPU has too little memory" in str(error)
    return False


def scatter_repeats():
    """The gradient of indexing adds what falls on one place in the same order each time."""
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.standard_normal((50, 7), np.float32), device="cuda", requires_grad=True)
    index = mt.tensor(rng.integers(0, 50, 400), device="cuda")
    grads = []
    for _ in range(2):
        x.grad = None
        (x[index] ** 2).sum().backward()
        grads.append(x.grad.numpy())
    return bool((grads[0] == grads[1]).all())


RISKS = (empty_group_norm, uint8_out_of_range, first_nan, dlpack, sum_over_no_axes, out_of_memory, scatter_repeats)


def measure(lines):
    """Ask all questions; print those that are not answered by True, and how many are."""
    answered = 0
    for risk in RISKS:
        with lines.guarded("risk", name=risk.__name__):
            ok = bool(risk())
            answered += ok
            lines.failures += not ok
            lines.say("risk", None if ok else f"RISK {risk.__name__}: {risk.__doc__}", name=risk.__name__, ok=ok)
    lines.say("risks", f"risk: {answered} of {len(RISKS)} as they should be", ok=answered, asked=len(RISKS))
