"""The table of the objects: a row for each, sorted by any column, linked with the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from napari_unet.core.objects.measure import Columns

TABLE_TIP = "A row for each object. Click one to see it in the image; click a title to sort by it."
HEIGHT_PX, ROW_PX = 130, 22


class TableModel(QAbstractTableModel):
    """Columns of numbers and words, in the order that was asked for last."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: Columns = {}
        self._names: list[str] = []
        self._order = np.arange(0)

    def put(self, columns: Columns) -> None:
        """Show other columns."""
        self.beginResetModel()
        self.columns, self._names = columns, list(columns)
        n = len(columns[self._names[0]]) if columns else 0
        self._order = np.arange(n)
        self.endResetModel()

    def object_of(self, row: int) -> int:
        """Return which object, as a place in the columns, a row shows."""
        return int(self._order[row])

    def row_of(self, index: int) -> int:
        """Return the row of an object."""
        return int(np.flatnonzero(self._order == index)[0])

    def rowCount(self, _: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of objects."""
        return len(self._order)

    def columnCount(self, _: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what stands in a cell."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return _words(self.columns[self._names[index.column()]][self._order[index.row()]])

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._names[section]
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by a column; what is unknown comes last."""
        if not 0 <= column < len(self._names):
            return
        self.layoutAboutToBeChanged.emit()
        values = np.asarray(self.columns[self._names[column]])
        by = np.argsort(values, kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            unknown = values[by] != values[by]
            by = np.concatenate([by[~unknown][::-1], by[unknown]])
        self._order = by
        self.layoutChanged.emit()


class ObjectTable(QTableView):
    """The table; the row that is chosen is an object."""

    chosen = Signal(int)
    """The user has chosen a row; the object, as a place in the columns."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = TableModel()
        self.setModel(self.rows)
        self.setToolTip(TABLE_TIP)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setMinimumHeight(HEIGHT_PX)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_PX)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.selectionModel().currentRowChanged.connect(self._choose)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the least size: it takes what room is left."""
        return QSize(super().sizeHint().width(), HEIGHT_PX)

    def put(self, columns: Columns) -> None:
        """Show the measures of other objects, in the order in which they come."""
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.rows.put(columns)

    @property
    def current(self) -> int | None:
        """The object of the chosen row, as a place in the columns; None if there is none."""
        index = self.currentIndex()
        return self.rows.object_of(index.row()) if index.isValid() else None

    def show_object(self, index: int) -> None:
        """Choose the row of an object, and scroll to it, without telling so."""
        model = self.rows.index(self.rows.row_of(index), 0)
        flags = QItemSelectionModel.SelectionFlag
        with QSignalBlocker(self.selectionModel()):
            self.selectionModel().setCurrentIndex(model, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(model)
        self.viewport().update()

    def _choose(self, current: QModelIndex, _: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.rows.object_of(current.row()))


def _words(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return "" if value != value else f"{value:.4g}"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return str(value)
