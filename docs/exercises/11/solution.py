"""A solution of exercise 11."""


def mean_iu(truth, prediction, classes, ignore=255):
    """IU of each class that occurs, without ignored pixels."""
    counted = truth != ignore
    found = []
    for number in range(classes):
        one, other = (truth == number) & counted, (prediction == number) & counted
        either = (one | other).sum()
        if either:
            found.append((one & other).sum() / either)
    return float(sum(found) / len(found)) if found else 1.0
