"""Traces: the last stage is torch's result, every stage follows from the one before, all renderers show the numbers."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor.__main__ import main
from minitensor.trace import trace_backward, trace_bilinear, trace_conv2d, trace_conv_transpose2d, trace_max_pool2d
from minitensor.trace.page import as_html
from minitensor.trace.stages import INPUT, PADDING, ZERO
from minitensor.trace.svg import as_svg
from minitensor.trace.text import as_text
from tests.strategies import convolutions, transposed_convolutions

functional = torch.nn.functional
STAGES = ["input", "kernel", "zeros inserted", "padded", "rotated kernel", "full", "output"]
CHROMIUM = shutil.which("chromium")


def plain(array):
    return torch.tensor(np.array(array, order="C"))


@given(convolutions())
def test_conv2d(drawn):
    x, weight, bias, settings = drawn
    trace = trace_conv2d(x, weight, bias, **settings)
    expected = functional.conv2d(plain(x), plain(weight), plain(bias), **settings)
    np.testing.assert_allclose(trace.result, expected.numpy(), atol=1e-12)
    sums_are_what_they_say(trace_conv2d(x, weight, **settings).stage("output"))


@given(transposed_convolutions())
def test_conv_transpose2d(drawn):
    """Padding beyond k - 1, output padding, dilation and groups are among what is drawn."""
    x, weight, bias, settings = drawn
    trace = trace_conv_transpose2d(x, weight, bias, **settings)
    assert [stage.name for stage in trace.stages] == STAGES
    expected = functional.conv_transpose2d(plain(x), plain(weight), plain(bias), **settings)
    np.testing.assert_allclose(trace.result, expected.numpy(), atol=1e-12)
    # what the kinds say: the image's pixels, in order, between zeros
    for name in ("zeros inserted", "padded"):
        stage = trace.stage(name)
        np.testing.assert_array_equal(stage.array[stage.kinds == INPUT].ravel(), np.ravel(x))
        assert not stage.array[(stage.kinds == ZERO) | (stage.kinds == PADDING)].any()
    full = trace.stage("full")
    sums_are_what_they_say(full)
    inside = functional.conv2d(
        plain(trace.stage("padded").array), plain(trace.stage("rotated kernel").array.copy()),
        groups=settings["groups"], dilation=settings["dilation"],
    )  # fmt: skip
    np.testing.assert_allclose(full.array, inside.numpy(), atol=1e-12)
    for stage in trace.stages:
        assert stage.kinds.shape == stage.array.shape


def sums_are_what_they_say(stage):
    for cell, pairs in stage.products.items():
        assert sum(a * b for a, b in pairs) == pytest.approx(stage.array[0, 0][cell], abs=1e-12)


@given(st.tuples(st.integers(1, 5), st.integers(1, 5)), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.booleans())
def test_bilinear(size, target, align_corners):
    x = np.random.default_rng(0).standard_normal((1, 2, *size))
    trace = trace_bilinear(x, target, align_corners)
    leaf = torch.tensor(x, requires_grad=True)
    expected = functional.interpolate(leaf, target, mode="bilinear", align_corners=align_corners)
    expected.sum().backward()
    np.testing.assert_allclose(trace.result, expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(trace.stage("gradient").array, leaf.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(trace.stage("A").array.sum(1), 1)
    sums_are_what_they_say(trace.stage("output"))


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 1), st.integers(1, 2))
def test_max_pool2d(kernel, stride, padding, dilation):
    padding = min(padding, kernel // 2)
    x = np.random.default_rng(0).permutation(2 * 7 * 6).reshape(1, 2, 7, 6).astype(np.float64)
    trace = trace_max_pool2d(x, kernel, stride, padding, dilation)
    leaf = torch.tensor(x, requires_grad=True)
    expected = functional.max_pool2d(leaf, kernel, stride, padding, dilation)
    expected.sum().backward()
    np.testing.assert_array_equal(trace.result, expected.detach().numpy())
    np.testing.assert_array_equal(trace.stage("gradient").array, leaf.grad.numpy())
    for cell, pairs in trace.stage("output").products.items():
        assert max(a for a, _ in pairs) == trace.result[0, 0][cell]


def test_backward_in_its_order():
    x = mt.tensor([[1.0, -2.0]], dtype=mt.float64)
    w, b = (mt.tensor(value, dtype=mt.float64, requires_grad=True) for value in (3.0, 0.5))
    trace = trace_backward(((x * w + b).relu() ** 2).sum(), {w: "w", b: "b"})
    names = [stage.name for stage in trace.stages]
    assert names[-6:] == ["Power 3", "Relu 2", "Add 1", "Multiply 0", "w", "b"] and names[0].startswith("Sum")
    assert trace.stage("Relu 2").array.tolist() == [[7.0, 0.0]] and trace.stage("w").array.tolist() == [[7.0]]
    assert "made of Multiply 0 and b" in trace.stage("Add 1").words
    with pytest.raises(ValueError, match="a scalar Tensor that was computed"):
        trace_backward(x)


def test_json_is_plain_and_complete(capsys):
    command = "trace conv_transpose2d --size 2 3 --kernel 3 --stride 2 --padding 1 --json"
    assert main(command.split()) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert [stage["name"] for stage in stages] == STAGES
    x, weight = torch.arange(1.0, 7).reshape(1, 1, 2, 3), torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    expected = functional.conv_transpose2d(x, weight, stride=2, padding=1)[0, 0]
    assert stages[-1]["array"] == expected.tolist()
    assert stages[3]["kinds"][2][2:5] == ["input", "zero", "input"] and stages[3]["kinds"][0][0] == "padding"


def test_text_shows_every_stage():
    trace = trace_conv_transpose2d(np.array([[1.0, 2], [3, 4]]), np.array([[1.0, 0.5], [2, -1]]), stride=2, padding=1)
    text = as_text(trace)
    for number, name in enumerate(STAGES, start=1):
        assert f"{number}. {name} " in text
    assert "   1 · 2\n   · · ·\n   3 · 4\n" in text and "x x" in text
    assert re.search(r"full\[\d,\d\] = .* = ", text)


def test_svg_has_every_number_and_words_for_the_colours():
    trace = trace_conv2d(np.arange(100.0, 109).reshape(3, 3), np.ones((2, 2)), padding=1)
    svg = as_svg(trace)
    assert svg.count("<rect") >= sum(stage.array.size for stage in trace.stages)
    for word in ("[input]", "[kernel]", "padding", "[output]", ">108<", "url(#hatch)"):
        assert word in svg


def test_files(tmp_path, capsys):
    from PIL import Image

    names = {kind: str(tmp_path / f"a.{kind}") for kind in ("svg", "png", "gif", "html")}
    arguments = [part for kind, name in names.items() for part in (f"--{kind}", name)]
    assert main(["trace", "conv_transpose2d", "--size", "2", "2", "--stride", "2", *arguments]) == 0
    with Image.open(names["gif"]) as gif, Image.open(names["png"]) as png:
        assert gif.n_frames == len(STAGES) + 16 and png.size[1] > 700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.gif", "a.html", "a.png", "a.svg"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("conv2d --size 2 2 --kernel 5", "the kernel (5, 5) does not fit into the image (2, 2)"),
        ("conv_transpose2d --stride 2 --output-padding 2", "output_padding (2, 2) must be below"),
        ("conv_transpose2d --size 1 1 --padding 1", "the output would have size"),
        ("conv2d --size 0 3", "at least 1"),
        ("conv2d --channels 3 --groups 2", "3 channels and 1 filters do not divide into 2 groups"),
        ("conv2d --kernel 1 2 3", "--kernel: one number, or height and width"),
        ("max_pool2d --padding 2", "padding (2, 2) is more than half"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_one_line(command, words, capsys):
    assert main(["trace", *command.split()]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_the_page_in_a_browser(tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api")
    trace = trace_conv_transpose2d(np.arange(1.0, 7).reshape(2, 3), np.arange(1.0, 5).reshape(2, 2), stride=2)
    page_file = tmp_path / "page.html"
    page_file.write_text(as_html(trace), encoding="utf-8")
    faults, requests = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 700})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_function("window.ready")
        for stage in trace.stages:
            cells = page.eval_on_selector_all(
                f'table[data-name="{stage.name}"] tr', "rows => rows.map(r => [...r.cells].map(c => +c.textContent))"
            )
            assert cells == stage.array[0, 0].tolist()
        page.focus('table[data-name="full"] td')
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.text_content("#sum").startswith("full[1,1] = ") and page.text_content("#sum").endswith("= 4")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()
    assert not faults and requests == [page_file.as_uri()]
