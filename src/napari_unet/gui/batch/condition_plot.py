"""The plot of a plate: a point for each well or image, side by side for each condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.objects.distribution import measured_columns, replicate_means
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import caption
from napari_unet.gui.widgets.plots import colour_plots, make_plot
from napari_unet.gui.widgets.theme import FOLLOWS, theme_of

if TYPE_CHECKING:
    from qtpy.QtCore import QEvent

    from napari_unet.services.evaluation.plate_table import PlateTable

HEIGHT_PX = 190
MEASURE_TIP = "What is plotted: the mean of each well, or how many objects it has."
BY_TIP = "The part of the names that stands along the plot, such as the condition."
PLOT_TIP = "A point for each well (or image), a line at the mean of each condition."
COUNT = "number of objects"
GROUPS = ("condition", "plate", "row", "column", "well", "field")
"""Parts that groups are made by, the likeliest first; others come before them."""
POINT, LINE = "#56b4e9", "#e69f00"
SPREAD, LINE_HALF = 0.18, 0.3
"""Widths beside the middle of a group, in distances between groups."""


class ConditionPlot(QWidget):
    """The plot, with what is drawn along its axes."""

    def __init__(self) -> None:
        super().__init__()
        self._table: PlateTable | None = None
        self._plot: Any = None
        self._drawn: list[Any] = []
        self.measure = Choice([], tooltip=MEASURE_TIP)
        self.by = Choice([], tooltip=BY_TIP)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(4)
        row = QHBoxLayout()
        for word, choice in (("Plot", self.measure), ("By", self.by)):
            row.addWidget(caption(word))
            row.addWidget(choice.native, stretch=1)
            choice.native.setMinimumContentsLength(4)
            choice.changed.connect(self._draw)
        self._box.addLayout(row)

    def put(self, table: PlateTable) -> None:
        """Draw another plate."""
        self._table = table
        names = list(table.parts[0])
        rank = {name: i for i, name in enumerate(GROUPS, start=1)}
        by = sorted(names, key=lambda name: 0 if name == "condition" else rank.get(name, 0.5))
        with self.measure.changed.blocked(), self.by.changed.blocked():
            measures = [(name, name) for name in measured_columns(table.columns)]
            self.measure.choices = [*measures, (COUNT, None)]
            self.by.choices = [(name, name) for name in by]
        self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS and self._plot is not None:
            self._colour()

    def means(self) -> dict[str, Any]:
        """Return what is drawn: the mean of each well, for each group."""
        table, by = self._table, self.by.value
        if table is None or by is None:
            return {}
        unit = "well" if by != "well" and "well" in table.parts[0] else "image"
        every = [(parts[by], parts[unit]) for parts in table.parts] if unit == "well" else []
        return replicate_means(table.columns, self.measure.value, by, unit, every)

    def _draw(self, _: object = None) -> None:
        import pyqtgraph as pg

        groups = self.means()
        if self._plot is None:
            self._make_plot()
        for item in self._drawn:
            self._view.removeItem(item)
        self._drawn = []
        for i, values in enumerate(groups.values()):
            if not len(values):
                continue
            beside = np.linspace(-SPREAD, SPREAD, len(values)) if len(values) > 1 else np.zeros(1)
            self._add(pg.ScatterPlotItem(i + beside, values, size=7, pen=None, brush=POINT))
            ends = [i - LINE_HALF, i + LINE_HALF]
            pen = pg.mkPen(LINE, width=3)
            self._add(pg.PlotDataItem(ends, [values.mean()] * 2, pen=pen))
        self._axes[1].setTicks([list(enumerate(groups))])
        self._view.autoRange()

    def _add(self, item: Any) -> None:
        self._view.addItem(item)
        self._drawn.append(item)

    def _make_plot(self) -> None:
        # only once there is something to draw: pyqtgraph takes a while to be imported
        self._plot, self._view, self._axes = make_plot(HEIGHT_PX)
        self._plot.setToolTip(PLOT_TIP)
        self._box.addWidget(self._plot)
        self._colour()

    def _colour(self) -> None:
        colour_plots([self._plot], self._axes, theme_of(self))
