"""The score that says which weights are the best, for each task. Those of the validation with the highest are kept."""

from __future__ import annotations

from typing import NamedTuple


class Measure(NamedTuple):
    """`key` is its field in a line of metrics.jsonl, `name` is what people call it."""

    key: str
    name: str

    def of(self, line):
        """The score of a line. One that does not exist, because there was nothing to find, counts as 0."""
        return line[self.key] or 0.0

    def best(self, lines):
        """The last of the best lines: the line whose weights are in best.safetensors. None without lines."""
        return max(lines, key=lambda line: (self.of(line), line["step"]), default=None)


MEASURES = {
    "semantic": Measure("mean_iu", "mean IU"),
    "instance": Measure("f1_50", "F1@.5"),
    "panoptic": Measure("pq", "PQ"),
}
