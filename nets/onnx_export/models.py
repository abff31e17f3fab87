"""The forward pass of each net in ONNX's operations. Sizes are computed when the graph runs, as the nets do."""

from __future__ import annotations

from nets.fcn import CROPS, FCN8s, FCN16s
from nets.onnx_export.layers import apply, resize
from nets.sizes import VGG_BLOCKS, nearest_unet_sizes, unet_sizes
from nets.vgg import GRID


def unet(graph, net, x):
    """UNet.forward: down with skips, up again; with padding "same" on the next size that fits, then cut."""
    image = x
    if net.padding == "same":
        x = _extended(graph, x, 2**net.depth)
    x = apply(graph, net.inc.double_conv, x)
    skips = []
    for down in net.downs:
        skips.append(x)
        x = apply(graph, down.maxpool_conv[0], x)
        x = apply(graph, down.maxpool_conv[1].double_conv, x)
    for up, crop in zip(net.ups, _crops(net), strict=True):
        x = apply(graph, up.up, x)
        if up.relu_after_up:
            x = graph.add("Relu", x)
        skip = skips.pop()
        if crop:
            skip = graph.add(
                "Slice", skip, graph.integers(crop, crop), graph.integers(-crop, -crop), graph.integers(2, 3)
            )
        x = graph.add("Concat", skip, x, axis=1)
        x = apply(graph, up.conv.double_conv, x)
    x = apply(graph, net.outc.conv, x)
    return graph.cut(x, graph.integers(0, 0), graph.size(image)) if net.padding == "same" else x


def _extended(graph, x, step):
    """x, extended below and to the right by its edge pixels to the next multiple of `step`."""
    missing = graph.add("Mod", graph.add("Neg", graph.size(x)), graph.integers(step))  # -n modulo step
    # Pad takes the pixels before each axis of (N, C, H, W), then those after it.
    pads = graph.add("Concat", graph.integers(0, 0, 0, 0, 0, 0), missing, axis=0)
    return graph.add("Pad", x, pads, mode="edge")


def _crops(net):
    """What is cut off every side of the skips, from the deepest level up.

    A valid U-Net has the same crops for every size that fits. They are written as numbers, so that for any other size
    the runtime refuses to concatenate, as the net itself refuses.
    """
    if net.padding == "same":
        return (0,) * net.depth
    return unet_sizes(nearest_unet_sizes(1, net.depth)[1], net.depth).crops[::-1]


def fcn(graph, net, x):
    """FCN32s, FCN16s or FCN8s .forward"""
    pools, features = {}, x
    for number in range(1, len(VGG_BLOCKS) + 1):
        features = pools[number] = _block(graph, net, features, number)
    for layer in (net.fc6, net.fc7):
        features = graph.add("Relu", apply(graph, layer, features))
    scores = apply(graph, net.score_fr, features)
    if isinstance(net, FCN8s):
        scores = apply(graph, net.upscore2, scores)
        scores = _add_skip(graph, scores, pools[4], net.score_pool4, net.pool4_scale, CROPS.score_pool4)
        scores = apply(graph, net.upscore_pool4, scores)
        scores = _add_skip(graph, scores, pools[3], net.score_pool3, net.pool3_scale, CROPS.score_pool3)
        return _cut(graph, apply(graph, net.upscore8, scores), CROPS.upscore8, x)
    if isinstance(net, FCN16s):
        scores = apply(graph, net.upscore2, scores)
        scores = _add_skip(graph, scores, pools[4], net.score_pool4, net.pool4_scale, CROPS.score_pool4)
        return _cut(graph, apply(graph, net.upscore16, scores), CROPS.upscore16, x)
    return _cut(graph, apply(graph, net.upscore, scores), CROPS.upscore, x)


def _block(graph, net, x, number):
    for i in range(1, VGG_BLOCKS[number - 1] + 1):
        x = graph.add("Relu", apply(graph, getattr(net, f"conv{number}_{i}"), x))
    return apply(graph, getattr(net, f"pool{number}"), x)


def _add_skip(graph, scores, pool, score, scale, offset):
    if scale != 1:
        pool = graph.add("Mul", pool, graph.constant(scale))
    return graph.add("Add", scores, _cut(graph, apply(graph, score, pool), offset, scores))


def _cut(graph, x, offset, like):
    return graph.cut(x, graph.integers(offset, offset), graph.size(like))


def fcn_resnet50(graph, net, x):
    """FCNResNet50.forward, without the auxiliary head."""
    image, backbone = x, net.backbone
    x = graph.add("Relu", apply(graph, backbone.bn1, apply(graph, backbone.conv1, x)))
    x = apply(graph, backbone.maxpool, x)
    for number in range(1, 5):
        for block in getattr(backbone, f"layer{number}"):
            x = _bottleneck(graph, block, x)
    return resize(graph, apply(graph, net.classifier, x), graph.size(image))


def _bottleneck(graph, block, x):
    around = x if block.downsample is None else apply(graph, block.downsample, x)
    x = graph.add("Relu", apply(graph, block.bn1, apply(graph, block.conv1, x)))
    x = graph.add("Relu", apply(graph, block.bn2, apply(graph, block.conv2, x)))
    x = apply(graph, block.bn3, apply(graph, block.conv3, x))
    return graph.add("Relu", graph.add("Add", x, around))


def vgg16(graph, net, x):
    """VGG16.forward of 224x224 pixels: ONNX has no pooling to a fixed grid, and these need none."""
    x = apply(graph, net.features, x)
    # (N, C, 7, 7) -> (N, C*7*7); a Reshape with a fixed length refuses other sizes
    channels = net.classifier[0].in_features
    assert channels % GRID**2 == 0
    return apply(graph, net.classifier, graph.add("Reshape", x, graph.integers(-1, channels)))
