"""The nets on the strict double: the numbers of the CPU, a training step of few launches, prediction, weights."""

import numpy as np
import pytest

import layers
import minitensor as mt
import nets
from tests.sim.cupy_double import strict_cupy

# Of a U-Net's training step; at about 10 microseconds each, 3.5 ms that no kernel can hide.
MOST_LAUNCHES = 350

NETS = {
    "U-Net": lambda: nets.UNet(1, 2, base_channels=2, padding="same"),
    "U-Net, valid, bilinear": lambda: nets.UNet(1, 2, base_channels=4, depth=2, up="bilinear"),
    "U-Net with batch norm": lambda: nets.UNet(1, 2, base_channels=2, depth=2, padding="same", norm="batch"),
    "FCN-32s": lambda: nets.FCN32s(classes=2, in_channels=1, width=1 / 32),
    "FCN-8s": lambda: nets.FCN8s(classes=2, in_channels=1, width=1 / 32),
}
OPTIMIZERS = {
    "SGD": lambda params: mt.optim.SGD(params, lr=0.01, momentum=0.9, weight_decay=1e-4),
    "AdamW": lambda params: mt.optim.AdamW(params, lr=1e-3),
}


def image(net):
    size = 44 if getattr(net, "padding", "same") == "valid" else 32
    return np.random.default_rng(0).standard_normal((2, 1, size, size)).astype(np.float32)


def seeded(build):
    mt.manual_seed(0)
    return build()


def train_step(net, optimizer, x, target):
    optimizer.zero_grad()
    loss = mt.cross_entropy(net(x), target)
    loss.backward()
    optimizer.step()
    return loss


def target_for(net, x):
    with mt.no_grad():
        size = net(mt.tensor(x)).shape[2:]
    return np.random.default_rng(1).integers(0, 2, (len(x), *size))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NETS)
def test_training_steps_as_on_the_cpu(gpu, name, optimizer):
    on_cpu = seeded(NETS[name])
    x = image(on_cpu)
    target = target_for(seeded(NETS[name]), x)
    optimizer_on_cpu = OPTIMIZERS[optimizer](on_cpu.parameters())
    mt.manual_seed(1)  # of dropout, drawn on the CPU for both
    losses = [train_step(on_cpu, optimizer_on_cpu, mt.tensor(x), mt.tensor(target)).item() for _ in range(2)]
    net = seeded(NETS[name]).to("cuda")
    optimizer_on_gpu = OPTIMIZERS[optimizer](net.parameters())
    inputs = mt.tensor(x, device="cuda"), mt.tensor(target, device="cuda")
    mt.manual_seed(1)
    with gpu.syncs_forbidden():
        found = [train_step(net, optimizer_on_gpu, *inputs) for _ in range(2)]
    assert [loss.item() for loss in found] == pytest.approx(losses, rel=1e-4)
    weights = {key: tensor.to("cpu") for key, tensor in net.state_dict().items()}
    for key, tensor in on_cpu.state_dict().items():
        # Adam divides by the gradient's size, so where that is rounding alone a step of lr goes either way.
        tolerance = 5e-3 if optimizer == "AdamW" else 1e-4
        np.testing.assert_allclose(weights[key].numpy(), tensor.numpy(), atol=tolerance, rtol=1e-3)


# Winograd is chosen for deep layers, which would be slow here: these are made to run by it.
BY_WINOGRAD = dict.fromkeys(("conv2d", "conv_transpose2d", "conv2d_weight"), "winograd2d")


@pytest.mark.parametrize(("norm", "kernels"), [(None, {}), ("batch", {}), (None, BY_WINOGRAD)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_unets_training_step_is_few_launches_and_no_transfer(optimizer, norm, kernels):
    with strict_cupy() as state, mt.use_kernels(**kernels):
        net = seeded(lambda: nets.UNet(1, 2, base_channels=2, padding="same", norm=norm)).to("cuda")
        optimizer = OPTIMIZERS[optimizer](net.parameters())
        x = image(net)
        inputs = mt.tensor(x, device="cuda"), mt.zeros(2, 32, 32, dtype=mt.int64, device="cuda")
        train_step(net, optimizer, *inputs)  # the first step makes the optimizer's state
        uploads = state.uploads
        state.launches.clear()
        with state.syncs_forbidden():
            train_step(net, optimizer, *inputs)
        assert 100 < state.launches.total() <= MOST_LAUNCHES, state.launches.most_common()
        assert state.uploads == uploads and state.downloads == 0


def test_prediction_is_the_same_on_both_devices(gpu):
    net = seeded(NETS["U-Net with batch norm"])
    picture = np.random.default_rng(2).standard_normal((1, 21, 37)).astype(np.float32)
    expected = nets.predict(net, picture, tile=16)
    net.to("cuda")
    found = nets.predict(net, picture, tile=16)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NETS)
def test_training_repeats_bit_for_bit(gpu, other_order, name, optimizer):
    """Sums have a fixed order, so that a run can be repeated; the second runs its threads in another."""
    results = []
    for turn in range(2):
        other_order(turn)
        net = seeded(NETS[name]).to("cuda")
        steps = OPTIMIZERS[optimizer](net.parameters())
        x = mt.tensor(image(net), device="cuda")
        with mt.no_grad():
            size = net(x).shape[2:]
        target = mt.tensor(np.random.default_rng(1).integers(0, 2, (len(x), *size)), device="cuda")
        losses = [train_step(net, steps, x, target).item() for _ in range(3)]
        weights = {key: tensor.numpy() for key, tensor in net.state_dict().items()}
        results.append((losses, weights))
    assert results[0][0] == results[1][0]
    for key, array in results[0][1].items():
        np.testing.assert_array_equal(array, results[1][1][key], err_msg=key)


def test_a_net_goes_to_the_device_and_back_with_its_gradients():
    net = layers.Sequential(layers.Conv2d(1, 2, 3), layers.BatchNorm2d(2))
    with strict_cupy():
        weight = net[0].weight
        net(mt.ones(2, 1, 4, 4)).sum().backward()
        net.to("cuda:1")
        assert net[0].weight is weight and weight.device == weight.grad.device == "cuda:1"
        assert net[1].num_batches_tracked.device == "cuda:1" and net[1].num_batches_tracked.item() == 1
        assert net(mt.ones(2, 1, 4, 4, device="cuda:1")).device == "cuda:1"
        with pytest.raises(ValueError, match="one device, got cpu, cuda:1"):
            net(mt.ones(2, 1, 4, 4))
        state = {name: tensor.to("cpu") for name, tensor in net.state_dict().items()}
        net.load_state_dict(state)  # copied to where the parameters are
        assert net[0].weight.device == "cuda:1"
        net.to("cpu")
        assert net[0].weight.device == "cpu"
