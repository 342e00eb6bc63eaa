"""A segmentation as the command that repeats it, with the same result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.image.normalization import Normalization
from napari_unet.services.commands.line import as_line, no_command
from napari_unet.services.commands.same_file import opens_as
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from napari_unet.core.image.axes import Image
    from napari_unet.services.segmentation.batch import Existing

VALUES = (
    "diameter",
    "pixel_size",
    "threshold",
    "separation",
    "smallest",
    "device",
    "engine",
    "precision",
    "tile",
    "memory",
)
"""Options with a value."""
SWITCHES = ("objects", "rescale", "fill_holes", "mirror")
"""Options that are on or off."""
EXISTING = {"refuse": (), "skip": ("--skip-existing",), "replace": ("--overwrite",)}
"""What happens to an image that already has a result."""


def segment_command(
    image: Image, path: Path | None, model: str, options: SegmentOptions, *, rescaled: bool
) -> str:
    """Return the line that segments an image file as an image in memory was segmented.

    Parameters
    ----------
    image, path
        The image as it was segmented, and the file it was opened from.
    model
        A name in the library, or the path of a model.
    options
        How it was segmented.
    rescaled
        Whether the image was brought to the model's pixel size.

    Raises
    ------
    UserError
        When no command would give the same result, or there is no file.
    """
    if path is None or not path.is_file():
        raise no_command(
            "the image was not opened from a file",
            "Save the image as a TIFF, open that, and segment it.",
        )
    _check_expressible(model, options)
    axes = None if opens_as(path, None, image) else image.axes
    if axes is not None and not opens_as(path, axes, image):
        raise no_command(
            f"{path.name} holds another image", "Save the image as a TIFF, and open that."
        )
    stated = open_image(path, axes)
    spatial = [a for a in "ZYX" if a in image.axes]
    same_scale = image.unit == stated.unit and all(
        image.scale.get(a) == stated.scale.get(a) for a in spatial
    )
    scale_matters = (rescaled and options.pixel_size is None) or options.smallest is not None
    if not same_scale and scale_matters:
        raise no_command(
            f"{path.name} states another pixel size", "Give the layer the file's scale and unit."
        )
    if not same_scale and not rescaled:
        # the layer states no pixel size, so that it was not rescaled; the file might be
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
    exports: Collection[str] = (),
) -> str:
    """Return the line that segments a folder as a batch did.

    Parameters
    ----------
    images, results
        The folders.
    model
        A name in the library, or the path of a model.
    options, axes, existing
        As for `segment_files`.
    exports
        Which of rois, geojson and table were written to the folder of the results, too.

    Raises
    ------
    UserError
        When no command would give the same results.
    """
    _check_expressible(model, options)
    # absolute: it may be typed in another folder
    words = segment_words(images.absolute(), results.absolute(), model, options, axes)
    for kind in sorted(exports):
        words += [f"--{kind}", str(results.absolute())]
    return as_line([*words, *EXISTING[existing]])


def segment_words(
    image: Path, labels: Path, model: str, options: SegmentOptions, axes: str | None = None
) -> list[str]:
    """Return the words of the command that segments a file.

    Parameters
    ----------
    image, labels
        The image file and the file for its labels, or a folder each.
    model
        A name in the library, or the path of a model.
    options
        How to segment. Only the kind of a normalisation is expressed, not its values.
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
            output = labels.with_name(f"{labels.stem}-{name}{labels.suffix}")
            words += [f"--{name}", str(output)]
    return words


def _check_expressible(model: str, options: SegmentOptions) -> None:
    """Raise a `UserError` where options of a command can't express the U-Net or its settings."""
    if not model:
        raise no_command("the U-Net is not saved", "Keep it in the library first (Load U-Net).")
    normalization = options.normalization
    if normalization is not None and normalization != Normalization(kind=normalization.kind):
        raise no_command("its normalisation has values of its own", "Choose one by its kind.")


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-labels.tif")
