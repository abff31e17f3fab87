"""Malformed calls of optimizers, schedulers and clipping: (the call, the error, words of its message)."""

import minitensor as mt
from minitensor import optim
from minitensor.optim import lr_scheduler as sched

# Good arguments of each scheduler after the optimizer
SCHEDULERS = {
    "StepLR": (2,), "MultiStepLR": ([1],), "CosineAnnealingLR": (2,), "LinearLR": (), "PolynomialLR": (),
    "LambdaLR": (lambda t: 1,),
}  # fmt: skip


def parameters():
    """A list with one parameter."""
    return [mt.zeros(2, requires_grad=True)]


def sgd():
    """An optimizer."""
    return optim.SGD(parameters(), lr=1.0)


MALFORMED_OPTIM = {
    # optimizers
    **{
        f"{name}, negative lr": (
            lambda name=name: getattr(optim, name)(parameters(), lr=-1.0),
            ValueError,
            [name, "lr", "-1.0"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, lr of text": (
            lambda name=name: getattr(optim, name)(parameters(), lr="0.1"),
            TypeError,
            [name, "lr", "'0.1'"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, negative weight_decay": (
            lambda name=name: getattr(optim, name)(parameters(), weight_decay=-1.0),
            ValueError,
            [name, "weight_decay", "-1.0"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, no parameters": (lambda name=name: getattr(optim, name)([]), ValueError, [name])
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, a tensor": (lambda name=name: getattr(optim, name)(parameters()[0]), TypeError, [name])
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, numbers": (lambda name=name: getattr(optim, name)([3.0]), TypeError, [name, "float"])
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, one parameter twice": (
            lambda name=name: getattr(optim, name)(parameters() * 2),
            ValueError,
            [name, "twice"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, a group without params": (
            lambda name=name: getattr(optim, name)([{"lr": 0.1}]),
            ValueError,
            [name, "params"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, a group with an unknown option": (
            lambda name=name: getattr(optim, name)([{"params": parameters(), "speed": 1}]),
            ValueError,
            [name, "speed"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, lr NaN": (
            lambda name=name: getattr(optim, name)(parameters(), lr=float("nan")),
            ValueError,
            [name, "lr", "nan"],
        )
        for name in "SGD Adam AdamW RMSprop".split()
    },
    **{
        f"{name}, betas above 1": (
            lambda name=name: getattr(optim, name)(parameters(), betas=(0.9, 1.5)),
            ValueError,
            [name, "betas", "1.5"],
        )
        for name in "Adam AdamW".split()
    },
    **{
        f"{name}, one beta": (
            lambda name=name: getattr(optim, name)(parameters(), betas=0.9),
            TypeError,
            [name, "betas", "0.9"],
        )
        for name in "Adam AdamW".split()
    },
    **{
        f"{name}, negative eps": (
            lambda name=name: getattr(optim, name)(parameters(), eps=-1.0),
            ValueError,
            [name, "eps", "-1.0"],
        )
        for name in "Adam AdamW".split()
    },
    **{
        f"{name}, amsgrad of a number": (
            lambda name=name: getattr(optim, name)(parameters(), amsgrad=1),
            TypeError,
            [name, "amsgrad", "1"],
        )
        for name in "Adam AdamW".split()
    },
    "SGD, negative momentum": (lambda: optim.SGD(parameters(), momentum=-1.0), ValueError, ["SGD", "momentum", "-1.0"]),
    "SGD, nesterov without momentum": (lambda: optim.SGD(parameters(), nesterov=True), ValueError, ["SGD", "nesterov"]),
    "SGD, dampening of text": (lambda: optim.SGD(parameters(), dampening="0"), TypeError, ["SGD", "dampening", "'0'"]),
    "RMSprop, negative alpha": (
        lambda: optim.RMSprop(parameters(), alpha=-1.0),
        ValueError,
        ["RMSprop", "alpha", "-1.0"],
    ),
    "RMSprop, negative momentum": (
        lambda: optim.RMSprop(parameters(), momentum=-1.0),
        ValueError,
        ["RMSprop", "momentum", "-1.0"],
    ),
    "clip_grad_norm_, negative norm": (
        lambda: optim.clip_grad_norm_(parameters(), -1.0),
        ValueError,
        ["clip_grad_norm_", "-1.0"],
    ),
    "clip_grad_norm_, text": (lambda: optim.clip_grad_norm_(parameters(), "1"), TypeError, ["clip_grad_norm_", "'1'"]),
    "clip_grad_norm_, type of norm": (
        lambda: optim.clip_grad_norm_(parameters(), 1.0, 0),
        ValueError,
        ["clip_grad_norm_", "0"],
    ),
    **{
        f"{name}, no optimizer": (
            lambda name=name, options=options: getattr(optim, name)(parameters(), *options),
            TypeError,
            [name, "list"],
        )
        for name, options in SCHEDULERS.items()
    },
    "StepLR, step 0": (lambda: optim.StepLR(sgd(), 0), ValueError, ["StepLR", "step_size", "0"]),
    "StepLR, step of text": (lambda: optim.StepLR(sgd(), "1"), TypeError, ["StepLR", "step_size", "'1'"]),
    "StepLR, gamma of text": (lambda: optim.StepLR(sgd(), 1, "1"), TypeError, ["StepLR", "gamma", "'1'"]),
    "MultiStepLR, milestones of text": (lambda: optim.MultiStepLR(sgd(), ["1"]), TypeError, ["MultiStepLR", "'1'"]),
    "MultiStepLR, one milestone": (lambda: optim.MultiStepLR(sgd(), 3), TypeError, ["MultiStepLR", "3"]),
    "CosineAnnealingLR, T_max 0": (
        lambda: optim.CosineAnnealingLR(sgd(), 0),
        ValueError,
        ["CosineAnnealingLR", "T_max", "0"],
    ),
    "CosineAnnealingLR, eta_min of text": (
        lambda: optim.CosineAnnealingLR(sgd(), 1, "0"),
        TypeError,
        ["CosineAnnealingLR", "eta_min", "'0'"],
    ),
    "LinearLR, factor": (
        lambda: optim.LinearLR(sgd(), start_factor=2.0),
        ValueError,
        ["LinearLR", "start_factor", "2.0"],
    ),
    "LinearLR, end factor": (
        lambda: optim.LinearLR(sgd(), end_factor=-1.0),
        ValueError,
        ["LinearLR", "end_factor", "-1.0"],
    ),
    "LinearLR, total_iters 0": (
        lambda: optim.LinearLR(sgd(), total_iters=0),
        ValueError,
        ["LinearLR", "total_iters", "0"],
    ),
    "PolynomialLR, total_iters 0": (
        lambda: optim.PolynomialLR(sgd(), 0),
        ValueError,
        ["PolynomialLR", "total_iters", "0"],
    ),
    "PolynomialLR, power of text": (
        lambda: optim.PolynomialLR(sgd(), 1, "2"),
        TypeError,
        ["PolynomialLR", "power", "'2'"],
    ),
    "LambdaLR, no function": (lambda: optim.LambdaLR(sgd(), 3), TypeError, ["LambdaLR", "3"]),
    "LambdaLR, functions for other groups": (
        lambda: optim.LambdaLR(sgd(), [len, len]),
        ValueError,
        ["LambdaLR", "2", "1"],
    ),
    "SequentialLR, milestones": (lambda: optim.SequentialLR(sgd(), [], [1]), ValueError, ["SequentialLR"]),
    "OneCycleLR, no length": (lambda: sched.OneCycleLR(sgd(), 1.0), ValueError, ["OneCycleLR", "total_steps"]),
    "OneCycleLR, length 0": (
        lambda: sched.OneCycleLR(sgd(), 1.0, total_steps=0),
        ValueError,
        ["OneCycleLR", "total_steps", "0"],
    ),
    "OneCycleLR, share": (
        lambda: sched.OneCycleLR(sgd(), 1.0, total_steps=5, pct_start=2.0),
        ValueError,
        ["OneCycleLR", "pct_start", "2.0"],
    ),
    "OneCycleLR, strategy": (
        lambda: sched.OneCycleLR(sgd(), 1.0, total_steps=5, anneal_strategy="fast"),
        ValueError,
        ["OneCycleLR", "'fast'"],
    ),
    "ReduceLROnPlateau, mode": (
        lambda: sched.ReduceLROnPlateau(sgd(), "low"),
        ValueError,
        ["ReduceLROnPlateau", "'low'"],
    ),
    "ReduceLROnPlateau, factor": (
        lambda: sched.ReduceLROnPlateau(sgd(), factor=2.0),
        ValueError,
        ["ReduceLROnPlateau", "factor", "2.0"],
    ),
    "ReduceLROnPlateau, threshold mode": (
        lambda: sched.ReduceLROnPlateau(sgd(), threshold_mode="x"),
        ValueError,
        ["ReduceLROnPlateau", "'x'"],
    ),
}
