"""*Batch*: a folder of images, and what became of each."""

from __future__ import annotations

import shlex

import gui_kit
import numpy as np
import pytest
import tifffile
from gui_kit import SECONDS, finish_job, random_image, said, small_model
from napari.layers import Image, Labels
from qtpy.QtWidgets import QApplication
from typer.testing import CliRunner
from windowless import batch_panel as batch_panel
from windowless import dock as dock
from windowless import library as library
from windowless import readers as readers
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.cli import app
from napari_unet.core.progress import finish
from napari_unet.gui.batch.panel import BatchPanel
from napari_unet.services.files.images import open_image
from napari_unet.services.segmentation.options import SegmentOptions
from napari_unet.services.segmentation.segment import segment


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "images"
    made.mkdir()
    for i in range(3):
        tifffile.imwrite(made / f"im{i}.tif", random_image(40 + i, 50))
    return made


@pytest.fixture
def panel(batch_panel, folder, tmp_path):
    """The panel, with both folders chosen."""
    batch_panel.input.value = folder
    batch_panel.output.value = tmp_path / "results"
    return batch_panel


def results(panel):
    return [panel.image_list.item(i, 1).text() for i in range(panel.image_list.rowCount())]


def run_to_the_first(panel, folder, side, qtbot):
    """Begin with images that take long enough to be watched, and wait until one is done."""
    panel.session.model = gui_kit.large_model()
    for i in range(3):
        tifffile.imwrite(folder / f"im{i}.tif", random_image(side, side))
    panel.run_button.click()
    qtbot.waitUntil(lambda: results(panel)[:1] == ["done"], timeout=SECONDS)


def test_every_image_gets_the_result_of_a_single_run(panel, folder, tmp_path, qtbot):
    panel.settings.precision.value = "float32"
    panel.settings.threshold.value = 0.6
    panel.run_button.click()
    finish_job(panel, qtbot)
    assert results(panel) == ["done"] * 3
    assert "3 of 3 images segmented." in said(panel)
    chosen = SegmentOptions(precision="float32", threshold=0.6)
    for path in folder.iterdir():
        wanted = finish(segment(open_image(path), small_model(), chosen)).labels
        assert np.array_equal(tifffile.imread(tmp_path / "results" / path.name), wanted)


def test_the_command_that_is_copied_gives_the_same_files(panel, tmp_path, qtbot, monkeypatch):
    panel.command_button.click()
    assert "Press Segment the folder first" in said(panel)
    monkeypatch.setattr("napari_unet.services.library.Library", lambda: panel.session.library)
    panel.settings.precision.value = "float32"
    panel.settings.threshold.value = 0.6
    panel.settings.objects.value = True
    panel.existing.value = "replace"
    panel.run_button.click()
    finish_job(panel, qtbot)
    # of what was done, not of what stands there now
    panel.settings.threshold.value = 0.3
    panel.output.value = "elsewhere"
    panel.command_button.click()
    program, *words = shlex.split(QApplication.clipboard().text())
    assert program == "napari-unet"
    assert "Copied" in said(panel)
    made = {path: tifffile.imread(path) for path in (tmp_path / "results").iterdir()}
    assert len(made) == 3
    for path in made:
        path.write_bytes(b"")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    for path, labels in made.items():
        assert np.array_equal(tifffile.imread(path), labels)


def test_a_command_leaves_what_the_batch_left(panel, qtbot):
    panel.run_button.click()
    finish_job(panel, qtbot)
    panel.command_button.click()
    assert QApplication.clipboard().text().endswith("--model small --skip-existing")
    panel.session.source = ""
    panel.run_button.click()
    finish_job(panel, qtbot)
    panel.command_button.click()
    assert "is not saved" in said(panel)


def test_objects_are_counted(panel, tmp_path, qtbot):
    panel.settings.objects.value = True
    panel.run_button.click()
    finish_job(panel, qtbot)
    counted = [int(words.split()[0]) for words in results(panel)]
    written = [int(tifffile.imread(tmp_path / "results" / f"im{i}.tif").max()) for i in range(3)]
    assert counted == written


def test_a_bad_file_does_not_stop_the_rest_and_says_why(panel, folder, qtbot):
    (folder / "im1.tif").write_bytes(b"no image")
    panel.run_button.click()
    finish_job(panel, qtbot)
    first, second, third = results(panel)
    assert first == third == "done"
    assert second.startswith("failed: ")
    assert panel.image_list.item(1, 1).toolTip()
    assert "2 of 3 images segmented, 1 failed." in said(panel)


def test_a_run_that_was_stopped_goes_on(panel, folder, tmp_path, qtbot):
    run_to_the_first(panel, folder, 300, qtbot)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    there = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    assert "im0.tif" in there
    assert all(name.endswith(".tif") for name in there), "nothing half-written is left"
    panel.session.model = small_model()
    panel.run_button.click()
    finish_job(panel, qtbot)
    skipped = sum(words == "has a result already" for words in results(panel))
    assert skipped == len(there)
    for name, content in there.items():
        assert (tmp_path / "results" / name).read_bytes() == content
    panel.existing.value = "replace"
    panel.run_button.click()
    finish_job(panel, qtbot)
    assert results(panel) == ["done"] * 3


def test_it_goes_on_without_its_panel_and_is_there_in_the_next(panel, viewer, folder, dock, qtbot):
    run_to_the_first(panel, folder, 200, qtbot)
    run = panel.session.batch
    dock.close(panel)
    again = dock(BatchPanel(viewer, panel.session))
    assert results(again)[0] == "done"
    finish_job(again, qtbot)
    qtbot.waitUntil(lambda: results(again) == ["done"] * 3, timeout=SECONDS)
    assert run.complete


def test_what_was_done_before_it_was_cancelled_is_said(panel, folder, qtbot):
    run_to_the_first(panel, folder, 300, qtbot)
    panel.foot.cancel.click()
    finish_job(panel, qtbot)
    done = len(panel.session.batch.outcomes)
    assert f"{done} of {done} images segmented. {3 - done} are left." in said(panel)


@pytest.mark.parametrize(
    ("row", "text", "message"),
    [
        ("input", "", "no folder for the images"),
        ("output", "", "no folder for the results"),
        ("input", "/nowhere", "nowhere"),
    ],
)
def test_what_is_missing_is_named(panel, qtbot, row, text, message):
    getattr(panel, row).line_edit.value = text
    panel.run_button.click()
    finish_job(panel, qtbot)
    assert message in said(panel)
    assert panel.image_list.rowCount() == 0


def test_results_never_replace_the_images(panel, folder, qtbot):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    panel.output.value = folder
    panel.existing.value = "replace"
    panel.run_button.click()
    finish_job(panel, qtbot)
    assert "can&#x27;t be the output" in said(panel)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.usefixtures("readers")
def test_a_finished_image_is_shown_with_its_result(panel, viewer, folder, qtbot):
    panel.run_button.click()
    finish_job(panel, qtbot)
    panel.image_list.cellDoubleClicked.emit(1, 0)
    image, labels = viewer.layers
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert image.data.shape == labels.data.shape == (41, 50)
    (folder / "im2.tif").unlink()
    panel.image_list.cellDoubleClicked.emit(2, 0)
    assert said(panel)
    assert len(viewer.layers) == 2


def test_channels_by_name_or_number(panel):
    panel.channels.value = (1, "DAPI")
    assert panel.chosen().channels == (1, "DAPI")
    panel.channels.value = None
    assert panel.chosen().channels is None
