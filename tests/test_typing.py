"""Types: every public function says what it takes and returns, and a typed program that uses them is clean."""

import inspect
import subprocess
import sys
from pathlib import Path

import layers
import minitensor as mt
import nets
from layers import init
from minitensor.methods import TensorMethods

ROOT = Path(__file__).resolve().parent.parent
OURS = ("minitensor", "layers", "nets")


def _ours(value):
    return (getattr(value, "__module__", None) or "").split(".")[0] in OURS


def public_functions():
    """Every public function, and every public method of a public class, as (name, function)."""
    for module in (mt, mt.optim, layers, init, nets):
        for name, value in vars(module).items():
            if name.startswith("_") or not _ours(value):
                continue
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", inspect.unwrap(value)
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    function = getattr(function, "fget", getattr(function, "__func__", function))
                    if (method == "__init__" or not method.startswith("_")) and inspect.isfunction(function):
                        yield f"{module.__name__}.{name}.{method}", inspect.unwrap(function)


def test_every_public_function_says_what_it_takes_and_returns():
    bare, seen = [], 0
    for name, function in public_functions():
        if not _ours(function) or function.__name__ == "<lambda>" or "<locals>" in function.__qualname__:
            continue
        seen += 1
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        if any(p.annotation is p.empty for p in parameters) or signature.return_annotation is signature.empty:
            bare.append(f"{name}{signature}")
    assert seen > 250
    assert not bare, "\n".join(bare)


def test_the_methods_that_editors_see_are_those_that_tensors_have():
    for name, declared in vars(TensorMethods).items():
        if inspect.isfunction(declared) and not name.startswith("__"):
            real = inspect.signature(getattr(mt.Tensor, name))
            expected = inspect.signature(declared)
            assert list(expected.parameters)[1:] == list(real.parameters)[1:], name
            defaults = [p.default for p in list(real.parameters.values())[1:]]
            assert [p.default for p in list(expected.parameters.values())[1:]] == defaults, name
        elif name.startswith("__") and name.endswith("__"):
            assert hasattr(mt.Tensor, name), name


def _mypy(*arguments):
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_typed_program_is_clean_in_strict_mode(tmp_path):
    done = _mypy(
        "--strict", "--config-file=", "--follow-imports=silent", "--cache-dir", str(tmp_path), "tests/typed_use.py"
    )
    assert done.returncode == 0, done.stdout


def test_a_wrong_program_is_not(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import minitensor as mt\n\nmt.conv2d(mt.zeros(1), mt.zeros(1), stride='two').exq()\n")
    done = _mypy("--config-file=", "--follow-imports=silent", "--cache-dir", str(tmp_path / "cache"), str(wrong))
    assert '"stride" to "conv2d"' in done.stdout and 'no attribute "exq"' in done.stdout, done.stdout


def test_what_functions_return_is_what_they_say(tmp_path):
    done = _mypy("--cache-dir", str(tmp_path))
    assert done.returncode == 0, done.stdout
