"""The batches of a training. Each batch depends only on the seed and its number.

So a resumed training needs no record of earlier batches: batch 1000 is always the same.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nets.data import augment, make_batch

# The second word of a random stream's seed: what it is used for.
ORDER_STREAM = 10
AUGMENT_STREAM = 11


class Batches:
    """Augmented batches. Every epoch shows each sample once, in a new order and with a new variation.

    While a step runs, a thread makes the next batch. The two can run together, because a step spends most of its time
    in BLAS, which does not hold Python's global lock.
    """

    def __init__(self, dataset, normalization, augmentation, size, seed, prepare=make_batch, share=None):
        """share: a range, the images of each batch that this process makes; None: all of them."""
        self._dataset = dataset
        self._normalization = normalization
        self._prepare = prepare  # (samples, normalization) -> the arrays of a batch
        self._augmentation = augmentation
        self._size = size
        self._share = range(size) if share is None else share
        self._seed = seed
        self._order = (-1, None)  # (epoch, permutation)
        self._pool = ThreadPoolExecutor(1)
        self._ahead = (-1, None)  # (number, future)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """Make no more batches."""
        self._pool.shutdown(cancel_futures=True)

    def __getitem__(self, number):
        """(x float32 (N, C, H, W), label int64 (N, H, W)) of batch `number`, and what else `prepare` adds."""
        expected, future = self._ahead
        if expected != number:
            future = self._pool.submit(self._make, number)
        batch = future.result()
        self._ahead = (number + 1, self._pool.submit(self._make, number + 1))
        return batch

    def _make(self, number):
        first = number * self._size
        samples = [self._variant(first + place) for place in self._share]
        return self._prepare(samples, self._normalization)

    def _variant(self, draw):
        """The augmented sample number `draw`, counted from the beginning of the training."""
        epoch, position = divmod(draw, len(self._dataset))
        if self._order[0] != epoch:
            rng = np.random.default_rng([self._seed, ORDER_STREAM, epoch])
            self._order = (epoch, rng.permutation(len(self._dataset)))
        sample = self._dataset.sample(int(self._order[1][position]))
        rng = np.random.default_rng([self._seed, AUGMENT_STREAM, draw])
        if callable(self._augmentation):
            return self._augmentation(sample, rng)
        return augment(sample, rng, self._augmentation)
