"""Pixels of which the labels of a set say nothing, told from image and labels.

Where a set is known to be annotated incompletely, what is not labelled but looks like an object must not
be learnt as background.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

PIECE = 0.25
"""Part of a typical object below which a piece that looks like one is taken for something else."""
FIELD = 50
"""Pixels between the edge and the field of interest in sequences of the Cell Tracking Challenge."""
MARGIN = 4
"""Pixels around a cell that reaches out of the field in which there is no other."""
RIM = 0.75
"""Part of the usual brightness below which a field counts as the dark rim of the optics."""

Mask = NDArray[np.bool_]


def nothing(_: NDArray[Any], labels: NDArray[np.int32]) -> Mask:
    """Everything is known."""
    return np.zeros(labels.shape, bool)


def dark_and_unlabelled(pixels: NDArray[Any], labels: NDArray[np.int32]) -> Mask:
    """Pieces outside of nuclei that are as dark as nuclei: those out of focus."""
    if not labels.any():
        return nothing(pixels, labels)
    # what stains nuclei absorbs red
    red = ndimage.gaussian_filter(pixels[..., 0].astype(np.float32), 1)
    free = ~ndimage.binary_dilation(labels > 0, iterations=2)
    level = (np.median(red[labels > 0]) + np.median(red[free])) / 2
    return _pieces(free & (red < level), labels)


def several_in_one(pixels: NDArray[Any], labels: NDArray[np.int32]) -> Mask:
    """Large objects with dents: touching nuclei that share a number."""
    objects = regionprops(labels)
    if not objects:
        return nothing(pixels, labels)
    usual = np.median([each.area for each in objects])
    shared = [each.label for each in objects if each.area > 1.5 * usual and each.solidity < 0.86]
    return np.isin(labels, shared)


def busy_and_unlabelled(pixels: NDArray[Any], labels: NDArray[np.int32]) -> Mask:
    """Pieces outside of cells that are as busy as cells, away from the halos of these."""
    if not labels.any():
        return nothing(pixels, labels)
    grey = pixels.astype(np.float32)
    variance = ndimage.uniform_filter(grey**2, 15) - ndimage.uniform_filter(grey, 15) ** 2
    busy = np.sqrt(np.maximum(variance, 0))
    free = ~ndimage.binary_dilation(labels > 0, iterations=10)
    return _pieces(free & (busy > np.percentile(busy[labels > 0], 25)), labels)


def rim_and_busy(pixels: NDArray[Any], labels: NDArray[np.int32]) -> Mask:
    """The dark rim of a field as well, where cells were passed over."""
    light = ndimage.gaussian_filter(pixels.astype(np.float32), 30)
    rim = (light < RIM * np.median(light)) & (labels == 0)
    return rim | busy_and_unlabelled(pixels, labels)


def beyond_the_field(_: NDArray[Any], labels: NDArray[np.int32]) -> Mask:
    """Everything beyond the field of interest but the boxes of labelled cells that reach out of it."""
    beyond = np.ones(labels.shape, bool)
    beyond[FIELD:-FIELD, FIELD:-FIELD] = False
    for box in ndimage.find_objects(labels):
        if box is not None:
            beyond[tuple(slice(max(at.start - MARGIN, 0), at.stop + MARGIN) for at in box)] = False
    return beyond


def _pieces(mask: Mask, labels: NDArray[np.int32]) -> Mask:
    """Return the pieces of a mask that are large enough to be objects, and some pixels around."""
    sizes = np.bincount(labels.ravel())[1:]
    least = PIECE * np.median(sizes[sizes > 0])
    pieces, _ = ndimage.label(mask)
    large = np.bincount(pieces.ravel()) >= least
    large[0] = False
    return ndimage.binary_dilation(large[pieces], iterations=2) & (labels == 0)
