"""Take the pictures of the README from the real window.

    python tools/screenshots.py [FOLDER]

It wants a display; on Linux, `xvfb-run -a -s "-screen 0 1400x900x24" python tools/screenshots.py`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Progress
    from napari_unet.gui.job import Jobs

PLUGIN = "napari-unet-studio"
SIZE = 1280, 800
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"


def main(folder: Path) -> None:
    """Go through the main job, and stop for a picture at each stage."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, "nuclei")
    load_dock, load = viewer.window.add_plugin_dock_widget(PLUGIN, "Load U-Net")
    segment_dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Segment", tabify=True)
    jobs = panel.session.jobs

    def take(name: str) -> None:
        wait(lambda: False, 0.7)
        viewer.window.screenshot(str(folder / f"{name}.png"), flash=False)

    segment_dock.raise_()
    take("sample")
    load_dock.raise_()
    load.load.click()
    wait(lambda: panel.session.model is not None, 60)
    take("loaded")
    segment_dock.raise_()
    # small tiles and the first plane, so that the picture shows it filling in
    panel.options.tile.setValue(240)
    viewer.dims.set_current_step(0, 0)
    wait(lambda: False, 2)
    running = midway(viewer, jobs, folder / "running.png")
    jobs.progressed.connect(running)
    panel.segment.click()
    wait(lambda: not jobs.running, 600)
    jobs.progressed.disconnect(running)
    panel.options.tile.setValue(0)
    panel.segment.click()
    wait(lambda: not jobs.running, 600)
    take("done")
    panel.image.axes.setEditText("Y X")
    panel.segment.click()
    take("error")
    viewer.close()


def midway(viewer: napari.Viewer, jobs: Jobs, path: Path) -> Callable[[Progress], None]:
    """Return a slot that takes a picture in the middle of the first plane, and then cancels."""

    def take(step: Progress) -> None:
        if step.fraction > 0.08:
            QApplication.processEvents()
            viewer.window.screenshot(str(path), flash=False)
            jobs.cancel()

    return take


def wait(done: Callable[[], Any], seconds: float) -> None:
    """Let the window work until something is done, or for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
