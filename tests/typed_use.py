"""The public surface as a typed program uses it: `mypy --strict` must find nothing here (test_typing.py)."""

from pathlib import Path

import layers
import minitensor as mt
import nets
from minitensor import Tensor


class Block(layers.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = layers.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = layers.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)).relu() + x  # type: ignore[no-any-return]


def energy(x: Tensor, weight: Tensor) -> Tensor:
    y = mt.conv2d(x, weight, stride=2, padding=(1, 1))
    pooled = mt.avg_pool2d(y.clamp(min=0.0), 2)
    return (pooled * pooled).sum() / pooled.size + 2 * mt.softmax(pooled, 1).mean()


def train(net: layers.Module, image: Tensor, target: Tensor) -> float:
    optimizer = mt.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.99))
    optimizer.zero_grad()
    loss = mt.cross_entropy(net(image), target, label_smoothing=0.1)
    loss.backward()
    mt.optim.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return float(loss.item())


def use(path: Path) -> None:
    x = mt.randn(1, 3, 32, 32, requires_grad=True)
    weight = mt.zeros(4, 3, 3, 3, dtype=mt.float32)
    (first,) = mt.grad(energy(x, weight), [x], create_graph=True)
    assert first is not None
    first[0, :, ::2].reshape(-1, 2).transpose(0, 1).exp().sum().backward()
    net = nets.UNet(in_channels=3, classes=2, base_channels=8, padding="same", norm="batch")
    print(train(net, x, mt.tensor([[0]])), net.state_dict().keys(), mt.kernel_variants("conv2d")[0])
    with mt.no_grad(), mt.use_kernels("reference"):
        scores: Tensor = net(x)
    mt.save(path, net.state_dict())
    print(scores.numpy().shape, mt.load(path)["outc.conv.weight"].device)
