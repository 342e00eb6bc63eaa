"""Segmentation of the sample that comes with the package, without a viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.progress import Progress
from napari_unet.services.files.images import open_image
from napari_unet.services.files.picture import contact_sheet, save_png
from napari_unet.services.files.save import save_labels
from napari_unet.services.library import DEFAULT, Library
from napari_unet.services.samples import sample_path
from napari_unet.services.segmentation.made_by import model_record, segmentation_record
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment

if TYPE_CHECKING:
    from pathlib import Path

    from napari_unet.core.progress import Job


@dataclass(frozen=True)
class DemoResult:
    """Files written, and the number of nuclei."""

    labels: Path
    picture: Path
    nuclei: int


def run_demo(folder: Path) -> Job[DemoResult]:
    """Segment the sample with the default model.

    Parameters
    ----------
    folder
        Where the labels and a picture of them go; created if missing.
    """
    model = yield from Library().load(DEFAULT)
    image = open_image(sample_path())
    result = yield from segment(image, model)
    yield Progress(1, 1, "Writing")
    labels, picture = folder / "sample-labels.tif", folder / "sample-labels.png"
    record = segmentation_record(
        "labels", sample_path(), model_record(model, DEFAULT), SegmentOptions(), result.record
    )
    save_labels(labels, result.labels, image, overwrite=True, made_by=record)
    save_png(picture, contact_sheet(image, result.labels))
    return DemoResult(labels, picture, int(result.labels.max()))
