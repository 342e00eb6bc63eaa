"""Choice of an image layer, its axes and its channels."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from qtpy.QtCore import QObject, Signal

from napari_unet.core.errors import UserError
from napari_unet.core.image.axes import check_axes
from napari_unet.core.image.colour import COLOUR_CHANNELS, guess_colour_channel, has_colours
from napari_unet.gui.layers.images import AXES, describe, image_of, layer_array, possible_axes
from napari_unet.gui.widgets.axes_choice import AxesChoice
from napari_unet.gui.widgets.channel_list import ChannelList
from napari_unet.gui.widgets.choice import Choice
from napari_unet.gui.widgets.fields import text
from napari_unet.gui.widgets.layer_choice import LayerChoice
from napari_unet.gui.widgets.voxel_size import VoxelSize
from napari_unet.services.segmentation.channels import channel_name

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from qtpy.QtWidgets import QFormLayout

    from napari_unet.core.image.axes import Image
    from napari_unet.core.model.spec import ModelSpec

IMAGE_TIP = "The image layer to use."
CHANNEL_TIP = "The channel of the image that the U-Net sees."


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
    with_voxel_size
        Whether the size of a voxel can be typed.
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
        with_voxel_size: bool = True,
        fitted: bool = False,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._form = form
        self._with_channels = with_channels
        self._fitted = fitted
        self._spec: ModelSpec | None = None
        self.layers = LayerChoice(viewer, IMAGE_TIP, is_input)
        self.axes = AxesChoice()
        self.meaning = text()
        self.voxel_size = VoxelSize(viewer) if with_voxel_size else None
        self.channels: list[Choice] = []
        self.ticks: ChannelList | None = None
        form.addRow("Image", self.layers.native)
        form.addRow("Axes", self.axes.native)
        form.addRow("", self.meaning)
        if self.voxel_size is not None:
            form.addRow("Voxel size", self.voxel_size.row)
            self.voxel_size.changed.connect(self.changed)
        self.layers.changed.connect(self._take_layer)
        self.axes.changed.connect(self._note_axes)
        self.axes.changed.connect(self._take_axes)
        self._take_layer()

    def let_go(self) -> None:
        """Listen to the viewer no more."""
        self.layers.let_go()
        if self.voxel_size is not None:
            self.voxel_size.follow(None, "")

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

    def chosen_channels(self) -> tuple[int | str, ...] | None:
        """Return the channel for each input of the network; None where none is chosen.

        A channel is its index, or a name if it is made of colours.

        Raises
        ------
        UserError
            When channels can be ticked but none is.
        """
        if self.ticks is not None:
            values = [value for _, value in self._offered()]
            return tuple(values[i] for i in self.ticks.chosen())
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
        if self.voxel_size is not None:
            self.voxel_size.follow(self.layer, self.letters)
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
        offered = self._offered()
        wanted = self._spec.channels if self._spec is not None else ("",)
        fills = len(offered) >= len(wanted)
        if self._with_channels and len(offered) > 1:
            # the order matters only to a network with several inputs
            if self._fitted and not (fills and len(wanted) > 1):
                self._add_ticks(offered, fills and self._spec is not None)
            elif fills:
                first = self._first()
                for i, name in enumerate(wanted):
                    title = f"Channel: {name}" if len(wanted) > 1 else "Channel"
                    self._add_channel(title, offered, offered[first + i][1])
        self.changed.emit()

    def _first(self) -> int:
        """Return which of the offered channels is the first to be chosen."""
        first = [i for i, (_, value) in enumerate(self._offered()) if value == self._usual()]
        wanted = 1 if self._spec is None else len(self._spec.channels)
        return first[0] if first and wanted == 1 else 0

    def _usual(self) -> int | str:
        """Return the channel that a network of one input sees at first: the one that is displayed."""
        with contextlib.suppress(UserError):
            image = self.image()
            if has_colours(image):
                return guess_colour_channel(image)
            if "C" in image.axes and self.layer is not None and image.n_channels > 1:
                dims, axis = self._viewer.dims, image.axes.index("C")
                axis += dims.ndim - self.layer.ndim
                if axis in dims.not_displayed:
                    return int(min(dims.current_step[axis], image.n_channels - 1))
        return 0

    def _add_ticks(self, offered: list[tuple[str, int | str]], one: bool) -> None:
        real = [i for i, (_, value) in enumerate(offered) if isinstance(value, int)]
        self.ticks = ChannelList([name for name, _ in offered], [self._first()] if one else real)
        self.ticks.changed.connect(self.changed)
        self._form.addRow("Channels", self.ticks)

    def _add_channel(
        self, title: str, offered: list[tuple[str, int | str]], value: int | str
    ) -> None:
        channel = Choice(offered, value=value, tooltip=CHANNEL_TIP)
        channel.changed.connect(self._show_channel)
        channel.changed.connect(lambda: self.changed.emit())
        self._form.addRow(title, channel.native)
        self.channels.append(channel)

    def _show_channel(self, value: int | str) -> None:
        """Display the channel that was chosen, where one is displayed at a time."""
        if self.layer is None or not isinstance(value, int) or "C" not in self.letters:
            return
        axis = self.letters.index("C") + self._viewer.dims.ndim - self.layer.ndim
        if axis in self._viewer.dims.not_displayed:
            self._viewer.dims.set_current_step(axis, value)

    def _offered(self) -> list[tuple[str, int | str]]:
        """Return the channels that can be chosen, with their names."""
        try:
            image = self.image()
        except UserError:
            return []
        names = [channel_name(image, i) for i in range(image.n_channels)]
        if has_colours(image):
            made = [(name, name) for name in COLOUR_CHANNELS] if self._takes_one else []
            return [*made, *((name, i) for i, name in enumerate(names))]
        named = len(image.channel_names) == image.n_channels
        return [(f"{i}: {name}" if named else name, i) for i, name in enumerate(names)]

    @property
    def _takes_one(self) -> bool:
        """Whether the network takes one channel, or can be fitted to one."""
        return self._fitted or self._spec is None or len(self._spec.channels) == 1


def is_input(layer: Layer) -> bool:
    """Whether a layer is an image, and not one of our results."""
    return isinstance(layer, ImageLayer) and "napari_unet" not in layer.metadata
