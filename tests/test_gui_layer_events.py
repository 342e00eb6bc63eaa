"""Layers and viewers that change while something is at work: it goes on, in its own layers only."""

from __future__ import annotations

from types import SimpleNamespace

import gui_kit
import numpy as np
import pytest
import tifffile
from annotate_kit import drag, record, squares
from finetune_kit import discs, quick, scribbles
from gui_kit import SECONDS, finish_job, random_image, said, small_model
from gui_kit import library as library
from gui_kit import viewer as viewer

from napari_unet.core.progress import finish
from napari_unet.gui.annotate_panel import AnnotatePanel
from napari_unet.gui.batch_panel import BatchPanel
from napari_unet.gui.checked import checked_layer
from napari_unet.gui.finetune_panel import FinetunePanel
from napari_unet.gui.layers import image_of
from napari_unet.gui.segment_panel import SegmentPanel
from napari_unet.services.images import open_image
from napari_unet.services.segment import segment


def docked(kind, viewer):
    panel = kind(viewer)
    viewer.window.add_dock_widget(panel, name=kind.__name__)
    panel.session.model, panel.session.source = small_model(), "small"
    panel.session.model_changed.emit(panel.session.model)
    return panel


def at_work(viewer, panel, layers, end):
    """What is at work in a viewer: the layers that are the user's, and what is to be seen at its end."""
    return SimpleNamespace(viewer=viewer, panel=panel, layers=layers, end=end)


def segmenting(viewer, qtbot):
    panel = docked(SegmentPanel, viewer)
    image = viewer.add_image(random_image(8, 96, 96), name="cells", scale=(2, 1, 1))
    mine = viewer.add_labels(np.ones((8, 96, 96), np.uint8), name="mine", scale=(2, 1, 1))
    model = panel.session.model = gui_kit.large_model()
    wanted = finish(segment(image_of(image, "ZYX"), model)).labels
    panel.segment.click()
    made = viewer.layers["cells labels"]
    qtbot.waitUntil(lambda: made.data.any(), timeout=SECONDS)

    def end():
        finish_job(panel, qtbot)
        assert "Done" in said(panel)
        assert np.array_equal(made.data, wanted)
        assert np.array_equal(made.extent.world, image.extent.world)
        panel.session.model = small_model()
        # napari 0.9 may fail to select a labels layer in 3-D before the mouse has moved
        viewer.dims.ndisplay = 2
        panel.segment.click()
        finish_job(panel, qtbot)
        assert np.array_equal(made.data, wanted)
        again = finish(segment(image_of(image, "ZYX"), small_model())).labels
        assert np.array_equal(viewer.layers[-1].data, again)

    return at_work(viewer, panel, [image, mine], end)


def learning(viewer, qtbot, button):
    """A training that ends when it is stopped."""
    panel = docked(FinetunePanel, viewer)
    pixels, inside = discs()
    image = viewer.add_image(pixels, name="cells")
    panel.form.pairs.first.new.click()
    paint = panel.form.pairs.first.labels.layer
    paint.data = scribbles(inside)
    quick(panel, steps=5000)
    getattr(panel.form, button).click()
    run = panel.session.training
    qtbot.waitUntil(lambda: run.can_stop, timeout=SECONDS)

    def end():
        paint.paint((50, 50), 1)

        def learnt():
            (found,) = run._paint.annotations
            return found.image.data is pixels and np.array_equal(found.paint, paint.data)

        qtbot.waitUntil(learnt, timeout=SECONDS)
        paint.undo()
        panel.stop.click()
        qtbot.waitUntil(lambda: not panel.session.jobs.at_work, timeout=SECONDS)
        for chosen in (panel.comparison.difference, panel.comparison.keep):
            assert chosen.isVisibleTo(panel)
            chosen.click()
            finish_job(panel, qtbot)
        assert panel.session.source.startswith("small-tuned")
        assert panel.form.isVisibleTo(panel)
        names = [layer.name for layer in viewer.layers]
        assert {f"{image.name} difference", f"{image.name} preview"} < set(names)

    return at_work(viewer, panel, [image, paint], end)


def training(viewer, qtbot):
    return learning(viewer, qtbot, "train")


def keeping_on(viewer, qtbot):
    busy = learning(viewer, qtbot, "learn")
    qtbot.waitUntil(lambda: "cells learning" in viewer.layers, timeout=SECONDS)
    shown, end = viewer.layers["cells learning"], busy.end

    def look_elsewhere():
        before = shown.data.shape
        getattr(viewer, "scene", viewer).camera.zoom *= 4
        qtbot.waitUntil(lambda: shown.data.shape != before, timeout=SECONDS)
        end()

    busy.end = look_elsewhere
    return busy


def running_a_batch(viewer, qtbot, n=4):
    panel = docked(BatchPanel, viewer)
    image = viewer.add_image(random_image(4, 30, 40), name="cells")
    mine = viewer.add_labels(np.ones((4, 30, 40), np.uint8), name="mine")
    images = panel.session.library.folder.parent / f"images {id(viewer)}"
    results = images.with_name(f"results {id(viewer)}")
    images.mkdir()
    for i in range(n):
        tifffile.imwrite(images / f"im{i}.tif", random_image(128 + i, 128))
    panel.input.edit.setText(str(images))
    panel.output.edit.setText(str(results))
    model = panel.session.model = gui_kit.large_model()
    panel.run.click()
    qtbot.waitUntil(lambda: done(panel)[:1] == ["done"], timeout=SECONDS)

    def end():
        finish_job(panel, qtbot)
        assert done(panel) == ["done"] * 4
        last = finish(segment(open_image(images / "im3.tif"), model)).labels
        assert np.array_equal(tifffile.imread(results / "im3.tif"), last)
        panel.list.cellDoubleClicked.emit(3, 0)
        assert np.array_equal(viewer.layers[-1].data, last)

    return at_work(viewer, panel, [image, mine], end)


def done(panel):
    return [panel.list.item(i, 1).text() for i in range(panel.list.rowCount())]


def merging(viewer, qtbot):
    panel = docked(AnnotatePanel, viewer)
    image = viewer.add_image(np.zeros((40, 60)), name="cells")
    found = viewer.add_labels(squares(), name="found", metadata=record(objects=True))
    panel.source.correct.click()
    layer, before = panel.annotation.layer, squares()
    panel.objects.tools["merge"].click()
    drag(layer, (10, 10))

    def end():
        drag(layer, (10, 20))
        assert panel.annotation.layer == layer
        assert np.array_equal(layer.data, np.where(before == 2, 1, before))
        panel.plane.click()
        assert len(checked_layer(viewer, image).data) == 1

    return at_work(viewer, panel, [image, found], end)


def renamed(busy, _):
    for layer in busy.viewer.layers:
        layer.name = f"renamed {layer.name}"


def reordered(busy, _):
    busy.viewer.layers.reverse()


def replaced(busy, _):
    for layer in busy.layers:
        layer.data = layer.data[..., ::-1].copy()


def turned(busy, _):
    busy.viewer.add_points(np.zeros((1, 4)), name="further axis")
    busy.viewer.dims.order = (0, 2, 3, 1)
    busy.viewer.dims.set_current_step(2, 5)
    busy.viewer.dims.ndisplay = 3


def doubled(busy, another):
    before = list(busy.viewer.layers)
    another()
    assert list(busy.viewer.layers) == before


CELLS = [
    *((segmenting, event) for event in (reordered, replaced, turned, doubled)),
    *((training, event) for event in (renamed, reordered, replaced)),
    *((keeping_on, event) for event in (renamed, reordered, replaced, doubled)),
    *((running_a_batch, event) for event in (turned, doubled)),
    *((merging, event) for event in (reordered, doubled)),
]


def logged(caplog):
    """What went wrong unseen; vispy logs what it finds out about the screen."""
    return [record for record in caplog.records if record.name != "vispy"]


def content(busy):
    """What may only be changed by the user, in the order of the list."""
    layers = [x for x in busy.viewer.layers if x in busy.layers]
    return [(x.name, x.visible, x.data.dtype, x.data.tolist()) for x in layers]


@pytest.mark.parametrize(
    ("state", "event"), CELLS, ids=[f"{event.__name__}-{state.__name__}" for state, event in CELLS]
)
def test_what_is_at_work_goes_on_and_the_users_layers_stay(
    state, event, viewer, make_napari_viewer_proxy, qtbot, caplog
):
    busy = state(viewer, qtbot)

    def another():
        """Do the same in a second viewer, to its end; where one keeps learning, train."""
        # not shown: drivers that draw by software can't always draw two windows of one process
        second = make_napari_viewer_proxy(strict_qt="raise")
        other = (training if state is keeping_on else state)(second, qtbot)
        other.end()
        other.viewer.close()

    event(busy, another)
    before = content(busy)
    busy.end()
    assert content(busy) == before
    assert logged(caplog) == []


def test_a_result_that_is_exchanged_meanwhile_is_the_users(viewer, qtbot):
    panel = segmenting(viewer, qtbot).panel
    first, own = viewer.layers["cells labels"], np.full((8, 96, 96), 3, np.uint8)
    first.data = own
    finish_job(panel, qtbot)
    panel.segment.click()
    finish_job(panel, qtbot)
    assert first.data is own
    second = viewer.layers[-1]
    panel.segment.click()
    second.data = own
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    assert second.data is own
    assert second.editable
    assert (own == 3).all()
    assert len(viewer.layers) == 4


def test_a_batch_ends_with_its_viewer_and_leaves_whole_files(viewer, qtbot, caplog):
    panel = running_a_batch(viewer, qtbot, n=200).panel
    run, folder = panel.session.jobs._task.run, panel.output.path
    viewer.close()
    qtbot.waitUntil(lambda: run.over, timeout=SECONDS)
    assert run.outcome.cancelled
    assert logged(caplog) == []
    assert all(tifffile.imread(path).shape[1] == 128 for path in folder.iterdir())
