"""*Batch*: a folder of images, one of which can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_unet.services.files.images import open_image
from napari_unet.services.samples import sample_path

if TYPE_CHECKING:
    from pathlib import Path

    from pictures.stage import Stage

IMAGES, RESULTS = "plate 7", "plate 7 labels"
CONTROLS = 2


def pictures(stage: Stage) -> None:
    """Segment the folder, and show one image with its result."""
    write_images(stage.home / IMAGES)
    panel = stage.page("Batch")
    panel.input.value = IMAGES
    panel.output.value = RESULTS
    panel.run_button.click()
    stage.wait(lambda: panel.image_list.rowCount() and not stage.session.jobs.at_work)
    panel.image_list.cellDoubleClicked.emit(1, 0)
    # opening them changes the size of the canvas
    stage.pause(1)
    stage.viewer.reset_view()
    stage.take("batch")
    plate(stage, panel)


def plate(stage: Stage, panel: Any) -> None:
    """Measure the plate, and plot it by condition."""
    panel.plate.pattern.value = "{condition}_{well}"
    panel.plate_fold.expand(animate=False)
    stage.wait(panel.plate.measure_button.isEnabled)
    panel.plate.measure_button.click()
    stage.wait(panel.plate.plot.isVisible)
    panel.plate.plot.measure.value = "intensity_mean"
    stage.pause(0.5)
    panel.scroll.verticalScrollBar().setValue(panel.scroll.verticalScrollBar().maximum())
    stage.take("plate")


def write_images(folder: Path) -> None:
    """Write each time point of the sample as a file, and one that breaks off in its middle."""
    folder.mkdir()
    image = open_image(sample_path())
    for t, plane in enumerate(np.asarray(image.data[...])):
        per_micrometre = 1 / image.scale["Y"], 1 / image.scale["X"]
        condition = "drug" if t > CONTROLS else "control"
        path = folder / f"{condition}_B{t + 2:02}.tif"
        tifffile.imwrite(
            path, plane, imagej=True, resolution=per_micrometre, metadata={"unit": "um"}
        )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
