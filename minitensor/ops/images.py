"""What the operations on images share: they take one image or a batch of images, and no image without pixels."""

from __future__ import annotations

from minitensor.arguments import check_float
from minitensor.ops.shape import reshape


def check_images(x, operation, name="x"):
    """x as a floating point Tensor (N, C, H, W) or (C, H, W); only the batch may be empty."""
    x = check_float(x, operation, name)
    if x.ndim not in (3, 4):
        raise ValueError(f"{operation}: {name} must be (N, C, H, W) or (C, H, W), got shape {x.shape}")
    if 0 in x.shape[-3:]:
        raise ValueError(f"{operation}: only the batch may be empty, got {name} of shape {x.shape}")
    return x


def batched(x, operation):
    """Run an operation that needs (N, C, H, W) on one image (C, H, W) as well."""
    if x.ndim == 4:
        return operation(x)
    y = operation(reshape(x, (1, *x.shape)))
    return reshape(y, y.shape[1:])
