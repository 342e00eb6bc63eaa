"""What the tests of *Fine-tune* share: bright discs, paint on them, and a small network that learns."""

from __future__ import annotations

import numpy as np
import pytest
from gui_kit import SECONDS, finish_job, small_model, wait_for_jobs

SIZE = 96


def discs(size=SIZE, seed=0):
    """An image of bright discs on a dark ground, and where they are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    inside = np.zeros((size, size), bool)
    for row in range(12, size, 24):
        for column in range(12, size, 24):
            inside |= (y - row) ** 2 + (x - column) ** 2 < 49
    image = np.where(inside, 160, 40) + rng.normal(0, 12, inside.shape)
    return image.clip(0, 255).astype(np.uint8), inside


def scribbles(inside, every=24):
    """Short strokes in each disc (2) and between them (1)."""
    paint = np.zeros(inside.shape, np.uint8)
    for row in range(12, len(inside), every):
        paint[row : row + 2][inside[row : row + 2]] = 2
        paint[row + 11 : row + 13, 2::16] = 1
        paint[row + 11 : row + 13, 3::16] = 1
        paint[row + 11 : row + 13, 4::16] = 1
    return paint


def quick(panel, steps=12):
    """Let a training take a second or two."""
    settings = panel.form.settings
    for name, value in {"steps": steps, "minutes": None, "patch": 32, "batch": 2}.items():
        settings[name].value = value


@pytest.fixture
def panel(viewer, dock, library):
    """The panel Fine-tune, docked, with the small model loaded and settings for a short training."""
    from napari_unet.gui.plugin import FinetuneDock

    panel = dock(FinetuneDock(viewer))
    panel.session.model, panel.session.source = small_model(), "small"
    panel.session.model_changed.emit(panel.session.model)
    quick(panel)
    return panel


@pytest.fixture
def painted_panel(panel, viewer):
    """The panel with an image and paint on it."""
    image, inside = discs()
    viewer.add_image(image, name="cells")
    panel.form.pairs.first.new_button.click()
    paint = panel.form.pairs.first.labels.layer
    paint.data = scribbles(inside)
    return panel


def summary(panel):
    """What stands below the form about the paint."""
    return panel.form.summary.summary_label.text()


def wait_for_summary(panel, words, qtbot):
    """Wait until the summary says something."""
    qtbot.waitUntil(lambda: words in summary(panel), timeout=SECONDS)


def begin(panel, qtbot, steps=0):
    """Press *Train*, and wait until it has taken some steps."""
    panel.form.train_button.click()
    qtbot.waitUntil(lambda: panel.session.jobs.running, timeout=SECONDS)
    qtbot.waitUntil(lambda: len(panel.session.training.losses) >= steps, timeout=SECONDS)


def preview(panel, viewer, qtbot):
    """Press *Preview augmentation*, and wait for its layers, which come one after the other."""
    panel.form.preview_button.click()
    finish_job(panel, qtbot)
    wanted = {"augmented", "augmented annotation"}
    qtbot.waitUntil(lambda: wanted <= {x.name for x in viewer.layers}, timeout=SECONDS)


def train(panel, qtbot):
    """Press *Train*, and wait for the comparison."""
    begin(panel, qtbot)
    wait_for_jobs(panel.session.jobs, qtbot)
    return panel.session.training.result


def shown(panel):
    """Which of the three parts of the panel is visible."""
    parts = {"form": panel.form, "live": panel.training_box, "comparison": panel.outcome.comparison}
    return {name for name, part in parts.items() if part.isVisibleTo(panel)}


def save_often(panel):
    """Have the training's state saved at each step; no row of the form shows that."""
    panel.put(panel.chosen().model_copy(update={"save_every": 0.01}))
