"""Optimizers and schedulers against torch's, step for step over 50 steps, with every combination of options."""

import itertools
import json

import numpy as np
import pytest
import torch

import minitensor as mt
from minitensor import optim

STEPS = 50
SHAPES = ((3, 4), (5,), ())
# Each step adds a few roundings to a weight of size about 1; they cannot grow faster than they are added.
ROUNDINGS_A_STEP = 8


def options(**choices):
    """Every combination of the choices, as dicts."""
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


SGD_OPTIONS = [
    case
    for case in options(lr=[0.1], momentum=[0, 0.9], dampening=[0, 0.3], weight_decay=[0, 0.05], nesterov=[False, True])
    if not case["nesterov"] or (case["momentum"] and not case["dampening"])
]
ADAM_OPTIONS = options(
    lr=[0.02], betas=[(0.9, 0.999), (0.5, 0.8)], eps=[1e-8, 1e-3], weight_decay=[0, 0.1], amsgrad=[False, True]
)
RMSPROP_OPTIONS = options(
    lr=[0.02], alpha=[0.99, 0.5], eps=[1e-8], weight_decay=[0, 0.1], momentum=[0, 0.9], centered=[False, True]
)
CASES = [("SGD", case) for case in SGD_OPTIONS] + [("RMSprop", case) for case in RMSPROP_OPTIONS]
CASES += [(name, case) for name in ("Adam", "AdamW") for case in ADAM_OPTIONS]


def parameters(dtype, seed=0):
    """The same leaves twice: ours and torch's."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]
    return (
        [mt.tensor(array, requires_grad=True) for array in arrays],
        [torch.tensor(array, requires_grad=True) for array in arrays],
    )


def set_gradients(ours, theirs, rng):
    """The same random gradients for both; each optimizer's arithmetic is compared, not the gradient's."""
    for p, q in zip(ours, theirs, strict=True):
        grad = np.asarray(rng.standard_normal(p.shape), p.dtype)
        p.grad = mt.Tensor(grad)
        q.grad = torch.tensor(grad)


def assert_close(ours, theirs, steps=STEPS):
    for p, q in zip(ours, theirs, strict=True):
        expected = q.detach().numpy()
        bound = ROUNDINGS_A_STEP * steps * np.finfo(p.dtype).eps * max(1.0, np.abs(expected).max())
        assert p.shape == expected.shape and p.dtype == expected.dtype
        assert np.abs(p.data - expected).max() <= bound


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("name", "case"), CASES, ids=lambda value: str(value))
def test_steps_equal_torch(name, case, dtype):
    ours, theirs = parameters(dtype)
    optimizer, reference = getattr(mt.optim, name)(ours, **case), getattr(torch.optim, name)(theirs, **case)
    rng = np.random.default_rng(1)
    for step in range(STEPS):
        set_gradients(ours, theirs, rng)
        optimizer.step()
        reference.step()
        assert_close(ours, theirs, step + 1)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_defaults_are_torchs(name):
    ours, theirs = parameters(np.float64)
    optimizer, reference = getattr(optim, name)(ours), getattr(torch.optim, name)(theirs)
    for option, value in optimizer.defaults.items():
        assert value == reference.defaults[option], option


def test_groups_have_options_of_their_own():
    """FCN's recipe: biases with twice the learning rate and no decay."""
    ours, theirs = parameters(np.float64)

    def groups(p):
        return [{"params": [p[0], p[2]]}, {"params": p[1], "lr": 0.2, "weight_decay": 0}]

    optimizer = optim.SGD(groups(ours), lr=0.1, momentum=0.9, weight_decay=0.01)
    reference = torch.optim.SGD(groups(theirs), lr=0.1, momentum=0.9, weight_decay=0.01)
    rng = np.random.default_rng(2)
    for _ in range(STEPS):
        set_gradients(ours, theirs, rng)
        optimizer.step()
        reference.step()
    assert_close(ours, theirs)


def test_training_a_model_equals_torch():
    """Through real gradients: a regression whose weights meet a transposed, and so non-contiguous, gradient."""
    rng = np.random.default_rng(3)
    x, y, start = rng.standard_normal((20, 6)), rng.standard_normal((20, 2)), rng.standard_normal((2, 6))
    weight, reference_weight = mt.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    optimizer, reference = optim.Adam([weight], lr=0.05), torch.optim.Adam([reference_weight], lr=0.05)
    for _ in range(STEPS):
        optimizer.zero_grad()
        ((mt.linear(mt.tensor(x), weight) - mt.tensor(y)) ** 2).mean().backward()
        optimizer.step()
        reference.zero_grad()
        ((torch.nn.functional.linear(torch.tensor(x), reference_weight) - torch.tensor(y)) ** 2).mean().backward()
        reference.step()
    np.testing.assert_allclose(weight.data, reference_weight.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, 0.1, 0.9), lambda p: optim.Adam(p, 0.1)])
def test_pieces_equal_the_whole(make, monkeypatch):
    """Large arrays are cut; the cut may show in no number. Memory in another order works too."""
    rng = np.random.default_rng(4)
    start, grads = rng.standard_normal((300, 50)), rng.standard_normal((3, 300, 50))

    def trained(array):
        parameter = mt.Tensor(array.copy(order="K"), requires_grad=True)
        optimizer = make([parameter])
        for grad in grads:
            parameter.grad = mt.Tensor(grad)
            optimizer.step()
        return parameter.data

    whole = trained(start)
    monkeypatch.setattr("minitensor.optim.optimizer.PIECE_BYTES", 4096)
    np.testing.assert_array_equal(trained(start), whole)
    np.testing.assert_array_equal(trained(np.asfortranarray(start)), whole)


def test_a_step_edits_in_place_and_counts_as_an_edit():
    weight = mt.ones(3, requires_grad=True)
    memory = weight.data
    loss = (weight * weight).sum()
    weight.grad = mt.ones(3)
    optim.SGD([weight], lr=0.5).step()
    assert weight.data is memory
    np.testing.assert_array_equal(memory, [0.5, 0.5, 0.5])
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_parameters_without_gradient_are_left_alone():
    (first, second, third), _ = parameters(np.float32)
    before = second.data.copy()
    optimizer = optim.Adam([first, second, third], weight_decay=0.5)
    first.grad = mt.ones(*first.shape)
    optimizer.step()
    np.testing.assert_array_equal(second.data, before)
    assert second not in optimizer.state
    optimizer.zero_grad()
    assert first.grad is None


@pytest.mark.parametrize(
    "make", [lambda p: optim.SGD(p, 0.1, 0.9), lambda p: optim.AdamW(p, amsgrad=True, betas=(0.8, 0.9))]
)
def test_state_survives_a_file_bit_for_bit(make, tmp_path):
    straight, _ = parameters(np.float32)
    broken, _ = parameters(np.float32)
    grads = [
        [np.asarray(rng.standard_normal(shape), np.float32) for shape in SHAPES]
        for rng in map(np.random.default_rng, range(8))
    ]

    def run(params, optimizer, steps):
        for step in steps:
            for parameter, grad in zip(params, grads[step], strict=True):
                parameter.grad = mt.Tensor(grad)
            optimizer.step()

    run(straight, make(straight), range(8))
    optimizer = make(broken)
    run(broken, optimizer, range(4))
    state = optimizer.state_dict()
    mt.save(tmp_path / "state.safetensors", state["state"])
    groups = json.loads(json.dumps(state["param_groups"]))
    resumed = make(broken)
    resumed.load_state_dict({"state": mt.load(tmp_path / "state.safetensors"), "param_groups": groups})
    assert resumed.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
    run(broken, resumed, range(4, 8))
    for a, b in zip(straight, broken, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_state_that_does_not_fit_changes_nothing():
    ours, _ = parameters(np.float32)
    optimizer = optim.Adam(ours, lr=0.1)
    for parameter in ours:
        parameter.grad = mt.ones(*parameter.shape)
    optimizer.step()
    state = optimizer.state_dict()
    fewer = optim.Adam(ours[:2], lr=0.5)
    with pytest.raises(ValueError, match=r"groups of \[3\] parameters, the optimizer \[2\]"):
        fewer.load_state_dict(state)
    other = optim.Adam([mt.zeros(2, requires_grad=True) for _ in ours], lr=0.5)
    with pytest.raises(ValueError, match=r"0.exp_avg' has shape \(3, 4\), parameter 0 \(2,\)"):
        other.load_state_dict(state)
    assert other.state == {} and other.param_groups[0]["lr"] == 0.5
    with pytest.raises(ValueError, match="another optimizer's, with the options lr, betas"):
        optim.SGD(ours).load_state_dict(state)
    with pytest.raises(ValueError, match="state '7.exp_avg' belongs to none of 3 parameters"):
        optimizer.load_state_dict(state | {"state": {"7.exp_avg": np.zeros(2)}})
    state["param_groups"][0]["lr"] = -1
    with pytest.raises(ValueError, match="lr must be at least 0.0, got -1"):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, lr=-1), "lr must be at least 0.0, got -1"),
        (lambda p: optim.SGD(p, lr=float("nan")), "got nan"),
        (lambda p: optim.SGD(p, momentum=-0.5), "momentum must be at least 0.0, got -0.5"),
        (lambda p: optim.SGD(p, weight_decay=-0.1), "weight_decay must be at least 0.0, got -0.1"),
        (lambda p: optim.SGD(p, nesterov=True), "nesterov needs a momentum above 0"),
        (lambda p: optim.SGD(p, momentum=0.9, dampening=0.1, nesterov=True), "no dampening, got momentum=0.9"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), r"betas must be in \[0.0, 1.0\), got 1.0"),
        (lambda p: optim.Adam(p, eps=-1e-8), "eps must be at least 0.0"),
        (lambda p: optim.Adam([{"params": p, "lr": -2}]), "lr must be at least 0.0, got -2"),
        (lambda p: optim.Adam([{"params": p, "learning_rate": 1}]), "got params, learning_rate"),
        (lambda p: optim.AdamW([]), "no parameters"),
        (lambda p: optim.SGD([p[0], p[0]]), "parameter 1 .* twice"),
        (lambda p: optim.SGD([{"params": p}, {"params": p[1]}]), "twice"),
        (lambda p: optim.RMSprop(p, alpha=-1), "RMSprop: alpha"),
        (lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD(p), 0.1), "total_steps, or epochs"),
        (lambda p: optim.lr_scheduler.OneCycleLR(optim.SGD(p), 0.1, 10, pct_start=2), "pct_start"),
        (lambda p: optim.lr_scheduler.ReduceLROnPlateau(optim.SGD(p), factor=1.0), "factor must be below 1"),
        (lambda p: optim.SGD([p[0] * 2]), r"parameter 0 \(shape \(3, 4\)\) was computed by Mul"),
    ],
)
def test_bad_arguments_are_named(make, message):
    ours, _ = parameters(np.float32)
    with pytest.raises(ValueError, match=message):
        make(ours)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p[0]),
        lambda p: optim.SGD(["weight"]),
        lambda p: optim.SGD(p, lr="fast"),
        lambda p: optim.Adam(p, betas=0.9),
    ],
)
def test_bad_types_are_refused(make):
    ours, _ = parameters(np.float32)
    with pytest.raises(TypeError):
        make(ours)


def test_a_net_moved_behind_the_optimizers_back_is_refused():
    weight = mt.ones(3, requires_grad=True)
    optimizer = optim.Adam([weight])
    weight.grad = mt.ones(3)
    optimizer.step()
    weight.data, weight.grad = weight.data.astype(np.float64), mt.ones(3, dtype=mt.float64)
    with pytest.raises(TypeError, match="before its optimizer"):
        optimizer.step()


SCHEDULERS = {
    "StepLR": dict(step_size=7, gamma=0.5),
    "MultiStepLR": dict(milestones=[30, 4, 11, 11], gamma=0.3),
    "PolynomialLR": dict(total_iters=40, power=0.9),
    "CosineAnnealingLR": dict(T_max=20, eta_min=0.01),
    "LinearLR": dict(start_factor=0.1, end_factor=0.9, total_iters=12),
    "LambdaLR": dict(lr_lambda=lambda t: 0.9**t),
}


def two_groups(library, make):
    first, second = make(), make()
    return library.SGD([{"params": [first]}, {"params": [second], "lr": 0.02}], lr=0.5)


def rates(optimizer, scheduler, steps=STEPS):
    found = [scheduler.get_last_lr()]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        found.append([group["lr"] for group in optimizer.param_groups])
    return found


def our_optimizer():
    return two_groups(optim, lambda: mt.zeros(1, requires_grad=True))


def torch_optimizer():
    return two_groups(torch.optim, lambda: torch.zeros(1, requires_grad=True))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_rates_equal_torchs(name):
    ours, theirs = our_optimizer(), torch_optimizer()
    found = rates(ours, getattr(optim, name)(ours, **SCHEDULERS[name]))
    expected = rates(theirs, getattr(torch.optim.lr_scheduler, name)(theirs, **SCHEDULERS[name]))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


ONE_CYCLE = {
    "cos": dict(max_lr=0.3, total_steps=STEPS + 1),
    "linear, by epochs": dict(max_lr=0.3, epochs=17, steps_per_epoch=3, anneal_strategy="linear", pct_start=0.4),
    "other factors": dict(max_lr=0.1, total_steps=STEPS + 1, div_factor=5, final_div_factor=20, max_momentum=0.9),
}


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("settings", ONE_CYCLE.values(), ids=ONE_CYCLE)
def test_one_cycle_equals_torchs(settings, optimizer):
    more = {"momentum": 0.9} if optimizer == "SGD" else {}
    ours = getattr(optim, optimizer)([mt.zeros(1, requires_grad=True)], lr=0.5, **more)
    theirs = getattr(torch.optim, optimizer)([torch.zeros(1, requires_grad=True)], lr=0.5, **more)
    schedulers = (
        optim.lr_scheduler.OneCycleLR(ours, **settings),
        torch.optim.lr_scheduler.OneCycleLR(theirs, **settings),
    )
    for _ in range(STEPS):
        for name in ("lr", *more, *(["betas"] if optimizer == "Adam" else [])):
            np.testing.assert_allclose(ours.param_groups[0][name], theirs.param_groups[0][name], rtol=1e-12)
        theirs.step()
        for scheduler in schedulers:
            scheduler.step()
    with pytest.raises(ValueError, match=f"step {STEPS + 2} of {STEPS + 1}"):
        schedulers[0].step()


PLATEAUS = {
    "rel": dict(patience=2),
    "abs, max": dict(mode="max", threshold=0.05, threshold_mode="abs", patience=1, factor=0.5),
    "cooldown": dict(patience=0, cooldown=3, factor=0.5, min_lr=0.05),
}


@pytest.mark.parametrize("settings", PLATEAUS.values(), ids=PLATEAUS)
def test_reducing_on_a_plateau_equals_torchs(settings):
    ours, theirs = our_optimizer(), torch_optimizer()
    schedulers = (
        optim.lr_scheduler.ReduceLROnPlateau(ours, **settings),
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **settings),
    )
    metrics = np.abs(np.random.default_rng(0).standard_normal(STEPS)).round(1)
    for position, metric in enumerate(metrics):
        for scheduler in schedulers:
            scheduler.step(metric)
        assert schedulers[0].get_last_lr() == pytest.approx([group["lr"] for group in theirs.param_groups])
        if position == STEPS // 2:  # goes on from what JSON keeps
            state = json.loads(json.dumps(schedulers[0].state_dict()))
            schedulers = optim.lr_scheduler.ReduceLROnPlateau(ours, **settings), schedulers[1]
            schedulers[0].load_state_dict(state)


def test_torchs_home_of_the_schedulers():
    assert {*SCHEDULERS, "SequentialLR"} <= set(optim.lr_scheduler.__all__)
    assert all(hasattr(torch.optim.lr_scheduler, name) for name in optim.lr_scheduler.__all__)


@pytest.mark.parametrize(
    "names", [("LinearLR", "CosineAnnealingLR"), ("LambdaLR", "PolynomialLR", "StepLR"), ("LinearLR", "MultiStepLR")]
)
def test_schedulers_in_sequence_equal_torchs(names):
    milestones = [9, 25][: len(names) - 1]
    ours, theirs = our_optimizer(), torch_optimizer()
    rules = torch.optim.lr_scheduler
    found = rates(ours, optim.SequentialLR(ours, [getattr(optim, n)(ours, **SCHEDULERS[n]) for n in names], milestones))
    expected = rates(
        theirs, rules.SequentialLR(theirs, [getattr(rules, n)(theirs, **SCHEDULERS[n]) for n in names], milestones)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_scheduler_state_survives_json():
    straight, broken = our_optimizer(), our_optimizer()
    expected = rates(straight, optim.CosineAnnealingLR(straight, 20))
    scheduler = optim.CosineAnnealingLR(broken, 20)
    rates(broken, scheduler, 17)
    saved = json.loads(json.dumps(scheduler.state_dict()))
    fresh = our_optimizer()
    resumed = optim.CosineAnnealingLR(fresh, 20)
    resumed.load_state_dict(saved)
    assert rates(fresh, resumed, STEPS - 17) == expected[17:]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: optim.StepLR(o, 0), "step_size must be at least 1, got 0"),
        (lambda o: optim.LinearLR(o, start_factor=0), r"start_factor must lie in \(0, 1\]"),
        (lambda o: optim.LambdaLR(o, [abs]), "2 groups need as many functions, got 1"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(o, 2)], [3]), "1 schedulers need one milestone less"),
        (lambda o: optim.SequentialLR(o, [optim.StepLR(our_optimizer(), 2)], []), "belongs to another"),
    ],
)
def test_bad_schedules_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(our_optimizer())


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.5, 1000.0])
def test_clipping_equals_torch(norm_type, max_norm):
    ours, theirs = parameters(np.float64)
    set_gradients(ours, theirs, np.random.default_rng(5))
    total = optim.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert total == pytest.approx(expected.item(), rel=1e-13)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-13)


def test_clipping_refuses_nan_when_asked_to():
    weight = mt.ones(2, requires_grad=True)
    weight.grad = mt.tensor([1.0, float("nan")])
    with pytest.raises(ValueError, match="norm of the gradients is nan"):
        optim.clip_grad_norm_(weight, 1.0, error_if_nonfinite=True)
    assert weight.grad.data[0] == 1
    optim.clip_grad_norm_(weight, 1.0)
    assert np.isnan(weight.grad.data).all()


def test_clipping_by_the_largest_gradient_sees_a_nan_behind_it():
    first, second = mt.tensor([0.0], requires_grad=True), mt.tensor([0.0], requires_grad=True)
    first.grad, second.grad = mt.tensor([1.0]), mt.tensor([float("nan")])
    with pytest.raises(ValueError, match="nan"):
        mt.optim.clip_grad_norm_([first, second], 0.5, norm_type=float("inf"), error_if_nonfinite=True)


def test_gradients_are_forgotten_or_kept_as_zeros():
    weight = mt.ones(3, requires_grad=True)
    optimizer = optim.SGD([weight], lr=0.1, momentum=0.9)
    (weight * 2).sum().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    assert np.array_equal(weight.grad.numpy(), np.zeros(3))
    before = weight.numpy().copy()
    optimizer.step()  # momentum goes on
    assert (weight.numpy() < before).all()
    optimizer.zero_grad(set_to_none=True)
    assert weight.grad is None
