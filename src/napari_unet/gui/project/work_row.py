"""The row of *U-Net Studio* that goes through a folder of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.gui.widgets.fields import button, make_narrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_unet.gui.project.work_list import WorkList

OPEN_TIP = (
    "Work through a folder of images, one after the other. What you annotate is saved beside them, in "
    "the folder “annotations”, whenever you leave an image."
)
IMAGES_TIP = "The images of the folder, and how far each is."
BEFORE_TIP = "Save this image, and show the one before (Page Up)."
NEXT_TIP = "Save this image, and show the next one (Page Down)."
CLOSE_TIP = "Save this image, and close the folder."
ARROW_WIDTH = 28


class WorkRow(QWidget):
    """The images with their states, *before*, *next* and *close*; hidden without a folder.

    Parameters
    ----------
    work
        The folder.
    """

    def __init__(self, work: WorkList) -> None:
        super().__init__()
        self._work = work
        self.images = QComboBox()
        self.images.setToolTip(IMAGES_TIP)
        make_narrow(self.images)
        self.before_button = button("◂", BEFORE_TIP)
        self.next_button = button("▸", NEXT_TIP)
        self.close_button = button("✕", CLOSE_TIP)
        box = QHBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        box.addWidget(self.before_button)
        box.addWidget(self.images, stretch=1)
        for part in (self.next_button, self.close_button):
            box.addWidget(part)
        for part in (self.before_button, self.next_button, self.close_button):
            part.setFixedWidth(ARROW_WIDTH)
        self.before_button.clicked.connect(self._trying(lambda: work.go(-1)))
        self.next_button.clicked.connect(self._trying(lambda: work.go(1)))
        self.close_button.clicked.connect(self._trying(work.close_folder))
        self.images.activated.connect(lambda i: self._trying(lambda: work.show(i))())
        work.changed.connect(self._show)
        self._show()

    def ask(self) -> None:
        """Ask for a folder, and open it."""
        name = QFileDialog.getExistingDirectory(self, "Open a folder of images")
        if name:
            self._trying(lambda: self._work.open(Path(name)))()

    def _trying(self, what: Callable[[], object]) -> Callable[..., None]:
        """Return a slot that tells why something is not possible."""

        def slot(*_: object) -> None:
            try:
                what()
            except UserError as error:
                self._work.refused.emit(error)
                self._show()

        return slot

    def _show(self) -> None:
        folder, here = self._work.folder, self._work.index
        self.images.clear()
        self.setVisible(folder is not None)
        if folder is None:
            return
        n = len(folder.images)
        for i, image in enumerate(folder.images, 1):
            self.images.addItem(f"{i}/{n} {image.name}: {image.state}")
        self.images.setCurrentIndex(here)
        self.before_button.setEnabled(here > 0)
        self.next_button.setEnabled(here < n - 1)
