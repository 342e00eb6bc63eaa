"""Files of labels, whatever program has written them and however."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.alignment import integer_factors
from napari_unet.core.image.axes import Image
from napari_unet.services.files.cellpose import read_npy
from napari_unet.services.files.images import find_images, open_labels
from napari_unet.services.files.names import LABEL_SUFFIXES, key_of, named_as_labels, stem_of
from napari_unet.services.files.object_outlines import read_geojson
from napari_unet.services.files.roi_labels import read_rois
from napari_unet.services.omezarr.store import is_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_unet.core.image.axes import Lazy

MAX_BYTES_IN_MEMORY = 1 << 30
"""Arrays of up to so many bytes are read at once; parts of larger ones are read from the file."""
MAX_LABEL = 2**31 - 1


@dataclass(frozen=True, eq=False)
class LabelFile:
    """Labels from a file.

    Attributes
    ----------
    image
        The labels with their axes, as whole numbers; the data may be lazy.
    notes
        How the file was understood, where that is not plain; each a sentence.
    """

    image: Image
    notes: tuple[str, ...] = ()


def find_labels(inputs: Sequence[str | Path]) -> list[Path]:
    """Resolve files, folders and patterns to label files.

    Parameters
    ----------
    inputs
        As for `find_images`; of folders, NumPy files and regions of interest are taken as well, unless
        the same labels are there as an image, too.

    Raises
    ------
    UserError
        When an input matches no file, or a folder can't be read.
    """
    paths: list[Path] = []
    for given in map(Path, inputs):
        own = _own_kinds(given)
        try:
            found = find_images([given])
        except UserError:
            if not own:
                raise
            found = []
        keys = {key_of(stem_of(p)) for p in found if named_as_labels(stem_of(p))}
        paths += found + [p for p in own if key_of(stem_of(p)) not in keys]
    return list({path.absolute(): path for path in paths}.values())


def read_labels(path: Path, image: Image | None = None, axes: str | None = None) -> LabelFile:
    """Open a file of labels.

    Parameters
    ----------
    path
        An image file, a NumPy file, or ImageJ's regions of interest.
    image
        The image that it belongs to.
    axes
        Its axes, if those in the file are wrong.

    Raises
    ------
    UserError
        When it can't be read or does not hold whole numbers.
    """
    labels, notes = _opened(path, image, axes)
    data = labels.data
    if data.dtype.kind == "f":
        data = WholeNumbers(data, path.name)
    if image is not None and axes is None:
        data, letters = _without_colours(data, labels.axes, image.label_shape)
        labels = replace(labels, data=data, axes=letters)
    if prod(data.shape) * data.dtype.itemsize <= MAX_BYTES_IN_MEMORY:
        data = np.asarray(data[...])
    labels = replace(labels, data=data)
    if image is not None and axes is None:
        labels = _fitted(labels, image)
    return LabelFile(labels, tuple(notes))


class WholeNumbers:
    """Labels that were saved as floating-point numbers; read as whole numbers.

    Parameters
    ----------
    data
        Floating-point numbers.
    name
        For messages.
    """

    def __init__(self, data: Lazy, name: str) -> None:
        self._data, self._name = data, name
        self.shape = tuple(data.shape)
        self.dtype: np.dtype[Any] = np.dtype(np.int32)

    def __getitem__(self, key: Any, /) -> NDArray[np.int32]:
        values = np.asarray(self._data[key])
        whole = np.isfinite(values) & (np.abs(values) <= MAX_LABEL)
        # never the first: what is left out may be NaN
        whole &= np.where(whole, values, 0) == np.rint(np.where(whole, values, 0))
        if not whole.all():
            raise UserError(
                f"{self._name!r} does not hold whole numbers",
                value=f"{values[~whole][0]:g}, among {values.dtype} values",
                rule="Labels are whole numbers, each the class or object of a pixel.",
                remedy="Give the labels rather than probabilities, or convert them.",
            )
        return values.astype(np.int32)


def _own_kinds(given: Path) -> list[Path]:
    """Return the files of a folder that hold labels whatever they are called."""
    if not given.is_dir():
        return []
    try:
        inside = sorted(given.iterdir())
    except OSError:
        # find_images says so
        return []
    own = [p for p in inside if p.suffix.lower() in LABEL_SUFFIXES and p.name[0] != "."]
    return [p for p in own if not is_zarr(p)]


def _opened(path: Path, image: Image | None, axes: str | None) -> tuple[Image, list[str]]:
    suffix = path.suffix.lower()
    if suffix == ".npy":
        masks = read_npy(path)
        letters = axes or "TZYX"[-masks.ndim :]
        if image is not None and axes is None and len(image.label_axes) == masks.ndim:
            letters = image.label_axes
        return Image(masks, letters, name=path.stem), []
    if suffix in LABEL_SUFFIXES and not is_zarr(path):
        if image is None:
            raise UserError(
                f"{path.name} can't be drawn",
                value="no image",
                rule="Regions of interest are outlines; how large their image is they don't say.",
                remedy="Give their images as well.",
            )
        drawn = read_geojson(path, image) if suffix == ".geojson" else read_rois(path, image)
        note = f"{path.name}: {len(np.unique(drawn)) - 1} regions of interest, drawn as objects."
        return replace(image, data=drawn, axes=image.label_axes, channel_names=()), [note]
    opened = open_labels(path, axes)
    # a file that doesn't name its axes has those of the image
    if axes is None and image is not None and integer_factors(image, opened.data.shape) is not None:
        opened = open_labels(path, image.label_axes)
    return opened, []


def _without_colours(data: Lazy, axes: str, shape: Sequence[int]) -> tuple[Lazy, str]:
    """Return one of several channels if all of them repeat the same labels."""
    at = next((axes.index(a) for a in "SC" if a in axes), None)
    kept = tuple(n for i, n in enumerate(data.shape) if i != at)
    large = prod(data.shape) * data.dtype.itemsize > MAX_BYTES_IN_MEMORY
    if at is None or data.shape[at] not in (2, 3, 4) or kept != tuple(shape) or large:
        return data, axes

    def channel(number: int) -> NDArray[Any]:
        # one at a time: all of them may be large
        return np.asarray(data[(slice(None),) * at + (number,)])

    first = channel(0)
    if any(not np.array_equal(first, channel(i)) for i in range(1, min(data.shape[at], 3))):
        return data, axes
    return first, axes[:at] + axes[at + 1 :]


def _fitted(labels: Image, image: Image) -> Image:
    """Drop axes of length 1 that the image lacks."""
    data = labels.data
    if not isinstance(data, np.ndarray) or data.shape == image.label_shape:
        return labels
    long = tuple(n for n in data.shape if n > 1)
    if long != tuple(n for n in image.label_shape if n > 1):
        return labels
    return replace(labels, data=data.reshape(image.label_shape), axes=image.label_axes, scale={})
