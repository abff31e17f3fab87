"""What holds for every test: how many examples Hypothesis draws, how many threads torch uses, and on which device.

python -m pytest                                   the `ci` profile: a few examples a test, the same each time
python -m pytest --hypothesis-profile intense      10,000 fresh examples a test; HYPOTHESIS_PROFILE=intense too
"""

import os
import sys
from importlib.util import find_spec

import pytest
from hypothesis import HealthCheck, settings

# pytest looks for its hooks and fixtures among the names of this file
from tests.gpu import device, double, gpu, other_order, pytest_addoption, pytest_generate_tests  # noqa: F401

# A machine with a GPU may have CuPy, torch, pytest and Hypothesis alone; tests of the rest are left out there.
NEEDS = {
    "sphinx": ["test_site.py"],
    "jupytext": ["test_site.py"],
    "PIL": ["nets", "sim/test_training.py", "test_site.py", "test_chapters.py"],
    "tqdm": ["nets", "test_site.py"],
    "matplotlib": ["nets", "test_site.py"],
    "scipy": ["nets"],
    "safetensors": ["nets", "test_serialize.py"],
}
collect_ignore = [path for module, paths in NEEDS.items() if find_spec(module) is None for path in paths]

# Machines that run tests are shared and slow at times: a slow example is not a failing one.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("ci", max_examples=20, derandomize=True, **PATIENT)
settings.register_profile(
    "intense", max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", 10_000)), database=None, **PATIENT
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_finish():
    """Test cases are small: waking torch's threads for each would take longer than the work itself."""
    torch = sys.modules.get("torch")  # test files that need it have imported it by now; the others need not wait
    if torch is not None:
        torch.set_num_threads(1)


def pytest_collection_modifyitems(config, items):
    """Tests of minutes are left out unless `-m` names them."""
    if "slow" in config.getoption("markexpr"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes minutes; run it with -m slow"))
