"""What else a batch writes of each image: regions for ImageJ and QuPath, and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_unet.core.objects.details import Details
from napari_unet.core.objects.measure import measure
from napari_unet.services.files.object_outlines import check_outlines, save_outlines
from napari_unet.services.files.tables import check_table, save_table

if TYPE_CHECKING:
    from napari_unet.core.image.axes import Image
    from napari_unet.core.progress import Job
    from napari_unet.services.files.provenance import MadeBy
    from napari_unet.services.segmentation.segment import Segmentation
    from napari_unet.services.segmentation.tasks import Task


def check_exports(task: Task) -> None:
    """Raise a `UserError` where the name of a file does not suit what goes into it."""
    for path in (task.rois, task.geojson):
        if path is not None:
            check_outlines(path, overwrite=True)
    if task.table is not None:
        check_table(task.table, overwrite=True)


def write_exports(
    task: Task, image: Image, result: Segmentation, record: MadeBy, overwrite: bool
) -> Job[None]:
    """Write regions and measurements of a result.

    Parameters
    ----------
    task
        Where they go.
    image, result
        The image and its labels.
    record
        What made the labels.
    overwrite
        Whether existing files may be replaced.
    """
    for path, made in ((task.rois, "rois"), (task.geojson, "geojson")):
        if path is not None:
            about = record | {"made": made}
            save_outlines(path, result.labels, image, overwrite=overwrite, made_by=about)
    if task.table is not None:
        spatial = result.record["axes"]
        columns = yield from measure(image, result.labels, spatial=spatial, details=Details())
        about = record | {"made": "table"}
        save_table(columns, task.table, overwrite=overwrite, made_by=about)
