"""Optimizers on the strict double: the same steps as on the CPU, joined into few launches, and nothing waited for."""

import numpy as np
import pytest

import minitensor as mt

SHAPES = [(3, 2), (4,), (), (2, 1, 3), (5,)]

OPTIMIZERS = {
    "SGD": lambda params: mt.optim.SGD(params, lr=0.1),
    "SGD with everything": lambda params: mt.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
    "Adam": lambda params: mt.optim.Adam(params, lr=0.1, weight_decay=0.1, amsgrad=True),
    "AdamW, two groups": lambda params: mt.optim.AdamW(
        [{"params": params[:2], "lr": 0.01}, {"params": params[2:], "weight_decay": 0.0}]
    ),
}


def parameters(device):
    rng = np.random.default_rng(0)
    return [mt.tensor(rng.standard_normal(s), device=device, requires_grad=True) for s in SHAPES]


def give_gradients(params, step, without=()):
    rng = np.random.default_rng(step)
    for position, p in enumerate(params):
        grad = mt.tensor(rng.standard_normal(p.shape), device=p.device)
        p.grad = None if position in without else grad


def same(ours, theirs):
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_same_steps_as_on_the_cpu(gpu, name):
    on_cpu, on_gpu = parameters("cpu"), parameters("cuda")
    optimizers = [OPTIMIZERS[name](params) for params in (on_cpu, on_gpu)]
    for step in range(5):
        without = (1,) if step in (0, 3) else ()  # a parameter that joins later, and one that pauses
        for params in (on_cpu, on_gpu):
            give_gradients(params, step, without)
        for optimizer in optimizers:
            with gpu.syncs_forbidden():
                optimizer.step()
        same(on_cpu, on_gpu)
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    assert set(states[0]) == set(states[1])
    for key, array in states[0].items():
        np.testing.assert_allclose(array, states[1][key], rtol=1e-12)


@pytest.mark.parametrize("name", ["SGD", "SGD with everything", "Adam"])
def test_launches_do_not_grow_with_the_number_of_parameters(double, name):
    launches = []
    for count in (2, 5):
        params = parameters("cuda")[:count]
        optimizer = OPTIMIZERS[name](params)
        for step in range(2):  # the first joins them
            give_gradients(params, step)
            double.launches.clear()
            optimizer.step()
        launches.append(double.launches.total())
    assert launches[0] == launches[1] <= 20


def test_parameters_given_new_memory_are_joined_anew(gpu):
    on_cpu, on_gpu = parameters("cpu"), parameters("cuda")
    optimizers = [OPTIMIZERS["Adam"](params) for params in (on_cpu, on_gpu)]
    for step in range(4):
        if step == 2:
            for params in (on_cpu, on_gpu):
                params[0].data = params[0].data * 2
            optimizers[1].load_state_dict(optimizers[1].state_dict())
        for params, optimizer in zip((on_cpu, on_gpu), optimizers, strict=True):
            give_gradients(params, step)
            optimizer.step()
        same(on_cpu, on_gpu)


def test_a_step_is_an_edit_that_a_graph_notices(gpu):
    params = parameters("cuda")
    give_gradients(params, 0)
    y = (params[0] * params[0]).sum()
    OPTIMIZERS["SGD"](params).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_gradients_are_clipped_alike(gpu):
    norms = []
    for params in (parameters("cpu"), parameters("cuda")):
        give_gradients(params, 0)
        norms.append(mt.optim.clip_grad_norm_(params, 0.5))
        norms.append([p.grad.tolist() for p in params])
    assert norms[0] == pytest.approx(norms[2])
    np.testing.assert_allclose(np.concatenate([np.ravel(g) for g in norms[1]]),
                               np.concatenate([np.ravel(g) for g in norms[3]]))  # fmt: skip


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
def test_clipping_waits_once(double, norm_type):
    params = parameters("cuda")
    give_gradients(params, 0)
    mt.optim.clip_grad_norm_(params, 0.5, norm_type)
    assert double.syncs.total() == 1


def test_a_state_goes_from_one_device_to_the_other(gpu):
    on_cpu, on_gpu = parameters("cpu"), parameters("cuda")
    first, second = (OPTIMIZERS["Adam"](params) for params in (on_cpu, on_gpu))
    give_gradients(on_cpu, 0)
    first.step()
    for x, y in zip(on_cpu, on_gpu, strict=True):
        y.data = x.detach().to("cuda").data
    second.load_state_dict(first.state_dict())
    for params, optimizer in ((on_cpu, first), (on_gpu, second)):
        give_gradients(params, 1)
        optimizer.step()
    same(on_cpu, on_gpu)
