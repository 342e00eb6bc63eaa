"""Which files a batch reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.services.omezarr.store import Place, is_zarr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE_SUFFIXES = frozenset(
    [
        *(".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".npy", ".npz", ".zip", ".csv"),
        *(
            ".h5",
            ".hdf5",
            ".mat",
            ".txt",
            ".json",
            ".geojson",
            ".roi",
            ".pdf",
            ".czi",
            ".nd2",
            ".lif",
        ),
    ]
)
"""Endings of names that nobody gives a folder."""


Exports = tuple["Path | None", "Path | None", "Path | None"]
"""Where ROIs of ImageJ, GeoJSON for QuPath and a table of measurements go."""


@dataclass(frozen=True)
class Task:
    """One file to segment.

    Attributes
    ----------
    source
        The image file.
    labels
        Where its labels go.
    probabilities, uncertainty
        Where these go, or None.
    series
        Which image of the file.
    rois, geojson, table
        Where ROIs of ImageJ, GeoJSON for QuPath and measurements go, or None.
    """

    source: Path
    labels: Path
    probabilities: Path | None = None
    uncertainty: Path | None = None
    series: int = 0
    rois: Path | None = None
    geojson: Path | None = None
    table: Path | None = None

    @property
    def title(self) -> str:
        """Name of the file, with the number of the image if it is not the first."""
        name = Place.of(self.source).name if is_zarr(self.source) else self.source.name
        return f"{name} image {self.series}" if self.series else name

    @property
    def outputs(self) -> list[Path]:
        """All files that are written."""
        paths = (self.labels, self.probabilities, self.uncertainty, *self.exports)
        return [path for path in paths if path is not None]

    @property
    def exports(self) -> tuple[Path | None, Path | None, Path | None]:
        """Where ROIs, GeoJSON and table go."""
        return self.rois, self.geojson, self.table


def make_tasks(
    sources: Sequence[Path],
    labels: Path,
    probabilities: Path | None = None,
    uncertainty: Path | None = None,
    *,
    into_folder: bool,
    series: int | None = None,
    exports: Exports = (None, None, None),
) -> list[Task]:
    """Pair inputs with outputs.

    Parameters
    ----------
    sources
        The image files.
    labels, probabilities, uncertainty
        Files for a single image, else folders in which each output keeps its input's stem.
    into_folder
        Whether the outputs are folders even for a single image.
    series
        Which image of each file; None: all. Outputs of files with several end in ``_series0``, …

    exports
        Files for a single image, else folders: for ROIs, GeoJSON and table.

    Raises
    ------
    UserError
        When two inputs would share an output, an output would overwrite an input, or a file of several
        images has a single output.
    """
    single = not into_folder and len(sources) == 1 and _is_result_file(labels)
    if not single and _names_a_file(labels):
        raise _no_folder(labels, len(sources), into_folder)
    if single:
        number = _only_series(sources[0]) if series is None else series
        tasks = [Task(sources[0], labels, probabilities, uncertainty, number, *exports)]
    else:
        tasks = [
            Task(
                source,
                labels / name,
                probabilities and probabilities / name,
                uncertainty and uncertainty / name,
                number,
                *_export_paths(exports, name),
            )
            for source in sources
            for number, name in _output_names(source, series)
        ]
    _check_distinct(tasks)
    return tasks


def _export_paths(folders: Exports, name: str) -> Exports:
    stem = name.removesuffix(".tif")
    rois, geojson, table = (
        folder and folder / f"{stem}{ending}"
        for folder, ending in zip(folders, (".zip", ".geojson", ".csv"), strict=True)
    )
    return rois, geojson, table


def _is_result_file(path: Path) -> bool:
    from napari_unet.services.files.images import SUFFIXES

    return path.suffix.lower() in SUFFIXES or is_zarr(path)


def _names_a_file(path: Path) -> bool:
    """Whether a name for results ends like that of a file, and no folder is called so."""
    return path.suffix.lower() in FILE_SUFFIXES and not path.is_dir()


def _no_folder(labels: Path, images: int, of_folder: bool) -> UserError:
    if images == 1 and not of_folder and labels.suffix.lower() not in (".tif", ".tiff"):
        return UserError(
            f"Results can't be written to {labels.name}",
            value=labels.suffix,
            rule="Results are TIFF, named .tif or .tiff, or OME-Zarr, named .zarr.",
            remedy=f"Name it {labels.stem}.tif.",
        )
    return UserError(
        f"{labels.name} is the name of a file",
        value=f"{images} image(s)" + (" of a folder" if of_folder else ""),
        rule="The results of several images, or of a folder, go to a folder.",
        remedy=f"Name a folder, such as {labels.stem}.",
    )


def _stem(source: Path) -> str:
    return Place.of(source).name if is_zarr(source) else source.stem


def _output_names(source: Path, series: int | None) -> list[tuple[int, str]]:
    """Return the number of each image of a file that is segmented, and the name of its output."""
    if series is not None:
        return [(series, f"{_stem(source)}.tif")]
    count = _count(source)
    if count == 1:
        return [(0, f"{_stem(source)}.tif")]
    return [(number, f"{_stem(source)}_series{number}.tif") for number in range(count)]


def _only_series(source: Path) -> int:
    count = _count(source)
    if count > 1:
        raise UserError(
            f"{source.name} holds several images",
            value=f"{count} images, one output",
            rule="None of them is left out without a word.",
            remedy="Choose one by `series=0`, or give a folder as the output for all.",
        )
    return 0


def _count(source: Path) -> int:
    """Count the images of a file; one that can't be read fails when its turn comes."""
    from napari_unet.services.files.images import series_count

    try:
        return series_count(source)
    except UserError:
        return 1


def _check_distinct(tasks: Sequence[Task]) -> None:
    sources = {task.source.resolve() for task in tasks}
    taken: dict[Path, Path] = {}
    for task in tasks:
        for path in task.outputs:
            other = taken.setdefault(path.resolve(), task.source)
            twice = task.outputs.count(path) > 1
            if path.resolve() in sources or other != task.source or twice:
                raise UserError(
                    f"{path} can't be the output for {task.source}",
                    value=f"also used for {other}" if other != task.source else "already in use",
                    rule="Every output needs a file of its own, different from all inputs.",
                    remedy="Choose another output, or run the folders one by one.",
                )
