"""A window to take pictures of, with a library of its own."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication
from superqt import QCollapsible

from napari_unet.gui.session import session
from napari_unet.services.library import DEFAULT, Library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLUGIN = "napari-unet-studio"
SIZE = 1280, 800
COLOURS = 256
"""Of a picture: a third of the size, and no difference to the eye."""
CLOSE: dict[str, Any] = {
    "method": Image.Quantize.MAXCOVERAGE,
    "kmeans": 2,
    "dither": Image.Dither.NONE,
}
"""How they are chosen: rare ones too, such as those of a thin line."""


class Stage:
    """A viewer with *U-Net Studio*, as somebody finds it who has just installed the plugin.

    Parameters
    ----------
    folder
        Where pictures go.
    home
        An empty folder, in which models, trainings and paint are kept: yours are not touched, and do
        not show.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        self.home = home
        # paths that are typed into a form are seen in pictures
        os.chdir(home)
        session.Library = lambda: Library(home / "library" / "models")
        self.viewer = napari.Viewer()
        self.viewer.window.resize(*SIZE)
        _, self.studio = self.viewer.window.add_plugin_dock_widget(PLUGIN, "U-Net Studio")
        self.session = self.studio.session

    def open_sample(self) -> Any:
        """Open the sample stack, and return its layer."""
        (layer,) = self.viewer.open_sample(PLUGIN, "nuclei")
        return layer

    def page(self, title: str) -> Any:
        """Bring a panel to the front."""
        return self.studio.show_page(title)

    def load(self) -> None:
        """Load the network that a new user starts with."""
        self.session.load(DEFAULT)
        self.rest()

    def segment(self) -> Any:
        """Segment the sample, and return the panel."""
        panel = self.page("Segment")
        panel.segment_button.click()
        self.rest()
        return panel

    @staticmethod
    def fold(panel: Any, title: str) -> QCollapsible:
        """Return the rows of a panel that are folded away under a title."""
        return next(fold for fold in panel.findChildren(QCollapsible) if fold.text() == title)

    def look_at(self, t: int, centre: tuple[float, float] | None = None, zoom: float = 1) -> None:
        """Show a time point, all of it or closer around a pixel (y, x)."""
        self.viewer.dims.set_current_step(0, t)
        # what was opened or selected may yet change the size of the canvas
        self.pause(1)
        self.viewer.reset_view()
        if centre is not None:
            layer = self.viewer.layers["nuclei stack"]
            camera = getattr(self.viewer, "scene", self.viewer).camera
            camera.center = layer.data_to_world((t, *centre))
            camera.zoom *= zoom

    def take(self, name: str, settle: float = 0.7) -> None:
        """Take a picture, after letting the window settle for some seconds."""
        self.pause(settle)
        QApplication.processEvents()
        pixels = self.viewer.window.screenshot(flash=False)
        picture = Image.fromarray(pixels[..., :3]).quantize(COLOURS, **CLOSE)
        picture.save(self._folder / f"{name}.png", optimize=True)
        print(f"{name}.png")

    def pause(self, seconds: float) -> None:
        """Let the window work for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def wait(self, done: Callable[[], Any], seconds: float = 300) -> None:
        """Let the window work until something is done; a picture of less would be wrong."""
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"not done after {seconds} s: see the line that waits")
            self.pause(0.01)

    def rest(self, seconds: float = 600) -> None:
        """Wait until no job is at work."""
        self.wait(lambda: not self.session.jobs.at_work, seconds)

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()
        self.pause(0.5)
