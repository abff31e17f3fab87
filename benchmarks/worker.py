"""One library in a process of its own: prepares cases and times single runs on request.

The parent sends one JSON request a line on standard input and reads one JSON reply a line from standard output.
Requests: {"prepare": [suite, case], "outputs": path} builds a case, runs it once to warm up and writes its outputs for
the parity check; {"time": n} answers with n times in seconds; {"memory": true} with the process's memory, now and at
its peak; {"gemm": true} with the speed of NumPy's matrix product; {"variants": true} with the kernels that one run
calls, pairs (operation, variant); {"without": {operation: [variant, ...]}} leaves kernels out from now on. What fails
is answered with {"failed": reason}, what the library has no operation for with {"lacks": operation}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack

import numpy as np

from benchmarks import cases
from benchmarks.libraries import LIBRARIES
from benchmarks.machine import gemm_peak, memory
from benchmarks.net_engines import ENGINES
from benchmarks.peer_libraries import PEERS, Lacks


def main(name, threads):
    # What a library prints belongs on standard error: standard output is the channel to the parent.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(content):
        print(json.dumps(content), file=channel, flush=True)

    try:
        library = (LIBRARIES | PEERS | ENGINES)[name](int(threads))
    except Exception as error:
        reply({"failed": _reason(error)})
        return
    reply({"name": library.name, "version": library.version})
    side = _Side(library)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply(side.answer(request))
        except Lacks as error:
            reply({"lacks": str(error)})
        except Exception as error:  # whatever stops one case, the parent decides what becomes of the others
            reply({"failed": _reason(error)})


class _Side:
    """The library and the case it has prepared."""

    def __init__(self, library):
        self.library = library
        self.step = None
        self.left_out = ExitStack()

    def answer(self, request):
        if "prepare" in request:
            suite, case = request["prepare"]
            self.step = None  # the previous case's arrays go before the next one's come
            self.step = cases.build(self.library, suite, case)
            outputs = [self.library.to_numpy(output) for output in self.step()]
            np.savez(request["outputs"], *outputs)
            return {"prepared": case}
        if "time" in request:
            times = []
            for _ in range(request["time"]):
                start = time.perf_counter()
                self.step()
                times.append(time.perf_counter() - start)
            return {"times": times}
        if "gemm" in request:
            return {"gemm": gemm_peak()}
        if "variants" in request:
            return {"variants": self._variants()}
        if "without" in request:
            return self._leave_out(request["without"])
        now, peak = memory()
        return {"now": now, "peak": peak}

    def _variants(self):
        """The kernels of one run: [(operation, variant)]"""
        from minitensor.kernels import table

        called = set()
        with table.observed(lambda operation, variant: called.add((operation, variant))):
            self.step()
        return sorted(called)

    def _leave_out(self, variants):
        from minitensor.kernels import table

        self.left_out.close()
        self.left_out.enter_context(table.without(variants))
        return {"without": variants}


def _reason(error):
    return " ".join(f"{type(error).__name__}: {error}".split())


if __name__ == "__main__":
    main(*sys.argv[1:])
