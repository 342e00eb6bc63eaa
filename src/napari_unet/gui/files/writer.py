"""Labels saved from napari: as the command line writes them, with axes, scale and what made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_unet.core.progress import Job, finish
from napari_unet.gui.layers.images import image_of, layer_array, likely_axes
from napari_unet.gui.layers.result_layer import RECORD, untouched

if TYPE_CHECKING:
    from napari_unet.services.files.provenance import MadeBy


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer as TIFF, as *File ▸ Save Selected Layers* asks for it.

    Parameters
    ----------
    path
        Ends in ``.tif`` or ``.tiff``.
    data, attributes
        The layer's array and its settings.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    UserError
        When it can't be written.
    """
    known = ("name", "scale", "translate", "units", "axis_labels", "metadata", "multiscale")
    layer = Labels(data, **{key: attributes[key] for key in known if key in attributes})
    # the dialog has asked whether a file may be replaced
    save_labels_layer(layer, Path(path))
    return [path]


def save_labels_layer(layer: Labels, path: Path) -> None:
    """Write the labels of a layer; an existing file is replaced.

    Raises
    ------
    UserError
        When it can't be written.
    """
    finish(labels_layer_saved(layer, path))


def labels_layer_saved(layer: Labels, path: Path) -> Job[None]:
    """Write the labels of a layer as `save_labels_layer` does, plane by plane."""
    from napari_unet.services.files.save import labels_saved

    axes = likely_axes(layer)
    image = image_of(layer, axes)
    labels = layer_array(layer)
    yield from labels_saved(
        path, labels, image, axes=axes, overwrite=True, made_by=record_of(layer)
    )


def record_of(layer: Labels) -> MadeBy:
    """Return what made the labels of a layer."""
    from napari_unet.services.files.provenance import new_record

    noted = layer.metadata.get(RECORD, {})
    if not isinstance(noted, dict) or "made_by" not in noted:
        return new_record("paint", "labels", {}, model={}, options={})
    record: MadeBy = dict(noted["made_by"])
    # the newest settings: the threshold may have been changed since
    record["options"] = {**record["options"], **_changed(noted)}
    if not untouched(layer):
        record["edited"] = True
    return record


def _changed(noted: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a result on screen followed after it was computed."""
    from napari_unet.services.segmentation.options import SegmentOptions

    if "options" not in noted:
        return {}
    options = SegmentOptions.model_validate(noted["options"])
    followed = options.model_dump(mode="json", exclude_defaults=True)
    return {
        name: followed[name]
        for name in ("objects", "threshold", "separation", "smallest", "fill_holes")
        if name in followed
    }
