"""What made the result of an image layer, for the files it is saved to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.gui.files.writer import record_of
from napari_unet.gui.layers.images import FILE
from napari_unet.gui.layers.result_layer import RECORD
from napari_unet.services.segmentation.options import SegmentOptions

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import Model
    from napari_unet.services.segmentation.segment import Segmentation


def layer_record(
    layer: ImageLayer,
    image: Image,
    model: Model,
    source: str,
    options: SegmentOptions,
    result: Segmentation,
) -> dict[str, Any]:
    """Return the record of a segmentation of a layer.

    Parameters
    ----------
    layer, image
        The layer, and its pixels as they were segmented.
    model, source
        The model, and what it was loaded from.
    options
        How it was segmented.
    result
        The result.
    """
    from napari_unet.services.files.provenance import new_record
    from napari_unet.services.segmentation.made_by import model_record, segmentation_record

    about = model_record(model, source)
    file = dict(layer.metadata.get(FILE, {}))
    path = Path(file.get("path") or layer.source.path or "")
    if not path.exists() or path == Path():
        exact = options.model_dump(mode="json", exclude_defaults=True)
        return new_record("window", "labels", {}, model=about, options=exact)
    if "channel" in file:
        options = options.model_copy(update={"channels": (int(file["channel"]),)})
    reading = _reading(path, image, file)
    return segmentation_record("labels", path, about, options, result.record, **reading)


def command_of_layer(
    layer: Labels, source: ImageLayer, image: Image, made_by: dict[str, Any], model: str
) -> str:
    """Return the command that gives the same result as a layer, with a model given by name or path.

    Parameters
    ----------
    layer
        The result.
    source, image
        The image layer, and its pixels as they were segmented.
    made_by
        The record of `layer_record`.
    model
        Name or path of the model.

    Raises
    ------
    UserError
        When there is none.
    """
    # they import tifffile, which would delay opening the panel
    from napari_unet.services.commands.made_by import command_of
    from napari_unet.services.commands.segmentation import segment_command

    if FILE in source.metadata and made_by.get("by") == "segment":
        # our reader knows which image and channel of the file it is
        file = Path(source.metadata[FILE]["path"])
        labels = file.with_name(f"{file.stem}-labels.tif")
        return command_of(record_of(layer), labels, source.name)
    path = Path(source.source.path) if source.source.path else None
    # the current ones: settings may have been changed since
    record = layer.metadata[RECORD]
    options = SegmentOptions.model_validate(record["options"])
    rescaled = bool(record["rescaled_shape"])
    return segment_command(image, path, model, options, rescaled=rescaled)


def _reading(path: Path, image: Image, file: dict[str, Any]) -> dict[str, Any]:
    """Return what has to be said of a file so that it is read as the layer is."""
    from napari_unet.services.files.images import open_image

    series = int(file.get("series", 0))
    reading: dict[str, Any] = {"series": series or None}
    try:
        stated = open_image(path, series=series)
    except UserError:
        return reading
    if "channel" not in file and stated.axes != image.axes:
        reading["axes"] = image.axes
    spatial = [a for a in "ZYX" if a in image.axes]
    known = image.unit == "micrometer" and all(a in image.scale for a in spatial)
    if known and any(image.scale[a] != stated.scale.get(a) for a in spatial):
        reading["voxel_size"] = ",".join(repr(float(image.scale[a])) for a in spatial)
    return reading
