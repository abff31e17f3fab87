"""The run folder: what a training writes, and what predict, evaluate and --resume read.

config.json               everything needed to build the net again and to continue
data.json                 a hash of each image and mask: --resume refuses others
best.safetensors          the weights with the best score on the validation images (measure.py)
last.safetensors          the newest weights
checkpoint.safetensors    weights, optimizer and random state at one step: where --resume goes on
metrics.jsonl             one line for each validation
decision.json             how the classes, or the objects, are made of the probabilities
curves.png  predictions.png  report.html
"""

from __future__ import annotations

import json
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

import minitensor as mt
from minitensor.serialize import replacing
from nets.data import GENERATORS, open_dataset
from nets.plain_files import parse_json, read_json, read_text, reason, shown
from nets.training import fingerprints
from nets.training.build import OWN, build_net, least_parameters
from nets.training.config import Config
from nets.training.lines import check_line
from nets.weights import load_weights

CONFIG, METRICS, DECISION = "config.json", "metrics.jsonl", "decision.json"
BEST, LAST, CHECKPOINT = "best.safetensors", "last.safetensors", "checkpoint.safetensors"
CURVES, PREDICTIONS, SAMPLES, REPORT = "curves.png", "predictions.png", "samples", "report.html"
CONCLUSION = (DECISION, CURVES, PREDICTIONS, REPORT)  # the files made after the last step
FILES = "data.json"
LOCK = ".lock"
FLOAT_BYTES = 4
ALL = (CONFIG, FILES, METRICS, BEST, LAST, CHECKPOINT, *CONCLUSION)


class Run:
    """A run folder. `Run.create` begins one, `Run.open` reads one."""

    def __init__(self, folder, config):
        self.folder = Path(folder)
        self.config = config
        self._made_folder = False
        self._lock = None

    @classmethod
    def create(cls, folder, config, hashes=None):
        """A new folder with its config.json, held by this process. Raises ValueError if files of a run are there.

        hashes: those of the data (nets/training/fingerprints.py)
        """
        text = json.dumps(config.as_dict(), indent=1) + "\n"
        try:
            Config.from_dict(parse_json(text))
        except ValueError as error:  # it could not be resumed, and nobody could predict with it
            raise ValueError(f"a run with these settings could not be read again: {error}") from error
        run = cls(folder, config)
        run._made_folder = not run.folder.exists()
        run.folder.mkdir(parents=True, exist_ok=True)
        try:
            run.hold()
            must_be_free(run.folder)
            run.remove_leftovers()
        except Exception:
            run.release()
            run._remove_folder()
            raise
        try:
            write_text(run.path(CONFIG), text)
            if hashes:
                write_text(run.path(FILES), fingerprints.as_text(hashes))
        except Exception:
            run.discard()
            raise
        return run

    @classmethod
    def open(cls, folder):
        """The run in `folder`. Raises ValueError if there is none, or if its config cannot be read."""
        path = Path(folder) / CONFIG
        if not path.is_file():
            raise ValueError(f"{folder}: not a run folder (no {CONFIG} in it)")
        values = read_json(path)
        try:
            return cls(folder, Config.from_dict(values))
        except ValueError as error:
            raise ValueError(f"{path}: cannot be read as the config of a run ({reason(error)})") from error

    def hold(self):
        """Keep the folder for this process until `release` or the end of the process, however it ends.

        Two trainings in one folder would mix their files. Raises ValueError if another one holds it. On Windows, which
        lacks such locks, nothing is checked.
        """
        if fcntl is None or self._lock is not None:
            return
        while True:
            file = _opened_lock(self.path(LOCK))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.close()
                raise ValueError(
                    f"{self.folder}: another training writes into this folder; wait for its end, or use another"
                ) from error
            except OSError:  # a file system without locks: nothing is checked
                file.close()
                return
            if self.path(LOCK).exists() and os.path.samestat(self.path(LOCK).stat(), os.fstat(file.fileno())):
                self._lock = file
                return
            file.close()  # the holder before has just removed this file: hold the new one

    def release(self):
        """Let others use the folder."""
        if self._lock is not None:
            self.path(LOCK).unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def path(self, name):
        """The path of one of the run's files."""
        return self.folder / name

    def discard(self):
        """Undo `create`, for a run that failed before there was anything to keep: `create` found none of these."""
        for name in (CONFIG, FILES, LAST, CHECKPOINT):
            self.path(name).unlink(missing_ok=True)
        self.release()
        self._remove_folder()

    def _remove_folder(self):
        if self._made_folder and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def concluded(self):
        """Whether the decision and the pictures are there."""
        return all(self.path(name).is_file() for name in CONCLUSION)

    def open_data(self):
        """(train, validation) as they were when the run began. Raises ValueError if a folder has changed since.

        A changed folder may be split differently, and then the net could be validated on images it was trained on.
        """
        config = self.config
        if config.net["name"] == OWN:
            raise ValueError(f"{self.folder}: a run of nets.train; go on with nets.train(..., resume=True)")
        # `train` writes the whole path down: a relative one, or none, would be sought below the current folder
        if config.data not in GENERATORS and not (Path(config.data).is_absolute() and Path(config.data).is_dir()):
            raise ValueError(
                f"{self.path(CONFIG)}: the data of this run, {shown(config.data)}, is not a folder any more"
            )
        hashes = fingerprints.read(self.path(FILES))
        fingerprints.check_folder(config.data, hashes)
        train, validation = open_dataset(config.data, config.seed)
        if hashes:
            for path in (*train.files(), *validation.files()):
                if path.relative_to(config.data).as_posix() not in hashes:
                    raise ValueError(f"{path}: is new since the run began; {fingerprints.WHAT_NOW}")
        same_names = not config.validation_names or config.validation_names == validation_names(validation)
        if len(train) != config.length or train.encoding != config.encoding or not same_names:
            raise ValueError(
                f"{config.data}: not the data of the run any more ({len(train)} training images, the run has "
                f"{config.length}; or other names, or other classes)"
            )
        return train, validation

    def remove_leftovers(self):
        """Delete temporary files of a process that was killed while it wrote: of this run's files, and no others."""
        for name in ALL:
            for path in self.folder.glob(f".{name}.*.tmp"):
                path.unlink()

    def load_net(self, device=None, net=None, weights=None):
        """The trained net with its best weights, ready to predict. Raises ValueError if there are none yet.

        net      a net of the user's own, as it was built to be trained; its weights are replaced
        weights  a file of weights to use instead of the best ones (`nets.load_weights`)
        """
        path = self.path(BEST)
        if weights is None and not path.is_file():
            raise ValueError(f"{self.folder}: no {BEST} yet; the training has not reached its first validation")
        if net is None and weights is None:
            self._check_size(path)
        net = build_net(self.config.net) if net is None else net
        if weights is None:
            state = mt.load(path)
            try:
                net.load_state_dict(state)
            except (ValueError, TypeError) as error:  # other tensors; numbers that are not real
                raise ValueError(f"{path}: does not fit the net of this run ({reason(error)})") from error
        else:
            load_weights(net, weights)
        return net.to(device or "cpu").eval()

    def _check_size(self, weights):
        """Raise ValueError if the file of weights is too small for the net, before the memory of a net is taken."""
        if self.config.net["name"] != OWN and weights.stat().st_size < FLOAT_BYTES * least_parameters(self.config.net):
            raise ValueError(f"{weights}: too small for the weights of the net that {self.path(CONFIG)} describes")

    def metrics(self):
        """The lines of metrics.jsonl as dicts. A last line that was cut short by a kill is left out.

        Raises ValueError with the file and the line for anything else that is not a line of a run.
        """
        path, lines = self.path(METRICS), []
        if not path.is_file():
            return lines
        texts = read_text(path).splitlines()
        for number, text in enumerate(texts, 1):
            try:
                line = parse_json(text)
            except ValueError as error:
                if number == len(texts):
                    break
                raise ValueError(f"{path}: line {number} is not JSON ({error})") from error
            try:
                check_line(line, self.config)
            except ValueError as error:
                raise ValueError(f"{path}: line {number} {error}") from error
            lines.append(line)
        return lines

    def append_metrics(self, line):
        """Add one line to metrics.jsonl."""
        with self.path(METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def rewind_metrics(self, step):
        """Remove the lines after `step`: a killed run may have validated once more after its last checkpoint."""
        kept = [line for line in self.metrics() if line["step"] <= step]
        write_text(self.path(METRICS), "".join(json.dumps(line) + "\n" for line in kept))
        return kept


def _opened_lock(path):
    """The lock's file, made if it is not there. OSError if it is a link, which would lead elsewhere, or a pipe."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        return os.fdopen(os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK), "ab")
    except OSError as error:
        raise OSError(error.errno, f"cannot be the lock of a run: {os.strerror(error.errno)}", str(path)) from error


def must_be_free(folder):
    """Raise ValueError if a folder for a new run is none, or if it holds files of another run."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is not a folder")
    if (folder / CONFIG).exists():
        raise ValueError(f"{folder}: holds a run already; continue it with --resume or choose another folder")
    there = [name for name in ALL if os.path.lexists(folder / name)]  # also a link that leads nowhere
    if there:
        raise ValueError(
            f"{folder}: holds {', '.join(there)} of an earlier run without its {CONFIG}; choose another folder, or "
            "remove them"
        )


def validation_names(validation):
    """The names of a folder's validation images, for the config. Generated images have no names to keep."""
    return () if validation.name in GENERATORS else tuple(validation.names)


def write_text(path, text):
    """Write a file. If the process is killed meanwhile, the old file or the new one is there, never a part."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
