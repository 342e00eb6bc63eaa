"""The row for an image's voxel size: as its file states it, to be corrected or typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import LineEdit
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import check_axes
from napari_unet.core.image.voxel_size import parse_voxel_size
from napari_unet.gui.layers.calibration import (
    adopt_file_scale,
    decline_file_scale,
    set_voxel_size,
    voxel_size,
)
from napari_unet.gui.layers.images import layer_array
from napari_unet.gui.widgets.fields import text

if TYPE_CHECKING:
    import napari
    from napari.layers import Image as ImageLayer

TIP = (
    "In µm: one number, or one for each axis such as “2 × 0.5 × 0.5” (depth first). It is set in the "
    "layer, and in what is painted on it."
)


class VoxelSize(QObject):
    """Shows the voxel size of a layer and lets it be typed.

    Parameters
    ----------
    viewer
        The viewer of the layers.
    """

    changed = Signal()
    """The voxel size was changed here."""

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: ImageLayer | None = None
        self._letters = ""
        self.field = LineEdit(tooltip=TIP)
        self.field.native.setPlaceholderText("not stated")
        self.note = text()
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.note.hide()
        self.row = QWidget()
        column = QVBoxLayout(self.row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.field.native)
        column.addWidget(self.note)
        self.field.native.editingFinished.connect(self._take)
        self.note.linkActivated.connect(lambda _: self.undo())

    def follow(self, layer: ImageLayer | None, letters: str) -> None:
        """Show the voxel size of a layer; one without gets that of its file."""
        if self._layer is not None:
            self._layer.events.scale.disconnect(self._show)
            self._layer.events.units.disconnect(self._show)
        self._layer, self._letters = layer, letters
        if layer is None or not _usable(layer, letters):
            self._layer = None
            self.row.setEnabled(False)
            self._show()
            return
        self.row.setEnabled(True)
        if adopt_file_scale(self._viewer, layer, letters):
            self._say('From the file. <a href="undo">Undo</a>')
        else:
            self._say("")
        layer.events.scale.connect(self._show)
        layer.events.units.connect(self._show)
        self._show()

    def undo(self) -> None:
        """Take away the voxel size that came from the file."""
        if self._layer is not None:
            decline_file_scale(self._viewer, self._layer)
            self._say("")
            self.changed.emit()

    def _take(self) -> None:
        """Set what was typed."""
        layer, typed = self._layer, str(self.field.value).strip()
        if layer is None or typed == self._shown():
            return
        spatial = "".join(a for a in "ZYX" if a in self._letters)
        try:
            sizes = parse_voxel_size(typed, spatial)
        except UserError as error:
            self._say(f"{error.rule} {error.remedy}")
            return
        set_voxel_size(self._viewer, layer, self._letters, sizes)
        self._say("")
        self._show()
        self.changed.emit()

    def _show(self, _: object = None) -> None:
        self.field.value = self._shown()

    def _shown(self) -> str:
        if self._layer is None:
            return ""
        sizes = list(voxel_size(self._layer, self._letters).values())
        alike = len(set(sizes)) == 1
        return " × ".join(f"{size:.4g}" for size in (sizes[:1] if alike else sizes)) + (
            " µm" if sizes else ""
        )

    def _say(self, words: str) -> None:
        self.note.setText(words)
        self.note.setVisible(bool(words))


def _usable(layer: ImageLayer, letters: str) -> bool:
    try:
        check_axes(letters, layer_array(layer).shape)
    except UserError:
        return False
    return True
