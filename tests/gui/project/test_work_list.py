"""A folder of images is worked through: what is painted stays beside them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from gui_kit import SECONDS
from gui_kit import library as library
from qtpy.QtWidgets import QFileDialog
from windowless import dock as dock
from windowless import finetune_panel as finetune_panel
from windowless import keeper as keeper
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress, finish
from napari_unet.gui.layers.annotation_layers import correct, new_annotation_layer
from napari_unet.gui.layers.checked_areas import check_plane, checked_layer, plane_checked
from napari_unet.gui.layers.editing import real
from napari_unet.gui.layers.images import image_of
from napari_unet.gui.layers.result_before import before_of
from napari_unet.gui.project.work_list import WorkList
from napari_unet.gui.project.work_row import WorkRow
from napari_unet.services.storage.work_folder import WorkFolder, read_annotation_files
from napari_unet.services.training.annotation_files import read_annotations

NAMES = ("cells1", "cells2", "cells10")


@pytest.fixture
def folder(tmp_path):
    """Three images."""
    made = tmp_path / "day 1"
    made.mkdir()
    for i, name in enumerate(NAMES):
        tifffile.imwrite(made / f"{name}.tif", np.full((30, 40), 10 * i, np.uint8))
    return made


@pytest.fixture
def work(viewer, session, keeper, folder, qtbot):
    """The folder, opened."""
    made = WorkList(viewer, session, keeper)
    made.open(folder)
    wait(made, qtbot)
    return made


def wait(work, qtbot):
    qtbot.waitUntil(lambda: not work.busy, timeout=SECONDS)


def turn(work, step, qtbot):
    assert work.go(step)
    wait(work, qtbot)


def source_of(viewer):
    return next(layer for layer in viewer.layers if type(real(layer)).__name__ == "Image")


def objects(viewer):
    """Correct a result with one object, and paint another one."""
    source = source_of(viewer)
    found = np.zeros((30, 40), np.uint32)
    found[3:9, 3:9] = 1
    result = viewer.add_labels(found, name="found")
    layer = correct(viewer, source, result, "objects")
    viewer.layers.remove(result)
    real(layer).data_setitem((np.array([20, 21]), np.array([30, 30])), np.array([7, 7]))
    return source, layer


def test_images_come_in_natural_order_and_labels_among_them_are_left_out(folder):
    tifffile.imwrite(folder / "cells2_masks.tif", np.zeros((30, 40), np.uint8))
    assert tuple(image.name for image in WorkFolder.read(folder).images) == NAMES
    tifffile.imwrite(folder / "cells2.tiff", np.zeros((30, 40), np.uint8))
    with pytest.raises(UserError, match="same name"):
        WorkFolder.read(folder)


def test_what_was_painted_is_there_again_and_in_files_that_finetune_reads(
    work, viewer, folder, qtbot
):
    source, layer = objects(viewer)
    check_plane(viewer, source, image_of(source, "YX"))
    painted, name = layer.data.copy(), layer.name
    turn(work, 1, qtbot)
    assert [x.name for x in viewer.layers] == ["cells2"]
    assert [image.state for image in work.folder.images] == ["checked", "to do", "to do"]

    kept = folder / "annotations"
    (read,) = read_annotations(
        [folder / "cells1.tif"],
        [kept / "objects" / "cells1.tif"],
        "objects",
        regions=[str(kept / "checked")],
        result_before=[kept / "before" / "cells1.tif"],
    )
    assert np.array_equal(read.paint, painted)
    assert len(read.regions) == 1

    turn(work, -1, qtbot)
    again = viewer.layers[name]
    assert np.array_equal(again.data, painted)
    assert again.data.dtype == painted.dtype
    assert before_of(again).labels.max() == 1
    assert plane_checked(viewer, source_of(viewer), image_of(source_of(viewer), "YX"))
    assert len(checked_layer(viewer, source_of(viewer)).data) == 1


def test_of_two_annotations_of_a_kind_both_are_saved(work, viewer, folder, qtbot):
    source = source_of(viewer)
    for value in (1, 2):
        layer = new_annotation_layer(viewer, source, image_of(source, "YX"), ("cell",))
        layer.data[:5] = value
    turn(work, 1, qtbot)
    kept = folder / "annotations"
    assert tifffile.imread(kept / "scribbles" / "cells1.tif").max() == 2
    (more,) = (kept / "more").iterdir()
    assert tifffile.imread(more).max() == 1


def test_nothing_is_left_if_it_can_not_be_saved(work, viewer, folder, qtbot):
    _, layer = objects(viewer)
    painted = layer.data.copy()
    (folder / "annotations").write_text("a file, where a folder is needed")
    errors = []
    work.refused.connect(errors.append)
    turn(work, 1, qtbot)
    assert work.index == 0
    assert len(errors) == 1
    assert np.array_equal(viewer.layers[layer.name].data, painted)
    assert viewer.layers[layer.name].editable


def test_annotations_of_all_images_are_learnt_together(
    work, viewer, session, finetune_panel, qtbot
):
    for _ in range(2):
        objects(viewer)
        turn(work, 1, qtbot)
    source, layer = objects(viewer)
    others = work.others("objects", source)
    assert [image.name for image in others] == ["cells1", "cells2"]
    assert [len(a.paint) for a in finish(read_annotation_files(others, "objects"))] == [30, 30]
    form = finetune_panel.form
    form.learn_from(source, layer)
    assert form.others_box.isVisibleTo(finetune_panel)
    assert "2 other" in form.others_box.text()
    assert len(finish(form.request().annotations())) == 3
    form.others_box.setChecked(False)
    assert len(finish(form.request().annotations())) == 1


def test_the_row_shows_where_one_is_and_closing_saves(work, viewer, folder, qtbot):
    row = WorkRow(work)
    qtbot.addWidget(row)
    assert row.images.currentText() == "1/3 cells1: to do"
    assert not row.before_button.isEnabled()
    objects(viewer)
    row.next_button.click()
    wait(work, qtbot)
    assert row.images.itemText(0) == "1/3 cells1: corrected"
    row.images.activated.emit(2)
    wait(work, qtbot)
    assert not row.next_button.isEnabled()
    objects(viewer)
    row.close_button.click()
    wait(work, qtbot)
    assert row.isHidden()
    assert not len(viewer.layers)
    assert (folder / "annotations" / "objects" / "cells10.tif").exists()


def test_there_is_no_image_before_the_first_or_after_the_last(work, viewer, qtbot):
    assert not work.go(-1)
    work.show(0)
    assert not work.busy
    work.show(2)
    wait(work, qtbot)
    assert not work.go(1)
    work.close_folder()
    wait(work, qtbot)
    assert not work.go(1)


def test_page_down_opens_the_next_and_says_why_not(work, viewer, session, qtbot):
    errors = []
    work.refused.connect(errors.append)
    (turned,) = (slot for key, slot in viewer.keymap.items() if str(key) == "PageDown")
    turned(viewer)
    wait(work, qtbot)
    assert (work.index, errors) == (1, [])
    # a job is at work on the image
    session.jobs.start("Segmenting", endless())
    turned(viewer)
    assert "Segmenting is still running" in str(errors[-1])
    assert work.index == 1


def endless():
    while True:
        yield Progress(0, 1)


def test_what_is_painted_is_saved_before_the_window_closes(work, viewer, folder):
    _, layer = objects(viewer)
    work.save_now()
    saved = tifffile.imread(folder / "annotations" / "objects" / "cells1.tif")
    assert np.array_equal(saved, layer.data)


def test_an_image_that_can_not_be_read_is_told_and_others_open(work, viewer, folder, qtbot):
    errors = []
    work.refused.connect(errors.append)
    (folder / "cells2.tif").write_bytes(b"II*\0 nothing of use")
    turn(work, 1, qtbot)
    assert "cells2.tif" in str(errors[-1])
    assert not len(viewer.layers)
    turn(work, 1, qtbot)
    assert [x.name for x in viewer.layers] == ["cells10"]


def test_labels_of_another_shape_are_told_and_their_image_is_shown(work, viewer, folder, qtbot):
    errors = []
    work.refused.connect(errors.append)
    kept = folder / "annotations" / "classes"
    kept.mkdir(parents=True)
    tifffile.imwrite(kept / "cells2.tif", np.ones((7, 7), np.uint8))
    turn(work, 1, qtbot)
    assert "classes/cells2" in str(errors[-1])
    assert [x.name for x in viewer.layers] == ["cells2"]
    assert not work.busy


@pytest.mark.parametrize("notes", ["no JSON", '{"files": {"objects": {"kind": "?"}}}'])
def test_labels_without_notes_of_their_looks_look_as_new_ones(work, viewer, folder, qtbot, notes):
    _, layer = objects(viewer)
    painted = layer.data.copy()
    turn(work, 1, qtbot)
    (written,) = folder.glob("annotations/layers/*")
    written.write_text(notes)
    turn(work, -1, qtbot)
    again = viewer.layers["cells1 objects"]
    assert np.array_equal(again.data, painted)
    assert again.data.dtype == np.uint32


def test_layers_of_the_users_own_are_neither_saved_nor_removed(work, viewer, folder, qtbot):
    viewer.add_labels(np.ones((30, 40), np.uint8), name="my own")
    turn(work, 1, qtbot)
    assert "my own" in viewer.layers
    assert not (folder / "annotations").exists()


def test_a_folder_is_chosen_or_not(viewer, session, keeper, folder, tmp_path, qtbot, monkeypatch):
    work = WorkList(viewer, session, keeper)
    row = WorkRow(work)
    qtbot.addWidget(row)
    errors, chosen = [], [""]
    work.refused.connect(errors.append)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: chosen[0])
    row.ask()
    assert work.folder is None
    chosen[0] = str(tmp_path / "nothing here")
    (tmp_path / "nothing here").mkdir()
    row.ask()
    wait(work, qtbot)
    assert len(errors) == 1
    assert work.folder is None
    chosen[0] = str(folder)
    row.ask()
    wait(work, qtbot)
    assert row.images.currentText() == "1/3 cells1: to do"
