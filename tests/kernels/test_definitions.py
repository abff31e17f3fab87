"""Every operation has a definition, and a whole net can be trained on definitions alone."""

import numpy as np
import pytest

import minitensor as mt
import nets
from minitensor.kernels import kernel_variants, operations, table

CLASSES = 3


def test_every_operation_has_a_definition_for_both_backends():
    for operation in operations():
        for backend in table.BACKENDS:
            assert kernel_variants(operation, backend)[0] == "reference", operation


def _one_step(net, image, target):
    """(loss, gradients by name, weights by name after a step)"""
    optimizer = mt.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    loss = mt.cross_entropy(net(image), target)
    loss.backward()
    gradients = {name: parameter.grad.numpy().copy() for name, parameter in net.named_parameters()}
    optimizer.step()
    return loss.item(), gradients, {name: value.numpy().copy() for name, value in net.state_dict().items()}


@pytest.mark.parametrize(
    ("make", "image_shape"),
    [
        (lambda: nets.UNet(1, CLASSES, base_channels=4, depth=2, padding="same", norm="batch"), (2, 1, 12, 16)),
        (lambda: nets.UNet(1, CLASSES, base_channels=2, depth=2, padding="same", up="bilinear"), (2, 1, 8, 12)),
        (lambda: nets.FCN8s(CLASSES, width=1 / 64), (1, 3, 20, 24)),
    ],
)
def test_a_train_step_on_definitions_alone_equals_the_fast_one(make, image_shape):
    image = mt.tensor(np.random.default_rng(0).standard_normal(image_shape).astype(np.float32))
    ran = set()
    results = []
    for kernels in ("auto", "reference"):
        mt.manual_seed(0)
        net = make()
        net.eval()  # no dropout: it would draw other masks
        for module in net.modules():
            module.training = "Norm" in type(module).__name__
        with mt.no_grad():
            shape = net(image).shape
        target = mt.tensor(np.random.default_rng(1).integers(0, CLASSES, (shape[0], *shape[2:])))
        with mt.use_kernels(kernels), table.observed(lambda *call, kernels=kernels: ran.add((kernels, *call))):
            results.append(_one_step(net, image, target))
    assert {variant for kernels, _, variant in ran if kernels == "reference"} == {"reference"}
    assert {variant for kernels, _, variant in ran if kernels == "auto"} - {"reference"}
    (fast_loss, *fast), (plain_loss, *plain) = results
    assert fast_loss == pytest.approx(plain_loss, rel=1e-5)
    for ours, expected in zip(fast, plain, strict=True):
        for name, value in expected.items():
            scale = max(np.abs(value).max(), 1e-3)
            np.testing.assert_allclose(ours[name], value, atol=2e-3 * scale, rtol=0, err_msg=name)
