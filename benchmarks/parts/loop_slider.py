"""From a movement of a slider to the labels on the screen."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from parts.loop_tune import CORRECTED, LIKE, NETWORK, read
from parts.loop_window import pause, rest, until, window

if TYPE_CHECKING:
    import argparse

MOVES = 20
LOWEST, HIGHEST = 0.3, 0.9


def slider(options: argparse.Namespace) -> dict[str, float]:
    """Move each slider over a segmented plane of 1024², and wait for each drawing of new labels."""
    folder = options.data / "nuclei-dsb2018"
    images = [read(folder, name)[0] for name in (CORRECTED, *LIKE, CORRECTED)]
    with window(plugin=True) as (viewer, studio):
        viewer.add_image(np.block([images[:2], images[2:]]), name="cells")
        studio.session.load(NETWORK)
        rest(studio)
        panel = studio.show_page("Segment")
        panel.segment_button.click()
        rest(studio)
        until(lambda: panel.rethreshold.current is not None)
        pause(2.0)
        layer = viewer.layers["cells objects"]
        figures = {"objects": float(layer.data.max())}
        for name, box in (
            ("foreground", panel.settings.threshold),
            ("separation", panel.settings.separation),
        ):
            took = moved(viewer, layer, box)
            figures[f"{name}: ms until labels are drawn (goal: 150)"] = statistics.median(took)
            figures[f"{name}: ms at most"] = max(took)
            until(lambda: not panel.rethreshold.busy)
            pause(2.0)
    return figures


def moved(viewer: Any, layer: Any, box: Any) -> list[float]:
    """Return milliseconds from each movement to the end of the drawing that shows its labels."""
    canvas = getattr(viewer.window, "__wrapped__", viewer.window)._qt_viewer.canvas._scene_canvas
    given, drawn = [], []

    def take(_: object) -> None:
        given.append(time.perf_counter())

    def draw(_: object) -> None:
        if given:
            drawn.append(time.perf_counter())

    layer.events.set_data.connect(take)
    # after napari's own, which draws
    canvas.events.draw.connect(draw, position="last")
    took = []
    for value in np.linspace(LOWEST, HIGHEST, MOVES):
        given.clear()
        drawn.clear()
        start = time.perf_counter()
        box.value = value
        until(lambda: bool(drawn), 10)
        took.append(1000 * (drawn[0] - start))
        # as long as a hand rests between two movements, and shorter than where all planes follow
        pause(0.1)
    canvas.events.draw.disconnect(draw)
    layer.events.set_data.disconnect(take)
    return took
