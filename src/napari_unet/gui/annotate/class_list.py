"""The list of classes that can be painted: a click picks one, a double click renames it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.classes import Removal, add_class, classes_of, recolour, rename
from napari_unet.gui.layers.purpose import kind_of
from napari_unet.gui.widgets.fields import button, offer

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_unet.gui.layers.classes import PaintClass

LIST_TIP = (
    "What you can paint. Click a row, or press its number while the mouse is over the image, and "
    "paint. Double-click a name to change it."
)
GROUND_TIPS = {
    "unlabelled": "Not painted: the network learns nothing here. Paint with it to erase.",
    "background": "None of the classes. In scribbles, paint some background too.",
}
COLOUR_TIP = "Choose another colour for the picked class."
ADD_TIP = "Add a class."
REMOVE_TIP = "Remove the picked class, and erase it in the annotation. Ctrl-Z brings both back."
FIXED = "Every annotation of this kind has this row: pick a class below it."
MAX_VISIBLE_ROWS = 6
"""Rows that are seen without scrolling."""
SWATCH_PX = 14


class ClassList(QWidget):
    """Rows with number, colour and name of each class of a layer."""

    picked = Signal(int)
    """The user wants to paint with a label; the label."""
    failed = Signal(object)
    """What the user tried is not possible; the exception."""

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self._removals: list[Removal] = []
        self.table = QTableWidget(0, 3)
        self.colour_button = button("Colour…", COLOUR_TIP)
        self.add_button = button("Add", ADD_TIP)
        self.remove_button = button("Remove", REMOVE_TIP)
        self._lay_out()
        self.table.itemClicked.connect(lambda item: self.picked.emit(item.row()))
        self.table.itemChanged.connect(self._rename)
        self.colour_button.clicked.connect(self._choose_colour)
        self.add_button.clicked.connect(self._add)
        self.remove_button.clicked.connect(self._remove)

    def _lay_out(self) -> None:
        table = self.table
        table.setToolTip(LIST_TIP)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setShowGrid(False)
        table.horizontalHeader().hide()
        table.verticalHeader().hide()
        for column in (0, 1):
            table.horizontalHeader().setSectionResizeMode(
                column, QHeaderView.ResizeMode.ResizeToContents
            )
        table.horizontalHeader().setStretchLastSection(True)
        beside = QHBoxLayout()
        for part in (self.colour_button, self.add_button, self.remove_button):
            beside.addWidget(part)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(table)
        box.addLayout(beside)

    @property
    def count(self) -> int:
        """Number of rows."""
        return int(self.table.rowCount())

    def take(self, layer: Labels | None) -> None:
        """Show the classes of a layer; None: of none."""
        if self._layer is not None:
            for event in self._events(self._layer):
                event.disconnect(self._show)
            self._layer.events.selected_label.disconnect(self._mark)
        self._layer = layer
        if layer is not None:
            for event in self._events(layer):
                event.connect(self._show)
            layer.events.selected_label.connect(self._mark)
        self._show()

    def let_go(self) -> None:
        """Stop listening to layers."""
        self.take(None)
        for removal in self._removals:
            removal.let_go()
        self._removals.clear()

    @staticmethod
    def _events(layer: Labels) -> tuple[Any, ...]:
        return layer.events.features, layer.events.colormap

    def _show(self, _: object = None) -> None:
        layer = self._layer
        rows = [] if layer is None or kind_of(layer) == "objects" else classes_of(layer)
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(rows))
            for row in rows:
                self._fill(row)
        height = self.table.verticalHeader().defaultSectionSize()
        self.table.setFixedHeight(height * min(max(len(rows), 3), MAX_VISIBLE_ROWS) + 4)
        self._mark()

    def _fill(self, row: PaintClass) -> None:
        number = QTableWidgetItem(str(row.value))
        swatch, name = QTableWidgetItem(), QTableWidgetItem(row.name)
        swatch.setIcon(_swatch(None if row.value == 0 else row.colour))
        locked = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        for column, item in enumerate((number, swatch, name)):
            item.setFlags(locked)
            item.setToolTip(GROUND_TIPS[row.name] if row.fixed else LIST_TIP)
            self.table.setItem(row.value, column, item)
        if not row.fixed:
            name.setFlags(locked | Qt.ItemFlag.ItemIsEditable)

    def _mark(self, _: object = None) -> None:
        """Select the row of the class that the brush paints."""
        value = -1 if self._layer is None else int(self._layer.selected_label)
        with QSignalBlocker(self.table):
            if 0 <= value < self.count:
                self.table.selectRow(value)
            else:
                self.table.clearSelection()
        row = self._picked
        offer(self.colour_button, COLOUR_TIP, "" if row and row.value else FIXED)
        offer(self.remove_button, REMOVE_TIP, self._irremovable(row))

    def _irremovable(self, row: PaintClass | None) -> str:
        if row is None or row.fixed:
            return FIXED
        classes = [] if self._layer is None else classes_of(self._layer)
        alone = sum(not c.fixed for c in classes) == 1
        return "This is the only class; rename it instead." if alone else ""

    @property
    def _picked(self) -> PaintClass | None:
        if self._layer is None or not 0 <= self._layer.selected_label < self.count:
            return None
        return classes_of(self._layer)[int(self._layer.selected_label)]

    def _rename(self, item: QTableWidgetItem) -> None:
        if self._layer is None:
            return
        try:
            rename(self._layer, item.row(), item.text())
        except UserError as error:
            self._show()
            self.failed.emit(error)

    def _choose_colour(self) -> None:
        layer, row = self._layer, self._picked
        if layer is None or row is None:
            return
        title = f"Colour of {row.name}"
        chosen = QColorDialog.getColor(QColor.fromRgbF(*row.colour), self, title)
        if chosen.isValid() and layer is self._layer:
            recolour(layer, row.value, chosen.getRgbF())

    def _add(self) -> None:
        if self._layer is None:
            return
        try:
            value = add_class(self._layer)
        except UserError as error:
            self.failed.emit(error)
            return
        self.picked.emit(value)
        self.table.editItem(self.table.item(value, 2))

    def _remove(self) -> None:
        layer, row = self._layer, self._picked
        if layer is None or row is None:
            return
        try:
            self._removals.append(Removal(layer, row.value))
        except UserError as error:
            self.failed.emit(error)
            return
        self.picked.emit(min(row.value, self.count - 1))


def _swatch(colour: tuple[float, ...] | None) -> QIcon:
    """Return a patch of a colour; None: the crossed-out frame that stands for unlabelled."""
    made = QPixmap(SWATCH_PX, SWATCH_PX)
    made.fill(Qt.GlobalColor.transparent if colour is None else QColor.fromRgbF(*colour))
    if colour is None:
        pen = QPainter(made)
        pen.setPen(QColor("#808a98"))
        pen.drawRect(0, 0, SWATCH_PX - 1, SWATCH_PX - 1)
        pen.drawLine(0, SWATCH_PX - 1, SWATCH_PX - 1, 0)
        pen.end()
    icon = QIcon(made)
    # Qt would tint it in the selected row
    icon.addPixmap(made, QIcon.Mode.Selected)
    return icon
