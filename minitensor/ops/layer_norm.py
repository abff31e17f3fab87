"""Layer normalization, and the rearrangement of channels into pixels: compositions of other operations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minitensor.arguments import check_float, check_real, check_same_dtype, check_tensor, shape_argument
from minitensor.ops.normalize import BatchNorm
from minitensor.ops.shape import permute, reshape
from minitensor.tensor import Tensor


def layer_norm(
    x: Tensor,
    normalized_shape: Sequence[int] | int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each slice of `normalized_shape`, the last axes of x, gets mean 0 and variance 1; then weight and bias.

    This is the batch normalization of one image whose channels are the slices. Source: Ba, Kiros and Hinton 2016 (arXiv
    1607.06450). Raises ValueError if the last axes of x, or of weight and bias, are not `normalized_shape`.
    """
    x = check_float(x, "layer_norm")
    size = shape_argument((normalized_shape,), "layer_norm")
    if not size or x.shape[-len(size) :] != size:
        raise ValueError(f"layer_norm: the last axes of x must be {size}, got shape {x.shape}")
    check_real("layer_norm", "eps", eps)
    given = {"weight": weight, "bias": bias}
    given = {name: None if t is None else check_float(t, "layer_norm", name) for name, t in given.items()}
    check_same_dtype("layer_norm", x=x, **given)
    for name, tensor in given.items():
        if tensor is not None and tensor.shape != size:
            raise ValueError(f"layer_norm: {name} must have shape {size}, got {tensor.shape}")
    members = math.prod(size)
    slices = x.size // max(1, members)
    # (..., *size) -> (1, slices, members)
    y = reshape(BatchNorm(None, None, eps)(reshape(x, (1, slices, members))), x.shape)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """(N, C r^2, H, W) -> (N, C, r H, r W): r^2 channels become the pixels of a square, r = upscale_factor.

    Source: Shi et al. 2016 (arXiv 1609.05158), equation 4. Raises ValueError if r^2 does not divide the channels.
    """
    x = check_tensor(x, "pixel_shuffle")
    if not hasattr(upscale_factor, "__index__") or upscale_factor < 1:
        raise ValueError(f"pixel_shuffle: upscale_factor must be a whole number of at least 1, got {upscale_factor!r}")
    r = upscale_factor.__index__()
    if x.ndim < 3 or x.shape[-3] % r**2:
        raise ValueError(
            f"pixel_shuffle: x must be (..., C, H, W) with C a multiple of {r}^2 = {r**2}, got shape {x.shape}"
        )
    *images, channels, height, width = x.shape
    n = len(images)
    # (..., C r^2, H, W) -> (..., C, r, r, H, W) -> (..., C, H, r, W, r) -> (..., C, H r, W r)
    y = reshape(x, (*images, channels // r**2, r, r, height, width))
    y = permute(y, (*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return reshape(y, (*images, channels // r**2, height * r, width * r))
