"""The progress bar of a training: loss, the score of the last validation, images per second, time left."""

from __future__ import annotations

import sys

from nets.training.extras import needed

REFRESH_SECONDS = 0.2
REFRESH_SECONDS_FILE = 15.0  # if the bar is written to a file: every refresh is a new line there
SMOOTHING = 0.1  # weight of the newest step in the loss and the speed that are shown


class Progress:
    """A tqdm bar over steps. The time left is the run's own estimate, because tqdm does not know about validations."""

    def __init__(self, step, batch_size, score_name="mean IU", stream=None):
        stream = stream or sys.stderr
        self._bar = needed("tqdm").tqdm(
            initial=step,
            file=stream,
            unit="step",
            dynamic_ncols=True,
            mininterval=REFRESH_SECONDS if stream.isatty() else REFRESH_SECONDS_FILE,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}",
        )
        self._batch_size = batch_size
        self._score_name = score_name
        self._loss = self._step_seconds = self._score = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._bar.close()

    def step(self, loss, step_seconds, steps, seconds_left):
        """One step is done. `steps` is the planned number, None while it is unknown."""
        self._loss = _smoothed(self._loss, loss)
        self._step_seconds = _smoothed(self._step_seconds, step_seconds)
        self._bar.total = steps
        shown = {"loss": f"{self._loss:.3f}"}
        if self._score is not None:
            shown[self._score_name] = f"{self._score:.3f}"
        shown["images/s"] = f"{self._batch_size / self._step_seconds:.1f}"
        if seconds_left is not None:
            shown["left"] = clock(seconds_left)
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update()

    def validated(self, score):
        """The score to show from now on."""
        self._score = score

    def note(self, text):
        """Write a line above the bar."""
        self._bar.write(text, file=self._bar.fp)


class NoProgress:
    """A Progress that shows nothing: for the processes of a training that do not print."""

    def __init__(self, *settings):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def step(self, loss, step_seconds, steps, seconds_left):
        pass

    def validated(self, score):
        pass

    def note(self, text):
        pass


def _smoothed(before, value):
    return value if before is None else before + SMOOTHING * (value - before)


def clock(seconds):
    """Seconds as m:ss or h:mm:ss."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
