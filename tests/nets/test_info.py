"""`python -m nets info`: the text is computed from the plan, and the plan must be what the net really does."""

import argparse
import re

import pytest

import layers
import minitensor as mt
import nets
from layers import init
from minitensor import random
from nets.__main__ import main
from nets.commands import info
from nets.drawing import as_svg
from nets.plan import Branch, Window


def run(*arguments):
    parser = argparse.ArgumentParser()
    info.add_arguments(parser)
    return info.main(parser.parse_args(arguments))


@init.skipped()
def test_unet_of_the_paper(capsys):
    run("unet")
    text = capsys.readouterr().out
    for part in (
        "2 x 388 x 388",
        "31,030,658",
        "150.4 GMAC",
        "1024 x 28 x 28",
        "188 pixels for 100, 204 pixels for 288",
    ):
        assert part in text
    assert [line.split()[-1] for line in text.splitlines() if "crop of the skip" in line] == ["4", "16", "40", "88"]


@init.skipped()
def test_fcn8s_of_the_paper(capsys):
    run("fcn8s", "--input", "500", "500")
    text = capsys.readouterr().out
    for part in ("21 x 500 x 500", "134,489,759", "181.5 GMAC", "from 31", "from 9", "from 5", "64 x 698 x 698"):
        assert part in text


@init.skipped()
def test_vgg16(capsys):
    run("vgg16")
    text = capsys.readouterr().out
    assert "1000 x 1 x 1" in text and "138,357,544" in text and "15.5 GMAC" in text


@init.skipped()
def test_padded_unet_says_how_it_pads(capsys):
    run("unet-same", "--input", "100", "30")
    text = capsys.readouterr().out
    assert "3 x 112 x 32" in text and "2 x 100 x 30" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("unet", "--input", "570", "570"), "nearest valid are 556 and 572"),
        (("vgg16", "--input", "100", "100"), "classifier.0 .* does not fit on 3x3"),
        (("fcn8s", "--input", "0", "5"), "at least 1, got 0 5"),
    ],
)
@init.skipped()
def test_sizes_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(*arguments)


def outputs_of_a_run(net, x):
    """(channels, height, width) after every convolution and pooling of a real run, in the order of the run."""
    shapes = []
    for module in net.modules():
        if isinstance(module, (layers.Conv2d, layers.ConvTranspose2d, layers.MaxPool2d, layers.Upsample)):
            forward = module.forward

            def watched(image, forward=forward):
                result = forward(image)
                shapes.append(result.shape[1:])
                return result

            module.forward = watched
    net(x)
    return shapes


def outputs_of_the_plan(net, channels, size):
    """The same, walked through the plan."""
    shapes = []

    def walk(steps, channels, size):
        for step in steps:
            if isinstance(step, Branch):
                deep_channels, deep_size = walk(step.through, channels, size)
                skip_channels, _ = walk(step.around, channels, size)
                channels = deep_channels + skip_channels if step.joined == "concatenated" else deep_channels
                size = deep_size
            elif isinstance(step, Window):
                channels, size = step.channels or channels, tuple(step.output_size(n) for n in size)
                shapes.append((channels, *size))
        return channels, size

    walk(net.plan(), channels, size)
    return shapes


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: nets.UNet(3, 2, 2), (188, 204)),
        (lambda: nets.UNet.released(3, 2, 2), (204, 188)),
        (lambda: nets.UNet(3, 2, 2, depth=2, padding="same", up="bilinear"), (20, 36)),
        (lambda: nets.FCN32s(3, width=1 / 64), (50, 33)),
        (lambda: nets.FCN16s(3, width=1 / 64), (64, 1)),
        (lambda: nets.FCN8s(3, width=1 / 64), (37, 41)),
        (lambda: nets.VGG16(3, width=1 / 64), (224, 224)),
    ],
)
def test_plan_is_what_the_net_does(make, size):
    net = make().eval()
    run, plan = outputs_of_a_run(net, mt.zeros(1, 3, *size)), outputs_of_the_plan(net, 3, size)
    linear = [shape for shape in plan if shape[1:] == (1, 1)] if isinstance(net, nets.VGG16) else []
    assert plan == run + linear


def test_describing_a_net_draws_no_random_numbers(capsys):
    before = random.get_state()
    run("vgg16")
    assert random.get_state() == before
    assert nets.UNet(1, 2, base_channels=1).inc.double_conv[0].weight.numpy().any()  # and later nets do again


def test_the_u_is_drawn_with_the_sizes_of_the_paper(tmp_path, capsys):
    assert main(["info", "unet", "--svg", str(tmp_path / "unet.svg")]) == 0
    svg = (tmp_path / "unet.svg").read_text()
    assert 'viewBox="0 0' in svg and "UNet on 572x572" in svg
    for words in ("1 x 572²", "64 x 568²", "1024 x 28²", "128 x 392²", "2 x 388²"):
        assert f">{words}<" in svg
    for crop in (88, 40, 16, 4):
        assert svg.count(f">crop {crop}<") == 1
    levels = {float(y) for y in re.findall(r'<rect x="[^"]*" y="([^"]*)" width="74"', svg)}
    assert len(levels) == 5


def test_every_layer_of_an_fcn_is_a_box(tmp_path, capsys):
    net = nets.FCN8s(classes=3, width=1 / 32)
    svg = as_svg(net, 100, 120, 3)
    windows = [
        name for name, layer in net.named_modules() if not list(layer.children()) and "drop" not in name and name
    ]
    on_skips = ["score_pool3", "score_pool4"]
    for name in windows:
        assert (f"<title>{name}</title>" in svg) == (name not in on_skips), name
    assert "score_pool4 1x1, crop 5" in svg and "score_pool3 1x1, crop 9" in svg and ">from 31<" in svg


def test_a_net_that_does_not_fit_is_not_drawn(tmp_path, capsys):
    assert main(["info", "unet", "--input", "570", "570", "--svg", str(tmp_path / "a.svg")]) != 0
    assert not list(tmp_path.iterdir())
