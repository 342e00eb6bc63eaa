"""The progress of a training: loss and quality over the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.gui.widgets.fields import caption
from napari_unet.gui.widgets.plots import colour_plots, make_plot
from napari_unet.gui.widgets.theme import FOLLOWS, Theme, theme_of

if TYPE_CHECKING:
    from napari_unet.gui.finetune.run import TrainingRun

REDRAW_MS = 400
"""Shortest time between two drawings."""
POINTS = 1000
"""Largest number of steps that are drawn; if there are more, means of neighbours are drawn."""
HEIGHT_PX = 200
FAINT_ALPHA = 90
"""Opacity, of 255, of single losses behind their mean."""
LOSS_TIP = "How wrong the network is on the patches it learns from. It should fall."
IOU_TIP = (
    "How good the network is on held-out annotations, from 0 to 1. It should rise; the best network is "
    "kept."
)


class Curves(QWidget):
    """Loss, and IoU on held-out annotations; drawn a few times a second during training."""

    def __init__(self) -> None:
        super().__init__()
        self._run: TrainingRun | None = None
        self._plots: Any = None
        self._axes: list[Any] = []
        self._theme: Theme | None = None
        self.loss = caption("Loss")
        self.iou = caption("IoU on held-out annotations")
        self.loss.setToolTip(LOSS_TIP)
        self.iou.setToolTip(IOU_TIP)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2)
        self._box.addWidget(self.loss)
        self._box.addWidget(self.iou)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._draw)

    def show_run(self, run: TrainingRun | None) -> None:
        """Show the curves of a training from now on."""
        if self._run is not None:
            self._run.stepped.disconnect(self._wait)
        self._run = run
        if run is not None:
            run.stepped.connect(self._wait)
            self._draw()

    def _wait(self, _: object = None) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _draw(self) -> None:
        run = self._run
        if run is None or not (run.losses or self._plots):
            return
        if self._plots is None:
            self._make_plots()
        steps, losses = thinned(run.losses)
        self._all.setData(steps, losses)
        self._mean.setData([c[0] for c in run.checks], [c[1] for c in run.checks])
        validated = [(step, iou) for step, _, iou in run.checks if iou is not None]
        self._validated.setData([s for s, _ in validated], [iou for _, iou in validated])
        best = max((iou for _, iou in validated), default=None)
        detail = ": nothing is held out" if run.checks and best is None else ""
        detail = detail if best is None else f": best {best:.3f}"
        self.iou.setText(f"IoU on held-out annotations{detail}")
        self.loss.setText(f"Loss: {losses[-1]:.3g}" if len(losses) else "Loss")

    def _make_plots(self) -> None:
        # only once a training runs: its thread has imported pyqtgraph by then
        import pyqtgraph as pg

        self._plots = []
        views = []
        for row, label in ((1, self.loss), (3, self.iou)):
            plot, view, axes = make_plot(HEIGHT_PX // 2)
            self._axes.extend(axes)
            plot.setToolTip(label.toolTip())
            self._box.insertWidget(row, plot)
            self._plots.append(plot)
            views.append(view)
        above, below = views
        below.setXLink(above)
        below.setLimits(yMin=0, yMax=1, minYRange=0.1)
        self._all, self._mean = pg.PlotDataItem(), pg.PlotDataItem()
        self._validated = pg.PlotDataItem(symbol="o", symbolSize=5, symbolPen=None)
        above.addItem(self._all)
        above.addItem(self._mean)
        below.addItem(self._validated)
        self._colour()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Take the colours of the new theme."""
        super().changeEvent(event)
        if event.type() in FOLLOWS and self._plots is not None:
            self._colour()

    def _colour(self) -> None:
        import pyqtgraph as pg

        theme = theme_of(self)
        if theme == self._theme:
            return
        self._theme = theme
        colour_plots(self._plots, self._axes, theme)
        faint = pg.mkColor(theme.loss)
        faint.setAlpha(FAINT_ALPHA)
        self._all.setPen(pg.mkPen(faint))
        self._mean.setPen(pg.mkPen(theme.loss, width=2))
        self._validated.setPen(pg.mkPen(theme.good, width=2))
        self._validated.setSymbolBrush(theme.good)


def thinned(points: list[tuple[float, float]]) -> tuple[Any, Any]:
    """Return steps and values; if there are many, means of equal numbers of neighbours."""
    if not points:
        return np.empty(0), np.empty(0)
    values = np.asarray(points)
    n = len(values) // POINTS + 1
    if n > 1:
        values = values[len(values) % n :].reshape(-1, n, 2).mean(axis=1)
    return values[:, 0], values[:, 1]
