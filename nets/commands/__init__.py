"""The commands of `python -m nets`: each has `add_arguments(parser)`, and `main(options)` gives its exit code."""

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130  # a shell's code for a program that Ctrl-C has ended
READER_GONE = 141  # a shell's code for a program whose reader has ended, as with `| head -1`
