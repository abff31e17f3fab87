"""The optimizers' steps in CUDA, run on the CPU, against the chain of array operations, several steps in a row."""

import itertools

import numpy as np
import pytest

from minitensor.kernels import run
from tests.cuda import on_device

TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


def steps_on_both(operation, states, settings_of, count=1003):
    """Run three steps on the CPU and on the double, and compare all arrays after each."""
    rng = np.random.default_rng(0)
    here = [rng.standard_normal(count).astype(np.float32)]
    here += [None if start is None else np.full(count, start, np.float32) for start in states]
    there = on_device(*here)
    for step in range(3):
        grad = rng.standard_normal(count).astype(np.float32)
        run(operation, here[0], grad, *here[1:], *settings_of(step))
        run(operation, there[0], *on_device(grad), *there[1:], *settings_of(step))
        for expected, array in zip(here, there, strict=True):
            if expected is not None:
                np.testing.assert_allclose(array.get(), expected, **TOLERANCE)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize(("fresh", "weight_decay"), list(itertools.product([1, 0.5], [0, 0.1])))
def test_sgd(cupy, momentum, nesterov, fresh, weight_decay):
    # what the velocity holds before the first step must not matter
    velocity = np.nan if momentum else None
    steps_on_both(
        "sgd_update",
        [velocity],
        lambda step: (0.1, momentum, fresh, weight_decay, nesterov, bool(momentum) and step == 0),
    )


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize(("weight_decay", "decoupled"), [(0, False), (0.1, False), (0.1, True), (0, True)])
def test_adam(cupy, amsgrad, weight_decay, decoupled):
    betas = (0.9, 0.999)

    def settings(step):
        corrections = 1 - betas[0] ** (step + 1), np.sqrt(1 - betas[1] ** (step + 1))
        return 1e-2, betas, 1e-8, weight_decay, decoupled, *corrections

    steps_on_both("adam_update", [0, 0, 0 if amsgrad else None], settings)


def test_a_transposed_gradient_runs_the_shared_text(cupy):
    param, grad = (np.random.default_rng(seed).standard_normal((5, 7)).astype(np.float32) for seed in (1, 2))
    there, turned = on_device(param, grad.T)
    run("sgd_update", there, turned.T, None, 0.5, 0, 1, 0, False, False)
    np.testing.assert_allclose(there.get(), param - np.float32(0.5) * grad, **TOLERANCE)
