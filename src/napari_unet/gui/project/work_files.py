"""The layers of an image of a folder, written beside it and read again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from napari.layers._source import layer_source

from napari_unet.core.atomic import atomic_path
from napari_unet.core.image.alignment import check_alignment
from napari_unet.core.progress import Job, Progress
from napari_unet.gui.layers.checked_areas import checked_layer, checks_record, restore_checks
from napari_unet.gui.layers.layer_pair import pair_layers, regions_of
from napari_unet.gui.layers.placement import place
from napari_unet.gui.layers.purpose import IMAGE, KIND, belongs, is_annotation, is_result, kind_of
from napari_unet.gui.layers.result_before import BEFORE, ResultBefore, before_of
from napari_unet.gui.project.layers import layer_from, note_of_layer, renamed

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from napari.layers import Image as ImageLayer
    from numpy.typing import NDArray

    from napari_unet.core.annotations.regions import Region
    from napari_unet.core.image.axes import Image, Lazy
    from napari_unet.gui.layers.placement import Placement
    from napari_unet.services.storage.work_folder import WorkImage

READER = "napari-unet-studio"


@dataclass(frozen=True, eq=False)
class LabelsFile:
    """Labels to write.

    Attributes
    ----------
    layer
        Their layer.
    path
        The file.
    labels
        With the label axes of the image.
    before
        The result that they were copied from, likewise; None: there is none.
    """

    layer: Labels
    path: Path
    labels: Lazy
    before: Lazy | None


@dataclass(frozen=True, eq=False)
class Written:
    """All that is written of an image.

    Attributes
    ----------
    image
        Where.
    pixels
        The image, for axes and pixel size.
    files
        Its labels.
    regions
        What is marked as checked.
    notes
        How the layers looked, for JSON.
    """

    image: WorkImage
    pixels: Image
    files: tuple[LabelsFile, ...]
    regions: tuple[Region, ...]
    notes: dict[str, Any]


def to_write(viewer: napari.Viewer, source: ImageLayer, pixels: Image, image: WorkImage) -> Written:
    """Collect what there is to write of an image, on the main thread; arrays are not copied.

    Raises
    ------
    UserError
        When labels don't cover the image.
    """
    files, taken = [], set()
    # the topmost of a kind is the one that was worked on last
    for layer in reversed([x for x in viewer.layers if isinstance(x, Labels)]):
        if not belongs(layer, source) or not (is_annotation(layer) or is_result(layer)):
            continue
        annotated = is_annotation(layer)
        path = image.annotation(kind_of(layer)) if annotated else image.result
        if path in taken:
            if not annotated:
                continue
            path = path.parent.parent / "more" / f"{layer.name}.tif"
        taken.add(path)
        pair = pair_layers(source, pixels, layer, kind_of(layer), None)
        known = before_of(layer) if annotated else None
        before = None if known is None else pair.of_image(known.labels)
        files.append(LabelsFile(layer, path, pair.paint(), before))
    shapes = checked_layer(viewer, source)
    regions = regions_of(shapes, source, pixels) if shapes is not None and len(shapes.data) else ()
    notes = {
        "source": str(source.unique_id),
        "files": {file.path.parent.name: _note(file.layer) for file in files},
        "checked": checks_record(viewer, source),
    }
    return Written(image, pixels, tuple(files), regions, notes)


def writing(written: Written) -> Job[None]:
    """Write the layers of an image, each file whole or not at all.

    Raises
    ------
    UserError
        When a file can't be written.
    """
    from napari_unet.services.files.save import labels_saved
    from napari_unet.services.training.annotation_files import write_regions

    image = written.image
    for i, file in enumerate(written.files):
        yield Progress(i, len(written.files), f"Saving {image.name}")
        for path, labels in ((file.path, file.labels), (image.before, file.before)):
            if labels is not None:
                yield from labels_saved(
                    path, labels, written.pixels, axes=written.pixels.label_axes, overwrite=True
                )
    if written.regions:
        image.checked.parent.mkdir(parents=True, exist_ok=True)
        write_regions(image.checked, written.regions, written.pixels)
    else:
        image.checked.unlink(missing_ok=True)
    if written.files:
        image.layers.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(image.layers) as part:
            part.write_text(json.dumps(written.notes))


@dataclass(frozen=True, eq=False)
class Opened:
    """An image of a folder that was read.

    Attributes
    ----------
    layers
        What napari's layers of the image are made of.
    labels
        Annotations and the result, as their layers show them, by the name of their folder.
    before
        The result that annotations were copied from.
    notes
        How the layers looked; empty if that is not known.
    """

    image: WorkImage
    layers: list[tuple[Any, dict[str, Any], str]]
    labels: dict[str, NDArray[Any]]
    before: NDArray[Any] | None
    notes: dict[str, Any]


def opening(image: WorkImage) -> Job[Opened]:
    """Read an image of a folder and what was saved of it.

    Raises
    ------
    UserError
        When a file can't be read.
    """
    from napari_unet.gui.files.reader import read_layers, read_zarr
    from napari_unet.services.omezarr.store import is_zarr
    from napari_unet.services.storage.work_folder import KINDS

    yield Progress(0, 2, f"Opening {image.name}")
    layers = (read_zarr if is_zarr(image.path) else read_layers)(str(image.path))
    yield Progress(1, 2, f"Opening {image.name}")
    files = {kind: image.annotation(kind) for kind in KINDS} | {"results": image.result}
    labels = {name: _read(path) for name, path in files.items() if path.exists()}
    before = _read(image.before) if image.before.exists() else None
    try:
        notes = json.loads(image.layers.read_text()) if image.layers.exists() else {}
    except (OSError, ValueError):
        # they only say how it looked
        notes = {}
    return Opened(image, layers, labels, before, notes if isinstance(notes, dict) else {})


def image_layers(opened: Opened) -> list[Layer]:
    """Return the layers of the image itself."""
    with layer_source(path=str(opened.image.path), reader_plugin=READER):
        return [Layer.create(*each) for each in opened.layers]


def _read(path: Path) -> NDArray[Any]:
    from napari_unet.services.files.images import open_labels

    return np.asarray(open_labels(path).data[...])


def _note(layer: Labels) -> dict[str, Any]:
    note = note_of_layer(layer).model_dump(mode="json")
    # it has a file of its own
    note["metadata"].pop(BEFORE, None)
    return dict(note)


def label_layers(opened: Opened, source: ImageLayer, pixels: Image) -> list[Labels]:
    """Return the layers of what was saved, over the image; the result comes first.

    Raises
    ------
    UserError
        When labels don't have the shape of the image.
    """
    made = []
    placed = place(source, pixels.axes)
    for folder, array in sorted(opened.labels.items(), key=lambda each: each[0] != "results"):
        check_alignment(pixels, array, {}, {}, f"{folder}/{opened.image.name}")
        layer = _labels(opened, folder, array[placed.outside], placed, str(source.unique_id))
        if opened.before is not None and folder in ("objects", "classes"):
            before = opened.before[placed.outside].astype(layer.data.dtype)
            layer.metadata = {**layer.metadata, BEFORE: ResultBefore(before)}
        made.append(layer)
    return made


def _labels(
    opened: Opened, folder: str, data: NDArray[Any], placed: Placement, source: str
) -> Labels:
    """Return the layer of a file, as it was or, if that is not known, as a new one would be."""
    from napari_unet.services.storage.project import LayerNote

    try:
        note = LayerNote.model_validate(opened.notes["files"][folder])
        data = data.astype(note.dtype)
        layer = layer_from(note, (data, {}, "labels"), None)
        layer.metadata = renamed(dict(layer.metadata), {opened.notes["source"]: source})
        assert isinstance(layer, Labels)
    except (KeyError, TypeError, ValueError):
        own = {IMAGE: source} if folder == "results" else {IMAGE: source, KIND: folder}
        dtype = np.uint32 if folder in ("objects", "results") else np.uint8
        name = f"{opened.image.name} {folder}"
        layer = Labels(data.astype(dtype), name=name, metadata=own, opacity=0.7, **placed.transform)
    return layer


def restore_regions(viewer: napari.Viewer, source: ImageLayer, opened: Opened) -> None:
    """Show again what was marked as checked."""
    record = opened.notes.get("checked")
    if record:
        restore_checks(viewer, source, record)
