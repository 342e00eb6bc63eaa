"""A run as the command that repeats it, to the same result."""

from __future__ import annotations

import math
import shlex
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.errors import UserError
from napari_unet.core.image.normalization import Normalization
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_unet.core.annotations.annotation import Kind
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.services.segmentation.batch import Existing

VALUES = (
    "pixel_size",
    "threshold",
    "separation",
    "smallest",
    "device",
    "precision",
    "tile",
    "memory",
)
"""Options that are a word and a value."""
SWITCHES = ("objects", "rescale", "fill_holes", "mirror")
"""Options that are on or off."""
EXISTING = {"refuse": (), "skip": ("--skip-existing",), "replace": ("--overwrite",)}
"""What becomes of an image that has a result already."""


def segment_command(
    image: Image, path: Path | None, model: str, options: SegmentOptions, *, rescaled: bool
) -> str:
    """Return the line that segments an image file as an image in memory was segmented.

    Parameters
    ----------
    image, path
        The image as it was segmented, and the file that it is from.
    model
        A name in the library, or the path of a model.
    options
        How.
    rescaled
        Whether the image was brought to the model's pixel size.

    Raises
    ------
    UserError
        When a command would not give the same result, or there is no file.
    """
    if path is None or not path.is_file():
        raise untold(
            "it is not from a file", "Save the image as a TIFF, open that, and segment it."
        )
    _check_told(model, options)
    axes = None if _opens_as(path, None, image) else image.axes
    if axes is not None and not _opens_as(path, axes, image):
        raise untold(f"{path.name} holds another image", "Save the image as a TIFF, and open that.")
    stated = open_image(path, axes)
    spatial = [a for a in "ZYX" if a in image.axes]
    alike = image.unit == stated.unit and all(
        image.scale.get(a) == stated.scale.get(a) for a in spatial
    )
    by_stated = rescaled and options.pixel_size is None
    if not alike and (by_stated or options.smallest is not None):
        raise untold(
            f"{path.name} states another pixel size", "Give the layer the file's scale and unit."
        )
    if not alike and not rescaled:
        # where the layer said nothing of its pixel size, nor was it looked at
        options = options.model_copy(update={"rescale": False})
    return as_line(segment_words(path, _beside(path), model, options, axes))


def batch_command(
    images: Path,
    results: Path,
    model: str,
    options: SegmentOptions,
    *,
    axes: str | None,
    existing: Existing,
) -> str:
    """Return the line that segments a folder as it was segmented.

    Parameters
    ----------
    images, results
        The folders.
    model
        A name in the library, or the path of a model.
    options, axes, existing
        As for `segment_files`.

    Raises
    ------
    UserError
        When a command would not give the same results.
    """
    _check_told(model, options)
    # it may be typed in another folder
    words = segment_words(images.absolute(), results.absolute(), model, options, axes)
    return as_line([*words, *EXISTING[existing]])


def evaluate_command(
    prediction: Image, true: Lazy, paths: tuple[Path, Path], kind: Kind, *, in_volumes: bool
) -> str:
    """Return the line that compares label files as labels in memory were compared.

    Parameters
    ----------
    prediction, true
        The labels, with the same axes.
    paths
        The files that they are from.
    kind
        What they mean.
    in_volumes
        Whether they were compared in volumes, not in planes.

    Raises
    ------
    UserError
        When a command would not give the same scores.
    """
    if kind == "objects" and in_volumes != ("Z" in prediction.axes):
        raise untold(
            "a stack of planes was compared plane by plane", "Compare the planes one by one."
        )
    found, labels = paths
    axes = None if _opens_as(found, None, prediction) else prediction.axes
    for path, image, own in (
        (found, prediction, axes),
        (labels, replace(prediction, data=true, axes=_axes_in(labels, prediction)), None),
    ):
        # labels are what is mended, wherever it is needed
        if not _opens_as(path, own, image, everywhere=True):
            raise untold(
                f"{path.name} holds other labels", "Save the labels as a TIFF, and open that."
            )
    words = ["napari-unet", "evaluate", "--predicted", str(found), "--labels", str(labels)]
    return as_line([*words, "--kind", kind, *([] if axes is None else ["--axes", axes])])


def segment_words(
    image: Path, labels: Path, model: str, options: SegmentOptions, axes: str | None = None
) -> list[str]:
    """Return the words of the command that segments a file.

    Parameters
    ----------
    image, labels
        The image file, and where its labels are to go; or a folder each.
    model
        A name in the library, or the path of a model.
    options
        How. Of a normalisation the kind is told, not gain or percentiles of one's own.
    axes
        Axes of the image where the file's own are wrong.
    """
    words = ["napari-unet", "segment", str(image), "-o", str(labels), "--model", model]
    if axes is not None:
        words += ["--axes", axes]
    for channel in options.channels or ():
        words += ["--channel", str(channel)]
    if options.normalization is not None:
        words += ["--normalization", options.normalization.kind]
    for name in (*VALUES, *SWITCHES):
        value = getattr(options, name)
        if value == SegmentOptions.model_fields[name].default:
            continue
        option = name.replace("_", "-")
        if name in VALUES:
            words += [f"--{option}", str(value)]
        else:
            words.append(f"--{'' if value else 'no-'}{option}")
    for name in ("probabilities", "uncertainty"):
        if getattr(options, name):
            maps = labels.with_name(f"{labels.stem}-{name}{labels.suffix}")
            words += [f"--{name}", str(maps)]
    return words


def as_line(words: Sequence[str]) -> str:
    """Return words as a line to be typed, quoted as this system's shell wants it."""
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _check_told(model: str, options: SegmentOptions) -> None:
    """Raise a `UserError` where no words say which U-Net it was, or how it was used."""
    if not model:
        raise untold("the U-Net is in no file", "Keep it in the library first (Load U-Net).")
    own = options.normalization
    if own is not None and own != Normalization(kind=own.kind):
        raise untold("its normalisation has values of its own", "Choose one by its kind.")


def _opens_as(path: Path, axes: str | None, image: Image, *, everywhere: bool = False) -> bool:
    """Whether a file opens as an image of these axes, this shape and, as far as looked at, pixels."""
    try:
        found = open_image(path, axes)
    except UserError:
        return False
    alike = found.axes == image.axes and tuple(found.data.shape) == tuple(image.data.shape)
    return alike and all(
        np.array_equal(found.data[place], image.data[place], equal_nan=True)
        for place in _planes(image, everywhere=everywhere)
    )


def _axes_in(path: Path, like: Image) -> str:
    """Return the axes that a file of labels has by itself: with true labels, nobody looks at these."""
    try:
        found = open_image(path).axes
    except UserError:
        return like.axes
    return found if len(found) == len(like.axes) else like.axes


def _planes(image: Image, *, everywhere: bool) -> list[tuple[int, ...]]:
    """Return where planes are: the first, the middle and the last one, as all could take minutes."""
    lead = image.data.shape[: image.axes.index("Y")]
    n = math.prod(lead)
    few = sorted({0, n // 2, n - 1}) if n else []
    numbers = range(n) if everywhere else few
    return [tuple(int(i) for i in np.unravel_index(k, lead)) if lead else () for k in numbers]


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-labels.tif")


def untold(why: str, remedy: str) -> UserError:
    """Return the error that there is no command that repeats what was done, and why."""
    return UserError(
        "There is no command that would give this result",
        value=why,
        rule="A command reads the image from a file, with a U-Net that is in a file.",
        remedy=remedy,
    )
