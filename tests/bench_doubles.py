"""Stand-ins for the tests of the benchmarks: options, results, and a worker that is no process."""

from benchmarks import harness

OPTIONS = {"only": "", "quick": True, "threads": 1, "json": None, "chart": None, "torch_keeps_memory": False}


def result(case, ours=1.0, theirs=1.0, peaks=(1, 1), **more):
    return harness.Result(case, ours, theirs, 0.1, 0.1, more.pop("error", 1e-6), *peaks, **more)


class FakeWorker:
    """A worker whose times and outputs are given beforehand."""

    version = "0"

    def __init__(self, seconds, outputs=()):
        self.seconds, self.outputs, self.turns, self.closed = list(seconds), list(outputs), [], False

    def prepare(self, suite, case, limit=None):
        if self.outputs and isinstance(self.outputs[0], Exception):
            raise self.outputs[0]
        return self.outputs

    def time(self, repeats):
        self.turns.append(repeats)
        return self.seconds[(len(self.turns) - 1) % len(self.seconds)]

    def ask(self, limit=None, **request):
        return {"now": 5, "peak": 7, "gemm": 100.0}

    def close(self):
        self.closed = True
