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
import numpy as np
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
    panel.image.axes.setEditText("T Y X")
    viewer.layers["nuclei stack labels"].visible = False
    fine_tune(viewer, take)
    viewer.close()


def fine_tune(viewer: napari.Viewer, take: Callable[[str], None]) -> None:
    """Paint strokes on the sample, train shortly, and stop for a picture at each stage."""
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Fine-tune", tabify=True)
    dock.raise_()
    image = viewer.layers["nuclei stack"].data
    viewer.dims.set_current_step(0, 3)
    pair = panel.form.pairs.first
    pair.new.click()
    paint = pair.labels.layer
    paint.data[3] = strokes(image[3])
    paint.refresh()
    lookout = panel.form.lookout
    lookout.form_changed()
    wait(lambda: "strokes" in lookout.summary.text() and lookout.plan.text(), 60)
    take("finetune-paint")
    panel.form.preview.click()
    wait(lambda: not panel.session.jobs.running, 120)
    take("finetune-augmented")
    for name in ("augmented", "augmented paint"):
        viewer.layers.remove(viewer.layers[name])
    viewer.reset_view()
    panel.form.training.preset.setCurrentText("Quick")
    panel.form.training.boxes["minutes"].put(1.5)
    panel.form.training.boxes["patch"].put(128)
    panel.form.train.click()
    wait(lambda: panel.session.training and len(panel.session.training.checks) > 5, 300)
    wait(lambda: "steps/s" in panel.foot.note.text(), 5)
    take("finetune-training")
    wait(lambda: not panel.session.jobs.running, 300)
    take("finetune-comparison")
    panel.comparison.keep.click()
    wait(lambda: not panel.session.jobs.running, 60)
    take("finetune-kept")


def strokes(plane: np.ndarray) -> np.ndarray:
    """Return strokes as a hand would paint them: 2 on bright nuclei, 1 on the ground and at rims."""
    bright = plane > np.percentile(plane, 80)
    dark = plane < np.percentile(plane, 65)
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
    path = np.abs((y + 12 * np.sin(x / 17)) % 90 - 45) < 4
    out = np.zeros(plane.shape, np.uint8)
    out[path & bright & (x % 150 < 110)] = 2
    out[path & dark & (x % 150 < 70)] = 1
    return out


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
