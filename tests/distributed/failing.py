"""Process 1 fails, in the way that is named; the others wait in a sum.

mpiexec -n N python tests/distributed/failing.py exception|exit|kill|stop
"""

import os
import signal
import sys

import numpy as np

from minitensor.distributed import world

WAYS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

communicator = world()
communicator.sum_(np.ones(1))
if communicator.rank == 1:
    if sys.argv[1] == "exception":
        raise ValueError("a bad image")
    if sys.argv[1] == "exit":
        sys.exit(3)
    os.kill(os.getpid(), WAYS[sys.argv[1]])
communicator.sum_(np.ones(1))
