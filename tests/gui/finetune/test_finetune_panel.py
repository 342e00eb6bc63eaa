"""*Fine-tune* without a window: what is learnt, shown and kept, and all that can come between."""

from __future__ import annotations

import errno
import os
import time

import numpy as np
import pytest
from finetune_kit import (
    begin,
    discs,
    preview,
    quick,
    save_often,
    scribbles,
    shown,
    summary,
    train,
    wait_for_summary,
)
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS, finish_job, said, small_model
from napari.layers import Labels
from scripted_training import script as script
from windowless import dock as dock
from windowless import library as library
from windowless import viewer as viewer

from napari_unet.core.training.state import read_status
from napari_unet.core.training.trainer import Trainer
from napari_unet.gui.layers.purpose import IMAGE, KIND
from napari_unet.gui.plugin import AnnotateDock, FinetuneDock
from napari_unet.gui.widgets.fields import MAIN


def labels_layer(panel):
    return panel.form.pairs.first.labels.layer


def test_keep_both_leaves_the_current_model_and_discard_leaves_nothing(
    painted_panel, library, qtbot
):
    panel = painted_panel
    old = panel.session.model
    train(panel, qtbot)
    panel.outcome.comparison.both_button.click()
    finish_job(panel, qtbot)
    assert panel.session.model is old
    assert "small-tuned" in [e.name for e in library.entries()]
    before = len(library.entries())
    train(panel, qtbot)
    panel.outcome.comparison.discard_button.click()
    assert panel.session.model is old
    assert len(library.entries()) == before
    assert panel.session.training is None
    assert "discarded" in said(panel)
    train(panel, qtbot)
    panel.outcome.comparison.both_button.click()
    finish_job(panel, qtbot)
    assert "small-tuned-2" in [e.name for e in library.entries()], "nothing is overwritten"


def test_a_worse_network_is_not_put_first(painted_panel, qtbot, script):
    panel, good = painted_panel, painted_panel.session.model
    script.gain = -0.1
    result = train(panel, qtbot)
    assert result.better is False, result.verdict
    assert "Worse than before" in panel.outcome.comparison.verdict_label.text()
    assert panel.outcome.comparison.keep_button.styleSheet() == ""
    assert panel.session.model is good


def test_the_difference_of_old_and_new_is_shown_before_the_choice(painted_panel, viewer, qtbot):
    panel = painted_panel
    quick(panel, steps=60)
    own = {KIND: "classes", IMAGE: str(viewer.layers["cells"].unique_id)}
    over = viewer.add_labels(np.ones((96, 96), np.uint8), name="corrected", metadata=own)
    panel.form.pairs.first.labels.choose(viewer.layers["cells scribbles"])
    train(panel, qtbot)
    assert panel.outcome.comparison.difference_button.isVisibleTo(panel)
    for _ in range(2):
        panel.outcome.comparison.difference_button.click()
        finish_job(panel, qtbot)
        assert shown(panel) == {"live", "comparison"}
    layer = viewer.layers["cells difference"]
    assert layer.visible
    assert not over.visible, "labels over labels can't be told apart"
    assert viewer.layers["cells scribbles"].visible, "scribbles leave it to be seen"
    assert "of the pixels differ" in said(panel)
    for value, kind in enumerate(("only before", "only now", "otherwise"), 1):
        red, green, blue, _ = layer.get_color(value)
        colour = {"only before": green > blue > red, "only now": red > green > blue}
        assert colour.get(kind, blue > red > green), "the colours are those that are named"
        assert kind in said(panel)
    assert "Turquoise: only before; orange: only now; violet: otherwise" in said(panel)
    assert set(np.unique(layer.data)) <= {0, 1, 2}
    assert layer.data.any()
    assert layer.features["class"].tolist() == [
        "background",
        "only before",
        "only now",
        "otherwise",
    ]
    viewer.layers.remove("cells")
    panel.outcome.comparison.difference_button.click()
    finish_job(panel, qtbot)
    assert panel.outcome.comparison.isVisibleTo(panel)


def test_the_old_network_is_a_click_away_after_the_new_one_was_kept(painted_panel, viewer, qtbot):
    panel = painted_panel
    viewer.layers.selection.active = labels_layer(panel)
    train(panel, qtbot)
    panel.outcome.comparison.keep_button.click()
    finish_job(panel, qtbot)
    assert panel.outcome.back_button.isVisibleTo(panel)
    assert "cells preview" in viewer.layers, "what the new one finds is shown at once"
    assert viewer.layers.selection.active == labels_layer(panel)
    assert "small" in panel.outcome.back_button.toolTip()
    panel.outcome.back_button.click()
    finish_job(panel, qtbot)
    assert panel.session.source == "small"
    assert panel.session.earlier == "small-tuned"
    assert not panel.outcome.back_button.isVisibleTo(panel)


def test_train_longer_goes_on_from_there_with_new_paint(painted_panel, qtbot):
    panel = painted_panel
    first = train(panel, qtbot)
    with qtbot.waitSignal(panel.session.training.annotation_taken, timeout=SECONDS):
        labels_layer(panel).paint((40, 40), 1)
    panel.outcome.comparison.longer_button.click()
    assert shown(panel) == {"live"}
    finish_job(panel, qtbot)
    result = panel.session.training.result
    assert result.trained.status.step == first.trained.status.step + 12
    pixels = [sum(r.trained.training_set.inspection.pixels) for r in (first, result)]
    assert pixels[1] > pixels[0]


def test_stop_keeps_the_best_so_far(painted_panel, qtbot):
    panel = painted_panel
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    qtbot.waitUntil(panel.stop_button.isEnabled, timeout=SECONDS)
    panel.stop_button.click()
    finish_job(panel, qtbot)
    result = panel.session.training.result
    assert result.trained.status.step < 5000
    assert "Stopped" in said(panel)
    assert shown(panel) == {"live", "comparison"}
    # until it is decided on: the program might end before
    assert panel.form.state().exists()
    panel.outcome.comparison.discard_button.click()
    assert not panel.form.state().exists()
    assert not panel.resume_offer.isVisibleTo(panel)


def test_a_full_disk_at_keep_loses_no_network(painted_panel, library, qtbot, monkeypatch):
    panel = painted_panel
    result = train(panel, qtbot)
    old = panel.session.model

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("napari_unet.core.atomic._flush", full)
        panel.outcome.comparison.keep_button.click()
        finish_job(panel, qtbot)
    assert "no room to write" in said(panel)
    assert panel.session.model is old
    assert shown(panel) == {"live", "comparison"}
    assert panel.session.training.result is result
    panel.outcome.comparison.keep_button.click()
    finish_job(panel, qtbot)
    assert panel.session.source == "small-tuned"
    assert "small-tuned" in [entry.name for entry in library.entries()]


def test_a_loss_that_is_no_number_ends_with_the_best_so_far(painted_panel, qtbot, monkeypatch):
    panel = painted_panel
    quick(panel, steps=60)
    learn = Trainer._learn

    def breaks(self, chunks):
        return float("nan") if self.status.step == 30 else learn(self, chunks)

    monkeypatch.setattr(Trainer, "_learn", breaks)
    result = train(panel, qtbot)
    assert result.trained.status.step == 30
    assert shown(panel) == {"live", "comparison"}
    assert "loss became nan at step 31" in panel.outcome.comparison.facts_label.text()
    assert panel.outcome.comparison.keep_button.isEnabled()


def test_cancel_gives_no_network(painted_panel, library, qtbot):
    panel = painted_panel
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=3)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    assert len(panel.session.training.losses) < 5000
    assert "Cancelled" in said(panel)
    assert shown(panel) == {"form"}
    assert panel.form.state().exists(), "it can be resumed, however short it was"
    assert panel.session.training.result is None
    assert len([e for e in library.entries() if not e.bundled]) == 1


def test_paint_made_meanwhile_is_learnt_from(painted_panel, qtbot):
    panel = painted_panel
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    run = panel.session.training
    before = run._paint.annotations
    with qtbot.waitSignal(run.annotation_taken, timeout=SECONDS):
        labels_layer(panel).paint((50, 50), 1)
    after = run._paint.annotations
    assert after is not before
    assert after[0].paint is not labels_layer(panel).data
    assert np.array_equal(after[0].paint, labels_layer(panel).data)
    n = len(run.checks)
    qtbot.waitUntil(lambda: len(run.checks) >= n + 2, timeout=SECONDS)
    panel.stop_button.click()
    finish_job(panel, qtbot)
    assert run.result.trained.training_set.annotations is after
    labels_layer(panel).undo()
    qtbot.waitUntil(lambda: run._paint.annotations is not after, timeout=SECONDS)


@pytest.fixture
def checked_panel(panel, viewer, dock):
    """The panel with a corrected stack whose first plane is checked, and *Annotate* beside it."""
    image, inside = discs()
    viewer.add_image(np.stack([image] * 3), name="cells")
    corrected = np.stack([inside] * 3).astype(np.uint8)
    viewer.add_labels(corrected, name="corrected", metadata={KIND: "classes"})
    panel.annotate = dock(AnnotateDock(viewer))
    check(panel, viewer, 0)
    assert panel.form.pairs.first.region.layer.name == "cells checked"
    return panel


def check(panel, viewer, plane):
    """Go to a plane, and say that it is all right."""
    viewer.dims.set_current_step(0, plane)
    panel.annotate.checks.plane_button.click()


def test_what_is_checked_meanwhile_is_learnt_from(checked_panel, viewer, qtbot):
    panel = checked_panel
    wait_for_summary(panel, "1 plane", qtbot)
    check(panel, viewer, 1)
    wait_for_summary(panel, "2 planes", qtbot)
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    run = panel.session.training
    before = run._paint.annotations
    assert len(before[0].regions) == 2
    with qtbot.waitSignal(run.annotation_taken, timeout=SECONDS):
        check(panel, viewer, 2)
    after = run._paint.annotations
    assert after[0].regions[:2] == before[0].regions
    assert after[0].regions[2].spans == {"Z": (2, 3)}
    n = len(run.checks)
    qtbot.waitUntil(lambda: len(run.checks) >= n + 2, timeout=SECONDS)
    panel.stop_button.click()
    finish_job(panel, qtbot)
    assert run.result.trained.training_set.annotations is after
    assert run.result.trained.training_set.inspection.summary.planes == 3


def test_train_longer_learns_what_was_checked_since(checked_panel, viewer, qtbot):
    panel = checked_panel
    first = train(panel, qtbot)
    assert first.trained.training_set.inspection.summary.planes == 1
    with qtbot.waitSignal(panel.session.training.annotation_taken, timeout=SECONDS):
        check(panel, viewer, 1)
    panel.outcome.comparison.longer_button.click()
    finish_job(panel, qtbot)
    result = panel.session.training.result
    assert result.trained.training_set.inspection.summary.planes == 2


def test_a_region_without_shapes_stays_as_it_was(checked_panel, viewer, qtbot):
    panel = checked_panel
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    run = panel.session.training
    before = run._paint.annotations
    shapes = panel.form.pairs.first.region.layer
    shapes.selected_data = {0}
    shapes.remove_selected()
    with qtbot.waitSignal(run.annotation_taken, timeout=SECONDS):
        labels_layer(panel).paint((0, 0, 0), 1)
    after = run._paint.annotations
    assert after[0].regions == before[0].regions
    assert np.array_equal(after[0].paint, labels_layer(panel).data)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)


@pytest.mark.parametrize("kind", ["rectangle", "line"])
def test_a_shape_that_is_no_region_is_told_and_all_else_is_learnt(
    checked_panel, viewer, qtbot, kind
):
    panel = checked_panel
    panel.form.learn_button.click()
    run = panel.session.training
    qtbot.waitUntil(lambda: len(run.losses) >= 1, timeout=SECONDS)
    beyond = np.array([[1, -40, -40], [1, -40, -20], [1, -20, -20], [1, -20, -40]])
    panel.form.pairs.first.region.layer.add(
        beyond if kind == "rectangle" else beyond[:2], shape_type=kind
    )
    check(panel, viewer, 2)
    labels_layer(panel).paint((2, 5, 5), 1)

    def learnt():
        (found,) = run._paint.annotations
        return len(found.regions) == 2 and np.array_equal(found.paint, labels_layer(panel).data)

    qtbot.waitUntil(learnt, timeout=SECONDS)
    words = "lies outside" if kind == "rectangle" else "has no area"
    for one in (panel, panel.annotate):
        qtbot.waitUntil(lambda one=one: words in said(one), timeout=SECONDS)
        assert "all other annotations are learnt" in said(one)
    if kind == "rectangle":
        assert "Y from -40 to -20, X from -40 to -20" in said(panel)
    shapes = panel.form.pairs.first.region.layer
    shapes.selected_data = {1}
    shapes.remove_selected()
    qtbot.waitUntil(lambda: "learnt again" in said(panel), timeout=SECONDS)
    assert len(run._paint.annotations[0].regions) == 2
    panel.foot.cancel.click()
    qtbot.waitUntil(lambda: not panel.session.jobs.at_work, timeout=SECONDS)


def test_paint_that_fits_its_image_no_longer_is_told_and_all_else_is_learnt(
    painted_panel, viewer, qtbot
):
    panel = painted_panel
    image, inside = discs(seed=1)
    viewer.add_image(image[:72], name="more cells")
    more = viewer.add_labels(scribbles(inside)[:72], name="more paint")
    viewer.layers.selection.active = viewer.layers["cells"]
    viewer.layers.selection.active = viewer.layers["cells scribbles"]
    panel.form.pairs.add_button.click()
    assert [form.labels.layer for form in panel.form.pairs.forms] == [labels_layer(panel), more]
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    run, layer = panel.session.training, labels_layer(panel)
    before, data = run._paint.annotations, layer.data
    layer.data = data[:50]
    qtbot.waitUntil(lambda: "all other annotations are learnt" in said(panel), timeout=SECONDS)
    assert run._paint.annotations is before
    earlier = more.data.copy()
    more.paint((30, 30), 2)
    assert not np.array_equal(more.data, earlier)
    qtbot.waitUntil(lambda: run._paint.annotations is not before, timeout=SECONDS)
    one, other = run._paint.annotations
    assert one is before[0]
    assert np.array_equal(other.paint, more.data)
    layer.data = data
    qtbot.waitUntil(lambda: "learnt again" in said(panel), timeout=SECONDS)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)


def test_scrolling_meanwhile_exchanges_nothing(panel, viewer, qtbot):
    image, inside = discs()
    viewer.add_image(np.stack([image] * 3), name="cells")
    panel.form.pairs.first.new_button.click()
    labels_layer(panel).data = np.stack([scribbles(inside)] * 3)
    quick(panel, steps=5000)
    begin(panel, qtbot, steps=1)
    paint = panel.session.training._paint
    before = paint.annotations
    with qtbot.waitSignal(panel.session.training._feed._watch.settled, timeout=SECONDS):
        viewer.dims.set_current_step(0, 2)
    assert paint.annotations is before
    panel.foot.cancel.click()
    finish_job(panel, qtbot)


def test_an_interrupted_training_can_be_resumed_or_forgotten(painted_panel, qtbot):
    panel = painted_panel
    quick(panel, steps=5000)
    save_often(panel)
    begin(panel, qtbot, steps=1)
    state = panel.form.state()
    qtbot.waitUntil(state.exists, timeout=SECONDS)
    qtbot.wait(500)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    step = read_status(state).step
    assert panel.resume_offer.isVisibleTo(panel)
    assert f"step {step} of 5000" in panel.resume_offer.message_label.text()
    panel.resume_offer.resume_button.click()
    qtbot.waitUntil(lambda: bool(panel.session.training.losses), timeout=SECONDS)
    assert panel.session.training.losses[0][0] == step + 1
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    step = read_status(state).step
    labels_layer(panel).paint((50, 50), 1)
    panel.resume_offer.resume_button.click()
    qtbot.waitUntil(lambda: bool(panel.session.training.losses), timeout=SECONDS)
    assert panel.session.training.losses[0][0] == step + 1, "what was painted since is learnt too"
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    panel.form.settings.batch.value = 3
    panel.resume_offer.resume_button.click()
    qtbot.waitUntil(lambda: "from the beginning" in panel.progress_label.text(), timeout=SECONDS)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    panel.resume_offer.forget_button.click()
    assert not state.exists()
    assert not panel.resume_offer.isVisibleTo(panel)


def test_old_states_go_when_the_panel_opens(viewer, dock, library):
    folder = library.folder.parent / "training"
    folder.mkdir()
    old, new = folder / "old.training", folder / "new.training"
    for path, days in {old: 31, new: 29}.items():
        path.write_bytes(b"")
        then = time.time() - days * 24 * 3600
        os.utime(path, (then, then))
    dock(FinetuneDock(viewer))
    assert (old.exists(), new.exists()) == (False, True)


def test_a_new_network_is_trained_from_scratch(painted_panel, qtbot):
    panel = painted_panel
    network = panel.form.start.network
    assert [word for word, _ in network.entries] == ["small", "New network, 2-D"]
    network.value = 2
    quick(panel, steps=2)
    result = train(panel, qtbot)
    assert result.better is None
    # as the class is called in the layer that was painted on
    assert dict(result.model.spec.label_names) == {1: "cell"}
    assert "no parent" in panel.outcome.comparison.verdict_label.text()
    assert result.model.spec.config.in_channels == 1
    assert "tuned" not in result.model.spec.name
    both = panel.outcome.comparison.both_button
    assert not both.isVisibleTo(panel), "there is no old one to go on with"


def test_other_classes_say_why_nothing_can_be_compared(painted_panel, qtbot):
    panel = painted_panel
    panel.form.settings.classes.value = ("nucleus", "membrane")
    wait_for_summary(panel, "No membrane painted yet (label 3)", qtbot)
    result = train(panel, qtbot)
    assert result.better is None
    assert "other classes or channels" in panel.outcome.comparison.verdict_label.text()
    assert panel.outcome.comparison.both_button.styleSheet() == MAIN


def test_another_task_gets_a_new_last_layer(painted_panel, qtbot):
    panel = painted_panel
    task = panel.form.settings.task
    assert task.current_choice == "as before: classes of pixels"
    task.value = "objects"
    result = train(panel, qtbot)
    assert result.model.spec.task == "objects"
    assert panel.session.model.spec.task == "semantic", "the old one is as it was"


def test_classes_painted_for_a_network_of_objects_make_it_one_of_classes(painted_panel):
    settings = painted_panel.form.settings
    settings.task.value = "objects"
    settings.name_classes(("nucleus", "membrane"))
    options = settings.value()
    assert (options.task, options.classes) == ("semantic", ("nucleus", "membrane"))


def test_the_model_of_a_new_user_is_loaded_by_the_button(panel, viewer, qtbot, monkeypatch):
    monkeypatch.setattr("napari_unet.gui.session.suggestions.DEFAULT", "small")
    panel.session.model = None
    panel.session.model_changed.emit(None)
    assert "not loaded" in panel.form.start.network.entries[0][0]
    image, inside = discs()
    viewer.add_image(image, name="cells")
    panel.form.pairs.first.new_button.click()
    labels_layer(panel).data = scribbles(inside)
    panel.form.train_button.click()
    qtbot.waitUntil(lambda: panel.session.training is not None, timeout=SECONDS)
    finish_job(panel, qtbot)
    assert panel.session.training.result is not None


def test_a_second_job_has_to_wait(painted_panel, qtbot):
    panel = painted_panel
    panel.session.jobs.start("Something else", iter_forever())
    panel.form.train_button.click()
    assert "Something else is still running" in said(panel)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)


def iter_forever():
    from napari_unet.core.progress import Progress

    while True:
        time.sleep(0.01)
        yield Progress(0, 0)


def test_augmentation_is_shown_beside_the_image_and_paint_stays(painted_panel, viewer, qtbot):
    panel = painted_panel
    paint = labels_layer(panel)
    held = paint.data.copy()
    for _ in range(2):
        preview(panel, viewer, qtbot)
        names = [layer.name for layer in viewer.layers]
        assert names == ["cells", "cells scribbles", "augmented", "augmented annotation"]
    image, labels = viewer.layers[2:]
    assert image.data.shape == labels.data.shape == (2 * 32 + 8, 4 * 32 + 24)
    assert set(np.unique(labels.data)) <= {0, 1, 2}
    assert image.extent.world[0, 1] > viewer.layers[0].extent.world[1, 1]
    assert viewer.layers.selection.active == paint
    assert np.array_equal(paint.data, held)
    assert panel.form.pairs.first.image.layer == viewer.layers[0]
    assert labels_layer(panel) == paint
    assert not labels.editable


@pytest.mark.parametrize("axes", ["ZYX", "CZYX", "ZCYX"])
def test_volumes_are_varied_from_the_plane_that_is_shown(panel, viewer, qtbot, axes):
    image, inside = discs()
    sizes = {"Z": 6, "C": 2, "Y": 96, "X": 96}
    stack = np.broadcast_to(image, [sizes[a] for a in axes]).copy()
    viewer.add_image(stack, name="cells", axis_labels=tuple(axes.lower()))
    model = small_model(config={"ndim": 3})
    panel.session.model = model
    panel.session.model_changed.emit(model)
    panel.form.pairs.first.new_button.click()
    paint = labels_layer(panel)
    paint.data = np.broadcast_to(
        scribbles(inside).reshape(
            [96 if a in "YX" else 1 for a in axes if a != "C" or axes[0] != "C"]
        ),
        paint.data.shape,
    ).copy()
    wait_for_summary(panel, "6 planes", qtbot)
    preview(panel, viewer, qtbot)
    assert isinstance(viewer.layers[-1], Labels)
    assert summary(panel)


def test_what_there_was_stays_when_training_longer_is_cancelled(painted_panel, qtbot):
    result = train(painted_panel, qtbot)
    painted_panel.outcome.comparison.decided.emit("longer")
    qtbot.waitUntil(lambda: painted_panel.session.jobs.running, timeout=SECONDS)
    painted_panel.foot.cancel.click()
    finish_job(painted_panel, qtbot)
    run = painted_panel.session.training
    assert run.result is result
    # nothing is deleted before the user has decided
    assert run.state.exists()
    painted_panel.outcome.comparison.decided.emit("discard")
    assert not run.state.exists()
