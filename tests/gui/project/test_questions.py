"""What is asked before annotations would be lost, and what becomes of each answer."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_unet.gui.project import closing

BUTTON = QMessageBox.StandardButton


@pytest.fixture
def window(qtbot):
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize(
    ("button", "answer"),
    [
        (BUTTON.Save, "save"),
        (BUTTON.Discard, "discard"),
        (BUTTON.Cancel, "cancel"),
        # closed by Escape or its frame
        (BUTTON.NoButton, "cancel"),
    ],
)
def test_the_answer_is_that_of_the_button(window, monkeypatch, button, answer):
    boxes = []

    def press(box):
        boxes.append((box.text(), box.informativeText(), box.button(BUTTON.Discard).text()))
        assert box.defaultButton() is box.button(BUTTON.Save)
        return button

    monkeypatch.setattr(QMessageBox, "exec", press)
    assert closing.ask(window, ["paint", "more"], []) == answer
    ((question, about, discard),) = boxes
    assert question == "Save the annotations “paint” and “more” in a project before closing?"
    assert about == closing.LATER
    assert discard == "Don't save"


def test_what_can_not_be_restored_is_said(window, monkeypatch):
    said = []
    monkeypatch.setattr(
        QMessageBox, "exec", lambda box: said.append(box.informativeText()) or BUTTON.Cancel
    )
    closing.ask(window, ["a", "b"], ["b"])
    assert said[0].endswith("“b” can't be restored, as the image is not open.")


@pytest.mark.parametrize("answer", [BUTTON.Yes, BUTTON.No])
def test_a_project_is_only_replaced_on_request(window, tmp_path, monkeypatch, answer):
    chosen = [""]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen[0], ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    assert closing.where_to_save(window) is None
    chosen[0] = str(tmp_path / "mine")
    folder = closing.where_to_save(window)
    assert folder == tmp_path / "mine.unetproject"
    folder.mkdir()
    assert closing.where_to_save(window) == (folder if answer == BUTTON.Yes else None)
