"""*Correct and tune*: mend a time point of the result, train on it, and see what became different."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from pictures.hand import drag, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pictures.stage import Stage

T = 0
"""The time point that is corrected."""
DIM_TOO = 33015, 33300
"""Contrast limits at which dim nuclei are seen."""
CUT = (334, 455), (337, 472), (343, 490)
"""A line between two nuclei that came out as one, as y, x."""
PIECES = (
    ((186, 39), (197, 44)),
    ((2, 356), (11, 353)),
)
"""Points in two pieces of a nucleus that came out as several."""
DIRT = (177, 392)
MISSED = ((193, 90), (17, 17)), ((6, 352), (9, 12))
"""Centres and radii of nuclei that were not found, or only in part; of the latter, its number stays."""


def pictures(stage: Stage) -> None:
    """Correct the result by hand, tune the network, and show where it now differs."""
    stage.open_sample().contrast_limits = DIM_TOO
    stage.load()
    stage.segment()
    panel = stage.page("Annotate")
    panel.source.correct_button.click()
    layer = stage.viewer.layers["nuclei stack objects corrected"]
    stage.look_at(T)
    stage.take("correct-mistakes")
    next_place(stage, panel)
    review(stage, panel)
    mend(stage, panel, layer)
    stage.look_at(T)
    panel.checks.plane_button.click()
    stage.take("correct-mended")
    judge(stage)
    stage.page("Annotate")
    stage.viewer.layers.selection.active = layer
    panel.finetune_button.click()
    tune(stage)


def next_place(stage: Stage, panel: Any) -> None:
    """Go where the network is least sure; nothing of that stays."""
    before, where = set(stage.viewer.layers), panel.next_region
    panel.pages.parts.expand(animate=False)
    where.uncertainty_button.click()
    stage.wait(lambda: "nuclei stack uncertainty" in stage.viewer.layers)
    where.next_button.click()
    stage.wait(lambda: bool(where.reason_label.text()))
    stage.take("next-place")
    where.say("")
    panel.pages.parts.collapse(animate=False)
    for layer in set(stage.viewer.layers) - before:
        stage.viewer.layers.remove(layer)
    stage.viewer.layers.selection.active = panel.annotation.layer
    stage.look_at(T)


def review(stage: Stage, panel: Any) -> None:
    """Look at the object that is most to be doubted; nothing of that stays."""
    before = set(stage.viewer.layers)
    panel.review_fold.expand(animate=False)
    panel.review.list_button.click()
    stage.wait(lambda: panel.review.list.listed is not None)
    # the first lies at the edge
    stage.pause(1)
    panel.review.accept_button.click()
    stage.take("review")
    panel.review.back_button.click()
    # the ring moves after the view has
    stage.pause(1)
    panel.review.list.take(None)
    panel.review_fold.collapse(animate=False)
    for layer in set(stage.viewer.layers) - before:
        stage.viewer.layers.remove(layer)
    panel.review.take(panel.annotation.layer)
    stage.viewer.layers.selection.active = panel.annotation.layer
    stage.look_at(T)


def mend(stage: Stage, panel: Any, layer: Any) -> None:
    """Use each tool where it is needed."""
    tools = panel.objects.tools
    tools["split"].click()
    with changing(layer):
        drag(layer, T, *CUT)
    stage.look_at(T, (335, 470), zoom=3)
    stage.take("annotate")
    tools["merge"].click()
    for one, other in PIECES:
        with changing(layer):
            drag(layer, T, one)
            drag(layer, T, other)
    tools["delete"].click()
    with changing(layer):
        drag(layer, T, DIRT)
    for centre, radii in MISSED:
        known = int(layer.data[T, *centre]) or int(layer.data[T, centre[0] + 4, centre[1]])
        panel.objects.next_button.click()
        layer.selected_label = known or layer.selected_label
        with changing(layer):
            fill(layer, T, centre, radii, layer.selected_label)


@contextmanager
def changing(layer: Any) -> Iterator[None]:
    """See that something is changed: other objects than these would make the guide wrong."""
    before = layer.data.copy()
    yield
    if np.array_equal(before, layer.data):
        raise ValueError("the sample is segmented otherwise now: choose other places to mend")


def judge(stage: Stage) -> None:
    """Show what was wrong in the time point that is corrected; nothing of that stays."""
    panel, layers = stage.page("Segment"), stage.viewer.layers
    fold = stage.fold(panel, "How good is it?")
    fold.expand(animate=False)
    panel.evaluation.evaluate_button.click()
    stage.rest()
    panel.evaluation.view.mistakes.click()
    stage.look_at(T)
    stage.take("evaluate")
    fold.collapse(animate=False)
    layers.remove(layers["nuclei stack objects mistakes"])
    layers["nuclei stack objects corrected"].visible = True


def tune(stage: Stage) -> None:
    """Train shortly on what was corrected."""
    panel = stage.page("Fine-tune")
    form = panel.form
    stage.wait(
        lambda: "objects" in form.summary.summary_label.text() and form.summary.plan_label.text()
    )
    stage.take("correct-finetune")
    form.train_button.click()
    stage.rest()
    panel.outcome.comparison.difference_button.click()
    stage.rest()
    stage.pause(0.5)
    bar = panel.scroll.verticalScrollBar()
    bar.setValue(bar.maximum())
    stage.take("correct-difference")
