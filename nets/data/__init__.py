"""Pictures with the class of every pixel: two generators, folders of files, and what prepares them for training."""
