"""Files that mean harm, made by chance: every reader of files must refuse them in one clear line, or read them.

python -m tests.hostile --minutes 10           all kinds of files in turn
python -m tests.hostile --kind png --cases 1000
python -m tests.hostile --kind png --case 4711  one case again, with its traceback

    mutate.py     how bytes and values are changed: cut, repeated, overwritten with numbers that readers stumble over
    pictures.py   images, masks, arrays
    texts.py      classes.json, panoptic.json, manifest.csv, and the small files of a run
    tensors.py    .pth files, safetensors, checkpoints
    kinds.py      all kinds: what is made, and who reads it
    child.py      a process with little memory in which the cases run, and what it watches
    parent.py     starts children, waits for at most 5 seconds a case, and counts

A case is a kind and a number, and the number is the seed of everything in it: the same number makes the same file.

A finding is any of these: an exception other than ValueError or OSError (for the command: a traceback), a message
without the name of a file of the case, a message of more than 1,000 characters or with control characters, an end of
the process, more than 5 seconds of processor time, more than 1 GB, a file written outside the case's folder, a program
started, a connection opened.
"""
