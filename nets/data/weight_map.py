"""U-Net's border weights: pixels in the gap between two cells count more than others.

    w(x) = w_c(x) + w0 * exp(-(d1(x) + d2(x))^2 / (2 sigma^2))

d1 and d2 are the distances to the nearest and the second nearest cell, w_c balances the classes (Ronneberger, Fischer,
Brox 2015, equation 2). Without the second term a net joins touching cells: the two pixels of background between them
hardly count among thousands. The term is added only on the background: inside a cell the answer is always "cell".
"""

from __future__ import annotations

import numpy as np

NEGLIGIBLE = 1e-3  # if the second term is below this share of w0, it is not computed


def border_weights(instances, w0=10.0, sigma=5.0):
    """The second term alone, float32 (H, W), from objects (H, W): 0 = background, 1 .. n = cells.

    The distance to a cell is computed only in a part of the image around it, as far as the term matters:
    d1 + d2 <= sigma sqrt(2 ln 1000). So hundreds of cells need hundreds of small distance transforms, not hundreds of
    transforms of the whole image.
    """
    from scipy import ndimage

    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(f"border_weights: needs whole numbers (H, W), got {instances.dtype} {instances.shape}")
    if sigma <= 0:
        raise ValueError(f"border_weights: sigma must be positive, got {sigma}")
    reach = int(np.ceil(sigma * np.sqrt(-2 * np.log(NEGLIGIBLE))))
    nearest = np.full(instances.shape, np.inf, np.float32)
    second = np.full(instances.shape, np.inf, np.float32)
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        window = tuple(slice(max(0, side.start - reach), side.stop + reach) for side in box)
        distance = ndimage.distance_transform_edt(instances[window] != number).astype(np.float32)
        # Keep the two smallest of (nearest, second, distance). The larger of nearest and distance may become second.
        second[window] = np.minimum(second[window], np.maximum(nearest[window], distance))
        nearest[window] = np.minimum(nearest[window], distance)
    term = w0 * np.exp(-((nearest + second) ** 2) / (2 * sigma**2))
    return np.where(instances == 0, term, 0).astype(np.float32)


def weight_map(label, instances, class_weights, w0=10.0, sigma=5.0, ignore=255):
    """w(x) float32 (H, W): the weight of the class plus the border weight; 0 on ignored pixels."""
    class_weights = np.asarray(class_weights, np.float32)
    counted = label != ignore
    balance = class_weights[np.where(counted, label, 0)]
    return np.where(counted, balance + border_weights(instances, w0, sigma), 0).astype(np.float32)
