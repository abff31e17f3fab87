"""Imports point one way, nothing heavy is loaded by `import minitensor`, and CuPy is named in one file.

backend <- kernels <- tensor, engine, ... <- distributed <- ops <- optim, the front door <- layers <- nets

On the kernels' floor: geometry <- threads <- table <- cuda <- arrays <- rooms. Between rooms there are three arrows:
interpolate -> pool, cross_entropy -> softmax, conv -> relu; and unfold -> conv, whose columns it returns.
"""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("minitensor", "layers", "nets")

# From the ground up; a module belongs to the longest prefix that fits, and may import its own level and those below.
LEVELS = [
    ("minitensor.backend", "minitensor.narrow_floats"),
    ("minitensor.convert", "minitensor.typing", "minitensor.recording", "minitensor.kernels.geometry"),
    ("minitensor.kernels.threads",),
    ("minitensor.kernels.table",),
    ("minitensor.kernels.cuda",),
    ("minitensor.kernels.arrays",),
    ("minitensor.kernels.softmax", "minitensor.kernels.relu", "minitensor.kernels.pool"),
    (
        "minitensor.kernels.conv",
        "minitensor.kernels.cross_entropy",
        "minitensor.kernels.interpolate",
        "minitensor.kernels.batch_norm",
        "minitensor.kernels.update",
    ),
    ("minitensor.kernels.unfold",),
    ("minitensor.kernels",),  # its front door
    (
        "minitensor.tensor",
        "minitensor.methods",
        "minitensor.arguments",
        "minitensor.create",
        "minitensor.create_like",
        "minitensor.engine",
        "minitensor.backward",
        "minitensor.random",
        "minitensor.gradcheck",
        "minitensor.serialize",
        "minitensor.exchange",
    ),
    ("minitensor.distributed",),
    ("minitensor.ops",),
    ("minitensor.optim",),
    ("minitensor.trace",),
    (
        "minitensor",
        "minitensor.__main__",
    ),  # the front door, minitensor/__init__.py and __main__.py, where the package is put together
    ("layers",),
    ("nets",),
]
LEVEL_OF = {prefix: level for level, prefixes in enumerate(LEVELS) for prefix in prefixes}


def modules(packages=PACKAGES):
    """Dotted name -> path of every module of these packages."""
    found = {}
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported_by(name, path, known=MODULES):
    """(name of the imported module, line) of every import in a file, those inside functions too.

    Imports for type checkers never run, so they are left out.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield (submodule if submodule in known else source), node.lineno


IMPORTS = {name: list(imported_by(name, path)) for name, path in MODULES.items()}


def level(name):
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in LEVEL_OF:
            return LEVEL_OF[prefix]
    return None


def test_every_module_has_a_level_of_its_own():
    for name in MODULES:
        parts = name.split(".")
        depth = 3 if parts[:2] == ["minitensor", "kernels"] else 2
        first = ".".join(parts[:depth])
        if name not in PACKAGES and parts[0] == "minitensor":
            assert first in LEVEL_OF, f"{name}: say in LEVELS where it belongs"


def test_arrows_point_down():
    back = [
        f"{name}, line {line}, imports {target}"
        for name, imports in IMPORTS.items()
        for target, line in imports
        if target in MODULES and level(target) > level(name)
    ]
    assert not back, "\n".join(back)


ROOMS = ("batch_norm", "conv", "cross_entropy", "interpolate", "pool", "relu", "softmax", "unfold", "update")
BETWEEN_ROOMS = {("interpolate", "pool"), ("cross_entropy", "softmax"), ("conv", "relu"), ("unfold", "conv")}


def test_rooms_are_entered_by_four_doors():
    """No room imports another one, except for those four."""

    def room(name):
        parts = name.split(".")
        return parts[2] if parts[:2] == ["minitensor", "kernels"] and parts[2:3] and parts[2] in ROOMS else None

    seen = {
        (room(name), room(target))
        for name, imports in IMPORTS.items()
        for target, _ in imports
        if room(name) and room(target) and room(name) != room(target)
    }
    assert seen <= BETWEEN_ROOMS


def test_at_most_sixteen_entries_in_kernels():
    entries = [path for path in (ROOT / "minitensor/kernels").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 16


def test_levels_name_modules_that_exist():
    for prefix in LEVEL_OF:
        assert prefix in MODULES, f"{prefix} does not exist"


def test_no_import_runs_in_a_circle():
    benchmarks = modules(("benchmarks",))
    every = MODULES | benchmarks
    imports = IMPORTS | {name: list(imported_by(name, path, every)) for name, path in benchmarks.items()}
    done, open_ = set(), []

    def visit(name):
        if name in done:
            return
        assert name not in open_, " -> ".join([*open_[open_.index(name) :], name])
        open_.append(name)
        for target, _ in imports[name]:
            # a package's own front door is imported by no file inside it; a package may import what is in it
            if target in every and target != name:
                visit(target)
        open_.pop()
        done.add(name)

    for name in every:
        visit(name)


def test_nothing_imports_tests_or_benchmarks():
    wrong = [
        f"{name}, line {line}"
        for name, imports in IMPORTS.items()
        for target, line in imports
        if target.split(".")[0] in ("tests", "benchmarks")
    ]
    assert not wrong


def test_only_the_backend_imports_cupy():
    importers = {
        name
        for name, imports in IMPORTS.items()
        for target, _ in imports
        if target.split(".")[0] in ("cupy", "cupyx", "cupy_backends")
    }
    assert importers == {"minitensor.backend"}


def test_no_pickle_and_no_star():
    for name, imports in IMPORTS.items():
        assert not {target for target, _ in imports} & {"pickle", "dill", "shelve", "marshal"}, name
        for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"), name


HEAVY = ("cupy", "torch", "PIL", "matplotlib", "tqdm", "threadpoolctl", "safetensors", "pickle_machine")


@pytest.mark.parametrize("package", ["minitensor", "layers"])
def test_a_fresh_import_loads_nothing_heavy(package):
    script = f"import sys, {package}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = result.stdout.split()
    assert package in loaded
    assert not [name for name in loaded if name.split(".")[0] in (*HEAVY, "tests", "benchmarks")]
    assert not [name for name in loaded if name.startswith("scipy.") and name.count(".") == 1 and name[6] != "_"]
    assert "nets" not in loaded


def test_nets_needs_no_extras_to_be_imported():
    script = "import sys, nets; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in result.stdout.split()} & set(HEAVY)


@pytest.mark.parametrize("package", ["minitensor", "layers", "nets"])
def test_dir_shows_what_a_package_offers(package):
    """Completion lists public names that exist, and no file of the package."""
    module = importlib.import_module(package)
    shown = dir(module)
    assert set(module.__all__) <= set(shown) and all(hasattr(module, name) for name in shown)
    assert not {"engine", "backend", "affine", "container", "weights", "plan", "annotations"} & set(shown)
