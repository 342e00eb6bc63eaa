"""Which image layer, what its axes are, and which of its channels go into the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout

from napari_unet.core.errors import UserError
from napari_unet.gui.fields import choice, text
from napari_unet.gui.layers import describe, image_of, layer_array, possible_axes

if TYPE_CHECKING:
    import napari

    from napari_unet.core.axes import Image
    from napari_unet.core.model import ModelSpec

LIST_EVENTS = ("inserted", "removed", "reordered", "renamed")
IMAGE_TIP = "The image layer to segment."
AXES_TIP = (
    "What the image's dimensions are: T time, Z depth, C channel, Y and X the plane, S colours. "
    "Choose another order, or type one, if this is not right."
)


class ImageForm(QObject):
    """Rows of a form that choose an image layer, its axes and its channels.

    Parameters
    ----------
    viewer
        Its image layers can be chosen.
    form
        The rows are added to it.
    """

    changed = Signal()
    """Another layer, other axes or other channels."""

    def __init__(self, viewer: napari.Viewer, form: QFormLayout) -> None:
        super().__init__()
        self._viewer = viewer
        self._form = form
        self._spec: ModelSpec | None = None
        self.layers = choice(IMAGE_TIP)
        self.axes = choice(AXES_TIP)
        self.axes.setEditable(True)
        self.axes.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.meaning = text()
        self.channels: list[QComboBox] = []
        form.addRow("Image", self.layers)
        form.addRow("Axes", self.axes)
        form.addRow("", self.meaning)
        self.layers.currentIndexChanged.connect(self._take_layer)
        self.axes.currentTextChanged.connect(self._take_axes)
        for event in LIST_EVENTS:
            getattr(viewer.layers.events, event).connect(self._list)
        viewer.layers.selection.events.active.connect(self._follow)
        self._list()

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        for event in LIST_EVENTS:
            getattr(self._viewer.layers.events, event).disconnect(self._list)
        self._viewer.layers.selection.events.active.disconnect(self._follow)

    @property
    def layer(self) -> ImageLayer | None:
        """The chosen layer, or None when the viewer has no image."""
        return self.layers.currentData()

    def image(self) -> Image:
        """Return the chosen image.

        Raises
        ------
        UserError
            When there is none, or its axes can't be used.
        """
        if self.layer is None:
            raise UserError(
                "There is no image to segment",
                rule="Segment works on an image layer.",
                remedy="Open an image, or the sample under File ▸ Open Sample ▸ U-Net Studio.",
            )
        return image_of(self.layer, self.letters)

    @property
    def letters(self) -> str:
        """The axes as they stand in the form."""
        return "".join(self.axes.currentText().upper().split())

    def chosen_channels(self) -> tuple[int, ...] | None:
        """Return the index of the channel for each input of the network; None where none is chosen."""
        return tuple(combo.currentIndex() for combo in self.channels) or None

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Offer a choice of channel for each input of a network."""
        self._spec = spec
        self._list_channels()

    def _list(self, _: object = None) -> None:
        """Offer the image layers there are, the topmost first, keeping the choice if it is there.

        Layers are compared, not told apart by identity: plugins see them through proxies.
        """
        before = self.layer
        found = [x for x in reversed(self._viewer.layers) if isinstance(x, ImageLayer)]
        found = [layer for layer in found if "napari_unet" not in layer.metadata]
        with QSignalBlocker(self.layers):
            self.layers.clear()
            for layer in found:
                self.layers.addItem(layer.name, layer)
            if before in found:
                self.layers.setCurrentIndex(found.index(before))
        if self.layer != before:
            self._take_layer()

    def _follow(self, event: Any) -> None:
        """Choose the image layer that the user selects in the layer list."""
        row = next(
            (i for i in range(self.layers.count()) if self.layers.itemData(i) == event.value), -1
        )
        if event.value is not None and row >= 0:
            self.layers.setCurrentIndex(row)

    def _take_layer(self, _: int = 0) -> None:
        with QSignalBlocker(self.axes):
            self.axes.clear()
            if self.layer is not None:
                self.axes.addItems([" ".join(a) for a in possible_axes(self.layer)])
        self._take_axes()

    def _take_axes(self, _: str = "") -> None:
        self.meaning.setText(self._said())
        self._list_channels()

    def _said(self) -> str:
        if self.layer is None:
            return ""
        try:
            return describe(self.letters, layer_array(self.layer).shape)
        except UserError as error:
            return f"{error.problem}. {error.remedy}"

    def _list_channels(self) -> None:
        """Offer the image's channels for each input; no rows if there is nothing to choose."""
        for combo in self.channels:
            self._form.removeRow(combo)
        self.channels = []
        names = self._channel_names()
        wanted = self._spec.channels if self._spec is not None else ("",)
        if 1 < len(names) >= len(wanted):
            for i, name in enumerate(wanted):
                self._add_channel(i, f"Channel: {name}" if len(wanted) > 1 else "Channel", names)
        self.changed.emit()

    def _add_channel(self, i: int, title: str, names: list[str]) -> None:
        combo = choice("Which channel of the image the U-Net looks at.")
        combo.addItems(names)
        combo.setCurrentIndex(i)
        combo.currentIndexChanged.connect(self.changed)
        self._form.addRow(title, combo)
        self.channels.append(combo)

    def _channel_names(self) -> list[str]:
        try:
            image = self.image()
        except UserError:
            return []
        named = image.channel_names if len(image.channel_names) == image.n_channels else ()
        return [f"{i}: {n}" for i, n in enumerate(named)] or [
            str(i) for i in range(image.n_channels)
        ]
