"""Which image layer, what its axes are, and which of its channels go into the network."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import check_axes
from napari_unet.gui.layers.images import AXES, describe, image_of, layer_array, possible_axes
from napari_unet.gui.widgets.channel_list import ChannelList
from napari_unet.gui.widgets.fields import choice, text
from napari_unet.gui.widgets.layer_box import LayerBox

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec

IMAGE_TIP = "The image layer that the U-Net looks at."
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
    with_channels
        Whether channels can be chosen.
    fitted
        Whether the network will be fitted to the number of channels, so that any can be chosen.
    """

    changed = Signal()
    """Another layer, other axes or other channels."""

    def __init__(
        self,
        viewer: napari.Viewer,
        form: QFormLayout,
        *,
        with_channels: bool = True,
        fitted: bool = False,
    ) -> None:
        super().__init__()
        self._form = form
        self._with_channels = with_channels
        self._fitted = fitted
        self._spec: ModelSpec | None = None
        self.layers = LayerBox(viewer, IMAGE_TIP, is_input)
        self.axes = choice(AXES_TIP)
        self.axes.setEditable(True)
        self.axes.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.meaning = text()
        self.channels: list[QComboBox] = []
        self.ticks: ChannelList | None = None
        form.addRow("Image", self.layers)
        form.addRow("Axes", self.axes)
        form.addRow("", self.meaning)
        self.layers.layer_changed.connect(self._take_layer)
        self.axes.currentTextChanged.connect(self._note_axes)
        self.axes.currentTextChanged.connect(self._take_axes)
        self._take_layer()

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.layers.let_go()

    @property
    def layer(self) -> ImageLayer | None:
        """The chosen layer, or None when the viewer has no image."""
        found: ImageLayer | None = self.layers.layer
        return found

    def image(self) -> Image:
        """Return the chosen image.

        Raises
        ------
        UserError
            When there is none, or its axes can't be used.
        """
        if self.layer is None:
            raise UserError(
                "There is no image",
                rule="A U-Net looks at an image layer.",
                remedy="Open an image, or the sample under File ▸ Open Sample.",
            )
        return image_of(self.layer, self.letters)

    @property
    def letters(self) -> str:
        """The axes as they stand in the form."""
        return "".join(self.axes.currentText().upper().split())

    def chosen_channels(self) -> tuple[int, ...] | None:
        """Return the index of the channel for each input of the network; None where none is chosen.

        Raises
        ------
        UserError
            When channels can be ticked, but none is.
        """
        if self.ticks is not None:
            return self.ticks.chosen()
        chosen = tuple(combo.currentIndex() for combo in self.channels)
        return chosen or ((0,) if self._fitted else None)

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Offer a choice of channel for each input of a network; None: one that is not made yet."""
        self._spec = spec
        self._list_channels()

    def _take_layer(self) -> None:
        with QSignalBlocker(self.axes):
            self.axes.clear()
            if self.layer is not None:
                self.axes.addItems([" ".join(a) for a in possible_axes(self.layer)])
        self._take_axes()

    def _note_axes(self, _: str) -> None:
        """Keep corrected axes in the layer, for the other panels and for a project."""
        with contextlib.suppress(UserError):
            if self.layer is not None:
                check_axes(self.letters, layer_array(self.layer).shape)
                self.layer.metadata = {**self.layer.metadata, AXES: self.letters}

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
        """Offer the image's channels; no rows if there is nothing to choose."""
        rows = [*self.channels, *([] if self.ticks is None else [self.ticks])]
        for row in rows:
            self._form.removeRow(row)
        self.channels, self.ticks = [], None
        names = self._channel_names()
        wanted = self._spec.channels if self._spec is not None else ("",)
        fills = len(names) >= len(wanted)
        if self._with_channels and len(names) > 1:
            # which is which matters only to a network that knows several
            if self._fitted and not (fills and len(wanted) > 1):
                self._add_ticks(names, 1 if fills and self._spec is not None else len(names))
            elif fills:
                for i, name in enumerate(wanted):
                    title = f"Channel: {name}" if len(wanted) > 1 else "Channel"
                    self._add_channel(i, title, names)
        self.changed.emit()

    def _add_ticks(self, names: list[str], ticked: int) -> None:
        self.ticks = ChannelList(names, range(ticked))
        self.ticks.changed.connect(self.changed)
        self._form.addRow("Channels", self.ticks)

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


def is_input(layer: Layer) -> bool:
    """Whether a layer is an image that we did not make ourselves."""
    return isinstance(layer, ImageLayer) and "napari_unet" not in layer.metadata
