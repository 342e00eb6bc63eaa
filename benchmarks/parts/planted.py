"""Errors that people make in annotations, planted in correct ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

KINDS = ("merged", "split", "shifted", "shrunk", "dilated", "half", "spurious")
LEAST_SIZE = 0.3
"""Of objects that are changed, in medians of the image."""
GAP_PX = 3
"""Objects no farther from each other than this are merged, with what lies between them."""
SHIFT, SHRINK, DILATE = 0.8, 0.35, 0.45
"""In radii of the object."""


def plant(
    labels: list[NDArray], n: int, rng: np.random.Generator
) -> tuple[list[NDArray], list[tuple[str, int, set[int]]]]:
    """Plant n errors, of each kind as many, in no object twice.

    Returns the labels, and of each error its kind, the image, and the numbers of its objects there.
    """
    labels = list(labels)
    errors: list[tuple[str, int, set[int]]] = []
    while len(errors) < n:
        image, kind = int(rng.integers(len(labels))), KINDS[len(errors) % len(KINDS)]
        taken = set().union(*(numbers for _, where, numbers in errors if where == image))
        changed = _changed(labels[image].copy(), kind, rng)
        if changed is not None and not changed[1] & taken:
            labels[image] = changed[0]
            errors.append((kind, image, changed[1]))
    return labels, errors


def _changed(
    labels: NDArray, kind: str, rng: np.random.Generator
) -> tuple[NDArray, set[int]] | None:
    numbers, sizes = np.unique(labels[labels > 0], return_counts=True)
    if not len(numbers):
        return None
    number = int(rng.choice(numbers[sizes >= LEAST_SIZE * np.median(sizes)]))
    mask, new = labels == number, int(labels.max()) + 1
    radius = float(np.sqrt(mask.sum() / np.pi))
    if kind == "merged":
        return _merged(labels, number, rng)
    if kind in ("split", "half"):
        pixels = np.argwhere(mask)
        long = np.linalg.svd(pixels - pixels.mean(0), full_matrices=False)[2][0]
        part = pixels[(pixels - pixels.mean(0)) @ long > 0]
        labels[tuple(part.T)] = new if kind == "split" else 0
        return labels, {number, new} if kind == "split" else {number}
    if kind == "shifted":
        angle = rng.uniform(0, 2 * np.pi)
        return _shifted(labels, number, SHIFT * radius * np.array([np.sin(angle), np.cos(angle)]))
    if kind == "shrunk":
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        labels[mask & (depth <= SHRINK * radius)] = 0
        return (labels, {number}) if (labels == number).any() else None
    if kind == "dilated":
        labels[(ndimage.distance_transform_edt(~mask) <= DILATE * radius) & (labels == 0)] = number
        return (labels, {number}) if (labels == number).sum() > 1.4 * mask.sum() else None
    return _spurious(labels, new, max(3.0, float(np.sqrt(np.median(sizes) / np.pi))), rng)


def _merged(
    labels: NDArray, number: int, rng: np.random.Generator
) -> tuple[NDArray, set[int]] | None:
    distance = ndimage.distance_transform_edt(labels != number)
    near = np.unique(labels[(distance > 0) & (distance <= GAP_PX) & (labels > 0)])
    if not len(near):
        return None
    labels[labels == int(rng.choice(near))] = number
    margin = 8
    both = ndimage.binary_closing(np.pad(labels == number, margin), iterations=GAP_PX + 1)
    labels[both[margin:-margin, margin:-margin] & (labels == 0)] = number
    return labels, {number}


def _shifted(labels: NDArray, number: int, step: NDArray) -> tuple[NDArray, set[int]] | None:
    before = np.argwhere(labels == number)
    pixels = before + np.round(step).astype(int)
    pixels = pixels[((pixels >= 0) & (pixels < labels.shape)).all(axis=1)]
    labels[labels == number] = 0
    pixels = pixels[labels[tuple(pixels.T)] == 0]
    if len(pixels) < len(before) / 2:
        return None
    labels[tuple(pixels.T)] = number
    return labels, {number}


def _spurious(
    labels: NDArray, new: int, radius: float, rng: np.random.Generator
) -> tuple[NDArray, set[int]] | None:
    room = np.argwhere(ndimage.distance_transform_edt(labels == 0) > radius + 1)
    if not len(room):
        return None
    y, x = room[rng.integers(len(room))]
    rows, columns = np.indices(labels.shape)
    labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = new
    return labels, {new}
