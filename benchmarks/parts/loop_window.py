"""A window to work in as a person does: real clicks on buttons, real mouse events on the canvas."""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from responsiveness import PLUGIN, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SIZE = 1280, 800
DABS = 20
SIDE = 512


class Hand:
    """Clicks and paints with the mouse, and counts the clicks.

    Attributes
    ----------
    clicks
        How many.
    """

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, button: Any, seconds: float = 300) -> None:
        """Click a button as soon as it can be, where it is seen."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        wait(lambda: button.isEnabled() and button.isVisible(), seconds)
        if not (button.isEnabled() and button.isVisible()):
            raise TimeoutError(f"“{button.text()}” can't be clicked")
        self.clicks += 1
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@contextlib.contextmanager
def window(*, plugin: bool) -> Iterator[tuple[Any, Any]]:
    """Give a viewer and *U-Net Studio* in it, or a widget of its size with nothing in it.

    The library is a folder of its own.
    """
    import napari
    from qtpy.QtWidgets import QWidget

    place = "napari_unet.services.library.user_data_path"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        if plugin:
            stack.enter_context(patch(place, lambda *_, **__: folder))
        viewer = napari.Viewer()
        viewer.window.resize(*SIZE)
        if plugin:
            _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "U-Net Studio")
        else:
            dock = QWidget()
            dock.setMinimumWidth(330)
            viewer.window.add_dock_widget(dock, name="empty")
        pause(2.0)
        yield viewer, dock
        viewer.close()


def rest(dock: Any, seconds: float = 600) -> None:
    """Wait until no job is at work."""
    jobs = dock.session.jobs
    until(lambda: not jobs.at_work, seconds)


def pause(seconds: float) -> None:
    """Let the window work for so long."""
    wait(lambda: False, seconds)


def until(done: Callable[[], bool], seconds: float = 600) -> None:
    """Let the window work until something is done."""
    wait(done, seconds)
    if not done():
        raise TimeoutError(f"not done after {seconds} s")


def crop_of_time_lapse(data: Path, frames: int = 6) -> NDArray[Any]:
    """Return frames of real cells, 512² each."""
    import tifffile

    pixels: NDArray[Any] = tifffile.imread(data / "timelapse-hela" / "stack.tif")
    return pixels[:frames, 90 : 90 + SIDE, 300 : 300 + SIDE].copy()


def canvas_of(viewer: Any) -> Any:
    """Return the widget that is painted on."""
    real = getattr(viewer.window, "__wrapped__", viewer.window)
    return real._qt_viewer.canvas.native


def stroke(viewer: Any, layer: Any, rng: random.Random, rests: float = 0.0) -> float:
    """Paint from dab to dab with the mouse, and return the seconds until all of it is drawn.

    Parameters
    ----------
    viewer, layer
        Where.
    rng
        Says how large the brush is and where it goes, within the image.
    rests
        Seconds between two dabs, in which the window works.
    """
    from qtpy.QtCore import QEvent, Qt

    layer.brush_size = rng.randint(10, 30)
    layer.selected_label = rng.randint(1, 2)
    canvas = canvas_of(viewer)
    reach = 0.3 * min(canvas.width(), canvas.height())
    middle = canvas.width() / 2, canvas.height() / 2
    at = [m + rng.uniform(-reach, reach) for m in middle]
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = QEvent.Type
    send(canvas, kinds.MouseMove, at, none, none)
    start = time.perf_counter()
    send(canvas, kinds.MouseButtonPress, at, left, left)
    for _ in range(DABS):
        at = [x + rng.uniform(-20, 20) for x in at]
        send(canvas, kinds.MouseMove, at, none, left)
        if rests:
            pause(rests)
    send(canvas, kinds.MouseButtonRelease, at, left, none)
    return time.perf_counter() - start - DABS * rests


def send(canvas: Any, kind: Any, at: list[float], button: Any, buttons: Any) -> None:
    """Give the canvas an event of the mouse, and let it draw what comes of it."""
    from qtpy.QtCore import QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    here = QPointF(*at)
    there = QPointF(canvas.mapToGlobal(here.toPoint()))
    event = QMouseEvent(kind, here, there, button, buttons, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas, event)
    QApplication.processEvents()


def plain_paint(viewer: Any, shape: tuple[int, ...]) -> Any:
    """Add a labels layer as ours are, without the plugin, with the brush taken up."""
    import numpy as np
    from napari.utils.colormaps import CyclicLabelColormap

    colours = ["transparent", "#60a5fa", "#2dd4bf", "#f59e0b"]
    layer = viewer.add_labels(
        np.zeros(shape, np.uint8), opacity=0.7, colormap=CyclicLabelColormap(colors=colours)
    )
    layer.mode = "paint"
    return layer


def no_plugin() -> None:
    """Stop where the plugin has been imported although napari was to be alone."""
    if any(name.startswith("napari_unet.gui") for name in sys.modules):
        raise SystemExit("the plugin was imported into napari alone")
