"""Normalization: channels get mean 0 and variance 1, and then a learned mean and scale."""

from __future__ import annotations

from typing import Any

import minitensor as mt
from layers.affine import positive
from layers.module import Module, Parameter
from minitensor.arguments import check_flag, check_real
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike


def scale_and_shift(layer, count, affine, dtype, device):
    """The learned weight and bias, which begin as the identity; (None, None) without `affine`."""
    check_flag(layer, affine=affine)
    if not affine:
        return None, None
    options = {"dtype": dtype, "device": device}
    return Parameter(mt.ones(count, **options)), Parameter(mt.zeros(count, **options))


def checked_eps(eps, layer):
    """`eps` if it is a number above 0. Otherwise raise a TypeError or ValueError that names it."""
    check_real(layer, "eps", eps)
    if not eps > 0:
        raise ValueError(f"{layer}: eps must be above 0, got {eps}")
    return eps


class BatchNorm2d(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with mean and variance of each channel over N, H and W.

    In training, mean and variance come from the batch, and are averaged into buffers: new = (1 - momentum) old +
    momentum batch. In evaluation they come from the buffers. momentum=None gives all batches the same weight instead;
    `num_batches_tracked` counts the batches. With track_running_stats=False the batch is always used.
    Raises ValueError unless x is (N, num_features, H, W). Source: Ioffe and Szegedy 2015, algorithms 1 and 2.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: str | None = None,
        dtype: DtypeLike = None,
    ) -> None:
        super().__init__()
        layer = type(self).__name__
        self.num_features = positive(num_features, "num_features", layer)
        self.eps = checked_eps(eps, layer)
        check_flag(layer, track_running_stats=track_running_stats)
        if momentum is not None:
            check_real(layer, "momentum", momentum)
            if not 0 <= momentum <= 1:
                raise ValueError(f"{layer}: momentum must lie in [0, 1] or be None, got {momentum}")
        self.momentum = momentum
        self.track_running_stats = bool(track_running_stats)
        self.weight, self.bias = scale_and_shift(layer, self.num_features, affine, dtype, device)
        self.over = None  # the processes that share a batch (`synchronise`)
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if self.track_running_stats:
            options = {"dtype": dtype, "device": device}
            self.register_buffer("running_mean", mt.zeros(self.num_features, **options))
            self.register_buffer("running_var", mt.ones(self.num_features, **options))
            self.register_buffer("num_batches_tracked", mt.zeros((), dtype=mt.int64, device=device))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.num_features:
            raise ValueError(f"BatchNorm2d: x must be (N, {self.num_features}, H, W), got shape {x.shape}")
        tracking = self.training and self.track_running_stats
        momentum = self.momentum
        if momentum is None:
            # With weight 1/n for batch n, all batches so far count equally: mean_n = (1 - 1/n) mean_(n-1) + new/n.
            momentum = 1 / (self.num_batches_tracked.item() + 1) if tracking else 0.0
        return mt.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            momentum,
            self.eps,
            self.num_batches_tracked,
            self.over,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        if self.weight is None:
            text += ", affine=False"
        return text if self.track_running_stats else f"{text}, track_running_stats=False"


def synchronise(net: Module, world: Any) -> Module:
    """Let every BatchNorm2d of `net` use the batch of all processes of the Communicator `world`. Returns the net.

    Without it, N processes train another net than one process: each would be normalized by its own part of the batch.
    """
    for module in net.modules():
        if isinstance(module, BatchNorm2d):
            module.over = world
    return net


class GroupNorm(Module):
    """Like batch norm, with mean and variance of each image over H, W and C / num_groups neighbouring channels.

    No image depends on another one, so small batches do no harm, and training and evaluation are the same.
    Source: Wu and He 2018 (arXiv 1803.08494), equations 1 and 7.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: str | None = None,
        dtype: DtypeLike = None,
    ) -> None:
        super().__init__()
        self.num_groups = positive(num_groups, "num_groups", "GroupNorm")
        self.num_channels = positive(num_channels, "num_channels", "GroupNorm")
        if self.num_channels % self.num_groups:
            raise ValueError(f"GroupNorm: {self.num_channels} channels do not divide into {self.num_groups} groups")
        self.eps = checked_eps(eps, "GroupNorm")
        self.weight, self.bias = scale_and_shift("GroupNorm", self.num_channels, affine, dtype, device)

    def forward(self, x: Tensor) -> Tensor:
        return mt.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return text if self.weight is not None else f"{text}, affine=False"
