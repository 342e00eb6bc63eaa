"""Predictions made of true labels by the mistakes that segmentation makes."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, find_objects


def perturbed(truth, seed):
    """Shift all objects, then leave alone, erode, drop, halve or merge each, and add some of nothing.

    Only integers are drawn, so that a seed means the same with every version of numpy.
    """
    draw = np.random.RandomState(seed)
    shift = draw.randint(-2, 3, truth.ndim)
    moved = np.roll(truth.astype(np.int32), shift, axis=range(truth.ndim))
    found, free = moved.copy(), int(moved.max()) + 1
    last = None
    for value, box in enumerate(find_objects(moved), 1):
        if box is None:
            continue
        mistake = draw.randint(8)
        here, view = moved[box] == value, found[box]
        if mistake == 0:
            view[here] = 0
        elif mistake == 1:
            view[here & ~binary_erosion(here, iterations=2)] = 0
        elif mistake == 2:
            view[here & (np.arange(here.shape[-1]) >= here.shape[-1] // 2)] = free
            free += 1
        elif mistake == 3 and last is not None:
            view[here] = last
        last = value
    for _ in range(3):
        corner = [draw.randint(0, max(n - 8, 1)) for n in truth.shape]
        view = found[tuple(slice(c, c + 8) for c in corner)]
        view[view == 0] = free
        free += 1
    return found
