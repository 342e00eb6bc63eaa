"""*Load U-Net*: the library, files, dropped files, and what is said of a network."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from gui_kit import SECONDS, finish_job, said, small_model
from qtpy.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QMessageBox
from windowless import dock as dock
from windowless import keeper as keeper
from windowless import library as library
from windowless import models_panel as models_panel
from windowless import session as session
from windowless import viewer as viewer

from napari_unet.core.model.file import save_model
from napari_unet.core.model.spec import Provenance
from napari_unet.gui.models.cards import name_of
from napari_unet.gui.models.panel import facts
from napari_unet.gui.segment.panel import SegmentPanel
from napari_unet.services.library import DEFAULT


def facts_shown(panel):
    return panel.facts_label.text()


def rows(panel):
    return [panel.list.item(i).text().split("\n")[0] for i in range(panel.list.count())]


def items(panel):
    return [panel.list.item(i) for i in range(panel.list.count())]


def speckled(background):
    """Bright spots on a background with a little noise."""
    pixels = np.random.default_rng(0).normal(background, 2, (60, 60))
    pixels[20:30, 20:30] = 250
    pixels[40:50, 40:50] = 0
    return pixels.clip(0, 255).astype(np.uint8)


def drop(panel, *paths):
    """Drag files onto the panel as a file manager does; returns whether it takes them."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    how = (
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(panel.rect().center(), *how)
    enter.ignore()
    QApplication.sendEvent(panel.inside, enter)
    if enter.isAccepted():
        event = QDropEvent(QPointF(panel.rect().center()), *how, QEvent.Type.Drop)
        QApplication.sendEvent(panel.inside, event)
    return enter.isAccepted()


def test_a_network_of_the_library_is_described_before_and_marked_after_loading(models_panel, qtbot):
    row = next(i for i, name in enumerate(rows(models_panel)) if name == "small")
    models_panel.list.setCurrentRow(row)
    shown = facts_shown(models_panel)
    for fact in ("small", "2-D planes", "cell", "not stated", "million weights"):
        assert fact in shown
    models_panel.load_button.click()
    finish_job(models_panel, qtbot)
    assert models_panel.session.model.spec.name == "small"
    assert rows(models_panel)[row] == "small  ✓ loaded"
    assert "small is loaded" in said(models_panel)


def test_the_network_that_would_be_used_is_chosen_first(models_panel):
    assert models_panel.list.chosen == DEFAULT


def test_everything_known_of_a_network_is_said():
    model = small_model(
        pixel_size=(0.65, 0.65),
        license="MIT",
        authors=("A. Uthor",),
        citation=("A paper",),
        provenance=Provenance(origin="somewhere", verified_error=2.4e-7),
    )
    said = dict(facts(model.spec))
    assert said["Pixel size"] == "0.65 × 0.65 µm"
    assert said["Verified"] == "reproduces its authors' test output to within 2.4e-07"
    assert said["Origin"] == "somewhere"
    assert said["Licence"] == "MIT"
    assert said["Please cite"] == "A paper"


@pytest.mark.parametrize("way", ["dialog", "drop"])
def test_a_file_is_loaded_and_can_be_kept(models_panel, qtbot, tmp_path, monkeypatch, way):
    path = tmp_path / "mine.safetensors"
    save_model(small_model("mine"), path)
    if way == "dialog":
        monkeypatch.setattr(
            "napari_unet.gui.models.panel.QFileDialog.getOpenFileName", lambda *_: (str(path), "")
        )
        models_panel.open_button.click()
    else:
        assert drop(models_panel, path)
    finish_job(models_panel, qtbot)
    assert models_panel.session.model.spec.name == "mine"
    assert models_panel.keep_button.isVisibleTo(models_panel)
    models_panel.keep_button.click()
    assert "mine  ✓ loaded" in rows(models_panel)
    assert not models_panel.keep_button.isVisibleTo(models_panel)


def test_a_package_folder_can_be_dropped(models_panel, qtbot, shared_data):
    assert drop(models_panel, shared_data / "networks" / "unet2d_nuclei_broad")
    finish_job(models_panel, qtbot)
    assert "within" in facts_shown(models_panel)
    assert models_panel.session.model.spec.provenance.verified_error <= 1e-4


def test_missing_weights_are_fetched_only_when_asked_for(
    models_panel, qtbot, tmp_path, shared_data, monkeypatch
):
    package = shared_data / "networks" / "unet2d_nuclei_broad"
    for path in package.iterdir():
        if path.suffix not in (".torch", ".onnx"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    opened = []
    weights = package / "unet2d_nuclei_broad_weights.torch"

    def connect(url):
        opened.append(url)
        stream = io.BytesIO(weights.read_bytes())
        stream.headers = {"Content-Length": str(weights.stat().st_size)}
        return stream

    monkeypatch.setattr("napari_unet.core.importers.fetch._connect", connect)
    models_panel.load_text(str(tmp_path))
    finish_job(models_panel, qtbot)
    assert "weights" in said(models_panel)
    assert models_panel.fetch_button.isVisibleTo(models_panel)
    assert opened == []
    models_panel.fetch_button.click()
    finish_job(models_panel, qtbot)
    assert models_panel.session.model is not None
    assert not models_panel.fetch_button.isVisibleTo(models_panel)
    assert len(opened) == 1


def test_several_files_or_a_web_address_are_not_taken(models_panel, tmp_path):
    assert not drop(models_panel, tmp_path / "a", tmp_path / "b")


def test_a_file_that_is_no_network_is_answered_in_the_panel(models_panel, qtbot, tmp_path):
    path = tmp_path / "notes.pth"
    path.write_text("not a network")
    models_panel.load_text(str(path))
    finish_job(models_panel, qtbot)
    assert "notes.pth" in said(models_panel)
    assert models_panel.session.model is None
    models_panel.load_text(str(tmp_path / "missing.safetensors"))
    finish_job(models_panel, qtbot)
    assert "missing.safetensors" in said(models_panel)


def test_a_damaged_file_in_the_library_does_not_spoil_the_list(models_panel, library):
    (library.folder / "broken.safetensors").write_bytes(b"oh")
    models_panel.session.library_changed.emit()
    names = rows(models_panel)
    assert {"broken", "small"} <= set(names)
    models_panel.list.setCurrentRow(names.index("broken"))
    assert models_panel.session.model is None


def test_both_panels_share_the_network(models_panel, viewer, session, keeper, dock, qtbot):
    segment_panel = dock(SegmentPanel(viewer, session, keeper))
    assert segment_panel.network.label.text() == DEFAULT
    models_panel.load_text("small")
    finish_job(models_panel, qtbot)
    assert segment_panel.network.label.text() == "small"


@pytest.mark.parametrize(("background", "network"), [(4, DEFAULT), (120, "cells-phase")])
def test_pressing_segment_first_loads_the_network_that_suits_the_image(
    viewer, session, keeper, dock, qtbot, library, background, network
):
    # quick ones of the same names hide those that come with the program
    for name in (DEFAULT, "cells-phase"):
        save_model(small_model(name), library.folder / f"{name}.safetensors")
    panel = dock(SegmentPanel(viewer, session, keeper))
    viewer.add_image(speckled(background), name="cells")
    panel.segment_button.click()
    qtbot.waitUntil(lambda: "Done" in said(panel), timeout=SECONDS)
    assert panel.session.model.spec.name == network
    assert viewer.layers[-1].name == "cells labels"
    assert session.suggestions.notes.last_used == network


def test_the_cards_are_in_the_order_of_how_they_suit_the_image(
    models_panel, viewer, session, keeper, dock, qtbot
):
    assert models_panel.list.chosen == DEFAULT
    dock(SegmentPanel(viewer, session, keeper))
    viewer.add_image(speckled(120), name="cells")
    qtbot.waitUntil(lambda: rows(models_panel)[0] == "cells-phase", timeout=SECONDS)
    assert models_panel.list.chosen == "cells-phase"
    texts = {name_of(item): item.text() for item in items(models_panel)}
    assert "✓ fits" in texts["cells-phase"]
    assert "✗ another kind of image" in texts[DEFAULT]
    assert "✗ needs a volume" in texts["nuclei-3d"]
    assert "this looks like phase contrast" in items(models_panel)[-1].toolTip()


def test_a_network_that_does_not_suit_the_image_is_told_with_the_better_one(
    viewer, session, keeper, dock, qtbot
):
    panel = dock(SegmentPanel(viewer, session, keeper))
    layer = viewer.add_image(speckled(120), name="cells")
    session.load(DEFAULT)
    finish_job(panel, qtbot)
    qtbot.waitUntil(lambda: "“cells-phase” suits this image better" in said(panel), timeout=SECONDS)
    layer.data = speckled(4)
    panel.image.changed.emit()
    qtbot.waitUntil(lambda: said(panel) == "", timeout=SECONDS)


def test_own_networks_are_renamed_noted_and_deleted(models_panel, library, monkeypatch):
    dialogs = "napari_unet.gui.models.own_networks"
    models_panel.list.setCurrentRow(rows(models_panel).index("small"))
    monkeypatch.setattr(f"{dialogs}.QInputDialog.getMultiLineText", lambda *_: ("for Eva", True))
    models_panel.own.note_button.click()
    assert "for Eva" in facts_shown(models_panel)
    # what is closed without an answer changes nothing
    monkeypatch.setattr(f"{dialogs}.QInputDialog.getMultiLineText", lambda *_: ("", False))
    models_panel.own.note_button.click()
    assert "for Eva" in facts_shown(models_panel)
    monkeypatch.setattr(f"{dialogs}.QInputDialog.getText", lambda *_, **__: ("rods", False))
    models_panel.own.rename_button.click()
    assert "rods" not in rows(models_panel)
    monkeypatch.setattr(f"{dialogs}.QMessageBox.question", lambda *_: QMessageBox.StandardButton.No)
    models_panel.own.delete_button.click()
    assert "small" in rows(models_panel)
    # the one that is loaded keeps being it
    models_panel.session.source = "small"
    monkeypatch.setattr(f"{dialogs}.QInputDialog.getText", lambda *_, **__: ("rods", True))
    models_panel.own.rename_button.click()
    assert models_panel.session.source == "rods"
    assert "rods  ✓ loaded" in rows(models_panel)
    models_panel.session.source = ""
    models_panel.session.library_changed.emit()
    assert "rods" in rows(models_panel)
    assert "small" not in rows(models_panel)
    assert library.spec("rods").name == "rods"
    models_panel.list.setCurrentRow(rows(models_panel).index("rods"))
    assert "for Eva" in facts_shown(models_panel), "the note goes with it"
    monkeypatch.setattr(
        f"{dialogs}.QMessageBox.question", lambda *_: QMessageBox.StandardButton.Yes
    )
    models_panel.own.delete_button.click()
    assert "rods" not in rows(models_panel)
    models_panel.list.setCurrentRow(rows(models_panel).index(DEFAULT))
    assert not models_panel.own.delete_button.isEnabled(), "it came with the package"
    assert not models_panel.own.rename_button.isEnabled()


def test_a_network_is_exported_and_its_author_asked_for_once(
    models_panel, qtbot, monkeypatch, tmp_path
):
    dialogs, asked = "napari_unet.gui.models.export_button", []
    models_panel.list.setCurrentRow(rows(models_panel).index("small"))

    def author(*_):
        asked.append(True)
        return "A. Person", True

    monkeypatch.setattr(f"{dialogs}.QInputDialog.getText", author)
    for name, kind in (("small.zip", ""), ("again.zip", ""), ("small", "ONNX (*.onnx)")):
        given = str(tmp_path / name), kind
        monkeypatch.setattr(f"{dialogs}.QFileDialog.getSaveFileName", lambda *_, given=given: given)
        models_panel.own.export_button.click()
        finish_job(models_panel, qtbot)
        assert said(models_panel).startswith(f"Exported: {tmp_path}")
    assert len(asked) == 1
    assert {path.name for path in tmp_path.iterdir()} >= {"small.zip", "again.zip", "small.onnx"}


def test_two_copies_of_a_network_are_told(models_panel, library):
    library.add(small_model(), "copy")
    models_panel.session.library_changed.emit()
    (tip,) = (item.toolTip() for item in items(models_panel) if name_of(item) == "small")
    assert "the same weights as copy" in tip


def test_the_model_before_is_a_click_away(models_panel, qtbot):
    assert not models_panel.back_button.isVisibleTo(models_panel)
    for name in ("small", DEFAULT):
        models_panel.load_text(name)
        finish_job(models_panel, qtbot)
    assert models_panel.back_button.text() == "Back to “small”"
    models_panel.back_button.click()
    finish_job(models_panel, qtbot)
    assert models_panel.session.source == "small"
    assert models_panel.back_button.text() == f"Back to “{DEFAULT}”"


def test_what_a_training_brought_stands_beside_its_network(models_panel, qtbot):
    scores = {"before": [0.9, 0.5], "after": [0.9, 0.75]}
    told = {
        when: [{"name": str(i), "pixels": 9, "iou": iou, "dice": iou} for i, iou in enumerate(both)]
        for when, both in scores.items()
    }
    model = small_model()
    made = Provenance(training={"scores": told})
    models_panel.session.model = replace(
        model, spec=model.spec.model_copy(update={"name": "tuned", "provenance": made})
    )
    models_panel.session.keep()
    assert any("tuned   IoU 0.500 → 0.750" in row for row in rows(models_panel))


def test_a_diameter_that_a_network_does_not_state_is_asked_for_and_kept(models_panel, qtbot):
    assert not models_panel._diameter_row.isVisibleTo(models_panel)
    models_panel.load_text("small")
    finish_job(models_panel, qtbot)
    assert "no diameter" in said(models_panel)
    assert models_panel.diameter.value is None
    models_panel.diameter.value = 21.5
    assert models_panel.session.model.spec.diameter == 21.5
    assert models_panel.session.library.spec("small").diameter == 21.5
    assert "21.5 pixels" in facts_shown(models_panel)
    models_panel.load_text(DEFAULT)
    finish_job(models_panel, qtbot)
    assert "19.4 pixels" in facts_shown(models_panel)
    assert not models_panel._diameter_row.isVisibleTo(models_panel), "it came with the package"
