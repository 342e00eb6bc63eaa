"""Choice of an image layer, its axes and its channels."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject, QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import check_axes
from napari_unet.gui.layers.images import AXES, describe, image_of, layer_array, possible_axes
from napari_unet.gui.widgets.channel_list import ChannelList
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import text
from napari_unet.gui.widgets.layer_choice import LayerChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Layer
    from qtpy.QtWidgets import QFormLayout

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec

IMAGE_TIP = "The image layer to use."
CHANNEL_TIP = "The channel of the image that the U-Net sees."
AXES_TIP = (
    "The image's dimensions: T time, Z depth, C channel, Y and X the plane, S colours. Choose or type "
    "another order if this one is wrong."
)


class AxesChoice(Choice):
    """A letter for each dimension of a layer: one of the likely orders, or one that is typed."""

    def __init__(self) -> None:
        super().__init__([], tooltip=AXES_TIP)

    def get_value(self) -> str:
        """Return the letters."""
        return "".join(self.native.currentText().upper().split())

    def set_value(self, value: str) -> None:
        """Set the letters."""
        self.native.setEditText(" ".join(value))

    def offer(self, orders: Sequence[str]) -> None:
        """Offer some orders, and choose the first."""
        with QSignalBlocker(self.native):
            self.native.clear()
            for order in orders:
                self.native.addItem(" ".join(order), order)
        self._on_value_change()

    def reset_choices(self, *_: object) -> None:
        """Keep what was typed; `offer` changes the orders."""

    def _set_up(self) -> None:
        super()._set_up()
        self.native.setEditable(True)
        self.native.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.native.currentTextChanged.connect(self._on_value_change)


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
        Whether the network will be adapted to the channels, so that any number can be chosen.
    """

    changed = Signal()
    """The layer, the axes or the channels changed."""

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
        self.layers = LayerChoice(viewer, IMAGE_TIP, is_input)
        self.axes = AxesChoice()
        self.meaning = text()
        self.channels: list[Choice] = []
        self.ticks: ChannelList | None = None
        form.addRow("Image", self.layers.native)
        form.addRow("Axes", self.axes.native)
        form.addRow("", self.meaning)
        self.layers.changed.connect(self._take_layer)
        self.axes.changed.connect(self._note_axes)
        self.axes.changed.connect(self._take_axes)
        self._take_layer()

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.layers.let_go()

    @property
    def layer(self) -> ImageLayer | None:
        """The chosen layer, or None when the viewer has no image."""
        layer: ImageLayer | None = self.layers.layer
        return layer

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
                rule="A U-Net needs an image layer.",
                remedy="Open an image, or the sample under File ▸ Open Sample.",
            )
        return image_of(self.layer, self.letters)

    @property
    def letters(self) -> str:
        """The axes that are set, a letter each."""
        letters: str = self.axes.value
        return letters

    def chosen_channels(self) -> tuple[int, ...] | None:
        """Return the index of the channel for each input of the network; None where none is chosen.

        Raises
        ------
        UserError
            When channels can be ticked but none is.
        """
        if self.ticks is not None:
            return self.ticks.chosen()
        chosen = tuple(channel.value for channel in self.channels)
        return chosen or ((0,) if self._fitted else None)

    def fit_model(self, spec: ModelSpec | None) -> None:
        """Offer a channel for each input of a network; None: a network that is not built yet."""
        self._spec = spec
        self._list_channels()

    def _take_layer(self) -> None:
        with self.axes.changed.blocked():
            self.axes.offer([] if self.layer is None else possible_axes(self.layer))
        self._take_axes()

    def _note_axes(self) -> None:
        """Store corrected axes in the layer, for the other panels and for a project."""
        with contextlib.suppress(UserError):
            if self.layer is not None:
                check_axes(self.letters, layer_array(self.layer).shape)
                self.layer.metadata = {**self.layer.metadata, AXES: self.letters}

    def _take_axes(self) -> None:
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
        """Offer the image's channels; there are no rows if there is no choice."""
        rows = [channel.native for channel in self.channels]
        for row in rows if self.ticks is None else [*rows, self.ticks]:
            self._form.removeRow(row)
        self.channels, self.ticks = [], None
        names = self._channel_names()
        wanted = self._spec.channels if self._spec is not None else ("",)
        fills = len(names) >= len(wanted)
        if self._with_channels and len(names) > 1:
            # the order matters only to a network with several inputs
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
        entries = [(word, index) for index, word in enumerate(names)]
        channel = Choice(entries, value=i, tooltip=CHANNEL_TIP)
        channel.changed.connect(lambda: self.changed.emit())
        self._form.addRow(title, channel.native)
        self.channels.append(channel)

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
    """Whether a layer is an image, and not one of our results."""
    return isinstance(layer, ImageLayer) and "napari_unet" not in layer.metadata
