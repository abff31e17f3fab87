"""report.html: what it says, in a real browser, for every task; and python -m nets report."""

import json
import re
import shutil

import numpy as np
import pytest

from nets.__main__ import main
from nets.training.page import EACH, write_page
from nets.training.run import Run
from tests.nets.commands.refused import refused

CHROMIUM = shutil.which("chromium")
TASKS = {
    "semantic": ["--data", "cells"],
    "instance": ["--data", "cells", "--task", "instance"],
    "panoptic": ["--data", "street", "--task", "panoptic"],
}


@pytest.fixture(scope="module", params=TASKS)
def run(request, tmp_path_factory):
    """A run of two steps of each task."""
    out = tmp_path_factory.mktemp("run") / "a run"
    small = ["--base", "2", "--depth", "2", "--crop", "32", "--steps", "2", "--out", str(out)]
    assert main(["train", *TASKS[request.param], *small]) == 0
    return Run.open(out)


def content(run):
    """The data inside the page."""
    text = run.path("report.html").read_text(encoding="utf-8")
    return json.loads(re.search(r"const report = (.*);\n", text)[1].replace("<\\/", "</"))


def test_the_page_says_what_the_run_says(run, capsys):
    said = content(run)
    assert main(["evaluate", str(run.folder), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    tables = dict(map(tuple, said["tables"]))
    for row in tables["Scores"]:
        assert row["value"] == pytest.approx(scores[row["score"].replace(" ", "_")])
    for shown, scored in zip(tables["Pixels by class"], scores["per_class"], strict=True):
        assert shown == {key: value for key, value in scored.items() if not key.startswith("boundary")}
    counts = np.array(said["confusion"]["counts"])
    assert counts.sum() == sum(row["pixels"] for row in scores["per_class"])
    ranks = [image["rank"] for image in said["images"]]
    assert ranks == ["best"] * EACH + ["median"] * EACH + ["worst"] * EACH
    values = [float(image["score"].split()[-1]) for image in said["images"]]
    assert min(values[:EACH]) >= max(values[EACH : 2 * EACH]) >= min(values[EACH : 2 * EACH]) >= max(values[2 * EACH :])
    assert all(len(image["pictures"]) == 4 for image in said["images"])
    assert f"--task {run.config.task}" in said["command"] and said["curves"].startswith("data:image/png")


def test_the_command_makes_it_again(run, capsys):
    before = content(run)
    run.path("report.html").unlink()
    assert main(["report", str(run.folder)]) == 0
    assert "report.html" in capsys.readouterr().out
    after = content(run)
    assert after["images"] == before["images"] and after["confusion"] == before["confusion"]


def test_while_in_training_there_are_no_images_yet(run):
    kept = run.path("report.html").read_bytes()
    write_page(run, run.metrics())
    assert content(run)["images"] == [] and "still in training, 2 steps" in content(run)["summary"]
    run.path("report.html").write_bytes(kept)


def test_the_report_of_a_training_that_was_killed_says_so(run, capsys):
    kept = {name: run.path(name).read_bytes() for name in ("decision.json", "report.html", "curves.png")}
    run.path("decision.json").unlink()
    run.path("curves.png").unlink()
    assert main(["report", str(run.folder)]) == 0
    assert "the training has not ended" in capsys.readouterr().out
    said = content(run)
    assert "final decision" not in said["summary"] and "still in training" in said["summary"] and said["curves"]
    for name, old in kept.items():
        run.path(name).write_bytes(old)


def test_no_run_no_report(tmp_path, capsys):
    refused(capsys, "report", tmp_path, saying=["not a run folder"])


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_in_a_browser(run):
    sync_api = pytest.importorskip("playwright.sync_api")
    faults, requests = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 700})
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto(run.path("report.html").resolve().as_uri())
        page.wait_for_function("window.ready")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("img").count() == 1 + 3 * EACH
        assert page.eval_on_selector_all("img", "all => all.every(e => e.alt && e.naturalWidth > 0)")
        slider = page.locator(".card input").first
        assert slider.get_attribute("aria-valuetext") == "prediction"
        before = page.locator(".card img").first.get_attribute("src")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == "error"
        assert page.locator(".card img").first.get_attribute("src") != before
        page.keyboard.press("Home")
        assert page.locator(".card img").first.get_attribute("alt").endswith(": image")
        browser.close()
    assert not faults and not [url for url in requests if not url.startswith(("file:", "data:"))]
