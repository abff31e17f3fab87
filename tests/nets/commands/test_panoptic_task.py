"""--task panoptic from the command line: what predict writes is COCO's format, and evaluate counts the same."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from nets.__main__ import main
from nets.data import IGNORE, cells, open_folder
from nets.data.sample import Sample
from nets.segmentation.metrics import PanopticQuality, Segment
from nets.segmentation.panoptic import found_map, true_map
from nets.training.results import load_decision
from nets.training.run import Run
from tests.nets.commands.refused import refused
from tests.nets.tiny import TINY

COUNT = 4


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory):
    """A folder with object numbers of 16 bits."""
    folder = tmp_path_factory.mktemp("nuclei")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    dataset = cells(length=COUNT, size=(40, 48))
    for number in range(COUNT):
        sample = dataset.sample(number)
        Image.fromarray(sample.image).save(folder / "images" / f"{number}.png")
        Image.fromarray(sample.instances.astype(np.uint16)).save(folder / "masks" / f"{number}.png")
    return folder


@pytest.mark.parametrize("method", ["watershed", "centres"])
def test_train_predict_evaluate(nuclei, tmp_path, capsys, method):
    run, out = tmp_path / "run", tmp_path / "out"
    options = ["--task", "panoptic", "--method", method, *TINY, "--steps", "12", "--out", str(run)]
    assert main(["train", "--data", str(nuclei), *options]) == 0
    assert all("pq" in json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    assert main(["predict", str(run), str(nuclei / "images"), "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data", str(nuclei), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    metric = PanopticQuality()
    for number in range(COUNT):
        content = json.loads((out / f"{number}_panoptic.json").read_text())
        (annotation,) = content["annotations"]
        position = {entry["id"]: at for at, entry in enumerate(content["categories"])}
        assert content["images"][0] == {"id": 1, "file_name": f"{number}_panoptic.png", "height": 40, "width": 48}
        red, green, blue = np.moveaxis(np.asarray(Image.open(out / annotation["file_name"])).astype(int), -1, 0)
        ids = red + 256 * green + 65536 * blue
        for entry in annotation["segments_info"]:
            assert entry["area"] == (ids == entry["id"]).sum()
        segments = {entry["id"]: Segment(position[entry["category_id"]]) for entry in annotation["segments_info"]}
        instances = np.asarray(Image.open(nuclei / "masks" / f"{number}.png")).astype(np.int32)
        truth = true_map(Sample(None, (instances > 0).astype(np.uint8), instances, ""), (1,))
        metric.update(*truth, ids, segments)
    assert [found[key] for key in ("pq", "sq", "rq")] == pytest.approx(metric.scores()[:3])
    assert {"f1_50", "aji", "mean_iu"} <= set(found)


def test_the_answers_are_a_data_set_again(nuclei, tmp_path, capsys):
    run, answers = tmp_path / "run", tmp_path / "answers"
    options = ["--task", "panoptic", *TINY, "--steps", "12", "--out", str(run)]
    assert main(["train", "--data", str(nuclei), *options]) == 0
    assert main(["predict", str(run), str(nuclei / "images"), "--out", str(answers / "masks")]) == 0
    assert "all images in one data set" in capsys.readouterr().out
    (answers / "masks" / "panoptic.json").rename(answers / "panoptic.json")
    for file in (answers / "masks").iterdir():
        if not file.name.endswith("_panoptic.png"):
            file.unlink()
    shutil.copytree(nuclei / "images", answers / "images")
    dataset = open_folder(answers)
    run = Run.open(run)
    assert dataset.classes == run.config.classes
    for index in range(COUNT):
        sample = dataset.sample(index)
        found = load_decision(run).find(run.load_net(), sample.image, run.config)
        assert np.array_equal(sample.instances, found.instances)
        written = found_map(found, run.config.things).ids > 0
        assert np.array_equal(sample.label, np.where(written, found.label, IGNORE))


def test_data_without_objects_is_refused(folder, tmp_path, capsys):
    out = tmp_path / "run"
    options = ["train", "--task", "panoptic", "--data", folder, "--out", out]
    refused(capsys, *options, saying=["task panoptic", "hold classes, not objects"])
    assert not out.exists()
