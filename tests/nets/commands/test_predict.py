"""python -m nets predict: class maps of images of any size, and no input harmed."""

import numpy as np
from PIL import Image

from nets.__main__ import main
from nets.training.decision import Decision
from nets.training.run import Run
from tests.nets.commands.refused import refused


def test_predict_writes_ids_and_colors_of_images_of_any_size(finished_run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    sizes = {"one": (1, 1), "odd": (37, 101), "rgb": (20, 24, 3)}
    for name, size in sizes.items():
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    out = tmp_path / "out"
    images = [str(tmp_path / f"{name}.png") for name in sizes]
    assert main(["predict", str(finished_run), *images, "--out", str(out)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(sizes)
    run = Run.open(finished_run)
    net, decision = run.load_net(), Decision.load(run)
    for name, size in sizes.items():
        label = np.asarray(Image.open(out / f"{name}_label.png"))
        assert label.shape == size[:2] and label.dtype == np.uint8
        color = np.asarray(Image.open(out / f"{name}_color.png"))
        palette = np.array([entry.color for entry in run.config.classes])
        np.testing.assert_array_equal(color, palette[label])
        np.testing.assert_array_equal(np.asarray(Image.open(out / f"{name}_label.png").convert("RGB")), color)
        image = np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"))
        if name != "rgb":  # Pillow's grey is rounded in another way
            np.testing.assert_array_equal(label, decision.class_map(net, image, run.config))
    assert len(list(out.iterdir())) == 3 * len(sizes)


def test_bad_prediction_input_is_refused_and_leaves_nothing(finished_run, folder, tmp_path, capsys):
    good, bad = folder / "images" / "00.png", tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    (tmp_path / "sub").mkdir()
    twin = tmp_path / "sub" / "00.png"
    twin.write_bytes(good.read_bytes())
    out = tmp_path / "out"
    refused(capsys, "predict", finished_run, good, bad, "--out", out, saying=["bad.png"])
    refused(capsys, "predict", finished_run, good, tmp_path / "none.png", "--out", out, saying=["none.png"])
    refused(capsys, "predict", finished_run, good, twin, "--out", out, saying=["00.png", "sub"])
    refused(capsys, "predict", tmp_path, good, "--out", out, saying=[str(tmp_path), "config.json"])
    refused(capsys, "predict", finished_run, good, "--out", good, saying=["is not a folder"])
    refused(capsys, "predict", finished_run, saying=["IMAGE"])
    assert not out.exists()


def test_inputs_are_not_written_over(finished_run, folder, tmp_path, capsys):
    for name in ("a.png", "a_label.png"):
        (tmp_path / name).write_bytes((folder / "images" / "00.png").read_bytes())
    images = [tmp_path / "a.png", tmp_path / "a_label.png"]
    refused(capsys, "predict", finished_run, *images, "--out", tmp_path, saying=["a_label.png", "--out"])
    assert sorted(tmp_path.iterdir()) == images


def test_a_folder_of_images_is_predicted(finished_run, folder, tmp_path, capsys):
    assert main(["predict", str(finished_run), str(folder / "images"), "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 3 * 8
    (tmp_path / "empty").mkdir()
    refused(capsys, "predict", finished_run, tmp_path / "empty", saying=["holds no image"])


def test_a_gpu_that_is_not_there_is_refused(finished_run, folder, capsys, monkeypatch):
    monkeypatch.setattr("minitensor.cuda.is_available", lambda: False)
    monkeypatch.setattr("minitensor.cuda.why_not", lambda: "there is none")
    image = folder / "images" / "00.png"
    refused(capsys, "predict", finished_run, image, "--device", "cuda", saying=["--device cuda: there is none"])
    refused(capsys, "evaluate", finished_run, "--device", "cuda", saying=["--device cuda: there is none"])
