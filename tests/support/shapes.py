from __future__ import annotations

import numpy as np


def ellipses(seed, n=6, size=64):
    """Ellipses that touch and overlap; the later ones lie on top of the others, and stay convex."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for i in range(n):
        cy, cx = rng.uniform(0, size, 2)
        a, b = rng.uniform(5, 14, 2)
        turn = rng.uniform(0, np.pi)
        along = (y - cy) * np.sin(turn) + (x - cx) * np.cos(turn)
        across = (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        inside = (along / a) ** 2 + (across / b) ** 2 <= 1
        labels[inside & (labels == 0)] = 100 * (i + 1)
    return labels
