"""Image files are decoded within the process: no content, whatever its name, starts a program or is given to one."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from nets.data.decoding import ARRAY_SUFFIXES, FORMATS, SUFFIXES, size_of
from nets.data.images import read_image

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
showpage
"""
# Formats that Pillow can write and would read whatever the name, beside the ones that are allowed.
# not SPIDER: writing one makes Pillow write it for every name with that suffix
OTHERS = ["PPM", "TGA", "PCX", "SGI", "ICNS", "ICO", "DDS", "XBM", "JPEG2000", "DIB", "BLP"]


@pytest.fixture
def no_programs():
    """The block fails where the process starts another; an audit hook cannot be taken off, so it is switched."""
    started, watching = [], [True]

    def hook(event, arguments):
        if watching[0] and event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"):
            started.append(arguments)

    sys.addaudithook(hook)
    yield
    watching[0] = False
    assert not started


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix not in ARRAY_SUFFIXES])
def test_postscript_is_not_run(suffix, tmp_path, no_programs):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(EPS)
    with pytest.raises(ValueError, match=rf"a\{suffix}"):
        read_image(path)
    assert size_of(path) is None


def test_the_watch_sees_programs():
    seen = []
    sys.addaudithook(lambda event, arguments: seen.append(event) if event == "subprocess.Popen" else None)
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert seen


@pytest.mark.parametrize("kind", OTHERS)
def test_other_formats_are_refused_by_their_content(kind, tmp_path):
    path = tmp_path / "a.png"
    image = Image.fromarray(np.zeros((16, 16), np.uint8))
    try:
        image.convert({"XBM": "1", "BLP": "P"}.get(kind, "RGB")).save(path, format=kind)
    except (KeyError, OSError) as error:
        pytest.skip(f"Pillow here writes no {kind}: {error}")
    with Image.open(path) as opened:
        assert opened.format not in FORMATS
    with pytest.raises(ValueError, match="a.png"):
        read_image(path)


@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_the_formats_of_the_list_are_read(kind, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((8, 9), 77, np.uint8)).save(path, format=kind)
    assert read_image(path).shape[:2] == (8, 9)
