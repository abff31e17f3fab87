"""Cross entropy one tile of pixels at a time: no softmax is ever stored.

The forward pass keeps one number per pixel, log(sum over k of exp(z_k)), the log-normaliser. From it and the logits the
backward pass computes each probability again as exp(z_c - log-normaliser), in one pass over the image.
"""

from __future__ import annotations

from minitensor.backend import array_module, backend_name
from minitensor.kernels.arrays.masking import keep
from minitensor.kernels.cross_entropy.definition import check_classes
from minitensor.kernels.softmax import as_columns, over_columns
from minitensor.kernels.table import register

FEW_CLASSES = 4  # up to this many, one pass per class is faster than looking numbers up by index


@register("cross_entropy", "tiles", default=True)
def cross_entropy(logits, target, class_weight=None, pixel_weight=None, ignore_index=-100, label_smoothing=0.0):
    """As the definition, one tile of pixels at a time."""
    xp = array_module(logits)
    columns = as_columns(logits, 1)
    terms = _Terms(columns, target, class_weight, pixel_weight, ignore_index, label_smoothing)
    shape = columns.shape[0], columns.shape[2]
    losses, log_normaliser = xp.empty(shape, dtype=logits.dtype), xp.empty(shape, dtype=logits.dtype)
    weights = {}  # where a tile begins -> the sum of its weights

    def tile(part):
        rows, places = part
        label, ignored, pixel_weights, own_weights = terms.of(part)
        z = columns[rows, :, places]
        largest = z.max(axis=1)
        shifted = z - largest[:, None]
        own = terms.pick(shifted, label)
        if label_smoothing:
            # (C,) @ (R, C, L) -> (R, L)
            weighted = terms.class_weight @ shifted
        log_total = xp.log(xp.exp(shifted, out=shifted).sum(axis=1))
        loss = log_total - own
        if own_weights is not None:
            loss *= own_weights
        if label_smoothing:
            loss *= 1 - label_smoothing
            smooth = (terms.class_weight.sum() * log_total - weighted) * terms.share
            loss += smooth if pixel_weights is None else smooth * pixel_weights
        if ignored is not None:
            # whatever the logits are there: a weight of 0 times an infinite loss would be NaN
            loss = xp.where(ignored, 0, loss)
        losses[part] = loss
        # without weights each pixel counts 1
        weights[rows.start, places.start] = loss.size if own_weights is None else own_weights.sum()
        log_normaliser[part] = log_total + largest

    over_columns(tile, columns)
    # in the order of the tiles, whichever thread was first
    total = xp.asarray(sum(weights[start] for start in sorted(weights)), dtype=logits.dtype)
    return losses.reshape(target.shape), total, log_normaliser.reshape(target.shape)


@register("cross_entropy_grad", "tiles", default=True)
def cross_entropy_grad(
    grad, logits, log_normaliser, target, class_weight=None, pixel_weight=None, ignore_index=-100, label_smoothing=0.0
):
    """As the definition, one tile of pixels at a time."""
    xp = array_module(logits)
    columns = as_columns(logits, 1)
    terms = _Terms(columns, target, class_weight, pixel_weight, ignore_index, label_smoothing)
    shape = columns.shape[0], columns.shape[2]
    grads, normalisers = xp.broadcast_to(grad, target.shape).reshape(shape), log_normaliser.reshape(shape)
    grad_logits = xp.empty(logits.shape, dtype=logits.dtype)
    grad_columns = as_columns(grad_logits, 1)

    def tile(part):
        rows, places = part
        label, ignored, pixel_weights, own_weights = terms.of(part, checked=True)  # forward has seen them
        own_weights = grads[part] if own_weights is None else own_weights * grads[part]
        if label_smoothing:
            own_weights = own_weights * (1 - label_smoothing)
        z = columns[rows, :, places]
        # in row-major order, whatever that of the logits is: `subtract_one` flattens it
        p = xp.subtract(z, normalisers[part][:, None], out=xp.empty(z.shape, z.dtype))
        xp.exp(p, out=p)
        if label_smoothing:
            smooth_weights = grads[part] * terms.share
            if pixel_weights is not None:
                smooth_weights = smooth_weights * pixel_weights
            # from p itself, before 1 is taken from it
            smooth = smooth_weights[:, None] * (p * terms.class_weight.sum() - terms.class_weight[:, None])
        terms.subtract_one(p, label)  # p_c - [c = y]
        out = grad_columns[rows, :, places]
        xp.multiply(p, own_weights[:, None], out=out)
        if label_smoothing:
            out += smooth
        if ignored is not None:
            out[...] = xp.where(ignored[:, None], 0, out)

    over_columns(tile, columns)
    return grad_logits


class _Terms:
    """What a tile needs to know about the targets: labels that can be used as indices, and their weights."""

    def __init__(self, columns, target, class_weight, pixel_weight, ignore_index, label_smoothing):
        self.xp, self.dtype, self.classes = array_module(columns), columns.dtype, columns.shape[1]
        self.on_cpu = backend_name(columns) == "numpy"
        shape = columns.shape[0], columns.shape[2]
        self.labels, self.ignore_index = target.reshape(shape), ignore_index
        self.pixel_weight = None if pixel_weight is None else pixel_weight.reshape(shape)
        self.is_weighted = class_weight is not None
        weights = class_weight if self.is_weighted else self.xp.ones(self.classes)
        self.class_weight = weights.astype(self.dtype)
        self.share = label_smoothing / self.classes  # of the loss, to each class

    def of(self, part, checked=False):
        """(label, ignored, v, v w_y) of a tile. Ignored pixels have label 0. `ignored` is None if no pixel is ignored.

        Both weights are None if they are 1 for every pixel, which saves the passes that would multiply by them. On a
        GPU the program would have to wait to learn whether all labels are classes. So there v is NaN for a label that
        is not a class, and so is the loss.
        """
        label, ignored = self.labels[part], None
        if self.on_cpu and not self.is_weighted and self.pixel_weight is None and self._are_classes(label):
            return label, None, None, None
        counted = label != self.ignore_index
        if not self.on_cpu or not counted.all():
            label, ignored = self.xp.where(counted, label, 0), ~counted
        if self.on_cpu and not checked:
            check_classes(label, self.classes, self.ignore_index)
        if self.pixel_weight is None:
            pixel_weights = counted.astype(self.dtype)
        else:
            pixel_weights = self.xp.where(counted, self.pixel_weight[part], 0).astype(self.dtype, copy=False)
        if not self.on_cpu:
            is_class = (label >= 0) & (label < self.classes)
            pixel_weights = self.xp.where(is_class, pixel_weights, self.dtype.type(self.xp.nan))
            label = self.xp.where(is_class, label, 0)
        own_weights = pixel_weights * self.class_weight[label] if self.is_weighted else pixel_weights
        return label, ignored, pixel_weights, own_weights

    def _are_classes(self, label):
        """True if each label is a class and none is ignored."""
        if not label.size or 0 <= self.ignore_index < self.classes:
            return False
        return label.min() >= 0 and label.max() < self.classes

    def pick(self, values, label):
        """values (R, C, L) -> (R, L): at each pixel the value of its label."""
        if not self._few():
            return values.reshape(-1)[self._places(label, values.shape)]
        # one pass a class over the bits, of which all classes but one give zeros
        own = keep(values[:, 0], label == 0)
        bits = own.view(f"i{own.itemsize}")
        for c in range(1, self.classes):
            bits |= keep(values[:, c], label == c).view(bits.dtype)
        return own

    def subtract_one(self, values, label):
        """values (R, C, L) -= 1 at the label of each pixel, in place."""
        if self._few():
            for c in range(self.classes):
                values[:, c] -= label == c
        else:
            # a pixel has one label, so no index comes twice
            values.reshape(-1)[self._places(label, values.shape)] -= 1

    def _few(self):
        return self.on_cpu and self.classes <= FEW_CLASSES

    def _places(self, label, shape):
        """Where the logit of each pixel's label lies in a flattened array (R, C, L): (r C + label) L + l."""
        rows, classes, places = shape
        row = self.xp.arange(rows)[:, None] * (classes * places)
        return row + label.astype("int64") * places + self.xp.arange(places)
