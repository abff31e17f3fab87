"""The losses, held to torch up to second order; Dice and focal loss, unknown to torch, to their formulas."""

import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import minitensor as mt
from minitensor.kernels.cross_entropy.tiles import FEW_CLASSES
from tests.parity import normal, placed, same_as_torch
from tests.refusals import both_refuse, refuses
from tests.strategies import numbers, shapes

INF = np.inf
IGNORED = -100
scores = normal(2, 3, 4, 5)
classes = np.random.default_rng(0).integers(0, 3, (2, 4, 5))
shares = np.abs(normal(2, 3, 4, 5, seed=1))
reductions = st.sampled_from(["none", "mean", "sum"])


@st.composite
def pixels(draw):
    """(scores, classes, weight or None, options) of any rank; some pixels ignored, at times all of them."""
    count = draw(st.integers(1, 2 * FEW_CLASSES))
    shape = draw(shapes(0, 3))
    x = draw(numbers((*shape[:1], count, *shape[1:]))) * draw(st.sampled_from([1.0, 30.0]))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    target = rng.integers(0, count, shape)
    ignore_index = draw(st.sampled_from([IGNORED, 0, count]))
    target = np.where(rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0])), ignore_index, target)
    weight = np.abs(rng.standard_normal(count)) + 0.1
    options = dict(reduction=draw(reductions), ignore_index=ignore_index)
    return x, np.asarray(target), draw(st.sampled_from([None, weight])), options


def weighted(function, x, target, weight, terms=None):
    """Compare a function of (library, x, target, weight) with torch; a weight has no gradient there."""
    if weight is None:
        same_as_torch(lambda m, x, y: function(m, x, y, None), x, target, terms=terms)
    else:
        grads = [True, target.dtype.kind == "f", False]
        same_as_torch(function, x, target, weight, grads=grads, terms=terms)


@given(pixels(), st.sampled_from([0.0, 0.1, 1.0]))
def test_cross_entropy_of_classes(case, smoothing):
    *arrays, options = case
    weighted(lambda m, x, y, w: m.cross_entropy(x, y, w, label_smoothing=smoothing, **options), *arrays)


@given(pixels())
def test_nll_loss(case):
    *arrays, options = case
    weighted(lambda m, x, y, w: m.nll_loss(x, y, w, **options), *arrays)


@given(pixels(), reductions, st.sampled_from([0.0, 0.1, 1.0]))
def test_cross_entropy_of_probabilities(case, reduction, smoothing):
    x, _, weight, _ = case
    target = np.abs(normal(*x.shape, seed=2))
    # the sum over classes holds log-probabilities as large as the scores, some of which cancel: torch errs as much
    terms = x.size * max(1.0, np.abs(x).max(initial=0.0))
    weighted(
        lambda m, x, y, w: m.cross_entropy(x, y, w, reduction=reduction, label_smoothing=smoothing),
        x,
        target,
        weight,
        terms,
    )


@pytest.mark.parametrize("count", [FEW_CLASSES, FEW_CLASSES + 1])
def test_logits_in_another_order(count):
    """A model that ends in channels-last: the gradient's 1 at each pixel's class must not be taken from a copy."""
    x, y = normal(2, 3, 5, count), np.random.default_rng(0).integers(0, count, (2, 3, 5))
    same_as_torch(lambda m, x, y: m.cross_entropy(x.permute(0, 3, 1, 2), y), x, y)


def test_uint8_classes():
    same_as_torch(lambda m, x, y: m.cross_entropy(x, y), normal(5, 3), np.array([0, 2, 1, 1, 0], np.uint8))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_all_ignored(reduction, smoothing):
    """The mean over no pixels is NaN, and its gradient is 0, not NaN."""
    options = dict(reduction=reduction, label_smoothing=smoothing)
    same_as_torch(lambda m, x, y: m.cross_entropy(x, y, **options), scores, np.full((2, 4, 5), IGNORED))
    same_as_torch(lambda m, x, y: m.cross_entropy(x, y, **options), normal(3), np.array(IGNORED))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("row", [[1e4, -1e4, 0.0], [-INF, 0.0, 1.0], [INF, 0.0, 1.0], [np.nan, 0.0, 1.0]], ids=str)
@pytest.mark.parametrize("label", [0, 1, IGNORED])
def test_extreme_scores(row, label, smoothing):
    """Where a pixel is ignored, not even an infinite loss counts; its neighbour is as before."""

    def loss(m, x, y):
        return m.cross_entropy(x, y, label_smoothing=smoothing)

    x, y = np.array([row, [1.0, 2.0, 3.0]]), np.array([label, 2])
    if label != IGNORED or np.isfinite(row[0]) or row[0] < 0:
        return same_as_torch(loss, x, y, order=1)
    same_as_torch(loss, x, y, order=0)
    neighbour = mt.Tensor(x[1:], requires_grad=True)
    (by_neighbour,) = mt.grad(loss(mt, neighbour, mt.Tensor(y[1:])), neighbour)
    for recorded in (False, True):  # torch gives NaN there: 0 times NaN
        z = mt.Tensor(x, requires_grad=True)
        (grad,) = mt.grad(loss(mt, z, mt.Tensor(y)), z, create_graph=recorded)
        np.testing.assert_allclose(grad.numpy(), [[0, 0, 0], *by_neighbour.numpy()], rtol=1e-12)


def test_no_pixels():
    for shape in ((0, 3), (2, 3, 0)):
        target = np.zeros((shape[0], *shape[2:]), int)
        same_as_torch(lambda m, x, y: m.cross_entropy(x, y), np.zeros(shape), target, order=0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_pixel_weights(reduction, smoothing):
    """Each pixel's loss, times its weight, divided by the sum of weight[target] pixel_weight."""
    target = classes.copy()
    target[0, 0, :2] = IGNORED
    weight, pixel_weight = np.array([0.5, 1.0, 2.0]), np.abs(normal(2, 4, 5, seed=3))

    def in_torch(m, x):
        y, v = torch.tensor(target), torch.tensor(pixel_weight)
        losses = v * m.cross_entropy(x, y, torch.tensor(weight), reduction="none", label_smoothing=smoothing)
        counted = (y != IGNORED) * v * torch.tensor(weight)[y.clamp(min=0)]
        return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / counted.sum()}[reduction]

    same_as_torch(
        lambda m, x: m.cross_entropy(
            x,
            placed(target),
            placed(weight),
            reduction=reduction,
            label_smoothing=smoothing,
            pixel_weight=placed(pixel_weight),
        ),
        scores,
        torch_function=in_torch,
        dtypes=[np.float64],
    )


def test_pixel_weights_with_probabilities_divide_by_their_sum():
    pixel_weight = np.abs(normal(2, 4, 5, seed=3))
    losses = mt.cross_entropy(mt.Tensor(scores), mt.Tensor(shares), reduction="none").data
    loss = mt.cross_entropy(mt.Tensor(scores), mt.Tensor(shares), pixel_weight=mt.Tensor(pixel_weight))
    np.testing.assert_allclose(loss.item(), (losses * pixel_weight).sum() / pixel_weight.sum())


def test_even_pixel_weights_change_nothing():
    plain = mt.cross_entropy(mt.Tensor(scores), mt.Tensor(classes), mt.Tensor(np.array([1.0, 2.0, 3.0])))
    even = mt.cross_entropy(
        mt.Tensor(scores),
        mt.Tensor(classes),
        mt.Tensor(np.array([1.0, 2.0, 3.0])),
        pixel_weight=mt.Tensor(np.full((2, 4, 5), 7.0)),
    )
    np.testing.assert_allclose(even.item(), plain.item())


@given(st.data(), reductions, st.booleans())
def test_binary_cross_entropy_with_logits(data, reduction, has_pos_weight):
    shape = data.draw(shapes(0, 3))
    x = data.draw(numbers(shape)) * data.draw(st.sampled_from([1.0, 100.0]))
    target, weight = np.abs(normal(*shape, seed=1)), np.abs(normal(*shape[1:], seed=2))
    pos_weight = [np.abs(normal(*shape[-1:], seed=3))] * has_pos_weight

    def function(m, x, y, w, *p):
        positive = p[0] if p else None
        return m.binary_cross_entropy_with_logits(x, y, w, reduction=reduction, pos_weight=positive)

    # The formula subtracts numbers of the size of x, up to some hundred: so many more roundings' worth of
    # error.
    grads = [True, True, False] + [False] * has_pos_weight
    same_as_torch(function, x, target, weight, *pos_weight, grads=grads, terms=1000)


def test_binary_losses_have_the_dtype_of_the_target():
    for x, y in ((np.float32, np.float64), (np.float64, np.float32)):
        arrays = [np.array([0.2, 0.9, 0.5]).astype(dtype) for dtype in (x, y)]
        loss = mt.binary_cross_entropy_with_logits(*map(mt.Tensor, arrays))
        expected = torch.nn.functional.binary_cross_entropy_with_logits(*map(torch.tensor, arrays))
        assert loss.dtype == y and loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_extreme_binary_scores():
    x = np.array([1e5, -1e5, 200.0, -200.0, 0.0, np.nan])
    for target in (np.zeros(6), np.ones(6)):
        same_as_torch(lambda m, x, y: m.binary_cross_entropy_with_logits(x, y, reduction="none"), x, target, order=1)


@given(st.data(), reductions, st.booleans())
def test_mse_loss(data, reduction, has_weight):
    shape = data.draw(shapes(0, 3))
    x, target = data.draw(numbers(shape)), normal(*shape, seed=1)
    weight = [np.abs(normal(*shape, seed=2))] * has_weight

    def function(m, x, y, *w):
        return m.mse_loss(x, y, reduction=reduction, weight=w[0] if w else None)

    same_as_torch(function, x, target, *weight)


@given(pixels(), st.sampled_from([0.1, 1.0]))
def test_dice_loss(case, smooth):
    x, target, weight, options = case
    assume(x.ndim > 1)
    ignore_index, classes = options["ignore_index"], x.shape[1]

    def in_torch(m, x):
        y = torch.tensor(target)
        counted = (y != ignore_index)[:, None]
        truth = m.one_hot(torch.where(y == ignore_index, 0, y), classes).movedim(-1, 1) * counted
        p, axes = m.softmax(x, 1) * counted, (0, *range(2, x.ndim))
        dice = (2 * (p * truth).sum(axes) + smooth) / (p.sum(axes) + truth.sum(axes) + smooth)
        w = torch.ones_like(dice) if weight is None else torch.tensor(weight, dtype=x.dtype)
        return 1 - (dice * w).sum() / w.sum()

    def ours(m, x):
        w = None if weight is None else placed(weight.astype(x.dtype))
        return m.dice_loss(x, placed(target), w, ignore_index, smooth)

    same_as_torch(ours, x, torch_function=in_torch, terms=1000)


def test_dice_loss_of_a_perfect_and_of_an_opposite_map():
    right = np.moveaxis(np.eye(3)[classes], -1, 1) * 100.0
    assert mt.dice_loss(mt.Tensor(right), mt.Tensor(classes)).item() == pytest.approx(0, abs=1e-6)
    wrong = np.moveaxis(np.eye(3)[(classes + 1) % 3], -1, 1) * 100.0
    assert mt.dice_loss(mt.Tensor(wrong), mt.Tensor(classes), smooth=0.0).item() == pytest.approx(1)
    ignored = np.full_like(classes, IGNORED)
    assert mt.dice_loss(mt.Tensor(wrong), mt.Tensor(ignored)).item() == 0.0


@given(pixels(), st.sampled_from([0.0, 0.5, 2.0]))
def test_focal_loss(case, gamma):
    x, target, weight, options = case
    ignored = target == options["ignore_index"]
    assume(x.shape[min(1, x.ndim - 1)] > 1 and not ignored.all())
    x = np.clip(x, -2, 2)  # where p is near 1, 1 - p loses its digits: see the test of a certain pixel

    def in_torch(m, x):
        y, skipped = torch.tensor(target), torch.tensor(ignored)
        w = torch.ones(x.shape[min(1, x.ndim - 1)]) if weight is None else torch.tensor(weight)
        own_weight = (w[torch.where(skipped, 0, y)] * ~skipped).to(x.dtype)
        loss = m.cross_entropy(x, y, reduction="none", ignore_index=options["ignore_index"])
        losses = own_weight * (1 - (-torch.where(skipped, 1.0, loss)).exp()) ** gamma * loss
        mean = losses.sum() / own_weight.sum()
        return {"none": losses, "sum": losses.sum(), "mean": mean}[options["reduction"]]

    def ours(m, x):
        w = None if weight is None else placed(weight.astype(x.dtype))
        return m.focal_loss(x, placed(target), w, gamma, options["ignore_index"], options["reduction"])

    same_as_torch(ours, x, torch_function=in_torch, terms=1000)


def test_focal_loss_of_a_certain_pixel_has_a_gradient():
    x = mt.Tensor(np.array([[1000.0, 0.0]]), requires_grad=True)
    for gamma in (0.0, 0.5, 2.0):
        (grad,) = mt.grad(mt.focal_loss(x, mt.tensor([0]), gamma=gamma), x)
        assert not grad.data.any()


MALFORMED = {
    "images of bytes": (
        TypeError,
        ["target", "uint8", "(2, 3, 4, 5)"],
        lambda m, x, y: m.cross_entropy(x, y),
        scores,
        classes.astype(np.uint8),
    ),
    "integer scores": (TypeError, ["int64"], lambda m, x, y: m.cross_entropy(x, y), scores.astype(int), classes),
    "no scores": (
        ValueError,
        ["x must be", "()"],
        lambda m, x, y: m.cross_entropy(x[0, 0, 0, 0], y[0, 0, 0]),
        scores,
        classes,
    ),
    "no classes": (ValueError, ["(2, 0, 4, 5)"], lambda m, x, y: m.cross_entropy(x[:, :0], y), scores, classes),
    "int32 target": (
        TypeError,
        ["target", "int32"],
        lambda m, x, y: m.cross_entropy(x, y),
        scores,
        classes.astype(np.int32),
    ),
    "bool target": (TypeError, ["target", "bool"], lambda m, x, y: m.cross_entropy(x, y), scores, classes > 0),
    "target of another size": (
        ValueError,
        ["(2, 4, 5)", "(2, 3, 5)", "(2, 3, 4, 5)"],
        lambda m, x, y: m.cross_entropy(x, y),
        scores,
        classes[:, :3],
    ),
    "target of one batch": (ValueError, ["(1, 4, 5)"], lambda m, x, y: m.cross_entropy(x, y), scores, classes[:1]),
    "one-hot target": (
        ValueError,
        ["target", "(2, 3, 4, 5)"],
        lambda m, x, y: m.cross_entropy(x, y),
        scores,
        np.zeros((2, 3, 4, 5), int),
    ),
    "class too large": (ValueError, ["0 to 2", "3"], lambda m, x, y: m.cross_entropy(x, y), scores, classes + 1),
    "negative class": (ValueError, ["0 to 2", "-1"], lambda m, x, y: m.cross_entropy(x, y), scores, classes - 1),
    "weight too short": (
        ValueError,
        ["weight", "(3,)", "(2,)"],
        lambda m, x, y, w: m.cross_entropy(x, y, w.detach()),
        scores,
        classes,
        np.ones(2),
    ),
    "weight of another dtype": (
        TypeError,
        ["float64", "float32"],
        lambda m, x, y, w: m.cross_entropy(x, y, w.detach()),
        scores,
        classes,
        np.ones(3, np.float32),
    ),
    "reduction": (
        ValueError,
        ["reduction", "'avg'"],
        lambda m, x, y: m.cross_entropy(x, y, reduction="avg"),
        scores,
        classes,
    ),
    "smoothing above 1": (
        ValueError,
        ["label_smoothing", "1.1"],
        lambda m, x, y: m.cross_entropy(x, y, label_smoothing=1.1),
        scores,
        classes,
    ),
    "smoothing of text": (
        TypeError,
        ["label_smoothing", "'a'"],
        lambda m, x, y: m.cross_entropy(x, y, label_smoothing="a"),
        scores,
        classes,
    ),
    "ignore_index of float": (
        TypeError,
        ["ignore_index", "-100.0"],
        lambda m, x, y: m.cross_entropy(x, y, ignore_index=-100.0),
        scores,
        classes,
    ),
    "probabilities of another shape": (
        ValueError,
        ["(2, 3, 4, 5)", "(1, 3, 4, 5)"],
        lambda m, x, y: m.cross_entropy(x, y),
        scores,
        shares[:1],
    ),
    "probabilities ignored": (
        ValueError,
        ["ignore_index=1"],
        lambda m, x, y: m.cross_entropy(x, y, ignore_index=1),
        scores,
        shares,
    ),
}
MALFORMED_NLL = {
    "integers": (TypeError, ["int64"], lambda m, x, y: m.nll_loss(x, y), scores.astype(int), classes),
    "class too large": (ValueError, ["0 to 2", "3"], lambda m, x, y: m.nll_loss(x, y), scores, classes + 1),
    "negative class": (ValueError, ["0 to 2", "-1"], lambda m, x, y: m.nll_loss(x, y), scores, classes - 1),
    "probabilities": (TypeError, ["target", "float64"], lambda m, x, y: m.nll_loss(x, y), scores, shares),
    "shape": (ValueError, ["(2, 4, 5)", "(2, 4, 4)"], lambda m, x, y: m.nll_loss(x, y), scores, classes[..., :4]),
    "reduction": (ValueError, ["'avg'"], lambda m, x, y: m.nll_loss(x, y, reduction="avg"), scores, classes),
}
MALFORMED_BINARY = {
    "integers": (TypeError, ["int64"], scores.astype(int), shares, {}),
    "integer target": (TypeError, ["target", "int64"], scores, shares.astype(int), {}),
    "target's shape": (ValueError, ["(2, 3, 4, 5)", "(1, 3, 4, 5)"], scores, shares[:1], {}),
    "weight's shape": (ValueError, ["(4,)"], scores, shares, {"weight": np.ones(4)}),
    "weight too large": (
        ValueError,
        ["weight", "(2, 2, 3, 4, 5)"],
        scores,
        shares,
        {"weight": np.ones((2, 2, 3, 4, 5))},
    ),
    "pos_weight's shape": (ValueError, ["(4,)"], scores, shares, {"pos_weight": np.ones(4)}),
    "reduction": (ValueError, ["'avg'"], scores, shares, {"reduction": "avg"}),
}
MALFORMED_MSE = {
    "shapes": (ValueError, ["(3,)", "(2,)"], lambda m, x, y: m.mse_loss(x, y), normal(3), normal(2)),
    "integers": (TypeError, ["int64"], lambda m, x, y: m.mse_loss(x, y), np.arange(3), np.arange(3)),
    "reduction": (ValueError, ["'avg'"], lambda m, x, y: m.mse_loss(x, y, reduction="avg"), normal(3), normal(3)),
    "weight": (ValueError, ["weight", "(2,)"], lambda m, x, y: m.mse_loss(x, y, weight=y[:2]), normal(3), normal(3)),
}


def calls(table):
    return pytest.mark.parametrize(
        ("error", "words", "function", "arrays"), [(*c[:3], c[3:]) for c in table.values()], ids=table
    )


@calls(MALFORMED)
def test_malformed_calls_of_cross_entropy(error, words, function, arrays):
    both_refuse(error, ["cross_entropy", *words], function, *arrays)


@calls(MALFORMED_NLL)
def test_malformed_calls_of_nll_loss(error, words, function, arrays):
    both_refuse(error, ["nll_loss", *words], function, *arrays)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss", "focal_loss"])
def test_there_is_no_gradient_by_the_weight_of_classes(name):
    """torch refuses as well; a silent zero would be wrong. With probabilities there is one."""
    weight = mt.ones(3, dtype=mt.float64, requires_grad=True)
    refuses(ValueError, [name, "weight", "detach"], lambda x, y: getattr(mt, name)(x, y, weight), scores, classes)
    if name != "focal_loss":
        with pytest.raises(RuntimeError, match="weight"):
            x, y, w = (torch.tensor(scores), torch.tensor(classes), torch.tensor(weight.numpy(), requires_grad=True))
            getattr(torch.nn.functional, name)(x, y, w)
    with mt.no_grad():
        getattr(mt, name)(mt.Tensor(scores), mt.Tensor(classes), weight)
    same_as_torch(lambda m, x, y, w: m.cross_entropy(x, y, w), scores, shares, np.ones(3))


@pytest.mark.parametrize(("x", "target"), [((2, 1), (2,)), ((3,), ()), ((2, 3), (3,))])
def test_mse_loss_of_different_shapes_warns_as_torch_does(x, target):
    arrays = np.ones(x), np.zeros(target)
    with pytest.warns(UserWarning, match=re.escape(f"x has shape {x} and target {target}")):
        ours = mt.mse_loss(*map(mt.Tensor, arrays))
    with pytest.warns(UserWarning, match="different to the input size"):
        theirs = torch.nn.functional.mse_loss(*map(torch.tensor, arrays))
    assert ours.item() == theirs.item()


@pytest.mark.filterwarnings("ignore:Using a target size")  # torch warns before it refuses
@calls(MALFORMED_MSE)
def test_malformed_calls_of_mse_loss(error, words, function, arrays):
    both_refuse(error, ["mse_loss", *words], function, *arrays)


@pytest.mark.parametrize(("error", "words", "x", "target", "options"), MALFORMED_BINARY.values(), ids=MALFORMED_BINARY)
def test_malformed_calls_of_binary_cross_entropy(error, words, x, target, options):
    def function(m, x, y):
        as_tensor = mt.Tensor if m is mt else torch.tensor
        given = {k: as_tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        return m.binary_cross_entropy_with_logits(x, y, **given)

    both_refuse(error, ["binary_cross_entropy_with_logits", *words], function, x, target)


@pytest.mark.parametrize(
    ("error", "words", "function"),
    [
        (
            ValueError,
            ["pixel_weight", "(2, 4, 5)", "(2, 3, 4, 5)"],
            lambda x, y: mt.cross_entropy(x, y, pixel_weight=x),
        ),
        (TypeError, ["pixel_weight", "int64"], lambda x, y: mt.cross_entropy(x, y, pixel_weight=y)),
        (ValueError, ["label_smoothing", "-0.1"], lambda x, y: mt.cross_entropy(x, y, label_smoothing=-0.1)),
        (ValueError, ["dice_loss", "smooth", "-1"], lambda x, y: mt.dice_loss(x, y, smooth=-1)),
        (TypeError, ["dice_loss", "smooth", "None"], lambda x, y: mt.dice_loss(x, y, smooth=None)),
        (ValueError, ["dice_loss", "0 to 2", "3"], lambda x, y: mt.dice_loss(x, y.data + 1)),
        (ValueError, ["dice_loss", "(3,)"], lambda x, y: mt.dice_loss(x[0, :, 0, 0], y[0, 0, 0])),
        (ValueError, ["focal_loss", "gamma", "-1"], lambda x, y: mt.focal_loss(x, y, gamma=-1)),
        (TypeError, ["focal_loss", "gamma", "'2'"], lambda x, y: mt.focal_loss(x, y, gamma="2")),
        (ValueError, ["focal_loss", "0 to 2", "-1"], lambda x, y: mt.focal_loss(x, y.data - 1)),
        (ValueError, ["focal_loss", "'avg'"], lambda x, y: mt.focal_loss(x, y, reduction="avg")),
    ],
)
def test_malformed_calls_of_what_torch_has_not(error, words, function):
    refuses(error, words, function, scores, classes)


def test_dice_without_smoothing_of_a_class_that_is_nowhere():
    """Scores of -1000 make probabilities of exactly 0: class 2 is neither there nor predicted."""
    scores = np.array([[2.0, 1.0], [0.5, 1.5], [-1000.0, -1000.0]])[None]
    x = mt.tensor(scores, requires_grad=True)
    loss = mt.dice_loss(x, mt.tensor(np.array([[0, 1]])), smooth=0)
    loss.backward()
    assert np.isfinite(loss.item()) and np.isfinite(x.grad.numpy()).all() and x.grad.numpy().any()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy_of_pixels_without_weight(label_smoothing, reduction):
    """Every counted pixel is of a class of weight 0: the mean is 0/0, in both ways to the gradient."""
    options = dict(label_smoothing=label_smoothing, reduction=reduction)
    same_as_torch(
        lambda m, x, w, y: m.cross_entropy(x, y, weight=w, **options),
        normal(2, 3), np.array([0.0, 1.0, 2.0]), np.array([0, 0]), grads=(True, False, False), order=1,
    )  # fmt: skip
