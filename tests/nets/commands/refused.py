"""What every command does with what it cannot do."""

from nets.__main__ import BAD_INPUT, main


def refused(capsys, *arguments, saying):
    """Exit code 2, nothing on stdout, one line on stderr that holds every part of `saying`. Returns this line."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as error:  # argparse's way out
        code = error.code
    captured = capsys.readouterr()
    assert code == BAD_INPUT
    assert captured.out == ""
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n"), captured.err
    for part in saying:
        assert part in captured.err
    return captured.err
