"""Pictures of results, where there is no viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

from napari_unet.core.atomic import atomic_path
from napari_unet.core.image.frames import frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Image

COLOURS = np.array(
    [[255, 176, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [213, 94, 0], [204, 121, 167]],
    dtype=np.float32,
)
"""The colour-blind can tell them apart, too (Okabe and Ito)."""


def overlay(plane: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw labels over a plane: a light tint inside, a full line along the edge.

    Parameters
    ----------
    plane
        (Y, X) intensities, any range.
    labels
        (Y, X); 0 is background.

    Returns
    -------
    ndarray
        (Y, X, 3) uint8.
    """
    colour = COLOURS[(labels.astype(np.int64) - 1) % len(COLOURS)]
    return tint(grey(plane), labels, colour)


def grey(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn intensities of any range into a grey (Y, X, 3) picture."""
    low, high = np.percentile(plane, (1, 99.8))
    scaled = np.clip((plane - low) / max(high - low, 1e-12), 0, 1) * 255
    picture: NDArray[np.uint8] = scaled.astype(np.uint8)[..., None].repeat(3, axis=-1)
    return picture


def tint(
    picture: NDArray[np.uint8], labels: NDArray[Any], colour: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Draw labels over a (Y, X, 3) picture, each pixel in its own colour, (Y, X, 3) of 0 to 255."""
    weight = np.where(labels > 0, np.where(_edges(labels), 1.0, 0.2), 0.0)[..., None]
    tinted: NDArray[np.uint8] = (picture * (1 - weight) + colour * weight).astype(np.uint8)
    return tinted


def contact_sheet(image: Image, labels: NDArray[Any], max_planes: int = 4) -> NDArray[np.uint8]:
    """Draw planes of a stack side by side: the raw plane above, the same with its labels below.

    Parameters
    ----------
    image
        The image; its first channel is shown.
    labels
        Labels with the image's axes, without channels.
    max_planes
        Number of planes to show at most, spread evenly over the stack.
    """
    planes = frames(image, "YX", (0,))
    numbers = sorted({round(i) for i in np.linspace(0, len(planes) - 1, max_planes)})
    columns = []
    for frame in (planes[i] for i in numbers):
        box = tuple(slice(0, n) for n in frame.shape)
        key, order = frame.label_index(box)
        raw, drawn = frame.read(box)[0], np.asarray(labels[key]).transpose(np.argsort(order))
        columns.append(np.concatenate([overlay(raw, np.zeros_like(drawn)), overlay(raw, drawn)]))
    gap = np.full((len(columns[0]), 4, 3), 255, dtype=np.uint8)
    spaced = [part for column in columns for part in (column, gap)][:-1]
    return np.concatenate(spaced, axis=1)


def save_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a (Y, X, 3) picture; the file is written whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))


def _edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    edge = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        before = (slice(None),) * axis
        edge[(*before, slice(1, None))] |= differs
        edge[(*before, slice(None, -1))] |= differs
    return edge & (labels > 0)
