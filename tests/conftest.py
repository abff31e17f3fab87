"""What holds for every test: how many examples Hypothesis draws, and how many threads torch uses.

python -m pytest                                   the `ci` profile: a few examples a test, the same each time
python -m pytest --hypothesis-profile intense      10,000 fresh examples a test; HYPOTHESIS_PROFILE=intense too
"""

import os
import sys

from hypothesis import HealthCheck, settings

# Machines that run tests are shared and slow at times: a slow example is not a failing one.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("ci", max_examples=20, derandomize=True, **PATIENT)
settings.register_profile(
    "intense", max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", 10_000)), database=None, **PATIENT
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_finish():
    """Test cases are small: waking torch's threads for each would take longer than the work itself."""
    torch = sys.modules.get(
        "torch"
    )  # test files that need it have imported it by now; the others need not wait
    if torch is not None:
        torch.set_num_threads(1)
