"""One tidy table of the objects of a plate: images and results in files, and what their names say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.objects.details import Details
from napari_unet.core.progress import Job, Progress
from napari_unet.services.evaluation.measure import measure_all, read_labelled, table_record
from napari_unet.services.files.name_parts import NamePattern, read_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_unet.core.objects.measure import Columns
    from napari_unet.services.files.pairs import FilePairs
    from napari_unet.services.files.provenance import MadeBy


@dataclass(frozen=True, eq=False)
class PlateTable:
    """The objects of a plate.

    Attributes
    ----------
    columns
        A row for each object, with the image and the parts of its name before the measures.
    parts
        Of the name of each image; also of those without any object.
    record
        What made the table.
    """

    columns: Columns
    parts: Sequence[Mapping[str, str]]
    record: MadeBy


def measure_plate(
    files: FilePairs, pattern: str, *, axes: str | None = None, spatial: str = ""
) -> Job[PlateTable]:
    """Measure the objects of all images of a plate.

    Parameters
    ----------
    files
        Images and their labels.
    pattern
        How the images are named.
    axes
        Axes of the images where the files' own are wrong.
    spatial
        As for `measure`.

    Yields
    ------
    Progress
        In units of images.

    Raises
    ------
    UserError
        When a name does not fit the pattern, or a file can't be read.
    """
    parts = read_names(NamePattern(pattern), [image for image, _ in files.pairs])
    yield Progress(0, len(files.pairs), "Opening the images")
    labelled = read_labelled(files, axes=axes)
    details = [Details()] * len(labelled)
    columns = yield from measure_all(labelled, spatial=spatial, details=details, parts=parts)
    how = {"planes": spatial == "YX", "shape": True, "ring": 0, "pattern": pattern}
    return PlateTable(columns, parts, table_record(files, axes, **how))
