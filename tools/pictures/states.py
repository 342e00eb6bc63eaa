"""Every panel in each of its states, to be looked at: at two sizes of the window, in both themes."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import numpy as np
from superqt import QCollapsible

from napari_unet.core.progress import Progress
from pictures import batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_unet.core.progress import Job
    from pictures.stage import Stage

SIZES = (1280, 800), (1920, 1080)
THEMES = "dark", "light"
SHORT = {"steps": 20, "minutes": None, "patch": 64, "batch": 1}


def pictures(stage: Stage) -> None:
    """Take four pictures of each state."""
    for i, state in enumerate(states(stage), 1):
        for (width, height), theme in itertools.product(SIZES, THEMES):
            stage.viewer.window.resize(width, height)
            stage.viewer.theme = theme
            stage.pause(0.5)
            stage.take(f"{i:02}-{state}-{height}-{theme}", settle=0.5)


def states(stage: Stage) -> Iterator[str]:
    """Bring the window from one state to the next; yield what each is."""
    yield from start(stage)
    yield from segmented(stage)
    yield from corrected(stage)
    yield from trained(stage)
    yield from folders(stage)


def start(stage: Stage) -> Iterator[str]:
    """Before there is a result."""
    panel = stage.page("Segment")
    yield "empty"
    for title in ("Annotate", "Fine-tune", "Measure", "Batch"):
        stage.page(title)
        yield f"empty-{title.lower()}"
    stage.open_sample()
    stage.page("Segment")
    yield "image"
    models = stage.page("Load U-Net")
    yield "networks"
    models.load_text("cells-phase")
    stage.rest()
    yield "network-loaded"
    stage.page("Segment")
    yield "misfit"
    stage.session.jobs.start("Segmenting nuclei stack", slowly())
    yield "running"
    stage.session.jobs.cancel()
    stage.rest()
    yield "cancelled"
    panel.image.axes.value = "YX"
    panel.segment_button.click()
    yield "error"
    panel.image.axes.value = "TYX"


def segmented(stage: Stage) -> Iterator[str]:
    """With a result."""
    panel = stage.segment()
    yield "caution"
    stage.load()
    panel.segment_button.click()
    stage.rest()
    yield "result"
    for title in ("Objects and threshold", "Advanced", "How good is it?"):
        fold = stage.fold(panel, title)
        fold.expand(animate=False)
        yield title.lower().replace(" ", "-").rstrip("?")
        fold.collapse(animate=False)
    measure = stage.page("Measure")
    stage.wait(lambda: measure.table.rows.rowCount())
    yield "measured"
    measure.through_time.button.click()
    stage.rest()
    stage.pause(1)
    yield "tracked"


def corrected(stage: Stage) -> Iterator[str]:
    """With an annotation."""
    annotate = stage.page("Annotate")
    yield "annotate"
    annotate.source.correct_button.click()
    yield "correcting"
    annotate.objects.tools["split"].click()
    yield "tool"
    annotate.objects.tools["split"].click()
    annotate.objects.more_button.setChecked(True)
    yield "more-tools"
    annotate.objects.more_button.setChecked(False)
    annotate.review_fold.expand(animate=False)
    yield "review"
    annotate.review.list_button.click()
    stage.wait(lambda: annotate.review.list.listed is not None)
    yield "review-list"
    annotate.pages.parts.expand(animate=False)
    yield "parts"
    annotate.pages.parts.collapse(animate=False)
    annotate.checks.plane_button.click()
    yield "checked"
    annotate.source.new_kind.value = "scribbles"
    annotate.source.new_button.click()
    yield "scribbles"
    stage.viewer.layers.remove(annotate.annotation.layer)


def trained(stage: Stage) -> Iterator[str]:
    """Before, during and after a training."""
    annotate = stage.page("Annotate")
    annotate.finetune_button.click()
    panel = stage.page("Fine-tune")
    stage.wait(lambda: panel.form.summary.plan_label.text())
    yield "finetune"
    for fold in panel.form.findChildren(QCollapsible):
        fold.expand(animate=False)
        yield f"finetune-{fold.text().split()[0].lower()}"
        fold.collapse(animate=False)
    for name, value in SHORT.items():
        panel.form.settings[name].value = value
    panel.form.train_button.click()
    stage.wait(lambda: stage.session.training and stage.session.training.losses)
    yield "training"
    stage.rest()
    yield "comparison"
    panel.outcome.comparison.keep_button.click()
    stage.rest()
    yield "kept"
    stage.page("Load U-Net")
    yield "own-network"
    stage.page("Segment")
    yield "tuned"


def folders(stage: Stage) -> Iterator[str]:
    """Folders of images, and a project."""
    batch.write_images(stage.home / batch.IMAGES)
    panel = stage.page("Batch")
    panel.input.value, panel.output.value = batch.IMAGES, batch.RESULTS
    yield "batch"
    panel.run_button.click()
    stage.wait(lambda: panel.image_list.rowCount() and not stage.session.jobs.at_work)
    yield "batch-done"
    panel.plate.pattern.value = "{condition}_{well}"
    panel.plate_fold.expand(animate=False)
    stage.wait(panel.plate.measure_button.isEnabled)
    panel.plate.measure_button.click()
    stage.wait(panel.plate.plot.isVisible)
    bar = panel.scroll.verticalScrollBar()
    bar.setValue(bar.maximum())
    yield "plate"
    stage.studio.project.save(stage.home / "nuclei.unetproject")
    stage.wait(lambda: not stage.studio.project.jobs.at_work)
    yield "saved"
    stage.viewer.layers.clear()
    stage.studio.project.work.open(stage.home / batch.IMAGES)
    stage.pause(2)
    stage.page("Segment")
    yield "folder"


def slowly() -> Job[None]:
    """A job that is in its middle for as long as one looks."""
    for done in np.linspace(0.2, 0.4, 10_000):
        time.sleep(0.02)
        yield Progress(float(done), 1, note="tile 5 of 12")
