"""How large things may be that come from a file or from the command line. All bounds are here, so they can be read.

A bound protects memory and time: a file of a few bytes must not ask for gigabytes or hours. Each is far above what
people use. What exceeds a bound is refused before anything is built from it.

The bounds of weights files stand where their format is read: nets/torch_file.py and nets/pickle_machine.py.
"""

from __future__ import annotations

# Text files: config.json, decision.json, metrics.jsonl, classes.json, manifest.csv, and the JSON in a checkpoint
LARGEST_TEXT = 16 << 20  # bytes
LARGEST_LIST = 1 << 30  # bytes of a file with an entry for each image. COCO's panoptic.json of 118,000 has 400 MB
DEEPEST_JSON = 50  # levels of lists and objects within each other
LONGEST_NUMBER = 100  # characters
LONGEST_NAME = 200  # characters of the name of a class
LONGEST_QUOTE = 100  # characters of a value from a file in a message
LONGEST_REASON = 300  # characters of what another library says about a file, in a message

# Nets. The widest in use has 64 channels and 4 poolings, 1024 channels at its deepest level.
MOST_BASE_CHANNELS = 1024
MOST_DEPTH = 10
MOST_DEEPEST_CHANNELS = 4096
MOST_WIDTH = 2.0  # times VGG-16's channels

# Trainings
MOST_BATCH = 4096
LARGEST_CROP = 1 << 14  # pixels a side
MOST_BATCH_PIXELS = 1 << 27  # of all crops of a batch together: 8 crops of 4096x4096
MOST_STEPS = 10**12
MOST_SECONDS = 1e9  # 30 years
MOST_IMAGES = 10**9
MOST_SEED = (1 << 63) - 1
LARGEST_FACTOR = 1e6  # learning rate, weights of classes and borders, mean and standard deviation of images
SMALLEST_DEVIATION = 1e-6

# Masks
MOST_CLASSES = 255  # a label is one byte, and its last value means ignore
MOST_ID = 65535  # the largest id of a class in a mask file of 16 bits
MOST_COLOR = (1 << 24) - 1  # of packed colours, 65536 R + 256 G + B
MOST_PAGES = 1000  # of a TIFF file: to find its picture, all pages are looked at

# Answers (decision.json)
MOST_STRENGTH = 100.0
MOST_WINDOW = 1001  # pixels
LARGEST_LEAST = 10**9  # pixels of the smallest object
