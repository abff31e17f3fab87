"""The commands of `python -m nets`: each file has `add_arguments(parser)` and `main(arguments)`."""
