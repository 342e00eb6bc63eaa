"""What can be done with a network of the library: note, export; with one's own also rename, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QInputDialog, QMessageBox, QWidget

from napari_unet.gui.models.export_button import ExportButton
from napari_unet.gui.widgets.fields import button

if TYPE_CHECKING:
    from napari_unet.gui.widgets.panel import Panel

RENAME_TIP = "Give this U-Net of yours another name."
NOTE_TIP = "Write down what you want to remember of this U-Net; it is shown here and on its card."
DELETE_TIP = "Delete this U-Net of yours from the library."


class OwnNetworks(QWidget):
    """A row of buttons for the network that is chosen.

    Parameters
    ----------
    panel
        The panel; its library is changed.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel, self._session = panel, panel.session
        self._name = ""
        self.rename_button = button("Rename…", RENAME_TIP)
        self.note_button = button("Note…", NOTE_TIP)
        self.delete_button = button("Delete…", DELETE_TIP)
        self.export_button = ExportButton(panel)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        for each in (
            self.note_button,
            self.rename_button,
            self.delete_button,
            self.export_button,
        ):
            # four of them side by side in a narrow dock
            each.setStyleSheet("padding: 3px;")
            box.addWidget(each)
        self.rename_button.clicked.connect(self._rename)
        self.note_button.clicked.connect(self._note)
        self.delete_button.clicked.connect(self._delete)
        self.show_for("", own=False)

    def show_for(self, name: str, *, own: bool) -> None:
        """Work on another network.

        Parameters
        ----------
        name
            Its name in the library; empty: none.
        own
            Whether it is one of the user's, which can be renamed and deleted.
        """
        self._name = name
        self.export_button.show_for(name)
        self.note_button.setEnabled(bool(name))
        self.rename_button.setEnabled(own)
        self.delete_button.setEnabled(own)

    def _rename(self) -> None:
        new, ok = QInputDialog.getText(self, "Rename", "New name:", text=self._name)
        if not ok or not new.strip() or new == self._name:
            return
        with self._panel.reporting():
            entry = self._session.library.rename(self._name, new.strip())
            self._session.suggestions.notes.rename(self._name, entry.name)
            if self._session.source == self._name:
                self._session.source = entry.name
            self._session.library_changed.emit()

    def _note(self) -> None:
        notes = self._session.suggestions.notes
        before = notes.note(self._name)
        text, ok = QInputDialog.getMultiLineText(self, "Note", f"On {self._name}:", before)
        if ok:
            with self._panel.reporting():
                notes.set_note(self._name, text)
                self._session.library_changed.emit()

    def _delete(self) -> None:
        sure = QMessageBox.question(
            self, "Delete", f"Delete “{self._name}” from the library? This can't be undone."
        )
        if sure == QMessageBox.StandardButton.Yes:
            with self._panel.reporting():
                self._session.library.delete(self._name)
                self._session.library_changed.emit()
