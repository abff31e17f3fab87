"""The nets once more, in torch, written from what was published, to be run with the weights of ours.

The FCNs follow the prototxt files of shelhamer/fcn.berkeleyvision.org (voc-fcn32s, -16s, -8s, -8s-atonce): layer by
layer, with their pads, kernels, strides and crop offsets as those files state them. The U-Net follows the paper's
figure 1, and for padding "same" milesial's published port. Dropout is left out: the twins are nets in evaluation.
"""

import numpy as np
import torch
import torch.nn.functional as F

import minitensor as mt
from layers import Conv2d, ConvTranspose2d


def randomised(net, seed=0):
    """The net in float64 and evaluation mode, with all weights random, so that no term is zero by chance or design.

    Kernels are drawn as He et al. do, that signals neither vanish nor explode; biases are small, running means and
    variances such as batches have.
    """
    draw = np.random.default_rng(seed)
    net.to(mt.float64).eval()
    fan_ins = {}
    for name, module in net.named_modules():
        if isinstance(module, Conv2d):
            fan_ins[f"{name}.weight"] = module.weight[0].size
        elif isinstance(module, ConvTranspose2d):
            taps = module.kernel_size[0] * module.kernel_size[1] // (module.stride[0] * module.stride[1])
            fan_ins[f"{name}.weight"] = module.in_channels * taps
    state = {}
    for name, value in net.state_dict().items():
        numbers = draw.standard_normal(value.shape)
        if name in fan_ins:
            numbers *= (2 / fan_ins[name]) ** 0.5
        elif name.endswith(("running_var", "weight")):
            numbers = 0.5 + numbers**2
        else:
            numbers *= 0.1
        state[name] = numbers.astype(value.dtype)
    net.load_state_dict(state)
    return net


def torch_state(net, requires_grad=False):
    """The net's state as torch tensors of its own."""
    state = {name: torch.tensor(value.numpy().copy()) for name, value in net.state_dict().items()}
    for name, _ in net.named_parameters():
        state[name].requires_grad_(requires_grad)
    return state


def assert_same(net, twin, x):
    """Both give the same output for x, in float64, to rounding."""
    with mt.no_grad(), torch.no_grad():
        ours, theirs = net(mt.tensor(x)).numpy(), twin(torch_state(net), torch.tensor(x)).numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * np.abs(theirs).max())


def assert_same_gradients(net, twin, x):
    """Both give the same gradients of a random linear function of the output, by x and by every parameter."""
    image, weights = mt.tensor(x, requires_grad=True), torch_state(net, requires_grad=True)
    torch_image = torch.tensor(x, requires_grad=True)
    output, torch_output = net(image), twin(weights, torch_image)
    direction = np.random.default_rng(1).standard_normal(output.shape)
    output.backward(mt.tensor(direction))
    torch_output.backward(torch.tensor(direction))
    pairs = [("x", image.grad, torch_image.grad)]
    pairs += [(name, parameter.grad, weights[name].grad) for name, parameter in net.named_parameters()]
    for name, ours, theirs in pairs:
        theirs = theirs.numpy()
        scale = np.abs(theirs).max()
        assert scale > 0, f"the gradient of {name} is zero: nothing is tested"
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-8, atol=1e-9 * scale, err_msg=name)


# FCN: voc-fcn32s/train.prototxt and its relatives

VGG = ("conv1_1 conv1_2 pool1 conv2_1 conv2_2 pool2 conv3_1 conv3_2 conv3_3 pool3 "
       "conv4_1 conv4_2 conv4_3 pool4 conv5_1 conv5_2 conv5_3 pool5").split()  # fmt: skip


def fcn_scores(state, image):
    """data -> score_fr, with all that came by on the way."""
    blobs, top = {}, image
    for name in VGG:
        if name.startswith("pool"):
            top = F.max_pool2d(top, kernel_size=2, stride=2, ceil_mode=True)
        else:
            pad = 100 if name == "conv1_1" else 1
            top = F.relu(F.conv2d(top, state[f"{name}.weight"], state[f"{name}.bias"], padding=pad))
        blobs[name] = top
    for name in ("fc6", "fc7"):
        top = F.relu(F.conv2d(top, state[f"{name}.weight"], state[f"{name}.bias"]))
    return score(state, "score_fr", top), blobs


def score(state, name, bottom):
    return F.conv2d(bottom, state[f"{name}.weight"], state[f"{name}.bias"])


def deconvolution(state, name, bottom, stride):
    return F.conv_transpose2d(bottom, state[f"{name}.weight"], stride=stride)


def crop(bottom, like, offset):
    return bottom[:, :, offset : offset + like.shape[2], offset : offset + like.shape[3]]


def fcn32s(state, image):
    score_fr, _ = fcn_scores(state, image)
    return crop(deconvolution(state, "upscore", score_fr, 32), image, 19)


def fcn16s(state, image, scale_pool4=1.0):
    score_fr, blobs = fcn_scores(state, image)
    upscore2 = deconvolution(state, "upscore2", score_fr, 2)
    score_pool4 = score(state, "score_pool4", blobs["pool4"] * scale_pool4)
    fuse_pool4 = upscore2 + crop(score_pool4, upscore2, 5)
    return crop(deconvolution(state, "upscore16", fuse_pool4, 16), image, 27)


def fcn8s(state, image, scale_pool4=1.0, scale_pool3=1.0):
    score_fr, blobs = fcn_scores(state, image)
    upscore2 = deconvolution(state, "upscore2", score_fr, 2)
    score_pool4 = score(state, "score_pool4", blobs["pool4"] * scale_pool4)
    upscore_pool4 = deconvolution(state, "upscore_pool4", upscore2 + crop(score_pool4, upscore2, 5), 2)
    score_pool3 = score(state, "score_pool3", blobs["pool3"] * scale_pool3)
    fuse_pool3 = upscore_pool4 + crop(score_pool3, upscore_pool4, 9)
    return crop(deconvolution(state, "upscore8", fuse_pool3, 8), image, 31)


def fcn16s_at_once(state, image):
    return fcn16s(state, image, scale_pool4=0.01)


def fcn8s_at_once(state, image):
    return fcn8s(state, image, scale_pool4=0.01, scale_pool3=0.0001)


# U-Net


def double_conv(state, path, x, pad):
    """(3x3 convolution, batch norm if the state has one, ReLU), twice."""
    normalised = f"{path}.1.running_mean" in state
    for conv in (0, 3) if normalised else (0, 2):
        x = F.conv2d(x, state[f"{path}.{conv}.weight"], state.get(f"{path}.{conv}.bias"), padding=pad)
        if normalised:
            names = ("running_mean", "running_var", "weight", "bias")
            x = F.batch_norm(x, *(state[f"{path}.{conv + 1}.{name}"] for name in names))
        x = F.relu(x)
    return x


def unet(state, x, pad=0, depth=4, relu_after_up=False):
    """Figure 1 of the paper (pad 0), or milesial's port (pad 1), for sizes that need no further padding."""
    skips = [double_conv(state, "inc.double_conv", x, pad)]
    for level in range(1, depth + 1):
        pooled = F.max_pool2d(skips[-1], 2)
        skips.append(double_conv(state, f"down{level}.maxpool_conv.1.double_conv", pooled, pad))
    x = skips.pop()
    for level in range(1, depth + 1):
        if f"up{level}.up.weight" in state:
            x = F.conv_transpose2d(x, state[f"up{level}.up.weight"], state[f"up{level}.up.bias"], stride=2)
        else:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = F.relu(x) if relu_after_up else x
        skip = skips.pop()
        rows, columns = (skip.shape[2] - x.shape[2]) // 2, (skip.shape[3] - x.shape[3]) // 2
        skip = skip[:, :, rows : skip.shape[2] - rows, columns : skip.shape[3] - columns]
        x = double_conv(state, f"up{level}.conv.double_conv", torch.cat([skip, x], 1), pad)
    return F.conv2d(x, state["outc.conv.weight"], state["outc.conv.bias"])
