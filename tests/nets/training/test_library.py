"""nets.train and nets.load_run: a net, data and loss of one's own in the loop of the command."""

import json
import signal
from functools import partial

import numpy as np
import pytest
from PIL import Image

import layers
import minitensor as mt
import nets
from nets.__main__ import main
from nets.data import OwnData
from nets.training.loop import Interrupted
from tests.nets.tiny import TINY, write_folder


class OneLayer(layers.Module):
    """Has no plan(), so nothing says how far its outputs reach."""

    def __init__(self, channels=1, classes=2):
        super().__init__()
        self.convolution = layers.Conv2d(channels, classes, 3, padding=1)

    def forward(self, x):
        return self.convolution(x)


def blob(index, size=(24, 20)):
    """(image, label): a bright blob on dark ground."""
    rng = np.random.default_rng(index)
    rows, columns = np.mgrid[: size[0], : size[1]]
    label = np.hypot(rows - rng.uniform(6, 16), columns - rng.uniform(6, 14)) < 5
    return np.clip(60 + 100 * label + rng.normal(0, 20, size), 0, 255).astype(np.uint8), label


BLOBS = [blob(index) for index in range(8)]


def seeded(*arguments):
    mt.manual_seed(0)
    return OneLayer(*arguments)


def trained(out, **options):
    options = {"steps": 6, "batch": 2, "crop": 16} | options
    return nets.train(options.pop("net", None) or seeded(), BLOBS, BLOBS[:3], out=out, **options)


def test_a_run_of_ones_own(tmp_path, capsys):
    run = trained(tmp_path / "run", steps=60, lr=0.05)
    assert {path.name for path in run.folder.iterdir()} >= {"curves.png", "predictions.png", "best.safetensors"}
    assert "mean IU" in capsys.readouterr().out and "best validation mean IU" in repr(run)
    assert run.metrics[-1]["step"] == 60 and run.config.classes[1].name == "class 1"
    found = run.predict(BLOBS[0][0])
    assert found.dtype == np.uint8 and (found == BLOBS[0][1]).mean() > 0.9
    again = nets.load_run(run.folder, OneLayer())
    for image, _ in BLOBS:
        np.testing.assert_array_equal(again.predict(image), run.predict(image))


@pytest.mark.parametrize("views", [True, False])
def test_load_run_answers_as_the_command_does(tmp_path, views):
    data = write_folder(tmp_path / "data", channels=3)
    run = tmp_path / "run"
    assert main(["train", "--data", str(data), *TINY, "--steps", "3", "--out", str(run)]) == 0
    decision = json.loads((run / "decision.json").read_text())
    (run / "decision.json").write_text(json.dumps(decision | {"views": views, "strength": 0.5}))
    paths = sorted((data / "images").iterdir())
    assert main(["predict", str(run), *map(str, paths)]) == 0
    loaded = nets.load_run(run)
    for path in paths:
        with Image.open(run / "predicted" / f"{path.stem}_label.png") as label, Image.open(path) as image:
            np.testing.assert_array_equal(loaded.predict(path), np.asarray(label))
            np.testing.assert_array_equal(loaded.predict(np.asarray(image)), np.asarray(label))


def test_a_loss_and_an_augmentation_of_ones_own(tmp_path):
    seen = []

    def loss(scores, target):
        seen.append((scores.shape, target.dtype))
        return mt.cross_entropy(scores, target, ignore_index=255) * 3

    def augment(image, label, rng):
        assert image.dtype == label.dtype == np.uint8
        start = int(rng.integers(8))
        return image[start : start + 12, :12], label[start : start + 12, :12]

    run = trained(tmp_path / "run", loss=loss, augment=augment, steps=4)
    assert ((2, 2, 12, 12), np.dtype("int64")) in seen  # of a step
    assert ((1, 2, 24, 20), np.dtype("int64")) in seen  # of a validation
    plain = trained(tmp_path / "plain", steps=4)
    assert run.metrics[0]["validation_loss"] != plain.metrics[0]["validation_loss"]


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(tmp_path):
    steps = []

    def loss(scores, target, stop=False):
        if len(scores) == 2:  # of a step
            steps.append(stop)
            if stop and len(steps) == 3:
                signal.raise_signal(signal.SIGINT)  # Ctrl-C
        return mt.cross_entropy(scores, target, ignore_index=255)

    whole = trained(tmp_path / "whole", steps=8, loss=loss)
    steps.clear()
    with pytest.raises(Interrupted):
        trained(tmp_path / "part", steps=8, loss=partial(loss, stop=True))
    assert len(steps) == 3
    part = trained(tmp_path / "part", steps=8, loss=loss, resume=True)
    assert len(steps) == 8
    for name, tensor in whole.net.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), part.net.state_dict()[name].numpy())
    longer = trained(tmp_path / "part", steps=10, loss=loss, resume=True)
    assert longer.metrics[-1]["step"] == 10


class Torchlike:
    """A data set as torch's: [i] gives Tensors."""

    def __len__(self):
        return len(BLOBS)

    def __getitem__(self, index):
        image, label = BLOBS[index]
        return mt.Tensor(image), mt.Tensor(label.astype(np.int64))


class WithSample(Torchlike):
    def sample(self, index):
        return BLOBS[index]

    __getitem__ = None


@pytest.mark.parametrize("data", [Torchlike(), WithSample(), tuple(BLOBS)], ids=lambda data: type(data).__name__)
def test_data_in_other_forms(data):
    own = OwnData(data)
    assert len(own) == len(BLOBS) and len(own.classes) == 2 and own.channels == 1 and own.smallest == (24, 20)
    for index, (image, label) in enumerate(BLOBS):
        sample = own.sample(index)
        np.testing.assert_array_equal(sample.image, image)
        np.testing.assert_array_equal(sample.label, label)


IMAGE, LABEL = BLOBS[0]
BAD_DATA = {
    "nothing": ([], ValueError, "has no samples"),
    "a number": (5, TypeError, "length"),
    "no pairs": ([IMAGE], TypeError, r"sample 0: must be \(image, label\), got ndarray"),
    "floats": ([(IMAGE / 255, LABEL)], ValueError, "sample 0: the image must be uint8.*got float64"),
    "channels first": ([(np.zeros((3, 8, 8), np.uint8), np.zeros((8, 8), int))], ValueError, r"\(3, 8, 8\)"),
    "other sizes": ([(IMAGE, LABEL[:5])], ValueError, r"label must be whole numbers of shape \(24, 20\)"),
    "float labels": ([(IMAGE, LABEL * 1.0)], ValueError, "whole numbers.*float64"),
    "negative labels": ([(IMAGE, LABEL * -1)], ValueError, "labels must be 0 to 254.*got -1"),
    "one class": ([(IMAGE, LABEL * 0)], ValueError, "2 to 255 classes, got 1"),
}


@pytest.mark.parametrize(("data", "error", "words"), BAD_DATA.values(), ids=BAD_DATA)
def test_data_that_does_not_fit_is_refused_before_anything_is_written(data, error, words, tmp_path):
    with pytest.raises(error, match=f"train_set.*{words}"):
        nets.train(seeded(), data, BLOBS, steps=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_labels_beyond_the_classes_are_refused_when_they_are_read():
    data = [*BLOBS, (IMAGE, LABEL * 7)]
    own = OwnData(data, classes=["ground", "cell"])
    with pytest.raises(ValueError, match="sample 8: labels must be 0 to 1, or 255 .* got 7"):
        own.sample(8)
    assert [entry.name for entry in own.classes] == ["ground", "cell"]


def test_calls_that_are_refused(tmp_path):
    out = tmp_path / "run"
    for options, error, words in (
        ({"minutes": 1}, ValueError, "minutes or steps, one of them"),
        ({"steps": None}, ValueError, "minutes or steps"),
        ({"net": object()}, TypeError, "layers.Module, got object"),
        ({"orientation": "sideways"}, ValueError, "'sideways'"),
    ):
        with pytest.raises(error, match=words):
            trained(out, **options)
    with pytest.raises(ValueError, match="out must name"):
        trained(None)
    assert not out.exists()
    trained(out, steps=2)
    with pytest.raises(ValueError, match="holds a run already"):
        trained(out)
    with pytest.raises(ValueError, match="net OneLayer, got Sequential"):
        trained(out, resume=True, net=layers.Sequential(layers.Conv2d(1, 2, 1)))
    with pytest.raises(ValueError, match=r"net of your own \(OneLayer\).*load_run\(folder, net\)"):
        nets.load_run(out)
    with pytest.raises(ValueError, match="uint8"):
        nets.load_run(out, OneLayer()).predict(IMAGE / 255)
    assert main(["train", "--resume", "--out", str(out)]) != 0  # its data cannot be opened by a command


def test_a_net_whose_scores_are_no_map_of_the_image(tmp_path):
    shrinking = layers.Sequential(layers.Conv2d(1, 2, 3))

    class Shrinking(layers.Module):
        def __init__(self):
            super().__init__()
            self.inner = shrinking

        def forward(self, x):
            return self.inner(x)

    with pytest.raises(ValueError, match=r"Shrinking makes scores of shape .*22, 18.*of an image of 24x20"):
        nets.predict(Shrinking(), np.zeros((1, 24, 20), np.float32))


def test_a_large_image_of_a_net_without_a_plan_is_not_cut_and_says_so():
    image = np.random.default_rng(0).standard_normal((1, 40, 30)).astype(np.float32)
    net = seeded()
    with pytest.warns(UserWarning, match=r"OneLayer has no plan\(\).*not cut into tiles"):
        tiled = nets.predict(net, image, tile=16)
    np.testing.assert_array_equal(tiled, nets.predict(net, image))
