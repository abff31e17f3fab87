"""A training that several processes share: the loss of all, the answers of all, and one process that decides.

Each process computes a part of every batch. The parts of the loss add up to the loss of the whole batch, and the
gradients are summed, so all processes make the same step (minitensor/distributed). Process 0 alone reads the clock,
writes files and prints; the others are told.
"""

from __future__ import annotations

import hashlib

import numpy as np

from nets.segmentation.instances import Found

MASK_STREAM = 13  # the second word of the seed for dropout's masks


class Elsewhere(Exception):
    """Process 0 could not go on and says why; the others end without a word."""


def in_first(world, function, *arguments):
    """function(*arguments) in process 0 alone. If it raises there, Elsewhere is raised in the others."""
    value = error = None
    if world.first:
        try:
            value = function(*arguments)
        except Exception as raised:
            error = raised
    if world.from_first(error is not None):
        raise Elsewhere if error is None else known_to_all(error)
    return value


def known_to_all(error):
    """Mark an exception that all processes meet at the same place: none of them waits for another."""
    error.known_to_all = True
    return error


def end_all(world, error):
    """In a training of several processes, end them all, unless they all know of the exception."""
    if world.size > 1 and not isinstance(error, Elsewhere) and not getattr(error, "known_to_all", False):
        world.abort(error)


class SharedLoss:
    """The loss of a batch that is divided among processes.

    terms    (scores, *truth) -> means over this process's part
    counts   (*truth arrays) -> what each mean is over; a term may be empty in one process and not in another
    """

    def __init__(self, terms, counts, world):
        self.terms, self.counts, self.world = terms, counts, world

    def shares(self, *truth):
        """For each term, this process's share of what all processes count."""
        if self.world.size == 1:
            return None
        own = self.counts(*truth)
        total = self.world.sum_(own.copy())
        with np.errstate(invalid="ignore", divide="ignore"):
            return own / total  # NaN where nobody counts anything, as the mean over nothing is

    def __call__(self, shares, scores, *truth):
        """This process's part of the loss: a Tensor. The parts of all processes add up to the loss of the batch."""
        terms = self.terms(scores, *truth)
        if shares is None:
            return sum(terms)
        # The mean over nothing is NaN. A process without a counted pixel adds 0, with the same graph behind it.
        return sum(
            scores.sum() * 0 if share == 0 else term * float(share) for term, share in zip(terms, shares, strict=True)
        )

    def value(self, part):
        """The loss of the whole batch, a number, from this process's part."""
        return float(self.world.sum_(np.array([part.item()]))[0])


def own_loss_terms(loss):
    """Terms and counts of a user's loss, which must be a mean over the images of the batch."""
    return lambda scores, *truth: (loss(scores, *truth),), lambda label, *_: np.array([float(len(label))])


def seed_of_step(seed, step, rank):
    """The seed of the random numbers (dropout) of one step in one process: nothing of it need be saved."""
    return int(np.random.SeedSequence([seed, MASK_STREAM, step, rank]).generate_state(1, np.uint64)[0])


def collect(world, loss, found):
    """[(loss, Found) or None] of all processes, in the order of ranks. A process without an image passes None twice.

    The answers have different sizes, so each is packed into bytes, and the shorter ones are filled up.
    """
    if world.size == 1:
        return [(loss, found)]
    head, body = _packed(loss, found)
    heads = world.gather(head)
    longest = int(heads[:, LENGTH].max())
    padded = np.zeros(longest, np.uint8)
    padded[: len(body)] = body
    bodies = world.gather(padded)
    return [_unpacked(heads[rank], bodies[rank]) for rank in range(world.size)]


LENGTH, HEIGHT, WIDTH, HAS_OBJECTS, HAS_LOSS, LOSS = range(6)  # what stands where in an answer's head


def _packed(loss, found):
    head = np.zeros(6)
    if found is None:
        return head, np.zeros(0, np.uint8)
    parts = [np.ascontiguousarray(found.label, np.uint8).ravel()]
    if found.instances is not None:
        parts.append(np.ascontiguousarray(found.instances, np.int32).ravel().view(np.uint8))
    body = np.concatenate(parts)
    has_loss = loss is not None
    head[:] = len(body), *found.label.shape, found.instances is not None, has_loss, loss if has_loss else 0.0
    return head, body


def _unpacked(head, body):
    height, width = int(head[HEIGHT]), int(head[WIDTH])
    if not height:
        return None
    pixels = height * width
    label = body[:pixels].reshape(height, width)
    instances = None
    if head[HAS_OBJECTS]:
        instances = body[pixels : 5 * pixels].copy().view(np.int32).reshape(height, width)
    return (float(head[LOSS]) if head[HAS_LOSS] else None), Found(label, instances)


def check_same_data(world, *datasets):
    """Raise ValueError, with the machine's number, unless all processes see the same files."""
    if world.size == 1:
        return
    digest = hashlib.sha256()
    for dataset in datasets:
        digest.update(repr((dataset.description, len(dataset), _names_and_sizes(dataset))).encode())
    digests = world.gather(np.frombuffer(digest.digest(), np.uint8).copy())
    other = [rank for rank in range(world.size) if (digests[rank] != digests[0]).any()]
    if other and not world.first:
        raise Elsewhere
    if other:
        raise known_to_all(
            ValueError(
                f"process {other[0]} of {world.size} sees other data than process 0 (names or sizes differ): every "
                "machine must have the same copy of the folder"
            )
        )


def _names_and_sizes(dataset):
    """Generated data has no files; its description and length say what it is."""
    return [(path.name, path.stat().st_size) for path in dataset.files()] if hasattr(dataset, "files") else []


def check_batch(world, batch):
    """Raise ValueError if there are more processes than images in a batch."""
    if world.size > batch:
        raise ValueError(
            f"{world.size} processes cannot share a batch of {batch} images: each needs at least one; give --batch "
            f"{world.size} or fewer processes"
        )
