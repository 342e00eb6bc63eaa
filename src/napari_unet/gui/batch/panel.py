"""*Batch*: the current U-Net over a folder of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superqt import QElidingLabel

from napari_unet.core.errors import UserError
from napari_unet.gui.batch.list import BatchList
from napari_unet.gui.batch.run import BatchRun, Folders
from napari_unet.gui.models.row import ModelRow
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.command_button import CommandButton
from napari_unet.gui.widgets.fields import button, folded, form
from napari_unet.gui.widgets.panel import Panel
from napari_unet.gui.widgets.path_row import PathRow
from napari_unet.gui.widgets.segment_form import ADVANCED, OBJECTS, SegmentForm
from napari_unet.gui.widgets.texts import Text, TextList
from napari_unet.services.library import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_unet.core.model.spec import Model
    from napari_unet.gui.session.session import Session
    from napari_unet.services.segmentation.batch import Task
    from napari_unet.services.segmentation.options import SegmentOptions

INPUT_TIP = "The folder with the images: all TIFF files in it are segmented."
OUTPUT_TIP = "The folder for the results: a label image for each image, of the same name."
EXISTING = [("leave as they are", "skip"), ("replace", "replace")]
EXISTING_TIP = (
    "Images that have a result in that folder. To leave them goes on with a run that was stopped."
)
CHANNELS_TIP = "Image channels for the U-Net, by number from 0 or by name: 1 or DAPI, or 0, 2."
AXES_TIP = "Such as TZCYX, only if the axes that the files state are wrong."
RUN_TIP = "Segment all images, one after the other; one that fails does not stop the rest."


class BatchPanel(Panel):
    """Chooses folders and options; runs, lists what became of each image, and shows results.

    Parameters
    ----------
    viewer
        The viewer that shows results.
    session
        What it shares with the other panels.
    """

    HEIGHT = 560

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__(viewer, session)
        self.model = QElidingLabel()
        self.input, self.output = PathRow(INPUT_TIP), PathRow(OUTPUT_TIP)
        self.existing = Choice(EXISTING, tooltip=EXISTING_TIP)
        self.settings = SegmentForm(session.settings, self)
        self.channels = TextList(none="the first ones", numbers=True, tooltip=CHANNELS_TIP)
        self.axes = Text(none="as the files say", tooltip=AXES_TIP)
        self.run = button("Segment the folder", RUN_TIP, main=True)
        self.list = BatchList()
        self.command = CommandButton(self, self._command_line, "Press Segment the folder first.")
        self._run: BatchRun | None = None
        self._lay_out()
        self.run.clicked.connect(self._start)
        self.list.wanted.connect(self._show)
        self.session.model_changed.connect(self._fit_model)
        self._fit_model(self.session.model)
        if isinstance(self.session.batch, BatchRun):
            self._attach(self.session.batch)

    def _lay_out(self) -> None:
        rows, told_apart, advanced = form(), form(), form()
        rows.addRow("U-Net", ModelRow(self.session, self.model))
        rows.addRow("Images", self.input)
        rows.addRow("Results", self.output)
        rows.addRow("Existing", self.existing.native)
        self.settings.add_rows(told_apart, *OBJECTS)
        self.settings.add_rows(advanced, *ADVANCED)
        advanced.addRow("Channels", self.channels.native)
        advanced.addRow("Axes", self.axes.native)
        advanced.addRow("", self.command)
        self.body.addLayout(rows)
        self.body.addWidget(folded("Objects and threshold", told_apart))
        self.body.addWidget(folded("Advanced", advanced))
        self.body.addWidget(self.run)
        self.body.addWidget(self.foot)
        self.body.addWidget(self.list, stretch=1)

    def let_go(self) -> None:
        """Follow the shared settings no more."""
        self.settings.let_go()

    def _fit_model(self, model: Model | None) -> None:
        spec = model.spec if model is not None else None
        self.model.setText(spec.name if spec is not None else f"{DEFAULT}, not loaded")
        self.settings.fit_model(spec)

    def chosen(self) -> SegmentOptions:
        """Return the options as they stand in the form."""
        return self.settings.value().model_copy(update={"channels": self.channels.value})

    def _start(self) -> None:
        """Go on at once, or after the model that a new user starts with is loaded."""
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
            )
            run = BatchRun(self.session.jobs, folders)
            run.start(model)
            self._attach(run)

    def _attach(self, run: BatchRun) -> None:
        """Show a batch, which may have been at work before this panel was there."""
        if self._run is not None:
            self._run.listed.disconnect(self._list)
            self._run.advanced.disconnect(self.list.take)
        self._run = self.session.batch = run
        self._list()
        run.listed.connect(self._list)
        run.advanced.connect(self.list.take)

    def _list(self) -> None:
        if self._run is not None:
            self.list.list_tasks(self._run.tasks)
            for outcome in self._run.outcomes:
                self.list.take(outcome)

    def _command_line(self) -> str | None:
        if self._run is None or not self._run.complete:
            return None
        # it brings tifffile, which would make the opening of the panel late
        from napari_unet.services.commands.segmentation import batch_command

        made = self._run.folders
        return batch_command(
            made.images,
            made.results,
            made.source,
            made.options,
            axes=made.axes,
            existing=made.existing,
        )

    def _show(self, task: Task) -> None:
        """Open an image with its result."""
        try:
            self.viewer.open(task.source, plugin="napari")
            name = f"{task.source.stem} labels"
            self.viewer.open(task.labels, plugin="napari", layer_type="labels", name=name)
        except Exception as error:  # noqa: BLE001 - a file that has gone, or that napari can't read
            self.foot.message.show_error(error)


def _named(row: PathRow, what: str) -> Path:
    path = row.path
    if path is None:
        raise UserError(
            f"There is no folder for the {what}",
            rule="A batch goes from a folder of images to a folder of results.",
            remedy="Type one, or press “Browse…”.",
        )
    return path
