"""The commands of `python -m nets`: each file has `add_arguments(parser)` and `main(options)`, its exit code."""

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
READER_GONE = 141  # and of one that wrote on when, say, `| head -1` had read enough
