"""*Train from scribbles*: a new network that learns while strokes are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pictures.hand import lines, strokes

if TYPE_CHECKING:
    from pictures.stage import Stage

T = 3
NAME = "nucleus"
ENOUGH = 4
"""Checks after which it shows something, and more is painted."""
MORE = 9
"""Checks until it is stopped."""
OPEN = (
    (1, (350, 140), (358, 180)),
    (1, (350, 330), (345, 365)),
    (1, (200, 415), (195, 440)),
    (1, (75, 25), (78, 55)),
    (1, (285, 165), (295, 190)),
    (1, (205, 330), (225, 345)),
)
"""Strokes far from all nuclei: a network knows nothing of what no stroke has shown it."""
BETTER = (
    (1, (243, 248), (262, 232)),
    (2, (34, 343), (34, 355)),
    (2, (193, 84), (193, 97)),
)
"""Strokes where it is wrong at first: a halo, and dim nuclei."""


def pictures(stage: Stage) -> None:
    """Paint classes, let a new network learn, correct it meanwhile, and segment with it."""
    source = stage.open_sample()
    panel = stage.page("Annotate")
    panel.source.new_button.click()
    stage.look_at(T)
    paint = stage.viewer.layers["nuclei stack scribbles"]
    panel.classes.table.item(2, 2).setText(NAME)
    paint.data[T] = strokes(source.data[T])
    lines(paint, T, OPEN)
    paint.refresh()
    panel.pick(2)
    stage.take("scribbles-paint")
    panel.finetune_button.click()
    learn(stage, paint)
    keep(stage)


def learn(stage: Stage, paint: Any) -> None:
    """Keep learning, with a few more strokes."""
    panel = stage.page("Fine-tune")
    form, jobs = panel.form, stage.session.jobs
    form.start.network.value = 2
    form.settings.patch.value = 128
    stage.wait(
        lambda: "strokes" in form.summary.summary_label.text() and form.summary.plan_label.text()
    )
    stage.take("scribbles-form")
    form.learn_button.click()
    stage.wait(lambda: "nuclei stack learning" in stage.viewer.layers)
    stage.wait(lambda: len(stage.session.training.checks) >= ENOUGH)
    stage.take("scribbles-learning")
    lines(paint, T, BETTER)
    stage.wait(lambda: len(stage.session.training.checks) >= MORE or not jobs.at_work, 600)
    stage.take("scribbles-later")
    panel.stop_button.click()
    stage.rest()
    stage.take("scribbles-result")


def keep(stage: Stage) -> None:
    """Keep the network, and segment all time points with it."""
    panel = stage.page("Fine-tune")
    panel.outcome.comparison.keep_button.click()
    stage.rest()
    stage.viewer.layers["nuclei stack learning"].visible = False
    stage.viewer.layers["nuclei stack scribbles"].visible = False
    stage.segment()
    stage.take("scribbles-segmented")
