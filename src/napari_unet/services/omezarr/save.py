"""Writes labels that are complete as OME-Zarr."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.atomic import explained_writing
from napari_unet.core.progress import Job, Progress
from napari_unet.services.omezarr.labels import complete_labels, create_level
from napari_unet.services.omezarr.pyramid import windows
from napari_unet.services.omezarr.targets import check_free_target, label_target, publish

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.services.omezarr.targets import Version

CHUNK = {2: 512, 3: 64}
"""Side of the chunks of planes and of volumes, in pixels."""
SHARD = 4
"""Chunks along each side of a shard."""


def zarr_labels_saved(
    path: str | Path,
    labels: Lazy,
    image: Image,
    axes: str,
    dtype: np.dtype[Any],
    *,
    overwrite: bool = False,
    made_by: Mapping[str, Any] | None = None,
    properties: Sequence[Mapping[str, Any]] = (),
    version: Version | None = None,
    name: str = "",
) -> Job[None]:
    """Write labels as OME-Zarr, whole or not at all; to cancel, close it.

    Parameters
    ----------
    path, version, name
        As for `label_target`.
    labels, axes, dtype
        Whole numbers with a letter for each axis, read window by window, and the type to store.
    image
        The image they belong to.
    overwrite
        Whether labels that are there may be replaced.
    made_by
        What made them.
    properties
        Of each object, with its ``label-value``.

    Yields
    ------
    Progress
        In units of chunks.

    Raises
    ------
    UserError
        When they can't be written there.
    """
    target = label_target(path, version, name)
    check_free_target(target, overwrite)
    folder = target.container.with_name(f".{target.container.name}-{target.name or 'labels'}.part")
    with explained_writing(target.folder):
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            first = yield from _write_pixels(folder, labels, axes, dtype, target.version)
            listed = properties or _listed(labels)
            yield from complete_labels(
                folder,
                first,
                image,
                axes,
                target,
                made_by=made_by,
                properties=listed,
                source="../../" if target.name else "",
            )
            publish(folder, target, overwrite=overwrite)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _write_pixels(
    folder: Path, labels: Lazy, axes: str, dtype: np.dtype[Any], version: Version
) -> Job[Any]:
    """Write the first level, window by window; returns its array."""
    chunks, shards = chunk_shape(axes, labels.shape), None
    if version == "0.5":
        shards = tuple(SHARD * c if a in "ZYX" else c for a, c in zip(axes, chunks, strict=True))
    first = create_level(folder, 0, labels.shape, dtype, version, chunks, shards, axes)
    boxes = list(windows(labels.shape, shards or chunks))
    for i, box in enumerate(boxes):
        yield Progress(i, len(boxes), f"writing chunk {i + 1} of {len(boxes)}")
        first[box] = np.asarray(labels[box]).astype(dtype)
    return first


def chunk_shape(axes: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of chunks: a window of a plane, or a small block of a volume."""
    side = CHUNK[3 if "Z" in axes else 2]
    sizes = zip(axes, shape, strict=True)
    return tuple(min(side, n) if a in "ZYX" else 1 for a, n in sizes)


def _listed(labels: Lazy) -> list[dict[str, Any]]:
    """Return the values of labels in memory, so that each gets a colour."""
    if not isinstance(labels, np.ndarray):
        return []
    values = np.unique(labels)
    return [{"label-value": int(n)} for n in values[values > 0]]
