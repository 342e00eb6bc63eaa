"""What can be at work in a viewer, for the tests of what happens to its layers meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import gui_kit
import numpy as np
import tifffile
from annotate_kit import drag, record, squares
from finetune_kit import discs, quick, scribbles
from gui_kit import SECONDS, finish_job, random_image, said, small_model

from napari_unet.core.progress import finish
from napari_unet.gui.layers.checked_areas import checked_layer
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.plugin import (
    PAGES,
    AnnotateDock,
    BatchDock,
    FinetuneDock,
    SegmentDock,
    StudioDock,
)
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.segment import segment


def docked(kind, viewer, dock):
    panel = dock(kind(viewer))
    panel.session.model, panel.session.source = small_model(), "small"
    panel.session.model_changed.emit(panel.session.model)
    return panel


def at_work(viewer, panel, layers, end, *, in_a_plane=False):
    """What is at work in a viewer: the layers that are the user's, and what is to be seen at its end."""
    return SimpleNamespace(
        viewer=viewer, panel=panel, layers=layers, end=end, in_a_plane=in_a_plane
    )


def content(busy):
    """What may only be changed by the user, in the order of the list."""
    layers = [x for x in busy.viewer.layers if x in busy.layers]
    return [(x.name, x.visible, x.data.dtype, x.data.tolist()) for x in layers]


def idle(viewer, dock, qtbot):
    """Nothing; all panels are open, and something is being corrected."""
    studio = docked(StudioDock, viewer, dock)
    image = viewer.add_image(random_image(3, 60, 70), name="cells")
    viewer.add_labels(np.ones((3, 60, 70), np.uint8), name="found", metadata=record(objects=False))
    annotate = studio.show_page("Annotate")
    annotate.source.correct_button.click()
    corrected = annotate.annotation.layer
    for title in PAGES:
        studio.show_page(title)
    panel = studio.show_page("Segment")

    def end():
        viewer.dims.ndisplay = 2
        wanted = finish(segment(image_of(image, "ZYX"), small_model())).labels
        assert panel.image.layer == image
        panel.segment_button.click()
        finish_job(panel, qtbot)
        assert np.array_equal(viewer.layers[-1].data, wanted)
        assert annotate.annotation.layer == corrected
        assert studio.show_page("Fine-tune").form.pairs.first.labels.layer == corrected
        # who segments sees the result alone
        corrected.visible = True

    return at_work(viewer, panel, [image, corrected], end)


def previewing(viewer, dock, qtbot):
    """A preview of the plane in view."""
    panel = docked(SegmentDock, viewer, dock)
    image = viewer.add_image(random_image(2, 256, 256), name="cells")
    mine = viewer.add_labels(np.ones((2, 256, 256), np.uint8), name="mine")
    model = panel.session.model = gui_kit.large_model()
    wanted = finish(segment(image_of(image, "ZYX"), model)).labels
    viewer.dims.set_current_step(0, 1)
    viewer.reset_view()
    panel.preview_button.click()
    made = viewer.layers["cells preview"]
    assert panel.session.jobs.running

    def end():
        finish_job(panel, qtbot)
        assert "Done" in said(panel)
        assert np.array_equal(made.data, wanted[1:])
        assert made.translate[-3] == 1

    return at_work(viewer, panel, [image, mine], end)


def segmenting(viewer, dock, qtbot):
    panel = docked(SegmentDock, viewer, dock)
    image = viewer.add_image(random_image(8, 96, 96), name="cells", scale=(2, 1, 1))
    mine = viewer.add_labels(np.ones((8, 96, 96), np.uint8), name="mine", scale=(2, 1, 1))
    model = panel.session.model = gui_kit.large_model()
    wanted = finish(segment(image_of(image, "ZYX"), model)).labels
    panel.segment_button.click()
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
        panel.segment_button.click()
        finish_job(panel, qtbot)
        assert np.array_equal(made.data, wanted)
        again = finish(segment(image_of(image, "ZYX"), small_model())).labels
        assert np.array_equal(viewer.layers[-1].data, again)

    return at_work(viewer, panel, [image, mine], end)


def learning(viewer, dock, qtbot, button, name="cells"):
    """A training that ends when it is stopped."""
    panel = docked(FinetuneDock, viewer, dock)
    pixels, inside = discs()
    image = viewer.add_image(pixels, name=name)
    panel.form.pairs.first.new_button.click()
    paint = panel.form.pairs.first.labels.layer
    paint.data = scribbles(inside)
    quick(panel, steps=5000)
    getattr(panel.form, f"{button}_button").click()
    run = panel.session.training
    qtbot.waitUntil(lambda: run.can_stop, timeout=SECONDS)

    def end():
        paint.paint((50, 50), 1)

        def learnt():
            (found,) = run._paint.annotations
            return found.image.data is pixels and np.array_equal(found.paint, paint.data)

        qtbot.waitUntil(learnt, timeout=SECONDS)
        paint.undo()
        panel.stop_button.click()
        qtbot.waitUntil(lambda: not panel.session.jobs.at_work, timeout=SECONDS)
        for chosen in (
            panel.outcome.comparison.difference_button,
            panel.outcome.comparison.keep_button,
        ):
            assert chosen.isVisibleTo(panel)
            chosen.click()
            finish_job(panel, qtbot)
        assert panel.session.source.startswith("small-tuned")
        assert panel.form.isVisibleTo(panel)
        names = [layer.name for layer in viewer.layers]
        assert {f"{image.name} difference", f"{image.name} preview"} < set(names)

    return at_work(viewer, panel, [image, paint], end, in_a_plane=True)


def training(viewer, dock, qtbot, name="cells"):
    return learning(viewer, dock, qtbot, "train", name)


def keeping_on(viewer, dock, qtbot):
    busy = learning(viewer, dock, qtbot, "learn")
    qtbot.waitUntil(lambda: "cells learning" in viewer.layers, timeout=SECONDS)
    return busy


def running_a_batch(viewer, dock, qtbot, n=4):
    panel = docked(BatchDock, viewer, dock)
    image = viewer.add_image(random_image(4, 30, 40), name="cells")
    mine = viewer.add_labels(np.ones((4, 30, 40), np.uint8), name="mine")
    images = panel.session.library.folder.parent / f"images {id(viewer)}"
    results = images.with_name(f"results {id(viewer)}")
    images.mkdir(parents=True)
    for i in range(n):
        tifffile.imwrite(images / f"im{i}.tif", random_image(128 + i, 128))
    panel.input.value = images
    panel.output.value = results
    model = panel.session.model = gui_kit.large_model()
    panel.run_button.click()
    qtbot.waitUntil(lambda: done(panel)[:1] == ["done"], timeout=SECONDS)

    def end():
        finish_job(panel, qtbot)
        assert done(panel) == ["done"] * 4
        last = finish(segment(open_image(images / "im3.tif"), model)).labels
        assert np.array_equal(tifffile.imread(results / "im3.tif"), last)
        panel.image_list.cellDoubleClicked.emit(3, 0)
        assert np.array_equal(viewer.layers[-1].data, last)

    return at_work(viewer, panel, [image, mine], end)


def done(panel):
    return [panel.image_list.item(i, 1).text() for i in range(panel.image_list.rowCount())]


def merging(viewer, dock, qtbot):
    panel = docked(AnnotateDock, viewer, dock)
    image = viewer.add_image(np.zeros((40, 60)), name="cells")
    found = viewer.add_labels(squares(), name="found", metadata=record(objects=True))
    panel.source.correct_button.click()
    layer, before = panel.annotation.layer, squares()
    panel.objects.tools["merge"].click()
    drag(layer, (10, 10))

    def end():
        if not panel.objects.tools["merge"].isChecked():
            # it is put away, as is to be seen, when another layer is selected
            panel.objects.tools["merge"].click()
            drag(layer, (10, 10))
        drag(layer, (10, 20))
        assert panel.annotation.layer == layer
        assert np.array_equal(layer.data, np.where(before == 2, 1, before))
        panel.checks.plane_button.click()
        assert len(checked_layer(viewer, image).data) == 1

    return at_work(viewer, panel, [image, found], end, in_a_plane=True)


def turn(busy):
    """Look at it from elsewhere and in 3-D; then at a plane where it can't go on without."""
    dims = busy.viewer.dims
    busy.viewer.add_points(np.zeros((1, 4)), name="further axis")
    dims.order = (0, 2, 3, 1)
    dims.set_current_step(2, 5)
    dims.ndisplay = 3
    if busy.in_a_plane:
        dims.ndisplay = 2
        dims.order = (0, 1, 2, 3)
