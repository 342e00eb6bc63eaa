"""*Segment a stack*: from the empty window to objects that follow the sliders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from napari_unet.services.library import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.core.progress import Progress
    from pictures.stage import Stage


def pictures(stage: Stage) -> None:
    """Open the sample, load a network, segment, and divide anew."""
    panel = stage.page("Segment")
    stage.take("studio")
    stage.open_sample()
    stage.look_at(3)
    stage.take("sample")
    load = stage.page("Load U-Net")
    load.list.setCurrentItem(load.list.findItems(DEFAULT, Qt.MatchFlag.MatchStartsWith)[0])
    load.load_button.click()
    stage.rest()
    stage.take("loaded")
    stage.page("Segment")
    panel.image.axes.value = "YX"
    panel.segment_button.click()
    stage.take("error")
    panel.image.axes.value = "TYX"
    # small tiles and the first plane, so that the picture shows it filling in
    panel.settings.tile.value = 240
    stage.look_at(0)
    running = midway(stage)
    stage.session.jobs.progressed.connect(running)
    panel.segment_button.click()
    stage.rest()
    stage.session.jobs.progressed.disconnect(running)
    panel.settings.tile.value = None
    stage.wait(lambda: "240" not in panel.plan_label.text())
    stage.look_at(0)
    panel.segment_button.click()
    stage.rest()
    stage.take("done")
    measure = stage.page("Measure")
    stage.wait(lambda: measure.table.rows.rowCount())
    stage.take("measure")
    stage.page("Segment")
    panel.settings.separation.value = 0.6
    panel.settings.smallest.value = 25
    stage.fold(panel, "Objects and threshold").expand(animate=False)
    # the planes that are not in view follow later
    stage.pause(3)
    stage.wait(panel.centres_button.isEnabled)
    stage.take("objects")


def midway(stage: Stage) -> Callable[[Progress], None]:
    """Return a slot that takes a picture in the middle of the first plane, and then cancels."""
    taken = False

    def take(step: Progress) -> None:
        nonlocal taken
        if step.fraction > 0.08 and not taken:
            taken = True
            stage.take("running", settle=0)
            stage.session.jobs.cancel()

    return take
