"""Nothing painted is lost: paint is journalled, and offered again afterwards."""

from __future__ import annotations

import errno
import os
import shutil

import numpy as np
import pytest
from finetune_kit import discs
from finetune_kit import painted_panel as painted_panel
from finetune_kit import panel as panel
from gui_kit import SECONDS, finish_job, random_image, said, small_model
from napari.components import ViewerModel
from napari.layers import Labels
from windowless import dock as dock
from windowless import library as library
from windowless import viewer as viewer

from napari_unet.core.errors import UserError
from napari_unet.core.journal.records import replay
from napari_unet.gui.layers.checked_areas import check_plane, checked_layer
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.layers.purpose import IMAGE, KIND
from napari_unet.gui.plugin import FinetuneDock, SegmentDock


@pytest.fixture
def folder(library):
    """Where the journals lie."""
    return library.folder.parent / "journal"


def labels_layer(panel):
    return panel.form.pairs.first.labels.layer


def journalled(folder):
    """The paint in the one journal there is, or None."""
    paths = list(folder.glob("*.paint"))
    assert len(paths) < 2
    try:
        return replay(paths[0]).paint if paths else None
    except UserError:
        return None


def noted(folder):
    """What the one journal says of its layer."""
    (path,) = folder.glob("*.paint")
    return replay(path).note


def wait_until_kept(layer, folder, qtbot):
    """Wait until the journal holds what the layer does."""
    qtbot.waitUntil(lambda: np.array_equal(journalled(folder), layer.data), timeout=SECONDS)


def crash(folder):
    """Leave the journals as a process does that is killed; those of this one stay in its way."""
    for i, path in enumerate(sorted(folder.glob("*.paint"))):
        shutil.copy(path, folder / f"0000000{i} {path.name[9:17]} 1 1.paint")
        path.unlink()


@pytest.fixture
def opened(dock):
    """Open an image in another viewer, and the panel with it."""

    def open_another(name="cells"):
        viewer = ViewerModel()
        viewer.add_image(discs()[0], name=name)
        return viewer, dock(FinetuneDock(viewer))

    return open_another


def test_strokes_undo_fill_and_another_array_are_kept(painted_panel, folder, qtbot):
    layer = labels_layer(painted_panel)
    wait_until_kept(layer, folder, qtbot)
    layer.paint((50, 50), 3)
    wait_until_kept(layer, folder, qtbot)
    layer.undo()
    wait_until_kept(layer, folder, qtbot)
    layer.fill((40, 40), 2)
    wait_until_kept(layer, folder, qtbot)
    layer.data[3:9, 3:9] = 5
    layer.refresh()
    wait_until_kept(layer, folder, qtbot)
    layer.data = np.full((96, 96), 1000, np.uint16)
    wait_until_kept(layer, folder, qtbot)


def test_a_stroke_is_kept_before_the_mouse_is_let_go(painted_panel, folder, qtbot):
    layer = labels_layer(painted_panel)
    with layer.block_history():
        layer.paint((20, 20), 3)
        wait_until_kept(layer, folder, qtbot)
        layer.paint((60, 60), 3)
        wait_until_kept(layer, folder, qtbot)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
@pytest.mark.parametrize("deep", [2, 3])
def test_a_stack_is_kept_however_it_is_looked_at(panel, viewer, folder, qtbot, order, deep):
    viewer.add_image(np.stack([discs()[0]] * 5), name="cells")
    panel.form.pairs.first.new_button.click()
    layer = labels_layer(panel)
    viewer.dims.order = order
    viewer.dims.set_current_step(order[0], 3)
    layer.n_edit_dimensions = deep
    # what was swept at the beginning must not help the strokes
    layer.paint((1, 10, 10), 1)
    wait_until_kept(layer, folder, qtbot)
    with layer.block_history():
        layer.paint(np.roll((3, 30, 30), 0 if order[0] == 0 else -1), 2)
        wait_until_kept(layer, folder, qtbot)
    viewer.dims.set_current_step(order[0], 0)
    layer.undo()
    wait_until_kept(layer, folder, qtbot)


def test_painting_without_a_pause_is_kept_too(painted_panel, folder, qtbot):
    layer = labels_layer(painted_panel)
    wait_until_kept(layer, folder, qtbot)
    layer.paint((5, 5), 7)
    for _ in range(60):
        layer.paint(np.random.default_rng().integers(20, 90, 2), 4)
        qtbot.wait(50)
    assert journalled(folder)[5, 5] == 7


def test_paint_of_a_killed_viewer_is_restored_over_its_image(
    painted_panel, viewer, folder, opened, qtbot
):
    layer = labels_layer(painted_panel)
    layer.scale, layer.name = (2, 0.5), "my paint"
    painted_panel.form.pairs.first.kind.value = "classes"
    layer.paint((50, 50), 3)
    wait_until_kept(layer, folder, qtbot)
    crash(folder)
    other, panel = opened()
    row = panel.restore_offer
    assert row.isVisibleTo(panel)
    assert "“my paint”, painted at " in row.message_label.text()
    row.restore_button.click()
    qtbot.waitUntil(lambda: not row.isVisibleTo(panel), timeout=SECONDS)
    made = other.layers["my paint"]
    assert np.array_equal(made.data, layer.data)
    assert made.data.dtype == layer.data.dtype
    assert made.metadata == {KIND: "classes", IMAGE: str(other.layers["cells"].unique_id)}
    assert np.allclose(made.colormap.colors, layer.colormap.colors, atol=1e-3)
    assert made.features.equals(layer.features)
    assert made.scale.tolist() == [2, 0.5]
    assert labels_layer(panel) == made
    made.paint((80, 80), 9)
    wait_until_kept(made, folder, qtbot)


def test_what_was_checked_is_restored_with_the_paint(painted_panel, viewer, folder, opened, qtbot):
    layer, source = labels_layer(painted_panel), viewer.layers["cells"]
    painted_panel.form.pairs.first.kind.value = "classes"
    wait_until_kept(layer, folder, qtbot)
    # frames and names are kept though no stroke follows
    check_plane(viewer, source, image_of(source, "YX"))
    frames = checked_layer(viewer, source)
    frames.add_ellipses([np.array([[10, 10], [10, 30], [40, 30], [40, 10]])])
    layer.features = {"index": [0, 1, 2], "class": ["unlabelled", "background", "nucleus"]}
    qtbot.waitUntil(
        lambda: len((noted(folder).look["checks"] or {"kinds": ()})["kinds"]) == 2, timeout=SECONDS
    )
    qtbot.waitUntil(lambda: noted(folder).look["classes"]["2"] == "nucleus", timeout=SECONDS)
    crash(folder)
    other, panel = opened()
    panel.restore_offer.restore_button.click()
    qtbot.waitUntil(lambda: "cells checked" in other.layers, timeout=SECONDS)
    made = checked_layer(other, other.layers["cells"])
    assert list(made.shape_type) == ["rectangle", "ellipse"]
    assert all(np.allclose(a, b) for a, b in zip(made.data, frames.data, strict=True))
    # the region that Fine-tune takes by itself
    assert panel.form.pairs.first.region.layer == made
    check_plane(other, other.layers["cells"], image_of(other.layers["cells"], "YX"))
    assert len(made.data) == 2


def test_closing_keeps_what_was_checked_though_its_layer_goes_first(
    painted_panel, viewer, folder, qtbot
):
    source = viewer.layers["cells"]
    check_plane(viewer, source, image_of(source, "YX"))
    qtbot.waitUntil(lambda: folder.exists() and journalled(folder) is not None, timeout=SECONDS)
    qtbot.waitUntil(lambda: noted(folder).look["checks"] is not None, timeout=SECONDS)
    layer = labels_layer(painted_panel)
    layer.paint((60, 60), 2)
    viewer.layers.remove("cells checked")
    viewer.layers.remove(layer.name)
    assert noted(folder).look["checks"]["kinds"] == ["rectangle"]


def test_what_can_be_restored_is_offered_in_a_line_with_its_image_only(
    painted_panel, folder, opened, qtbot
):
    wait_until_kept(labels_layer(painted_panel), folder, qtbot)
    crash(folder)
    other, panel = opened("others")
    offer = panel.restore_offer
    assert not offer.isVisibleTo(panel)
    other.add_image(discs()[0], name="cells")
    assert offer.isVisibleTo(panel)
    assert offer.message_label.text().startswith("“cells scribbles”, painted at ")
    assert offer.sizeHint().height() < 2 * offer.restore_button.sizeHint().height()
    offer.restore_button.click()
    qtbot.waitUntil(lambda: "cells scribbles" in other.layers, timeout=SECONDS)


def test_discarded_paint_is_gone(painted_panel, folder, opened, qtbot):
    wait_until_kept(labels_layer(painted_panel), folder, qtbot)
    crash(folder)
    _, panel = opened()
    panel.restore_offer.discard_button.click()
    assert not panel.restore_offer.isVisibleTo(panel)
    assert list(folder.iterdir()) == []


def test_what_another_window_has_taken_is_said(painted_panel, folder, opened, qtbot):
    wait_until_kept(labels_layer(painted_panel), folder, qtbot)
    crash(folder)
    _, one = opened()
    _, two = opened()
    one.restore_offer.restore_button.click()
    qtbot.waitUntil(lambda: not one.restore_offer.isVisibleTo(one), timeout=SECONDS)
    two.restore_offer.restore_button.click()
    qtbot.waitUntil(lambda: "another napari window" in said(two), timeout=SECONDS)
    assert not two.restore_offer.isVisibleTo(two)


def test_a_removed_layer_can_be_restored_until_the_viewer_closes(
    painted_panel, viewer, folder, qtbot, monkeypatch
):
    panel, layer = painted_panel, labels_layer(painted_panel)
    layer.paint((50, 50), 3)
    viewer.layers.remove(layer.name)
    assert "can be restored" in panel.restore_offer.message_label.toolTip()
    panel.restore_offer.restore_button.click()
    qtbot.waitUntil(lambda: "cells scribbles" in viewer.layers, timeout=SECONDS)
    assert not panel.restore_offer.isVisibleTo(panel)
    assert np.array_equal(viewer.layers["cells scribbles"].data, layer.data)
    monkeypatch.setattr("napari_unet.gui.journal.restoring.CLOSING_GRACE_S", 0)
    viewer.layers.remove("cells scribbles")
    panel.keeper.close()
    assert list(folder.iterdir()) == []


def test_segmentations_that_are_only_looked_at_leave_no_journal(panel, viewer, folder, qtbot):
    image, inside = discs()
    viewer.add_image(image, name="cells")
    layer = Labels(inside.astype(np.uint8), name="result")
    viewer.add_layer(layer)
    assert labels_layer(panel) == layer
    layer.refresh()
    layer.data = (2 * inside).astype(np.uint8)
    qtbot.wait(1500)
    assert journalled(folder) is None
    layer.paint((50, 50), 3)
    wait_until_kept(layer, folder, qtbot)


def test_strokes_on_a_result_are_kept_though_only_segment_is_open(viewer, dock, folder, qtbot):
    segment_panel = dock(SegmentDock(viewer))
    segment_panel.session.model = small_model()
    viewer.add_image(random_image(40, 50), name="cells")
    segment_panel.segment_button.click()
    finish_job(segment_panel, qtbot)
    layer = viewer.layers["cells labels"]
    qtbot.waitUntil(lambda: layer.editable and segment_panel._last is not None, timeout=SECONDS)
    assert journalled(folder) is None
    layer.paint((20, 20), 3)
    wait_until_kept(layer, folder, qtbot)


def test_labels_that_stay_on_the_disk_are_left_out(panel, viewer, folder, tmp_path, qtbot):
    viewer.add_image(discs()[0], name="cells")
    data = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (96, 96))
    layer = Labels(data, name="result")
    viewer.add_layer(layer)
    assert labels_layer(panel) == layer
    layer.paint((50, 50), 3)
    qtbot.wait(1500)
    assert journalled(folder) is None


def test_a_full_disk_is_said_once_and_painting_goes_on(painted_panel, folder, qtbot, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    warnings = []
    monkeypatch.setattr("napari_unet.gui.journal.keeper.show_warning", warnings.append)
    layer = labels_layer(painted_panel)
    wait_until_kept(layer, folder, qtbot)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        layer.paint((50, 50), 3)
        qtbot.waitUntil(lambda: bool(warnings), timeout=SECONDS)
        layer.paint((60, 60), 4)
        qtbot.wait(1500)
    assert len(warnings) == 1
    assert "can't be backed up" in warnings[0]
    layer.paint((70, 70), 5)
    wait_until_kept(layer, folder, qtbot)
