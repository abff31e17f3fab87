"""Training: from a data set and a budget of time or steps to a run folder with weights, numbers and pictures."""
