"""The row of *U-Net Studio* that shows, opens and saves the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QMessageBox, QWidget
from superqt import QElidingLabel

from napari_unet.core.errors import UserError
from napari_unet.gui.project.closing import LATER, in_words, save, where_to_save
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from napari_unet.gui.project.keeper import ProjectKeeper

SAVE_TIP = (
    "Save your work, to continue another day: annotations, results, which images and U-Net, and the "
    "settings. Images that come from files are not copied: keep the files."
)
SAVE_AS_TIP = "Save under another name; the earlier project stays unchanged."
OPEN_TIP = "Open a saved project: its images, annotations, the U-Net and the settings."
MENU_TIP = "Open a saved project, or a folder of images to work through."
NOT_SAVED = "not saved"


class ProjectRow(QWidget):
    """Name of the project, *Open*, *Save* and *Save as…*.

    Parameters
    ----------
    project
        Saves and opens it.
    """

    folder_wanted = Signal()
    """The user wants to open a folder of images."""

    def __init__(self, project: ProjectKeeper) -> None:
        super().__init__()
        self._project = project
        self.name_label = QElidingLabel()
        self.open_button = button("Open", MENU_TIP)
        self.open_menu = QMenu(self)
        self.project_action = self.open_menu.addAction("Project…", self._open)
        self.project_action.setToolTip(OPEN_TIP)
        self.folder_action = self.open_menu.addAction("Folder of images…", self.folder_wanted.emit)
        self.open_button.setMenu(self.open_menu)
        self.save_button = button("Save", SAVE_TIP)
        self.save_as_button = button("Save as…", SAVE_AS_TIP)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.name_label, stretch=1)
        for part in (self.open_button, self.save_button, self.save_as_button):
            box.addWidget(part)
        self.save_button.clicked.connect(self._save)
        self.save_as_button.clicked.connect(self._save_as)
        project.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        folder = self._project.folder
        self.name_label.setText(NOT_SAVED if folder is None else folder.stem)
        self.name_label.setToolTip("" if folder is None else str(folder))

    def _save(self) -> None:
        save(self._project, self)

    def _save_as(self) -> None:
        folder = where_to_save(self)
        if folder is not None:
            save(self._project, self, folder=folder)

    def _open(self) -> None:
        folder = where_it_is(self)
        if folder is None:
            return
        answer = "replace"
        if self._project.layers:
            unsaved = [layer.name for layer in self._project.unsaved()]
            answer = ask_about_layers(self, unsaved)
        if answer == "cancel":
            return
        try:
            self._project.open(folder, replace=answer == "replace")
        except UserError as error:
            self._project.refused.emit(error)


def where_it_is(window: QWidget) -> Path | None:
    """Ask which project to open."""
    name = QFileDialog.getExistingDirectory(window, "Open project: choose its .unetproject folder")
    return Path(name) if name else None


def ask_about_layers(window: QWidget, unsaved: list[str]) -> str:
    """Ask what to do with the open layers; return ``replace``, ``add`` or ``cancel``."""
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("U-Net Studio")
    box.setText("Close the layers that are open now?")
    if unsaved:
        box.setInformativeText(f"{in_words(unsaved)}: not saved in a project yet. {LATER}")
    replace = box.addButton("Close them", QMessageBox.ButtonRole.DestructiveRole)
    add = box.addButton("Keep them open", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(add)
    box.exec()
    return {replace: "replace", add: "add"}.get(box.clickedButton(), "cancel")
