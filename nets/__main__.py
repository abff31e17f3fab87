"""python -m nets train | predict | evaluate | report | export | info"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from minitensor.distributed.communicator import launched
from nets.commands import BAD_INPUT, FAILED, INTERRUPTED, READER_GONE
from nets.plain_files import shown
from nets.starting import awake
from nets.training.together import Elsewhere

COMMANDS = {
    "train": ("nets.commands.train", "train a net on generated images or on a folder of images and masks"),
    "predict": ("nets.commands.predict", "find the classes in image files with a trained net"),
    "evaluate": ("nets.commands.evaluate", "measure a trained net against masks"),
    "report": ("nets.commands.report", "write a run's report.html again"),
    "export": ("nets.commands.export", "write a trained net as an ONNX file"),
    "info": ("nets.commands.info", "show a net's shapes, crops, parameters and receptive field"),
}


class Parser(argparse.ArgumentParser):
    """Reports an error in one line; --help shows the usage."""

    def error(self, message):
        self.exit(BAD_INPUT, f"{self.prog}: {shown(message)} (see {self.prog} --help)\n")


def main(arguments=None):
    """Run one command; returns the exit code. Ctrl-C ends it with one line, also while the command is imported."""
    try:
        awake()
        return _main(arguments)
    except KeyboardInterrupt:
        print("python -m nets: interrupted", file=sys.stderr)
        return INTERRUPTED


def _main(arguments):
    arguments = sys.argv[1:] if arguments is None else arguments
    # A file name may hold bytes that are not text. They are printed as escapes instead of raising an error.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = Parser(prog="python -m nets", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    chosen = next((argument for argument in arguments if argument in COMMANDS), None)
    modules = {}
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:  # import only the chosen command
            modules[name] = importlib.import_module(module)
            modules[name].add_arguments(command)
    parsed = parser.parse_args(arguments)
    parsed.arguments = arguments
    said_by = f"{parser.prog} {parsed.command}"
    if parsed.command != "train" and (launched() or 1) > 1:
        parser.error(f"{parsed.command} runs in one process: leave out the launcher (mpiexec)")
    try:
        code = modules[parsed.command].main(parsed) or 0
        sys.stdout.flush()
        return code
    except Elsewhere:
        return BAD_INPUT  # process 0 has said why
    except BrokenPipeError:
        # Python flushes stdout once more when it ends. This must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"{said_by}: {_one_line(error, parsed.command)}", file=sys.stderr)
        return BAD_INPUT
    except (ArithmeticError, MemoryError) as error:
        print(f"{said_by}: {_one_line(error, parsed.command)}", file=sys.stderr)
        return FAILED


def _one_line(error, command):
    if isinstance(error, OSError) and error.strerror:
        return shown(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    text = shown(" ".join(str(error).split())) or type(error).__name__
    return text.removeprefix(f"{command}: ")  # errors of the function with this name begin with the name too


if __name__ == "__main__":
    sys.exit(main())
