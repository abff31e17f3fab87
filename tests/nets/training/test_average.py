"""The running mean follows its formula, in a net of its own."""

import numpy as np

import minitensor as mt
import nets
from nets.training.average import MOST_DECAY, WeightAverage


def test_formula():
    mt.manual_seed(0)
    trained, net = (nets.UNet(1, 2, 2, 1, padding="same", norm="batch") for _ in range(2))
    average = WeightAverage(net, trained)
    rng = np.random.default_rng(0)
    expected = {name: tensor.numpy().astype(np.float64) for name, tensor in trained.state_dict().items()}
    for step in (1, 2, 600):
        for tensor in trained.state_dict().values():
            floating = tensor.dtype.kind == "f"
            tensor[...] = rng.standard_normal(tensor.shape) if floating else np.full(tensor.shape, step)
        average.update(step)
        decay = min(MOST_DECAY, (1 + step) / (10 + step))
        for name, tensor in trained.state_dict().items():
            mixed = decay * expected[name] + (1 - decay) * tensor.numpy()
            expected[name] = mixed if tensor.dtype.kind == "f" else tensor.numpy().copy()
    assert decay == MOST_DECAY
    for name, tensor in net.state_dict().items():
        np.testing.assert_allclose(tensor.numpy(), expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
