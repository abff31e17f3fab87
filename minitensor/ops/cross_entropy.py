"""Cross entropy: how surprised a model is by the truth. It is -log of the probability that it gave to the true class.

With targets t_c that say how much of each class is true, and p = softmax(z), all forms of it are

    loss = sum over c of t_c (-log p_c)        d loss / d z_c = p_c sum over k of t_k - t_c

A whole-number target y is t_c = w_c [c = y]. Label smoothing e takes a share e of it and divides it evenly among all
classes. For these a fused kernel keeps one number per pixel, and no softmax. Targets of probabilities and second
derivatives use the formula itself.
"""

from __future__ import annotations

from numbers import Real

from minitensor.arguments import check_float, check_same_dtype, check_tensor
from minitensor.backend import array_module
from minitensor.engine import Op, check_same_device
from minitensor.kernels import run
from minitensor.ops.choose import where
from minitensor.ops.shape import reshape
from minitensor.ops.softmax import log_softmax, softmax
from minitensor.ops.targets import (
    check_classes,
    check_no_gradient,
    check_reduction,
    check_scores,
    class_axis,
    pixels_of,
    reduced,
)
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor


class CrossEntropy(Op):
    """loss = v ((1 - e) w_y (-log p_y) + e/C sum over c of w_c (-log p_c)) per pixel; 0 for an ignored pixel.

    After forward, `total_weight` is the sum of v w_y over the pixels that are not ignored.
    """

    uses = ((0,),)

    def __init__(self, target, class_weight, pixel_weight, ignore_index, label_smoothing):
        self.target = target
        self.options = class_weight, pixel_weight, ignore_index, label_smoothing

    def forward(self, x):
        losses, self.total_weight, self.log_normaliser = run("cross_entropy", x, self.target, *self.options)
        return losses

    def backward(self, grad, needs):
        (x,) = self.inputs
        if is_grad_enabled():
            ignored = self.target == self.options[2]
            truth = Tensor.wrap(self._truth(x.data, ignored))
            # An ignored pixel has gradient 0 whatever is there: where its score is infinite, and where the gradient is
            # 0/0, as that of the mean over no pixels
            x, grad = where(ignored[:, None], 0.0, x), where(ignored, 0.0, grad)
            # (N, 1, ...) * (N, C, ...)
            return grad.unsqueeze(1) * (softmax(x, 1) * truth.sum(1, keepdim=True) - truth)
        return Tensor.wrap(
            run("cross_entropy_grad", grad.data, x.data, self.log_normaliser, self.target, *self.options)
        )

    def _truth(self, x, ignored):
        """The t_c (N, C, ...) of the formula above."""
        xp = array_module(x)
        class_weight, pixel_weight, _, label_smoothing = self.options
        classes = x.shape[1]
        column = (classes, *[1] * (x.ndim - 2))  # (C,) -> (C, 1, 1), to meet (N, C, H, W)
        is_class = self.target[:, None] == xp.arange(classes).reshape(column)
        truth = (1 - label_smoothing) * is_class + label_smoothing / classes
        if class_weight is not None:
            truth = truth * class_weight.reshape(column)
        if pixel_weight is not None:
            truth = truth * pixel_weight[:, None]
        return xp.where(ignored[:, None], 0, truth).astype(x.dtype)


def cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    pixel_weight: Tensor | None = None,
) -> Tensor:
    """Cross entropy of class scores x (N, C, ...) before softmax, or (C,) for one pixel, with the truth.

    target           (N, ...) int64 classes, of which `ignore_index` does not count; or probabilities, shaped like x
    weight           (C,), how much each class counts
    label_smoothing  e in [0, 1]: the truth becomes (1 - e) truth + e/C
    pixel_weight     (N, ...), how much each pixel counts: U-Net's map (Ronneberger et al. 2015, eq. 1 and 2)
    reduction        "none": the loss of each pixel; "sum": their sum; "mean": the sum, divided by the sum of
                     weight[target] pixel_weight over the pixels that count (NaN if none does); for probabilities
                     divided by the number of pixels, or by the sum of pixel_weight
    Raises ValueError for a target that is not a class, for shapes that do not fit and for a label_smoothing outside
    [0, 1], and TypeError for dtypes that do not fit.
    """
    check_reduction("cross_entropy", reduction)
    x, weight = check_scores("cross_entropy", x, weight)
    target = check_tensor(target, "cross_entropy", "target")
    if isinstance(label_smoothing, bool) or not isinstance(label_smoothing, Real):
        raise TypeError(f"cross_entropy: label_smoothing must be a number, got {label_smoothing!r}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}")
    if pixel_weight is not None:
        pixel_weight = check_float(pixel_weight, "cross_entropy", "pixel_weight")
        check_same_dtype("cross_entropy", x=x, pixel_weight=pixel_weight)
        check_same_device("cross_entropy", [x.data, pixel_weight.data])
        if pixel_weight.shape != pixels_of(x):
            raise ValueError(
                f"cross_entropy: pixel_weight must have shape {pixels_of(x)}, one number a pixel, "
                f"got {pixel_weight.shape} (x shape {x.shape})"
            )
    if target.dtype.kind == "f":
        _check_probabilities(x, target, ignore_index)
        return _with_probabilities(x, target, weight, pixel_weight, label_smoothing, reduction)
    check_no_gradient("cross_entropy", weight=weight, pixel_weight=pixel_weight)
    target = check_classes("cross_entropy", x, target, ignore_index, wait=False)
    if x.ndim == 1:  # one pixel is a batch of one
        x = reshape(x, (1, x.shape[0]))
    per_pixel = [None if t is None else t.data.reshape(x.shape[:1] + x.shape[2:]) for t in (target, pixel_weight)]
    class_weight = None if weight is None else weight.data
    op = CrossEntropy(per_pixel[0], class_weight, per_pixel[1], ignore_index, float(label_smoothing))
    op.watched = target, weight, pixel_weight
    losses = op(x)
    if losses.shape != target.shape:
        losses = reshape(losses, target.shape)
    return reduced(losses, reduction, op.total_weight)


def _check_probabilities(x, target, ignore_index):
    if target.shape != x.shape:
        raise ValueError(
            f"cross_entropy: a target of probabilities must have the shape of x, {x.shape}, "
            f"got {target.shape}; one of classes must be int64"
        )
    if ignore_index >= 0:
        raise ValueError(
            "cross_entropy: a target of probabilities names no class, so there is none to ignore, "
            f"got ignore_index={ignore_index}"
        )


def _with_probabilities(x, target, weight, pixel_weight, label_smoothing, reduction):
    axis = class_axis(x)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[axis]
    if weight is not None:
        # (C,) -> (C, 1, 1), to meet (N, C, H, W)
        target = target * reshape(weight, (-1, *[1] * (x.ndim - 1 - axis)))
    losses = -(log_softmax(x, axis) * target).sum(axis)
    if pixel_weight is None:
        return reduced(losses, reduction)
    return reduced(losses * pixel_weight, reduction, pixel_weight.data.sum())
