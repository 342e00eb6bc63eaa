"""The images of a batch and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.services.segmentation.batch import Outcome
    from napari_unet.services.segmentation.tasks import Task

TIP = "Double-click a finished image to open it with its result."


class BatchList(QTableWidget):
    """A row for each image."""

    wanted = Signal(object)
    """The user wants to see a finished image; its `Task`."""

    def __init__(self) -> None:
        super().__init__(0, 2)
        self._outcomes: dict[int, Outcome] = {}
        self._rows: dict[Task, int] = {}
        self.setHorizontalHeaderLabels(["Image", "Result"])
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setToolTip(TIP)
        self.setMinimumHeight(120)
        self.cellActivated.connect(self._choose)
        self.cellDoubleClicked.connect(self._choose)

    def list_tasks(self, tasks: Sequence[Task]) -> None:
        """List these images, all of them waiting."""
        self._outcomes, self._rows = {}, {task: i for i, task in enumerate(tasks)}
        self.setRowCount(len(tasks))
        for i, task in enumerate(tasks):
            name = QTableWidgetItem(task.source.name)
            name.setToolTip(str(task.source))
            self.setItem(i, 0, name)
            self.setItem(i, 1, QTableWidgetItem("waiting"))

    def take(self, outcome: Outcome) -> None:
        """Show the result of an image."""
        row = self._rows[outcome.task]
        self._outcomes[row] = outcome
        item = self.item(row, 1)
        item.setText(_words(outcome))
        if outcome.error is not None:
            item.setToolTip(str(outcome.error))
            item.setForeground(Qt.GlobalColor.red)
        else:
            item.setToolTip("\n".join([str(outcome.task.labels), *outcome.notes]))
        self.scrollToItem(item)

    def _choose(self, row: int, _: int) -> None:
        outcome = self._outcomes.get(row)
        if outcome is not None and outcome.error is None:
            self.wanted.emit(outcome.task)


def _words(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"failed: {outcome.error.problem}"
    if outcome.skipped:
        return "has a result already"
    if outcome.objects is None:
        return "done"
    return f"{outcome.objects} object{'' if outcome.objects == 1 else 's'}"
