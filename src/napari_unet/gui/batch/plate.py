"""The part of *Batch* that takes the answer from a plate: names, one table, and a plot by condition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.batch.condition_plot import ConditionPlot
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.widgets.fields import button, form, offer, text
from napari_unet.gui.widgets.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_unet.core.progress import Job
    from napari_unet.gui.batch.run import BatchRun
    from napari_unet.gui.session.worker import Outcome
    from napari_unet.gui.widgets.panel import Panel
    from napari_unet.services.evaluation.plate_table import PlateTable

PATTERN_TIP = (
    "How the images are named. A part in braces becomes a column of the table: {plate}_{well}_f{field}. "
    "* stands for anything; with /, as in {condition}/*_{well}, folders are read, too."
)
EXAMPLE = "such as {plate}_{well}_f{field}"
MEASURE_TIP = "Measure the objects of all images that are done, in one table."
SAVE_TIP = "Save the table as CSV: a row for each object, with plate, well, field and condition."
NO_RESULTS = "Press “Segment the folder” first."
NO_PATTERN = "Write a pattern that names fit."
NO_TABLE = "Press “Measure all” first."
SETTLE_MS = 400


class PlateForm(QWidget):
    """The pattern with its matches, *Measure all*, *Save table…* and the plot.

    Parameters
    ----------
    panel
        The panel it is in.
    batch
        Returns the last batch; None if there was none.
    folder
        Returns the folder of images that is chosen; None if none is.
    """

    def __init__(
        self,
        panel: Panel,
        batch: Callable[[], BatchRun | None],
        folder: Callable[[], Path | None],
    ) -> None:
        super().__init__()
        self._panel, self._batch, self._folder = panel, batch, folder
        self._jobs = Jobs(self)
        self._fits = False
        self._table: PlateTable | None = None
        self.pattern = Text(none=EXAMPLE, tooltip=PATTERN_TIP)
        self.matches_label = text()
        self.measure_button = button("Measure all", MEASURE_TIP)
        self.save_button = button("Save table…", SAVE_TIP)
        self.plot = ConditionPlot()
        self.plot.hide()
        rows, buttons = form(), QHBoxLayout()
        rows.addRow("Names", self.pattern.native)
        for each in (self.measure_button, self.save_button):
            buttons.addWidget(each)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(rows)
        box.addWidget(self.matches_label)
        box.addLayout(buttons)
        box.addWidget(self.plot)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(SETTLE_MS)
        self._settled.timeout.connect(self._look)
        self.pattern.changed.connect(self.look_soon)
        self.measure_button.clicked.connect(self._measure)
        self.save_button.clicked.connect(self._ask)
        self._offer()

    def let_go(self) -> None:
        """Stop looking at names."""
        self._settled.stop()
        self._jobs.abandon()

    def look_soon(self, _: object = None) -> None:
        """Read the names again, once nothing changes any more."""
        self._settled.start()

    def _look(self) -> None:
        self._offer()
        if not self.isVisible():
            # it is looked at again when the section is opened
            return
        if self._jobs.running:
            self._settled.start()
            return
        batch, folder = self._batch(), self._folder()
        known = [task.source for task in batch.tasks] if batch is not None else []
        if not known and folder is None:
            return

        def take(outcome: Outcome[tuple[str, str, bool]]) -> None:
            if outcome.result is not None:
                guess, words, self._fits = outcome.result
                if guess:
                    self.pattern.native.setPlaceholderText(guess)
                self.matches_label.setText(words.replace("\n", "<br>"))
            elif isinstance(outcome.error, UserError):
                self._fits = False
                self.matches_label.setText(f"{outcome.error.problem}. {outcome.error.remedy}")
            self._offer()

        self._jobs.start("Reading names", _read(self._written, known, folder), on_end=take)

    @property
    def _written(self) -> str:
        return str(self.pattern.value or "").strip()

    @property
    def _used(self) -> str:
        """The pattern that is written, or else the one that was guessed."""
        placeholder = str(self.pattern.native.placeholderText())
        return self._written or ("" if placeholder == EXAMPLE else placeholder)

    def _measure(self) -> None:
        with self._panel.reporting():
            batch = self._batch()
            model = self._panel.session.model
            if batch is None:
                return
            planes = model is not None and model.spec.axes == "YX"
            done = [o.task for o in batch.outcomes if o.error is None]
            pairs = tuple((task.source, task.labels) for task in done)
            job = _measured(pairs, self._used, batch.folders.axes, "YX" if planes else "")
            self._panel.session.jobs.start("Measuring the plate", job, on_end=self._take)

    def _take(self, outcome: Outcome[PlateTable]) -> None:
        if outcome.result is None:
            return
        self._table = outcome.result
        n, images = len(self._table.columns["label"]), len(self._table.parts)
        self._panel.session.jobs.reported.emit(f"{n:,} objects in {images:,} images measured.")
        self.plot.put(self._table)
        self.plot.show()
        self._offer()

    def _ask(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save table", "plate.csv", "CSV (*.csv)")
        if name:
            with self._panel.reporting():
                self.save(Path(name))

    def save(self, path: Path) -> None:
        """Save the table.

        Raises
        ------
        UserError
            When it can't be written.
        """
        from napari_unet.services.files.tables import save_table

        if self._table is None:
            return
        path = path if path.suffix.lower() == ".csv" else path.with_name(f"{path.name}.csv")
        save_table(self._table.columns, path, overwrite=True, made_by=self._table.record)
        self._panel.foot.message.show_text("done", f"Saved: {path}")

    def _offer(self) -> None:
        batch = self._batch()
        done = batch is not None and any(outcome.error is None for outcome in batch.outcomes)
        reason = "" if done and self._fits else NO_PATTERN if done else NO_RESULTS
        offer(self.measure_button, MEASURE_TIP, reason)
        offer(self.save_button, SAVE_TIP, "" if self._table is not None else NO_TABLE)


def _read(written: str, known: Sequence[Path], folder: Path | None) -> Job[tuple[str, str, bool]]:
    """Return a guessed pattern if none is written, how names are read, and whether all fit."""
    from napari_unet.core.progress import Progress
    from napari_unet.services.files.images import find_images
    from napari_unet.services.files.name_parts import NamePattern, describe_matches, guess_pattern
    from napari_unet.services.files.names import labels_apart

    yield Progress(0, 1)
    paths = known or labels_apart(find_images([folder] if folder is not None else [])).images
    guess = None if written else guess_pattern(paths)
    if not written and guess is None:
        return "", "", False
    pattern = guess or NamePattern(written)
    fits = all(pattern.match(path) is not None for path in paths)
    return ("" if guess is None else guess.text), describe_matches(pattern, paths), fits


def _measured(
    pairs: tuple[tuple[Path, Path], ...], pattern: str, axes: str | None, spatial: str
) -> Job[PlateTable]:
    # imports tifffile, which would delay the opening of the panel
    from napari_unet.services.evaluation.plate_table import measure_plate
    from napari_unet.services.files.pairs import FilePairs

    return (yield from measure_plate(FilePairs(pairs), pattern, axes=axes, spatial=spatial))
