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
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_unet.services.library import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Progress
    from napari_unet.gui.job import Jobs

PLUGIN = "napari-unet-studio"
SIZE = 1280, 800
BRUSH = 3.0
"""Radius of the brush in pixels."""
STROKES = {1: 9, 2: 14}
"""How many there are of each label."""
LONGEST = 28
"""Steps of a pixel to either side of a stroke's middle."""
APART = 45.0
"""Pixels between the middles of two strokes of a label."""
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images"


def main(folder: Path) -> None:
    """Go through the main job, and stop for a picture at each stage."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, "nuclei")
    _, studio = viewer.window.add_plugin_dock_widget(PLUGIN, "U-Net Studio")
    panel = studio.show_page("Segment")
    jobs = panel.session.jobs

    def take(name: str) -> None:
        wait(lambda: False, 0.7)
        viewer.window.screenshot(str(folder / f"{name}.png"), flash=False)

    take("sample")
    load = studio.show_page("Load U-Net")
    load.list.setCurrentItem(load.list.findItems(DEFAULT, Qt.MatchFlag.MatchStartsWith)[0])
    load.load.click()
    wait(lambda: panel.session.model is not None, 60)
    take("loaded")
    studio.show_page("Segment")
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
    viewer.layers["nuclei stack objects"].visible = False
    annotate(viewer, studio.show_page("Annotate"), take)
    fine_tune(viewer, studio.show_page("Fine-tune"), take)
    viewer.close()


def annotate(viewer: napari.Viewer, panel: Any, take: Callable[[str], None]) -> None:
    """Correct the result, mark a plane as checked, and go to the next place; nothing of it stays."""
    before = set(viewer.layers)
    panel.source.result.choose(viewer.layers["nuclei stack objects"])
    panel.source.correct.click()
    viewer.dims.set_current_step(0, 3)
    panel.plane.click()
    panel.objects.tools["split"].click()
    take("annotate")
    panel.objects.tools["split"].click()
    panel.where.unsure.click()
    wait(lambda: "nuclei stack uncertainty" in viewer.layers, 120)
    panel.where.next.click()
    wait(lambda: panel.where.why.text(), 120)
    take("next-place")
    viewer.reset_view()
    for layer in set(viewer.layers) - before:
        viewer.layers.remove(layer)


def fine_tune(viewer: napari.Viewer, panel: Any, take: Callable[[str], None]) -> None:
    """Paint strokes on the sample, train shortly, and stop for a picture at each stage."""
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
    """Return strokes as a hand would paint them: 2 along nuclei, dim ones too, 1 around them."""
    smooth = ndimage.gaussian_filter(plane.astype(float), 1.5)
    ground, bright = np.percentile(smooth, (30, 95))
    nuclei = smooth > ground + 0.12 * (bright - ground)
    beside = ndimage.distance_transform_edt(~nuclei)
    rooms = {
        2: ndimage.distance_transform_edt(nuclei),
        1: np.where(beside > BRUSH + 1, np.maximum(12 - np.abs(beside - BRUSH - 2), 0), 0),
    }
    out, drawn = np.zeros(plane.shape, np.uint8), np.random.default_rng(0)
    for label, whole in rooms.items():
        # nobody paints along the frame
        room = np.pad(whole[12:-12, 12:-12], 12)
        for _ in range(STROKES[label]):
            start = np.unravel_index((room * drawn.random(room.shape)).argmax(), room.shape)
            for y, x in path(room, np.array(start, float)):
                disc(out, y, x, BRUSH, label)
            # the next one elsewhere
            disc(room, *start, APART, 0)
    return out


def path(room: np.ndarray, start: np.ndarray) -> list[tuple[float, float]]:
    """Walk both ways from a point with bends no sharper than a hand makes, where there is room."""
    found = []
    for side in (0.0, np.pi):
        at, heading = start.copy(), 0.7 + side
        for _ in range(LONGEST):
            turns = heading + np.linspace(-0.12, 0.12, 5)
            ahead = [at + 8 * np.array([np.sin(t), np.cos(t)]) for t in turns]
            heading = turns[int(np.argmax([look(room, point) for point in ahead]))]
            at = at + np.array([np.sin(heading), np.cos(heading)])
            if look(room, at) < BRUSH + 1:
                break
            found.append((at[0], at[1]))
    return found


def look(room: np.ndarray, at: np.ndarray) -> float:
    y, x = (int(i) for i in at.round())
    return float(room[y, x]) if 0 <= y < room.shape[0] and 0 <= x < room.shape[1] else 0.0


def disc(out: np.ndarray, y: float, x: float, radius: float, value: int) -> None:
    rows, columns = np.ogrid[: out.shape[0], : out.shape[1]]
    out[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = value


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
