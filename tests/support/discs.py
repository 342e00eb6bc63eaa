"""Images of bright discs or balls, to be found by the bundled networks for nuclei."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_unet.core.image.axes import Image


def discs(diameter: float, side: int = 256, seed: int = 0, gap: float = 1.8) -> Image:
    """An image of soft discs in rows, or of a single one where no more fit."""
    return Image(pixels_of([diameter], side, seed, gap), "YX", name="discs")


def pixels_of(diameters: list[float], side: int, seed: int = 0, gap: float = 1.8) -> np.ndarray:
    """Discs of each diameter in a strip of their own, from the left to the right."""
    rows, columns = np.indices((side, side))
    bright = np.zeros((side, side))
    width = side / len(diameters)
    for i, diameter in enumerate(diameters):
        step = gap * diameter
        start = i * width
        for y in np.arange(step / 2, side - diameter / 2, step):
            for x in np.arange(start + step / 2, start + width - diameter / 2, step):
                bright[(rows - y) ** 2 + (columns - x) ** 2 < (diameter / 2) ** 2] = 1
    noise = np.random.default_rng(seed).normal(0, 4, bright.shape)
    soft = gaussian_filter(bright, max(0.05 * min(diameters), 0.5))
    return np.clip(20 + 120 * soft + noise, 0, 255).astype(np.uint8)
