"""*Save labels*, *table*, *ROIs* and *picture* of the objects that were measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.core.image.frames import frames
from napari_unet.core.progress import Progress, as_part
from napari_unet.gui.files.writer import labels_layer_saved, record_of
from napari_unet.gui.layers.placement import letters_of, looked_at, place
from napari_unet.gui.measure.tracked import labels_of, parents_of
from napari_unet.gui.widgets.fields import button, caption, offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Image as ImageLayer

    from napari_unet.core.objects.measure import Columns
    from napari_unet.core.progress import Job
    from napari_unet.gui.objects.measuring import Numbered
    from napari_unet.gui.widgets.panel import Panel

WAYS = {
    "labels": (
        "Labels…",
        "TIFF (*.tif *.tiff)",
        "The labels as TIFF with axes, pixel size and what made them; Fiji and QuPath open it.",
    ),
    "table": ("Table…", "CSV (*.csv)", "The table as CSV, a row for each object."),
    "ROIs": (
        "ROIs…",
        "ImageJ ROIs (*.zip);;QuPath GeoJSON (*.geojson)",
        "The outlines of all objects: ROIs of ImageJ, or GeoJSON for QuPath.",
    ),
    "picture": (
        "Picture…",
        "PNG (*.png)",
        "The plane in view with the objects in colours, a pixel for each of the image.",
    ),
    "tracks": (
        "Tracks…",
        "CTC result: masks, res_track.txt (*_RES);;CTC truth: man_track000.tif, man_track.txt (*_GT)",
        "A folder with masks and the table of tracks, as the Cell Tracking Challenge takes them.",
    ),
}
UNLINKED = "Press “Link over time” first."
SUFFIXES = {
    "labels": (".tif", ".tiff"),
    "table": (".csv",),
    "ROIs": (".zip", ".geojson"),
    "picture": (".png",),
    "tracks": ("_RES", "_GT"),
}


class SaveRow(QWidget):
    """Five buttons, each of which asks for a file or a folder.

    Parameters
    ----------
    panel
        Its panel; what happened is said at its foot.
    measured
        Returns the objects, their image layer and their measures; raises a `UserError` if there are
        none.
    """

    def __init__(
        self, panel: Panel, measured: Callable[[], tuple[Numbered, ImageLayer, Columns]]
    ) -> None:
        super().__init__()
        self._panel = panel
        self._measured = measured
        self.buttons = {what: button(words, tip) for what, (words, _, tip) in WAYS.items()}
        box, row = QVBoxLayout(self), QHBoxLayout()
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addWidget(caption("Save"))
        box.addLayout(row)
        row.setSpacing(3)
        for what, made in self.buttons.items():
            # five of them fit into a dock
            made.setStyleSheet("padding: 3px 0;")
            row.addWidget(made, stretch=1)
            made.clicked.connect(lambda _=False, what=what: self._ask(what))

    def _ask(self, what: str) -> None:
        with self._panel.reporting():
            numbered, _, _ = self._measured()
            kinds = WAYS[what][1]
            suggested = f"{numbered.layer.name}{SUFFIXES[what][0]}"
            name, kind = QFileDialog.getSaveFileName(self, f"Save {what}", suggested, kinds)
            if name:
                chosen = kinds.split(";;").index(kind) if kind else 0
                self.save(what, Path(name), chosen)

    def offer_tracks(self, linked: bool) -> None:
        """Tell whether the objects are linked through time."""
        offer(self.buttons["tracks"], WAYS["tracks"][2], "" if linked else UNLINKED)

    def save(self, what: str, path: Path, kind: int = 0) -> None:
        """Save in a job.

        Parameters
        ----------
        what
            ``"labels"``, ``"table"``, ``"ROIs"``, ``"picture"`` or ``"tracks"``.
        path
            The file; one that exists is replaced, as the dialog has asked. For tracks, a new folder.
        kind
            Which of the endings a name without one gets.

        Raises
        ------
        UserError
            When there is nothing to save, or another job runs.
        """
        endings = SUFFIXES[what]
        if not path.name.lower().endswith(tuple(map(str.lower, endings))):
            path = path.with_name(f"{path.name}{endings[min(kind, len(endings) - 1)]}")
        numbered, source, columns = self._measured()
        picture = self._picture(numbered, source) if what == "picture" else None
        jobs = self._panel.session.jobs

        def job() -> Job[Path]:
            yield Progress(0, 1)
            yield from _written(what, path, numbered, columns, picture)
            return path

        def end(outcome: Any) -> None:
            if outcome.result is not None:
                jobs.reported.emit(f"Saved: {outcome.result}")

        jobs.start(f"Saving the {what}", job(), on_end=end)

    def _picture(self, numbered: Numbered, source: ImageLayer) -> tuple[Any, Any]:
        """Return the plane in view and its labels."""
        image, layer = numbered.image, numbered.layer
        letters = letters_of(place(source, image.axes), source, image.axes)
        view = {letters[d]: i for d, i in looked_at(self._panel.viewer, layer).items()}
        for frame in frames(image, "YX", (0,)):
            if all(view.get(a, i) == i for a, i in frame.index.items()):
                box = tuple(slice(0, n) for n in frame.shape)
                key, order = frame.label_index(box)
                numbers = np.asarray(numbered.numbers[key]).transpose(np.argsort(order))
                return frame.read(box)[0], numbers
        raise UserError(
            f"No plane of {image.name!r} is in view",
            rule="The picture is of the plane that is shown.",
            remedy="Show the image in 2-D, and move the sliders to one of its planes.",
        )


def _written(
    what: str, path: Path, numbered: Numbered, columns: Columns, picture: tuple[Any, Any] | None
) -> Job[None]:
    # they import tifffile and more, which would delay the opening of the panel
    from napari_unet.services.files.object_outlines import save_outlines
    from napari_unet.services.files.picture import overlay, save_png
    from napari_unet.services.files.tables import save_table

    made_by = record_of(numbered.layer)
    if what == "labels":
        yield from labels_layer_saved(numbered.layer, path)
    elif what == "tracks":
        yield from _tracks_written(path, numbered)
    elif what == "table":
        save_table(columns, path, overwrite=True, made_by=made_by)
    elif what == "ROIs":
        save_outlines(path, numbered.numbers, numbered.image, overwrite=True, made_by=made_by)
    elif picture is not None:
        save_png(path, overlay(*picture))


def _tracks_written(folder: Path, numbered: Numbered) -> Job[None]:
    """Write the tracks as they are now: labels may have been corrected since they were linked."""
    from napari_unet.core.tracking.given import given_tracks
    from napari_unet.services.tracking.challenge import check_challenge, save_challenge

    check_challenge(folder)
    labels = labels_of(numbered)
    tracks = yield from as_part(given_tracks(labels, parents_of(numbered.layer) or {}), 0, 2)
    saving = save_challenge(folder, labels, tracks, truth=folder.name.upper().endswith("_GT"))
    yield from as_part(saving, 1, 2)
