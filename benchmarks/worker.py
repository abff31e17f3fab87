"""One side of a benchmark in a process of its own: prepares cases and times single runs on request.

The parent sends one JSON request a line on standard input and reads one JSON reply a line from standard output.
Requests: {"prepare": [suite, case], "outputs": path} builds a case, runs it once to warm up and writes its outputs
for the parity check; {"time": n} answers with n times in seconds; {"peak": true} with the process's peak memory.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from benchmarks import cases
from benchmarks.libraries import LIBRARIES

KIB = 1024  # Linux reports ru_maxrss in KiB


def main(name, threads):
    library = LIBRARIES[name](int(threads))
    print(json.dumps({"name": library.name, "version": library.version}), flush=True)
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        if "prepare" in request:
            suite, case = request["prepare"]
            step = None  # the previous case's arrays go before the next one's come
            step = cases.build(library, suite, case)
            outputs = [library.to_numpy(output) for output in step()]
            np.savez(request["outputs"], *outputs)
            reply = {"prepared": case}
        elif "time" in request:
            times = []
            for _ in range(request["time"]):
                start = time.perf_counter()
                step()
                times.append(time.perf_counter() - start)
            reply = {"times": times}
        else:
            reply = {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
