"""Plots of pyqtgraph, in the colours of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_unet.gui.widgets.theme import Theme


def make_plot(height: int, *, mouse: bool = False) -> tuple[Any, Any, list[Any]]:
    """Return a widget with two axes, the view between them, and the axes.

    Not a ``PlotWidget``: that has menus without a parent, which outlive it.

    Parameters
    ----------
    height
        Of the widget, in pixels.
    mouse
        Whether the mouse moves and zooms what is seen.
    """
    import pyqtgraph as pg

    plot = pg.GraphicsLayoutWidget()
    plot.setBackground(None)
    plot.setFixedHeight(height)
    plot.ci.layout.setContentsMargins(0, 4, 6, 0)
    plot.ci.layout.setSpacing(0)
    view = pg.ViewBox(enableMenu=False, enableMouse=mouse)
    plot.addItem(view, row=0, col=1)
    axes = []
    for side, row, column in (("left", 0, 0), ("bottom", 1, 1)):
        axis = pg.AxisItem(side)
        axis.linkToView(view)
        axis.enableAutoSIPrefix(False)
        axes.append(axis)
        plot.addItem(axis, row=row, col=column)
        if side == "left":
            axis.setWidth(46)
    return plot, view, axes


def colour_plots(plots: Sequence[Any], axes: Sequence[Any], theme: Theme) -> None:
    """Give plots of `make_plot` the colours of a theme.

    Parameters
    ----------
    plots, axes
        The widgets, and the axes of all of them.
    theme
        The colours.
    """
    for axis in axes:
        axis.setPen(theme.dim)
        axis.setTextPen(theme.dim)
    for plot in plots:
        # it caches the background that it was first drawn on
        plot.resetCachedContent()
