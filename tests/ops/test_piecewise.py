"""Gradient penalties on functions made of straight pieces: zeros, as in torch, to any order."""

import numpy as np
import pytest
import torch

import minitensor as mt
from tests.parity import TORCH
from tests.strategies import distinct

STRAIGHT = {
    "relu": lambda m, x: m.relu(x),
    "leaky_relu": lambda m, x: m.leaky_relu(x, 0.1),
    "abs": lambda m, x: m.abs(x),
    "max_pool2d": lambda m, x: m.max_pool2d(x, 2),
    "avg_pool2d": lambda m, x: m.avg_pool2d(x, 2),
    "pooling of relu": lambda m, x: m.max_pool2d(m.relu(x * 2), 2),
    "relu of a sum": lambda m, x: m.relu(x + x.sum()),
    "l1_loss": lambda m, x: m.l1_loss(x, x.detach() * 0 + 0.01),
}


def penalised(m, function, x):
    """The gradients of |gradient|^2, and of one more such penalty on top."""
    grad = mt.grad if m is mt else torch.autograd.grad
    (first,) = grad(function(m, x).sum(), [x], create_graph=True)
    (second,) = grad((first * first).sum(), [x], create_graph=True)
    return [first, second]


@pytest.mark.parametrize("name", STRAIGHT)
@pytest.mark.parametrize("intermediate", [False, True])
def test_a_penalty_has_a_gradient_of_zeros(name, intermediate):
    """Also with respect to the result of an operation, which is no leaf."""
    function = STRAIGHT[name]
    array = distinct(1, 2, 4, 4)
    ours, theirs = mt.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    if intermediate:
        ours, theirs = ours * 3, theirs * 3
    for y, expected in zip(penalised(mt, function, ours), penalised(TORCH, function, theirs), strict=True):
        np.testing.assert_allclose(y.numpy(), expected.numpy(force=True), atol=1e-12)
        assert y.dtype == array.dtype
    assert not penalised(mt, function, ours)[1].numpy().any()


def test_a_penalty_beside_a_loss_leaves_the_loss_alone():
    x = mt.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y = mt.relu(x).sum()
    (grad,) = mt.grad(y, [x], create_graph=True)
    (y + ((grad - 1) ** 2).sum()).backward()
    assert x.grad.tolist() == [1, 0, 1]


def test_without_a_graph_the_gradient_is_plain():
    x = mt.ones(2, requires_grad=True)
    (grad,) = mt.grad(mt.relu(x).sum(), [x])
    assert not grad.requires_grad and grad.node is None
