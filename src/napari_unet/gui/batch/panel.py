"""*Batch*: the current U-Net over a folder of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, FileEdit
from qtpy.QtWidgets import QHBoxLayout
from superqt import QElidingLabel

from napari_unet.core.errors import UserError
from napari_unet.gui.batch.list import BatchList
from napari_unet.gui.batch.plate import PlateForm
from napari_unet.gui.batch.run import BatchRun, Folders
from napari_unet.gui.files.reader import shown_layers
from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.command_button import CommandButton
from napari_unet.gui.widgets.fields import button, folded, folded_away, form
from napari_unet.gui.widgets.panel import Panel
from napari_unet.gui.widgets.segment_form import ADVANCED, OBJECTS, SegmentForm
from napari_unet.gui.widgets.texts import Text, TextList
from napari_unet.services.library import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_unet.core.model.spec import Model
    from napari_unet.gui.session.session import Session
    from napari_unet.services.segmentation.options import SegmentOptions
    from napari_unet.services.segmentation.tasks import Task

INPUT_TIP = "The folder with the images: all images in it are segmented."
OUTPUT_TIP = "The folder for the results: a label image of the same name for each image."
EXISTING = [("leave as they are", "skip"), ("replace", "replace")]
EXISTING_TIP = (
    "What to do with images that already have a result there. Leave them to continue a stopped run."
)
CHANNELS_TIP = "Image channels for the U-Net, by number (from 0) or name: 1 or DAPI, or 0, 2."
AXES_TIP = "Such as TZCYX. Only needed if the axes in the files are wrong."
EXPORTS = {
    "table": ("table", "Measurements of the objects of each image, as CSV."),
    "rois": ("ImageJ", "The objects of each image as ROIs of ImageJ (Fiji)."),
    "geojson": ("QuPath", "The objects of each image as GeoJSON for QuPath."),
}
RUN_TIP = "Segment all images one after the other. If one fails, the rest continue."


class BatchPanel(Panel):
    """Choice of folders and settings, the run, and a list of images with their results.

    Parameters
    ----------
    viewer
        The viewer in which results are opened.
    session
        What the panels share.
    """

    HEIGHT = 560

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__(viewer, session)
        self.model_label = QElidingLabel()
        self.input, self.output = _folder(INPUT_TIP), _folder(OUTPUT_TIP)
        self.existing = Choice(EXISTING, tooltip=EXISTING_TIP)
        self.settings = SegmentForm(session.settings, self)
        self.channels = TextList(none="the first ones", numbers=True, tooltip=CHANNELS_TIP)
        self.axes = Text(none="as the files say", tooltip=AXES_TIP)
        self.exports = {
            kind: CheckBox(text=word, tooltip=tip) for kind, (word, tip) in EXPORTS.items()
        }
        self.run_button = button("Segment the folder", RUN_TIP, main=True)
        self.image_list = BatchList()
        self.command_button = CommandButton(
            self, self._command_line, "Press Segment the folder first."
        )
        self._run: BatchRun | None = None
        self.plate = PlateForm(self, lambda: self._run, self._images)
        self._lay_out()
        self.run_button.clicked.connect(self._start)
        self.image_list.wanted.connect(self._show)
        self.session.jobs.ended.connect(self.plate.look_soon)
        self.input.changed.connect(self.plate.look_soon)
        self.session.model_changed.connect(self._fit_model)
        self._fit_model(self.session.model)
        if isinstance(self.session.batch, BatchRun):
            self._attach(self.session.batch)

    def _lay_out(self) -> None:
        rows, objects, advanced = form(), form(), form()
        rows.addRow("U-Net", ModelRow(self.session, self.model_label, "Batch"))
        rows.addRow("Images", self.input.native)
        rows.addRow("Results", self.output.native)
        rows.addRow("Existing", self.existing.native)
        self.settings.add_rows(rows, "diameter")
        also = QHBoxLayout()
        for box in self.exports.values():
            also.addWidget(box.native)
        rows.addRow("Also write", also)
        self.settings.add_rows(objects, *OBJECTS)
        self.settings.add_rows(advanced, *ADVANCED)
        advanced.addRow("Channels", self.channels.native)
        advanced.addRow("Axes", self.axes.native)
        advanced.addRow("", self.command_button)
        self.body.addLayout(rows)
        self.body.addWidget(folded("Objects and threshold", objects))
        self.body.addWidget(folded("Advanced", advanced))
        self.foot.add(self.run_button)
        self.body.addWidget(self.image_list, stretch=1)
        self.plate_fold = folded_away("Plate: table and plot", self.plate)
        self.plate_fold.toggled.connect(self.plate.look_soon)
        self.body.addWidget(self.plate_fold)

    def let_go(self) -> None:
        """Stop following the shared settings."""
        self.settings.let_go()
        self.plate.let_go()

    def _fit_model(self, model: Model | None) -> None:
        spec = model.spec if model is not None else None
        self.model_label.setText(spec.name if spec is not None else f"{DEFAULT}, not loaded")
        self.settings.fit_model(spec)

    def chosen(self) -> SegmentOptions:
        """Return the options that are set in the form."""
        return self.settings.value().model_copy(update={"channels": self.channels.value})

    def _start(self) -> None:
        """Continue at once, or load the default model first if none is loaded."""
        with self.reporting():
            folders = _named(self.input, "images"), _named(self.output, "results")
            if self.session.model is None:
                self.session.load(DEFAULT, lambda: self._begin(*folders))
            else:
                self._begin(*folders)

    def _begin(self, images: Path, results: Path) -> None:
        model = self.session.model
        assert model is not None
        with self.reporting():
            folders = Folders(
                images,
                results,
                self.session.source,
                self.chosen(),
                self.axes.value.strip().upper() or None,
                self.existing.value,
                frozenset(kind for kind, box in self.exports.items() if box.value),
            )
            run = BatchRun(self.session.jobs, folders)
            run.start(model)
            self._attach(run)

    def _attach(self, run: BatchRun) -> None:
        """Show a batch; it may have started before this panel was opened."""
        if self._run is not None:
            self._run.listed.disconnect(self._list)
            self._run.advanced.disconnect(self.image_list.take)
        self._run = self.session.batch = run
        self._list()
        run.listed.connect(self._list)
        run.advanced.connect(self.image_list.take)

    def _list(self) -> None:
        if self._run is not None:
            self.image_list.list_tasks(self._run.tasks)
            for outcome in self._run.outcomes:
                self.image_list.take(outcome)
            self.plate.look_soon()

    def _images(self) -> Path | None:
        folder: Path | None = self.input.value
        return None if folder is None else folder.expanduser()

    def _command_line(self) -> str | None:
        if self._run is None or not self._run.complete:
            return None
        # imports tifffile, which would delay the opening of the panel
        from napari_unet.services.commands.segmentation import batch_command

        batch = self._run.folders
        return batch_command(
            batch.images,
            batch.results,
            batch.source,
            batch.options,
            axes=batch.axes,
            existing=batch.existing,
            exports=batch.exports,
        )

    def _show(self, task: Task) -> None:
        """Open an image and its result in the viewer."""
        try:
            for layer in shown_layers(task):
                self.viewer.add_layer(layer)
        except Exception as error:  # noqa: BLE001 - a missing file, or one that napari can't show
            self.foot.message.show_error(error)


def _folder(tip: str) -> FileEdit:
    """Return a row for a folder, typed or browsed for."""
    edit = FileEdit(mode="d", nullable=True)
    edit.choose_btn.text = "Browse…"
    edit.line_edit.tooltip = edit.choose_btn.tooltip = tip
    return edit


def _named(edit: FileEdit, what: str) -> Path:
    path: Path | None = edit.value
    if path is None:
        raise UserError(
            f"There is no folder for the {what}",
            rule="A batch reads a folder of images and writes a folder of results.",
            remedy="Type a folder, or press “Browse…”.",
        )
    return path.expanduser()
