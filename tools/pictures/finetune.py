"""*Fine-tune* on scribbles: the form, varied patches, the curves, the comparison, and what was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pictures.hand import lines, strokes

if TYPE_CHECKING:
    from pictures.stage import Stage

T = 6
MISSED = {
    0: ((191, 90),),
    1: ((32, 343), (197, 87)),
    2: ((40, 350), (197, 89)),
    3: ((34, 349), (193, 90)),
    4: ((32, 346), (184, 86)),
    5: ((32, 337), (182, 100), (208, 79)),
    6: ((38, 344), (203, 60), (205, 75), (190, 98)),
}
"""Middles (y, x) of dim nuclei that the network misses, at each time point."""
HALF = 6
"""Half a stroke on one of them, in pixels."""


def pictures(stage: Stage) -> None:
    """Paint strokes on the sample, train shortly, and stop for a picture at each stage."""
    viewer, image = stage.viewer, stage.open_sample().data
    stage.load()
    panel = stage.page("Fine-tune")
    form = panel.form
    form.pairs.first.new_button.click()
    stage.look_at(T)
    paint = form.pairs.first.labels.layer
    paint.data[T] = strokes(image[T])
    for t, middles in MISSED.items():
        lines(paint, t, [(2, (y, x - HALF), (y, x + HALF)) for y, x in middles])
    paint.refresh()
    form.summary.form_changed()
    stage.wait(
        lambda: "strokes" in form.summary.summary_label.text() and form.summary.plan_label.text()
    )
    stage.take("finetune-paint")
    form.preview_button.click()
    stage.rest()
    stage.wait(lambda: "augmented annotation" in viewer.layers)
    stage.take("finetune-augmented")
    for name in ("augmented", "augmented annotation"):
        viewer.layers.remove(viewer.layers[name])
    viewer.reset_view()
    form.settings.preset.value = "Quick"
    form.settings.minutes.value = 1.5
    form.settings.patch.value = 128
    form.train_button.click()
    stage.wait(lambda: stage.session.training and len(stage.session.training.checks) >= 2)
    stage.wait(lambda: "steps/s" in panel.foot.note.text())
    stage.take("finetune-training")
    stage.rest()
    stage.take("finetune-comparison")
    panel.outcome.comparison.keep_button.click()
    stage.rest()
    stage.take("finetune-kept")
