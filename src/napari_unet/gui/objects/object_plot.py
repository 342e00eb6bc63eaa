"""The plot of the objects: a histogram of one measure, or two measures of each object, by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from napari_unet.core.objects.distribution import (
    group_columns,
    groups_of,
    histogram,
    measured_columns,
)
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import caption
from napari_unet.gui.widgets.plots import colour_plots, make_plot
from napari_unet.gui.widgets.theme import FOLLOWS, theme_of

if TYPE_CHECKING:
    from napari_unet.core.objects.measure import Columns

HEIGHT_PX = 150
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#0072b2", "#b8ac1f", "#8c8c8c")
"""Of the groups; the colour-blind can tell them apart, too (Okabe and Ito)."""
X_TIP = "The measure along the plot."
Y_TIP = "“count” for a histogram, or a second measure for a point per object."
GROUP_TIP = "Objects are drawn in a colour for each value of this column."
PLOT_TIP = "Click a point to see its object in the table and in the image."
COUNT = "count"
ALL = "all objects"
CHOSEN_PX = 12


class ObjectPlot(QWidget):
    """The plot, with what is drawn along its axes."""

    chosen = Signal(int)
    """A point was clicked; the object, as a place in the columns."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: Columns = {}
        self._plot: Any = None
        self._drawn: list[Any] = []
        self._marked: int | None = None
        self.x = Choice([], tooltip=X_TIP)
        self.y = Choice([(COUNT, None)], tooltip=Y_TIP)
        self.group = Choice([(ALL, None)], tooltip=GROUP_TIP)
        self.groups_label = caption("")
        self.groups_label.setWordWrap(True)
        self.groups_label.hide()
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(4)
        for title, first, second in (("Plot", self.x, self.y), ("By", self.group, None)):
            row = QHBoxLayout()
            row.addWidget(caption(title))
            row.addWidget(first.native, stretch=1)
            if second is not None:
                row.addWidget(second.native, stretch=1)
            self._box.addLayout(row)
        self._box.addWidget(self.groups_label)
        for choice in (self.x, self.y, self.group):
            choice.native.setMinimumContentsLength(4)
            choice.changed.connect(self._draw)

    def put(self, columns: Columns) -> None:
        """Draw other objects."""
        self._columns, self._marked = columns, None
        names = measured_columns(columns) if columns else []
        _offer(self.x, [(name, name) for name in names])
        _offer(self.y, [(COUNT, None), *((name, name) for name in names)])
        groups = group_columns(columns) if columns else []
        _offer(self.group, [(ALL, None), *((name, name) for name in groups)])
        self._draw()

    def mark(self, index: int) -> None:
        """Mark the point of an object."""
        self._marked = index
        self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS and self._plot is not None:
            self._colour()

    def _draw(self, _: object = None) -> None:
        x = self.x.value if self._columns else None
        if x is None and self._plot is None:
            return
        if self._plot is None:
            self._make_plot()
        for item in self._drawn:
            self._view.removeItem(item)
        self._drawn = []
        if x is None:
            return
        groups = groups_of(self._columns, self.group.value)
        self.groups_label.setText(
            " ".join(
                f"<span style='color: {_colour(i)}'>■</span> {name}"
                for i, name in enumerate(groups)
                if name
            )
        )
        self.groups_label.setVisible(self.group.value is not None)
        if self.y.value is None:
            self._draw_histogram(np.asarray(self._columns[x], float), groups)
        else:
            self._draw_points(x, self.y.value, groups)
        self._view.autoRange()

    def _draw_histogram(self, values: Any, groups: Any) -> None:
        import pyqtgraph as pg

        counted = histogram(values, groups)
        if counted is None:
            return
        for i, counts in enumerate(counted.counts.values()):
            colour = pg.mkColor(_colour(i))
            line = pg.PlotDataItem(
                counted.edges, counts, stepMode="center", pen=pg.mkPen(colour, width=2)
            )
            colour.setAlpha(70)
            line.setFillLevel(0)
            line.setBrush(colour)
            self._add(line)
        if self._marked is not None and np.isfinite(values[self._marked]):
            self._add(pg.InfiniteLine(values[self._marked], pen=pg.mkPen(theme_of(self).bad)))

    def _draw_points(self, x: str, y: str, groups: Any) -> None:
        import pyqtgraph as pg

        xs, ys = (np.asarray(self._columns[name], float) for name in (x, y))
        for i, rows in enumerate(groups.values()):
            known = rows[np.isfinite(xs[rows]) & np.isfinite(ys[rows])]
            points = pg.ScatterPlotItem(
                xs[known], ys[known], data=known, size=5, pen=None, brush=_colour(i)
            )
            points.sigClicked.connect(self._take_click)
            self._add(points)
        here = self._marked
        if here is not None and np.isfinite(xs[here]) and np.isfinite(ys[here]):
            pen = pg.mkPen(theme_of(self).bad, width=2)
            at = [float(xs[here])], [float(ys[here])]
            self._add(pg.ScatterPlotItem(*at, size=CHOSEN_PX, pen=pen, brush=None))

    def _take_click(self, _: object, points: Any, *__: object) -> None:
        if len(points):
            self.chosen.emit(int(points[0].data()))

    def _add(self, item: Any) -> None:
        self._view.addItem(item)
        self._drawn.append(item)

    def _make_plot(self) -> None:
        # only once there is something to draw: pyqtgraph takes a while to be imported
        self._plot, self._view, self._axes = make_plot(HEIGHT_PX, mouse=True)
        self._plot.setToolTip(PLOT_TIP)
        self._box.insertWidget(self._box.indexOf(self.groups_label), self._plot)
        self._colour()

    def _colour(self) -> None:
        colour_plots([self._plot], self._axes, theme_of(self))


def _offer(choice: Choice, entries: list[tuple[str, Any]]) -> None:
    """Offer other entries; the one that is chosen stays if it is among them."""
    before = choice.value if len(choice.choices) else None
    with choice.changed.blocked():
        choice.choices = entries
        values = [value for _, value in entries]
        if before in values:
            choice.value = before


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]
