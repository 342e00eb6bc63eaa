"""Asks about unsaved annotations before the window closes."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QFileDialog, QMainWindow, QMessageBox

from napari_unet.core.errors import UserError
from napari_unet.gui.layers.editing import real

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari
    from qtpy.QtWidgets import QWidget

    from napari_unet.gui.project.keeper import ProjectKeeper

LATER = "What is not saved can be restored for 30 days, in Annotate and Fine-tune."
MAX_NAMES = 4


class Closing(QObject):
    """Asks before the user closes a window with unsaved annotations.

    A viewer that a script closes removes its contents first, so that closing can't be cancelled any
    more. Nothing is asked then, and the journal keeps the annotations.

    Parameters
    ----------
    viewer
        The viewer in the window.
    window
        The window.
    project
        Returns the project of the viewer.
    """

    def __init__(
        self, viewer: napari.Viewer, window: QMainWindow, project: Callable[[], ProjectKeeper]
    ) -> None:
        super().__init__(window)
        self._project = project
        # a closed viewer must not be kept alive
        self._viewer = weakref.ref(real(viewer))
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Delay the closing until the user has decided about unsaved annotations."""
        if event.type() != QEvent.Type.Close or not isinstance(watched, QMainWindow):
            return False
        viewer, inside = self._viewer(), getattr(watched, "_qt_viewer", None)
        taken_down = viewer is None or inside is None or inside.isHidden()
        if taken_down or self._may_close(watched):
            return False
        event.ignore()
        return True

    def _may_close(self, window: QMainWindow) -> bool:
        project = self._project()
        try:
            project.work.save_now()
        except UserError as error:
            project.refused.emit(error)
            return False
        unsaved = project.unsaved()
        lost = [layer.name for layer in unsaved if project.image_of(layer) is None]
        answer = ask(window, [x.name for x in unsaved], lost) if unsaved else "discard"
        if answer == "save":
            save(project, window, then=window.close)
        elif answer == "discard":
            project.leave()
        return answer == "discard"


def ask(window: QWidget, names: Sequence[str], lost: Sequence[str]) -> str:
    """Ask what to do with unsaved annotations.

    Parameters
    ----------
    window
        The window that is to close.
    names
        Their layers.
    lost
        Those of them without an open image, for which there is no journal.

    Returns
    -------
    str
        ``save``, ``discard`` or ``cancel``.
    """
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("U-Net Studio")
    box.setText(f"Save the annotations {in_words(names)} in a project before closing?")
    gone = f"{in_words(lost)} can't be restored, as the image is not open." if lost else ""
    box.setInformativeText(f"{LATER} {gone}".strip())
    button = QMessageBox.StandardButton
    box.setStandardButtons(button.Save | button.Discard | button.Cancel)
    box.button(button.Discard).setText("Don't save")
    box.setDefaultButton(button.Save)
    return {button.Save: "save", button.Discard: "discard"}.get(button(box.exec()), "cancel")


def save(
    project: ProjectKeeper,
    window: QWidget,
    then: Callable[[], object] | None = None,
    folder: Path | None = None,
) -> None:
    """Save a project; ask where, if it has no folder yet. Errors go to its `refused` signal."""
    folder = folder or project.folder or where_to_save(window)
    if folder is None:
        return
    try:
        project.save(folder, then)
    except UserError as error:
        project.refused.emit(error)


def where_to_save(window: QWidget) -> Path | None:
    """Ask for the folder of a new project; None if the user chooses none."""
    from napari_unet.services.storage.project import SUFFIX
    from napari_unet.services.storage.project_files import project_path

    name, _ = QFileDialog.getSaveFileName(
        window, "Save project", f"project{SUFFIX}", f"U-Net Studio project (*{SUFFIX})"
    )
    if not name:
        return None
    folder = project_path(Path(name))
    # the dialog only asks about the name as it was typed, and about files
    return folder if not folder.exists() or _may_replace(window, folder) else None


def _may_replace(window: QWidget, folder: Path) -> bool:
    button = QMessageBox.StandardButton
    answer = QMessageBox.question(
        window,
        "U-Net Studio",
        f"{folder.name} exists already. Replace it, with the annotations saved in it?",
        button.Yes | button.No,
        button.No,
    )
    return bool(answer == button.Yes)


def in_words(names: Sequence[str]) -> str:
    """Return names as part of a sentence, the first few of many."""
    quoted = [f"“{name}”" for name in names[:MAX_NAMES]]
    more = len(names) - len(quoted)
    if more:
        quoted.append(f"{more} more")
    return " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
