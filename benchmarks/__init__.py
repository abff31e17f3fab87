"""Benchmarks: minitensor and torch side by side, in one run on one machine. `python -m benchmarks --help`."""
