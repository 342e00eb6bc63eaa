"""Asks about paint that is not saved before the window closes."""

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

LATER = "What is not saved can be restored for 30 days: Annotate and Fine-tune will offer it."
MOST_NAMES = 4


class Closing(QObject):
    """Stands before the closing of a window by its user.

    A viewer that a script closes takes its contents down first, so that nothing can be called off any
    more: nothing is asked then, and the journal keeps the paint.

    Parameters
    ----------
    viewer
        What is shown in the window.
    window
        The window.
    project
        Gives the viewer's project.
    """

    def __init__(
        self, viewer: napari.Viewer, window: QMainWindow, project: Callable[[], ProjectKeeper]
    ) -> None:
        super().__init__(window)
        self._project = project
        # it must not keep alive what is closed
        self._viewer = weakref.ref(real(viewer))
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Hold a closing up until it is known what becomes of the paint."""
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
        unsaved = project.unsaved()
        lost = [layer.name for layer in unsaved if project.image_of(layer) is None]
        answer = ask(window, [x.name for x in unsaved], lost) if unsaved else "discard"
        if answer == "save":
            save(project, window, then=window.close)
        elif answer == "discard":
            project.leave()
        return answer == "discard"


def ask(window: QWidget, names: Sequence[str], lost: Sequence[str]) -> str:
    """Ask what becomes of paint that is not saved.

    Parameters
    ----------
    window
        The window that is to close.
    names
        The layers with such paint.
    lost
        Those of them without an image, for which there is no journal.

    Returns
    -------
    str
        ``save``, ``discard`` or ``cancel``.
    """
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("U-Net Studio")
    box.setText(f"Save the paint on {in_words(names)} in a project before closing?")
    gone = f"That on {in_words(lost)} can't, as the image is not open." if lost else ""
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
    """Save a project, asking where if it has no place yet; says so if it can't be saved."""
    folder = folder or project.folder or where_to_save(window)
    if folder is None:
        return
    try:
        project.save(folder, then)
    except UserError as error:
        project.refused.emit(error)


def where_to_save(window: QWidget) -> Path | None:
    """Ask for the place of a new project; None if there is none, or another project is to stay."""
    from napari_unet.services.storage.project import SUFFIX
    from napari_unet.services.storage.project_files import project_path

    name, _ = QFileDialog.getSaveFileName(
        window, "Save project", f"project{SUFFIX}", f"U-Net Studio project (*{SUFFIX})"
    )
    if not name:
        return None
    folder = project_path(Path(name))
    # the dialog asks about names as they were typed, and this is a folder
    return folder if not folder.exists() or _may_replace(window, folder) else None


def _may_replace(window: QWidget, folder: Path) -> bool:
    button = QMessageBox.StandardButton
    answer = QMessageBox.question(
        window,
        "U-Net Studio",
        f"{folder.name} is there already. Replace it, with the paint that is saved in it?",
        button.Yes | button.No,
        button.No,
    )
    return bool(answer == button.Yes)


def in_words(names: Sequence[str]) -> str:
    """Return names as a sentence has them, not too many."""
    quoted = [f"“{name}”" for name in names[:MOST_NAMES]]
    more = len(names) - len(quoted)
    if more:
        quoted.append(f"{more} more")
    return " and ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
