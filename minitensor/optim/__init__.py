"""Optimizers change the weights by their gradients. Schedulers say how large each step is. Names are torch.optim's."""

from minitensor.optim import lr_scheduler
from minitensor.optim.adam import Adam, AdamW
from minitensor.optim.clip import clip_grad_norm_
from minitensor.optim.optimizer import Optimizer
from minitensor.optim.rmsprop import RMSprop
from minitensor.optim.schedulers import (
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    Scheduler,
    SequentialLR,
    StepLR,
)
from minitensor.optim.sgd import SGD

# fmt: off
__all__ = [
    "Adam", "AdamW", "clip_grad_norm_", "CosineAnnealingLR", "LambdaLR", "LinearLR", "lr_scheduler", "MultiStepLR",
    "Optimizer", "PolynomialLR", "RMSprop", "Scheduler", "SequentialLR", "SGD", "StepLR",
]
# fmt: on
