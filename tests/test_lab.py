"""The lab in a real browser: golden numbers from our kernels for every setting, keyboard, languages, small screens."""

import json
import shutil

import numpy as np
import pytest
import torch

from docs.lab import data
from docs.lab.build import HERE, page, write

CHROMIUM = shutil.which("chromium")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
functional = torch.nn.functional


@pytest.fixture(scope="module")
def numbers():
    return json.loads(json.dumps(data.everything()))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A function (hash, width) -> the loaded page; at the end no fault and no request but the file."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = write(tmp_path_factory.mktemp("lab") / "lab.html")
    faults, requests = [], set()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(offline=True)

        def opened(address="", width=1100):
            shown = context.new_page()
            shown.set_viewport_size({"width": width, "height": 800})
            shown.on("pageerror", lambda error: faults.append(str(error)))
            shown.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            shown.on("request", lambda request: requests.add(request.url.split("#")[0]))
            shown.goto(path.as_uri() + address)
            shown.wait_for_function("window.ready")
            return shown

        yield opened
        browser.close()
    assert not faults and requests == {path.as_uri()}


def grid(shown, name):
    return shown.eval_on_selector_all(
        f'table[data-name="{name}"] tr', "rows => rows.map(r => [...r.cells].map(c => +c.textContent))"
    )


def put(shown, slider, position):
    shown.eval_on_selector(
        f"#{slider}", "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", str(position)
    )


def test_the_numbers_are_torchs(numbers):
    """The page shows what data.py says; here data.py is held to torch, for every setting."""
    for size, kernel, stride, padding, output_padding, dilation in data.transposed_settings():
        found = numbers["transposed"][data.key(size, kernel, stride, padding, output_padding, dilation)]
        x, weight = (torch.tensor(data.counting(n))[None, None] for n in (size, kernel))
        expected = functional.conv_transpose2d(x, weight, None, stride, padding, output_padding, 1, dilation)
        assert found["output"] == expected[0, 0].tolist()
    for size, kernel, stride, padding, dilation in data.conv_settings():
        found = numbers["conv"][data.key(size, kernel, stride, padding, dilation)]
        x, weight = (torch.tensor(data.counting(n))[None, None] for n in (size, kernel))
        expected = functional.conv2d(x, weight, None, stride, padding, dilation)
        assert found["output"] == expected[0, 0].tolist()
    for name, found in numbers["border"].items():
        factor, image = map(int, name.split("-"))
        x = torch.ones(3, 3) if image == 0 else torch.arange(1.0, 10).reshape(3, 3)
        expected = functional.interpolate(x[None, None], scale_factor=factor, mode="bilinear")[0, 0].numpy()
        np.testing.assert_allclose(found["bilinear"], expected, atol=1e-4)
        difference, edge = np.array(found["difference"]), factor // 2
        assert not difference[edge:-edge, edge:-edge].any() and difference[0].all() and difference[:, -1].all()
    for name, found in numbers["pool"].items():
        kernel, stride = map(int, name.split("-"))
        x = torch.tensor(found["input"], dtype=torch.float64)[None, None]
        pooled, winners = functional.max_pool2d(x, kernel, stride, return_indices=True)
        expected = functional.max_unpool2d(pooled, winners, kernel, stride, output_size=(6, 6))
        assert found["unpooled"] == expected[0, 0].tolist()
    for name, found in numbers["matrix"].items():
        c, g = np.array(found["c"]), np.array(found["g"])
        np.testing.assert_array_equal((c.T @ g.ravel()).reshape(4, 4), found["grad"], err_msg=name)
    for name, found in numbers["bilinear"].items():
        size, target, corners = map(int, name.split("-"))
        row = torch.arange(1.0, size + 1)[None, None, None]
        expected = functional.interpolate(row, (1, target), mode="bilinear", align_corners=bool(corners))
        np.testing.assert_allclose(found["row"], expected[0, 0, 0].numpy(), atol=1e-4)
    assert len(numbers["early"]["right"]) - 2 == 5 and len(numbers["early"]["wrong"]) - 2 == 9
    assert numbers["unet"]["4"]["572"]["output"] == 388
    widths = [last - first + 1 for first, last in numbers["field"]["U-Net 572 -> 388"]["seen"]]
    assert (widths.count(188), widths.count(204)) == (100, 288)


def test_tiles_cover_the_image_once_and_read_their_margin(numbers):
    for found in numbers["tile"].values():
        for name, along in found["spans"].items():
            side = int(name.split("-")[0])
            kept = np.zeros(side, int)
            for start, end, first, last in along:
                kept[first:last] = 1
                whole = found["mirrors"] or (start > 0, end < side)
                assert found["mirrors"] or (0 <= start and end <= side)
                for beyond, reached in ((first - start, start > 0), (end - last, end < side)):
                    if whole is True or reached:
                        assert beyond >= found["margin"]
            assert kept.all()


def test_the_file_is_small_and_alone():
    text = page()
    assert len(text.encode()) < 1_000_000
    text = text.replace("http://www.w3.org/2000/svg", "")  # a name, not an address that is asked
    assert not any(word in text for word in ("http:", "https:", "src=", "@import"))


def test_both_languages_have_every_text():
    texts = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
    assert texts["en"].keys() == texts["ko"].keys() and all(texts["ko"].values())


EVERY_SETTING = """
settings => settings.map(positions => {
  for (const [name, position] of Object.entries(positions)) {
    const slider = document.getElementById("transposed-" + name);
    slider.value = position;
    slider.dispatchEvent(new Event("input"));
  }
  const names = ["input", "zeros inserted", "padded", "rotated kernel", "full", "output"];
  const grids = Object.fromEntries(names.map(name => [name,
    [...document.querySelectorAll(`table[data-name="${name}"] tr`)].map(r => [...r.cells].map(c => +c.textContent))]));
  return [grids, [...document.getElementById("sum").childNodes].map(n => n.textContent)];
})
"""


@in_browser
def test_every_setting_of_the_transposed_convolution(lab, numbers):
    """The browser moves the sliders through all settings in one go, and gives back what it shows."""
    ranges, settings = numbers["ranges"], list(data.transposed_settings())
    names = ("dilation", "size", "kernel", "stride", "padding")
    positions = [
        {name: ranges[name].index(value) for name, value in zip(names, (setting[-1], *setting[:4]), strict=True)}
        | {"output_padding": setting[4]}
        for setting in settings
    ]
    shown = lab().evaluate(EVERY_SETTING, positions)
    for setting, (grids, lines) in zip(settings, shown, strict=True):
        found = numbers["transposed"][data.key(*setting)]
        assert grids == {name: found[name] for name in grids}, setting
        gather, scatter = lines[::2]
        first = str(found["full"][0][0])
        assert gather.endswith(f"= {first}") and scatter.endswith(f"= {first}"), setting


EVERY_CONVOLUTION = """
settings => settings.map(positions => {
  for (const [name, position] of Object.entries(positions)) {
    const slider = document.getElementById("conv-" + name);
    slider.value = position;
    slider.dispatchEvent(new Event("input"));
  }
  const step = document.getElementById("conv-step");
  step.value = step.max;
  step.dispatchEvent(new Event("input"));
  const grids = ["conv-input", "conv-padded", "conv-output"].map(name =>
    [...document.querySelectorAll(`table[data-name="${name}"] tr`)].map(r => [...r.cells].map(c => +c.textContent)));
  return [grids, document.getElementById("conv-sum").textContent];
})
"""


@in_browser
def test_every_setting_of_the_convolution(lab, numbers):
    """The last result of each setting: its sum of products is what the kernel computed."""
    ranges, settings = numbers["ranges"], list(data.conv_settings())
    names = {"size": "conv_size", "kernel": "conv_kernel", "stride": "stride", "padding": "padding"}
    names["dilation"] = "dilation"
    positions = [
        {name: ranges[of].index(value) for (name, of), value in zip(names.items(), setting, strict=True)}
        for setting in settings
    ]
    for setting, (grids, line) in zip(settings, lab().evaluate(EVERY_CONVOLUTION, positions), strict=True):
        found = numbers["conv"][data.key(*setting)]
        assert grids == [found[name] for name in ("input", "padded", "output")], setting
        terms, value = line.split(": ")[1].split(" = ")
        products = [np.prod([int(n) for n in term.split("·")]) for term in terms.split(" + ")]
        assert sum(products) == int(value) == found["output"][-1][-1], setting


@in_browser
@pytest.mark.parametrize("dilation", [1, 2])
def test_every_step_says_the_same_both_ways(lab, numbers, dilation):
    shown = lab(f"#transposed-size=3&transposed-kernel=3&transposed-stride=2&transposed-dilation={dilation}")
    full = np.array(grid(shown, "full"))
    for step in range(full.size):
        put(shown, "transposed-step", step)
        lines = shown.evaluate("[...document.getElementById('sum').childNodes].map(n => n.textContent)")[::2]
        for line in lines:
            terms, value = line.split(": ")[1].split(" = ")
            assert int(value) == full.ravel()[step]
            assert sum(np.prod([int(n) for n in term.split("·")]) for term in terms.split(" + ")) == int(value)


@in_browser
def test_the_other_sections(lab, numbers):
    shown = lab()
    for kernel, stride in [(1, 1), (3, 2), (4, 2), (6, 4)]:
        put(shown, "board-kernel", kernel - 1)
        put(shown, "board-stride", stride - 1)
        found = numbers["board"][data.key(kernel, stride)]
        assert grid(shown, "board") == found["image"] and grid(shown, "phases") == found["phases"]
        assert ("equal" in shown.text_content("#even")) == (len({n for row in found["phases"] for n in row}) == 1)
    for name, found in numbers["matrix"].items():
        for slider, value in zip(("kernel", "stride", "padding"), map(int, name.split("-")), strict=True):
            put(shown, f"matrix-{slider}", value - (slider != "padding"))
        assert grid(shown, "C") == found["c"] and grid(shown, "grad") == found["grad"]
        assert grid(shown, "CT") == np.array(found["c"]).T.tolist()
    for name, found in numbers["bilinear"].items():
        size, target, corners = map(int, name.split("-"))
        put(shown, "bilinear-from", data.BILINEAR_FROM.index(size))
        put(shown, "bilinear-to", data.BILINEAR_TO.index(target))
        assert grid(shown, f"A{corners}") == found["matrix"] and grid(shown, f"row{corners}") == [found["row"]]
    for name, found in numbers["pool"].items():
        kernel, stride = map(int, name.split("-"))
        put(shown, "pool-kernel", kernel - 2)
        put(shown, "pool-stride", stride - 1)
        assert grid(shown, "pool-output") == found["output"] and grid(shown, "pool-gradient") == found["gradient"]
        assert grid(shown, "pool-unpooled") == found["unpooled"]
    for name, found in numbers["border"].items():
        factor, image = map(int, name.split("-"))
        put(shown, "border-factor", data.BORDER_FACTORS.index(factor))
        put(shown, "border-image", image)
        assert grid(shown, "border-fcn") == found["fcn"] and grid(shown, "border-bilinear") == found["bilinear"]
    for at, (name, found) in enumerate(numbers["tile"].items()):
        put(shown, "tile-net", at)
        for key, along in found["spans"].items():
            side, tile = map(int, key.split("-"))
            if side not in (150, 600, 1000):  # each takes the browser a while
                continue
            put(shown, "tile-image_side", data.TILE_SIDES.index(side))
            put(shown, "tile-tile", data.TILES.index(tile))
            put(shown, "tile-number", 99)  # the last one
            start, end, first, last = along[-1]
            said = shown.text_content("#tile-words")
            assert f"{len(along) ** 2} / {len(along) ** 2}" in said or len(along) > 10, name
            assert len(along) > 10 or f"reads {end - start}×{end - start}, keeps {last - first}×{last - first}" in said
    for depth in data.DEPTHS:
        put(shown, "unet-depth", depth - 1)
        for side in (100, 188, 572, 573):
            put(shown, "unet-side", side - 1)
            words = shown.text_content("#u")
            found = numbers["unet"][str(depth)].get(str(side))
            assert ("→" in words) == (found is not None)
            if found:
                assert f"{found['bottom'][0]} → {found['bottom'][1]}" in words
                assert f"{found['levels'][0][2]} → {found['output']}" in words
    for net, name in enumerate(data.FIELDS):
        put(shown, "field-net", net)
        for pixel in (0, 100, data.FIELD_OUTPUTS[name] - 1):
            put(shown, "field-pixel", pixel)
            first, last = numbers["field"][name]["seen"][pixel]
            assert shown.text_content("#field-words").endswith(f"{first} … {last}: {last - first + 1}")
    put(shown, "field-net", 0)
    bar = shown.locator("#field svg").bounding_box()
    shown.locator("#field svg").click(position={"x": bar["width"] / 2, "y": bar["height"] / 5})  # the output's middle
    middle = int(shown.input_value("#field-pixel"))
    assert abs(middle - data.FIELD_OUTPUTS["U-Net 572 -> 388"] // 2) <= 2
    assert f"field-pixel={middle}" in shown.evaluate("location.hash")
    put(shown, "graph-step", len(numbers["graph"]) - 1)
    assert shown.text_content("#graph-words") == numbers["graph"][-1]["words"]


@in_browser
def test_keyboard_address_language_and_a_small_screen(lab):
    shown = lab("#transposed-kernel=2&unet-side=188&lang=ko", width=360)
    assert shown.evaluate("document.documentElement.lang") == "ko" and "실험실" in shown.text_content("h1")
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert len(grid(shown, "kernel")) == 2 and "188 →" in shown.text_content("#u")
    shown.focus("#transposed-kernel")
    shown.keyboard.press("ArrowRight")
    assert len(grid(shown, "kernel")) == 3 and "transposed-kernel=3" in shown.evaluate("location.hash")
    assert shown.get_attribute("#transposed-step", "aria-valuetext").startswith("1 / ")
    shown.focus("#transposed-step")
    shown.keyboard.press("ArrowRight")
    assert shown.text_content("output[for=transposed-step]").startswith("2 / ")
    shown.click("#language")
    assert shown.text_content("h1") == "The lab" and len(grid(shown, "kernel")) == 3
    unnamed = shown.eval_on_selector_all(
        "input", "all => all.filter(e => !e.closest('label').textContent.trim()).length"
    )
    assert unnamed == 0


@in_browser
@pytest.mark.parametrize(("address", "step"), [("abc", 1), ("-3", 1), ("7", 8), ("99999", 25)])
def test_a_step_in_the_address_is_obeyed_or_ignored(lab, address, step):
    shown = lab(f"#conv-size=5&conv-kernel=3&conv-stride=1&conv-padding=1&conv-step={address}")
    assert shown.text_content("output[for=conv-step]") == f"{step} / 25"


@in_browser
def test_another_link_in_the_same_tab_is_followed(lab):
    shown = lab("#conv-kernel=3")
    shown.evaluate("window.ready = false; location.hash = 'conv-kernel=2&lang=ko'")
    shown.wait_for_function("window.ready")
    assert len(grid(shown, "conv-kernel")) == 2 and shown.title() == "실험실 · minitensor"
